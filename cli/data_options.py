"""The options that say how data are read; see `kzoo.data.ReadOptions`."""

import dataclasses
from typing import Annotated, Any

import typer

_PANEL = "Data"

Data = Annotated[
    str,
    typer.Option(
        "--data",
        metavar="SPEC",
        help="demo:reviews, tfds:NAME, tfds:NAME/CONFIG, tfds:FOLDER, a .csv, .tsv "
        "or .jsonl file (.gz too), or a folder with one such file for each split. For "
        "gpt2 demo:stories, a .txt file, a folder of them, or prepared tokens. For "
        "translator demo:en-de, a table, tfds:, or a folder of train.de and train.en.",
        rich_help_panel=_PANEL,
    ),
]


def _option(*names: str, help: str, metavar: str | None = None, **kwargs):
    return typer.Option(
        *names, help=help, metavar=metavar, rich_help_panel=_PANEL, **kwargs
    )


@dataclasses.dataclass
class DataOptions:
    """How rows become examples."""

    text_column: Annotated[
        str | None,
        _option(
            "--text-column",
            metavar="COLUMN",
            help="Name, or number from 1, of the text; '2+3' joins two.",
        ),
    ] = None
    label_column: Annotated[
        str | None,
        _option(
            "--label-column", metavar="COLUMN", help="Name or number of the label."
        ),
    ] = None
    pair_column: Annotated[
        str | None,
        _option(
            "--pair-column", metavar="COLUMN", help="Name or number of a second text."
        ),
    ] = None
    header: Annotated[
        bool | None,
        _option("--header/--no-header", help="Whether the first row is a header."),
    ] = None
    quoting: Annotated[
        bool | None,
        _option("--quoting/--no-quoting", help="Whether double quotes enclose cells."),
    ] = None
    encoding: Annotated[
        str, _option("--encoding", metavar="NAME", help="Encoding of files.")
    ] = "utf-8"
    format: Annotated[
        str | None,
        _option(
            "--format",
            metavar="NAME",
            help="csv, tsv, jsonl or label-text where the suffix does not say.",
        ),
    ] = None
    empty_text: Annotated[
        str | None,
        _option(
            "--empty-text",
            metavar="error|drop|keep",
            help="What to do with a row without text; by default an error, and "
            "drop for pairs to translate.",
        ),
    ] = None
    source_language: Annotated[
        str | None,
        _option(
            "--source",
            "--source-language",
            metavar="LANGUAGE",
            help="What is translated from, as the data name it, such as de.",
        ),
    ] = None
    target_language: Annotated[
        str | None,
        _option(
            "--target",
            "--target-language",
            metavar="LANGUAGE",
            help="What is translated into, such as en.",
        ),
    ] = None
    source_column: Annotated[
        str | None,
        _option(
            "--source-column",
            metavar="COLUMN",
            help="Name or number of the column to translate from.",
        ),
    ] = None
    target_column: Annotated[
        str | None,
        _option(
            "--target-column",
            metavar="COLUMN",
            help="Name or number of the column to translate into.",
        ),
    ] = None
    validation_share: Annotated[
        float | None,
        _option(
            "--validation-share",
            metavar="SHARE",
            help="Share of the training rows kept back where no validation split is "
            "stored; 0 for none.",
        ),
    ] = None
    test_share: Annotated[
        float | None,
        _option(
            "--test-share",
            metavar="SHARE",
            help="The same for a test split that is not stored.",
        ),
    ] = None
    size: Annotated[
        int | None,
        _option(
            "--size",
            metavar="N",
            help="How many examples of a split demo: generates.",
            min=1,
        ),
    ] = None
    documents: Annotated[
        str,
        _option(
            "--documents",
            metavar="file|blank-line",
            help="What a document is in text to model: a file, or what stands "
            "between blank lines.",
        ),
    ] = "file"
    data_dir: Annotated[
        str | None,
        _option(
            "--data-dir",
            metavar="FOLDER",
            help="Where tfds:NAME looks for prepared data.",
        ),
    ] = None

    def read_options(self) -> dict[str, Any]:
        """Return them as keyword arguments of `kzoo.data.read`."""
        return dataclasses.asdict(self)
