"""Train classifiers on real data by the command line alone, and report the test sets.

Each seed is one `kzoo train` and one `kzoo evaluate`, nothing else. For IMDB the
architecture of keras.io's example "Text classification with Transformer" is trained
in the same run, for its time and accuracy.

    python benchmarks/real_data.py DATA --task imdb --seeds 5 [--baseline]

DATA is a folder that holds `imdb/`, `sst2/` and `ag_news/` as docs/data.md says.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

# Task -> what `kzoo train` gets, what `kzoo evaluate` gets.
TASKS = {
    "imdb": (
        ["--data", "{data}/imdb", "--preset", "encoder-small"]
        + ["--validation-share", "0"],
        ["--data", "{data}/imdb", "--split", "test"],
    ),
    "sst2": (
        ["--data", "{data}/sst2/glue_train.tsv", "--preset", "encoder-small"]
        + ["--validation", "{data}/sst2/glue_dev.tsv", "--empty-text", "drop"],
        ["--data", "{data}/sst2/stsa.binary.test", "--format", "label-text"]
        + ["--split", "all"],
    ),
    "ag_news": (
        ["--data", "{data}/ag_news/train_10k_description.tsv"]
        + ["--preset", "encoder-small"],
        ["--data", "{data}/ag_news/test_description.tsv", "--split", "all"],
    ),
}


def kzoo(*arguments) -> dict:
    """Run one command and return its JSON object."""
    program = pathlib.Path(sys.executable).with_name("kzoo")
    command = [program, *map(str, arguments), "--json"]
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(run.stdout)


def measure(task: str, data: pathlib.Path, seed: int, extra: list[str]) -> dict:
    """Return the figures of one seed."""
    train, evaluate = TASKS[task]
    filled = [[part.format(data=data) for part in parts] for parts in (train, evaluate)]
    with tempfile.TemporaryDirectory() as folder:
        run = pathlib.Path(folder) / "run"
        begun = time.perf_counter()
        record = kzoo(
            "train", "classifier", *filled[0], "--out", run, "--seed", seed, *extra
        )
        whole = time.perf_counter() - begun
        figures = kzoo("evaluate", run, *filled[1])
    return {
        "seed": seed,
        "accuracy": figures["accuracy"],
        "macro_f1": figures["macro_f1"],
        "fit_seconds": record["seconds"]["fit"],
        "command_seconds": whole,
    }


def keras_io_baseline(data: pathlib.Path) -> dict:
    """Train keras.io's architecture: 1 block, 32 wide, 20,000 words, 200 tokens."""
    import re

    import keras
    import numpy as np
    from keras import layers, ops

    import kzoo

    def read(split):
        examples = kzoo.data.read(data / "imdb", split, validation_share=0)
        words = [re.findall(r"[a-z0-9']+", t.lower()) for t in examples.texts]
        return words, examples.labels

    (train, train_labels), (test, test_labels) = read("train"), read("test")
    counts: dict[str, int] = {}
    for text in train:
        for word in text:
            counts[word] = counts.get(word, 0) + 1
    ranked = sorted(counts, key=counts.get, reverse=True)[: 20_000 - 4]
    ids = {word: index + 4 for index, word in enumerate(ranked)}

    def encode(texts):
        rows = [[1, *(ids.get(word, 2) for word in text)] for text in texts]
        return keras.utils.pad_sequences(rows, maxlen=200)

    keras.utils.set_random_seed(0)
    tokens = keras.Input((200,), dtype="int32")
    positions = layers.Embedding(200, 32)(ops.arange(200))
    x = layers.Embedding(20_000, 32)(tokens) + positions
    attended = layers.MultiHeadAttention(num_heads=2, key_dim=32)(x, x)
    x = layers.LayerNormalization(epsilon=1e-6)(x + layers.Dropout(0.1)(attended))
    inner = layers.Dense(32)(layers.Dense(32, activation="relu")(x))
    x = layers.LayerNormalization(epsilon=1e-6)(x + layers.Dropout(0.1)(inner))
    x = layers.Dropout(0.1)(layers.GlobalAveragePooling1D()(x))
    x = layers.Dropout(0.1)(layers.Dense(20, activation="relu")(x))
    model = keras.Model(tokens, layers.Dense(2, activation="softmax")(x))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    train, test = encode(train), encode(test)
    order = np.random.default_rng(0).permutation(len(train))
    accuracies, begun = [], time.perf_counter()
    seconds = 0.0
    for _ in range(2):
        begun = time.perf_counter()
        model.fit(train[order], train_labels[order], batch_size=32, verbose=0)
        seconds += time.perf_counter() - begun
        accuracies.append(model.evaluate(test, test_labels, 256, verbose=0)[1])
    return {"accuracy_by_epoch": accuracies, "fit_seconds": seconds}


def main():
    """Print one line a seed, then mean and spread as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("--task", choices=TASKS, default="imdb")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--baseline", action="store_true")
    options, extra = parser.parse_known_args()
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if options.baseline:
        print("keras.io architecture:", keras_io_baseline(options.data), flush=True)
    results = []
    for seed in range(options.seeds):
        results.append(measure(options.task, options.data, seed, extra))
        print(json.dumps(results[-1]), flush=True)
    print("| task | seeds | accuracy, mean (min to max) | sd | fit s | whole s |")
    print("|---|---|---|---|---|---|")
    accuracy = [result["accuracy"] for result in results]
    spread = statistics.stdev(accuracy) if len(accuracy) > 1 else 0.0
    fit, whole = (
        statistics.median(r[key] for r in results)
        for key in ("fit_seconds", "command_seconds")
    )
    print(
        f"| {options.task} | {len(results)} | {statistics.mean(accuracy):.4f} "
        f"({min(accuracy):.4f} to {max(accuracy):.4f}) | {spread:.4f} "
        f"| {fit:.0f} | {whole:.0f} |"
    )


if __name__ == "__main__":
    main()
