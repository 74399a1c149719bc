"""Forward speed of a DistilBERT classifier: kzoo, its artefacts and its peers.

One set of random weights serves all. Each peer runs in a process of its own, the
rounds interleaved, so that a slow minute of the machine hits all alike; the figure is
the median over rounds of each peer's time over that of transformers on torch.

    python benchmarks/classifier.py [--rounds 5] [--layers 6] [--peers a,b]
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

LENGTH, BATCHES = 128, (1, 16)
PEERS = (
    "transformers",
    "kzoo-tensorflow",
    "kzoo-jax",
    "kzoo-torch",
    "kzoo-onnx",
    "kzoo-onnx-int8",
    "keras-hub-jax",
    "keras-hub-tensorflow",
)


def inputs():
    """Return ids (16, 128) and a mask of ones."""
    import numpy as np

    ids = np.random.default_rng(0).integers(5, 30_521, (max(BATCHES), LENGTH))
    return ids, np.ones_like(ids)


def transformers_forward(folder):
    """Return the forward pass of transformers on torch."""
    import torch
    from transformers import DistilBertForSequenceClassification

    model = DistilBertForSequenceClassification.from_pretrained(folder / "hf").eval()

    def run(ids, mask):
        with torch.no_grad():
            return model(torch.tensor(ids), torch.tensor(mask)).logits.numpy()

    return run


def kzoo_forward(folder):
    """Return the forward pass of kzoo on the backend of the environment."""
    import kzoo

    model = kzoo.models.TextClassifier.from_preset(folder / "hf")

    def run(ids, mask):
        return model.predict_on_batch(
            {"token_ids": ids.astype("int32"), "padding_mask": mask.astype("bool")}
        )

    return run


def onnx_forward(folder, name):
    """Return the forward pass of an artefact."""
    import onnxruntime

    session = onnxruntime.InferenceSession(folder / name / "model.onnx")

    def run(ids, mask):
        return session.run(None, {"input_ids": ids, "attention_mask": mask})[0]

    return run


def keras_hub_forward(folder):
    """Return the forward pass of KerasHub with the same sizes."""
    import keras_hub

    with open(folder / "hf" / "config.json") as file:
        config = json.load(file)
    backbone = keras_hub.models.DistilBertBackbone(
        vocabulary_size=config["vocab_size"],
        num_layers=config["n_layers"],
        num_heads=config["n_heads"],
        hidden_dim=config["dim"],
        intermediate_dim=config["hidden_dim"],
        max_sequence_length=config["max_position_embeddings"],
    )
    model = keras_hub.models.DistilBertTextClassifier(
        backbone, num_classes=2, preprocessor=None
    )

    def run(ids, mask):
        return model.predict_on_batch(
            {"token_ids": ids.astype("int32"), "padding_mask": mask.astype("int32")}
        )

    return run


def worker(peer, folder):
    """Serve timings of one peer: a line in, a line out."""
    if peer == "transformers":
        run = transformers_forward(folder)
    elif peer.startswith("kzoo-onnx"):
        run = onnx_forward(folder, peer)
    elif peer.startswith("keras-hub"):
        run = keras_hub_forward(folder)
    else:
        run = kzoo_forward(folder)
    ids, mask = inputs()
    for batch in BATCHES:
        logits = run(ids[:batch], mask[:batch])
    print(json.dumps([round(float(x), 5) for x in logits[0]]), flush=True)
    for line in sys.stdin:
        batch = int(line)
        repeats = 5 if batch == 1 else 2
        start = time.perf_counter()
        for _ in range(repeats):
            run(ids[:batch], mask[:batch])
        print((time.perf_counter() - start) / repeats, flush=True)


def prepare(folder, layers):
    """Write the weights and the artefacts that all peers read."""
    import torch
    from transformers import DistilBertConfig, DistilBertForSequenceClassification

    import kzoo

    torch.manual_seed(0)
    config = DistilBertConfig(n_layers=layers)
    DistilBertForSequenceClassification(config).save_pretrained(folder / "hf")
    model = kzoo.models.TextClassifier.from_preset(folder / "hf")
    kzoo.export.to_onnx(model, folder / "kzoo-onnx")
    kzoo.export.to_onnx(model, folder / "kzoo-onnx-int8", precision="int8")


def start(peer, folder):
    """Start the process of one peer."""
    backend = peer.rsplit("-", 1)[-1]
    backend = backend if backend in ("tensorflow", "jax", "torch") else "jax"
    return subprocess.Popen(
        [sys.executable, __file__, "--worker", peer, "--folder", str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )


def main():
    """Measure every peer and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--peers", default=",".join(PEERS))
    parser.add_argument("--worker")
    parser.add_argument("--folder", type=pathlib.Path)
    options = parser.parse_args()
    if options.worker:
        worker(options.worker, options.folder)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        environment = {**os.environ, "KERAS_BACKEND": "tensorflow"}
        call = f"prepare(pathlib.Path({name!r}), {options.layers})"
        here = str(pathlib.Path(__file__).parent)
        subprocess.run(
            [
                sys.executable,
                "-c",
                f"import sys, pathlib; sys.path.insert(0, {here!r})\n"
                f"from classifier import prepare; {call}",
            ],
            check=True,
            env=environment,
        )
        processes, digests = {}, {}
        for peer in options.peers.split(","):
            process = start(peer, folder)
            digest = process.stdout.readline().strip()
            if digest:
                processes[peer], digests[peer] = process, digest
            else:
                print(f"{peer}: not installed or failed, left out", file=sys.stderr)
        seconds = {(peer, batch): [] for peer in processes for batch in BATCHES}
        for _ in range(options.rounds):
            for batch in BATCHES:
                for peer, process in processes.items():
                    process.stdin.write(f"{batch}\n")
                    process.stdin.flush()
                    seconds[peer, batch].append(float(process.stdout.readline()))
                    time.sleep(0.35)  # threads of some runtimes spin for a while
        for process in processes.values():
            process.stdin.close()
            process.wait()
    print(
        "| peer | " + " | ".join(f"b{b} x (samples/s)" for b in BATCHES) + " | logits |"
    )
    print("|---" * (len(BATCHES) + 2) + "|")
    for peer in processes:
        cells = []
        for batch in BATCHES:
            own, base = seconds[peer, batch], seconds["transformers", batch]
            ratio = statistics.median(b / o for o, b in zip(own, base, strict=True))
            rate = batch / statistics.median(own)
            cells.append(f"{ratio:.2f} ({rate:.1f})")
        print(f"| {peer} | " + " | ".join(cells) + f" | {digests[peer]} |")


if __name__ == "__main__":
    main()
