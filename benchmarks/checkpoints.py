"""What a checkpoint costs a training: GPT-2 of 124 million weights, with AdamW.

    KERAS_BACKEND=torch .venv/bin/python benchmarks/checkpoints.py

The training waits while its state is copied in memory; a thread writes the copy.
Prints, as JSON, the seconds of both, and the share of the training's time that the copy
takes at one save a minute. The first copy maps its memory and takes longer; the later
ones count.
"""

import argparse
import json
import pathlib
import statistics
import tempfile
import time


def main() -> None:
    """Measure on the backend in use."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", default="gpt2")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", help="where to write; a temporary one by default")
    options = parser.parse_args()
    import keras

    from kzoo.models import GPT2CausalLM
    from kzoo.training import adamw
    from kzoo.training.checkpoints.model_state import HostCopy
    from kzoo.training.checkpoints.snapshot import Place, Snapshot
    from kzoo.training.checkpoints.store import Store

    model = GPT2CausalLM.from_preset(options.preset)
    model.compile(adamw(1e-4), "sparse_categorical_crossentropy")
    model.optimizer.build(model.trainable_variables)
    copy, copies, writes = HostCopy(), [], []
    size = 0
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        store = Store(pathlib.Path(name), keep=1)
        for step in range(options.rounds):
            began = time.perf_counter()
            place = Place(step, 0, step, 0, False)
            snapshot = Snapshot.take(model, {}, place, copy)
            copied = time.perf_counter()
            folder = store.save(step, "", snapshot.files())
            writes.append(time.perf_counter() - copied)
            copies.append(copied - began)
            size = sum(path.stat().st_size for path in folder.iterdir())
    later = statistics.median(copies[1:])
    print(
        json.dumps(
            {
                "backend": keras.backend.backend(),
                "preset": options.preset,
                "megabytes": round(size / 1e6, 1),
                "first_copy_seconds": round(copies[0], 3),
                "copy_seconds": round(later, 3),
                "write_seconds": round(statistics.median(writes), 3),
                "share_at_one_a_minute": round(later / 60.0, 5),
            }
        )
    )


if __name__ == "__main__":
    main()
