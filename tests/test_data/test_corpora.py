"""Running text: which files are which split, and how a missing one is cut."""

import gzip
import hashlib

import pytest

from kzoo.data import Corpus, corpus_splits, read_corpus
from kzoo.data.corpora import cut_texts
from kzoo.errors import InputError

pytestmark = pytest.mark.backend_free

TEXT = "".join(f"line {i} of the text\n" for i in range(97))


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "input.txt"
    path.write_text(TEXT)
    return path


def text_of(*arguments, **options):
    return "".join(read_corpus(*arguments, **options).documents)


def test_a_file_is_cut_at_its_end_and_says_so(file):
    parts = [text_of(file, split) for split in ("train", "validation", "test")]
    assert "".join(parts) == TEXT
    assert [len(part) for part in parts[1:]] == [
        pytest.approx(len(TEXT) / 10, abs=1),
        pytest.approx(len(TEXT) / 10, abs=1),
    ]
    note = read_corpus(file, "validation").notes[-1]
    assert "10% for validation and 10% for test" in note
    assert f"of {len(TEXT):,}" in note
    assert corpus_splits(file) == {
        "train": "rest",
        "validation": "cut",
        "test": "cut",
    }


@pytest.mark.parametrize("test_share", [None, 0.0])
def test_a_validation_share_alone_is_the_last_tenth(file, test_share):
    options = {"validation_share": 0.1, "test_share": test_share}
    end = int(len(TEXT) * 0.9)
    assert text_of(file, "train", **options) == TEXT[:end]
    assert text_of(file, "validation", **options) == TEXT[end:]
    with pytest.raises(InputError, match="split='test'.*which has train, validation"):
        read_corpus(file, "test", **options)


def test_tiny_shakespeare_is_cut_as_nano_gpt_cuts_it(shared_data):
    path = shared_data / "tiny_shakespeare" / "input.txt"
    text = path.read_text(encoding="utf-8")
    train = text_of(path, "train", validation_share=0.1)
    assert len(train) == 1_003_854
    assert text_of(path, "validation", validation_share=0.1) == text[1_003_854:]
    assert len(text) - len(train) == 111_540


def test_official_splits_of_a_folder(shared_data):
    folder = shared_data / "wikitext2"
    assert set(corpus_splits(folder).values()) == {"stored"}
    text = text_of(folder, "test")
    assert hashlib.sha256(text.encode()).digest() == (
        hashlib.sha256((folder / "test.txt").read_bytes()).digest()
    )


def test_a_split_is_a_name_of_a_file_or_of_a_folder(tmp_path):
    for name in ("b.txt", "a.txt", "deep/c.txt", "test/x.txt", "my_valid.txt.gz"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        data = f"<{name}>".encode()
        path.write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    (tmp_path / "notes.json").write_text("{}")
    (tmp_path / ".hidden.txt").write_text("no")
    assert list(read_corpus(tmp_path, "train").documents) == [
        "<a.txt>",
        "<b.txt>",
        "<deep/c.txt>",
    ]
    assert text_of(tmp_path, "test") == "<test/x.txt>"
    assert text_of(tmp_path, "validation") == "<my_valid.txt.gz>"
    assert text_of(tmp_path, "all").count("<") == 5


def test_what_no_name_places_is_left_out_with_a_note(tmp_path):
    for name in ("train.txt", "train_small.txt", "readme.txt"):
        (tmp_path / name).write_text(name)
    corpus = read_corpus(tmp_path, "all")
    assert list(corpus.documents) == ["train.txt"]
    assert "readme.txt left out" in corpus.notes[0]
    assert "train is train.txt; train_small.txt left out" in corpus.notes[1]


def test_documents_between_blank_lines(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("one\nmore\n\n\ntwo\n \t\n  three\n\n")
    corpus = read_corpus(path, "all", documents="blank-line")
    assert list(corpus.documents) == ["one\nmore", "two", "  three"]
    assert len(read_corpus(path, "all").documents) == 1
    # The cut comes first, so that it is one of characters of the file.
    train = read_corpus(path, "train", documents="blank-line", validation_share=0.5)
    assert list(train.documents) == ["one\nmore", "tw"]


def test_rows_of_a_table_are_documents(tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_text('{"text": "one"}\n{"text": "two\\nlines"}\n')
    assert list(read_corpus(path, "train").documents) == ["one", "two\nlines"]


@pytest.mark.parametrize("split", ["train", "validation", "test"])
@pytest.mark.parametrize("shares", [{"validation": 0.3}, {"test": 0.2}, {}])
def test_cut_positions_are_those_of_the_parts(split, shares):
    texts = ["abc", "", "defgh", "ij"]
    parts, start, end = cut_texts(texts, shares, split)
    assert "".join(parts) == "abcdefghij"[start:end]
    assert end - start == pytest.approx(
        10 * (shares.get(split, 0) if split != "train" else 1 - sum(shares.values()))
    )


def test_stories_are_the_same_for_ever_and_in_one_split():
    train = read_corpus("demo:stories", "train", size=300)
    assert (
        train.documents[7] == read_corpus("demo:stories", "train", size=8).documents[7]
    )
    assert len(set(train.documents)) == 300
    held = read_corpus("demo:stories", "validation", size=100)
    assert not set(held.documents) & set(train.documents)
    assert train.fingerprint() == (
        "e62c771f96236282e515f5576e5948651b8a2cf152ed179fe2021e4b43320de0"
    )
    words = {word for story in train.documents for word in story.split()}
    assert len(words) > 400
    assert not any("{" in story or "  " in story for story in train.documents)


def test_a_fingerprint_tells_where_documents_end():
    assert (
        Corpus(("ab", "c"), "x").fingerprint() != Corpus(("a", "bc"), "x").fingerprint()
    )


@pytest.mark.parametrize(
    ("content", "split", "options", "message"),
    [
        (b"", "train", {}, "holds some text.*split='train'"),
        (b" \n \n", "train", {"documents": "blank-line"}, "holds some text"),
        (b"text\n", "validation", {}, "holds some text.*split='validation'"),
        (b"text", "dev", {}, "No such split.*split='dev'"),
        (b"\xff\xfe\xfd", "train", {}, "text in utf-8.*byte offset 0"),
        (b"text", "train", {"documents": "page"}, "kind of document.*'page'"),
    ],
)
def test_what_is_refused(tmp_path, content, split, options, message):
    path = tmp_path / "a.txt"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_corpus(path, split, **options)


def test_specs_that_name_nothing(tmp_path):
    with pytest.raises(InputError, match=r"demo:reviews.*Known: demo:stories"):
        read_corpus("demo:reviews", "train")
    with pytest.raises(InputError, match="exists.*nowhere"):
        read_corpus(tmp_path / "nowhere", "train")
    with pytest.raises(InputError, match=r"holds \.txt files"):
        read_corpus(tmp_path, "train")
    (tmp_path / "dataset_info.json").write_text("{}")
    with pytest.raises(InputError, match="read as tfds:FOLDER"):
        read_corpus(tmp_path, "train")
    (tmp_path / "test.txt").write_text("text")
    with pytest.raises(InputError, match="which has test"):
        read_corpus(tmp_path / "test.txt", "train")


def test_texts_of_tfds_are_documents(tmp_path):
    pytest.importorskip("tensorflow_datasets")
    from kzoo.data import prepare

    rows = [f"text number {i},{'ab'[i % 2]}" for i in range(40)]
    (tmp_path / "all.csv").write_text("\n".join(["text,label", *rows]))
    folder = prepare(tmp_path / "all.csv", tmp_path / "tfds", test_share=0.0)
    corpus = read_corpus(f"tfds:{folder}", "train", test_share=0.0)
    assert set(corpus_splits(f"tfds:{folder}")) == {"train", "validation", "test"}
    assert all(text.startswith("text number") for text in corpus.documents)
    with pytest.raises(InputError, match="text_column='label'.*text: Text"):
        read_corpus(f"tfds:{folder}", "train", text_column="label")
