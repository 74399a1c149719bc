"""GPT-2 of JAX and torch, which a TensorFlow-backend process exports."""

import numpy as np
import onnxruntime
import pytest

import kzoo.export
from kzoo.export.graph_tokenizers import extensions_library
from kzoo.models import GPT2CausalLM
from kzoo.tokenizers import ByteBPETokenizer
from kzoo.training import set_seed

PROMPTS = ["Once", "there was a low fox", " "]


@pytest.fixture(scope="module")
def model():
    tokenizer = ByteBPETokenizer.train(PROMPTS * 3, vocabulary_size=263)
    set_seed(5)
    return GPT2CausalLM.from_preset(
        "gpt2-tiny",
        vocabulary_size=tokenizer.vocabulary_size,
        hidden_dim=12,
        num_layers=1,
        num_heads=3,
        initializer_range=0.4,
        max_sequence_length=19,
        tokenizer=tokenizer,
    )


@pytest.mark.slow
def test_completions_of_any_backend(model, tmp_path):
    report = kzoo.export.to_onnx(model, tmp_path / "artefact")
    assert report.passed
    assert [item.name for item in report.signatures] == ["tokens", "generate", "text"]
    assert all(item.identical for item in report.signatures)
    options = onnxruntime.SessionOptions()
    options.register_custom_ops_library(extensions_library())
    session = onnxruntime.InferenceSession(tmp_path / "artefact/text.onnx", options)
    feeds = {"text": np.array(PROMPTS, object), "max_new_tokens": np.array(5, "int32")}
    (found,) = session.run(["completion"], feeds)
    assert found.tolist() == model.generate(PROMPTS, max_new_tokens=5)
