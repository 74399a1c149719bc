import json

import pytest

from kzoo.errors import InputError
from kzoo.tokenizers import WordPieceTokenizer

pytestmark = pytest.mark.backend_free

TEXT = "Gute Fïlme 漢字 [MASK]"


@pytest.fixture
def tokenizer(special_tokens):
    words = ["gute", "film", "##e", "漢", "字", "Gute", "Fïl", "##me"]
    return WordPieceTokenizer([*special_tokens, *words], lowercase=False)


@pytest.fixture
def folder(tokenizer, tmp_path):
    tokenizer.save(tmp_path)
    return tmp_path


def edit(path, change):
    content = json.loads(path.read_text("utf-8"))
    change(content)
    path.write_text(json.dumps(content), "utf-8")


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"strip_accents": True, "split_chinese_characters": False},
        {"clean_text": False, "max_characters_per_word": 5},
    ],
)
def test_save_and_read(tokenizer, options, tmp_path):
    first = WordPieceTokenizer.from_config({**tokenizer.get_config(), **options})
    first.save(tmp_path / "new" / "folder")
    again = WordPieceTokenizer.from_folder(tmp_path / "new" / "folder")
    assert again.get_config() == first.get_config()
    assert again.encode(TEXT) == first.encode(TEXT)


def test_max_length_is_noted(tokenizer, tmp_path):
    tokenizer.save(tmp_path, max_length=48)
    config = json.loads((tmp_path / "tokenizer_config.json").read_text("utf-8"))
    assert config["model_max_length"] == 48


def test_other_special_tokens_survive(tmp_path):
    names = {
        "unknown_token": "<unk>",
        "pad_token": "<pad>",
        "cls_token": "<s>",
        "sep_token": "</s>",
        "mask_token": "<mask>",
    }
    first = WordPieceTokenizer([*names.values(), "a"], **names)
    first.save(tmp_path)
    assert WordPieceTokenizer.from_folder(tmp_path).get_config() == first.get_config()


def test_vocabulary_alone(folder, tokenizer):
    read = WordPieceTokenizer.from_file(folder / "vocab.txt")
    assert read.vocabulary == tokenizer.vocabulary
    assert read.lowercase
    (folder / "tokenizer.json").unlink()
    again = WordPieceTokenizer.from_folder(folder)
    assert again.get_config() == tokenizer.get_config()


def test_json_alone(folder, tokenizer):
    read = WordPieceTokenizer.from_file(folder / "tokenizer.json")
    assert read.get_config() == tokenizer.get_config()


def test_a_folder_that_transformers_wrote(folder, tokenizer, tmp_path):
    from transformers import BertTokenizerFast

    theirs = BertTokenizerFast.from_pretrained(folder)
    theirs.save_pretrained(tmp_path / "theirs")
    again = WordPieceTokenizer.from_folder(tmp_path / "theirs")
    assert again.encode(TEXT) == theirs(TEXT)["input_ids"]
    assert again.get_config() == tokenizer.get_config()


def test_configuration_comes_before_json(folder):
    def change(config):
        config.update(
            do_lower_case=True, strip_accents=False, tokenize_chinese_chars=False
        )

    edit(folder / "tokenizer_config.json", change)
    read = WordPieceTokenizer.from_folder(folder)
    assert (read.lowercase, read.strip_accents) == (True, False)
    assert not read.split_chinese_characters


def test_bert_processing_is_read(folder, tokenizer):
    def change(content):
        content["post_processor"] = {
            "type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2],
        }  # fmt: skip

    edit(folder / "tokenizer.json", change)
    read = WordPieceTokenizer.from_file(folder / "tokenizer.json")
    assert read.get_config() == tokenizer.get_config()


@pytest.mark.parametrize(
    ("part", "value", "message"),
    [
        ("model", {"type": "BPE"}, "the model WordPiece. Received: model='BPE'"),
        ("normalizer", {"type": "NFKC"}, "normalizer='NFKC'"),
        ("normalizer", None, "normalizer=None"),
        ("pre_tokenizer", {"type": "Whitespace"}, "pre_tokenizer='Whitespace'"),
        ("decoder", {"type": "ByteLevel"}, "decoder='ByteLevel'"),
        ("post_processor", {"type": "RobertaProcessing"}, "RobertaProcessing"),
        ("post_processor", None, "post_processor=None"),
        ("post_processor", {"type": "TemplateProcessing"}, "another template"),
        (
            "model",
            {"type": "WordPiece", "vocab": {"a": 0, "b": 2}},
            "ids from 0 on without a gap",
        ),
    ],
)
def test_unsupported_components_are_named(folder, part, value, message):
    edit(folder / "tokenizer.json", lambda content: content.update({part: value}))
    with pytest.raises(InputError, match=message):
        WordPieceTokenizer.from_folder(folder)


@pytest.mark.parametrize(
    ("token", "message"),
    [
        ({"id": 5, "content": "gute"}, "added token 'gute' with id=5"),
        ({"id": 99, "content": "[MASK]"}, "added token '.MASK.' with id=99"),
        (
            {"id": 4, "content": "[MASK]", "lstrip": True},
            "added token '.MASK.' with lstrip=True",
        ),
    ],
)
def test_unsupported_added_tokens_are_named(folder, token, message):
    edit(
        folder / "tokenizer.json", lambda content: content["added_tokens"].append(token)
    )
    with pytest.raises(InputError, match=message):
        WordPieceTokenizer.from_folder(folder)


def test_tokens_added_beside_the_vocabulary_are_refused(folder):
    (folder / "added_tokens.json").write_text('{"[USER]": 13}')
    with pytest.raises(InputError, match="added token '.USER.'"):
        WordPieceTokenizer.from_folder(folder)


def test_another_family_is_refused(folder):
    edit(
        folder / "tokenizer_config.json",
        lambda config: config.update(tokenizer_class="BertJapaneseTokenizer"),
    )
    with pytest.raises(InputError, match="tokenizer_class='BertJapaneseTokenizer'"):
        WordPieceTokenizer.from_folder(folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"{", "is JSON"), (b"[1]", "is a JSON object"), (b"\xff\xfe", "is JSON")],
)
def test_broken_json_is_refused(tmp_path, content, message):
    (tmp_path / "tokenizer.json").write_bytes(content)
    with pytest.raises(InputError, match=message):
        WordPieceTokenizer.from_folder(tmp_path)


def test_missing_and_broken_files(tmp_path):
    with pytest.raises(InputError, match="read from tokenizer.json or vocab.txt"):
        WordPieceTokenizer.from_folder(tmp_path)
    with pytest.raises(InputError, match="vocabulary file can be read"):
        WordPieceTokenizer.from_file(tmp_path / "none.txt")
    with pytest.raises(InputError, match="tokenizer file can be read"):
        WordPieceTokenizer.from_file(tmp_path / "none.json")
    (tmp_path / "vocab.txt").write_bytes(b"[PAD]\n\xff\n")
    with pytest.raises(InputError, match="UTF-8 text, one token in a line"):
        WordPieceTokenizer.from_folder(tmp_path)
