"""Searches: ways of decoding that look at more than one next token."""

import abc
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from kzoo.generation.sources import SourceBatch


class Hypothesis(NamedTuple):
    """A text that a search has found.

    Args:
        token_ids: (n,) int64, the new ids, without the stop id.
        score: What the search ranks by, higher first.
    """

    token_ids: np.ndarray
    score: float


class Search(abc.ABC):
    """The abstract base: a model and prompts in, ranked texts out."""

    @abc.abstractmethod
    def __call__(
        self,
        model,
        prompts: Sequence[np.ndarray],
        *,
        max_new_tokens: int,
        stop_ids: Sequence[int] = (),
        source: SourceBatch | None = None,
    ) -> list[list[Hypothesis]]:
        """Return the hypotheses of each prompt, the best first.

        Args:
            model: A model with caches.
            prompts: Ids that `check_prompts` returned.
            max_new_tokens: How many tokens at most.
            stop_ids: Ids that end a text.
            source: What a model with an encoder reads, one text for each prompt.
        """
