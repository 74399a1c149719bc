"""From stored parts (files, TFDS splits) to the examples of one split."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from kzoo.data.examples import Examples, Text
from kzoo.data.labels import encode_labels, require_two_labels, sort_names
from kzoo.data.options import SPLITS, ReadOptions
from kzoo.data.splits import cut
from kzoo.errors import InputError, unknown_name


@dataclasses.dataclass
class RawExamples:
    """Rows as they are written: labels still text, splits not yet cut.

    Args:
        texts: n texts or pairs.
        labels: n written labels, or `None`.
        where: What they came from, for messages.
        lines: The line of each row where there are lines.
        label_names: The names in the source's own order, where it states one.
        notes: What was decided while reading.
    """

    texts: Sequence[Text]
    labels: list[str] | None
    where: str
    lines: Sequence[int] | None = None
    label_names: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()

    def take(self, rows: np.ndarray) -> "RawExamples":
        """Return the rows at the given indices."""
        picked = {"texts": [self.texts[i] for i in rows]}
        if self.labels is not None:
            picked["labels"] = [self.labels[i] for i in rows]
        if self.lines is not None:
            picked["lines"] = [self.lines[i] for i in rows]
        return dataclasses.replace(self, **picked)


@dataclasses.dataclass(frozen=True)
class Source:
    """A data set at rest: the splits it stores and how to read one.

    Args:
        where: Its name, for messages.
        parts: The splits stored, named as in `SPLITS`.
        read_part: Reads one of them.
        default_share: The share of `train` that a missing split gets unless the
            options say otherwise; 0 where what is stored is taken as it is.
    """

    where: str
    parts: tuple[str, ...]
    read_part: Callable[[str], RawExamples]
    default_share: float = 0.1

    def shares(self, options: ReadOptions) -> dict[str, float]:
        """Return what is cut from `train`, by split: only what is not stored."""
        return shares_to_cut(self.parts, options, self.default_share)

    def splits(self, options: ReadOptions) -> dict[str, str]:
        """Return the splits that can be read: `"stored"`, `"cut"` or `"rest"`."""
        return how_splits_come(self.parts, self.shares(options))


def read_source(source: Source, split: str, options: ReadOptions) -> Examples:
    """Return one split of a source, cut from `train` where it is not stored.

    Args:
        source: The source.
        split: `train`, `validation`, `test`, or `all` for every row.
        options: The caller's options.

    Returns:
        The examples; their notes say what was cut.

    Raises:
        InputError: If the split is neither stored nor cut, or the rows are not fit.
    """
    if split not in (*SPLITS, "all"):
        raise unknown_name("split", split, (*SPLITS, "all"))
    known = source.splits(options)
    if split != "all" and split not in known:
        raise no_such_split(source, split, known)
    if split == "all":
        raw = _join([source.read_part(name) for name in source.parts])
        train = raw
    elif known[split] == "stored":
        raw = source.read_part(split)
        train = raw
        if split != "train" and "train" in source.parts:
            train = None
    else:
        train = source.read_part("train")
        shares = source.shares(options)
        rows = cut(len(train.texts), shares)[split]
        raw = train.take(rows)
        note = _cut_note(source, split, shares, len(rows), len(train.texts))
        raw.notes = (*raw.notes, note)
    names = options.label_names or raw.label_names
    alone = names is None and train is raw
    if names is None and raw.labels is not None:
        train = source.read_part("train") if train is None else train
        names = sort_names(_written_labels(train))
    return _finish(raw, names, options, needs_two=alone or split == "train")


def shares_to_cut(
    parts: Sequence[str], options: ReadOptions, default_share: float
) -> dict[str, float]:
    """Return the share of `train` that each split that is not stored gets."""
    given = {"validation": options.validation_share, "test": options.test_share}
    shares = {}
    for name, share in given.items():
        share = default_share if share is None else share
        if "train" in parts and name not in parts and share > 0:
            shares[name] = share
    return shares


def how_splits_come(parts: Sequence[str], shares: dict[str, float]) -> dict[str, str]:
    """Return the splits that can be read: `"stored"`, `"cut"` or `"rest"`."""
    found = {name: "stored" for name in parts}
    found.update({name: "cut" for name in shares})
    if shares:
        found["train"] = "rest"
    return {name: found[name] for name in SPLITS if name in found}


def no_such_split(source, split: str, known: dict) -> InputError:
    """Return the error for a split that a source neither stores nor cuts.

    Args:
        source: Anything with `parts` and `where`.
        split: The split asked for.
        known: The splits there are.

    Returns:
        The error, to be raised by the caller.
    """
    if source.parts == ("train",) and split in ("validation", "test"):
        fix = (
            f"Cut it from the training rows: {split}_share=0.1 (--{split}-share 0.1), "
            "or name a folder that holds both files."
        )
    else:
        fix = "Read one of those, or 'all'; or name a source that has it."
    return InputError(
        "A split is stored by its source, or cut from its training rows.",
        f"split={split!r}, source={source.where!r}, which has {', '.join(known)}",
        fix,
    )


def _cut_note(source: Source, split: str, shares: dict, taken: int, count: int) -> str:
    if split == "train":
        parts = " and ".join(
            f"{share:.0%} for {name}" for name, share in shares.items()
        )
        return (
            f"{source.where}: train is {taken:,} of {count:,} rows; by a hash of the "
            f"row number, {parts} were kept back"
        )
    return (
        f"{source.where}: no {split} split is stored, so {taken:,} of {count:,} rows "
        "were cut from train by a hash of the row number"
    )


def _join(parts: list[RawExamples]) -> RawExamples:
    first = parts[0]
    if len(parts) == 1:
        return first
    labels = None
    if all(part.labels is not None for part in parts):
        labels = [label for part in parts for label in part.labels or ()]
    return RawExamples(
        texts=[text for part in parts for text in part.texts],
        labels=labels,
        where=", ".join(part.where for part in parts),
        label_names=first.label_names,
        notes=tuple(dict.fromkeys(note for part in parts for note in part.notes)),
    )


def _finish(raw: RawExamples, names, options: ReadOptions, needs_two: bool) -> Examples:
    raw = _without_empty_texts(raw, options.empty_text)
    if not raw.texts:
        raise InputError(
            "A split holds at least one example.",
            f"source={raw.where!r}, which has none",
            "Check the file, or the share that is cut.",
        )
    if raw.labels is None:
        names = tuple(str(name) for name in names or ())
        return Examples(raw.texts, None, names, raw.notes)
    written = _written_labels(raw)
    if needs_two:
        require_two_labels(written, raw.where, options.label_names)
    labels, names, note = encode_labels(
        written, names, where=raw.where, lines=raw.lines
    )
    notes = raw.notes if note is None else (*raw.notes, note)
    return Examples(raw.texts, labels, names, notes)


def _written_labels(raw: RawExamples) -> list[str]:
    labels = raw.labels or []
    bad = [i for i, label in enumerate(labels) if not label]
    if bad:
        raise InputError(
            "Every example has a label.",
            f"{rows_at(raw.lines, bad)} of {raw.where} without one",
            "Fill in the label or delete the row.",
        )
    return labels


def _without_empty_texts(raw: RawExamples, empty_text: str | None) -> RawExamples:
    empty = [i for i, text in enumerate(raw.texts) if _is_empty(text)]
    if not empty or empty_text == "keep":
        return raw
    if empty_text != "drop":
        raise InputError(
            "Every example has a text.",
            f"{rows_at(raw.lines, empty)} of {raw.where} without one",
            "Delete the rows, or pass empty_text='drop' (--empty-text drop) or 'keep'.",
        )
    kept = raw.take(np.setdiff1d(np.arange(len(raw.texts)), empty))
    kept.notes = (*raw.notes, f"{raw.where}: {len(empty):,} rows without text dropped")
    return kept


def _is_empty(text: Text) -> bool:
    return not any(
        part.strip() for part in (text if isinstance(text, tuple) else (text,))
    )


def rows_at(lines: Sequence[int] | None, bad: Sequence[int]) -> str:
    """Return a few bad rows as words: `line 3`, `lines 3, 9, 12 and 5 more`."""
    numbers = [i + 1 if lines is None else lines[i] for i in bad]
    kind = "row" if lines is None else "line"
    shown = ", ".join(str(number) for number in numbers[:5])
    more = f" and {len(numbers) - 5:,} more" if len(numbers) > 5 else ""
    return f"{kind}{'s' if len(numbers) > 1 else ''} {shown}{more}"
