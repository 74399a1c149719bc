"""Characters as tokens in TensorFlow and ONNX graphs, against the host."""

import numpy as np
import pytest
from test_tokenizers import byte_bpe_forms as bpe
from test_tokenizers import graph_forms as forms
from test_tokenizers.adversarial_texts import adversarial_texts, broken_texts

from kzoo.errors import InputError
from kzoo.export.graph_tokenizers import (
    TensorFlowCharacter,
    graph_forms,
    onnx_byte_bpe_decoder,
    onnx_character,
)
from kzoo.tokenizers import CharacterTokenizer

pytestmark = pytest.mark.tensorflow_only

TEXTS = ["to be,\nor not 漢😀\x00\u0301", "é€ x"]
NAMES = {"end_token": "<end>", "pad_token": "<pad>", "unknown_token": "<unk>"}


def tensorflow_ids(tokenizer, texts, max_length=None):
    return forms.tensorflow_rows(TensorFlowCharacter(tokenizer, max_length), texts)


def onnx_ids(tokenizer, texts, max_length=None):
    return forms.onnx_rows(onnx_character(tokenizer, max_length), texts)


IDS = [tensorflow_ids, onnx_ids]


def trained(texts=TEXTS, **options):
    return CharacterTokenizer.train(texts, **options)


@pytest.mark.parametrize("ids", IDS)
@pytest.mark.parametrize("options", [{}, NAMES, {"end_token": "\n"}], ids=str)
def test_known_characters(ids, options):
    tokenizer = trained(**options)
    texts = [
        *TEXTS,
        "",
        "tt",
        "\x00\x00",
        "b<end>o<pad><en" if len(options) > 1 else "o",
    ]
    expected = forms.host_rows(tokenizer, texts, None)
    assert ids(tokenizer, texts) == expected
    assert [len(row) for row in expected[2:5]] == [0, 2, 2]


@pytest.mark.parametrize("ids", IDS)
def test_any_text_where_there_is_an_unknown_token(ids):
    tokenizer = trained(**NAMES)
    unknown = 0
    # ONNX Runtime ends a text of bytes, which a batch with any is made of, at U+0000.
    broken = [text for text in broken_texts(200, seed=3) if b"\0" not in text]
    for texts in (adversarial_texts(700, seed=3), broken):
        expected = forms.host_rows(tokenizer, texts, None)
        forms.assert_same_rows(texts, ids(tokenizer, texts), expected)
        unknown += sum(tokenizer.unknown_id in row for row in expected)
    assert unknown > 300


@pytest.mark.parametrize("ids", IDS)
def test_unknown_characters_are_left_out_where_the_host_refuses_them(ids):
    tokenizer = trained()
    with pytest.raises(InputError, match="Every character of a text"):
        tokenizer.encode("toZ")
    texts = ["toZ", "Z", "漢Zé", b"b\xffe"]
    expected = [tokenizer.encode(tokenizer.known_part(text)) for text in texts]
    assert list(map(len, expected)) == [2, 0, 2, 2]
    assert ids(tokenizer, texts) == expected
    (said,) = graph_forms(tokenizer).limitations(tokenizer)
    assert "left out" in said
    assert graph_forms(tokenizer).limitations(trained(**NAMES)) == ()


def test_known_part_keeps_special_tokens():
    tokenizer = trained(end_token="<Z>")
    assert tokenizer.known_part("tZo<Z>Z<") == "to<Z>"
    assert trained(**NAMES).known_part("tZ") == "tZ"


@pytest.mark.parametrize("ids", IDS)
def test_cut(ids):
    tokenizer = trained()
    assert ids(tokenizer, ["to be", "", "n"], 3) == [
        tokenizer.encode("to "),
        [],
        tokenizer.encode("n"),
    ]
    with pytest.raises(InputError, match="room for a token.*max_length=0"):
        ids(tokenizer, ["to"], 0)


def test_an_empty_batch():
    ids, mask = forms.session(onnx_character(trained(), None)).run(
        None, {"text": np.array([], object)}
    )
    assert ids.shape == mask.shape == (0, 0)


@pytest.mark.parametrize("skip", [True, False])
def test_decoding(skip):
    tokenizer = trained(**NAMES)
    rng = np.random.default_rng(2)
    rows = [rng.integers(-2, 30, n).tolist() for n in rng.integers(0, 30, 90)]
    expected = [tokenizer.decode(row, skip) for row in rows]
    padded = bpe.padded(rows, -1, "int64")
    model = onnx_byte_bpe_decoder(tokenizer, skip_special_tokens=skip)
    assert forms.session(model).run(None, {"ids": padded})[0].tolist() == expected
    texts = TensorFlowCharacter(tokenizer, None).decode(padded.astype("int32"), skip)
    assert [text.decode() for text in texts.numpy()] == expected
