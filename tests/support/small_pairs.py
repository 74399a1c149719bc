"""Pairs so regular that a translator learns them in a minute; its command line."""

import random

from support.commands import JIT

NOUNS = {"Hund": "dog", "Vogel": "bird", "Mann": "man", "Fisch": "fish", "Baum": "tree"}
VERBS = {"sieht": "sees", "findet": "finds", "sucht": "seeks", "kennt": "knows"}
SMALL = (
    "--set", "hidden_dim=16", "--set", "num_layers=1", "--set", "num_heads=2",
    "--set", "intermediate_dim=24", "--set", "max_sequence_length=32",
    "--vocabulary-size", 100, "--batch-size", 8, "--test-share", 0, JIT,
    "--validation-size", 0,
)  # fmt: skip


def small_pairs(count=60, seed=0):
    """Return German sentences and English ones, all different."""
    rng, found = random.Random(seed), {}
    while len(found) < count:
        (a, x), (c, z) = rng.choice([*NOUNS.items()]), rng.choice([*NOUNS.items()])
        b, y = rng.choice([*VERBS.items()])
        found[f"Der {a} {b} den {c}."] = f"The {x} {y} the {z}."
    return [*found], [*found.values()]


def write_pairs(folder, count=60, held_out=13):
    """Write `train.de`, `train.en`, and as many `val` pairs as asked for."""
    german, english = small_pairs(count + held_out)
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in (("train", slice(count)), ("val", slice(count, None))):
        for ending, side in (("de", german), ("en", english)):
            if side[rows]:
                text = "".join(f"{line}\n" for line in side[rows])
                (folder / f"{name}.{ending}").write_text(text)
    return folder


def translator_arguments(out, spec, *more, steps=4):
    """Return the command line of a training that takes some seconds."""
    return (
        "train", "translator", "--data", spec, "--source", "de", "--target", "en",
        "--preset", "translator-tiny", "--out", out, "--steps", steps, *SMALL, *more,
    )  # fmt: skip
