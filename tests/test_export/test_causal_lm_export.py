"""GPT-2's artefacts of ids: logits, and the loop that generates inside the graph."""

import json
import os

import keras
import numpy as np
import onnx
import onnxruntime
import pytest

import kzoo.export
from kzoo.generation import generate_ids
from kzoo.models import GPT2CausalLM

pytestmark = pytest.mark.tensorflow_only

CONTEXT = 37


def make_model(**changes):
    keras.utils.set_random_seed(3)
    arguments = {
        "vocabulary_size": 97,
        "hidden_dim": 12,
        "num_heads": 3,
        "initializer_range": 0.3,
        "max_sequence_length": CONTEXT,
    }
    return GPT2CausalLM.from_preset("gpt2-tiny", **{**arguments, **changes})


@pytest.fixture(scope="module")
def model():
    return make_model()


@pytest.fixture(scope="module")
def artefact(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("onnx") / "artefact"
    return folder, kzoo.export.to_onnx(model, folder)


@pytest.fixture(scope="module")
def generating(artefact):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(artefact[0] / "generate.onnx", options)


def run(session, ids, mask, count):
    feeds = {
        "input_ids": np.asarray(ids, "int64"),
        "attention_mask": np.asarray(mask, "int64"),
        "max_new_tokens": np.array(count, "int32"),
    }
    return session.run(["output_ids"], feeds)[0]


def padded(prompts, side, junk=0):
    width = max(map(len, prompts)) + 2
    ids = np.full((len(prompts), width), junk, "int64")
    mask = np.zeros_like(ids)
    for row, prompt in enumerate(prompts):
        start = width - len(prompt) if side == "left" else 0
        ids[row, start : start + len(prompt)] = prompt
        mask[row, start : start + len(prompt)] = 1
    return ids, mask


def random_prompts(lengths, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 97, length).astype("int32") for length in lengths]


def test_the_report_and_the_files(artefact):
    folder, report = artefact
    assert report.passed
    assert [item.name for item in report.signatures] == ["tokens", "generate"]
    tokens, generate = report.signatures
    assert tokens.max_absolute <= tokens.tolerance == 1e-4
    assert (1, CONTEXT) in tokens.shapes
    assert generate.identical
    assert generate.rows > 10
    assert set(os.listdir(folder)) == {"kzoo.json", "model.onnx", "generate.onnx"}
    manifest = json.loads((folder / "kzoo.json").read_text())
    assert manifest["family"] == "gpt2"
    assert "no tokenizer" in manifest["limitations"][0]


@pytest.mark.parametrize("side", ["left", "right"])
def test_rows_are_what_each_is_alone(generating, model, side):
    prompts = random_prompts([1, 11, 3, 7])
    found = run(generating, *padded(prompts, side, junk=96), 13)
    assert found.dtype == np.int64
    wanted = [generate_ids(model, [p], max_new_tokens=13)[0] for p in prompts]
    np.testing.assert_array_equal(found, wanted)
    # The model says something, and not the same to all.
    assert len({tuple(row) for row in found}) == 4
    assert len(np.unique(found)) > 10


def test_a_mask_with_holes_is_read_in_order(generating):
    (prompt,) = random_prompts([5])
    ids = np.full((1, 11), 96)
    mask = np.zeros_like(ids)
    places = [1, 2, 5, 8, 9]
    ids[0, places], mask[0, places] = prompt, 1
    alone = run(generating, prompt[None], np.ones((1, 5)), 7)
    np.testing.assert_array_equal(run(generating, ids, mask, 7), alone)


def test_generation_ends_at_the_context(generating, model):
    prompts = random_prompts([CONTEXT - 3, 2, CONTEXT])
    found = run(generating, *padded(prompts, "right"), 11)
    assert found.shape == (3, 11)
    assert (found[0, 3:] == -1).all()
    assert (found[2] == -1).all()
    wanted = generate_ids(model, prompts[:1], max_new_tokens=3)[0]
    np.testing.assert_array_equal(found[0, :3], wanted)
    assert (found[1] >= 0).all()
    # Alone, the loop is over with the row.
    assert run(generating, prompts[0][None], np.ones((1, CONTEXT - 3)), 11).shape == (
        1,
        3,
    )
    assert run(generating, prompts[2][None], np.ones((1, CONTEXT)), 11).shape == (1, 0)


def test_a_prompt_beyond_the_context_loses_its_beginning(generating):
    (prompt,) = random_prompts([CONTEXT + 9])
    found = run(generating, prompt[None], np.ones((1, CONTEXT + 9)), 5)
    kept = prompt[None, -(CONTEXT - 5) :]
    wanted = run(generating, kept, np.ones(kept.shape), 5)
    assert found.shape == (1, 5)
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("count", [0, -1])
def test_no_tokens_and_no_rows(generating, count):
    assert run(generating, np.ones((2, 3)), np.ones((2, 3)), count).shape == (2, 0)
    assert run(generating, np.ones((0, 3)), np.ones((0, 3)), 5).shape[0] == 0
    assert run(generating, np.ones((2, 0)), np.ones((2, 0)), 5).shape == (2, 5)


def test_one_loop_and_every_weight_once(artefact, model):
    graph = onnx.load(artefact[0] / "generate.onnx")
    loops = [node for node in graph.graph.node if node.op_type == "Loop"]
    assert len(loops) == 1
    assert {item.domain for item in graph.opset_import} == {""}
    body = loops[0].attribute[0].g
    kinds = [node.op_type for node in body.node]
    assert kinds.count("LayerNormalization") == 5
    inside = sum(np.prod(x.dims) for x in body.initializer)
    assert inside < 400  # constants alone
    size = sum(int(np.prod(x.shape)) for x in model.weights)
    outside = sum(int(np.prod(x.dims)) for x in graph.graph.initializer)
    assert size <= outside < size + 200
    # No cache is copied to be turned: what is carried is multiplied as it is.
    carried = {value.name for value in body.input}
    turned = [node for node in body.node if node.op_type == "Transpose"]
    assert not any(node.input[0] in carried for node in turned)
    # Query, new key, new value, what is mixed; and the keys, as ONNX Runtime fuses it.
    assert len(turned) == 2 * (4 + 1)
    # Condition, step, what is finished, the ids, the mask and two layers' caches.
    assert len(body.output) == 1 + 4 + 2 * 2


@pytest.mark.slow
def test_validate_passes_later_and_sees_another_model(artefact, model):
    assert kzoo.export.validate(artefact[0], model).passed
    other = make_model()
    table = keras.ops.convert_to_numpy(other.token.embeddings)
    other.token.embeddings.assign(table[::-1])
    report = kzoo.export.validate(artefact[0], other)
    assert not report.passed
    assert any("generate" in reason for reason in report.reasons)


@pytest.mark.slow
def test_a_mixed_precision_model_is_exported_in_float32(tmp_path):
    model = make_model(dtype="mixed_bfloat16", num_layers=1)
    report = kzoo.export.to_saved_model(model, tmp_path / "artefact")
    assert report.passed
    assert [item.name for item in report.signatures] == ["tokens"]
