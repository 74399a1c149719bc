"""Beam search: the most probable texts among several that grow side by side."""

from collections.abc import Sequence

import numpy as np

from kzoo.errors import InputError
from kzoo.generation.no_repeat import check_ngram, repeated_ngram_ids
from kzoo.generation.search import Hypothesis, Search
from kzoo.generation.session import session_of, suppressed_ids
from kzoo.generation.sources import SourceBatch

EARLY = (True, False, "never")


def check_early_finish(early_finish: bool | str) -> None:
    """Raise if there is no such way to end a search.

    Raises:
        InputError: If it is none of `EARLY`.
    """
    if early_finish not in EARLY:
        raise InputError(
            "A search ends early, when sure, or never before it must.",
            f"early_finish={early_finish!r}",
            "Pass True, False or 'never'.",
        )


class BeamSearch(Search):
    """Keep the `num_beams` most probable beginnings, and rank what has ended.

    ```
    score(y) = log p(y | prompt) / |y|^length_penalty
    ```

    where |y| counts the stop token too.

    Args:
        num_beams: How many beginnings grow side by side.
        length_penalty: Above 0 favours long texts, below 0 short ones.
        early_finish: When a prompt is done: True as soon as `num_beams` texts have
            ended; False when no beginning, ended now, would be among the best;
            `"never"` when none could be, however it went on.
        num_results: How many texts to return, at most `num_beams`.
        no_repeat_ngram: n where no n tokens may come twice in a text, prompt
            included; 0 for no such rule.

    Raises:
        InputError: If a number is out of range, or the beams are wider than half the
            vocabulary.

    Example:
        >>> from kzoo.models import GPT2CausalLM
        >>> model = GPT2CausalLM.from_preset("gpt2-tiny", vocabulary_size=50)
        >>> search = BeamSearch(3, num_results=2)
        >>> (found,) = search(model, [np.array([1, 2])], max_new_tokens=4)
        >>> len(found), found[0].score >= found[1].score
        (2, True)

    Reference:
        Wu et al. 2016, arXiv:1609.08144, section 7.
    """

    def __init__(
        self,
        num_beams: int = 4,
        *,
        length_penalty: float = 1.0,
        early_finish: bool | str = False,
        num_results: int = 1,
        no_repeat_ngram: int = 0,
    ):
        if not num_beams >= 1 or not 1 <= num_results <= num_beams:
            raise InputError(
                "There is one beam or more, and at most one result for each.",
                f"num_beams={num_beams!r}, num_results={num_results!r}",
                "Pass 1 <= num_results <= num_beams.",
            )
        check_early_finish(early_finish)
        self.num_beams = num_beams
        self.length_penalty = length_penalty
        self.early_finish = early_finish
        self.num_results = num_results
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
        """Return `num_results` hypotheses of each prompt, the best first.

        `max_new_tokens` may be a number for each prompt.
        """
        beams, stops = self.num_beams, frozenset(stop_ids)
        known = model.vocabulary_size - len(suppressed_ids(model))
        if 2 * beams > known:
            raise InputError(
                "Each beam chooses among twice as many tokens as there are beams.",
                f"num_beams={beams}, a vocabulary of {known} tokens to generate",
                f"Pass at most {known // 2} beams.",
            )
        if beams + len(stops) > known:
            raise InputError(
                "Each beam may go on with a token that ends nothing.",
                f"num_beams={beams}, {len(stops)} stop ids, a vocabulary of {known} "
                "tokens to generate",
                "Pass fewer of them.",
            )
        # Among so many there are enough that end nothing.
        wanted = min((1 + max(1, len(stops))) * beams, known)
        limits = np.broadcast_to(max_new_tokens, len(prompts)).tolist()
        session = session_of(model, prompts, max(limits), source)
        states = [
            _Prompt(self, prompt, limit, stops)
            for prompt, limit in zip(prompts, limits, strict=True)
        ]
        offsets = np.arange(len(prompts))
        first = True
        for _ in range(max(limits)):
            width = 1 if first else beams
            banned = [ids for state in states for ids in state.banned(width)]
            values, ids = session.top(wanted, banned)
            values = values.reshape(len(prompts), width, wanted)
            ids = ids.reshape(len(prompts), width, wanted)
            chosen = [
                state.step(*tables)
                for state, *tables in zip(states, values, ids, strict=True)
            ]
            if all(state.done for state in states):
                break
            parents = np.stack([parent for parent, _ in chosen])
            tokens = np.stack([token for _, token in chosen])
            session.reorder((offsets[:, None] * width + parents).reshape(-1))
            session.extend(tokens.reshape(-1, 1))
            first = False
        return [state.results(self.num_results) for state in states]


class _Prompt:
    """The beams of one prompt."""

    def __init__(self, search, prompt, max_new_tokens, stop_ids):
        self._search = search
        self._prompt = tuple(int(token) for token in prompt)
        self._max_new_tokens = max_new_tokens
        self._stop_ids = stop_ids
        self._scores = np.zeros(1)  # of the beams, the best first
        self._texts: list[tuple[int, ...]] = [()]
        self._ended: list[tuple[float, tuple[int, ...]]] = []
        self.done = False

    def banned(self, width):
        """Return the ids that may not follow each of the first `width` beams."""
        size = self._search.no_repeat_ngram
        if not size or self.done:
            return [[]] * width
        return [repeated_ngram_ids(self._prompt + t, size) for t in self._texts]

    def step(self, values, ids):
        """Choose the next beams of (width, 2 beams) log-probabilities and ids.

        Returns:
            The parent of each new beam and its token, each (beams,).
        """
        beams = self._search.num_beams
        if self.done:
            return np.zeros(beams, int), np.zeros(beams, int)
        total = self._scores[:, None] + values.astype("float64")
        wanted = (1 + max(1, len(self._stop_ids))) * beams
        order = np.argsort(-total, axis=None, kind="stable")[:wanted]
        parents, columns = np.unravel_index(order, total.shape)
        tokens = ids[parents, columns]
        length = len(self._texts[0]) + 1
        kept = []
        for rank, (parent, token) in enumerate(zip(parents, tokens, strict=True)):
            score = total[parent, columns[rank]]
            if int(token) in self._stop_ids:
                if rank < beams:
                    self._end(score, length, self._texts[parent])
            elif len(kept) < beams:
                kept.append((score, int(parent), int(token)))
        self._texts = [(*self._texts[parent], token) for _, parent, token in kept]
        self._scores = np.array([score for score, _, _ in kept])
        last = length == self._max_new_tokens
        if last and not self._is_done(length):
            for score, text in zip(self._scores, self._texts, strict=True):
                self._end(score, length, text)
        self.done = last or self._is_done(length)
        return np.array([p for _, p, _ in kept]), np.array([t for _, _, t in kept])

    def _end(self, score, length, text):
        ranked = score / length**self._search.length_penalty
        self._ended.append((float(ranked), text))
        self._ended.sort(key=lambda pair: -pair[0])
        del self._ended[self._search.num_beams :]

    def _is_done(self, length):
        if len(self._ended) < self._search.num_beams:
            return False
        early, penalty = self._search.early_finish, self._search.length_penalty
        if early is True:
            return True
        if early == "never" and penalty > 0:
            length = self._max_new_tokens
        return self._ended[-1][0] >= self._scores[0] / length**penalty

    def results(self, count):
        return [
            Hypothesis(np.array(text, "int64"), score)
            for score, text in self._ended[:count]
        ]
