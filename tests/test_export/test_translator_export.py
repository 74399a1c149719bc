"""The translator's artefacts of ids: the encoder and the search inside the graph."""

import json
import os

import numpy as np
import onnx
import onnxruntime
import pytest
from support.small_translator import CONTEXT, PAD, small_translator, sources

import kzoo.export
from kzoo.errors import InputError
from kzoo.export import translator_onnx
from kzoo.export.options import SearchOptions
from kzoo.export.translator_subject import TranslatorSubject
from kzoo.generation import BeamSearch, GreedySearch, SourceBatch

pytestmark = pytest.mark.tensorflow_only

END = 0
MODELS = {
    "marian": {
        "num_layers": 1,
        "norm_placement": "post",
        "positions": "sinusoidal_halves",
        "activation": "swish",
        "logits_bias": True,
    },
    "pre_norm_two_vocabularies": {
        "source_vocabulary_size": 103,
        "tie_embeddings": False,
        "positions": "learned",
        "num_layers": 1,
        "num_decoder_layers": 2,
        "decoder_num_heads": 3,
        "scale_embedding": False,
        "start_id": 11,
    },
}


def session_of(model, **search):
    subject = TranslatorSubject(model, SearchOptions(**search))
    graph = translator_onnx.translating_ids(subject)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(graph.SerializeToString(), options)


def run(session, ids, mask):
    feeds = {
        "input_ids": np.asarray(ids, "int64"),
        "attention_mask": np.asarray(mask, "int64"),
    }
    return session.run(["output_ids", "score"], feeds)


def padded(rows, side="right", junk=1):
    width = max(map(len, rows)) + 2
    ids = np.full((len(rows), width), junk, "int64")
    mask = np.zeros_like(ids)
    for row, source in enumerate(rows):
        start = width - len(source) if side == "left" else 0
        ids[row, start : start + len(source)] = source
        mask[row, start : start + len(source)] = 1
    return ids, mask


def host(model, rows, search, limits):
    """Return the ids of every row, with the end, and the scores."""
    ids, mask = padded(rows)
    found = search(
        model,
        [np.array([model.start_id])] * len(rows),
        max_new_tokens=limits,
        stop_ids=(END,),
        source=SourceBatch(ids.astype("int32"), mask > 0),
    )
    texts = [
        [*best.token_ids.tolist(), *[END] * (len(best.token_ids) < limit)]
        for (best, *_), limit in zip(found, limits, strict=True)
    ]
    return texts, [best.score for best, *_ in found]


def stripped(rows):
    return [[int(token) for token in row if token != PAD] for row in rows]


@pytest.mark.parametrize(
    ("name", "beams", "penalty"),
    [
        pytest.param("marian", 1, 1.0, marks=pytest.mark.slow),
        ("marian", 4, 1.0),
        pytest.param("marian", 5, -0.7, marks=pytest.mark.slow),
        pytest.param("pre_norm_two_vocabularies", 1, 0.0, marks=pytest.mark.slow),
        ("pre_norm_two_vocabularies", 3, 2.0),
    ],
)
def test_ids_and_scores_are_those_of_the_host(name, beams, penalty):
    model = small_translator(**MODELS[name])
    session = session_of(
        model, num_beams=beams, length_penalty=penalty, max_new_tokens=17
    )
    rows = sources((3, 11, 7, 2, 23))
    search = BeamSearch(beams, length_penalty=penalty)
    if beams == 1:
        search = GreedySearch(length_penalty=penalty)
    wanted, scores = host(model, rows, search, [17] * len(rows))
    for side in ("left", "right"):
        found, score = run(session, *padded(rows, side))
        assert found.dtype == np.int64
        assert stripped(found) == wanted
        np.testing.assert_allclose(score, scores, rtol=1e-5, atol=1e-4)
    # The model says something, and not the same to all.
    assert len({tuple(row) for row in wanted}) > 2


@pytest.mark.slow
def test_rows_end_at_unlike_steps():
    options = {**MODELS["pre_norm_two_vocabularies"], "logits_bias": True}
    model = small_translator(seed=1, **options)
    bias = np.zeros((1, model.vocabulary_size), "float32")
    bias[0, END] = 4.0
    model.logits_bias.assign(bias)
    rows = sources((3, 11, 7, 5, 13, 2), seed=3)
    wanted, scores = host(model, rows, BeamSearch(4), [CONTEXT - 1] * len(rows))
    found, score = run(session_of(model, num_beams=4), *padded(rows))
    assert stripped(found) == wanted
    np.testing.assert_allclose(score, scores, rtol=1e-5, atol=1e-4)
    assert len({len(row) for row in wanted}) > 3
    assert found.shape[1] == max(map(len, wanted))
    # Behind its end a row holds padding alone.
    for row, text in zip(found, wanted, strict=True):
        assert (row[len(text) :] == PAD).all()


def every_text(model, source, limit):
    """Return the best text there is and its log p, by trying all of them."""
    size, texts = model.vocabulary_size, [((), 0.0)]
    best = (-np.inf, ())
    for step in range(limit):
        ids = np.array([[model.start_id, *text] for text, _ in texts], "int32")
        encoder = np.repeat(np.array([source], "int32"), len(texts), axis=0)
        inputs = {
            "encoder_token_ids": encoder,
            "encoder_padding_mask": np.ones(encoder.shape, bool),
            "decoder_token_ids": ids,
            "decoder_padding_mask": np.ones(ids.shape, bool),
        }
        logits = np.asarray(model(inputs), "float64")[:, -1]
        scores = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        scores[:, model.pad_id] = -np.inf
        grown = [
            ((*text, token), score + scores[row, token])
            for row, (text, score) in enumerate(texts)
            for token in range(size)
        ]
        last = step == limit - 1
        done = [(s, t) for t, s in grown if t[-1] == END or last]
        best = max([best, *done])
        texts = [(t, s) for t, s in grown if t[-1] != END]
    return best


def test_wide_beams_find_the_best_text_of_all():
    model = small_translator(vocabulary_size=7, pad_id=5, **MODELS["marian"])
    session = session_of(model, num_beams=3, length_penalty=0.0, max_new_tokens=2)
    for seed in range(3):
        (row,) = sources((4,), seed, vocabulary_size=5)
        found, score = run(session, [row], np.ones((1, 4)))
        log_p, text = every_text(model, row, 2)
        ids = [int(token) for token in found[0] if token != 5]
        assert tuple(ids) == text
        np.testing.assert_allclose(score[0], log_p, atol=1e-4)


@pytest.mark.slow
def test_limits_by_number_and_by_the_length_of_the_source():
    model = small_translator(**MODELS["marian"])
    rows = sources((2, 13, 5))
    found, _ = run(session_of(model, num_beams=2, max_ratio=1.5), *padded(rows))
    wanted, _ = host(model, rows, BeamSearch(2), [3, 19, 7])
    assert stripped(found) == wanted


@pytest.fixture(scope="module")
def marian():
    return small_translator(**MODELS["marian"])


@pytest.fixture(scope="module")
def artefact(marian, tmp_path_factory):
    folder = tmp_path_factory.mktemp("onnx") / "artefact"
    report = kzoo.export.to_onnx(marian, folder, num_beams=3, max_new_tokens=13)
    return folder, report


@pytest.fixture(scope="module")
def session(artefact):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(artefact[0] / "generate.onnx", options)


def ids_of(session, ids, mask):
    feeds = {
        "input_ids": np.asarray(ids, "int64"),
        "attention_mask": np.asarray(mask, "int64"),
    }
    return session.run(["output_ids"], feeds)[0]


def test_the_report_and_the_files(artefact):
    folder, report = artefact
    assert report.passed
    (generate,) = report.signatures
    assert generate.name == "generate"
    assert generate.identical
    assert generate.rows > 10
    assert (1, CONTEXT) in generate.shapes
    assert set(os.listdir(folder)) == {"kzoo.json", "generate.onnx"}
    manifest = json.loads((folder / "kzoo.json").read_text())
    assert manifest["family"] == "translator"
    assert manifest["search"]["num_beams"] == 3
    assert f"more than {CONTEXT} tokens" in manifest["limitations"][0]


def test_a_mask_with_holes_is_read_in_order(session):
    (source,) = sources((5,))
    ids = np.full((1, 11), 96)
    mask = np.zeros_like(ids)
    places = [1, 2, 5, 8, 9]
    ids[0, places], mask[0, places] = source, 1
    alone = ids_of(session, [source], np.ones((1, 5)))
    np.testing.assert_array_equal(ids_of(session, ids, mask), alone)


def test_a_source_beyond_the_context_keeps_its_end(session):
    (source,) = sources((CONTEXT + 9,))
    found = ids_of(session, [source], np.ones((1, CONTEXT + 9)))
    kept = [*source[: CONTEXT - 1], END]
    wanted = ids_of(session, [kept], np.ones((1, CONTEXT)))
    np.testing.assert_array_equal(found, wanted)
    other = [*source[1:CONTEXT], END]
    assert (ids_of(session, [other], np.ones((1, CONTEXT))) != wanted).any()


def test_nothing_to_translate(session):
    assert ids_of(session, np.ones((0, 3)), np.ones((0, 3))).shape[0] == 0
    assert ids_of(session, np.ones((2, 0)), np.ones((2, 0))).shape == (2, 0)
    (source,) = sources((5,))
    ids, mask = padded([source, [], [END]])
    found = ids_of(session, ids, mask)
    alone = ids_of(session, [source], np.ones((1, 5)))
    np.testing.assert_array_equal(found[:1], alone)
    assert (found[1:] == PAD).all()


def test_the_score_of_nothing_is_a_number(marian):
    ids, mask = padded([*sources((5,)), [END]])
    _, score = run(session_of(marian, num_beams=2), ids, mask)
    assert score[0] < 0
    assert score[1] == 0


def test_one_loop_with_the_caches_of_the_target_alone(artefact, marian):
    graph = onnx.load(artefact[0] / "generate.onnx")
    loops = [node for node in graph.graph.node if node.op_type == "Loop"]
    assert len(loops) == 1
    assert {item.domain for item in graph.opset_import} == {""}
    body = loops[0].attribute[0].g
    kinds = [node.op_type for node in body.node]
    assert kinds.count("LayerNormalization") == 3
    # Condition; step, what is done, scores, texts, slots, ended scores and texts; and
    # the layer's caches: nothing of the source goes round.
    assert len(body.output) == 1 + 7 + 2
    names = [x.name for x in graph.graph.initializer]
    assert len(names) == len(set(names))
    size = sum(int(np.prod(x.shape)) for x in marian.weights)
    inside = sum(np.prod(x.dims) for x in body.initializer)
    outside = sum(int(np.prod(x.dims)) for x in graph.graph.initializer)
    sines = CONTEXT * marian.hidden_dim
    assert size <= outside < size + sines + 200
    assert inside < sines + 400  # and constants
    # The keys of the source are turned once, outside; no cache is turned at all.
    carried = {value.name for value in body.input}
    turned = [node for node in body.node if node.op_type == "Transpose"]
    assert not any(node.input[0] in carried for node in turned)
    # Of the target: query, new key, new value, what is mixed, and the keys, as ONNX
    # Runtime fuses it. Of the source: query, and what is mixed.
    assert len(turned) == 5 + 2
    # Caches are not reordered: what is gathered has no axis of heads.
    assert kinds.count("GatherND") == 8


@pytest.mark.slow
def test_validate_passes_later_and_sees_another_model(artefact, marian):
    assert kzoo.export.validate(artefact[0], marian).passed
    other = small_translator(seed=1, **MODELS["marian"])
    report = kzoo.export.validate(artefact[0], other)
    assert not report.passed
    assert any("weights" in reason for reason in report.reasons)
    assert any("other ids" in reason for reason in report.reasons)


@pytest.mark.slow
def test_a_saved_model_of_ids(marian, tmp_path):
    import tensorflow as tf

    report = kzoo.export.to_saved_model(marian, tmp_path / "artefact")
    assert report.passed
    assert [item.name for item in report.signatures] == ["tokens"]
    tokens = tf.saved_model.load(tmp_path / "artefact").signatures["tokens"]
    rows = sources((3, 7))
    ids, mask = (tf.constant(x) for x in padded(rows))
    found = tokens(input_ids=ids, attention_mask=mask)
    assert set(found) == {"output_ids"}
    wanted, _ = host(marian, rows, BeamSearch(4), [CONTEXT - 1] * 2)
    assert stripped(found["output_ids"].numpy()) == wanted


def test_options_are_checked(marian, make_classifier, tmp_path):
    folder = tmp_path / "artefact"
    with pytest.raises(InputError, match="num_beams=49, a vocabulary of 96 tokens"):
        kzoo.export.to_onnx(marian, folder, num_beams=49)
    with pytest.raises(InputError, match="num_beams=0"):
        kzoo.export.to_onnx(marian, folder, num_beams=0)
    with pytest.raises(InputError, match="max_new_tokens=True"):
        kzoo.export.to_onnx(marian, folder, max_new_tokens=True)
    with pytest.raises(InputError, match="max_ratio=-1"):
        kzoo.export.to_onnx(marian, folder, max_ratio=-1)
    with pytest.raises(InputError, match="num_beams=2 for a TextClassifier"):
        kzoo.export.to_onnx(make_classifier(), folder, num_beams=2)
    with pytest.raises(TypeError, match="'beams'"):
        kzoo.export.to_saved_model(marian, folder, beams=2)
    assert not folder.exists()
