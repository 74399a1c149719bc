"""From prompts to completions, as texts."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from kzoo.errors import InputError
from kzoo.generation.decoding import token_steps
from kzoo.generation.prompts import check_prompts
from kzoo.generation.search import Search
from kzoo.generation.streaming import TextStream


class TextPiece(NamedTuple):
    """A piece of a completion, as it comes.

    Args:
        index: Which prompt it belongs to.
        text: One character or more.
    """

    index: int
    text: str


def generate(
    model,
    prompts: str | Sequence[str],
    *,
    max_new_tokens: int | None = None,
    sampler="greedy",
    stop: str | Sequence[str] | None = None,
    stop_ids: Sequence[int] | None = None,
    repetition_penalty: float = 1.0,
    truncate: str | None = None,
    batch_size: int = 16,
    stream: bool = False,
):
    """Complete each prompt.

    A completion ends at the tokenizer's end token, a stop string, or after
    `max_new_tokens`. Prompts of a batch have no influence on each other.

    Args:
        model: A causal model with a tokenizer.
        prompts: Texts; one is as good as a list of one.
        max_new_tokens: How many tokens at most; None for 64, or what the context
            leaves if that is less.
        sampler: `"greedy"`, `"random"`, a sampler such as `TopP(0.9, seed=1)`, or a
            search such as `BeamSearch(4)`.
        stop: Strings that end a completion, and are not part of it.
        stop_ids: Ids that end a completion; None for the tokenizer's end token.
        repetition_penalty: Above 1 repeats less; 1 changes nothing.
        truncate: `"left"` reads the end of a prompt that is too long and lets the
            text move on beyond the context; None refuses both.
        batch_size: How many prompts run at once.
        stream: Return the text as it comes.

    Returns:
        The completion of each prompt, without the prompt; with `stream` an iterator
        of `TextPiece(index, text)`.

    Raises:
        InputError: If the model has no tokenizer, a prompt has no tokens or does not
            fit, or an option is not valid.

    Example:
        >>> from kzoo.models import GPT2CausalLM
        >>> from kzoo.tokenizers import CharacterTokenizer
        >>> letters = CharacterTokenizer.train(["abc"])
        >>> model = GPT2CausalLM.from_preset(
        ...     "gpt2-nano", vocabulary_size=letters.vocabulary_size, tokenizer=letters
        ... )
        >>> [len(text) for text in generate(model, ["ab", "c"], max_new_tokens=5)]
        [5, 5]
    """
    tokenizer = model.require_tokenizer()
    texts = [prompts] if isinstance(prompts, str | bytes) else list(prompts)
    stops = (stop,) if isinstance(stop, str) else tuple(stop or ())
    if not all(stops):
        raise InputError(
            "A stop string has one character or more.",
            f"stop={stop!r}",
            "Leave the empty one out.",
        )
    if stop_ids is None:
        stop_ids = () if tokenizer.end_id is None else (tokenizer.end_id,)
    rows = tokenizer.encode_batch(texts).ids
    rows, count = check_prompts(
        rows,
        vocabulary_size=model.vocabulary_size,
        context=model.max_sequence_length,
        max_new_tokens=max_new_tokens,
        truncate=truncate,
    )
    options = {"max_new_tokens": count, "stop_ids": tuple(stop_ids)}
    if isinstance(sampler, Search):
        if stream or repetition_penalty != 1.0:
            raise InputError(
                "A search decides on whole texts, not on token after token.",
                f"sampler={sampler!r} with stream={stream}, "
                f"repetition_penalty={repetition_penalty}",
                "Leave them out, or take a sampler.",
            )
        return _searched(model, rows, stops, sampler, batch_size, options)
    pieces = _pieces(
        model,
        rows,
        stops,
        batch_size,
        sampler=sampler,
        repetition_penalty=repetition_penalty,
        **options,
    )
    if stream:
        return pieces
    completions = [""] * len(texts)
    for index, text in pieces:
        completions[index] += text
    return completions


def _pieces(
    model, rows, stops, batch_size, *, stop_ids, **options
) -> Iterator[TextPiece]:
    for start in range(0, len(rows), batch_size):
        some = rows[start : start + batch_size]
        streams = [TextStream(model.tokenizer, stops) for _ in some]
        finished = np.zeros(len(some), bool)
        for ids in token_steps(model, some, finished=finished, **options):
            for index in np.flatnonzero(~finished):
                if ids[index] in stop_ids:
                    finished[index] = True
                    continue
                text = streams[index].feed(int(ids[index]))
                finished[index] = streams[index].stopped
                if text:
                    yield TextPiece(start + int(index), text)
        for index, stream in enumerate(streams):
            if text := stream.finish():
                yield TextPiece(start + index, text)


def _searched(model, rows, stops, search, batch_size, options):
    completions = []
    for start in range(0, len(rows), batch_size):
        some = rows[start : start + batch_size]
        for hypotheses in search(model, some, **options):
            stream = TextStream(model.tokenizer, stops)
            ids = hypotheses[0].token_ids.tolist()
            text = "".join(stream.feed(token_id) for token_id in ids)
            completions.append(text + stream.finish())
    return completions
