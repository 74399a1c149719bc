"""What a caller may say about how a source is read."""

import dataclasses
from collections.abc import Sequence

from kzoo.errors import InputError, unknown_name

SPLITS = ("train", "validation", "test")
EMPTY_TEXT = ("error", "drop", "keep")
DOCUMENTS = ("file", "blank-line")


@dataclasses.dataclass(frozen=True)
class ReadOptions:
    """The options of `kzoo.data.read` and its kin; each has a default.

    Args:
        text_column: Name or number (from 1) of the text column; `"2+3"` joins two.
        label_column: Name or number of the label column.
        pair_column: Name or number of the column of a second text.
        label_names: The classes in the wanted order, such as a model's.
        header: Whether the first row of a csv or tsv file is a header; `None` finds
            out.
        quoting: Whether double quotes enclose cells; `None` finds out.
        encoding: The encoding of a file.
        format: `csv`, `tsv`, `jsonl` or `label-text`; `None` goes by the suffix.
        validation_share: Share of the rows cut for a missing validation split.
        test_share: Share of the rows cut for a missing test split.
        empty_text: What a text of nothing but white space is: an `"error"`, a row to
            `"drop"`, or a row to `"keep"`. `None` is an error, but drops such pairs
            of texts to translate.
        require_labels: Whether a source without labels is an error.
        size: How many examples a `demo:` source generates for the split.
        download: Whether TFDS may download and prepare what `tfds:NAME` lacks.
        data_dir: Where `tfds:NAME` looks for prepared data; `None` is TFDS's own.
        documents: What a document is in a text file to model: the whole `"file"`, or
            what stands between two blank lines (`"blank-line"`).
        source_language: What is translated from, as the data names it: the ending of
            files such as `train.de`, a column, a feature.
        target_language: What is translated into.
        source_column: Name or number of the column to translate from.
        target_column: Name or number of the column to translate into.

    Raises:
        InputError: If a value is out of range.
    """

    text_column: str | int | None = None
    label_column: str | int | None = None
    pair_column: str | int | None = None
    label_names: Sequence[str] | None = None
    header: bool | None = None
    quoting: bool | None = None
    encoding: str = "utf-8"
    format: str | None = None
    validation_share: float | None = None
    test_share: float | None = None
    empty_text: str | None = None
    require_labels: bool = True
    size: int | None = None
    download: bool = False
    data_dir: str | None = None
    documents: str = "file"
    source_language: str | None = None
    target_language: str | None = None
    source_column: str | int | None = None
    target_column: str | int | None = None

    def __post_init__(self) -> None:
        if self.empty_text not in (None, *EMPTY_TEXT):
            raise unknown_name("way to take empty text", self.empty_text, EMPTY_TEXT)
        if self.documents not in DOCUMENTS:
            raise unknown_name("kind of document", self.documents, DOCUMENTS)
        shares = [self.validation_share or 0.0, self.test_share or 0.0]
        if min(shares) < 0 or sum(shares) >= 1:
            raise InputError(
                "Shares are 0 or more and leave something to train on.",
                f"validation_share={self.validation_share}, "
                f"test_share={self.test_share}",
                "Pass shares such as 0.1.",
            )
        if self.source_language and self.source_language == self.target_language:
            raise InputError(
                "Text is translated from one language into another.",
                f"source_language={self.source_language!r}, "
                f"target_language={self.target_language!r}",
                "Name two languages.",
            )
        if self.size is not None and self.size < 1:
            raise InputError(
                "A generated split holds one example or more.",
                f"size={self.size}",
                "Pass 1 or more.",
            )
