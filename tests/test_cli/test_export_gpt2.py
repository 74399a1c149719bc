"""`kzoo export` and `kzoo validate` of a GPT-2."""

import json

import pytest
from support.commands import command

pytestmark = pytest.mark.tensorflow_only


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    from kzoo.models import GPT2CausalLM
    from kzoo.tokenizers import ByteBPETokenizer

    tokenizer = ByteBPETokenizer.train(["a low fox"] * 3, vocabulary_size=261)
    model = GPT2CausalLM.from_preset(
        "gpt2-tiny",
        vocabulary_size=tokenizer.vocabulary_size,
        hidden_dim=6,
        num_layers=1,
        num_heads=2,
        initializer_range=0.5,
        max_sequence_length=23,
        tokenizer=tokenizer,
    )
    folder = tmp_path_factory.mktemp("runs") / "run"
    model.save_to_preset(folder)
    return folder


def test_export_and_validate(run_folder, tmp_path, capfd):
    out = tmp_path / "artefact"
    done = command(capfd, "export", run_folder, "--to", "onnx", "--out", out, "--json")
    assert done.status == 0, done.err
    names = [item["name"] for item in done.json["signatures"]]
    assert names == ["tokens", "generate", "text"]
    assert json.loads((out / "kzoo.json").read_text())["family"] == "gpt2"
    done = command(capfd, "validate", out, run_folder)
    assert done.status == 0, done.err
    assert "passed" in done.out
