"""A process of a group: `python worker.py STRATEGY FAMILY FOLDER OPTIONS`."""

import json
import os
import pathlib
import sys
import time

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

from kzoo import training  # noqa: E402
from kzoo.models import layout_map  # noqa: E402


def main(strategy, family, folder, options):
    """Train, and leave weights and history of each process in the folder."""
    options = json.loads(options)
    told = "timeout", "micro_batches"
    made = {name: options.pop(name) for name in told if name in options}
    if strategy == "model-parallel":
        made["layouts"] = layout_map(options.pop("layouts_of"))
    strategy = training.strategy(strategy, **made)  # before anything is computed
    import keras
    import numpy as np

    from kzoo.training.checkpoints.host import host_view
    from support.trainings import data_of, inputs_of, trained

    folder = pathlib.Path(folder)
    (folder / f"pid-{strategy.rank}").write_text(str(os.getpid()))
    saved, pause = options.pop("every_steps", None), options.pop("pause", 0)

    def callbacks(data):
        if saved:
            yield training.Checkpoints(folder / "saved", data, every_steps=saved)

        def note(*_, **__):
            with open(folder / f"steps-{strategy.rank}", "a", encoding="utf-8") as file:
                file.write("x")
            time.sleep(pause)

        yield keras.callbacks.LambdaCallback(on_train_batch_end=note)

    model, history = trained(family, strategy, callbacks=callbacks, **options)
    data = data_of(family)
    predicted = model.predict(inputs_of(data), verbose=0)
    weights = {f"w{i}": host_view(w) for i, w in enumerate(model.weights)}
    path = folder / f"{strategy.rank}.npz"
    np.savez(path, history=json.dumps(history), predicted=predicted, **weights)


if __name__ == "__main__":
    main(*sys.argv[1:])
