"""Sentences and their translations: the pairs of one split, and how it is cut."""

import dataclasses
import hashlib
import os
from collections.abc import Callable, Sequence

import numpy as np

from kzoo.data.options import SPLITS, ReadOptions
from kzoo.data.sources import (
    how_splits_come,
    no_such_split,
    rows_at,
    shares_to_cut,
)
from kzoo.data.splits import cut_by_text
from kzoo.errors import InputError, unknown_name


@dataclasses.dataclass(frozen=True, eq=False)
class Pairs:
    """Texts and their translations, in their order.

    Args:
        sources: n texts to translate; none is empty.
        targets: The n translations; none is empty.
        source_language: What the data call the language of the sources, if anything.
        target_language: The same for the targets.
        notes: What was decided while reading, one sentence each.
        where: What they came from, for messages.

    Raises:
        InputError: If there are not as many targets as sources.

    Example:
        >>> pairs = Pairs(["Ein Hund.", "Danke."], ["A dog.", "Thanks."], "de", "en")
        >>> len(pairs), pairs.direction
        (2, 'de to en')
    """

    sources: Sequence[str]
    targets: Sequence[str]
    source_language: str | None = None
    target_language: str | None = None
    notes: tuple[str, ...] = ()
    where: str = "pairs"

    def __post_init__(self) -> None:
        if len(self.sources) != len(self.targets):
            raise InputError(
                "Every source has one target.",
                f"{len(self.sources):,} sources and {len(self.targets):,} targets",
                "Pass as many of one as of the other.",
            )

    def __len__(self) -> int:
        return len(self.sources)

    @property
    def direction(self) -> str:
        """The two languages in words."""
        source, target = self.source_language, self.target_language
        return f"{source or 'source'} to {target or 'target'}"

    def subset(self, rows: Sequence[int] | np.ndarray) -> "Pairs":
        """Return the pairs at some positions, in that order."""
        return dataclasses.replace(
            self,
            sources=[self.sources[i] for i in rows],
            targets=[self.targets[i] for i in rows],
        )

    def fingerprint(self) -> str:
        """Return the sha256 of both sides, as hexadecimal; notes do not count."""
        digest = hashlib.sha256()
        for side in (self.sources, self.targets):
            for text in side:
                data = text.encode("utf-8", "surrogatepass")
                digest.update(len(data).to_bytes(8, "little"))
                digest.update(data)
        return digest.hexdigest()


@dataclasses.dataclass(frozen=True)
class PairSource:
    """Pairs at rest: the splits that are stored and how to read one.

    Args:
        where: Its name, for messages.
        parts: The splits stored, named as in `SPLITS`.
        read_part: Reads one of them, or one of `others`.
        default_share: The share of `train` that a missing split gets unless the
            options say otherwise.
        others: Further parts that can be read by their own names, such as
            `test_2016_flickr`.
        undecided: For a split that several of the others could be, their names.
        notes: What was decided while looking for the parts.
    """

    where: str
    parts: tuple[str, ...]
    read_part: Callable[[str], Pairs]
    default_share: float = 0.1
    others: tuple[str, ...] = ()
    undecided: dict[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def shares(self, options: ReadOptions) -> dict[str, float]:
        """Return what is cut from `train`, by split: only what is not stored."""
        stored = (*self.parts, *self.undecided)
        return shares_to_cut(stored, options, self.default_share)

    def splits(self, options: ReadOptions) -> dict[str, str]:
        """Return the splits that can be read: `"stored"`, `"cut"` or `"rest"`."""
        return how_splits_come(self.parts, self.shares(options))


def read_pairs(spec: str | os.PathLike, split: str, **options) -> Pairs:
    """Read the pairs of one split.

    Args:
        spec: `demo:en-de`, `demo:de-en`, `tfds:NAME[/config]`, `tfds:FOLDER`, a
            folder with two files for each split, such as `train.de` and `train.en`,
            a `.csv`, `.tsv` or `.jsonl` file, or a folder of one such file for each
            split; files may end in `.gz`.
        split: `train`, `validation`, `test`, `all`, or what stands before the
            language in the names of two files, such as `test_2016_flickr`.
        **options: The arguments of `kzoo.data.ReadOptions`: `source_language` and
            `target_language`, or `source_column` and `target_column`, say which side
            is which.

    Returns:
        The pairs. Their notes say which side was taken for which, what was left out
        for an empty side, and how a missing split was cut: by a hash of the source,
        so that one sentence is never in two splits.

    Raises:
        InputError: If the spec, the languages, the split or a row is not fit.

    Example:
        >>> pairs = read_pairs("demo:en-de", "test", size=3)
        >>> len(pairs), pairs.direction
        (3, 'en to de')
    """
    from kzoo.data.pair_sources import find_pairs

    chosen = ReadOptions(**options)
    return read_pair_split(find_pairs(spec, chosen), split, chosen)


def pair_splits(spec: str | os.PathLike, **options) -> dict[str, str]:
    """Return the splits that `read_pairs` gives for a spec, and how.

    Args:
        spec: The data spec.
        **options: The arguments of `kzoo.data.ReadOptions`.

    Returns:
        Split name to `"stored"`, `"cut"` or `"rest"`, as `available_splits` has it.

    Raises:
        InputError: If the spec names nothing, or the languages are not clear.

    Example:
        >>> pair_splits("demo:en-de")
        {'train': 'stored', 'validation': 'stored', 'test': 'stored'}
    """
    from kzoo.data.pair_sources import find_pairs

    chosen = ReadOptions(**options)
    return find_pairs(spec, chosen).splits(chosen)


def read_pair_split(source: PairSource, split: str, options: ReadOptions) -> Pairs:
    """Return one split of a source, as `read_pairs` does."""
    known = source.splits(options)
    if split not in (*SPLITS, "all", *source.others):
        raise unknown_name("split", split, (*SPLITS, "all", *source.others))
    notes = source.notes
    if split in source.others:
        pairs = source.read_part(split)
    elif split == "all" and source.parts:
        pairs = _join([source.read_part(name) for name in source.parts])
        notes = (*notes, *_left_out(source))
    elif split in source.undecided or split == "all":
        one = split if split in source.undecided else next(iter(source.undecided))
        names = source.undecided[one]
        raise InputError(
            "A folder holds one pair of files for each split.",
            f"{one} in {', '.join(names)} of {source.where!r}",
            f"Read one of them by its name: split={names[0]!r} (--split {names[0]}).",
        )
    elif split not in known:
        raise no_such_split(source, split, known)
    elif known[split] == "stored":
        pairs = source.read_part(split)
    else:
        whole = source.read_part("train")
        shares = source.shares(options)
        rows = cut_by_text(whole.sources, shares)[split]
        pairs = whole.subset(rows)
        notes = (*notes, _cut_note(source.where, split, shares, len(rows), len(whole)))
    pairs = dataclasses.replace(pairs, notes=(*pairs.notes, *notes))
    pairs = _without_empty_sides(pairs, options.empty_text)
    if not len(pairs):
        raise InputError(
            "A split holds at least one pair.",
            f"split={split!r} of {source.where!r}, which has none",
            "Check the files, or the share that is cut.",
        )
    return pairs


def _left_out(source: PairSource) -> list[str]:
    """Return what `all` does not hold: splits that several files could be."""
    return [
        f"{source.where}: all its splits, without {', '.join(names)}, any of which "
        f"could be {split}; read one by its name"
        for split, names in source.undecided.items()
    ]


def _cut_note(where: str, split: str, shares: dict, taken: int, count: int) -> str:
    if split == "train":
        kept = " and ".join(f"{share:.0%} for {name}" for name, share in shares.items())
        return (
            f"{where}: train is {taken:,} of {count:,} pairs; by a hash of the source, "
            f"{kept} were kept back"
        )
    return (
        f"{where}: no {split} split is stored, so {taken:,} of {count:,} pairs were "
        "cut from train by a hash of the source"
    )


def _join(parts: list[Pairs]) -> Pairs:
    first = parts[0]
    if len(parts) == 1:
        return first
    return dataclasses.replace(
        first,
        sources=[text for part in parts for text in part.sources],
        targets=[text for part in parts for text in part.targets],
        notes=tuple(dict.fromkeys(note for part in parts for note in part.notes)),
        where=", ".join(part.where for part in parts),
    )


def _without_empty_sides(pairs: Pairs, empty_text: str | None) -> Pairs:
    empty = [
        [i for i, text in enumerate(side) if not text.strip()]
        for side in (pairs.sources, pairs.targets)
    ]
    bad = sorted({*empty[0], *empty[1]})
    if not bad:
        return pairs
    if empty_text in ("error", "keep"):
        raise InputError(
            "Both sides of a pair hold text.",
            f"{rows_at(None, bad)} of {pairs.where} with an empty side, "
            f"empty_text={empty_text!r}",
            "Delete the rows, or pass empty_text='drop' (--empty-text drop).",
        )
    note = (
        f"{pairs.where}: {len(bad):,} of {len(pairs):,} pairs dropped for an empty "
        f"side, {len(empty[0]):,} on the source side and {len(empty[1]):,} on the "
        "target side"
    )
    kept = pairs.subset(np.setdiff1d(np.arange(len(pairs)), bad))
    return dataclasses.replace(kept, notes=(*pairs.notes, note))
