"""What `model.fit` with the callbacks of a run costs beside a hand-written loop.

```
python benchmarks/fit_overhead.py --backend jax --steps 500
```

Both train the character GPT of the preset gpt2-nano on Tiny Shakespeare (or on the
demo stories, without the shared data), from the same weights, on the same batches, with
the same AdamW, compiled alike. The hand-written loop is what each backend's own
documentation shows: a compiled step, a Python `for` over the batches, the loss read
every 10th step. `fit` has all that `kzoo train` gives it: throughput, lost steps,
history, progress, interruption. Both run in one process, which keeps freed memory as
`kzoo train` does, unless told to `--give-back`.

The two take turns, `--rounds` times, in pieces of `--steps` divided by the rounds, so
that a machine whose speed changes is fair to both. The answer is the ratio of the
medians of the steps' times; beside it stands the median of the rounds' own ratios, with
what it may be 95 times in 100. Ten rounds tell a tenth, 200 rounds a hundredth:

```
python benchmarks/fit_overhead.py --backend jax --steps 5000 --rounds 200
```

`--compiled` leaves `fit` out: on JAX, single steps of what it compiles take turns with
steps of the loop, each waited for. It tells a thousandth of the device's work.
"""

import argparse
import functools
import gc
import json
import math
import os
import pathlib
import statistics
import tempfile
import time

READ_EVERY = 10
LENGTH = 64  # the context of gpt2-nano
DATA = pathlib.Path(__file__).parents[2] / "shared" / "data" / "tiny_shakespeare"


def main():
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--backend", default=os.environ.get("KERAS_BACKEND", "jax"))
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--batch-size", type=int, default=12)
    parser.add_argument("--plain", action="store_true", help="fit without callbacks")
    parser.add_argument(
        "--give-back", action="store_true", help="leave freed memory to the C library"
    )
    parser.add_argument(
        "--compiled", action="store_true", help="compare the compiled steps (JAX)"
    )
    options = parser.parse_args()
    if options.compiled and options.backend != "jax":
        parser.error("--compiled is of steps that JAX compiles: add --backend jax")
    os.environ["KERAS_BACKEND"] = options.backend
    if options.backend != "tensorflow":
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    found = measure_compiled(options) if options.compiled else measure(options)
    print(json.dumps(found, indent=1))


def measure(options):
    """Return the milliseconds of a step of both, and their ratio."""
    from kzoo.training import keep_freed_memory

    keeps = not options.give_back and keep_freed_memory()
    model, by_hand, batches = made(options), made(options), data(options)
    per_round = options.steps // options.rounds
    loop = _loop_of(STEPS[options.backend](by_hand))
    fitted, own = [], []
    with tempfile.TemporaryDirectory() as folder:
        fit(model, batches, 3, folder, options.plain)  # compiles
        loop(batches, 3)
        for turn in range(options.rounds):
            pair = [
                lambda: fitted.append(
                    fit(model, batches, per_round, folder, options.plain)
                ),
                lambda: own.append(loop(batches, per_round)),
            ]
            for run in pair if turn % 2 else pair[::-1]:
                gc.collect()  # what is left of the run before, and its threads
                run()
    ratios = [round(a / b, 3) for a, b in zip(fitted, own, strict=True)]
    times = {"fit_ms": statistics.median(fitted), "loop_ms": statistics.median(own)}
    return {
        "backend": options.backend,
        "steps": per_round * options.rounds,
        "parameters": model.count_params(),
        "keeps_freed_memory": keeps,
        **{name: round(1e3 * value, 3) for name, value in times.items()},
        "ratio": round(times["fit_ms"] / times["loop_ms"], 4),
        "median_of_rounds": round(statistics.median(ratios), 4),
        "interval": interval(ratios),
        "rounds": ratios,
        "fit_rounds_ms": [round(1e3 * seconds, 1) for seconds in fitted],
        "loop_rounds_ms": [round(1e3 * seconds, 1) for seconds in own],
    }


def measure_compiled(options):
    """Return the milliseconds of the compiled steps, and their ratio."""
    import jax

    from kzoo.training import SkipNonFinite, keep_freed_memory

    keeps = not options.give_back and keep_freed_memory()
    model, by_hand, batch = made(options), made(options), next(iter(data(options)))
    if not options.plain:
        SkipNonFinite().set_model(model)
    step = STEPS["jax"](by_hand)
    runs = {"fit": _compiled(model, batch), "loop": lambda: step(batch)}
    times = {name: [] for name in runs}
    for turn in range(options.steps + 3):  # the first ones compile
        for name in sorted(runs, reverse=bool(turn % 2)):
            began = time.perf_counter()
            jax.block_until_ready(runs[name]())
            times[name].append(time.perf_counter() - began)
    pairs = zip(times["fit"][3:], times["loop"][3:], strict=True)
    ratios = [round(one / other, 4) for one, other in pairs]
    medians = {name: statistics.median(values[3:]) for name, values in times.items()}
    return {
        "backend": "jax",
        "steps": options.steps,
        "keeps_freed_memory": keeps,
        "fit_ms": round(1e3 * medians["fit"], 3),
        "loop_ms": round(1e3 * medians["loop"], 3),
        "median_of_pairs": round(statistics.median(ratios), 4),
        "interval": interval(ratios),
    }


def _compiled(model, batch):
    """Return a function that takes a step of what `fit` compiles, on one batch."""
    model._symbolic_build(data_batch=batch)
    model.make_train_function()
    kinds = "trainable", "non_trainable", "optimizer", "metrics"
    kinds = {f"{kind}_variables": True for kind in kinds}
    holder = [model._get_jax_state(**kinds, purge_model_variables=True)]

    def step():
        logs, holder[0] = model.train_function(holder[0], iter([batch]))
        return logs

    return step


def interval(values):
    """Return the two values that the median lies between, 95 times in 100.

    As many values lie below the median as heads fall in as many throws of a coin.
    """
    values, count = sorted(values), len(values)
    reach = 0.98 * math.sqrt(count)  # of the normal distribution, on either side
    below, above = math.floor(count / 2 - reach), math.ceil(count / 2 + reach)
    return [values[max(below, 0)], values[min(above, count - 1)]]


def data(options):
    """Return packed batches of characters."""
    import kzoo.data

    return kzoo.data.packed(
        kzoo.data.read_stream(_spec(), "train", _tokenizer()),
        LENGTH,
        batch_size=options.batch_size,
        seed=0,
        steps_per_epoch=max(options.steps // options.rounds, 4),
    )


def _spec():
    file = DATA / "input.txt"
    return str(file) if file.is_file() else "demo:stories"


@functools.cache
def _tokenizer():
    from kzoo.data import read_corpus
    from kzoo.tokenizers import CharacterTokenizer

    return CharacterTokenizer.train(read_corpus(_spec(), "train").documents)


def made(options):
    """Return the compiled model; the weights of two calls are equal."""
    import kzoo
    from kzoo.training import adamw, compile_language_model, set_seed

    set_seed(0)
    tokenizer = _tokenizer()
    model = kzoo.models.GPT2CausalLM.from_preset(
        "gpt2-nano", vocabulary_size=tokenizer.vocabulary_size, tokenizer=tokenizer
    )
    compile_language_model(model, adamw(1e-3), metrics=())
    model.optimizer.build(model.trainable_variables)
    return model


def fit(model, batches, steps, folder, plain):
    """Train by `fit` and return the seconds of a step, its first one left out."""
    import keras

    from kzoo import training
    from kzoo.data import SetEpoch

    class Clock(keras.callbacks.Callback):
        takes_step_logs = True

        def on_train_batch_end(self, batch, logs=None):
            if batch in (0, steps):
                float(logs["loss"])  # waits for it
            if batch == 0:
                self.began = time.perf_counter()
            self.ended, self.steps = time.perf_counter(), batch
            if batch == steps:
                self.model.stop_training = True

    clock = Clock()
    callbacks = [clock]
    if not plain:
        interruption = training.InterruptBetweenSteps()
        callbacks = [
            SetEpoch(batches),
            training.SkipNonFinite(),
            training.StopAtStep(10**9),
            training.ThroughputLog(1, tokens=LENGTH),
            interruption,
            training.BestPreset(lambda: None, None),
            training.HistoryLog(folder),
            training.Progress(1, 10**6, tokens=LENGTH, stream=open(os.devnull, "w")),
            clock,
        ]
        sizes = {"epochs": 1, "steps": len(batches.batches)}
        callbacks = training.CallbackList(callbacks, model, **sizes)
    model.fit(batches, callbacks=callbacks, verbose=0)
    return (clock.ended - clock.began) / max(clock.steps, 1)


def _loop_of(step):
    """Return a loop that takes a step on each batch and reads some losses."""

    def loop(batches, steps):
        began = None
        count = 0
        for batch in batches:
            loss = step(batch)
            if count % READ_EVERY == 0:
                float(loss)
            if began is None:
                float(loss)
                began = time.perf_counter()
            count += 1
            if count > steps:
                break
        float(loss)
        return (time.perf_counter() - began) / (count - 1)

    return loop


def on_tensorflow(model):
    """Return the step with `tf.function` and a tape."""
    import tensorflow as tf

    loss_of, optimizer = model.loss, model.optimizer

    @tf.function(jit_compile=bool(model.jit_compile))
    def step(inputs, labels, weights):
        with tf.GradientTape() as tape:
            loss = loss_of(labels, model(inputs, training=True), weights)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply(gradients, model.trainable_variables)
        return loss

    return lambda batch: step(*batch)


def on_jax(model):
    """Return the step with `jax.jit` and Keras's stateless calls."""
    import jax

    trainable = [v.value for v in model.trainable_variables]
    others = [v.value for v in model.non_trainable_variables]
    state = (trainable, others, [v.value for v in model.optimizer.variables])
    loss_of = model.loss

    def loss_and_others(trainable, others, batch):
        inputs, labels, weights = batch
        logits, others = model.stateless_call(trainable, others, inputs, training=True)
        return loss_of(labels, logits, weights), others

    def one(state, batch):
        trainable, others, slots = state
        graded = jax.value_and_grad(loss_and_others, has_aux=True)
        (loss, others), gradients = graded(trainable, others, batch)
        trainable, slots = model.optimizer.stateless_apply(slots, gradients, trainable)
        return (trainable, others, slots), loss

    compiled = jax.jit(one, donate_argnums=0)
    holder = [jax.tree.map(lambda x: x.copy(), state)]

    def step(batch):
        holder[0], loss = compiled(holder[0], batch)
        return loss

    return step


def on_torch(model):
    """Return the step with `backward` and the same optimizer."""
    import keras
    import torch

    loss_of, optimizer = model.loss, model.optimizer
    variables = list(model.trainable_variables)

    def step(batch):
        inputs, labels, weights = batch
        tensor = keras.ops.convert_to_tensor  # on the device that Keras computes with
        inputs = {name: tensor(value) for name, value in inputs.items()}
        model.zero_grad()
        logits = model(inputs, training=True)
        loss = loss_of(tensor(labels), logits, tensor(weights))
        loss.backward()
        with torch.no_grad():
            optimizer.apply([v.value.grad for v in variables], variables)
        return loss.detach()

    return step


STEPS = {"tensorflow": on_tensorflow, "jax": on_jax, "torch": on_torch}

if __name__ == "__main__":
    main()
