"""One trainer of nano_gpt.py in a process of its own, which takes turns.

Each line that comes in lets a trainer take one turn of steps; a line of JSON goes out:
its seconds, those of the first step of all within them, and where it is time the loss
of the whole validation split, which is not counted.
"""

import json
import os
import sys
import time


def read_text(path: str):
    """Return tokenizer, training and validation stream, cut 90/10 as nanoGPT does."""
    import kzoo.data
    from kzoo.tokenizers import CharacterTokenizer

    with open(path, encoding="utf-8") as file:
        tokenizer = CharacterTokenizer.train([file.read()])
    options = {"validation_share": 0.1, "test_share": 0.0}
    train, held_out = (
        kzoo.data.read_stream(path, split, tokenizer, **options)
        for split in ("train", "validation")
    )
    return tokenizer, train, held_out


def tell(**values) -> None:
    """Answer the process that gives the turns."""
    print(json.dumps(values), flush=True)


def wait() -> bool:
    """Wait for a turn; False where there are no more."""
    return bool(sys.stdin.readline().strip())


def baseline(path: str, options: dict) -> None:
    """Train the recipe in plain PyTorch."""
    _, train, held_out = read_text(path)
    from nano_gpt_torch import Training

    training = Training(train.tokens, held_out.tokens, options["seed"])
    tell(ready=True)
    turn = 0
    while wait():
        start = time.perf_counter()
        training.run(1 if turn == 0 else 0)
        first = time.perf_counter() - start
        training.run(options["turn"] - (turn == 0))
        seconds = time.perf_counter() - start
        turn += 1
        due = turn % options["evaluate"] == 0
        loss = training.evaluate() if due else None
        tell(seconds=seconds, first=first if turn == 1 else 0.0, loss=loss)


def kzoo_training(path: str, options: dict) -> None:
    """Train the preset with `model.fit`, as `kzoo train` does it."""
    import keras

    import kzoo.data
    from kzoo.cli.optimization import make_optimizer, set_steps
    from kzoo.models import GPT2CausalLM
    from kzoo.models.recipes import recipe
    from kzoo.training import (
        RequireFiniteLoss,
        compile_language_model,
        measure_perplexity,
        set_seed,
    )

    if keras.backend.backend() == "torch":
        import torch

        torch.set_num_threads(2)
    tokenizer, train, held_out = read_text(path)
    settings = {**recipe("gpt2-nano"), "steps": options["steps"]}
    set_seed(options["seed"])
    model = GPT2CausalLM.from_preset("gpt2-nano", tokenizer=tokenizer)
    batches = kzoo.data.packed(
        train,
        model.max_sequence_length,
        batch_size=settings["batch_size"],
        seed=options["seed"],
        steps_per_epoch=options["turn"],
    )
    set_steps(settings, options["turn"])
    shortest = settings["total_steps"] // 10  # as `kzoo train` cuts the warm-up
    settings["warmup_steps"] = min(settings["warmup_steps"], shortest)
    compile_language_model(model, make_optimizer(settings), metrics=("accuracy",))

    class Turns(keras.callbacks.Callback):
        """An epoch is a turn."""

        def on_epoch_begin(self, epoch, logs=None):
            if not wait():
                sys.exit()
            self.first = 0.0
            self.start = time.perf_counter()

        def on_train_batch_end(self, batch, logs=None):
            if batch == 0 and not self.first:
                self.first = time.perf_counter() - self.start

        def on_epoch_end(self, epoch, logs=None):
            seconds = time.perf_counter() - self.start
            done = epoch + 1
            due = done == settings["epochs"] or done % options["evaluate"] == 0
            loss = measure_perplexity(model, held_out, batch_size=64).loss if due else 0
            first = self.first if epoch == 0 else 0.0
            tell(seconds=seconds, first=first, loss=loss if due else None)

    tell(ready=True)
    model.fit(
        batches,
        epochs=settings["epochs"],
        callbacks=[kzoo.data.SetEpoch(batches), RequireFiniteLoss(), Turns()],
        verbose=0,
    )


def losses(path: str, options: dict) -> None:
    """Tell the loss of each of the first steps, from the weights of a folder."""
    import kzoo.data
    from kzoo.cli.optimization import make_optimizer, set_steps
    from kzoo.models import GPT2CausalLM
    from kzoo.models.recipes import recipe
    from kzoo.training import compile_language_model

    tokenizer, train, _ = read_text(path)
    model = GPT2CausalLM.from_preset(options["weights"])
    settings = recipe("gpt2-nano")
    batches = kzoo.data.packed(
        train, model.max_sequence_length, batch_size=settings["batch_size"], seed=0
    ).batches
    set_steps(settings, len(batches))
    compile_language_model(model, make_optimizer(settings))
    found = []
    for step in range(options["steps"]):
        inputs, labels, weights = batches.batch(0, step)
        found.append(float(model.train_on_batch(inputs, labels, weights)))
    tell(losses=found)


def weights(path: str, options: dict) -> None:
    """Write the weights that `losses` starts from."""
    from kzoo.models import GPT2CausalLM
    from kzoo.training import set_seed

    tokenizer, _, _ = read_text(path)
    set_seed(0)
    model = GPT2CausalLM.from_preset("gpt2-nano", tokenizer=tokenizer)
    model.save_to_preset(options["weights"])
    tell(ready=True)


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    work = {x.__name__: x for x in (baseline, kzoo_training, losses, weights)}
    work[sys.argv[1]](sys.argv[2], json.loads(sys.argv[3]))
