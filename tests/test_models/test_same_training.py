"""The same training, step by step, on every backend."""

import json
import os
import subprocess
import sys

import pytest
from support.repository import ROOT

from kzoo.models import GPT2CausalLM
from kzoo.tokenizers import CharacterTokenizer

STEPS = 100
CHILD = """
import json, sys
import keras
import kzoo.data
from kzoo.cli.optimization import make_optimizer, set_steps
from kzoo.models import GPT2CausalLM
from kzoo.models.recipes import recipe
from kzoo.training import compile_language_model

weights, text, steps = sys.argv[1], sys.argv[2], int(sys.argv[3])
model = GPT2CausalLM.from_preset(weights)
settings = recipe("gpt2-nano")
batches = kzoo.data.load(
    text, "train", model, batch_size=settings["batch_size"], seed=0
).batches
set_steps(settings, len(batches))
compile_language_model(model, make_optimizer(settings))
losses = [
    float(model.train_on_batch(*batches.batch(*divmod(step, len(batches)))))
    for step in range(steps)
]
print(json.dumps([keras.backend.backend(), losses]))
"""


@pytest.mark.slow
@pytest.mark.backend_free
def test_the_losses_of_a_recipe_are_alike_on_every_backend(tmp_path, shared_data):
    """The nano preset, 100 steps of its recipe from the same weights: within 1e-3."""
    text = shared_data / "tiny_shakespeare" / "input.txt"
    tokenizer = CharacterTokenizer.train([text.read_text()])
    weights = tmp_path / "weights"
    model = GPT2CausalLM.from_preset("gpt2-nano", tokenizer=tokenizer)
    assert model.count_params() == 809_856
    model.save_to_preset(weights)
    found = {}
    for backend in ("tensorflow", "jax", "torch"):
        done = subprocess.run(
            [sys.executable, "-c", CHILD, weights, text, str(STEPS)],
            capture_output=True,
            text=True,
            cwd=ROOT,
            env={
                **os.environ,
                "KERAS_BACKEND": backend,
                "OMP_WAIT_POLICY": "PASSIVE",
            },
        )
        assert done.returncode == 0, done.stderr
        ran, found[backend] = json.loads(done.stdout.splitlines()[-1])
        assert ran == backend
    reference = found["tensorflow"]
    assert reference[-1] < 0.7 * reference[0]  # it learns, so that steps count
    for losses in found.values():
        assert losses == pytest.approx(reference, abs=1e-3)
