"""One batch of texts that grows token by token, with its caches."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from kzoo.data.token_batches import round_up
from kzoo.errors import InputError
from kzoo.generation.compiled import compiled
from kzoo.generation.no_repeat import best_of
from kzoo.generation.prompts import PromptBatch
from kzoo.generation.sources import SourceBatch
from kzoo.layers import DecoderCache

_STEPS = "_generation_steps"


class Output(NamedTuple):
    """What a model says of the next tokens, still on the device.

    Args:
        logits: (B, T, V) float32, of the last T columns.
        best: (B, T) int32, the ids of the greatest.
        finite: Whether all logits are numbers, a scalar bool.
        hidden_states: (B, T', D), the last block's outputs.
    """

    logits: object
    best: object
    finite: object
    hidden_states: object


class _Steps:
    """The two compiled functions of a model; shapes are bucketed by the session."""

    def __init__(self, model):
        self._model = model
        self.prefill = compiled(self._prefill, model)
        self.extend = compiled(
            self._extend,
            model,
            spent=(1,),  # the cache
            kernels_of_a_step=_kernels_of_a_step(model),
        )
        self.with_rows = compiled(_with_rows, model)
        self.top: dict[int, Callable] = {}

    def _prefill(self, token_ids, padding_mask, positions, columns, *source):
        """Read the prompts into new caches of as many columns as `columns` has."""
        model = self._model
        batch, width = ops.shape(token_ids)
        length = ops.shape(columns)[0]
        cache = model.make_cache(batch, length, *source)
        mask = ops.concatenate(
            [padding_mask, ops.zeros((batch, length - width), "bool")], axis=1
        )
        x, cache = model.call_with_cache(
            token_ids, cache, cache_index=0, padding_mask=mask, positions=positions
        )
        return _output(model, x[:, -1:], x), cache

    def _extend(self, token_ids, cache, index, mask, offsets):
        """Read the next T tokens of every row into column `index` and after."""
        model = self._model
        index = ops.cast(index, "int32")
        steps = ops.arange(ops.shape(token_ids)[1], dtype="int32")
        positions = offsets[:, None] + (index + steps)[None]
        x, cache = model.call_with_cache(
            token_ids,
            cache,
            cache_index=index,
            padding_mask=mask,
            # Rows that ended long ago go on in the last position.
            positions=ops.minimum(positions, model.max_sequence_length - 1),
        )
        return _output(model, x, x), cache


def _kernels_of_a_step(model):
    """Return the kernels that each new token is multiplied by."""
    encoder = getattr(model, "encoder", None)
    read_once = {id(v) for v in encoder.variables} if encoder is not None else ()
    return [
        variable
        for variable in model.variables
        if variable.name == "kernel" and id(variable) not in read_once
    ]


def _most_probable(model, k):
    """Return a function of logits (B, V) to k log-probabilities and ids, (B, k)."""

    def top(logits):
        total = ops.logsumexp(logits, axis=-1, keepdims=True)
        values, ids = ops.top_k(_without_suppressed(model, logits), k)
        return values - total, ops.cast(ids, "int32")

    return top


def _output(model, last, hidden_states):
    logits = model.head(last)
    best = ops.argmax(_without_suppressed(model, logits), axis=-1)
    best = ops.cast(best, "int32")
    return Output(logits, best, ops.all(ops.isfinite(logits)), hidden_states)


def suppressed_ids(model) -> tuple[int, ...]:
    """Return the ids that a model never generates, such as a translator's padding."""
    return getattr(model, "suppressed_ids", ())


def _without_suppressed(model, logits):
    ids = suppressed_ids(model)
    if not ids:
        return logits
    allowed = np.ones(model.vocabulary_size, bool)
    allowed[list(ids)] = False
    return ops.where(ops.convert_to_tensor(allowed), logits, float("-inf"))


def _with_rows(cache, rows):
    return _map_caches(lambda part: part.with_rows(rows), cache)


def _map_caches(function, cache):
    """Return nested tuples of caches with a function of each `DecoderCache`."""
    if isinstance(cache, DecoderCache):
        return function(cache)
    if not isinstance(cache, tuple):
        return cache
    parts = [_map_caches(function, part) for part in cache]
    return type(cache)(*parts) if hasattr(cache, "_fields") else tuple(parts)


def session_of(
    model,
    prompts: Sequence[Sequence[int]],
    new_tokens: int,
    source: SourceBatch | None = None,
) -> "Session":
    """Return the session of prompts, or of the translations of texts.

    Args:
        model: A model with `make_cache`, `call_with_cache` and `head`.
        prompts: The ids of each; where there are sources, how translations begin.
        new_tokens: How many tokens may follow.
        source: The texts to translate, one for each prompt, or None.
    """
    if source is None:
        return Session(model, PromptBatch.of(prompts), new_tokens)
    batch = PromptBatch.of(prompts, width_multiple=1)
    # Most translations are about as long as their source; caches widen for others.
    expected = min(new_tokens, source.token_ids.shape[1] + 8)
    return Session(model, batch, expected, source.arrays)


class Session:
    """The state of one batch between two tokens.

    Args:
        model: A model with `make_cache`, `call_with_cache` and `head`.
        prompts: The batch.
        new_tokens: How many tokens may follow; there may be more, in wider caches.
        source: What the model's `make_cache` takes beside the sizes: the ids and the
            mask of the texts that a translator reads, one for each prompt.

    Attributes:
        prompts: The batch.
        output: What the model says of the token after the last one read.
        index: The column that the next token goes to.
    """

    def __init__(
        self,
        model: keras.Model,
        prompts: PromptBatch,
        new_tokens: int,
        source: tuple[np.ndarray, ...] = (),
    ):
        # Kept in the model, so that both go together; not by setattr, for Keras
        # would track it.
        if _STEPS not in vars(model):
            vars(model)[_STEPS] = _Steps(model)
        self._model = model
        self._functions = vars(model)[_STEPS]
        self.prompts = prompts
        columns = round_up(prompts.width + new_tokens)
        batch = len(prompts.lengths)
        after = np.ones((batch, columns - prompts.width), bool)
        self._mask = np.concatenate([prompts.padding_mask, after], axis=1)
        self._offsets = (prompts.lengths - prompts.width).astype("int32")
        self.index = prompts.width
        self.output, self.cache = self._functions.prefill(
            prompts.token_ids,
            prompts.padding_mask,
            prompts.positions,
            np.zeros(columns, bool),
            *source,
        )

    @property
    def room(self) -> int:
        """How many more tokens the caches hold."""
        return self._mask.shape[1] - self.index

    def extend(self, token_ids: np.ndarray) -> Output:
        """Read the next tokens of every row.

        Args:
            token_ids: (B, T) int32.

        Returns:
            What follows each of them; also kept as `output`.
        """
        token_ids = np.asarray(token_ids, "int32")
        if token_ids.shape[1] > self.room:
            self._widen(token_ids.shape[1])
        self.output, self.cache = self._functions.extend(
            token_ids, self.cache, np.int32(self.index), self._mask, self._offsets
        )
        self.index += token_ids.shape[1]
        return self.output

    def _widen(self, tokens):
        """Make the caches twice as wide, so that it is done seldom."""
        before = self._mask.shape[1]
        more = round_up(before + max(before, tokens)) - before
        self._mask = np.pad(self._mask, ((0, 0), (0, more)), constant_values=True)
        self.cache = _map_caches(lambda part: part.widened(more), self.cache)

    def rewind(self, index: int) -> None:
        """Forget the columns from `index` on; they are written anew."""
        self.index = index

    def reorder(self, rows: np.ndarray) -> None:
        """Let row i go on from what is row `rows[i]` now.

        Args:
            rows: (B',) int, B' the new number of rows; where there are sources, the
                same number for each, one source after the other.
        """
        rows = np.asarray(rows, "int32")
        if np.array_equal(rows, np.arange(len(self._mask))):
            return
        self.cache = self._functions.with_rows(self.cache, rows)
        self._mask, self._offsets = self._mask[rows], self._offsets[rows]

    def best(self) -> np.ndarray:
        """Return the most probable next ids, (B,), having read no logits."""
        self._require_numbers()
        return ops.convert_to_numpy(self.output.best)[:, -1]

    def logits(self) -> np.ndarray:
        """Return the logits of the next tokens, (B, V) float32.

        Those of ids that the model never generates are minus infinity.
        """
        logits = self._raw_logits()
        if ids := suppressed_ids(self._model):
            logits = logits.copy()
            logits[:, list(ids)] = -np.inf
        return logits

    def _raw_logits(self):
        self._require_numbers()
        return np.asarray(ops.convert_to_numpy(self.output.logits))[:, -1]

    def all_best(self) -> np.ndarray:
        """Return the most probable ids after each of the last tokens, (B, T)."""
        self._require_numbers()
        return ops.convert_to_numpy(self.output.best)

    def top(
        self, k: int, banned: Sequence[Sequence[int]] | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the k most probable next tokens, best first.

        Args:
            k: How many, at most V.
            banned: For each row the ids that may not follow it, or None.

        Returns:
            Their log-probabilities (B, k) float32 and their ids (B, k).
        """
        if banned is not None and any(banned):
            never = suppressed_ids(self._model)
            return best_of(self._raw_logits(), [(*ids, *never) for ids in banned], k)
        self._require_numbers()
        table = self._functions.top
        if k not in table:
            table[k] = compiled(_most_probable(self._model, k), self._model)
        values, ids = table[k](self.output.logits[:, -1])
        return ops.convert_to_numpy(values), ops.convert_to_numpy(ids)

    def _require_numbers(self):
        if not ops.convert_to_numpy(self.output.finite):
            raise InputError(
                "A model's logits are finite numbers.",
                "logits with NaN or infinity",
                "The weights are damaged, or overflow in this precision: check them, "
                "or compute in float32.",
            )
