"""A training by several processes of this host, against one by this process."""

import json
import pathlib
import sys

import numpy as np

import support.worker
from kzoo import training
from kzoo.training.distribution import launching
from support.trainings import data_of, difference, inputs_of, trained

WORKER = pathlib.Path(support.worker.__file__)


class Weights:
    """What a process left of its model."""

    def __init__(self, values) -> None:
        self.values = values

    def get_weights(self):
        """Return its weights, as a model does."""
        return self.values


def assert_trains_as_one_process(
    strategy,
    family,
    folder,
    *,
    workers=2,
    tolerance=1e-6,
    layouts_of=None,
    micro_batches=None,
    **options,
):
    """Launch a group, and compare what each of its processes came to with one's.

    Args:
        strategy: The group's.
        family: One of `support.trainings.FAMILIES`.
        folder: Where the processes leave what they came to.
        workers: How many.
        tolerance: Of weights, as a share of the greatest one of a matrix.
        micro_batches: In how many parts this process computes a batch; the others in
            as many together.
        layouts_of: Of `kzoo.models.layout_map`, for `model-parallel`.
        **options: Of `support.trainings.trained`.
    """
    told = {"layouts_of": layouts_of, "micro_batches": micro_batches}
    told = {name: value for name, value in told.items() if value}
    command = [sys.executable, str(WORKER), strategy, family, str(folder)]
    status = launching.launch([*command, json.dumps({**options, **told})], workers)
    assert status == 0
    alone = training.strategy("none", micro_batches=micro_batches)
    one, history = trained(family, alone, **options)
    expected = one.predict(inputs_of(data_of(family)), verbose=0)
    count = len(one.get_weights())
    for rank in range(workers):
        with np.load(pathlib.Path(folder, f"{rank}.npz")) as saved:
            weights = Weights([saved[f"w{i}"] for i in range(count)])
            shared = json.loads(str(saved["history"]))
            predicted = saved["predicted"]
        found = difference(one, weights)
        assert found < tolerance, f"process {rank}: {found:.1e}"
        assert shared.keys() == history.keys()
        for name, values in history.items():
            np.testing.assert_allclose(shared[name], values, rtol=10 * tolerance)
        np.testing.assert_allclose(
            predicted, expected, rtol=100 * tolerance, atol=10 * tolerance
        )
