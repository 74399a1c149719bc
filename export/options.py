"""What an export can be asked for, beside the model and the folder."""

import dataclasses
from typing import Any

from kzoo.errors import InputError


@dataclasses.dataclass(frozen=True)
class SearchOptions:
    """How a translator's artefact searches; see `kzoo.generation.iter_translations`.

    Args:
        num_beams: How many beginnings grow side by side; 1 is greedy.
        length_penalty: The score is log p / length^length_penalty.
        max_new_tokens: The most tokens of a translation, its end included; None for
            what the model has positions for.
        max_ratio: The most tokens of a translation for each token of its source, or
            None.

    Raises:
        InputError: If a number is out of range.
    """

    num_beams: int = 4
    length_penalty: float = 1.0
    max_new_tokens: int | None = None
    max_ratio: float | None = None

    def __post_init__(self):
        for name in ("num_beams", "max_new_tokens"):
            value = getattr(self, name)
            if value is None and name == "max_new_tokens":
                continue
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise InputError(
                    "There is one beam or more, and at least one token to generate.",
                    f"{name}={value!r}",
                    "Pass 1 or more.",
                )
        if self.max_ratio is not None and not self.max_ratio > 0:
            raise InputError(
                "A translation may have some tokens for each of its source.",
                f"max_ratio={self.max_ratio!r}",
                "Pass a number above 0, such as 3.",
            )


@dataclasses.dataclass(frozen=True)
class Options:
    """How an artefact is written.

    Args:
        precision: `"float32"`, `"float16"`, `"int8"` or `"int4"`.
        name: The model's name in a model repository (tf-serving, triton).
        version: Its version there.
        search: How a translator searches; None for models that do not.
    """

    precision: str = "float32"
    name: str = "model"
    version: int = 1
    search: SearchOptions | None = None

    @classmethod
    def from_dict(cls, value: dict[str, Any]) -> "Options":
        """Return the options that `dataclasses.asdict` made the dict from."""
        search = value.get("search")
        return cls(**{**value, "search": search and SearchOptions(**search)})
