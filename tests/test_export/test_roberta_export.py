"""A classifier with byte-level BPE: its text forms, and one without any."""

import numpy as np
import pytest
from test_export.conftest import TEXTS

import kzoo.export
from kzoo.tokenizers import ByteBPETokenizer, CharacterTokenizer

pytestmark = pytest.mark.tensorflow_only

MORE_TEXTS = ["a good film", "a bad , boring film " * 20, "caf\u00e9 <mask> don't", ""]
ROBERTA = {
    "start_token": "<s>",
    "pad_token": "<pad>",
    "end_token": "</s>",
    "unknown_token": "<unk>",
    "cls_token": "<s>",
    "sep_token": "</s>",
    "mask_token": "<mask>",
}


@pytest.fixture(scope="module")
def roberta(make_classifier):
    tokenizer = ByteBPETokenizer.train(TEXTS * 3, vocabulary_size=300, **ROBERTA)
    return make_classifier(
        num_segments=1,
        position_padding_id=tokenizer.pad_id,
        vocabulary_size=tokenizer.vocabulary_size,
        tokenizer=tokenizer,
    )


@pytest.mark.parametrize(
    "write",
    [
        kzoo.export.to_onnx,
        pytest.param(kzoo.export.to_saved_model, marks=pytest.mark.slow),
    ],
)
def test_text_forms_are_validated(write, roberta, tmp_path):
    report = write(roberta, tmp_path / "artefact", texts=MORE_TEXTS)
    assert report.passed, report.summary()
    assert len(report.signatures) == 2
    assert all(item.passed for item in report.signatures)


def test_the_huggingface_layout_takes_ids_and_mask(roberta, tmp_path):
    import onnxruntime
    import transformers

    folder = tmp_path / "artefact"
    report = kzoo.export.to_onnx(roberta, folder, layout="huggingface")
    assert report.passed, report.summary()
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    assert [x.name for x in session.get_inputs()] == ["input_ids", "attention_mask"]
    opened = transformers.AutoTokenizer.from_pretrained(folder)
    feed = dict(opened(MORE_TEXTS[0], return_tensors="np"))
    logits = session.run(["logits"], feed)[0]
    (answer,) = roberta.classify(MORE_TEXTS[:1])
    exponents = np.exp(logits - logits.max())
    scores = (exponents / exponents.sum())[0]
    expected = [answer.scores[name] for name in roberta.label_names]
    np.testing.assert_allclose(scores, expected, atol=1e-5)


class Spelling(CharacterTokenizer):
    """A tokenizer that no graph form is known for."""


def test_a_tokenizer_without_graph_forms_is_said(make_classifier, tmp_path):
    tokenizer = Spelling.train(TEXTS, unknown_token="<unk>")
    model = make_classifier(tokenizer=tokenizer, num_segments=0)
    report = kzoo.export.to_onnx(model, tmp_path / "artefact")
    assert report.passed, report.summary()
    assert any("Spelling has no graph form" in x for x in report.limitations)
    assert not (tmp_path / "artefact" / "text.onnx").exists()
