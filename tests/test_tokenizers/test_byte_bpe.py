"""Byte-level BPE on the host, against transformers and by its own rules."""

import json
import pickle
import subprocess
import sys

import numpy as np
import pytest
from test_tokenizers.byte_bpe_cases import (
    PIECES,
    ROBERTA,
    broken_byte_texts,
    byte_texts,
    write_gpt2,
    write_roberta,
)

from kzoo.errors import InputError
from kzoo.tokenizers import ByteBPETokenizer
from kzoo.tokenizers.byte_alphabet import bytes_of_token, characters_of_bytes

pytestmark = pytest.mark.backend_free

TEXTS = ["low lower lowest slow", "Low, slower; slowest!", "new newer newest"]


@pytest.fixture(scope="module")
def gpt2(shared_data):
    return ByteBPETokenizer.from_folder(shared_data / "gpt2_bpe")


@pytest.fixture(scope="module")
def roberta(shared_data, tmp_path_factory):
    folder = write_roberta(tmp_path_factory.mktemp("roberta"), shared_data)
    return ByteBPETokenizer.from_folder(folder)


@pytest.fixture(scope="module")
def trained():
    return ByteBPETokenizer.train(TEXTS, vocabulary_size=265)


def test_reference_texts(gpt2, shared_data):
    path = shared_data / "reference_tokenizations" / "gpt2_bpe.json"
    cases = json.loads(path.read_text("utf-8"))["cases"]
    config = {**gpt2.get_config(), "special_tokens_in_text": False}
    as_text = ByteBPETokenizer.from_config(config)
    assert len(cases) == 72
    assert [as_text.encode(case["text"]) for case in cases] == [c["ids"] for c in cases]


@pytest.mark.parametrize("prefix", [False, True])
def test_same_ids_as_transformers_gpt2(gpt2, prefix, shared_data, tmp_path):
    from transformers import GPT2TokenizerFast

    folder = write_gpt2(tmp_path, shared_data)
    theirs = GPT2TokenizerFast.from_pretrained(folder, add_prefix_space=prefix)
    config = {**gpt2.get_config(), "add_prefix_space": prefix}
    ours = ByteBPETokenizer.from_config(config)
    texts = byte_texts(1500)
    expected = theirs(texts)["input_ids"]
    assert [row.tolist() for row in ours.encode_batch(texts).ids] == expected
    assert any(ours.end_id in row for row in expected)


def test_same_ids_as_the_release_in_python(gpt2, shared_data, tmp_path):
    from transformers import GPT2Tokenizer

    theirs = GPT2Tokenizer.from_pretrained(write_gpt2(tmp_path, shared_data))
    texts = [a + b for a in PIECES for b in PIECES[::7] if "<" not in a + b]
    expected = [theirs.encode(text) for text in texts]
    assert [gpt2.encode(text) for text in texts] == expected


@pytest.mark.parametrize("max_length", [None, 4, 7, 64])
def test_same_frames_as_transformers_roberta(
    roberta, max_length, shared_data, tmp_path
):
    from transformers import RobertaTokenizerFast

    folder = write_roberta(tmp_path, shared_data)
    theirs = RobertaTokenizerFast.from_pretrained(folder)
    texts = byte_texts(400, seed=3)
    cut = {"truncation": max_length is not None, "max_length": max_length}
    ours = roberta.encode_batch(texts, max_length)
    assert [row.tolist() for row in ours.ids] == theirs(texts, **cut)["input_ids"]
    pairs = list(zip(texts, reversed(texts), strict=True))
    ours = roberta.encode_batch(pairs, max_length)
    expected = theirs([a for a, _ in pairs], [b for _, b in pairs], **cut)
    assert [row.tolist() for row in ours.ids] == expected["input_ids"]
    assert not any(segments.any() for segments in ours.segment_ids)


def test_round_trip(gpt2, roberta):
    texts = byte_texts(1500, seed=9)
    for tokenizer in (gpt2, roberta):
        hidden = tokenizer.special_tokens
        for text in texts:
            ids = tokenizer.encode(text)[tokenizer.is_framed :]
            ids = ids[:-1] if tokenizer.is_framed else ids
            if not any(token in text for token in hidden):
                assert tokenizer.decode(ids) == text
                assert b"".join(map(tokenizer.token_bytes, ids)) == text.encode()
            elif "<mask>" not in text:
                assert tokenizer.decode(ids, skip_special_tokens=False) == text


def test_ill_formed_bytes_are_replaced(gpt2):
    for text in broken_byte_texts(200):
        expected = text.decode("utf-8", "replace")
        assert gpt2.decode(gpt2.encode(text), False) == expected
    assert gpt2.encode("a\ud800") == gpt2.encode(b"a\xed\xa0\x80")


def test_special_tokens_in_text(roberta):
    spelt = " a  <mask>b<s></s><pad>"
    ids = roberta.encode(spelt)
    tokens = [roberta.vocabulary[i] for i in ids]
    assert tokens == ["<s>", "Ġa", "<mask>", "b", "<s>", "</s>", "<pad>", "</s>"]
    assert roberta.decode(ids) == " ab"
    assert roberta.decode(ids, skip_special_tokens=False).startswith("<s> a<mask>b")
    config = {**roberta.get_config(), "special_tokens_in_text": False}
    as_text = ByteBPETokenizer.from_config(config)
    ids = as_text.encode(spelt)
    assert as_text.decode(ids) == spelt
    assert as_text.mask_id not in ids
    config = {**roberta.get_config(), "mask_takes_space": False}
    strict = ByteBPETokenizer.from_config(config)
    assert strict.decode(strict.encode("a  <mask>")) == "a  "


def test_ids_of_special_tokens(gpt2, roberta):
    assert gpt2.end_id == gpt2.pad_id == gpt2.start_id == 50256
    assert gpt2.cls_id is gpt2.sep_id is gpt2.mask_id is None
    names = ("start_id", "pad_id", "end_id", "mask_id", "cls_id", "sep_id")
    ids = [getattr(roberta, name) - 50257 for name in names]
    assert ids == [0, 1, 2, 4, 0, 2]
    assert gpt2.token_to_id("Ġthe") == 262
    assert gpt2.token_to_id("nothing of the kind") is None


def test_ids_that_are_no_token_spell_nothing(gpt2):
    assert gpt2.decode([-1, 64, 50257, 50303, 65]) == "ab"
    assert gpt2.token_bytes(50257) == gpt2.token_bytes(-1) == b""
    assert gpt2.token_bytes(262) == b" the"
    assert gpt2.token_bytes(gpt2.end_id) == b"<|endoftext|>"
    assert gpt2.token_bytes(447) == b"\xe2\x80"


def test_max_length_and_kinds(gpt2):
    assert gpt2.encode("a b c d", max_length=2) == gpt2.encode("a b c d")[:2]
    assert gpt2.encode("a b c", "d e", max_length=4) == [64, 275, 67, 304]
    encoded = gpt2.encode_batch(["a", ("b", b"c")])
    assert [row.dtype for row in encoded.ids] == [np.int32] * 2
    assert encoded.lengths == [1, 2]
    assert gpt2.encode_batch([]).ids == []
    with pytest.raises(InputError, match="takes many texts"):
        gpt2.encode_batch("one")


def test_max_length_below_the_frame(roberta, gpt2):
    assert roberta.encode("a", max_length=2) == [roberta.cls_id, roberta.sep_id]
    with pytest.raises(InputError, match=r"room for the special tokens.*=3.*Pass 4"):
        roberta.encode("a", "b", max_length=3)
    with pytest.raises(InputError, match=r"max_length=0.*Pass 1"):
        gpt2.encode("a", max_length=0)


def test_the_alphabet():
    characters = characters_of_bytes()
    assert len(set(characters)) == 256
    assert all(character.isprintable() for character in characters)
    assert [bytes_of_token(character) for character in characters] == [
        bytes([byte]) for byte in range(256)
    ]


def test_training(trained):
    assert trained.vocabulary[0] == "<|endoftext|>"
    assert trained.vocabulary[1:257] == list(characters_of_bytes())
    assert trained.vocabulary_size == 265
    assert trained.notes == ()
    # 7 times each, then 6 times: of equal pairs the one of lower ids comes first.
    assert trained.merges[:3] == [("o", "w"), ("l", "ow"), ("low", "e")]
    assert trained.decode(trained.encode("ungesehen: 漢字")) == "ungesehen: 漢字"


def test_training_is_the_same_in_every_process_and_order(trained, shared_data):
    texts = (shared_data / "wikitext2" / "valid.txt").read_text("utf-8").split("\n")
    ours = ByteBPETokenizer.train(texts[:1500], vocabulary_size=1500)
    backwards = ByteBPETokenizer.train(reversed(texts[:1500]), vocabulary_size=1500)
    assert backwards.get_config() == ours.get_config()
    program = (
        "import pathlib, sys, zlib; from kzoo.tokenizers import ByteBPETokenizer;"
        "texts = pathlib.Path(sys.argv[1]).read_text('utf-8').split('\\n')[:1500];"
        "made = ByteBPETokenizer.train(texts, vocabulary_size=1500);"
        "print(zlib.crc32(repr(made.get_config()).encode()))"
    )
    import zlib

    path = shared_data / "wikitext2" / "valid.txt"
    command = [sys.executable, "-c", program, str(path)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert int(printed) == zlib.crc32(repr(ours.get_config()).encode())


def test_training_does_not_learn_special_tokens():
    texts = ["aa<|endoftext|>aa"] * 10
    made = ByteBPETokenizer.train(texts, vocabulary_size=300)
    assert made.vocabulary[257:] == ["aa"]
    assert "258 tokens, fewer than the 300" in made.notes[0]


def test_training_with_a_frame():
    names = {"cls_token": "<s>", "sep_token": "</s>", "end_token": "</s>"}
    names |= {"pad_token": "<pad>", "mask_token": "<mask>", "unknown_token": "<unk>"}
    made = ByteBPETokenizer.train(TEXTS, vocabulary_size=270, **names)
    assert made.vocabulary[:5] == [ROBERTA[0], "<pad>", "</s>", "<unk>", "<mask>"]
    assert made.encode("x")[0] == made.cls_id == 0


def test_too_small_a_vocabulary():
    with pytest.raises(InputError, match=r"256 bytes.*=256. Pass 257"):
        ByteBPETokenizer.train(TEXTS, vocabulary_size=256)


BYTES = [*characters_of_bytes(), "<|endoftext|>"]


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (([*BYTES, "a"], []), {}, "stands in it once.*'a' twice"),
        ((BYTES[1:], []), {}, "each of the 256 bytes.*without Ā"),
        ((BYTES[:-1], []), {}, "every special token.*<|endoftext|>"),
        ((BYTES, [("a", "b")]), {}, "both parts of each merge.*without 'ab'"),
        ((BYTES, ["ab"]), {}, "A merge is a pair.*merge='ab'"),
        ((BYTES, [("a", "")]), {}, "A merge is a pair"),
        ((BYTES, []), {"cls_token": "a"}, "both a cls_token and a sep_token"),
        ((BYTES, []), {"extra_special_tokens": ["<x>"]}, "without '<x>'"),
    ],
)
def test_parts_that_do_not_fit(arguments, options, message):
    with pytest.raises(InputError, match=message):
        ByteBPETokenizer(*arguments, **options)


def test_pickle_and_config(trained):
    trained.encode("x")
    again = pickle.loads(pickle.dumps(trained))
    assert again.get_config() == trained.get_config()
    assert json.loads(json.dumps(trained.get_config())) == trained.get_config()
    assert repr(again) == "<ByteBPETokenizer: 265 tokens, no frame>"
