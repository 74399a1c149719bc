"""A small trained translator of CTranslate2's: its scores, its texts, damaged files."""

import json

import keras
import numpy as np
import pytest

from kzoo.errors import InputError
from kzoo.generation import BeamSearch, SourceBatch
from kzoo.models import Translator


@pytest.fixture(scope="module")
def transliterator(shared_data):
    """The small trained checkpoint, its vocabularies and what it should say."""
    folder = shared_data / "checkpoints/opennmt_transliteration_ar_en"
    if not folder.is_dir():
        pytest.skip(f"needs {folder.name} of the shared data")
    source, target = (
        (folder / f"{side}_vocabulary.txt").read_text("utf-8").split("\n")
        for side in ("source", "target")
    )
    expected = json.loads((folder / "expected.json").read_text("utf-8"))
    return Translator.from_preset(folder), source, target, expected


def test_a_trained_checkpoint_gives_its_expected_scores(transliterator):
    model, source, target, expected = transliterator
    assert len(expected["scoring"]) == 4
    for case in expected["scoring"]:
        ids = np.array([[source.index(letter) for letter in case["source"]]])
        text = [*(target.index(letter) for letter in case["target"]), model.end_id]
        given = np.array([[model.start_id, *text[:-1]]])
        logits = model(
            {
                "encoder_token_ids": ids,
                "encoder_padding_mask": ids >= 0,
                "decoder_token_ids": given,
            }
        )
        found = keras.ops.convert_to_numpy(keras.ops.log_softmax(logits, axis=-1))[0]
        found = found[np.arange(len(text)), text]
        np.testing.assert_allclose(found, case["token_log_probs"], atol=1e-5)


@pytest.mark.parametrize("beams", [1, 2])
def test_a_trained_checkpoint_writes_its_expected_texts(transliterator, beams):
    model, source, target, expected = transliterator
    for case in expected["greedy_and_beam2"]:
        ids = [source.index(letter) for letter in case["source"]]
        ((found,),) = BeamSearch(beams)(
            model,
            [np.array([model.start_id])],
            max_new_tokens=20,
            stop_ids=(model.end_id,),
            source=SourceBatch.of([ids]),
        )
        assert [target[index] for index in found.token_ids] == case["output"]


def test_a_damaged_ctranslate2_file_is_refused(shared_data, tmp_path):
    folder = shared_data / "checkpoints/opennmt_transliteration_ar_en"
    if not folder.is_dir():
        pytest.skip(f"needs {folder.name} of the shared data")
    for path in folder.glob("*.txt"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    content = (folder / "model.bin").read_bytes()
    cases = {
        "ends too soon": content[:-7],
        "behind the last": content + b"0",
        "format 9": b"\x09" + content[1:],
        "missing: decoder/embeddings": content.replace(b"decoder/emb", b"decoder/amb"),
    }
    for what, damaged in cases.items():
        (tmp_path / "model.bin").write_bytes(damaged)
        with pytest.raises(InputError, match=what):
            Translator.from_preset(tmp_path)
