"""GPT-2's text forms: the tokenizer, the loop and the way back in one artefact."""

import json
import os
import subprocess
import sys

import keras
import numpy as np
import onnxruntime
import pytest
from support.small_gpt2 import lettered_gpt2

import kzoo.export
from kzoo.export.graph_tokenizers import extensions_library
from kzoo.generation import Filtered, TopK, TopP, generate_ids
from kzoo.models import GPT2CausalLM
from kzoo.tokenizers import ByteBPETokenizer

pytestmark = pytest.mark.tensorflow_only

TEXTS = ["Once upon a time there was a fox", "low lower lowest \u00e9t\u00e9, 12 don't"]
PROMPTS = ["Once", "there was a low fox, don't", "\u6771\u4eac", "a<|endoftext|>b", " "]


@pytest.fixture(scope="module")
def model():
    tokenizer = ByteBPETokenizer.train(TEXTS * 3, vocabulary_size=283)
    keras.utils.set_random_seed(5)
    model = GPT2CausalLM.from_preset(
        "gpt2-tiny",
        num_layers=1,
        vocabulary_size=tokenizer.vocabulary_size + 2,
        hidden_dim=12,
        num_heads=3,
        initializer_range=0.4,
        max_sequence_length=53,
        tokenizer=tokenizer,
    )
    # The end token takes the place of one that comes in some rows.
    rows = rows_of(model, stop_ids=())
    some = next(i for i in rows[0][5:] if any(i not in row for row in rows))
    table = keras.ops.convert_to_numpy(model.token.embeddings).copy()
    table[[some, tokenizer.end_id]] = table[[tokenizer.end_id, some]]
    model.token.embeddings.assign(table)
    return model


def rows_of(model, stop_ids):
    prompts = [model.tokenizer.encode(text) for text in PROMPTS]
    return generate_ids(model, prompts, max_new_tokens=23, stop_ids=stop_ids)


@pytest.fixture(scope="module")
def onnx_folder(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("onnx") / "artefact"
    return folder, kzoo.export.to_onnx(model, folder, texts=PROMPTS)


@pytest.fixture(scope="module")
def saved_model_folder(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved_model") / "artefact"
    return folder, kzoo.export.to_saved_model(model, folder, texts=PROMPTS)


@pytest.fixture(scope="module")
def loaded(saved_model_folder):
    import tensorflow as tf

    return tf.saved_model.load(saved_model_folder[0])


def test_reports(onnx_folder, saved_model_folder):
    for (_, report), names in (
        (onnx_folder, ["tokens", "generate", "text"]),
        (saved_model_folder, ["serving_default", "tokens", "sample"]),
    ):
        assert report.passed
        assert [item.name for item in report.signatures] == names
        for item in report.signatures:
            assert item.identical
            assert item.rows > 20 or item.name == "tokens"
        assert report.limitations == ()


def test_some_rows_end_early_and_some_do_not(model):
    lengths = [len(row) for row in rows_of(model, (model.tokenizer.end_id,))]
    assert min(lengths) < 23
    assert max(lengths) == 23


def session_of(folder):
    options = onnxruntime.SessionOptions()
    options.register_custom_ops_library(extensions_library())
    return onnxruntime.InferenceSession(folder / "text.onnx", options)


def test_onnx_completions_are_those_of_generate(onnx_folder, model):
    session = session_of(onnx_folder[0])
    feeds = {"text": np.array(PROMPTS, object), "max_new_tokens": np.array(23, "int32")}
    (found,) = session.run(["completion"], feeds)
    assert found.tolist() == model.generate(PROMPTS, max_new_tokens=23)
    for text, completion in zip(PROMPTS, found, strict=True):
        feeds["text"] = np.array([text], object)
        assert session.run(["completion"], feeds)[0].tolist() == [completion]


CLIENT = """
import json, sys
import tensorflow
model = tensorflow.saved_model.load(sys.argv[1])
texts = tensorflow.constant(json.loads(sys.argv[2]))
count = tensorflow.constant(23)
answer = model.signatures["serving_default"](text=texts, max_new_tokens=count)
texts = [text.decode() for text in answer["completion"].numpy()]
names = ("keras", "kzoo", "tensorflow_text")
packages = [name for name in names if name in sys.modules]
print(json.dumps([texts, packages]))
"""


@pytest.mark.slow
def test_the_saved_model_serves_where_only_tensorflow_is(saved_model_folder, model):
    done = subprocess.run(
        [sys.executable, "-c", CLIENT, saved_model_folder[0], json.dumps(PROMPTS)],
        capture_output=True,
        check=True,
        text=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    completions, packages = json.loads(done.stdout.splitlines()[-1])
    assert completions == model.generate(PROMPTS, max_new_tokens=23)
    assert set(packages) <= {"keras"}  # TensorFlow's own


def sampled(loaded, texts, count, temperature, top_k, top_p, seed):
    import tensorflow as tf

    answer = loaded.signatures["sample"](
        text=tf.constant(texts),
        max_new_tokens=tf.constant(count),
        temperature=tf.constant(temperature, "float32"),
        top_k=tf.constant(top_k),
        top_p=tf.constant(top_p, "float32"),
        seed=tf.constant(seed, "int64"),
    )
    return [text.decode() for text in answer["completion"].numpy()]


def test_a_seed_fixes_what_is_drawn(loaded, model):
    options = (11, 1.0, 0, 1.0)
    first = sampled(loaded, PROMPTS, *options, 7)
    assert first == sampled(loaded, PROMPTS, *options, 7)
    assert first != sampled(loaded, PROMPTS, *options, 8)
    greedy = model.generate(PROMPTS, max_new_tokens=11)
    assert first != greedy
    assert sampled(loaded, PROMPTS, 11, 0.0, 0, 1.0, 7) == greedy
    assert sampled(loaded, PROMPTS, 11, 3.0, 1, 1.0, 7) == greedy
    assert sampled(loaded, PROMPTS, 11, 3.0, 0, 0.0, 7) == greedy


@pytest.mark.parametrize(
    ("temperature", "top_k", "top_p"),
    [(1.0, 0, 1.0), (1.7, 5, 1.0), (0.6, 0, 0.8), (1.3, 13, 0.7), (1.0, 9999, 2.0)],
)
def test_what_is_drawn_has_the_distribution_of_the_host(temperature, top_k, top_p):
    import tensorflow as tf

    from kzoo.export.token_drawing import drawing

    rows = 20_000
    logits = np.random.default_rng(2).normal(0, 1.5, 31).astype("float32")
    logits[[4, 19]] = logits[7]  # a tie
    samplers = [TopK(top_k or 31), TopP(min(top_p, 1.0))]
    host = Filtered(samplers, temperature=temperature)
    wanted = host.probabilities(logits[None])[0]
    choose = drawing(
        *map(tf.constant, (temperature, top_k, top_p)), tf.constant(3, "int64")
    )
    ids = choose(tf.tile(logits[None], [rows, 1]), tf.constant(2)).numpy()
    counts = np.bincount(ids, minlength=31)
    assert (counts[wanted == 0] == 0).all()
    some = wanted > 0
    expected = wanted[some] * rows
    chi_square = ((counts[some] - expected) ** 2 / expected).sum()
    freedom = some.sum() - 1
    # Mean and deviation of the distribution; far above is another distribution.
    assert chi_square < freedom + 4 * np.sqrt(2 * freedom)


@pytest.mark.slow
def test_a_model_of_characters(tmp_path):
    """Its vocabulary has no unknown token and no end: what it lacks is left out."""
    model = lettered_gpt2(num_layers=1)
    report = kzoo.export.to_onnx(model, tmp_path / "artefact", texts=["a low fox"])
    assert report.passed, report.summary()
    assert any("left out" in said for said in report.limitations)
    session = session_of(tmp_path / "artefact")
    feed = {
        "text": np.array(["Zthe Zfox", "é"], object),
        "max_new_tokens": np.array(9, "int32"),
    }
    expected = model.generate(["the fox", "é"], max_new_tokens=9)
    assert session.run(None, feed)[0].tolist() == expected
