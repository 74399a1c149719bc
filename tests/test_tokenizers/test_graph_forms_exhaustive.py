"""Every code point, and very many texts, through the graph forms and the host."""

import pytest
from test_tokenizers import graph_forms as forms
from test_tokenizers.adversarial_texts import adversarial_texts, broken_texts

from kzoo.export.graph_tokenizers import TensorFlowWordPiece, onnx_wordpiece
from kzoo.tokenizers import WordPieceTokenizer

pytestmark = [pytest.mark.tensorflow_only, pytest.mark.slow]

CODES = [code for code in range(0x110000) if not 0xD800 <= code < 0xE000]


@pytest.mark.parametrize("shape", ["{}", "a{}b"])
@pytest.mark.parametrize("options", forms.CONFIGURATIONS, ids=forms.name_of)
def test_every_code_point(options, shape, special_tokens):
    tokenizer = WordPieceTokenizer(special_tokens, **options)
    both = forms.tensorflow_words(tokenizer), forms.onnx_words(tokenizer)
    for start in range(0, len(CODES), 1 << 15):
        codes = CODES[start : start + (1 << 15)]
        texts = [shape.format(chr(code)) for code in codes]
        expected = forms.host_words(tokenizer, texts)
        for words in both:
            rows = words(texts)
            if start == 0 and not options.get("clean_text", True) and words is both[1]:
                # A NUL that stays in its word is there as another character.
                assert rows[0][0] != expected[0][0]
                rows[0] = expected[0]
            assert rows == expected


@pytest.mark.parametrize("options", forms.CONFIGURATIONS, ids=forms.name_of)
def test_a_hundred_thousand_texts(options, bert_vocabulary, cased_vocabulary):
    vocabulary = bert_vocabulary if options["lowercase"] else cased_vocabulary
    tokenizer = WordPieceTokenizer(vocabulary, **options)
    texts = [*adversarial_texts(90_000, seed=77), *broken_texts(10_000, seed=77)]
    expected = forms.host_rows(tokenizer, texts, 512)
    rows = forms.tensorflow_rows(TensorFlowWordPiece(tokenizer, 512), texts)
    forms.assert_same_rows(texts, rows, expected)
    # ONNX Runtime's Python takes text with NUL, or bytes, but not both in one.
    model = onnx_wordpiece(tokenizer, 512)
    for part in (texts[:90_000], [t for t in texts[90_000:] if b"\0" not in t]):
        expected = forms.host_rows(tokenizer, part, 512)
        forms.assert_same_rows(part, forms.onnx_rows(model, part), expected)
