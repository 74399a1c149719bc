"""Characters as tokens, and opening whichever tokenizer a folder holds."""

import json

import numpy as np
import pytest

from kzoo.errors import InputError
from kzoo.tokenizers import (
    ByteBPETokenizer,
    CharacterTokenizer,
    WordPieceTokenizer,
    from_folder,
    has_tokenizer,
)

pytestmark = pytest.mark.backend_free

TEXT = "to be,\nor not 漢😀\x00\u0301"
NAMES = {"end_token": "<end>", "pad_token": "<pad>", "unknown_token": "<unk>"}


@pytest.fixture
def tokenizer():
    return CharacterTokenizer.train([TEXT])


def test_the_vocabulary_is_sorted(tokenizer):
    assert tokenizer.vocabulary == sorted(set(TEXT))
    assert tokenizer.end_id is tokenizer.start_id is tokenizer.unknown_id is None
    assert tokenizer.pad_id == 0


def test_round_trip(tokenizer):
    ids = tokenizer.encode(TEXT)
    assert ids == [sorted(set(TEXT)).index(character) for character in TEXT]
    assert tokenizer.decode(ids) == TEXT
    assert b"".join(map(tokenizer.token_bytes, ids)) == TEXT.encode()
    assert tokenizer.decode([-1, ids[0], 9999]) == "t"
    assert tokenizer.token_bytes(9999) == b""


def test_a_real_text(shared_data):
    text = (shared_data / "tiny_shakespeare" / "input.txt").read_text("utf-8")
    tokenizer = CharacterTokenizer.train([text])
    ids = tokenizer.encode_batch([text]).ids[0]
    assert tokenizer.vocabulary_size == 65
    assert ids.dtype == np.int32
    assert ids.shape == (1_115_394,)
    assert tokenizer.decode(ids) == text


def test_special_tokens():
    tokenizer = CharacterTokenizer.train(["ab"], **NAMES)
    assert tokenizer.vocabulary == ["<end>", "<pad>", "<unk>", "a", "b"]
    assert (tokenizer.end_id, tokenizer.pad_id, tokenizer.unknown_id) == (0, 1, 2)
    assert tokenizer.encode("a<end>xb<en") == [3, 0, 2, 4, 2, 2, 2]
    assert tokenizer.decode([3, 0, 2, 4]) == "ab"
    assert tokenizer.decode([3, 0], skip_special_tokens=False) == "a<end>"


def test_unknown_characters(tokenizer):
    with pytest.raises(InputError, match=r"character 'z'.*unknown_token"):
        tokenizer.encode("toz")
    with pytest.raises(InputError, match="character '\ufffd'"):
        tokenizer.encode(b"to\xff")
    assert tokenizer.encode("") == []


def test_pairs_and_lengths(tokenizer):
    one = tokenizer.token_to_id
    expected = [one("t"), one("b"), one("e")]  # equally long: the second keeps more
    assert tokenizer.encode("to", "be", max_length=3) == expected
    assert tokenizer.encode_batch(["to", ("b", "e")]).lengths == [2, 2]


def test_a_limit_keeps_the_most_frequent():
    options = {"vocabulary_size": 3, "unknown_token": "<unk>"}
    tokenizer = CharacterTokenizer.train(["cabbac", "bx"], **options)
    assert tokenizer.vocabulary == ["<unk>", "a", "b"]
    with pytest.raises(InputError, match="room for every character.*Pass 4 or more"):
        CharacterTokenizer.train(["cabbac", "bx"], vocabulary_size=3)


@pytest.mark.parametrize(
    ("vocabulary", "options", "message"),
    [
        (["a", "a"], {}, "holds each once"),
        (["ab"], {}, "holds each once"),
        ([], {}, "holds each once"),
        (["a"], {"end_token": "<e>"}, "every special token"),
    ],
)
def test_bad_vocabularies(vocabulary, options, message):
    with pytest.raises(InputError, match=message):
        CharacterTokenizer(vocabulary, **options)


def test_nothing_to_learn_from():
    with pytest.raises(InputError, match="at least one character"):
        CharacterTokenizer.train([""])


@pytest.mark.parametrize("options", [{}, NAMES, {"end_token": "\n"}], ids=str)
def test_save_and_read(options, tmp_path):
    first = CharacterTokenizer.train([TEXT], **options)
    first.save(tmp_path / "new", max_length=7)
    again = CharacterTokenizer.from_folder(tmp_path / "new")
    assert again.get_config() == first.get_config()
    assert json.loads(json.dumps(first.get_config())) == first.get_config()


@pytest.mark.parametrize("options", [{}, NAMES], ids=str)
def test_transformers_opens_it(options, tmp_path):
    from transformers import AutoTokenizer

    ours = CharacterTokenizer.train([TEXT], **options)
    ours.save(tmp_path)
    theirs = AutoTokenizer.from_pretrained(tmp_path)
    texts = [TEXT, TEXT[::-1], "to\n\nbe", *(["x<unk>t<end>"] if options else [])]
    for text in texts:
        assert theirs(text)["input_ids"] == ours.encode(text)
        ids = ours.encode(text)
        assert theirs.decode(ids) == ours.decode(ids, skip_special_tokens=False)


def word_piece():
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    return WordPieceTokenizer([*special, "a"])


MAKERS = {
    "characters": lambda: CharacterTokenizer.train([TEXT]),
    "byte BPE": lambda: ByteBPETokenizer.train(["aa aa"], vocabulary_size=258),
    "WordPiece": word_piece,
}


@pytest.mark.parametrize("kind", MAKERS)
def test_whichever_a_folder_holds(kind, tmp_path):
    first = MAKERS[kind]()
    assert not has_tokenizer(tmp_path)
    first.save(tmp_path)
    assert has_tokenizer(tmp_path)
    again = from_folder(tmp_path)
    assert type(again) is type(first)
    assert again.get_config() == first.get_config()


@pytest.mark.parametrize("kind", ["byte BPE", "WordPiece"])
def test_names_of_files_tell_without_tokenizer_json(kind, tmp_path):
    first = MAKERS[kind]()
    first.save(tmp_path)
    (tmp_path / "tokenizer.json").unlink()
    assert has_tokenizer(tmp_path)
    assert from_folder(tmp_path).get_config() == first.get_config()


def test_files_of_two_kinds(tmp_path):
    for kind in ("byte BPE", "WordPiece"):
        MAKERS[kind]().save(tmp_path)
    (tmp_path / "tokenizer.json").unlink()
    with pytest.raises(InputError, match="with files of two kinds"):
        from_folder(tmp_path)


def test_no_tokenizer(tmp_path):
    with pytest.raises(InputError, match="with no tokenizer"):
        from_folder(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        {"model": {"type": "Unigram"}},
        {"model": {"type": "BPE"}, "pre_tokenizer": {"type": "Metaspace"}},
        {"model": {"type": "WordLevel"}, "pre_tokenizer": {"type": "Whitespace"}},
        {},
        [],
    ],
    ids=str,
)
def test_kinds_that_are_not_known(content, tmp_path):
    (tmp_path / "tokenizer.json").write_text(json.dumps(content), "utf-8")
    with pytest.raises(InputError, match="WordPiece, byte-level BPE, or characters"):
        from_folder(tmp_path)
    with pytest.raises(InputError, match="of another kind"):
        CharacterTokenizer.from_folder(tmp_path)
