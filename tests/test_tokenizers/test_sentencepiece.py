import hashlib
import pickle
import subprocess
import sys

import numpy as np
import pytest
from test_tokenizers import sentencepiece_cases as made

from kzoo.errors import InputError
from kzoo.tokenizers import SentencePieceTokenizer, from_folder, has_tokenizer
from kzoo.tokenizers.sentencepiece_format import is_unigram, with_exact_scores

TEXTS = ["low lower lowest", "slow lower", "new newer newest"]


@pytest.fixture(scope="module")
def small():
    return SentencePieceTokenizer.train(TEXTS, 23, model_type="bpe")


@pytest.mark.parametrize("name", made.MODELS)
def test_the_models_own_ids(name, shared_data):
    tokenizer = made.model(shared_data, name)
    cases = made.cases(shared_data, name)
    rows = tokenizer.encode_batch([case["text"] for case in cases]).ids
    assert len(rows) == 72
    for case, row in zip(cases, rows, strict=True):
        assert row[:-1].tolist() == case["ids"], case["text"]
        assert row[-1] == tokenizer.end_id == 2
        spelt = [tokenizer.vocabulary[i] for i in case["ids"]]
        pairs = zip(spelt, case["pieces"], strict=True)
        assert all(ours in ("<unk>", theirs) for ours, theirs in pairs)


@pytest.mark.parametrize("name", made.MODELS)
def test_decoding_with_the_models_own_ids(name, shared_data):
    tokenizer = made.model(shared_data, name)
    case = next(c for c in made.cases(shared_data, name) if 0 not in c["ids"])
    processor = tokenizer.processor
    assert tokenizer.decode(case["ids"]) == processor.decode(case["ids"]).strip()
    assert tokenizer.unknown_id == 0
    assert tokenizer.pad_id == tokenizer.end_id  # these models have no padding


def test_layout_of_a_trained_vocabulary(small):
    assert small.vocabulary[:2] == ["</s>", "<unk>"]
    assert small.vocabulary[-1] == "<pad>"
    assert (small.end_id, small.unknown_id, small.pad_id) == (0, 1, 22)
    assert small.vocabulary_size == len(small.vocabulary) == 23
    assert small.special_tokens == ("</s>", "<unk>", "<pad>")
    assert small.pieces == small.vocabulary[:-1]


def test_language_tokens_are_one_token():
    small = SentencePieceTokenizer.train(TEXTS, 26, language_tokens=made.LANGUAGES)
    assert small.vocabulary[-3:] == [*made.LANGUAGES, "<pad>"]
    fra = small.token_to_id(">>fra<<")
    plain = small.encode("low")
    assert small.encode(">>fra<<low") == [fra, *plain]
    assert small.encode(">>fra<< low") == [fra, *plain]
    assert small.encode(">>deu<<low") == [small.unknown_id, *plain]
    assert small.encode(">>fra<<") == [fra, small.end_id]
    # Anywhere else it is text.
    assert fra not in small.encode("low >>fra<<") + small.encode(" >>fra<<low")
    assert small.decode([fra, *plain]) == ">>fra<< low"


def test_special_tokens_spelt_out_are_text(small):
    ids = small.encode("low</s><pad>")
    assert small.end_id not in ids[:-1]
    assert small.pad_id not in ids
    # Not even a run of unknown characters that is spelt as the end.
    chinese = SentencePieceTokenizer.train(["漢字", "字"], 7)
    unknown = chinese.unknown_id
    assert chinese.encode("字</s>")[-2:] == [unknown, chinese.end_id]
    assert chinese.encode("字</s>").count(chinese.end_id) == 1


def test_max_length_keeps_the_end(small):
    whole = small.encode("lower slow newest")
    assert len(whole) > 4
    assert small.encode("lower slow newest", max_length=4) == [*whole[:3], small.end_id]
    assert small.encode("lower slow newest", max_length=len(whole)) == whole
    assert small.encode("lower", max_length=1) == [small.end_id]
    assert small.encode("") == [small.end_id]
    with pytest.raises(InputError, match="max_length=0"):
        small.encode("low", max_length=0)


def test_batches(small):
    encoded = small.encode_batch(["low", b"new", ""])
    assert [row.tolist() for row in encoded.ids] == [
        small.encode(text) for text in ("low", "new", "")
    ]
    assert all(row.dtype == np.int32 for row in encoded.ids)
    assert not np.concatenate(encoded.segment_ids).any()
    assert encoded.lengths == [len(row) for row in encoded.segment_ids]
    assert small.encode_batch([]).ids == []
    many = small.encode_batch(["low new"] * 97).ids  # on several threads
    assert {tuple(row) for row in many} == {tuple(small.encode("low new"))}


def test_bytes_and_surrogates(small):
    assert small.encode(b"low\xff") == small.encode("low\ufffd")
    assert small.encode("low\ud800") == small.encode(b"low\xed\xa0\x80")


@pytest.mark.parametrize("wrong", [None, 3, ("low", "new"), ["low"]])
def test_what_is_no_text(small, wrong):
    with pytest.raises(InputError, match="A text is a str or bytes"):
        small.encode(wrong)
    with pytest.raises(InputError, match="takes many texts"):
        small.encode_batch("low")


def test_decoding(small):
    ids = small.encode("new lower")
    assert small.decode(ids) == "new lower"
    assert small.decode([small.pad_id, *ids, small.pad_id, 1]) == "new lower"
    assert small.decode([small.pad_id, *ids], False) == "<pad> new lower</s>"
    assert small.decode([-1, *ids, 23, 99]) == "new lower"
    assert small.decode([]) == small.decode([0]) == ""
    assert small.decode(np.array(ids)) == "new lower"


def test_byte_fallback():
    tokenizer = SentencePieceTokenizer.train(TEXTS, 283, byte_fallback=True)
    for text in ("naïve 漢字 🙂", "low\0er", "é"):
        ids = tokenizer.encode(text)
        assert tokenizer.unknown_id not in ids
        assert tokenizer.decode(ids) == text
    euro = tokenizer.encode("€")[-4:-1]
    assert [tokenizer.vocabulary[i] for i in euro] == ["<0xE2>", "<0x82>", "<0xAC>"]
    assert tokenizer.decode(euro[:2]) == "\ufffd\ufffd"


@pytest.mark.parametrize("model_type", ["unigram", "bpe"])
def test_training_is_deterministic(model_type):
    german, _ = made.corpus()
    first = SentencePieceTokenizer.train(german, 211, model_type=model_type)
    again = SentencePieceTokenizer.train(german[::-1], 211, model_type=model_type)
    assert first.model == again.model
    assert first.vocabulary == again.vocabulary
    assert is_unigram(first.model) == (model_type == "unigram")
    program = (
        "import hashlib\n"
        "from test_tokenizers import sentencepiece_cases as made\n"
        "from kzoo.tokenizers import SentencePieceTokenizer\n"
        "german, _ = made.corpus()\n"
        f"t = SentencePieceTokenizer.train(german, 211, model_type={model_type!r})\n"
        "print(hashlib.sha256(t.model).hexdigest())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": "tests", "PYTHONHASHSEED": "7"},
    )
    assert done.stdout.split() == [hashlib.sha256(first.model).hexdigest()]
    assert done.stderr == ""  # and it is quiet


def test_scores_of_a_trained_model_sum_exactly():
    tokenizer = made.trained("unigram").source
    scores = [tokenizer.processor.get_score(i) for i in range(len(tokenizer.pieces))]
    assert all(score * 1024 == round(score * 1024) for score in scores)
    assert any(score != round(score) for score in scores)
    assert with_exact_scores(tokenizer.model, 2.0**-10) == tokenizer.model
    assert with_exact_scores(tokenizer.model, 1.0) != tokenizer.model


def test_training_takes_long_lines_tabs_and_many_lines():
    long = "low " * 2000
    tokenizer = SentencePieceTokenizer.train([long, "a\tb\nc\r\nd\0e"], 30)
    known = set("".join(tokenizer.pieces))
    assert {"l", "o", "w", "a", "b", "c", "d", "e"} <= known
    assert tokenizer.unknown_id not in tokenizer.encode("a b")


def test_fewer_tokens_than_asked_for():
    for model_type in ("unigram", "bpe"):
        tokenizer = SentencePieceTokenizer.train(TEXTS, 5000, model_type=model_type)
        assert tokenizer.vocabulary_size < 100
        assert "fewer than the 5000 asked for" in tokenizer.notes[0]
    assert SentencePieceTokenizer.train(TEXTS, 23, model_type="bpe").notes == ()


def test_coverage_leaves_rare_characters_out():
    texts = ["ab " * 500, "漢"]
    options = {"vocabulary_size": 13, "model_type": "bpe"}
    all_of_them = SentencePieceTokenizer.train(texts, **options)
    most = SentencePieceTokenizer.train(texts, **options, character_coverage=0.99)
    assert all_of_them.token_to_id("漢") is not None
    assert most.token_to_id("漢") is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model_type": "word"}, "Known: unigram, bpe"),
        ({"normalization": "nfc"}, "Known: nmt_nfkc, nfkc"),
        ({"character_coverage": 0.5}, "character_coverage=0.5"),
        ({"language_tokens": ["fra"]}, "language_tokens with 'fra'"),
        ({"vocabulary_size": 7}, "vocabulary_size=7. Pass 1[0-9] or more"),
        ({"vocabulary_size": 30, "byte_fallback": True}, "Pass 2[67][0-9] or more"),
    ],
)
def test_wrong_options_of_training(options, message):
    with pytest.raises(InputError, match=message):
        SentencePieceTokenizer.train(TEXTS, **options)


@pytest.mark.parametrize("least", [{}, {"language_tokens": [">>a<<"]}])
def test_the_least_vocabulary_that_the_message_names_is_enough(least):
    with pytest.raises(InputError, match="Pass") as raised:
        SentencePieceTokenizer.train(TEXTS, 3, **least)
    size = int(raised.value.fix.split()[1])
    assert SentencePieceTokenizer.train(TEXTS, size, **least).vocabulary_size <= size
    with pytest.raises(InputError, match="Pass"):
        SentencePieceTokenizer.train(TEXTS, size - 1, **least)


@pytest.mark.parametrize("texts", [[], ["", " \n "]])
def test_nothing_to_learn_from(texts):
    with pytest.raises(InputError, match="at least one character"):
        SentencePieceTokenizer.train(texts, 20)


@pytest.mark.parametrize("damage", [b"", b"rubbish", "cut", "pointer"])
def test_a_damaged_model(small, damage, tmp_path):
    model = {"cut": small.model[:-5], "pointer": b"version https://git-lfs"}
    model = model.get(damage, damage)
    with pytest.raises(InputError, match=f"{len(model)} bytes that the sentencepiece"):
        SentencePieceTokenizer(model)


def test_a_vocabulary_that_does_not_fit(small):
    tokens = small.vocabulary
    other = ["</s>", "<unk>", "x", "y", "<pad>"]
    with pytest.raises(InputError, match="lacks 20 of the model's 20 pieces"):
        SentencePieceTokenizer(small.model, vocabulary=other)
    unlike = [t for t in tokens if t != "<unk>"]
    with pytest.raises(InputError, match="without '<unk>'"):
        SentencePieceTokenizer(small.model, vocabulary=unlike)
    with pytest.raises(InputError, match="'lo' twice"):
        SentencePieceTokenizer(small.model, vocabulary=[*tokens, "lo"])
    with pytest.raises(InputError, match="unknown_token='</s>'"):
        SentencePieceTokenizer(small.model, unknown_token="</s>")
    with pytest.raises(InputError, match="without '<end>'"):
        SentencePieceTokenizer(small.model, vocabulary=tokens, end_token="<end>")


def test_saving_and_reading(small, tmp_path):
    small.save(tmp_path, max_length=77)
    assert has_tokenizer(tmp_path)
    again = from_folder(tmp_path)
    assert isinstance(again, SentencePieceTokenizer)
    assert again.get_config() == small.get_config()
    own = SentencePieceTokenizer(small.model)
    own.save(tmp_path)  # the vocabulary of before does not stay
    again = from_folder(tmp_path)
    assert not again.has_own_vocabulary
    assert again.vocabulary == small.pieces
    assert repr(again) == "<SentencePieceTokenizer: 22 tokens>"


def test_missing_files(tmp_path):
    with pytest.raises(InputError, match="none of spiece.model"):
        SentencePieceTokenizer.from_folder(tmp_path)
    with pytest.raises(InputError, match="No such file"):
        SentencePieceTokenizer.from_file(tmp_path / "x.model")
    (tmp_path / "spiece.model").mkdir()
    assert not has_tokenizer(tmp_path)


def test_config_and_pickle(small):
    for again in (
        SentencePieceTokenizer.from_config(small.get_config()),
        pickle.loads(pickle.dumps(small)),
    ):
        assert again.encode("newest low") == small.encode("newest low")
        assert again.vocabulary == small.vocabulary
    small.encode("low")
    assert b"Processor" not in pickle.dumps(small)
