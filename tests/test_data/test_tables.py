"""Rows of files: quoting, line breaks, encodings, damaged content."""

import gzip
import json

import pytest

from kzoo.data.tables import format_of, read_table
from kzoo.errors import InputError

pytestmark = pytest.mark.backend_free


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_quoted_cells_hold_delimiters_quotes_and_lines(tmp_path):
    path = write(tmp_path / "a.csv", 'x,y\n"a, ""b""\nc",1\r\n\nd,2')
    table = read_table(path)
    assert table.rows == [["x", "y"], ['a, "b"\nc', "1"], ["d", "2"]]
    assert table.lines == [1, 2, 5]


@pytest.mark.parametrize("breaker", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\r"])
@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl"])
def test_only_newlines_end_a_row(tmp_path, name, breaker):
    text = f"one{breaker}two"
    if name == "a.jsonl":
        rows = json.dumps({"t": text, "l": "x"}, ensure_ascii=False) + "\n"
        rows = rows.replace("\\r", "\\r")
    else:
        rows = text + ("," if name == "a.csv" else "\t") + "x\r\n"
    table = read_table(write(tmp_path / name, rows))
    assert table.rows == [[text, "x"]]


def test_long_cells_and_the_mark_at_the_start(tmp_path):
    text = "word " * 60_000
    path = write(tmp_path / "a.csv", b"\xef\xbb\xbf" + f'"{text}",1\n'.encode())
    assert read_table(path).rows == [[text, "1"]]


def test_gzip(tmp_path):
    path = write(tmp_path / "a.tsv.gz", gzip.compress(b"a\t1\nb\t2\n"))
    assert read_table(path).rows == [["a", "1"], ["b", "2"]]


def test_tsv_quotes_are_characters_unless_all_are_well_formed(tmp_path):
    loose = read_table(write(tmp_path / "a.tsv", '"a" film , he said\t1\n"b"\t0\n'))
    assert loose.rows == [['"a" film , he said', "1"], ['"b"', "0"]]
    assert "ordinary characters" in loose.notes[0]
    strict = read_table(write(tmp_path / "b.tsv", '"a\tb"\t1\n"c ""d"""\t0\n'))
    assert strict.rows == [["a\tb", "1"], ['c "d"', "0"]]
    # An opening and a closing quote, lines apart, do not swallow what is between.
    apart = read_table(write(tmp_path / "c.tsv", '"a\t1\nb\t0\nc"\t1\n'))
    assert apart.rows == [['"a', "1"], ["b", "0"], ['c"', "1"]]


def test_quoting_can_be_said(tmp_path):
    path = write(tmp_path / "a.csv", '"a",1\n')
    assert read_table(path, quoting=False).rows == [['"a"', "1"]]
    path = write(tmp_path / "a.tsv", '"a" b\t1\n')
    with pytest.raises(InputError, match="after line 0.*quoting=False"):
        read_table(path, quoting=True)


def test_json_lines(tmp_path):
    rows = '{"t": "a", "l": 1}\n\n{"l": 0, "t": "b\\ud800", "m": null}\n'
    table = read_table(write(tmp_path / "a.jsonl", rows))
    assert table.names == ["t", "l", "m"]
    assert table.rows == [["a", 1, None], ["b\ufffd", 0, None]]
    assert table.lines == [1, 3]


def test_label_first(tmp_path):
    path = write(tmp_path / "a.train", "1 a fine film\n__label__0 dull\r\n")
    table = read_table(path, format="label-text")
    assert table.names == ["label", "text"]
    assert table.rows == [["1", "a fine film"], ["0", "dull"]]


def test_encodings(tmp_path):
    path = write(tmp_path / "a.csv", "café,1\n".encode("utf-16"))
    assert read_table(path, encoding="utf-16").rows == [["café", "1"]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a,1\ncaf\xe9,0\n", r"line 2, byte offset 7 \(0xe9\).*--encoding cp1252"),
        (b'a,1\nb,0\n"c,1\n', "quoted cell is closed.*after line 2"),
    ],
)
def test_bad_csv(tmp_path, content, message):
    with pytest.raises(InputError, match=message):
        read_table(write(tmp_path / "a.csv", content))


@pytest.mark.parametrize("line", ["[1]", "{", '"text"'])
def test_bad_json(tmp_path, line):
    path = write(tmp_path / "a.jsonl", '{"t": "a"}\n' + line)
    with pytest.raises(InputError, match="one JSON object.*line 2"):
        read_table(path)


def test_bad_gzip(tmp_path):
    whole = gzip.compress(b"a,1\n" * 1000)
    for content in (b"a,1\n", whole[:-20]):
        path = write(tmp_path / "a.csv.gz", content)
        with pytest.raises(InputError, match=r"\.gz file decompresses"):
            read_table(path)


def test_bad_names(tmp_path):
    with pytest.raises(InputError, match="can be read.*No such file"):
        read_table(tmp_path / "none.csv")
    with pytest.raises(InputError, match="ends in .csv.*a.xlsx"):
        format_of(tmp_path / "a.xlsx")
    with pytest.raises(InputError, match="No such file format.*csv, tsv, jsonl"):
        format_of(tmp_path / "a.csv", "xml")
    with pytest.raises(InputError, match="Python knows.*utf-9"):
        read_table(write(tmp_path / "a.csv", "a"), encoding="utf-9")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(InputError, match="can be read"):
        read_table(tmp_path / "folder.csv")
