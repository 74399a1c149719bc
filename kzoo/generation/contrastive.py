"""Contrastive search: probable tokens that do not resemble what is already there."""

from collections.abc import Sequence

import numpy as np
from keras import ops

from kzoo.errors import InputError
from kzoo.generation.search import Hypothesis, Search
from kzoo.generation.session import session_of
from kzoo.generation.sources import SourceBatch


class ContrastiveSearch(Search):
    """Of the k most probable tokens take one whose representation is new.

    ```
    score(v) = (1 - alpha) p(v) - alpha max_j cos(h_v, h_j)
    ```

    where h_v is the model's last hidden state of the candidate and h_j are those of
    the text so far.

    Args:
        k: How many candidates.
        alpha: Weight of the likeness, of [0, 1]; 0 is greedy.

    Raises:
        InputError: If k is below 1 or alpha outside [0, 1].

    Example:
        >>> from kzoo.models import GPT2CausalLM
        >>> model = GPT2CausalLM.from_preset("gpt2-tiny", vocabulary_size=50)
        >>> prompts = [np.array([1, 2])]
        >>> (found,) = ContrastiveSearch(3)(model, prompts, max_new_tokens=5)
        >>> len(found[0].token_ids)
        5

    Reference:
        Su et al. 2022, arXiv:2202.06417, section 3.2.
    """

    def __init__(self, k: int = 4, alpha: float = 0.6):
        if not k >= 1 or not 0 <= alpha <= 1:
            raise InputError(
                "Contrastive search takes one candidate or more and a share.",
                f"k={k!r}, alpha={alpha!r}",
                "Pass k >= 1 and alpha of 0 to 1.",
            )
        self.k = k
        self.alpha = alpha

    def __call__(
        self,
        model,
        prompts: Sequence[np.ndarray],
        *,
        max_new_tokens: int,
        stop_ids: Sequence[int] = (),
        source: SourceBatch | None = None,
    ) -> list[list[Hypothesis]]:
        """Return one hypothesis for each prompt; its score is the mean one."""
        session = session_of(model, prompts, max_new_tokens, source)
        seen = _unit(session.output.hidden_states)  # (B, T, D)
        real = session.prompts.padding_mask
        logits = session.logits()
        rows = np.arange(len(prompts))
        k = min(self.k, logits.shape[-1])
        texts: list[list[int]] = [[] for _ in prompts]
        scores: list[list[float]] = [[] for _ in prompts]
        finished = np.zeros(len(prompts), bool)
        for _ in range(max_new_tokens):
            candidates, probabilities = _top(logits, k)  # (B, k)
            session.reorder(np.repeat(rows, k))
            session.extend(candidates.reshape(-1, 1))
            hidden = _unit(session.output.hidden_states).reshape(len(rows), k, -1)
            likeness = np.einsum("bkd,btd->bkt", hidden, seen)
            likeness = np.where(real[:, None], likeness, -np.inf).max(axis=-1)
            score = (1 - self.alpha) * probabilities - self.alpha * likeness
            chosen = score.argmax(axis=-1)
            for row in np.flatnonzero(~finished):
                token = int(candidates[row, chosen[row]])
                finished[row] = token in stop_ids
                if not finished[row]:
                    texts[row].append(token)
                    scores[row].append(float(score[row, chosen[row]]))
            if finished.all():
                break
            kept = rows * k + chosen
            logits = session.logits()[kept]
            session.reorder(kept)
            seen = np.concatenate([seen, hidden[rows, chosen][:, None]], axis=1)
            real = np.concatenate([real, np.ones((len(rows), 1), bool)], axis=1)
        return [
            [Hypothesis(np.array(text, "int64"), float(np.mean(found or [0.0])))]
            for text, found in zip(texts, scores, strict=True)
        ]


def _unit(hidden_states):
    x = np.asarray(ops.convert_to_numpy(ops.cast(hidden_states, "float32")))
    return x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-12)


def _top(logits, k):
    """Return the ids and probabilities of the k most probable tokens, (B, k)."""
    ids = np.argsort(-logits, axis=-1, kind="stable")[:, :k]
    exponents = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probabilities = exponents / exponents.sum(axis=-1, keepdims=True)
    return ids, np.take_along_axis(probabilities, ids, axis=-1)
