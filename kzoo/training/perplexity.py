"""Perplexity of a split, by disjoint or sliding windows, exact to the token."""

import dataclasses
import math
from collections.abc import Callable, Iterator

import keras
import numpy as np
from keras import ops

from kzoo.data.block_order import BlockOrder
from kzoo.data.packed_batches import PackedBatches
from kzoo.data.token_stream import TokenStream
from kzoo.errors import InputError, unknown_name

PROTOCOLS = ("disjoint", "sliding")


@dataclasses.dataclass(frozen=True)
class Perplexity:
    """How well a language model predicts a text.

    Args:
        protocol: `"disjoint"` or `"sliding"`, see `measure_perplexity`.
        sequence_length: T, the tokens of a window.
        stride: By how many tokens the next window starts later.
        tokens: Tokens that were predicted.
        loss: Their mean cross-entropy in nats.
        perplexity: `exp(loss)`.
        characters: Characters of text that these tokens spell.
        bytes: Bytes in UTF-8 of the same.
        bits_per_character: All their cross-entropy in bits, by characters. Other than
            perplexity it compares models of different tokenizers.
        bits_per_byte: The same by bytes.
    """

    protocol: str
    sequence_length: int
    stride: int
    tokens: int
    loss: float
    perplexity: float
    characters: int
    bytes: int
    bits_per_character: float
    bits_per_byte: float


def measure_perplexity(
    model: keras.Model,
    stream: TokenStream,
    *,
    protocol: str = "disjoint",
    sequence_length: int | None = None,
    stride: int | None = None,
    segments: bool = False,
    batch_size: int = 8,
    jit_compile: bool | str = "auto",
    progress: Callable[[int, int], None] | None = None,
) -> Perplexity:
    """Return loss, perplexity and bits per character of a whole split.

    Windows of T tokens predict the token after each of theirs.

    - `"disjoint"`: a window starts where the last one ended. Each token but the first
      of all is predicted once, those early in a window from little context.
    - `"sliding"`: a window starts `stride` tokens after the last one, and only its
      last `stride` predictions count: each is made from at least T - stride + 1
      tokens. The first T - stride targets of the text are not counted. Slower by
      T / stride, and lower.

    Args:
        model: A causal language model: `token_ids` and `padding_mask` to logits.
        stream: The tokens, as `kzoo.data.read_stream` gives them.
        protocol: `"disjoint"` or `"sliding"`.
        sequence_length: T; None is `model.max_sequence_length`.
        stride: For `"sliding"`; None is half of T.
        segments: Whether a token sees its own document only; then the first token of
            a document is not predicted.
        batch_size: Windows that run at once.
        jit_compile: As in `keras.Model.compile`.
        progress: Called as `progress(done, total)`, in windows.

    Returns:
        The figures.

    Raises:
        InputError: If the protocol is unknown, the stride out of range, or the text
            too short to count anything.

    Reference:
        Press et al. 2020, arXiv:2012.15832, section 2, names both protocols.
    """
    if protocol not in PROTOCOLS:
        raise unknown_name("protocol", protocol, PROTOCOLS)
    length = sequence_length or model.max_sequence_length
    _check_length(model, length)
    if protocol == "disjoint":
        stride = length
    stride = max(1, length // 2) if stride is None else stride
    if not 1 <= stride <= length:
        raise InputError(
            "A stride is at least 1 and no longer than the window.",
            f"stride={stride}, sequence_length={length}",
            "Pass half of the window, or less.",
        )
    starts, counted = window_plan(len(stream), length, stride, where=stream.where)
    order = BlockOrder(len(stream), length, batch_size, shuffle=False)
    batches = PackedBatches(stream, order, segments=segments)
    scorer = _TokenLosses(model)
    scorer.compile(jit_compile=jit_compile)
    total, tokens = 0.0, 0
    done = 0
    for size, (inputs, labels, weights) in _batches(
        batches, starts, counted, batch_size
    ):
        losses = scorer.predict_on_batch({**inputs, "labels": labels})
        total += float((np.asarray(losses, "float64") * weights)[:size].sum())
        tokens += int((weights[:size] > 0).sum())
        if progress is not None:
            done += size
            progress(done, len(starts))
    skipped = int(starts[0]) + length - int(counted[0]) + 1
    characters, text_bytes = _text_behind(model, stream, skipped, segments)
    loss = total / tokens
    bits = total / math.log(2.0)
    return Perplexity(
        protocol=protocol,
        sequence_length=length,
        stride=stride,
        tokens=tokens,
        loss=loss,
        perplexity=math.exp(loss) if loss < 700 else math.inf,
        characters=characters,
        bytes=text_bytes,
        bits_per_character=bits / characters if characters else math.nan,
        bits_per_byte=bits / text_bytes if text_bytes else math.nan,
    )


def window_plan(
    num_tokens: int, length: int, stride: int, where: str = "tokens"
) -> tuple[np.ndarray, np.ndarray]:
    """Return where windows start and how many of their last targets count.

    Args:
        num_tokens: n.
        length: T.
        stride: `length` for disjoint windows.
        where: What the tokens came from, for messages.

    Returns:
        (W,) starts and (W,) counts, int64. Counts go by positions of the window, of
        which those behind the end of the text hold nothing.

    Raises:
        InputError: If no token would count.

    Example:
        >>> starts, counted = window_plan(12, length=4, stride=2)
        >>> starts.tolist(), counted.tolist()
        ([0, 2, 4, 6, 7], [2, 2, 2, 2, 1])
    """
    targets = num_tokens - 1
    if targets < 1 or (stride < length and targets < length):
        raise InputError(
            "Some token of the text has the context that the protocol asks for.",
            f"{num_tokens:,} tokens of {where!r}, windows of {length}",
            "Use more text, a shorter window, or disjoint windows.",
        )
    if stride == length:
        starts = np.arange(0, targets, length, dtype="int64")
        return starts, np.full(len(starts), length, "int64")
    starts = np.arange(0, targets - length + 1, stride, dtype="int64")
    counted = np.full(len(starts), stride, "int64")
    rest = targets - (int(starts[-1]) + length)
    if rest:  # one last window that ends with the text
        starts = np.append(starts, targets - length)
        counted = np.append(counted, rest)
    return starts, counted


class _TokenLosses(keras.Model):
    """The cross-entropy of each token, so that no logits leave the device."""

    def __init__(self, model: keras.Model) -> None:
        super().__init__(name="token_losses")
        self.model = model

    def call(self, inputs):
        """Return the loss of each token, (B, T) float32."""
        inputs = dict(inputs)
        labels = inputs.pop("labels")
        logits = self.model(inputs, training=False)
        return keras.losses.sparse_categorical_crossentropy(
            labels, ops.cast(logits, "float32"), from_logits=True
        )


def _batches(batches, starts, counted, batch_size) -> Iterator[tuple]:
    """Yield (rows that are real, arrays); all of one shape, for one compilation."""
    positions = np.arange(batches.sequence_length)
    for begin in range(0, len(starts), batch_size):
        part = slice(begin, begin + batch_size)
        size = len(starts[part])
        rows = np.arange(begin, begin + min(batch_size, len(starts)))
        rows = np.minimum(rows, len(starts) - 1)
        inputs, labels, weights = batches.rows(starts[rows])
        first = batches.sequence_length - counted[rows]
        weights = weights * (positions >= first[:, None])
        yield size, (inputs, labels, weights)


def _text_behind(
    model, stream: TokenStream, position: int, segments: bool
) -> tuple[int, int]:
    """Return characters and bytes that the predicted tokens from a position on spell.

    A character that starts before the position is not counted.
    """
    tokenizer = model.tokenizer
    firsts = stream.documents[:, 0]
    number = int(np.searchsorted(firsts, position - 1, side="right")) - 1
    characters = int(stream.documents[number:, 1].sum())
    size = int(stream.documents[number:, 2].sum())
    unseen = [stream.tokens[int(firsts[number]) : position]]
    if segments:
        unseen += [stream.tokens[first : first + 1] for first in firsts[number + 1 :]]
    end = getattr(tokenizer, "end_id", None)
    for tokens in unseen:
        ids = [int(token) for token in tokens if token != end]
        text = tokenizer.decode(ids)
        characters -= len(text)
        if hasattr(tokenizer, "token_bytes"):
            size -= sum(len(tokenizer.token_bytes(token)) for token in ids)
        else:
            size -= len(text.encode("utf-8", "replace"))
    return characters, size


def _check_length(model, length: int) -> None:
    limit = getattr(model, "max_sequence_length", None)
    if length < 1 or (limit is not None and length > limit):
        raise InputError(
            "A window is no longer than what the model has positions for.",
            f"sequence_length={length}, model.max_sequence_length={limit}",
            f"Pass {limit} or less.",
        )
