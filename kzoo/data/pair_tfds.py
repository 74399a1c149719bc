"""TensorFlow Datasets of translations: a Translation feature, or two texts."""

from kzoo.data.options import SPLITS, ReadOptions
from kzoo.data.pairs import Pairs, PairSource
from kzoo.data.tfds_source import _builder, _rows, _text
from kzoo.errors import InputError


def tfds_pairs(name: str, options: ReadOptions) -> PairSource:
    """Return the pairs of `tfds:NAME[/config]` or `tfds:FOLDER` as a source.

    Args:
        name: What follows `tfds:`.
        options: The caller's options.

    Returns:
        The source.

    Raises:
        InputError: If there is no such data set, or it is not clear which of its
            features is translated into which.
    """
    builder = _builder(name, options)
    where = f"tfds:{name}"
    stored = tuple(builder.info.splits)
    parts = tuple(split for split in SPLITS if split in stored)
    if not parts:
        raise InputError(
            f"A data set has a split {', '.join(SPLITS)}.",
            f"spec={where!r} with splits {', '.join(stored) or 'none'}",
            "Prepare it again with those names.",
        )
    outer, source, target = _features(builder.info.features, where, options)

    def read_part(split: str) -> Pairs:
        sources, targets = [], []
        for row in _rows(builder, split):
            row = row[outer] if outer else row
            sources.append(_text(row[source]))
            targets.append(_text(row[target]))
        note = f"{where}: {source!r} is translated into {target!r}"
        return Pairs(
            sources,
            targets,
            options.source_language or source,
            options.target_language or target,
            notes=(note,),
            where=where,
        )

    others = tuple(split for split in stored if split not in SPLITS)
    return PairSource(where, parts, read_part, others=others)


def _features(features, where: str, options: ReadOptions) -> tuple[str, str, str]:
    """Return the feature that holds both sides, if one does, and the two in it."""
    import tensorflow_datasets as tfds

    outer, kinds = "", _by_name(features)
    if not isinstance(features, tfds.features.Translation):
        inner = [
            key
            for key, kind in kinds.items()
            if isinstance(kind, tfds.features.Translation)
        ]
        if len(inner) == 1:
            outer, kinds = inner[0], _by_name(features[inner[0]])
    texts = [n for n, kind in kinds.items() if isinstance(kind, tfds.features.Text)]
    source = options.source_column or options.source_language
    target = options.target_column or options.target_language
    if len(texts) == 2 and (source is None) != (target is None):
        given = source if target is None else target
        other = next((name for name in texts if name != given), None)
        source, target = source or other, target or other
    if source in texts and target in texts and source != target:
        return outer, str(source), str(target)
    listed = ", ".join(f"{n}: {type(kind).__name__}" for n, kind in kinds.items())
    example = (
        f"Pass source_language={texts[0]!r}, target_language={texts[-1]!r} (--source "
        f"{texts[0]} --target {texts[-1]}), or the other way round."
        if len(texts) > 1
        else "Choose another data set."
    )
    raise InputError(
        "A data set of translations has two Text features, and it is said which is "
        "translated into which.",
        f"spec={where!r} with features {listed or type(features).__name__}, source="
        f"{source!r}, target={target!r}",
        example,
    )


def _by_name(features) -> dict:
    # By name: the order in which a stored data set lists its features is not fixed.
    return dict(sorted(features.items())) if hasattr(features, "items") else {}
