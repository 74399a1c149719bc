"""Greedy search: the most probable next token, and how probable the text is."""

from collections.abc import Sequence

import numpy as np

from kzoo.generation.no_repeat import check_ngram, repeated_ngram_ids
from kzoo.generation.search import Hypothesis, Search
from kzoo.generation.session import session_of
from kzoo.generation.sources import SourceBatch


class GreedySearch(Search):
    """Take the most probable token at every step.

    The ids are those of the sampler `Greedy`; the text's probability comes with them,
    ranked as `BeamSearch` ranks.

    Args:
        length_penalty: See `BeamSearch`.
        no_repeat_ngram: See `BeamSearch`.

    Raises:
        InputError: If `no_repeat_ngram` is negative.

    Example:
        >>> from kzoo.models import GPT2CausalLM
        >>> model = GPT2CausalLM.from_preset("gpt2-tiny", vocabulary_size=50)
        >>> ((found,),) = GreedySearch()(model, [np.array([1, 2])], max_new_tokens=4)
        >>> len(found.token_ids), found.score < 0
        (4, True)
    """

    def __init__(self, *, length_penalty: float = 1.0, no_repeat_ngram: int = 0):
        self.length_penalty = length_penalty
        self.no_repeat_ngram = check_ngram(no_repeat_ngram)

    def __call__(
        self,
        model,
        prompts: Sequence[np.ndarray],
        *,
        max_new_tokens: int | Sequence[int],
        stop_ids: Sequence[int] = (),
        source: SourceBatch | None = None,
    ) -> list[list[Hypothesis]]:
        """Return the one hypothesis of each prompt.

        `max_new_tokens` may be a number for each prompt.
        """
        limits = np.broadcast_to(max_new_tokens, len(prompts))
        session = session_of(model, prompts, int(limits.max()), source)
        texts: list[list[int]] = [[] for _ in prompts]
        scores = np.zeros(len(prompts))
        lengths = np.zeros(len(prompts), int)
        finished = np.zeros(len(prompts), bool)
        for step in range(int(limits.max())):
            banned = None
            if self.no_repeat_ngram:
                whole = zip(prompts, texts, strict=True)
                banned = [
                    repeated_ngram_ids([*prompt, *text], self.no_repeat_ngram)
                    for prompt, text in whole
                ]
            values, ids = session.top(1, banned)
            for row in np.flatnonzero(~finished):
                token = int(ids[row, 0])
                scores[row] += values[row, 0]
                lengths[row] += 1
                if token in stop_ids:
                    finished[row] = True
                else:
                    texts[row].append(token)
            finished |= limits <= step + 1
            if finished.all():
                break
            session.extend(ids)
        ranked = scores / lengths**self.length_penalty
        return [
            [Hypothesis(np.array(text, "int64"), float(score))]
            for text, score in zip(texts, ranked, strict=True)
        ]
