"""One batch of texts that grows token by token, with its caches."""

from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from kzoo.data.token_batches import round_up
from kzoo.errors import InputError
from kzoo.generation.compiled import compiled
from kzoo.generation.prompts import PromptBatch

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
        self.extend = compiled(self._extend, model, spent=(1,))  # the cache
        self.top: dict[int, Callable] = {}

    def _prefill(self, token_ids, padding_mask, positions, columns):
        """Read the prompts into new caches of as many columns as `columns` has."""
        model = self._model
        batch, width = ops.shape(token_ids)
        length = ops.shape(columns)[0]
        cache = model.make_cache(batch, length)
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


def _most_probable(k):
    """Return a function of logits (B, V) to k log-probabilities and ids, (B, k)."""

    def top(logits):
        total = ops.logsumexp(logits, axis=-1, keepdims=True)
        values, ids = ops.top_k(logits, k)
        return values - total, ops.cast(ids, "int32")

    return top


def _output(model, last, hidden_states):
    logits = model.head(last)
    best = ops.cast(ops.argmax(logits, axis=-1), "int32")
    return Output(logits, best, ops.all(ops.isfinite(logits)), hidden_states)


class Session:
    """The state of one batch between two tokens.

    Args:
        model: A model with `make_cache`, `call_with_cache` and `head`.
        prompts: The batch.
        new_tokens: How many tokens may follow, at least.

    Attributes:
        output: What the model says of the token after the last one read.
        index: The column that the next token goes to.
    """

    def __init__(self, model: keras.Model, prompts: PromptBatch, new_tokens: int):
        # Kept in the model, so that both go together; not by setattr, for Keras
        # would track it.
        if _STEPS not in vars(model):
            vars(model)[_STEPS] = _Steps(model)
        self._model = model
        self._functions = vars(model)[_STEPS]
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
        self.output, self.cache = self._functions.extend(
            token_ids, self.cache, np.int32(self.index), self._mask, self._offsets
        )
        self.index += token_ids.shape[1]
        return self.output

    def rewind(self, index: int) -> None:
        """Forget the columns from `index` on; they are written anew."""
        self.index = index

    def reorder(self, rows: np.ndarray) -> None:
        """Let row i go on from what is row `rows[i]` now.

        Args:
            rows: (B',) int, B' the new number of rows.
        """
        index = ops.convert_to_tensor(np.asarray(rows, "int32"))
        self.cache = keras.tree.map_structure(
            lambda x: ops.take(x, index, axis=0), self.cache
        )
        self._mask, self._offsets = self._mask[rows], self._offsets[rows]

    def best(self) -> np.ndarray:
        """Return the most probable next ids, (B,), having read no logits."""
        self._require_numbers()
        return ops.convert_to_numpy(self.output.best)[:, -1]

    def logits(self) -> np.ndarray:
        """Return the logits of the next tokens, (B, V) float32."""
        self._require_numbers()
        return np.asarray(ops.convert_to_numpy(self.output.logits))[:, -1]

    def all_best(self) -> np.ndarray:
        """Return the most probable ids after each of the last tokens, (B, T)."""
        self._require_numbers()
        return ops.convert_to_numpy(self.output.best)

    def top(self, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the k most probable next tokens, best first.

        Args:
            k: How many, at most V.

        Returns:
            Their log-probabilities (B, k) float32 and their ids (B, k).
        """
        self._require_numbers()
        table = self._functions.top
        if k not in table:
            table[k] = compiled(_most_probable(k), self._model)
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
