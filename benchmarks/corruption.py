"""Flip bits and cut files of checkpoints and presets at random; count what is found.

```
KERAS_BACKEND=torch python benchmarks/corruption.py --trials 100000
```

Each trial damages one file of a folder (half of them a bit, half of them its length),
asks the check that every load begins with, and puts the file back; `--loads` more are
loaded as a user would. All must be found, by the error that is meant for it: nothing
may load in silence, nothing may crash.
"""

import argparse
import json
import pathlib
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "tests"))


def main():
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--trials", type=int, default=100_000, help="of both kinds")
    parser.add_argument("--loads", type=int, default=500, help="of each, loaded whole")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    from support.damage import count_found

    results, right = {}, True
    with tempfile.TemporaryDirectory() as scratch:
        for name, folder, check, load, error in kinds(pathlib.Path(scratch)):
            began = time.monotonic()
            half = options.trials // 2
            counts = count_found(folder, check, half, options.seed)
            loads = count_found(folder, load, options.loads, options.seed + 1)
            check(folder)  # whole again
            right &= set(counts) == {error} and set(loads) == {error}
            results[name] = {
                "trials": half,
                "found": {str(k): v for k, v in counts.items()},
                "loads": options.loads,
                "found_by_loading": {str(k): v for k, v in loads.items()},
                "seconds": round(time.monotonic() - began),
            }
    print(json.dumps({"all_found": right, **results}, indent=1))
    sys.exit(0 if right else 1)


def kinds(scratch):
    """Yield each kind of folder with its check, its loader and the error's name."""
    import keras
    import numpy as np

    from kzoo.models import TextClassifier, preset_folder
    from kzoo.tokenizers import WordPieceTokenizer
    from kzoo.training import Checkpoints
    from kzoo.training.checkpoints.reading import Checkpoint, verify

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad"]
    model = TextClassifier(
        vocabulary_size=len(words),
        hidden_dim=8,
        num_layers=1,
        num_heads=2,
        intermediate_dim=11,
        max_sequence_length=7,
        label_names=("bad", "good"),
        tokenizer=WordPieceTokenizer(words),
    )
    model.save_to_preset(scratch / "preset")
    yield (
        "preset",
        scratch / "preset",
        preset_folder.verify,
        TextClassifier.from_preset,
        "InputError",
    )
    small = keras.Sequential([keras.Input((5,)), keras.layers.Dense(3)])
    small.compile("adam", loss="mse")
    saves = Checkpoints(scratch / "checkpoints")
    x = np.zeros((8, 5), "float32")
    small.fit(x, x[:, :3], verbose=0, callbacks=[saves])
    folder = max((scratch / "checkpoints").glob("step-*"))
    yield "checkpoint", folder, verify, Checkpoint, "DamagedCheckpoint"


if __name__ == "__main__":
    main()
