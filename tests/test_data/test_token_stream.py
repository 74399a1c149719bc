"""Documents as one stream of tokens, in memory and on disk."""

import json
import pickle

import numpy as np
import pytest
from support.language_models import Letters

from kzoo.data import Corpus, is_token_folder, prepare_tokens, read_stream
from kzoo.data.token_files import open_tokens
from kzoo.data.token_stream import pieces, tokenize_corpus, tokenizer_fingerprint
from kzoo.errors import InputError
from kzoo.tokenizers import ByteBPETokenizer

pytestmark = pytest.mark.backend_free

HARD = [
    "a\nb", "a \nb", "a\n b", "a\n\nb", "a.\nb", "it's\n'tis", "a\r\nb", "\n", "12\n34",
    "a\u2028b\n\u00e9", "\U0001f600\n\U0001f600", "a\t\nb\n\tc", "x\x85\ny",
    "a \n b", "a\n\n b",
]  # fmt: skip


@pytest.fixture(scope="module")
def gpt2(shared_data):
    return ByteBPETokenizer.from_folder(shared_data / "gpt2_bpe")


@pytest.mark.parametrize("end", [False, True])
def test_documents_stand_one_behind_the_other(end):
    tokenizer = Letters(end_id=True if end else None)
    stream = tokenize_corpus(Corpus(("abc", "d", "ef"), "x"), tokenizer)
    stop = [9] if end else []
    assert stream.tokens.tolist() == [0, 1, 2, *stop, 3, *stop, 4, 5]
    assert stream.tokens.dtype == "uint16"
    assert stream.documents[:, 0].tolist() == ([0, 4, 6] if end else [0, 3, 4])
    assert stream.documents[:, 1].tolist() == [3, 1, 2]
    assert (stream.characters, stream.bytes) == (6, 6)


def test_characters_and_bytes_are_those_of_the_text(gpt2):
    texts = ("héllo", "\U0001f600 ok", "plain")
    stream = tokenize_corpus(Corpus(texts, "x"), gpt2)
    assert stream.documents[:, 1].tolist() == [len(t) for t in texts]
    assert stream.documents[:, 2].tolist() == [len(t.encode()) for t in texts]
    whole = gpt2.decode([int(t) for t in stream.tokens if t != gpt2.end_id])
    assert whole == "".join(texts)


def test_pieces_are_the_text():
    text = "one\ntwo\n\nthree \n four\nfive" * 20
    for size in (1, 7, 50, 10_000):
        assert "".join(pieces(text, size)) == text
    assert list(pieces("", 5)) == [""]
    assert list(pieces("no break at all", 5)) == ["no break at all"]


def test_random_white_space_in_pieces_has_the_tokens_of_the_whole(gpt2):
    draw = np.random.default_rng(0)
    alphabet = [*"ab1.' ' \n\n\n\t\r", "\u00a0", "\u2029", "\x1c", "\u00e9"]
    for _ in range(300):
        text = "".join(draw.choice(alphabet, 40))
        parts = [list(gpt2.encode(piece)) for piece in pieces(text, 1)]
        assert sum(parts, []) == list(gpt2.encode(text)), repr(text)


@pytest.mark.parametrize("text", [*HARD, "\n".join(HARD) * 3])
def test_a_text_in_pieces_has_the_tokens_of_the_whole(gpt2, text):
    text = text * 3
    whole = list(gpt2.encode(text))
    parts = [i for piece in pieces(text, 1) for i in gpt2.encode(piece)]
    assert parts == whole


def test_real_text_in_pieces_has_the_tokens_of_the_whole(gpt2, shared_data):
    text = (shared_data / "wikitext2" / "test.txt").read_text(encoding="utf-8")[
        :150_000
    ]
    parts = list(pieces(text, 50))
    assert len(parts) > 100
    assert [i for ids in gpt2.encode_batch(parts).ids for i in ids] == list(
        gpt2.encode(text)
    )


def test_progress_ends_at_the_end():
    seen = []
    tokenize_corpus(
        Corpus(("abc" * 9, "d"), "x"), Letters(), lambda *done: seen.append(done)
    )
    assert seen[-1] == (28, 28)


def test_a_framing_tokenizer_is_refused():
    tokenizer = Letters()
    tokenizer.encode = lambda text: [1, 2]
    with pytest.raises(InputError, match=r"no special tokens.*\[1, 2\]"):
        tokenize_corpus(Corpus(("a",), "x"), tokenizer)


@pytest.fixture
def prepared(tmp_path):
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "input.txt").write_text("abc defg\n\n" * 40)
    folder = tmp_path / "tokens"
    prepare_tokens(
        tmp_path / "text", folder, Letters(end_id=True), documents="blank-line",
        validation_share=0.25,
    )  # fmt: skip
    return folder


def test_tokens_on_disk_are_those_in_memory(prepared):
    tokenizer = Letters(end_id=True)
    assert is_token_folder(prepared)
    assert not is_token_folder(prepared.parent)
    for split in ("train", "validation"):
        stored = read_stream(prepared, split, tokenizer)
        fresh = read_stream(
            prepared.parent / "text", split, tokenizer, documents="blank-line",
            validation_share=0.25,
        )  # fmt: skip
        assert isinstance(stored.tokens, np.memmap)
        assert stored.fingerprint() == fresh.fingerprint()
        assert stored.notes == fresh.notes
        index = json.loads((prepared / "tokens.json").read_text())
        assert index["splits"][split]["sha256"] == fresh.fingerprint()
    assert not [path for path in prepared.parent.iterdir() if path.name[0] == "."]


def test_another_tokenizer_is_refused(prepared):
    with pytest.raises(InputError, match="own tokenizer.*Letters of 10.*Letters of 9"):
        read_stream(prepared, "train", Letters())
    same_size = Letters("gfedcba \n", end_id=True)
    with pytest.raises(InputError, match="own tokenizer"):
        read_stream(prepared, "train", same_size)
    assert len(open_tokens(prepared, "train", None)) > 0


def test_a_fingerprint_knows_the_merges(gpt2):
    other = pickle.loads(pickle.dumps(gpt2))
    assert tokenizer_fingerprint(other) == tokenizer_fingerprint(gpt2)
    fewer = ByteBPETokenizer(gpt2.vocabulary, gpt2.merges[:9])
    assert tokenizer_fingerprint(fewer) != tokenizer_fingerprint(gpt2)


def test_damaged_folders(prepared):
    tokenizer = Letters(end_id=True)
    with pytest.raises(InputError, match="split='test'.*train, validation"):
        read_stream(prepared, "test", tokenizer)
    for damage in (b"no", b""):
        (prepared / "train" / "documents.npy").write_bytes(damage)
        with pytest.raises(InputError, match="documents.npy"):
            read_stream(prepared, "train", tokenizer)
    with open(prepared / "validation" / "tokens.bin", "ab") as file:
        file.write(b"x")
    with pytest.raises(InputError, match="as long as tokens.json says.*bytes, not"):
        read_stream(prepared, "validation", tokenizer)
    with pytest.raises(InputError, match="which exists"):
        prepare_tokens(prepared.parent / "text", prepared, tokenizer)


def test_nothing_is_left_of_a_preparation_that_fails(tmp_path):
    (tmp_path / "train.txt").write_text("abc")

    class Failing(Letters):
        def save(self, folder):
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        prepare_tokens(tmp_path / "train.txt", tmp_path / "out", Failing())
    assert [path.name for path in tmp_path.iterdir()] == ["train.txt"]
