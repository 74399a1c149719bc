"""Training GPT-2 124M on one GPU by `model.fit`, against Hugging Face on PyTorch.

```
python benchmarks/gpt2_on_gpu.py [--peers NAME ...] [--batch-size 16] [--steps 30]
```

Every peer trains a model of the same 124,439,808 weights in a process of its own, in
bfloat16 (weights in float32), without dropout, on the same rows of 1,024 random tokens,
with AdamW and gradients clipped to a norm of 1. kzoo trains by `fit` with the callbacks
of `kzoo train` that act at every step (no checkpoints, no files), by `fit` with the
same in a plain list, and by the loop that each backend's documentation shows; Hugging
Face's model in a loop under `torch.autocast`, as it is and compiled. Each runs alone,
`--steps` steps and `--rounds` times; the GPU is waited for at both ends.

Printed is a table of the medians: milliseconds of a step, tokens a second, the share of
the GPU's greatest speed, memory, the seconds of the first step, and the loss behind the
last one.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

LENGTH, VOCABULARY = 1024, 50257
WARM_UP = 5
HEADER = "| | ms a step | of the first | tokens/s | MFU | device MB | 1st, s | loss |\n"


def main():
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--peers", nargs="+", default=list(PEERS), choices=PEERS)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--worker", choices=PEERS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work(options)
        return
    print(HEADER + "|---" * 8 + "|", flush=True)
    base = None
    for name in options.peers:
        rounds = measured(name, options)
        if not rounds:
            print(f"| {name} | failed | | | | | | |", flush=True)
            continue
        ms = statistics.median(each["ms"] for each in rounds)
        base = base or ms
        print(row(name, ms, base, rounds[-1]), flush=True)


def measured(name, options):
    """Return what a peer tells of its rounds, in a process of its own."""
    sizes = {key: str(getattr(options, key)) for key in ("batch_size", "steps")}
    sizes = [f"--{key.replace('_', '-')}={value}" for key, value in sizes.items()]
    run = subprocess.run(
        [sys.executable, __file__, "--worker", name, *sizes]
        + [f"--rounds={options.rounds}"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "KERAS_BACKEND": PEERS[name][0]},
    )
    return [json.loads(x) for x in run.stdout.splitlines() if x.startswith("{")]


def row(name, ms, base, last) -> str:
    """Return a row of the table."""
    return (
        f"| {name} | {ms:.1f} | {ms / base:.3f} | {last['tokens'] / ms * 1e3:,.0f} "
        f"| {last['mfu_ms'] / ms:.3f} | {last['memory']:,.0f} "
        f"| {last['first']:.1f} | {last['loss']:.3f} |"
    )


def work(options):
    """Be a peer, and print a line for each round."""
    make = PEERS[options.worker][1]
    begun = time.perf_counter()
    turn, model_flops, peak, memory = make(options)
    turn(1)
    first = time.perf_counter() - begun
    turn(WARM_UP)
    tokens = options.batch_size * LENGTH
    for _ in range(options.rounds):
        seconds, loss = turn(options.steps)
        answer = {
            "ms": seconds / options.steps * 1e3,
            "tokens": tokens,
            "mfu_ms": model_flops * tokens / peak * 1e3,
            "memory": memory() / 2**20,
            "first": first,
            "loss": loss,
        }
        print(json.dumps(answer), flush=True)


def token_stream(options):
    """Return random tokens: rows for a few hundred steps."""
    import numpy as np

    rng = np.random.default_rng(0)
    return rng.integers(0, VOCABULARY, 300 * options.batch_size * LENGTH, "uint16")


# kzoo: fit, and a loop by hand


def kzoo_model():
    """Return GPT-2 124M, compiled, without dropout."""
    import keras

    from kzoo import models, training

    keras.config.set_dtype_policy("mixed_bfloat16")
    training.set_seed(0)
    off = {"dropout": 0.0, "embedding_dropout": 0.0, "attention_dropout": 0.0}
    model = models.GPT2CausalLM.from_preset("gpt2", **off)
    optimizer = training.adamw(6e-4, weight_decay=0.1, clip_norm=1.0)
    training.compile_language_model(model, optimizer, metrics=())
    return model


def kzoo_facts(model):
    """Return FLOPs of a token, the GPU's peak, and its memory as functions."""
    from kzoo.models.flops import training_flops_per_token
    from kzoo.training.device_figures import device_names, peak_flops, peak_memory

    peak = peak_flops(device_names()[0], "mixed_bfloat16")
    flops = training_flops_per_token(model, LENGTH)
    return flops, peak, lambda: peak_memory()["device"]


def rows_of(options, steps):
    """Return the batches of so many steps."""
    import numpy as np

    import kzoo.data
    from kzoo.data.token_stream import TokenStream

    tokens = token_stream(options)
    stream = TokenStream(tokens, np.array([[0, len(tokens), len(tokens)]]))
    sizes = {"batch_size": options.batch_size, "steps_per_epoch": steps}
    return kzoo.data.packed(stream, LENGTH, seed=0, padding_mask=False, **sizes)


def by_fit(options, ahead=True):
    """Train by `fit`, with callbacks of `kzoo train`."""
    import keras

    from kzoo import training
    from kzoo.data import SetEpoch

    class Clock(keras.callbacks.Callback):
        """Times the steps behind the first one, without the start and end of `fit`."""

        takes_step_logs = True

        def on_train_batch_end(self, batch, logs=None):
            if batch == 0:
                wait_for(self.model)
                self.begun = time.perf_counter()

        def on_epoch_end(self, epoch, logs=None):
            wait_for(self.model)
            self.seconds = time.perf_counter() - self.begun

    model, clock = kzoo_model(), Clock()
    common = [clock, training.SkipNonFinite(), training.InterruptBetweenSteps()]

    def turn(steps):
        batches = rows_of(options, steps + 1)
        callbacks = [
            SetEpoch(batches),
            *common,
            training.ThroughputLog(options.batch_size, tokens=LENGTH),
            training.Progress(1, 10**6, tokens=LENGTH, stream=open(os.devnull, "w")),
        ]
        if ahead:
            sizes = {"epochs": 1, "steps": steps + 1}
            callbacks = training.CallbackList(callbacks, model, **sizes)
        history = model.fit(batches, callbacks=callbacks, verbose=0).history
        return clock.seconds, history["loss"][-1]

    return (turn, *kzoo_facts(model))


def wait_for(model):
    """Wait until a model's weights are there, on PyTorch the whole GPU."""
    import keras

    if keras.backend.backend() == "torch":
        import torch

        torch.cuda.synchronize()
    elif getattr(model, "_jax_state", None):
        import jax

        jax.block_until_ready(model._jax_state["trainable_variables"])


def by_hand(options):
    """Train by the loop of the backend's documentation."""
    import fit_overhead
    import keras

    model = kzoo_model()
    model.optimizer.build(model.trainable_variables)
    step = fit_overhead.STEPS[keras.backend.backend()](model)

    def turn(steps):
        batches = iter(rows_of(options, steps + 1))
        float(step(next(batches)))
        begun = time.perf_counter()
        for batch in batches:
            loss = step(batch)
        loss = float(loss)
        wait_for(model)
        return time.perf_counter() - begun, loss

    return (turn, *kzoo_facts(model))


# Hugging Face


def hugging_face(options, compiled=False):
    """Train transformers' model by a loop in PyTorch."""
    import torch
    from torch.nn import functional
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    off = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
    config = GPT2Config(use_cache=False, attn_implementation="sdpa", **off)
    model = GPT2LMHeadModel(config).cuda().train()
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=6e-4, weight_decay=0.1, fused=True
    )
    forward = torch.compile(model) if compiled else model
    tokens = torch.from_numpy(token_stream(options).astype("int64"))
    rows = tokens.view(-1, options.batch_size, LENGTH)

    def step(ids):
        with torch.autocast("cuda", torch.bfloat16):
            logits = forward(input_ids=ids).logits[:, :-1]
            loss = functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss.detach()

    def turn(steps):
        torch.cuda.synchronize()
        begun = time.perf_counter()
        for index in range(steps):
            loss = step(rows[index % len(rows)].cuda(non_blocking=True))
        loss = float(loss)
        torch.cuda.synchronize()
        return time.perf_counter() - begun, loss

    from kzoo.training.device_figures import peak_flops

    width, weights = config.n_embd, sum(p.numel() for p in model.parameters())
    weights -= config.n_positions * width
    flops = 6.0 * weights + 12.0 * config.n_layer * width * LENGTH
    peak = peak_flops(torch.cuda.get_device_name(0), "mixed_bfloat16")
    return turn, flops, peak, torch.cuda.max_memory_allocated


def hugging_face_compiled(options):
    """Train transformers' model, compiled."""
    return hugging_face(options, compiled=True)


PEERS = {
    "hf-torch": ("torch", hugging_face),
    "hf-torch-compiled": ("torch", hugging_face_compiled),
    "kzoo-jax-fit": ("jax", by_fit),
    "kzoo-jax-fit-plain": ("jax", lambda options: by_fit(options, ahead=False)),
    "kzoo-jax-loop": ("jax", by_hand),
    "kzoo-torch-fit": ("torch", by_fit),
    "kzoo-torch-loop": ("torch", by_hand),
}

if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).parent))
    main()
