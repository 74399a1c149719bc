"""Whether rounding explains another answer: a model that is moved by no more."""

from collections.abc import Callable

import numpy as np
from keras import ops

# By how much every logit is moved, at most: those of two runtimes may be as far apart.
_STRENGTHS = (1e-6, 1e-5, 1e-4)
_TRIES = 3
_MOST_UNEXPLAINED = 3


class NudgedModel:
    """A model whose logits are moved a little, each by another amount.

    Of two tokens, or two beams, that are as good as each other another one wins; all
    others stay where they are.

    Args:
        model: A model with `head`.
        strength: The greatest amount.
        seed: Of what the amounts depend on, beside the logits themselves.
    """

    def __init__(self, model, strength: float, seed: int):
        rng = np.random.default_rng(seed)
        self._phase = rng.uniform(0, 2 * np.pi, model.vocabulary_size).astype("float32")
        self._strength = strength
        self._model = model

    def __getattr__(self, name):
        return getattr(self._model, name)

    def head(self, hidden_states):
        """Return the logits, moved."""
        logits = self._model.head(hidden_states)
        # Of the logits too, so that one token is moved otherwise at another step.
        return logits + self._strength * ops.cos(997.0 * logits + self._phase)


class Rounding:
    """Asks a model again, with its logits moved by no more than rounding moves them.

    After a few answers that this does not explain it is asked no more: then something
    else is wrong.

    Args:
        model: A model with `head`.
    """

    def __init__(self, model):
        self._unexplained = 0
        self._models = [
            NudgedModel(model, strength, seed)
            for strength in _STRENGTHS
            for seed in range(_TRIES)
        ]

    def explains(self, answer, ask: Callable) -> bool:
        """Return whether the model, moved so, gives this very answer.

        Args:
            answer: What an artefact said.
            ask: Function of a model to what it says.
        """
        if self._unexplained >= _MOST_UNEXPLAINED:
            return False
        explained = any(np.array_equal(answer, ask(model)) for model in self._models)
        self._unexplained += not explained
        return explained
