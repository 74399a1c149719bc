"""The options of `kzoo export` that say how a translator's artefact searches."""

import dataclasses
from typing import Annotated, Any

import typer

_PANEL = "Translator"


def _option(name: str, metavar: str, help: str):
    return typer.Option(name, metavar=metavar, help=help, rich_help_panel=_PANEL)


@dataclasses.dataclass
class ExportSearchOptions:
    """How the search inside a translator's artefact goes."""

    num_beams: Annotated[
        int | None, _option("--num-beams", "N", "Beams; 1 is greedy. By default 4.")
    ] = None
    length_penalty: Annotated[
        float | None,
        _option(
            "--length-penalty",
            "X",
            "Scores are divided by length to this power; by default 1.",
        ),
    ] = None
    max_new_tokens: Annotated[
        int | None,
        _option("--max-new-tokens", "N", "Tokens of a translation at most."),
    ] = None
    max_ratio: Annotated[
        float | None,
        _option(
            "--max-ratio",
            "X",
            "Tokens of a translation at most, for each token of its source.",
        ),
    ] = None

    def given(self) -> dict[str, Any]:
        """Return the options that are given, as `kzoo.export` takes them."""
        values = dataclasses.asdict(self)
        return {name: value for name, value in values.items() if value is not None}
