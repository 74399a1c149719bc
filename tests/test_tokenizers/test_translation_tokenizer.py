import json
import pickle
import shutil

import pytest
from test_tokenizers import sentencepiece_cases as made

from kzoo.errors import InputError
from kzoo.tokenizers import (
    SentencePieceTokenizer,
    TranslationTokenizer,
    from_folder,
    has_tokenizer,
)


def theirs_of(folder):
    """Return transformers' tokenizer of a folder, quiet about long texts."""
    transformers = pytest.importorskip("transformers")
    with pytest.warns(UserWarning, match="sacremoses"):
        tokenizer = transformers.MarianTokenizer.from_pretrained(folder)
    tokenizer.model_max_length = 10**9
    return tokenizer


def assert_same_ids(ours, theirs, texts):
    assert [row.tolist() for row in ours.encode_source(texts).ids] == (
        theirs(texts)["input_ids"]
    )
    assert [row.tolist() for row in ours.encode_target(texts).ids] == (
        theirs(text_target=texts)["input_ids"]
    )


def assert_same_texts(ours, theirs, rows):
    for row in rows:
        for skip in (True, False):
            expected = theirs.decode(row, skip_special_tokens=skip)
            assert ours.decode(row, skip) == expected


@pytest.mark.parametrize(("folder", "reference"), made.MARIAN.items())
def test_marians_references(folder, reference, shared_data):
    tokenizer = made.marian(shared_data, folder)
    cases = made.cases(shared_data, reference)
    rows = tokenizer.encode_source([case["text"] for case in cases]).ids
    assert len(rows) == 72
    for case, row in zip(cases, rows, strict=True):
        assert row.tolist() == case["ids"], case["text"]


@pytest.mark.parametrize("folder", made.MARIAN)
def test_like_transformers_on_published_models(folder, shared_data):
    ours = made.marian(shared_data, folder)
    theirs = theirs_of(shared_data / "sentencepiece_models" / folder)
    texts = [*made.texts(1000, seed=11), *made.unknown_runs(ours.source, 300)]
    assert_same_ids(ours, theirs, texts)
    rows = [
        r for r in made.rows_of_ids(ours.target, 300) if max(r, default=0) < len(theirs)
    ]
    assert_same_texts(ours, theirs, rows)
    for row in rows[:100]:
        expected = theirs.decode(
            row, skip_special_tokens=True, use_source_tokenizer=True
        )
        assert ours.decode_source(row) == expected


@pytest.mark.parametrize("kind", made.KINDS)
def test_transformers_opens_what_was_saved(kind, tmp_path):
    ours = made.trained(kind)
    ours.save(tmp_path, max_length=131)
    theirs = theirs_of(tmp_path)
    assert_same_ids(ours, theirs, made.texts(500, seed=5))
    size = ours.vocabulary_size
    rows = [r for r in made.rows_of_ids(ours.target, 300) if max(r, default=0) < size]
    assert_same_texts(ours, theirs, rows)
    ids = theirs.pad_token_id, theirs.eos_token_id, theirs.unk_token_id
    assert ids == (ours.pad_id, ours.end_id, ours.unknown_id)
    config = json.loads((tmp_path / "tokenizer_config.json").read_text())
    assert config["model_max_length"] == 131


@pytest.mark.parametrize("kind", made.KINDS)
def test_saving_reading_and_pickling(kind, tmp_path):
    tokenizer = made.trained(kind)
    tokenizer.save(tmp_path)
    assert has_tokenizer(tmp_path)
    texts = made.texts(50)
    for again in (
        from_folder(tmp_path),
        pickle.loads(pickle.dumps(tokenizer)),
        TranslationTokenizer.from_config(tokenizer.get_config()),
    ):
        assert isinstance(again, TranslationTokenizer)
        assert again.get_config() == tokenizer.get_config()
        assert (again.source is again.target) == (kind != "separate")
        for ours, theirs in zip(
            again.encode_source(texts).ids,
            tokenizer.encode_source(texts).ids,
            strict=True,
        ):
            assert ours.tolist() == theirs.tolist()


def test_the_layout_of_trained_vocabularies():
    joint, separate = made.trained("unigram"), made.trained("separate")
    assert joint.is_shared
    assert joint.vocabulary_size == joint.source_vocabulary_size == 347
    assert joint.target.vocabulary[-3:] == [*made.LANGUAGES, "<pad>"]
    assert not separate.is_shared
    assert separate.source.model != separate.target.model
    for tokenizer in (joint, separate):
        size = tokenizer.vocabulary_size
        assert (tokenizer.end_id, tokenizer.unknown_id) == (0, 1)
        assert tokenizer.start_id == tokenizer.pad_id == size - 1
        assert tokenizer.source.pad_id == size - 1
    assert repr(joint) == "<TranslationTokenizer: 347 shared tokens>"
    assert "173 source and 173 target tokens" in repr(separate)


def test_separate_vocabularies_are_filled_up_to_one_size():
    german, chinese = made.corpus()
    tokenizer = TranslationTokenizer.train(german, chinese[:3], 97, joint=False)
    assert tokenizer.vocabulary_size == tokenizer.source_vocabulary_size == 97
    assert tokenizer.pad_id == 96
    unused = [t for t in tokenizer.target.vocabulary if t.startswith("<unused ")]
    assert len(unused) > 10
    assert "fewer than the 97 asked for" in tokenizer.notes[0]
    assert tokenizer.unknown_id not in tokenizer.encode_target(chinese[:3]).ids[0]


def test_sides():
    tokenizer = made.trained("separate")
    german, chinese = made.corpus()
    source = tokenizer.encode_source(german[:3], 7)
    target = tokenizer.encode_target(chinese[:3])
    assert source.lengths == [7, 7, 7]
    assert all(row[-1] == tokenizer.end_id for row in source.ids + target.ids)
    assert tokenizer.decode(target.ids[0]) == chinese[0]
    whole = tokenizer.encode_source(german[:1]).ids[0]
    assert tokenizer.decode_source(whole) == german[0]
    assert tokenizer.decode(whole) != german[0]


def test_names_of_languages(tmp_path):
    options = {"source_language": "deu", "target_language": "zho"}
    tokenizer = TranslationTokenizer.train(*made.corpus(), 173, **options)
    tokenizer.save(tmp_path)
    assert TranslationTokenizer.from_folder(tmp_path).target_language == "zho"
    assert theirs_of(tmp_path).source_lang == "deu"


def test_a_tokenizer_json_beside_it_does_not_count(tmp_path):
    made.trained("bpe").save(tmp_path)
    (tmp_path / "tokenizer.json").write_text('{"model": {"type": "Unigram"}}')
    assert isinstance(from_folder(tmp_path), TranslationTokenizer)


def test_one_after_the_other_in_one_folder(tmp_path):
    made.trained("separate").save(tmp_path)
    assert (tmp_path / "target_vocab.json").is_file()
    made.trained("unigram").save(tmp_path)
    assert not (tmp_path / "target_vocab.json").exists()
    assert from_folder(tmp_path).is_shared


@pytest.mark.parametrize("name", ["source.spm", "target.spm", "vocab.json"])
def test_a_missing_file(name, tmp_path):
    made.trained("bpe").save(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(InputError, match=f"without {name}"):
        TranslationTokenizer.from_folder(tmp_path)


def test_files_that_do_not_fit(tmp_path):
    saved = tmp_path / "saved"
    made.trained("bpe").save(saved)

    def changed(name, content):
        folder = tmp_path / f"{len(list(tmp_path.iterdir()))}"
        shutil.copytree(saved, folder)
        (folder / name).write_bytes(content)
        return folder

    vocabulary = json.loads((saved / "vocab.json").read_text())
    without = {t: i for t, i in vocabulary.items() if t != "<unk>"}
    dense = {t: i for i, t in enumerate(without)}
    for name, content, message in (
        ("target.spm", b"rubbish", "7 bytes that the sentencepiece library"),
        ("vocab.json", json.dumps(without).encode(), "without a gap"),
        ("vocab.json", json.dumps(dense).encode(), "without '<unk>'"),
        ("vocab.json", b"{", "must hold JSON"),
        ("vocab.json", b"[1]", "a JSON object of tokens"),
        ("tokenizer_config.json", b'{"tokenizer_class": "T5Tokenizer"}', "T5Tokenizer"),
        ("tokenizer_config.json", b'{"separate_vocabs": true}', "target_vocab.json"),
        ("tokenizer_config.json", b'{"eos_token": "<end>"}', "without '<end>'"),
        ("source.spm", made.trained("bytes").source.model, "of the model's"),
    ):
        with pytest.raises(InputError, match=message):
            TranslationTokenizer.from_folder(changed(name, content))


def test_sides_that_do_not_serve(tmp_path):
    side = made.trained("bpe").source
    with pytest.raises(InputError, match="target=3"):
        TranslationTokenizer(side, 3)
    own = SentencePieceTokenizer(side.model)  # a model has no padding of its own
    with pytest.raises(InputError, match="source.pad_token='</s>'"):
        TranslationTokenizer(own, side)
    tokens = ["<end>" if t == "<pad>" else t for t in side.vocabulary]
    other = SentencePieceTokenizer(side.model, vocabulary=tokens, pad_token="<end>")
    with pytest.raises(InputError, match="Spell the special tokens"):
        TranslationTokenizer(side, other).save(tmp_path)
