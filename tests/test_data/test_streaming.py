"""Texts one after another."""

import gzip
import io

import pytest

from kzoo.data import iter_texts
from kzoo.errors import InputError

pytestmark = pytest.mark.backend_free


def stream(content):
    return io.BytesIO(content if isinstance(content, bytes) else content.encode())


def test_lines_of_a_stream():
    content = "\ufefffine\u2028film\r\n\ndu\rll\n".encode() + b"caf\xe9\r\nlast"
    texts = list(iter_texts(stream(content)))
    assert texts == ["fine\u2028film", "", "du\rll", b"caf\xe9", "last"]


def test_texts_come_as_they_arrive():
    class Slow(io.RawIOBase):
        lines = [b"one\n", b"two\n"]

        def readline(self, size=-1):
            return self.lines.pop(0) if self.lines else b""

    source = Slow()
    texts = iter_texts(source)
    assert next(texts) == "one"
    assert source.lines == [b"two\n"]
    assert not source.closed


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize(
    ("name", "content", "options", "found"),
    [
        ("a.txt", "x\ny\n", {}, ["x", "y"]),
        ("a.log", "x\ny\n", {}, ["x", "y"]),
        ("a.csv", 'text,label\n"x\n,y",1\nz,0\n', {}, ["x\n,y", "z"]),
        ("a.csv", "x,1\nz,0\n", {"text_column": 1}, ["x", "z"]),
        ("a.csv", "only\ncolumn\n", {}, ["only", "column"]),
        ("a.csv", "a,b\nc,d\n", {"text_column": "1+2"}, ["a b", "c d"]),
        ("a.csv", "id,a\n1,\n", {"text_column": "a"}, [""]),
        ("a.tsv", 'label\ttext\n1\t"x" y\n', {}, ['"x" y']),
        ("a.tsv", 'x\n"y\tz"\n', {"quoting": True}, ["x", "y\tz"]),
        ("a.tsv", "sentence1\tsentence2\nx\ty\n", {}, [("x", "y")]),
        ("a.jsonl", '{"n": 1, "text": "x"}\n\n{"text": "y"}\n', {}, ["x", "y"]),
        (
            "a.jsonl",
            '{"p": "x", "q": "y"}\n',
            {"text_column": "q", "pair_column": "p"},
            [("y", "x")],
        ),
    ],
)
def test_files(tmp_path, suffix, name, content, options, found):
    path = tmp_path / (name + suffix)
    data = content.encode()
    path.write_bytes(gzip.compress(data) if suffix else data)
    assert list(iter_texts(path, **options)) == found
    assert list(iter_texts(str(path), **options)) == found


def test_a_stream_in_a_named_format_and_encoding():
    texts = iter_texts(stream("text,x\ncafé,1\n".encode("latin-1")), format="csv",
                       encoding="latin-1")  # fmt: skip
    assert list(texts) == ["café"]


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        (b"text\ncaf\xe9\n", {"format": "csv"}, r"line 2, byte offset 3 \(0xe9\)"),
        (b"caf\xe9\n", {"encoding": "ascii"}, "text in ascii"),
        (b"a\n", {"encoding": "utf-9"}, "Python knows.*utf-9"),
        (b"a,b\nc,d\n", {"format": "csv"}, "Name the text column"),
        (b"text,b\nc\n", {"format": "csv"}, "line 2 of 'stdin' with 1 columns"),
        (b'text\n"a\n', {"format": "csv"}, "quoted cell is closed.*after line 1"),
        (b"[1]\n", {"format": "jsonl"}, "one JSON object"),
        (
            b'{"text": "a"}\n{"t": 1}\n',
            {"format": "jsonl"},
            "line 2 of 'stdin' without",
        ),
        (b'{"text": "a"}\n', {"format": "jsonl", "text_column": "t"}, "column='t'"),
        (b"a\n", {"format": "xml"}, "No such format of texts.*txt, csv"),
    ],
)
def test_errors(content, options, message):
    with pytest.raises(InputError, match=message):
        list(iter_texts(stream(content), **options))


def test_file_errors(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        iter_texts(tmp_path / "none.txt")
    path = tmp_path / "a.txt.gz"
    path.write_bytes(gzip.compress(b"a\n" * 1000)[:-12])
    with pytest.raises(InputError, match=r"\.gz file decompresses"):
        list(iter_texts(path))
