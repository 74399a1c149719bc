"""From prompts to new tokens, one token of every row at a time."""

from collections.abc import Iterator, Sequence

import numpy as np

from kzoo.generation.samplers import (
    Greedy,
    Sampler,
    as_sampler,
    penalise_repetition,
)
from kzoo.generation.session import session_of
from kzoo.generation.sources import SourceBatch


def token_steps(
    model,
    prompts: Sequence[np.ndarray],
    *,
    max_new_tokens: int,
    sampler: str | Sampler = "greedy",
    repetition_penalty: float = 1.0,
    finished: np.ndarray | None = None,
    source: SourceBatch | None = None,
) -> Iterator[np.ndarray]:
    """Yield the next id of every row until all are finished.

    Where a row's text fills the context, its older half is dropped and what is left
    read anew.

    Args:
        model: A model with caches.
        prompts: Ids that `check_prompts` returned, one or more rows.
        max_new_tokens: How many steps at most.
        sampler: See `as_sampler`.
        repetition_penalty: See `penalise_repetition`.
        finished: (B,) bool that the caller sets True where a row is done; read before
            every step.
        source: What a model with an encoder reads, one text for each prompt; its
            translations never fill the context, as `translate` sees to.

    Yields:
        (B,) int64.
    """
    sampler = as_sampler(sampler)
    finished = np.zeros(len(prompts), bool) if finished is None else finished
    texts = [np.asarray(prompt) for prompt in prompts]
    context = model.max_sequence_length
    session = session_of(model, texts, max_new_tokens - 1, source)
    for step in range(max_new_tokens):
        if isinstance(sampler, Greedy) and repetition_penalty == 1.0:
            ids = session.best()
        else:
            logits = session.logits()
            if repetition_penalty != 1.0:
                logits = penalise_repetition(logits, texts, repetition_penalty)
            ids = sampler(logits, step)
        ids = np.asarray(ids, "int64")
        yield ids
        if finished.all() or step == max_new_tokens - 1:
            return
        texts = [np.append(text, token) for text, token in zip(texts, ids, strict=True)]
        if any(len(t) > context for t, f in zip(texts, finished, strict=True) if not f):
            texts = [t[-(context // 2) :] if len(t) > context else t for t in texts]
            left = max_new_tokens - step - 2
            session = session_of(model, texts, min(left, context))
        else:
            session.extend(ids[:, None])


def generate_ids(
    model,
    prompts: Sequence[np.ndarray],
    *,
    max_new_tokens: int | Sequence[int],
    stop_ids: Sequence[int] = (),
    **options,
) -> list[np.ndarray]:
    """Return the new ids of every row, up to a stop id, which is left out.

    Args:
        model: A causal model with caches.
        prompts: Ids that `check_prompts` returned.
        max_new_tokens: How many tokens at most, or a number for each prompt.
        stop_ids: Ids that end a row.
        **options: Of `token_steps`.

    Returns:
        The new ids of each row, (n,) int64.
    """
    limits = np.broadcast_to(max_new_tokens, len(prompts))
    options["max_new_tokens"] = int(limits.max())
    finished = np.zeros(len(prompts), bool)
    rows: list[list[int]] = [[] for _ in prompts]
    for ids in token_steps(model, prompts, finished=finished, **options):
        for index in np.flatnonzero(~finished):
            if ids[index] in stop_ids:
                finished[index] = True
            else:
                rows[index].append(int(ids[index]))
                finished[index] = len(rows[index]) >= limits[index]
    return [np.array(row, "int64") for row in rows]
