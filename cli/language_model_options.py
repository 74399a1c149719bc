"""The options of `kzoo train gpt2`, some of which a translator shares."""

import dataclasses
from typing import Annotated

import typer

from kzoo.errors import InputError

_PANEL = "Language model"
_SHARED = {"translator": ("epoch_steps", "remat", "decay_embeddings")}


def _option(*names: str, help: str, metavar: str | None = None, **kwargs):
    return typer.Option(
        *names, help=help, metavar=metavar, rich_help_panel=_PANEL, **kwargs
    )


@dataclasses.dataclass
class LanguageModelOptions:
    """How running text is packed and learnt."""

    sequence_length: Annotated[
        int | None,
        _option(
            "--sequence-length",
            metavar="N",
            help="Tokens of a row; by default all that the model has positions for.",
            min=1,
        ),
    ] = None
    segments: Annotated[
        bool | None,
        _option(
            "--segments/--no-segments",
            help="Whether a token sees its own document only, where a row holds "
            "several.",
        ),
    ] = None
    epoch_steps: Annotated[
        int | None,
        _option(
            "--epoch-steps",
            metavar="N",
            help="Steps between two validations; by default a pass over the data.",
            min=1,
        ),
    ] = None
    remat: Annotated[
        bool | None,
        _option(
            "--remat/--no-remat",
            help="Compute the inside of blocks again on the way back: less memory, "
            "a third more time.",
        ),
    ] = None
    decay_embeddings: Annotated[
        bool | None,
        _option(
            "--decay-embeddings/--no-decay-embeddings",
            help="Whether weight decay takes in the tables of tokens and positions.",
        ),
    ] = None
    sample: Annotated[
        str | None,
        _option(
            "--sample",
            metavar="TEXT",
            help="What the model continues after each epoch, for you to read; by "
            "default the first words of the text, '' for no samples.",
        ),
    ] = None

    def refuse(self, family: str) -> None:
        """Refuse every option that is given and that another family has not.

        Raises:
            InputError: If one is given.
        """
        given = [
            name
            for name, value in dataclasses.asdict(self).items()
            if value is not None and name not in _SHARED.get(family, ())
        ]
        if given:
            raise InputError(
                "Some options belong to gpt2 alone.",
                f"--{given[0].replace('_', '-')} for {family}",
                "Leave it out.",
            )
