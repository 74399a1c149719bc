"""Prompts of unlike lengths as one batch, and whether they fit the context."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from kzoo.data.token_batches import round_up
from kzoo.errors import InputError

TRUNCATIONS = (None, "left")


@dataclasses.dataclass(frozen=True)
class PromptBatch:
    """Prompts padded on the left, so that all go on in one column.

    The width is rounded up, so that a compiled prefill serves many lengths.

    Args:
        token_ids: (B, T) int32.
        padding_mask: (B, T) bool, True = real token.
        lengths: (B,) int32, the real tokens of each row.
    """

    token_ids: np.ndarray
    padding_mask: np.ndarray
    lengths: np.ndarray

    @classmethod
    def of(
        cls,
        prompts: Sequence[Sequence[int]],
        pad_id: int = 0,
        width_multiple: int | None = None,
    ) -> "PromptBatch":
        """Return the batch of prompts.

        Args:
            prompts: The ids of each, one or more.
            pad_id: What stands in the padding; no token sees it.
            width_multiple: What the width is rounded up to; see `round_up`.

        Returns:
            The batch.

        Example:
            >>> batch = PromptBatch.of([[5, 6], [7]])
            >>> batch.token_ids[:, -2:].tolist()
            [[5, 6], [0, 7]]
        """
        lengths = np.array([len(prompt) for prompt in prompts], "int32")
        width = round_up(int(lengths.max()), width_multiple)
        token_ids = np.full((len(prompts), width), pad_id, "int32")
        for row, prompt in zip(token_ids, prompts, strict=True):
            row[width - len(prompt) :] = prompt
        mask = np.arange(width) >= (width - lengths)[:, None]
        return cls(token_ids, mask, lengths)

    @property
    def width(self) -> int:
        """T."""
        return self.token_ids.shape[1]

    @property
    def positions(self) -> np.ndarray:
        """Each token's place in its text, (B, T) int32, 0 in the padding."""
        return np.maximum(self.padding_mask.cumsum(axis=1) - 1, 0).astype("int32")


def check_prompts(
    prompts: Sequence[Sequence[int]],
    *,
    vocabulary_size: int,
    context: int,
    max_new_tokens: int | None,
    truncate: str | None = None,
) -> tuple[list[np.ndarray], int]:
    """Return prompts that leave room for what is generated, and how much that is.

    Args:
        prompts: The ids of each.
        vocabulary_size: V.
        context: The longest text of the model, prompt and new tokens together.
        max_new_tokens: How many tokens at most; None for 64, or what the context
            leaves if that is less.
        truncate: None to refuse what does not fit, or `"left"` to read the last
            tokens of a longer prompt and to let the text move on beyond the context.

    Returns:
        The prompts, each (T,) int32, and the number of new tokens.

    Raises:
        InputError: If a prompt is empty, holds an id outside the vocabulary, or does
            not fit.
    """
    if truncate not in TRUNCATIONS:
        raise InputError(
            "A prompt is cut on its left or not at all.",
            f"truncate={truncate!r}",
            "Pass 'left' or None.",
        )
    checked = [np.asarray(prompt, "int64").reshape(-1) for prompt in prompts]
    for index, prompt in enumerate(checked):
        _check_ids(prompt, index, vocabulary_size)
    longest = max((len(prompt) for prompt in checked), default=1)
    if max_new_tokens is None:
        room = context - 1 if truncate else context - longest
        max_new_tokens = max(min(64, room), 1)
    if isinstance(max_new_tokens, bool) or not max_new_tokens >= 1:
        raise InputError(
            "There is at least one token to generate.",
            f"max_new_tokens={max_new_tokens!r}",
            "Pass 1 or more.",
        )
    if truncate == "left":
        keep = max(context - max_new_tokens, context // 2, 1)
        checked = [prompt[-keep:] for prompt in checked]
    elif longest + max_new_tokens > context:
        raise InputError(
            "A prompt and what is generated fit the model's context together.",
            f"a prompt of {longest:,} tokens, max_new_tokens={max_new_tokens}, "
            f"a context of {context:,}",
            "Shorten one of them, or pass truncate='left' to read the prompt's end.",
        )
    return [prompt.astype("int32") for prompt in checked], int(max_new_tokens)


def _check_ids(prompt, index, vocabulary_size):
    if not len(prompt):
        raise InputError(
            "Generation starts from at least one token.",
            f"prompt {index} with none",
            "Pass a text, or the tokenizer's end token to start from nothing.",
        )
    if prompt.min() < 0 or prompt.max() >= vocabulary_size:
        wrong = int(prompt[(prompt < 0) | (prompt >= vocabulary_size)][0])
        raise InputError(
            "Every id of a prompt is of the model's vocabulary.",
            f"id {wrong} in prompt {index}, vocabulary_size={vocabulary_size}",
            "Tokenise with the tokenizer that belongs to the model.",
        )
