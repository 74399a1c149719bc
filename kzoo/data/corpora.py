"""Running text for language modelling: documents, and how a split of them is cut."""

import dataclasses
import hashlib
import os
import re
from collections.abc import Callable, Sequence

from kzoo.data.options import SPLITS, ReadOptions
from kzoo.errors import InputError, unknown_name

# A line break, lines of nothing but white space, and what starts the next document.
_BLANK_LINES = re.compile(r"\n(?:[^\S\n]*\n)+")


@dataclasses.dataclass(frozen=True, eq=False)
class Corpus:
    """The documents of one split, in their order.

    Args:
        documents: The texts; none is empty.
        where: What they came from, for messages.
        notes: What was decided while reading, one sentence each.

    Example:
        >>> corpus = Corpus(("Once.", "Twice."), "example")
        >>> corpus.characters
        11
    """

    documents: Sequence[str]
    where: str
    notes: tuple[str, ...] = ()

    @property
    def characters(self) -> int:
        """How many characters all documents have."""
        return sum(map(len, self.documents))

    def fingerprint(self) -> str:
        """Return the sha256 of the documents, as hexadecimal; notes do not count."""
        digest = hashlib.sha256()
        for document in self.documents:
            data = document.encode("utf-8", "surrogatepass")
            digest.update(len(data).to_bytes(8, "little"))
            digest.update(data)
        return digest.hexdigest()


@dataclasses.dataclass(frozen=True)
class CorpusSource:
    """Text at rest: the splits it stores and how to read one.

    Args:
        where: Its name, for messages.
        parts: The splits stored, named as in `SPLITS`.
        read_part: Reads the texts of one of them.
        default_share: The share of the characters of `train` that a missing split
            gets if the options name no share at all.
        notes: What was decided while looking for the parts.
    """

    where: str
    parts: tuple[str, ...]
    read_part: Callable[[str], Sequence[str]]
    default_share: float = 0.1
    notes: tuple[str, ...] = ()

    def shares(self, options: ReadOptions) -> dict[str, float]:
        """Return what is cut from `train`, by split: only what is not stored.

        A share that is given alone cuts its own split and no other.
        """
        given = {"validation": options.validation_share, "test": options.test_share}
        unsaid = all(share is None for share in given.values())
        default = self.default_share if unsaid else 0.0
        return {
            name: default if share is None else share
            for name, share in given.items()
            if "train" in self.parts
            and name not in self.parts
            and (default if share is None else share) > 0
        }

    def splits(self, options: ReadOptions) -> dict[str, str]:
        """Return the splits that can be read: `"stored"`, `"cut"` or `"rest"`."""
        shares = self.shares(options)
        found = {name: "stored" for name in self.parts}
        found.update({name: "cut" for name in shares})
        if shares:
            found["train"] = "rest"
        return {name: found[name] for name in SPLITS if name in found}


def read_corpus(spec: str | os.PathLike, split: str, **options) -> Corpus:
    """Read the documents of one split.

    Args:
        spec: `demo:stories`, `tfds:NAME[/config]`, `tfds:FOLDER`, a text file, a
            folder of them, or a `.csv`, `.tsv` or `.jsonl` file with a text column;
            files may end in `.gz`.
        split: `train`, `validation`, `test`, or `all`.
        **options: The arguments of `kzoo.data.ReadOptions`.

    Returns:
        The documents. A missing split is cut by characters from the end of the
        training text, which a note says.

    Raises:
        InputError: If the spec or the split cannot be read, or nothing is in it.

    Example:
        >>> corpus = read_corpus("demo:stories", "test", size=3)
        >>> len(corpus.documents)
        3
    """
    from kzoo.data.corpus_sources import find_corpus

    chosen = ReadOptions(**options)
    return read_split(find_corpus(spec, chosen), split, chosen)


def corpus_splits(spec: str | os.PathLike, **options) -> dict[str, str]:
    """Return the splits that `read_corpus` gives for a spec, and how.

    Args:
        spec: The data spec.
        **options: The arguments of `kzoo.data.ReadOptions`.

    Returns:
        Split name to `"stored"`, `"cut"` or `"rest"`, as `available_splits` has it.

    Raises:
        InputError: If the spec names nothing.

    Example:
        >>> corpus_splits("demo:stories")
        {'train': 'stored', 'validation': 'stored', 'test': 'stored'}
    """
    from kzoo.data.corpus_sources import find_corpus

    chosen = ReadOptions(**options)
    return find_corpus(spec, chosen).splits(chosen)


def read_split(source: CorpusSource, split: str, options: ReadOptions) -> Corpus:
    """Return one split of a source, as `read_corpus` does."""
    if split not in (*SPLITS, "all"):
        raise unknown_name("split", split, (*SPLITS, "all"))
    known = source.splits(options)
    notes = source.notes
    if split == "all":
        texts = [text for name in source.parts for text in source.read_part(name)]
    elif split not in known:
        raise _no_such_split(source, split, known)
    elif known[split] == "stored":
        texts = source.read_part(split)
    else:
        whole = source.read_part("train")
        shares = source.shares(options)
        texts, start, end = cut_texts(whole, shares, split)
        count = sum(map(len, whole))
        notes = (*notes, _cut_note(source.where, split, shares, start, end, count))
    documents = texts
    if options.documents == "blank-line":
        documents = [part for text in texts for part in _BLANK_LINES.split(text)]
        documents = [part.strip("\n") for part in documents]
    documents = [document for document in documents if document]
    if not any(document.strip() for document in documents):
        raise InputError(
            "A split holds some text.",
            f"split={split!r} of {source.where!r}, which has none",
            "Check the file, or the share that is cut.",
        )
    return Corpus(documents, source.where, notes)


def cut_texts(
    texts: Sequence[str], shares: dict[str, float], split: str
) -> tuple[list[str], int, int]:
    """Cut one split from texts by characters: train, then validation, then test.

    Args:
        texts: The texts, counted as if they were one.
        shares: The shares of `validation` and `test` at the end.
        split: The split to cut.

    Returns:
        The texts of the split (the first and the last may be parts), and the
        positions of its first character and behind its last.

    Example:
        >>> cut_texts(["abcdefg", "hij"], {"validation": 0.2, "test": 0.2}, "train")
        (['abcdef'], 0, 6)
    """
    count = sum(map(len, texts))
    test = shares.get("test", 0.0)
    low = int(count * (1.0 - shares.get("validation", 0.0) - test))
    high = int(count * (1.0 - test))
    start, end = {
        "train": (0, low),
        "validation": (low, high),
        "test": (high, count),
    }[split]
    parts, position = [], 0
    for text in texts:
        part = text[max(start - position, 0) : max(end - position, 0)]
        if part:
            parts.append(part)
        position += len(text)
    return parts, start, end


def _cut_note(where, split, shares, start, end, count) -> str:
    what = " and ".join(f"{share:.0%} for {name}" for name, share in shares.items())
    return (
        f"{where}: {split} is characters {start:,} to {end:,} of {count:,}; at the "
        f"end of the text, {what} are kept apart"
    )


def _no_such_split(source: CorpusSource, split: str, known: dict) -> InputError:
    fix = "Read one of those, or 'all'; or name a source that has it."
    if source.parts == ("train",) and split != "train":
        fix = (
            f"Cut it from the end of the text: {split}_share=0.1 "
            f"(--{split}-share 0.1), or name a folder that holds {split}.txt."
        )
    return InputError(
        "A split is stored by its source, or cut from the end of its training text.",
        f"split={split!r}, source={source.where!r}, which has {', '.join(known)}",
        fix,
    )
