"""Every code point, and a hundred thousand texts, in all forms of byte-level BPE."""

import pytest
from test_tokenizers import byte_bpe_forms as bpe
from test_tokenizers import graph_forms as forms
from test_tokenizers.byte_bpe_cases import (
    broken_byte_texts,
    byte_texts,
    write_gpt2,
    write_roberta,
)

from kzoo.tokenizers import from_folder

pytestmark = [pytest.mark.tensorflow_only, pytest.mark.slow]

CODES = [code for code in range(0x110000) if not 0xD800 <= code < 0xE000]
IDS = [bpe.tensorflow_ids, bpe.onnx_ids]
FAMILIES = {
    "GPT2TokenizerFast": write_gpt2,
    "RobertaTokenizerFast": write_roberta,
}


@pytest.mark.parametrize("name", FAMILIES)
def test_a_hundred_thousand_texts(name, shared_data, tmp_path):
    import transformers

    folder = FAMILIES[name](tmp_path, shared_data)
    theirs = getattr(transformers, name).from_pretrained(folder)
    ours = from_folder(folder)
    texts = byte_texts(95_000, seed=77)
    broken = broken_byte_texts(5_000, seed=77)
    for part in (texts, broken):
        as_str = [
            x if isinstance(x, str) else x.decode("utf-8", "replace") for x in part
        ]
        expected = theirs(as_str)["input_ids"]
        forms.assert_same_rows(part, forms.host_rows(ours, part, None), expected)
        for ids in IDS:
            forms.assert_same_rows(part, ids(ours, part), expected)
        decoded = [theirs.decode(row) for row in expected]
        assert [ours.decode(row, False) for row in expected] == decoded
        for decode in (bpe.tensorflow_texts, bpe.onnx_texts):
            for start in range(0, len(part), 512):
                rows = slice(start, start + 512)
                if start % 8192 == 0:  # one batch of sixteen
                    assert decode(ours, expected[rows], False) == decoded[rows]


@pytest.mark.parametrize("ids", IDS)
@pytest.mark.parametrize("shape", ["a{}1", "!{}! {}", "{}'s{}"])
def test_every_code_point(ids, shape, shared_data):
    tokenizer = from_folder(shared_data / "gpt2_bpe")
    for start in range(0, len(CODES), 1 << 17):
        codes = CODES[start : start + (1 << 17)]
        texts = [shape.format(chr(c), chr(c)) for c in codes]
        assert ids(tokenizer, texts) == forms.host_rows(tokenizer, texts, None)
