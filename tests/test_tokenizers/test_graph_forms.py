"""What both graph forms stand on: tables, markers, special tokens, other settings."""

import json

import numpy as np
import pytest
from test_tokenizers import graph_forms as forms
from test_tokenizers.adversarial_texts import adversarial_texts

from kzoo.export.graph_tokenizers import onnx_wordpiece
from kzoo.export.graph_tokenizers.graph_vocabulary import graph_vocabulary, limitations
from kzoo.export.graph_tokenizers.normalisation_tables import (
    DROP,
    DROP_STARTER,
    FIRST_SEQUENCE,
    ISOLATE,
    KEEP,
    SPACE,
    normalisation_tables,
)
from kzoo.tokenizers import WordPieceTokenizer

pytestmark = pytest.mark.tensorflow_only

WORDS = [forms.tensorflow_words, forms.onnx_words]


def tensorflow_ids(tokenizer, texts):
    from kzoo.export.graph_tokenizers import TensorFlowWordPiece

    return forms.tensorflow_rows(TensorFlowWordPiece(tokenizer, 64), texts)


def onnx_ids(tokenizer, texts):
    return forms.onnx_rows(onnx_wordpiece(tokenizer, 64), texts)


@pytest.fixture
def tokenizer(special_tokens):
    return WordPieceTokenizer([*special_tokens, "a", "##b", "b"])


@pytest.mark.parametrize(
    ("char", "expected"),
    [
        ("a", KEEP),
        ("\0", DROP),
        ("\u200b", DROP),
        ("\u0301", DROP),
        ("\u034f", DROP_STARTER),
        ("\t", SPACE),
        ("\u2028", SPACE),
        ("$", ISOLATE),
        ("漢", ISOLATE),
    ],
)
def test_classes(tokenizer, char, expected):
    assert normalisation_tables(tokenizer).class_of(ord(char)) == expected


@pytest.mark.parametrize(
    ("char", "becomes", "marks"),
    [
        ("É", "e", ""),
        ("각", "\u1100\u1161\u11a8", ""),
        ("\uf900", " \u8c48 ", ""),
        ("\u1b44", "", "\u1b44"),
        ("\U0001d1bd", "\U0001d1b9", "\U0001d165\U0001d16e"),
    ],
)
def test_sequences(tokenizer, char, becomes, marks):
    tables = normalisation_tables(tokenizer)
    sequence = tables.sequences[tables.class_of(ord(char)) - FIRST_SEQUENCE]
    assert "".join(map(chr, sequence.base)) == becomes
    assert "".join(chr(code) for code, _ in sequence.marks) == marks
    assert (tables.class_of(ord(char)) >= tables.first_mark) == bool(marks)


def test_markers_are_in_no_word(tokenizer):
    vocabulary = graph_vocabulary(tokenizer, normalisation_tables(tokenizer))
    markers = [vocabulary.row_end, vocabulary.unknown, *vocabulary.special_markers]
    assert len(set(markers)) == 7
    assert vocabulary.ids[-7] == -1
    assert forms.host_words(tokenizer, ["x".join(markers)]) == [["x"] * 6]


@pytest.mark.parametrize("words", WORDS)
@pytest.mark.parametrize("options", forms.CONFIGURATIONS, ids=forms.name_of)
def test_same_words_as_the_host(words, options, special_tokens):
    tokenizer = WordPieceTokenizer(special_tokens, **options)
    hidden = ("[CLS]", "[SEP]", "[MASK]", "[UNK]", "[PAD]", "\0")
    texts = [
        text
        for text in adversarial_texts(1500, seed=21)
        if not any(token in text for token in hidden)
    ]
    forms.assert_same_rows(
        texts, words(tokenizer)(texts), forms.host_words(tokenizer, texts)
    )


@pytest.mark.parametrize("words", WORDS)
def test_marks_are_ordered_as_the_host_does(words, special_tokens):
    tokenizer = WordPieceTokenizer(special_tokens)
    tables = normalisation_tables(tokenizer)
    marks = [code for s in tables.sequences for code, _ in s.marks]
    # Marks, what they pass and what they do not pass.
    codes = [*set(marks), 0x1D15E, 0x1D1BD, 0x300, 0x345, 0x200B, 0x34F, 0x61, 0x20]
    rng = np.random.default_rng(3)
    texts = ["".join(map(chr, rng.choice(codes, 7))) for _ in range(2000)]
    expected = forms.host_words(tokenizer, texts)
    plain = [[word for word in text.split(" ") if word] for text in texts]
    assert sum(a != b for a, b in zip(expected, plain, strict=True)) > 500
    forms.assert_same_rows(texts, words(tokenizer)(texts), expected)


@pytest.mark.parametrize("ids", [tensorflow_ids, onnx_ids])
def test_reference_texts(ids, bert_vocabulary, shared_data):
    path = shared_data / "reference_tokenizations" / "bert_uncased.json"
    cases = json.loads(path.read_text("utf-8"))["cases"]
    texts, expected = ([case[key] for case in cases] for key in ("text", "ids"))
    assert len(texts) == 72
    rows = ids(WordPieceTokenizer(bert_vocabulary), texts)
    assert rows == [row if len(row) <= 64 else [*row[:63], row[-1]] for row in expected]


@pytest.mark.parametrize("ids", [tensorflow_ids, onnx_ids])
@pytest.mark.parametrize(
    ("options", "texts"),
    [
        ({"max_characters_per_word": 3}, ["abb abbb", "[MASK] a", "éé́́éé", "漢漢漢漢"]),
        ({"unknown_token": "UNK", "mask_token": "éM"}, ["aUNKb unk", "aéMb ÉM éMéM"]),
        ({"continuing_prefix": "b"}, ["abb bab", "ab ##b"]),
        ({"unknown_token": "[UN K]"}, ["a[UN K]b", "[UN", "K]"]),
        ({"cls_token": "[M", "mask_token": "[MASK]"}, ["[MASK][M[MAS", "[MASK"]),
    ],
)
def test_other_settings(ids, options, texts, special_tokens):
    names = [v for k, v in options.items() if k.endswith("token")]
    vocabulary = [*special_tokens, *names, "a", "b", "##b", "bb", "m", "e", "漢"]
    tokenizer = WordPieceTokenizer(list(dict.fromkeys(vocabulary)), **options)
    assert limitations(tokenizer) == ()
    expected = forms.host_rows(tokenizer, texts, 64)
    forms.assert_same_rows(texts, ids(tokenizer, texts), expected)


@pytest.mark.parametrize("ids", [tensorflow_ids, onnx_ids])
def test_a_word_that_is_given_up_is_one_unknown(ids, tokenizer):
    texts = ["abx", "a abx a", "abab x", "abb"]
    expected = [[2, 1, 3], [2, 5, 1, 5, 3], [2, 1, 1, 3], [2, 5, 6, 6, 3]]
    assert forms.host_rows(tokenizer, texts, 64) == expected
    assert ids(tokenizer, texts) == expected


def test_special_tokens_that_may_overlap_are_named(special_tokens):
    tokenizer = WordPieceTokenizer([*special_tokens, "K][S"], mask_token="K][S")
    sentences = limitations(tokenizer)
    assert any("'[UNK]' and 'K][S' can overlap" in sentence for sentence in sentences)
