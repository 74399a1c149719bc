"""The translator in the layouts of other people's servers and loaders."""

import json

import numpy as np
import onnx
import onnxruntime
import pytest
from support.small_translator import small_translator
from support.spoken_translator import GERMAN, spoken_translator
from transformers import AutoConfig, AutoTokenizer, GenerationConfig

import kzoo.export
from kzoo.errors import InputError
from kzoo.export.prediction_log import read_requests

pytestmark = pytest.mark.tensorflow_only


@pytest.fixture(scope="module")
def model():
    return spoken_translator(end=2.0, num_decoder_layers=2, decoder_num_heads=3)


@pytest.fixture(scope="module")
def huggingface_folder(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("huggingface") / "artefact"
    report = kzoo.export.to_onnx(model, folder, layout="huggingface", texts=GERMAN)
    return folder, report


@pytest.mark.filterwarnings("ignore:Recommended. pip install sacremoses")
def test_the_huggingface_folder(huggingface_folder, model):
    folder, report = huggingface_folder
    assert report.passed
    assert [item.name for item in report.signatures] == ["encoder", "decoder"]
    for item in report.signatures:
        assert item.max_absolute <= item.tolerance == 1e-4
        assert len(item.shapes) > 3
    config = AutoConfig.from_pretrained(folder)
    assert config.model_type == "marian"
    assert (config.encoder_layers, config.decoder_layers) == (1, 2)
    generation = GenerationConfig.from_pretrained(folder)
    assert generation.num_beams == 4
    assert generation.decoder_start_token_id == model.start_id
    tokenizer = AutoTokenizer.from_pretrained(folder)
    for text in GERMAN:
        ids = model.tokenizer.encode_source([text]).ids[0]
        assert tokenizer(text)["input_ids"] == ids.tolist()
    graph = onnx.load(folder / "decoder_model_merged.onnx").graph
    names = [value.name for value in graph.input]
    layers = [
        f"past_key_values.{layer}.{half}.{part}"
        for layer in (0, 1)
        for half in ("decoder", "encoder")
        for part in ("key", "value")
    ]
    # In the order in which Optimum fills them.
    assert [name for name in names if "past" in name] == layers
    assert set(names) - set(layers) == {
        *("encoder_attention_mask", "input_ids", "encoder_hidden_states"),
        "use_cache_branch",
    }
    weights = [x for x in graph.initializer if np.prod(x.dims) > 999]
    assert len(weights) == len({x.name for x in weights})


def session_of(path):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(path, options)


def test_a_loop_over_the_halves_is_translate(huggingface_folder, model):
    folder, _ = huggingface_folder
    encoder = session_of(folder / "encoder_model.onnx")
    decoder = session_of(folder / "decoder_model_merged.onnx")
    rows = model.tokenizer.encode_source(GERMAN).ids
    ids = np.full((len(rows), max(map(len, rows))), model.pad_id)
    for place, row in zip(ids, rows, strict=True):
        place[: len(row)] = row
    mask = (ids != model.pad_id).astype("int64")
    (states,) = encoder.run(None, {"input_ids": ids, "attention_mask": mask})
    inputs = [value.name for value in decoder.get_inputs()]
    outputs = [value.name for value in decoder.get_outputs()]
    past = {
        name: np.zeros((len(rows), 3, 0, 14), "float32")
        for name in inputs
        if "past" in name
    }
    tokens = np.full((len(rows), 1), model.start_id)
    new = []
    for step in range(model.max_sequence_length - 1):
        feeds = {
            "input_ids": tokens,
            "encoder_attention_mask": mask,
            "encoder_hidden_states": states,
            "use_cache_branch": np.array([step > 0]),
            **past,
        }
        answer = dict(zip(outputs, decoder.run(None, feeds), strict=True))
        logits = answer.pop("logits")[:, -1]
        logits[:, model.pad_id] = -np.inf
        for name, value in answer.items():
            # What is returned of the source the second time has no columns.
            if "decoder" in name or step == 0:
                past[name.replace("present", "past_key_values")] = value
            else:
                assert value.shape[2] == 0
        tokens = logits.argmax(axis=-1)[:, None]
        new.append(tokens)
    texts = []
    for row in np.concatenate(new, axis=1).tolist():
        end = row.index(model.end_id) if model.end_id in row else len(row)
        texts.append(model.tokenizer.decode(row[:end]))
    assert texts == model.translate(GERMAN, num_beams=1)


def test_another_shape_has_no_huggingface_layout(tmp_path):
    model = small_translator(norm_placement="pre")
    with pytest.raises(InputError, match="norm_placement='pre'.*layout='plain'"):
        kzoo.export.to_onnx(model, tmp_path / "artefact", layout="huggingface")


def test_the_huggingface_layout_searches_nothing(model, huggingface_folder, tmp_path):
    with pytest.raises(InputError, match="leaves the search.*num_beams=2"):
        kzoo.export.to_onnx(
            model, tmp_path / "artefact", layout="huggingface", num_beams=2
        )
    manifest = json.loads((huggingface_folder[0] / "kzoo.json").read_text())
    assert manifest["search"] is None
    assert kzoo.export.validate(huggingface_folder[0], model).passed


@pytest.mark.slow
def test_tf_serving(model, tmp_path):
    folder = tmp_path / "models"
    report = kzoo.export.to_saved_model(model, folder, layout="tf-serving", version=3)
    assert {item.path for item in report.signatures} == {"model/3"}
    requests = read_requests(folder / "model/3/assets.extra/tf_serving_warmup_requests")
    assert {name for _, name, _ in requests} == {"serving_default", "tokens"}
    manifest = json.loads((folder / "kzoo.json").read_text())
    assert manifest["search"]["num_beams"] == 4
    assert {tuple(x) for _, name, x in requests if name == "tokens"} == {
        ("input_ids", "attention_mask")
    }


@pytest.mark.slow
def test_triton(model, tmp_path):
    report = kzoo.export.to_onnx(
        model, tmp_path / "models", layout="triton", num_beams=1
    )
    assert [item.name for item in report.signatures] == ["tokens"]
    text = (tmp_path / "models/model/config.pbtxt").read_text()
    assert 'name: "output_ids"' in text
    assert "max_batch_size: 64" in text
    manifest = json.loads((tmp_path / "models/kzoo.json").read_text())
    assert set(manifest["files"]) == {"model/config.pbtxt", "model/1/model.onnx"}
    assert manifest["search"]["num_beams"] == 1
