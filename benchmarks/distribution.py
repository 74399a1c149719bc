"""What sharing a batch costs: step times on two devices and in two processes.

    python benchmarks/distribution.py [--rounds 5] [--steps 40]

A character GPT trains through `model.fit` on one device, on two logical devices of the
CPU (`mirrored`) and in two processes of this machine (`multiworker`), which share the
same cores: so the ratios are the overhead of sharing, not a gain. Peers run in turns,
each in new processes: its median step counts, and the median ratio of the rounds.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

PEERS = ("none", "mirrored", "multiworker")
BATCH, LENGTH, WIDTH, LAYERS, VOCABULARY = 16, 64, 128, 4, 65
WARM_UP = 5  # steps that compile, and find their pace


def steps_of(peer: str, steps: int) -> list[float]:
    """Train as one peer does and return the seconds of each step."""
    import keras
    import numpy as np

    from kzoo import training

    strategy = training.strategy(peer, **({"devices": 2} if peer == PEERS[1] else {}))
    from kzoo.data import TokenStream
    from kzoo.data.block_order import BlockOrder
    from kzoo.data.packed_batches import PackedBatches
    from kzoo.data.packed_tensorflow import as_tf_dataset
    from kzoo.models import GPT2CausalLM

    training.set_seed(0)
    size = BATCH * LENGTH * (steps + WARM_UP) + 1
    ids = np.random.default_rng(0).integers(0, VOCABULARY, size).astype("uint16")
    stream = TokenStream(ids, np.array([[0, size, size]]))
    order = BlockOrder(size, sequence_length=LENGTH, batch_size=BATCH)
    with strategy.scope():
        model = GPT2CausalLM(VOCABULARY, WIDTH, LAYERS, 4, LENGTH)
        training.compile_language_model(model, training.adamw(1e-3))
    ends = []
    clock = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda *_, **__: ends.append(time.perf_counter())
    )
    data = as_tf_dataset(PackedBatches(stream, order))
    model.fit(data, epochs=1, verbose=0, callbacks=[clock])
    return [b - a for a, b in zip(ends[WARM_UP:], ends[WARM_UP + 1 :], strict=False)]


def measured(peer: str, steps: int) -> float:
    """Return the median step time of a peer, in new processes."""
    from kzoo.training.distribution import launching

    with tempfile.NamedTemporaryFile("r", suffix=".json") as file:
        command = [sys.executable, __file__, "--peer", peer, "--steps", str(steps)]
        command += ["--to", file.name]
        if peer == "multiworker":
            status = launching.launch(command, 2)
        else:
            status = subprocess.run(command, check=False).returncode
        if status:
            raise SystemExit(f"{peer} failed with status {status}")
        return statistics.median(json.load(file))


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--peer", choices=PEERS, help=argparse.SUPPRESS)
    parser.add_argument("--to", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peer:
        seconds = steps_of(options.peer, options.steps)
        if os.environ.get("RANK", "0") == "0":
            with open(options.to, "w", encoding="utf-8") as file:
                json.dump(seconds, file)
        return
    rounds = [
        {peer: measured(peer, options.steps) for peer in PEERS}
        for _ in range(options.rounds)
    ]
    print("| strategy | ms per step | against one device |")
    print("|---|---|---|")
    for peer in PEERS:
        took = statistics.median(found[peer] for found in rounds)
        ratio = statistics.median(found[peer] / found["none"] for found in rounds)
        print(f"| {peer} | {took * 1e3:.1f} | {ratio:.2f} |")


if __name__ == "__main__":
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    main()
