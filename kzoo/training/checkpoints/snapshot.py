"""A training's state in memory, as the files of a checkpoint."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from kzoo.training.checkpoints import model_state
from kzoo.training.checkpoints import parts as part_states
from kzoo.training.checkpoints.errors import DamagedCheckpoint
from kzoo.training.checkpoints.random_state import random_state
from kzoo.training.checkpoints.tensor_file import chunks


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a training stands.

    Args:
        step: Steps taken in all.
        epoch: The epoch of `fit`, from 0.
        epoch_step: Steps taken of it. 0 is before its beginning, after the end of the
            one before; all of its steps are before its validation.
        data_epoch: The epoch of the data, or None where data keeps no place.
        stopped: Whether a callback has stopped the training.
    """

    step: int
    epoch: int
    epoch_step: int
    data_epoch: int | None
    stopped: bool

    @classmethod
    def of(cls, state: Mapping[str, Any], where) -> "Place":
        """Return the place in a checkpoint's state.

        Raises:
            DamagedCheckpoint: If it has none.
        """
        try:
            return cls(**state["place"])
        except (KeyError, TypeError) as error:
            raise DamagedCheckpoint(where, f"no place in it ({error})") from error


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """The state between two steps.

    Args:
        state: What `state.json` holds.
        model: Variables of the model.
        optimizer: Variables of the optimizer.
        arrays: Arrays of random states and parts.
    """

    state: dict[str, Any]
    model: dict[str, np.ndarray]
    optimizer: dict[str, np.ndarray]
    arrays: dict[str, np.ndarray]

    @classmethod
    def take(
        cls,
        model,
        parts: Mapping[str, Any],
        place: Place,
        copy: "model_state.HostCopy",
        logs: Mapping[str, float] | None = None,
    ) -> "Snapshot":
        """Copy the state of a training.

        Args:
            model: The model in `fit`.
            parts: What else has a state.
            place: Where it stands.
            copy: The memory that variables are copied to.
            logs: What the last step returned.

        Returns:
            The state, which the next step does not change.

        Raises:
            InputError: If a part's state is not JSON and arrays.
        """
        if hasattr(model, "jax_state_sync"):
            model.jax_state_sync()  # between two steps values lie with fit
        variables = model_state.variables_of(model)
        copied = copy.take(model_state.all_variables(model))
        arrays: dict[str, np.ndarray] = {}
        history = part_states.history_of(model)
        state = {
            "place": dataclasses.asdict(place),
            "logs": {name: float(value) for name, value in (logs or {}).items()},
            "backend": keras.backend.backend(),
            "keras": keras.__version__,
            "random": part_states.split(random_state(), arrays, "random"),
            "parts": _states_of(parts, arrays),
            "history": [
                part_states.split(part.state_dict(), arrays, "history")
                for part in history.values()
            ],
        }
        state["history"] = state["history"][0] if state["history"] else None
        return cls(
            state,
            *(
                {name: copied[f"{file}:{name}"] for name in variables[file]}
                for file in ("model", "optimizer")
            ),
            arrays,
        )

    @classmethod
    def of_parts(cls, parts: Mapping[str, Any]) -> "Snapshot":
        """Copy the state of parts alone, as it is before the first step."""
        arrays: dict[str, np.ndarray] = {}
        return cls({"parts": _states_of(parts, arrays)}, {}, {}, arrays)

    def files(self) -> dict[str, Any]:
        """Return the bytes of each file of a checkpoint, in parts."""
        text = json.dumps(self.state, ensure_ascii=True).encode()
        return {
            "model.safetensors": chunks(self.model),
            "optimizer.safetensors": chunks(self.optimizer),
            "arrays.safetensors": chunks(self.arrays),
            "state.json": [text],
        }


def _states_of(parts: Mapping[str, Any], arrays: dict[str, np.ndarray]) -> dict:
    return {
        name: part_states.split(part.state_dict(), arrays, f"parts/{name}")
        for name, part in parts.items()
    }
