"""Pairs from parallel files, tables and folders, and what is wrong with them."""

import gzip
import json

import numpy as np
import pytest

from kzoo.data import Pairs, pair_splits, read_pairs
from kzoo.data.splits import cut_by_text
from kzoo.errors import InputError

pytestmark = pytest.mark.backend_free

DE_EN = {"source_language": "de", "target_language": "en"}


def write(path, lines):
    data = "".join(f"{line}\n" for line in lines).encode()
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def write_sides(folder, stem, count, ending=""):
    for language in ("de", "en"):
        lines = [f"{language} {stem} {i}" for i in range(count)]
        write(folder / f"{stem}.{language}{ending}", lines)


def pairs_of(pairs):
    return list(zip(pairs.sources, pairs.targets, strict=True))


def test_a_folder_of_parallel_files(tmp_path):
    write_sides(tmp_path, "train", 7)
    write_sides(tmp_path, "dev", 3, ".gz")
    write_sides(tmp_path, "test_2016_flickr", 5, ".txt")
    write(tmp_path / "README.md", ["x"])
    assert pair_splits(tmp_path, **DE_EN) == dict.fromkeys(
        ("train", "validation", "test"), "stored"
    )
    train = read_pairs(tmp_path, "train", **DE_EN)
    assert pairs_of(train)[6] == ("de train 6", "en train 6")
    assert (train.source_language, train.target_language) == ("de", "en")
    assert train.direction == "de to en"
    turned = read_pairs(
        tmp_path, "validation", source_language="en", target_language="de"
    )
    assert pairs_of(turned)[0] == ("en dev 0", "de dev 0")
    assert len(read_pairs(tmp_path, "all", **DE_EN)) == 15
    assert len(read_pairs(tmp_path, "test", **DE_EN)) == 5
    assert len(read_pairs(tmp_path, "test_2016_flickr", **DE_EN)) == 5


def test_all_says_what_it_leaves_out(tmp_path):
    write_sides(tmp_path, "train", 4)
    write_sides(tmp_path, "test_a", 2)
    write_sides(tmp_path, "test_b", 2)
    pairs = read_pairs(tmp_path, "all", **DE_EN)
    assert len(pairs) == 4
    assert any(
        "without test_a, test_b, any of which could be test" in note
        for note in pairs.notes
    )


def test_languages_are_said_and_never_guessed(tmp_path):
    write_sides(tmp_path, "train", 3)
    rule = "endings de, en, .*source_language='de', target_language='en'.*--source de"
    with pytest.raises(InputError, match=rule):
        read_pairs(tmp_path, "train")
    pairs = read_pairs(tmp_path, "train", target_language="de")
    assert pairs.direction == "en to de"
    assert "en is translated into de" in pairs.notes[0]
    with pytest.raises(InputError, match="language='fr'.*endings de, en"):
        read_pairs(tmp_path, "train", source_language="fr")
    with pytest.raises(InputError, match="one language into another.*'de'.*'de'"):
        read_pairs(tmp_path, "train", source_language="de", target_language="de")
    write(tmp_path / "train.pt_BR", ["x"] * 3)
    with pytest.raises(InputError, match="endings de, en, pt_BR, source_language='de'"):
        read_pairs(tmp_path, "train", source_language="de")
    options = {"source_language": "pt_BR", "target_language": "en"}
    assert read_pairs(tmp_path, "train", **options).sources[0] == "x"


def test_one_pair_of_files_of_any_name_is_cut(tmp_path):
    write_sides(tmp_path, "corpus.de-en", 500)
    assert pair_splits(tmp_path, **DE_EN)["train"] == "rest"
    parts = [read_pairs(tmp_path, s, **DE_EN) for s in ("train", "validation", "test")]
    sources = [set(part.sources) for part in parts]
    assert sum(map(len, sources)) == len(set.union(*sources)) == 500
    assert 30 < len(parts[1]) < 70
    assert "were cut from train by a hash of the source" in parts[1].notes[-1]
    assert "10% for validation and 10% for test" in parts[0].notes[-1]
    assert len(read_pairs(tmp_path, "all", **DE_EN)) == 500
    whole = {"validation_share": 0.0, "test_share": 0.0}
    assert len(read_pairs(tmp_path, "train", **DE_EN, **whole)) == 500
    with pytest.raises(InputError, match="split='test'.*which has train"):
        read_pairs(tmp_path, "test", **DE_EN, **whole)


def test_several_test_files_are_named_and_train_is_not_cut_for_them(tmp_path):
    write_sides(tmp_path, "train", 60)
    write_sides(tmp_path, "val", 5)
    for name in ("test_2016", "test_2017"):
        write_sides(tmp_path, name, 4)
    assert pair_splits(tmp_path, **DE_EN) == {"train": "stored", "validation": "stored"}
    with pytest.raises(
        InputError, match="test in test_2016, test_2017.*--split test_2"
    ):
        read_pairs(tmp_path, "test", **DE_EN)
    assert read_pairs(tmp_path, "test_2017", **DE_EN).sources[0] == "de test_2017 0"
    with pytest.raises(InputError, match="split='test_2018'.*train.*test_2016"):
        read_pairs(tmp_path, "test_2018", **DE_EN)
    write_sides(tmp_path, "test", 2)
    assert len(read_pairs(tmp_path, "test", **DE_EN)) == 2


def test_all_of_a_folder_that_leaves_every_split_open(tmp_path):
    for name in ("test_2016", "test_2017"):
        write_sides(tmp_path, name, 4)
    with pytest.raises(InputError, match="test in test_2016, test_2017.*--split"):
        read_pairs(tmp_path, "all", **DE_EN)
    assert len(read_pairs(tmp_path, "test_2016", **DE_EN)) == 4


def test_files_that_are_not_parallel(tmp_path):
    write_sides(tmp_path, "train", 5)
    write(tmp_path / "train.en", ["x"] * 4)
    with pytest.raises(
        InputError, match=r"5 lines in '.*train.de', 4 lines.*train.en'"
    ):
        read_pairs(tmp_path, "train", **DE_EN)
    write(tmp_path / "train.en", [])
    with pytest.raises(InputError, match=r"at least one line.*train.en', which is emp"):
        read_pairs(tmp_path, "train", **DE_EN)
    (tmp_path / "train.en").unlink()
    with pytest.raises(InputError, match="language='en'.*endings de"):
        read_pairs(tmp_path, "train", **DE_EN)
    write_sides(tmp_path, "train", 5)
    write(tmp_path / "val.de", ["x"])
    with pytest.raises(InputError, match=r"val.de' without val.en"):
        read_pairs(tmp_path, "train", **DE_EN)
    write(tmp_path / "val.en.gz", ["x"])
    assert len(read_pairs(tmp_path, "validation", **DE_EN)) == 1
    write(tmp_path / "val.en", ["x"])
    with pytest.raises(InputError, match="each side of a split once.*val.en.gz"):
        read_pairs(tmp_path, "train", **DE_EN)


def test_lines_end_at_newlines_only(tmp_path):
    (tmp_path / "train.de").write_bytes("a\u2028b\r\nc\x0bd\re\n\ufefff".encode())
    (tmp_path / "train.en").write_bytes(b"\xef\xbb\xbf1\n2\n3\n")
    pairs = read_pairs(tmp_path, "train", **DE_EN, validation_share=0, test_share=0)
    assert pairs_of(pairs) == [("a\u2028b", "1"), ("c\x0bd\re", "2"), ("\ufefff", "3")]
    (tmp_path / "train.en").write_bytes(b"1\n2\nZ\xfcrich\n")
    with pytest.raises(
        InputError, match=r"text in utf-8.*train.en', line 3.*encoding="
    ):
        read_pairs(tmp_path, "train", **DE_EN)


def test_empty_sides_are_dropped_and_counted(tmp_path):
    write(tmp_path / "train.de", ["a", "", "c", " ", "e", "f"])
    write(tmp_path / "train.en", ["1", "2", "\t", "\u3000", "5", "6"])
    options = {**DE_EN, "validation_share": 0, "test_share": 0}
    pairs = read_pairs(tmp_path, "train", **options)
    assert pairs_of(pairs) == [("a", "1"), ("e", "5"), ("f", "6")]
    assert (
        "3 of 6 pairs dropped for an empty side, 2 on the source side and 2 on the "
        "target side" in pairs.notes[-1]
    )
    for choice in ("error", "keep"):
        with pytest.raises(InputError, match=r"rows 2, 3, 4 of .*empty_text='drop'"):
            read_pairs(tmp_path, "train", empty_text=choice, **options)
    write(tmp_path / "train.en", [""] * 6)
    with pytest.raises(InputError, match="at least one pair.*split='train'"):
        read_pairs(tmp_path, "train", **options)


def test_equal_sources_fall_into_one_split(tmp_path):
    rows = [f"Sentence {i % 80}.\tÜbersetzung {i}" for i in range(400)]
    rows += [f"sentence  {i}. \tanders {i}" for i in range(80)]
    path = write(tmp_path / "pairs.tsv", rows)
    parts = [read_pairs(path, s) for s in ("train", "validation", "test")]
    keys = [{" ".join(s.lower().split()) for s in part.sources} for part in parts]
    assert sum(map(len, keys)) == len(set.union(*keys)) == 80
    assert all(len(part) == 6 * len(some) for part, some in zip(parts, keys, strict=1))
    assert all(map(len, parts))
    # Rows that follow move none of those before.
    fewer = write(tmp_path / "fewer.tsv", rows[:300])
    held = set(pairs_of(read_pairs(fewer, "test")))
    assert held == {p for p in pairs_of(parts[2]) if p in held}
    assert len(held) == sum(int(t.split()[1]) < 300 for _, t in pairs_of(parts[2])
                            if t.startswith("Über"))  # fmt: skip


def test_a_cut_by_text_has_the_shares_asked_for():
    texts = [f"text {i}" for i in range(10_000)]
    parts = cut_by_text(texts, {"validation": 0.1, "test": 0.2})
    joined = np.sort(np.concatenate(list(parts.values())))
    assert joined.tolist() == list(range(10_000))
    assert abs(len(parts["validation"]) - 1000) < 100
    assert abs(len(parts["test"]) - 2000) < 150


@pytest.mark.parametrize(
    ("name", "content", "options", "expected", "languages"),
    [
        ("a.tsv", "Hi.\tHallo.\nRun\tLauf\n", {}, ("Hi.", "Hallo."), (None, None)),
        ("a.tsv", "Hi.\tHallo.\nRun\tLauf\n", {"source_column": 2}, ("Hallo.", "Hi."),
         (None, None)),
        ("a.tsv", "Hi.\tHallo.\nRun\tLauf\n",
         {"source_column": 1, **DE_EN}, ("Hi.", "Hallo."), ("de", "en")),
        ("a.csv", "en,de\nHi.,Hallo.\nRun,Lauf\n", {}, ("Hi.", "Hallo."), ("en", "de")),
        ("a.csv", "en,de\nHi.,Hallo.\nRun,Lauf\n", DE_EN, ("Hallo.", "Hi."),
         ("de", "en")),
        ("a.csv", "id,tgt,src\n7,Hallo.,Hi.\n8,Lauf,Run\n", {}, ("Hi.", "Hallo."),
         (None, None)),
        ("a.csv", "id,german,english\n7,Hallo.,Hi.\n",
         {"source_column": "english", "target_column": "German"}, ("Hi.", "Hallo."),
         (None, None)),
        ("a.csv", "no,yes\nHi.,Hallo.\n", {"header": False}, ("no", "yes"),
         (None, None)),
        ("a.jsonl", '{"x": 1, "source": "Hi.", "target": "Hallo."}\n', {},
         ("Hi.", "Hallo."), (None, None)),
        ("a.jsonl", '{"translation": {"en": "Hi.", "de": "Hallo."}}\n', DE_EN,
         ("Hallo.", "Hi."), ("de", "en")),
        ("a.txt", "1\tHi.\tHallo.\n",
         {"format": "tsv", "source_column": 2, "target_column": "3"}, ("Hi.", "Hallo."),
         (None, None)),
    ],
)  # fmt: skip
def test_columns(tmp_path, name, content, options, expected, languages):
    path = tmp_path / name
    path.write_text(content)
    pairs = read_pairs(path, "all", **options)
    assert pairs_of(pairs)[0] == expected
    assert (pairs.source_language, pairs.target_language) == languages
    assert any("is translated into column" in note for note in pairs.notes)


@pytest.mark.parametrize(
    ("name", "content", "options", "message"),
    [
        ("a.tsv", "Hi.\tHallo.\n", DE_EN, "Pass source_column and target_column"),
        ("a.tsv", "1\tHi.\tHallo.\n", {}, "1 .first cell '1'., 2 .*source_column=None"),
        ("a.tsv", "Hi.\tHallo.\n", {"source_column": 3}, "column='3'"),
        ("a.tsv", "a\tb\n", {"source_column": 2, "target_column": 2}, "Two columns"),
        ("a.tsv", "a\tb\nc\n", {}, "as many columns.*line 2"),
        ("a.tsv", "", {}, "at least one row.*a.tsv', which is empty"),
        ("a.jsonl", '{"en": "a", "de": null}\n', DE_EN, "line 1.*without text.*'de'"),
        ("a.jsonl", '{"x": "a", "y": "b", "z": "c"}\n', {}, "1 'x', 2 'y', 3 'z'"),
        ("a.pdf", "a\tb\n", {}, "ends in .csv, .tsv or .jsonl"),
    ],
)
def test_unclear_columns(tmp_path, name, content, options, message):
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(InputError, match=message):
        read_pairs(path, "all", **options)


def test_a_folder_of_tables(tmp_path):
    for split, count in (("train", 40), ("val", 4)):
        rows = [{"translation": {"de": f"d{i}", "en": f"e{i}"}} for i in range(count)]
        write(tmp_path / f"{split}.jsonl", map(json.dumps, rows))
    assert pair_splits(tmp_path) == {
        "train": "rest",
        "validation": "stored",
        "test": "cut",
    }
    assert pairs_of(read_pairs(tmp_path, "validation", **DE_EN))[3] == ("d3", "e3")


def test_what_there_is_not(tmp_path):
    with pytest.raises(
        InputError, match="train.de and train.en, or train.csv.*without"
    ):
        read_pairs(tmp_path, "train")
    with pytest.raises(InputError, match="file or folder that exists.*nowhere"):
        read_pairs(tmp_path / "nowhere", "train")
    with pytest.raises(InputError, match="demo:en-fr.*Known: demo:en-de, demo:de-en"):
        read_pairs("demo:en-fr", "train")
    with pytest.raises(InputError, match="Write demo:de-en"):
        read_pairs("demo:en-de", "train", source_language="de")
    for name in ("one", "two"):
        write_sides(tmp_path, name, 3)
    with pytest.raises(InputError, match="holds train.de.*with one, two.*Rename"):
        read_pairs(tmp_path, "train", **DE_EN)


def test_pairs_themselves():
    pairs = Pairs(["a", "bc"], ["d", "e"])
    assert pairs.direction == "source to target"
    assert pairs.subset([1]).sources == ["bc"]
    prints = {
        pairs.fingerprint(),
        Pairs(["ab", "c"], ["d", "e"]).fingerprint(),
        Pairs(["d", "e"], ["a", "bc"]).fingerprint(),
    }
    assert len(prints) == 3
    noted = Pairs(["a", "bc"], ["d", "e"], "x", "y", ("note",))
    assert noted.fingerprint() == pairs.fingerprint()
    with pytest.raises(InputError, match="2 sources and 1 targets"):
        Pairs(["a", "b"], ["c"])


def test_multi30k_as_it_is_stored(shared_data):
    folder = shared_data / "multi30k_de_en"
    sizes = {"train": 29_000, "validation": 1014, "test": 1000}
    for split, size in sizes.items():
        pairs = read_pairs(folder, split, **DE_EN)
        assert len(pairs) == size
        assert pairs.notes == ()
    name = "test_2016_flickr"
    assert pairs.fingerprint() == read_pairs(folder, name, **DE_EN).fingerprint()
    lines = (folder / f"{name}.de").read_text(encoding="utf-8").split("\n")
    assert list(pairs.sources) == lines[:-1]
    with pytest.raises(InputError, match="endings de, en"):
        read_pairs(folder, "train")


def test_tatoeba_is_a_table_without_a_header(shared_data):
    folder = shared_data / "tatoeba_cmn_en"
    for split, size in {"train": 26_308, "validation": 1431, "test": 1416}.items():
        assert len(read_pairs(folder, split)) == size
    train = read_pairs(folder, "train")
    assert pairs_of(train)[0] == ("Hi.", "嗨。")
    turned = read_pairs(folder, "train", source_column=2, target_column=1)
    assert pairs_of(turned)[0] == ("嗨。", "Hi.")
    options = {"format": "tsv", "source_column": 1, "target_column": 2}
    parts = [
        read_pairs(folder / "cmn.txt", split, **options)
        for split in ("train", "validation", "test")
    ]
    assert sum(map(len, parts)) == 29_155
    sources = [set(part.sources) for part in parts]
    assert not sources[0] & sources[1]
    assert not sources[2] & (sources[0] | sources[1])
