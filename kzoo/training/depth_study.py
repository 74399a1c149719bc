"""What depth does to gradients, activations and training, recipe by recipe.

Four questions, each answered by a table of rows: how large the gradients and the
activations of each layer are before training, what the loss is after a fixed number
of steps, and which learning rates a stack bears.
"""

import csv
import dataclasses
import os
from collections.abc import Callable, Iterable

import keras
import numpy as np

from kzoo.files import replacing
from kzoo.training.depth_stacks import (
    CLASSES,
    FEATURES,
    LENGTH,
    RECIPES,
    TOKENS,
    make_stack,
)
from kzoo.training.seeding import set_seed

Row = dict[str, str | int | float]
BATCH = 64
# The loss of a stack that knows nothing: it has learnt under 0.9 of that.
CHANCE = {"mlp": np.log(CLASSES), "encoder": np.log(TOKENS)}
LEARNT = 0.9
_STACK = ("kind", "recipe", "depth")
COLUMNS = {
    "layers": (*_STACK, "layer", "gradient", "activation"),
    "losses": (*_STACK, "warmup", "rate", "first", "last"),
    "rates": (*_STACK, "largest_rate"),
}


@dataclasses.dataclass(frozen=True)
class Setting:
    """How much is measured.

    Attributes:
        kind: `"mlp"` or `"encoder"`.
        recipes: Names of `RECIPES`.
        depths: Blocks, smallest first; the last is that of the first two questions.
        train_depths: Those that are trained.
        steps: Of each training.
        rate: Learning rate of the third question.
        rates: Those that are tried in the fourth.
        warmup_recipes: Those that are also trained with the rate rising over the
            first fifth of the steps.
    """

    kind: str
    recipes: tuple[str, ...]
    depths: tuple[int, ...]
    train_depths: tuple[int, ...]
    steps: int
    rate: float
    rates: tuple[float, ...]
    warmup_recipes: tuple[str, ...] = ()


_MLP = tuple(name for name in RECIPES if name != "parallel")
SETTINGS = {
    "quick": (
        Setting(
            "mlp",
            ("plain", "none", "pre", "post", "re-zero", "deep-norm"),
            (24,),
            (2, 24),
            40,
            3e-3,
            (3e-3, 3e-2),
        ),
        Setting(
            "encoder",
            ("plain", "pre", "post", "deep-norm"),
            (6,),
            (2, 6),
            60,
            3e-3,
            (3e-3, 3e-2),
            warmup_recipes=("pre", "post"),
        ),
    ),
    "full": (
        Setting(
            "mlp",
            _MLP,
            (2, 8, 32, 128),
            (2, 4, 8, 16, 32, 64, 128),
            300,
            3e-3,
            (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1),
            warmup_recipes=("pre", "post", "deep-norm"),
        ),
        Setting(
            "encoder",
            tuple(RECIPES),
            (2, 8, 32, 128),
            (2, 6, 12, 24, 48, 104),
            400,
            1e-3,
            (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2),
            warmup_recipes=("pre", "post", "deep-norm"),
        ),
    ),
}


def run_study(
    settings: Iterable[Setting],
    seed: int = 0,
    say: Callable[[str], None] = lambda text: None,
    folder: str | os.PathLike | None = None,
) -> dict[str, list[Row]]:
    """Measure everything that the settings ask for.

    Args:
        settings: One for each kind of stack; `SETTINGS` has two of each size.
        seed: Of weights and data.
        say: Called with a line for each stack.
        folder: Where the tables are written after each stack, or None: what hours
            have measured is kept if the last hour is not waited for.

    Returns:
        `"layers"`: gradient norm and activation scale of each block before training.
        `"losses"`: the loss after the steps by depth, with and without warm-up.
        `"rates"`: the largest learning rate that learns by depth; nan if none does.
    """
    tables: dict[str, list[Row]] = {name: [] for name in COLUMNS}
    for setting in settings:
        for name in setting.recipes:
            for depth in sorted({*setting.depths, *setting.train_depths}):
                say(f"{setting.kind} {name} {depth}")
                stack = _Stack(setting, name, depth, seed)
                row = {"kind": setting.kind, "recipe": name, "depth": depth}
                if depth in setting.depths:
                    tables["layers"] += [{**row, **x} for x in stack.by_layer()]
                if depth in setting.train_depths:
                    tables["losses"] += [{**row, **x} for x in stack.losses()]
                    tables["rates"].append({**row, **stack.largest_rate()})
                if folder is not None:
                    write_tables(tables, folder)
                keras.utils.clear_session(free_memory=False)
    return tables


def write_tables(tables: dict[str, list[Row]], folder: str | os.PathLike) -> None:
    """Write each table as a CSV file of its name.

    Args:
        tables: What `run_study` returned.
        folder: Where to; made if it does not exist.
    """
    for name, rows in tables.items():
        with replacing(os.path.join(folder, f"{name}.csv")) as path:
            with open(path, "w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, COLUMNS[name])
                writer.writeheader()
                writer.writerows(rows)


def read_tables(folder: str | os.PathLike) -> dict[str, list[Row]]:
    """Return the tables that `write_tables` wrote.

    Args:
        folder: Where they lie.

    Returns:
        The rows by name; what looks like a number is one.
    """
    tables = {}
    for name in COLUMNS:
        path = os.path.join(folder, f"{name}.csv")
        with open(path, newline="", encoding="utf-8") as file:
            tables[name] = [
                {key: _number(value) for key, value in row.items()}
                for row in csv.DictReader(file)
            ]
    return tables


def _number(text: str) -> str | int | float:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def batches(kind: str, seed: int):
    """Yield batches for ever, the same of one seed.

    An MLP learns which of four random directions is nearest to a bent input, an
    encoder to say a sequence of tokens backwards.

    Args:
        kind: `"mlp"` or `"encoder"`.
        seed: Of the draws.

    Yields:
        Inputs and the right classes.
    """
    rng = np.random.default_rng(seed)
    directions = rng.standard_normal((FEATURES, 64)), rng.standard_normal((64, CLASSES))
    while True:
        if kind == "mlp":
            x = rng.standard_normal((BATCH, FEATURES)).astype("float32")
            yield x, (np.tanh(x @ directions[0]) @ directions[1]).argmax(-1)
        else:
            x = rng.integers(0, TOKENS, (BATCH, LENGTH)).astype("int32")
            yield x, x[:, ::-1]


class _Stack:
    """One stack, which is measured and trained from the same start each time."""

    def __init__(self, setting: Setting, name: str, depth: int, seed: int):
        self.setting, self.name, self.depth, self.seed = setting, name, depth, seed
        set_seed(seed)
        self.model = make_stack(setting.kind, name, depth)
        self.start = self.model.get_weights()
        self.compiled = False

    def by_layer(self):
        """Return gradient norm and activation scale of each block."""
        blocks = [self.model.get_layer(f"block_{i}") for i in range(self.depth)]
        x, y = next(batches(self.setting.kind, self.seed + 1))
        probe = keras.Model(self.model.input, [block.output for block in blocks])
        outputs = probe.predict_on_batch(x)
        recorder = GradientRecorder()
        self.model.compile(recorder, _loss(), jit_compile=False)
        self.model.train_on_batch(x, y)
        rows = []
        outputs = outputs if isinstance(outputs, list) else [outputs]
        for index, (block, output) in enumerate(zip(blocks, outputs, strict=True)):
            norm = recorder.norm(block.trainable_variables)
            scale = float(np.std(np.asarray(output, "float64")))
            rows.append({"layer": index + 1, "gradient": norm, "activation": scale})
        return rows

    def losses(self):
        """Return the last loss, and with warm-up where that is asked for."""
        rate, steps = self.setting.rate, self.setting.steps
        first, last = self._train(rate)
        rows = [{"warmup": 0, "rate": rate, "first": first, "last": last}]
        if self.name in self.setting.warmup_recipes:
            warmup = steps // 5
            first, last = self._train(rate, warmup)
            rows.append({"warmup": warmup, "rate": rate, "first": first, "last": last})
        return rows

    def largest_rate(self):
        """Return the largest learning rate that learns, or nan."""
        for rate in sorted(self.setting.rates, reverse=True):
            _, last = self._train(rate)
            if last < LEARNT * CHANCE[self.setting.kind]:
                return {"largest_rate": rate}
        return {"largest_rate": float("nan")}

    def _train(self, rate, warmup=0):
        """Train from the start; return the first loss and the mean of the last.

        Args:
            rate: The learning rate, constant after the warm-up.
            warmup: Steps over which it rises from zero.
        """
        if not self.compiled:
            self.model.compile(keras.optimizers.Adam(), _loss(), jit_compile=False)
            self.model.optimizer.build(self.model.trainable_variables)
            self.compiled = True
        optimizer = self.model.optimizer
        for variable in optimizer.variables:
            variable.assign(np.zeros(variable.shape, variable.dtype))
        self.model.set_weights(self.start)
        data, losses = batches(self.setting.kind, self.seed + 1), []
        for step in range(self.setting.steps):
            optimizer.learning_rate = rate * min(1.0, (step + 1) / max(warmup, 1))
            self.model.reset_metrics()
            losses.append(float(self.model.train_on_batch(*next(data))))
            if not np.isfinite(losses[-1]):
                return losses[0], float("nan")
        return losses[0], float(np.mean(losses[-max(1, len(losses) // 10) :]))


def _loss():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


class GradientRecorder(keras.optimizers.Optimizer):
    """An optimizer that keeps the gradients and changes nothing: on any backend.

    Example:
        >>> recorder = GradientRecorder()
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        >>> model.compile(recorder, "mse")
        >>> _ = model.train_on_batch(np.ones((1, 1)), np.ones((1, 1)))
        >>> recorder.norm(model.trainable_variables) > 0
        True
    """

    def __init__(self, **kwargs):
        super().__init__(learning_rate=1.0, **kwargs)

    def build(self, variables):
        """Make a place for each gradient."""
        if self.built:
            return
        super().build(variables)
        self._gradients = [
            self.add_variable_from_reference(variable, name="gradient")
            for variable in variables
        ]

    def update_step(self, gradient, variable, learning_rate):
        """Keep a gradient."""
        place = self._gradients[self._get_variable_index(variable)]
        self.assign(place, keras.ops.cast(gradient, place.dtype))

    def norm(self, variables) -> float:
        """Return the norm of the gradients of some variables together.

        Args:
            variables: Some of those that are trained.
        """
        squares = 0.0
        for variable in variables:
            place = self._gradients[self._get_variable_index(variable)]
            value = keras.ops.convert_to_numpy(place.value).astype("float64")
            squares += float(np.sum(np.square(value)))
        return squares**0.5
