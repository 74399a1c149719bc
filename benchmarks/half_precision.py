"""How far two devices come from one after fifty steps, in half precision too.

```
python benchmarks/half_precision.py --backend jax --rates 1e-4 3e-3
```

Trains a small model of each family (dropout, clipped gradients, last batches that are
smaller; the tests' own) on one device and on two, 51 steps, and prints the greatest
difference of a weight as a share of its matrix's greatest entry; of batches that the
one device computes whole, and that all compute in two parts. Beside it stands what one
device makes of weights of which one in ten starts one last digit away: no two devices
that round in another order can be nearer than that for long. On torch, whose devices
are processes, that alone.
"""

import argparse
import contextlib
import json
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "tests"))
FAMILIES = ("classifier", "gpt2", "translator")
POLICIES = ("float32", "mixed_bfloat16", "mixed_float16")
STRATEGIES = {"tensorflow": "mirrored", "jax": "data-parallel"}


def main():
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--backend", default=os.environ.get("KERAS_BACKEND", "jax"))
    parser.add_argument("--rates", type=float, nargs="+", default=[1e-4, 3e-3])
    parser.add_argument("--epochs", type=int, default=17, help="of three steps")
    parser.add_argument("--families", nargs="+", choices=FAMILIES, default=FAMILIES)
    options = parser.parse_args()
    os.environ["KERAS_BACKEND"] = options.backend
    have_two_devices(options.backend)
    for row in rows(options):
        print(json.dumps(row), flush=True)


def have_two_devices(backend):
    """Let the CPU be two devices, before the backend looks for them."""
    if backend == "jax":
        os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2"
    elif backend == "tensorflow":
        import tensorflow as tf

        (cpu,) = tf.config.list_physical_devices("CPU")
        two = [tf.config.LogicalDeviceConfiguration()] * 2
        tf.config.set_logical_device_configuration(cpu, two)


def rows(options):
    """Yield what was measured of each family, policy and rate."""
    from support.trainings import difference, trained

    from kzoo import training

    strategy = STRATEGIES.get(options.backend)
    for family in options.families:
        for policy in POLICIES:
            for rate in options.rates:

                def run(name="none", parts=1, family=family, policy=policy, rate=rate):
                    sizes = {} if name == "none" else {"devices": 2}
                    if parts > 1:
                        sizes["micro_batches"] = parts
                    made = training.strategy(name, **sizes)
                    asked = {"precision": policy, "learning_rate": rate}
                    model, _ = trained(family, made, epochs=options.epochs, **asked)
                    return model

                one = run()
                found = {"backend": options.backend, "family": family}
                found |= {"policy": policy, "rate": rate}
                if strategy:
                    found[strategy] = float(difference(one, run(strategy)))
                    one_in_parts, two_in_parts = run(parts=2), run(strategy, parts=2)
                    found["in parts"] = float(difference(one_in_parts, two_in_parts))
                with last_digits_away():
                    found["a last digit"] = float(difference(one, run()))
                yield found


@contextlib.contextmanager
def last_digits_away():
    """Let models of the tests begin with one weight in ten a last digit greater."""
    import keras
    import numpy as np
    from support import trainings

    make = trainings.model_of

    def made(family, **sizes):
        model, draws = make(family, **sizes), np.random.default_rng(1)
        for variable in model.trainable_variables:
            value = keras.ops.convert_to_numpy(variable)
            greater = np.nextafter(value, np.float32(np.inf))
            chosen = draws.random(value.shape) < 0.1
            variable.assign(np.where(chosen, greater, value))
        return model

    trainings.model_of = made
    try:
        yield
    finally:
        trainings.model_of = make


if __name__ == "__main__":
    main()
