"""The options of `kzoo translate` and `kzoo evaluate` that say how a search goes."""

import dataclasses
from typing import Annotated, Any

import typer

from kzoo.errors import InputError

_PANEL = "Translator"


def _option(*names: str, help: str, metavar: str | None = None, **kwargs):
    return typer.Option(
        *names, help=help, metavar=metavar, rich_help_panel=_PANEL, **kwargs
    )


@dataclasses.dataclass
class TranslatingOptions:
    """How a translation is searched for; what is left out is left to `translate`."""

    num_beams: Annotated[
        int | None,
        _option("--num-beams", metavar="N", help="Beams; 1 is greedy. By default 4."),
    ] = None
    length_penalty: Annotated[
        float | None,
        _option(
            "--length-penalty",
            metavar="X",
            help="Scores are divided by length to this power; by default 1.",
        ),
    ] = None
    no_repeat_ngram: Annotated[
        int | None,
        _option(
            "--no-repeat-ngram",
            metavar="N",
            help="No N tokens come twice in a translation.",
        ),
    ] = None
    max_new_tokens: Annotated[
        int | None,
        _option(
            "--max-new-tokens", metavar="N", help="Tokens of a translation at most."
        ),
    ] = None
    max_ratio: Annotated[
        float | None,
        _option(
            "--max-ratio",
            metavar="X",
            help="Tokens of a translation at most, for each token of its source.",
        ),
    ] = None
    split_sentences: Annotated[
        bool | None,
        _option(
            "--split-sentences/--no-split-sentences",
            help="Translate the sentences of a text one by one, so that a long text "
            "fits.",
        ),
    ] = None

    def given(self) -> dict[str, Any]:
        """Return the options that are given, as `model.translate` takes them."""
        return {
            name: value
            for name, value in dataclasses.asdict(self).items()
            if value is not None
        }

    def refuse(self) -> None:
        """Refuse every option that is given, for another family.

        Raises:
            InputError: If one is given.
        """
        for name in self.given():
            raise InputError(
                "Searches are for translators.",
                f"--{name.replace('_', '-')} for another family",
                "Leave it out.",
            )
