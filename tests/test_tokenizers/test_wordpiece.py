import copy
import json
import multiprocessing
import pickle
import random
import subprocess
import sys

import numpy as np
import pytest
from test_tokenizers.adversarial_texts import adversarial_texts, broken_texts

from kzoo.errors import InputError
from kzoo.tokenizers import EncodedTexts, WordPieceTokenizer

pytestmark = pytest.mark.backend_free


@pytest.fixture(scope="module")
def bert(bert_vocabulary):
    return WordPieceTokenizer(bert_vocabulary)


@pytest.fixture
def small(special_tokens):
    return WordPieceTokenizer([*special_tokens, "film", "##s", "good", "a", "b", "c"])


def reference_cases(folder):
    path = folder / "reference_tokenizations" / "bert_uncased.json"
    return json.loads(path.read_text("utf-8"))["cases"]


def test_reference_tokenizations(bert, shared_data):
    cases = reference_cases(shared_data)
    assert len(cases) == 72
    for case in cases:
        ids = bert.encode(case["text"])
        assert ids == case["ids"]
        assert [bert.vocabulary[index] for index in ids] == case["tokens"]
        (segments,) = bert.encode_batch([case["text"]]).segment_ids
        assert segments.tolist() == [0] * len(ids)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"lowercase": False},
        {"lowercase": False, "strip_accents": True},
        {"lowercase": True, "strip_accents": False},
        {"split_chinese_characters": False},
    ],
)
def test_same_ids_as_transformers(options, bert_vocabulary, cased_vocabulary, tmp_path):
    from transformers import BertTokenizerFast

    lowercase = options.get("lowercase", True)
    vocabulary = bert_vocabulary if lowercase else cased_vocabulary
    tokenizer = WordPieceTokenizer(vocabulary, **options)
    tokenizer.save(tmp_path)
    theirs = BertTokenizerFast.from_pretrained(tmp_path)
    texts = adversarial_texts(500, seed=11)
    rng = random.Random(5)
    pairs = [(rng.choice(texts), rng.choice(texts)) for _ in range(300)]
    for length in (3, 8, 9, 64, None):
        for batch in (texts, pairs):
            ours = tokenizer.encode_batch(batch, length)
            their = theirs(batch, truncation=length is not None, max_length=length)
            assert [row.tolist() for row in ours.ids] == their["input_ids"]
            segments = [row.tolist() for row in ours.segment_ids]
            assert segments == their["token_type_ids"]


def test_arrays_of_a_batch(small):
    encoded = small.encode_batch(["good films", b"a", ("a", "b c")])
    assert isinstance(encoded, EncodedTexts)
    assert encoded.lengths == [5, 3, 6]
    assert all(row.dtype == np.int32 for row in (*encoded.ids, *encoded.segment_ids))
    assert encoded.ids[2].tolist() == [2, 8, 3, 9, 10, 3]
    assert encoded.segment_ids[2].tolist() == [0, 0, 0, 1, 1, 1]
    assert small.encode_batch([]) == EncodedTexts([], [])


@pytest.mark.parametrize(
    ("text", "pair", "max_length", "ids"),
    [
        ("a b c", None, 4, [2, 8, 9, 3]),
        ("a b c", None, 2, [2, 3]),
        ("a b c", "a b c", 6, [2, 8, 3, 8, 9, 3]),
        ("a b c", "a", 6, [2, 8, 9, 3, 8, 3]),
        ("a", "a b c", 6, [2, 8, 3, 8, 9, 3]),
        ("a b c", "a b c", 3, [2, 3, 3]),
    ],
)
def test_the_longest_is_cut_first(small, text, pair, max_length, ids):
    assert small.encode(text, pair, max_length) == ids


def test_special_tokens_in_a_text_are_themselves(small):
    assert small.encode("a[MASK]b [CLS][SEP]") == [2, 8, 4, 9, 2, 3, 3]
    assert small.encode("[mask]")[1] == small.unknown_id


def test_broken_bytes_are_dropped(small):
    assert small.encode(b"go\xffod \xe4\xb8") == small.encode("good")
    assert small.encode("go\ud800od") == small.encode("good")
    kept = WordPieceTokenizer(small.vocabulary, clean_text=False)
    assert kept.encode(b"go\xffod") == kept.encode("go\ufffdod")
    assert kept.encode("go\ufffdod") == [2, kept.unknown_id, 3]


def test_bytes_and_their_decoding_are_alike(bert):
    texts = broken_texts(500, seed=2)
    decoded = [text.decode("utf-8", "replace") for text in texts]
    ours, theirs = bert.encode_batch(texts), bert.encode_batch(decoded)
    for row, expected in zip(ours.ids, theirs.ids, strict=True):
        np.testing.assert_array_equal(row, expected)


def test_decode(bert):
    ids = bert.encode("Hello, my unbelievable friends!")
    assert bert.decode(ids) == "hello, my unbelievable friends!"
    spelt = bert.decode(np.array(ids), skip_special_tokens=False)
    assert spelt.startswith("[CLS] hello")


def test_config_and_copies_keep_the_ids(small):
    text = "Good films, a [MASK]"
    again = WordPieceTokenizer.from_config(json.loads(json.dumps(small.get_config())))
    for twin in (again, pickle.loads(pickle.dumps(small)), copy.deepcopy(small)):
        assert twin.encode(text) == small.encode(text)
        assert twin.get_config() == small.get_config()
    assert repr(small) == "<WordPieceTokenizer: 11 tokens, lower-cased>"


def test_named_ids(small):
    named = (small.pad_id, small.unknown_id, small.cls_id, small.sep_id, small.mask_id)
    assert named == (0, 1, 2, 3, 4)
    assert small.token_to_id("film") == 5
    assert small.token_to_id("nothing") is None
    assert small.vocabulary_size == 11


def test_training_learns_frequent_words(special_tokens):
    texts = ["the good film"] * 30 + ["the bad film"] * 20
    tokenizer = WordPieceTokenizer.train(texts, vocabulary_size=60)
    assert tokenizer.vocabulary[:5] == special_tokens
    assert {"the", "film", "good", "bad"} <= set(tokenizer.vocabulary)
    assert tokenizer.vocabulary_size < 60
    assert "fewer than the 60 asked for" in tokenizer.notes[0]


def test_training_takes_other_special_tokens_and_options():
    tokenizer = WordPieceTokenizer.train(
        ["Ä É"] * 5, vocabulary_size=20, lowercase=False, unknown_token="<unk>"
    )
    assert tokenizer.unknown_token == "<unk>"
    assert tokenizer.token_to_id("É") is not None
    assert tokenizer.encode("Ω")[1] == tokenizer.token_to_id("<unk>")


def test_training_says_which_characters_it_leaves_out():
    tokenizer = WordPieceTokenizer.train(["aab abc"] * 3, alphabet_size=2)
    assert tokenizer.token_to_id("c") is None
    assert "1 of 3 characters are too rare" in tokenizer.notes[0]


def test_training_does_not_depend_on_order_or_process(tmp_path):
    texts = adversarial_texts(600, seed=4)
    program = (
        "import sys, json; from kzoo.tokenizers import WordPieceTokenizer as W\n"
        "texts = json.loads(sys.stdin.read())\n"
        "print(json.dumps(W.train(texts, vocabulary_size=3000).vocabulary))"
    )
    shuffled = random.Random(1).sample(texts, len(texts))
    results = [
        json.loads(
            subprocess.run(
                [sys.executable, "-c", program],
                input=json.dumps(some),
                capture_output=True,
                text=True,
                check=True,
            ).stdout
        )
        for some in (texts, shuffled)
    ]
    here = WordPieceTokenizer.train(iter(texts), vocabulary_size=3000).vocabulary
    assert results == [here, here]


def _encode_in_child(tokenizer, queue):
    queue.put(tokenizer.encode_batch(["good films"] * 100).ids[99].tolist())


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_forks_are_quiet(small, capfd, monkeypatch):
    monkeypatch.delenv("TOKENIZERS_PARALLELISM", raising=False)
    small.encode_batch(["good films"] * 1000)
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_encode_in_child, args=(small, queue))
    child.start()
    assert queue.get(timeout=60) == [2, 7, 5, 6, 3]
    child.join()
    assert "TOKENIZERS_PARALLELISM" not in capfd.readouterr().err


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t: t.encode(None), "A text is a str or bytes. Received: text=None"),
        (lambda t: t.encode("a", 3), "A text is a str or bytes"),
        (lambda t: t.encode_batch("a b"), "encode_batch takes many texts"),
        (lambda t: t.encode_batch([("a", "b", "c")]), "a tuple of two"),
        (lambda t: t.encode("a", max_length=1), "room for the 2 special tokens"),
        (lambda t: t.encode("a", "b", max_length=2), "room for the 3 special tokens"),
        (lambda t: WordPieceTokenizer(["a", "b", "a"]), "with 'a' twice"),
        (lambda t: WordPieceTokenizer(["a", "[UNK]"]), r"without \[PAD\], \[CLS\]"),
        (
            lambda t: WordPieceTokenizer(t.vocabulary, max_characters_per_word=0),
            "max_characters_per_word is a whole number, at least 1",
        ),
        (
            lambda t: WordPieceTokenizer(t.vocabulary, max_characters_per_word="9"),
            "max_characters_per_word='9'",
        ),
        (
            lambda t: WordPieceTokenizer(t.vocabulary, split_chinese_characters=None),
            "on or off. Received: split_chinese_characters=None",
        ),
        (
            lambda t: WordPieceTokenizer(t.vocabulary, strip_accents=1),
            "None for what lowercase is. Received: strip_accents=1",
        ),
        (
            lambda t: WordPieceTokenizer(t.vocabulary, continuing_prefix=7),
            "A token is a text, in Unicode. Received: continuing_prefix=7",
        ),
        (
            lambda t: WordPieceTokenizer([*t.vocabulary, "\ud800"]),
            r"vocabulary\[11\]='.ud800'",
        ),
        (lambda t: WordPieceTokenizer.train(["", " "]), "2 texts, all of them empty"),
        (
            lambda t: WordPieceTokenizer.train(["a b c"], vocabulary_size=7),
            "vocabulary_size=7. Pass 11 or more",
        ),
    ],
)
def test_errors(small, call, message):
    with pytest.raises(InputError, match=message):
        call(small)
