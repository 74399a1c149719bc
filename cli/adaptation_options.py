"""The options of `kzoo train` that say which weights train."""

import dataclasses
from typing import Annotated, Any

import typer

from kzoo.errors import InputError

_PANEL = "Adaptation"


def _option(*names: str, help: str, metavar: str | None = None, **kwargs):
    return typer.Option(
        *names, help=help, metavar=metavar, rich_help_panel=_PANEL, **kwargs
    )


@dataclasses.dataclass
class AdaptationOptions:
    """What is frozen, and what is trained beside it."""

    lora_rank: Annotated[
        int | None,
        _option(
            "--lora-rank",
            metavar="N",
            help="Freeze trained weights, and train adapters of this rank beside them.",
            min=1,
        ),
    ] = None
    lora_alpha: Annotated[
        float | None,
        _option(
            "--lora-alpha",
            metavar="ALPHA",
            help="Factor on the adapters, over their rank; by default the rank.",
        ),
    ] = None
    lora_pattern: Annotated[
        str | None,
        _option(
            "--lora-pattern",
            metavar="PATTERN",
            help="Adapt the layers whose paths match, such as attention; by default "
            "all dense ones.",
        ),
    ] = None
    lora_train: Annotated[
        str | None,
        _option(
            "--lora-train",
            metavar="PATTERN",
            help="Train the weights that match as well; by default a classifier's "
            "last layer.",
        ),
    ] = None
    freeze: Annotated[
        str | None,
        _option(
            "--freeze",
            metavar="PATTERN",
            help="Keep the weights whose names match, such as 'embedding|block_0/'.",
        ),
    ] = None

    def check(self, source: str | None) -> None:
        """Refuse what contradicts itself.

        Args:
            source: The trained weights that the training starts from, or None.

        Raises:
            InputError: If options need one another or exclude each other.
        """
        for name in ("lora_alpha", "lora_pattern", "lora_train"):
            value = getattr(self, name)
            if value is not None and self.lora_rank is None:
                raise InputError(
                    "Adapters have a rank.",
                    f"--{name.replace('_', '-')} {value} without --lora-rank",
                    "Pass --lora-rank 8.",
                )
        if self.lora_rank is None:
            return
        if source is None:
            raise InputError(
                "Adapters go beside trained weights.",
                f"--lora-rank {self.lora_rank} without --from",
                "Pass --from FOLDER in place of --preset.",
            )
        if self.freeze is not None:
            raise InputError(
                "Adapters freeze all other weights.",
                f"--freeze {self.freeze} beside --lora-rank {self.lora_rank}",
                "Leave one of them out.",
            )

    def to_record(self) -> dict[str, Any]:
        """Return what was asked for, by name."""
        given = dataclasses.asdict(self).items()
        return {name: value for name, value in given if value is not None}
