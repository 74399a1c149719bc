"""Speculative decoding: a small model proposes, the large one checks many at once."""

from collections.abc import Sequence

import numpy as np

from kzoo.errors import InputError
from kzoo.generation.search import Hypothesis, Search
from kzoo.generation.session import session_of
from kzoo.generation.sources import SourceBatch


class Speculative(Search):
    """Greedy decoding of a large model, with the tokens that a draft model guesses.

    The draft proposes `num_draft_tokens`; the large model reads them in one call,
    which takes hardly longer than reading one, and keeps them up to the first that it
    would not have taken, then its own. The result is that of greedy decoding.

    Args:
        draft: A smaller causal model of the same vocabulary.
        num_draft_tokens: How many tokens it proposes at a time.

    Raises:
        InputError: If `num_draft_tokens` is below 1, or when it is used, if the
            vocabularies differ.

    Example:
        >>> from kzoo.models import GPT2CausalLM
        >>> model = GPT2CausalLM.from_preset("gpt2-tiny", vocabulary_size=50)
        >>> (found,) = Speculative(model)(model, [np.array([1, 2])], max_new_tokens=5)
        >>> len(found[0].token_ids)
        5

    Reference:
        Leviathan, Kalman and Matias 2022, arXiv:2211.17192, section 2.
    """

    def __init__(self, draft, num_draft_tokens: int = 4):
        if not num_draft_tokens >= 1:
            raise InputError(
                "A draft proposes one token or more.",
                f"num_draft_tokens={num_draft_tokens!r}",
                "Pass 1 or more.",
            )
        self.draft = draft
        self.num_draft_tokens = num_draft_tokens

    def __call__(
        self,
        model,
        prompts: Sequence[np.ndarray],
        *,
        max_new_tokens: int,
        stop_ids: Sequence[int] = (),
        source: SourceBatch | None = None,
    ) -> list[list[Hypothesis]]:
        """Return one hypothesis for each prompt; its score is the share accepted."""
        if self.draft.vocabulary_size != model.vocabulary_size:
            raise InputError(
                "A draft model proposes tokens of the large model's vocabulary.",
                f"vocabularies of {self.draft.vocabulary_size} and "
                f"{model.vocabulary_size}",
                "Take a draft that was trained with the same tokenizer.",
            )
        return [
            [
                self._complete(
                    model,
                    prompt,
                    max_new_tokens,
                    set(stop_ids),
                    source and source.row(row),
                )
            ]
            for row, prompt in enumerate(prompts)
        ]

    def _complete(self, model, prompt, max_new_tokens, stop_ids, source):
        spare = max_new_tokens + self.num_draft_tokens + 1
        large = session_of(model, [prompt], spare, source)
        small = session_of(self.draft, [prompt], spare, source)
        text = [int(large.best()[0])]
        unread = [text[-1]]  # what the draft has not read yet
        proposed = accepted = 0
        while len(text) < max_new_tokens and text[-1] not in stop_ids:
            start = small.index + len(unread)
            guesses = self._propose(small, unread)
            checked = [text[-1], *guesses]
            before = large.index
            large.extend(np.array([checked]))
            answers = large.all_best()[0].tolist()
            right = _common(guesses, answers)
            proposed += len(guesses)
            accepted += right
            text += _until_stop(answers[: right + 1], stop_ids)
            large.rewind(before + right + 1)
            # The draft has read all its guesses but the last.
            small.rewind(start + min(right, len(guesses) - 1))
            unread = [*guesses[len(guesses) - 1 : right], text[-1]]
        text = text[:max_new_tokens]
        if text and text[-1] in stop_ids:
            text.pop()
        return Hypothesis(np.array(text, "int64"), accepted / max(proposed, 1))

    def _propose(self, session, unread):
        for token in unread:  # one by one: one compiled shape
            session.extend(np.array([[token]]))
        guesses = [int(session.best()[0])]
        while len(guesses) < self.num_draft_tokens:
            session.extend(np.array([guesses[-1:]]))
            guesses.append(int(session.best()[0]))
        return guesses


def _common(guesses, answers):
    """Return how many guesses are right, up to the first that is wrong."""
    for index, (guess, answer) in enumerate(zip(guesses, answers, strict=False)):
        if guess != answer:
            return index
    return len(guesses)


def _until_stop(ids, stop_ids):
    """Return ids up to the first stop id, that included."""
    end = next((i for i, token in enumerate(ids) if token in stop_ids), len(ids) - 1)
    return ids[: end + 1]
