"""The options of `kzoo train translator` that no other family has."""

import dataclasses
from typing import Annotated

import typer

from kzoo.errors import InputError

_PANEL = "Translator"


def _option(*names: str, help: str, metavar: str | None = None, **kwargs):
    return typer.Option(
        *names, help=help, metavar=metavar, rich_help_panel=_PANEL, **kwargs
    )


@dataclasses.dataclass
class TranslatorOptions:
    """How pairs are tokenised, batched and learnt, and what is measured meanwhile."""

    joint: Annotated[
        bool | None,
        _option(
            "--joint/--separate-vocabularies",
            help="One vocabulary and one table for both languages, or one each.",
        ),
    ] = None
    byte_fallback: Annotated[
        bool | None,
        _option(
            "--byte-fallback/--no-byte-fallback",
            help="Whether a trained tokenizer spells unknown characters in bytes.",
        ),
    ] = None
    normalization: Annotated[
        str | None,
        _option(
            "--normalization",
            metavar="nmt_nfkc|nfkc|nmt_nfkc_cf|nfkc_cf|identity",
            help="How a trained tokenizer rewrites text first; identity keeps, for "
            "one, the full-width punctuation of Chinese.",
        ),
    ] = None
    batch_tokens: Annotated[
        int | None,
        _option(
            "--batch-tokens",
            metavar="N",
            help="Instead of --batch-size, the most positions of one side of a batch, "
            "padding included.",
            min=1,
        ),
    ] = None
    long_pairs: Annotated[
        str | None,
        _option(
            "--long-pairs",
            metavar="drop|error",
            help="What to do with a pair longer than --max-length.",
        ),
    ] = None
    average_last: Annotated[
        int | None,
        _option(
            "--average-last",
            metavar="K",
            help="Keep the mean of the last K epochs' weights where it is better.",
            min=2,
        ),
    ] = None
    average_every: Annotated[
        int | None,
        _option(
            "--average-every",
            metavar="STEPS",
            help="Take the weights of that mean every so many steps.",
            min=1,
        ),
    ] = None
    validation_size: Annotated[
        int | None,
        _option(
            "--validation-size",
            metavar="N",
            help="Validation sentences that BLEU is measured on; 0 for none.",
            min=0,
        ),
    ] = None
    validation_beams: Annotated[
        int | None,
        _option(
            "--validation-beams",
            metavar="N",
            help="Beams of the BLEU after the training; each epoch's is greedy.",
            min=1,
        ),
    ] = None
    bleu_tokenize: Annotated[
        str | None,
        _option(
            "--bleu-tokenize",
            metavar="13a|zh|char|intl|...",
            help="How BLEU finds words; by default as the target language asks.",
        ),
    ] = None

    @property
    def of_tokenizer(self) -> bool:
        """Whether an option is given that a tokenizer is trained by."""
        asked = (self.joint, self.byte_fallback, self.normalization)
        return any(option is not None for option in asked)

    def refuse(self, family: str) -> None:
        """Refuse every option that is given, for another family.

        Raises:
            InputError: If one is given.
        """
        for name, value in dataclasses.asdict(self).items():
            if value is not None:
                raise InputError(
                    "Some options belong to translator alone.",
                    f"--{name.replace('_', '-')} for {family}",
                    "Leave it out.",
                )
