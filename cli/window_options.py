"""The options of `kzoo evaluate` that are for language models."""

import dataclasses
from typing import Annotated

import typer

from kzoo.errors import InputError, unknown_name

PROTOCOLS = ("both", "disjoint", "sliding")
_PANEL = "Language model"


@dataclasses.dataclass
class WindowOptions:
    """How text is cut into windows that a language model predicts."""

    protocol: Annotated[
        str | None,
        typer.Option(
            "--protocol",
            metavar="both|disjoint|sliding",
            help="Windows side by side, or overlapping so that each token is "
            "predicted from a long context.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    sequence_length: Annotated[
        int | None,
        typer.Option(
            "--sequence-length",
            metavar="N",
            help="Tokens of a window; by default all that the model has positions for.",
            min=1,
            rich_help_panel=_PANEL,
        ),
    ] = None
    stride: Annotated[
        int | None,
        typer.Option(
            "--stride",
            metavar="N",
            help="Tokens from one sliding window to the next; by default half of it.",
            min=1,
            rich_help_panel=_PANEL,
        ),
    ] = None

    def protocols(self) -> tuple[str, ...]:
        """Return what is measured.

        Raises:
            InputError: If there is no such protocol.
        """
        asked = self.protocol or "both"
        if asked not in PROTOCOLS:
            raise unknown_name("protocol", asked, PROTOCOLS)
        return PROTOCOLS[1:] if asked == "both" else (asked,)

    def refuse(self) -> None:
        """Refuse every option that is given, for another family.

        Raises:
            InputError: If one is given.
        """
        for name, value in dataclasses.asdict(self).items():
            if value is not None:
                raise InputError(
                    "Windows are for language models.",
                    f"--{name.replace('_', '-')} for another family",
                    "Leave it out.",
                )
