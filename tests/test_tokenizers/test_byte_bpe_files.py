"""The files of byte-level BPE: those of transformers, and ours for it."""

import json

import pytest
from test_tokenizers.byte_bpe_cases import ROBERTA, byte_texts

from kzoo.errors import InputError
from kzoo.tokenizers import ByteBPETokenizer

pytestmark = pytest.mark.backend_free

TEXTS = ["low lower lowest slow", "Low, slower; slowest!", "# # ## ##"]
FRAME = {
    "start_token": "<s>",
    "end_token": "</s>",
    "pad_token": "<pad>",
    "unknown_token": "<unk>",
    "cls_token": "<s>",
    "sep_token": "</s>",
    "mask_token": "<mask>",
}
EXTRA = {"pad_token": "<|pad|>", "extra_special_tokens": ["<|user|>"]}


def trained(**options):
    return ByteBPETokenizer.train(
        [*TEXTS, *byte_texts(200)], vocabulary_size=389, **options
    )


def edit(path, change):
    content = json.loads(path.read_text("utf-8"))
    change(content)
    path.write_text(json.dumps(content), "utf-8")


CASES = [
    {},
    EXTRA,
    {"add_prefix_space": True},
    {"special_tokens_in_text": False},
    FRAME,
    {**FRAME, "mask_takes_space": False},
    {**FRAME, "add_prefix_space": True},
]


@pytest.mark.parametrize("options", CASES, ids=str)
def test_save_and_read(options, tmp_path):
    first = trained(**options)
    first.save(tmp_path / "new")
    again = ByteBPETokenizer.from_folder(tmp_path / "new")
    assert again.get_config() == first.get_config()
    (tmp_path / "new" / "tokenizer.json").unlink()
    again = ByteBPETokenizer.from_folder(tmp_path / "new")
    assert again.get_config() == first.get_config()


@pytest.mark.parametrize("options", CASES, ids=str)
def test_transformers_opens_them(options, tmp_path):
    from transformers import AutoTokenizer

    ours = trained(**options)
    ours.save(tmp_path, max_length=97)
    theirs = AutoTokenizer.from_pretrained(tmp_path)
    wanted = "RobertaTokenizerFast" if ours.is_framed else "GPT2TokenizerFast"
    assert type(theirs).__name__ == wanted
    texts = byte_texts(300, seed=5)
    texts += ["a <|user|> b <|pad|>", " <mask> <mask>"]
    assert theirs.model_max_length == 97
    expected = theirs(texts)["input_ids"]
    assert [row.tolist() for row in ours.encode_batch(texts).ids] == expected
    for row in expected[:50]:
        assert theirs.decode(row) == ours.decode(row, skip_special_tokens=False)
        plain = theirs.decode(row, skip_special_tokens=True)
        assert plain == ours.decode(row)


@pytest.mark.parametrize("name", ["GPT2TokenizerFast", "RobertaTokenizerFast"])
def test_folders_that_transformers_wrote(name, tmp_path):
    import transformers

    options = FRAME if name.startswith("Roberta") else {}
    ours = trained(**options)
    ours.save(tmp_path / "ours")
    for written in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / "ours" / written).unlink()
    theirs = getattr(transformers, name).from_pretrained(tmp_path / "ours")
    theirs.add_special_tokens({"additional_special_tokens": ["<|new|>"]})
    theirs.save_pretrained(tmp_path / "theirs")
    read = ByteBPETokenizer.from_folder(tmp_path / "theirs")
    assert read.vocabulary == [*ours.vocabulary, "<|new|>"]
    assert read.extra_special_tokens == ("<|new|>",)
    assert read.merges == ours.merges
    text = "low<|new|> lowest"
    assert read.encode(text) == theirs(text)["input_ids"]
    (tmp_path / "theirs" / "tokenizer.json").unlink()
    again = ByteBPETokenizer.from_folder(tmp_path / "theirs")
    assert again.get_config() == read.get_config()


def test_names_of_the_release(tmp_path):
    first = trained()
    first.save(tmp_path)
    (tmp_path / "vocab.json").rename(tmp_path / "encoder.json")
    (tmp_path / "merges.txt").rename(tmp_path / "vocab.bpe")
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        (tmp_path / name).unlink()
    assert ByteBPETokenizer.from_folder(tmp_path).get_config() == first.get_config()


def test_a_bare_vocabulary_with_robertas_tokens_is_framed(tmp_path):
    first = trained(**FRAME)
    first.save(tmp_path)
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        (tmp_path / name).unlink()
    read = ByteBPETokenizer.from_folder(tmp_path)
    assert read.get_config() == first.get_config()
    assert set(ROBERTA) == set(read.special_tokens)


def test_one_file_alone(tmp_path):
    first = trained(**FRAME)
    first.save(tmp_path)
    read = ByteBPETokenizer.from_file(tmp_path / "tokenizer.json")
    assert read.get_config() == first.get_config()


def test_a_frame_written_as_a_template(tmp_path):
    first = trained(**FRAME)
    first.save(tmp_path)

    def change(content):
        def token(name):
            return {"SpecialToken": {"id": name, "type_id": 0}}

        def text(name):
            return {"Sequence": {"id": name, "type_id": 0}}

        single = [token("<s>"), text("A"), token("</s>")]
        content["post_processor"] = {
            "type": "TemplateProcessing",
            "single": single,
            "pair": [*single, token("</s>"), text("B"), token("</s>")],
        }

    edit(tmp_path / "tokenizer.json", change)
    read = ByteBPETokenizer.from_folder(tmp_path)
    assert read.get_config() == first.get_config()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.update(normalizer={"type": "NFC"}), "has no normalizer"),
        (lambda c: c["model"].update(dropout=0.1), "no dropout"),
        (lambda c: c["model"].update(type="Unigram"), "model BPE"),
        (lambda c: c["model"].update(byte_fallback=True), "no byte_fallback"),
        (lambda c: c["model"].update(merges="x"), "a list of merges"),
        (lambda c: c["model"]["vocab"].update(x=9999), "without a gap"),
        (lambda c: c.update(pre_tokenizer=None), "pre_tokenizer ByteLevel"),
        (lambda c: c["pre_tokenizer"].update(use_regex=False), "GPT-2's words"),
        (lambda c: c.update(decoder={"type": "BPEDecoder"}), "decoder ByteLevel"),
        (lambda c: c.update(post_processor={"type": "X"}), "post_processor ByteLevel"),
        (lambda c: c["added_tokens"][0].update(rstrip=True), "matched as they are"),
        (lambda c: c["added_tokens"][0].update(special=False), "that are special"),
        (lambda c: c["added_tokens"][0].update(lstrip=True), "mask token alone"),
        (
            lambda c: c.update(
                post_processor={"type": "TemplateProcessing", "single": [], "pair": []}
            ),
            "another template",
        ),
    ],
)
def test_a_tokenizer_json_of_another_kind(change, message, tmp_path):
    trained().save(tmp_path)
    (tmp_path / "tokenizer_config.json").unlink()
    edit(tmp_path / "tokenizer.json", change)
    with pytest.raises(InputError, match=message):
        ByteBPETokenizer.from_folder(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tokenizer_class": "BertTokenizer"}, "GPT-2's or RoBERTa's family"),
        ({"add_bos_token": True}, "puts nothing before a text"),
        (
            {"added_tokens_decoder": {"700": {"content": "<x>", "special": True}}},
            "follow the vocabulary without a gap",
        ),
    ],
)
def test_a_configuration_of_another_kind(change, message, tmp_path):
    trained().save(tmp_path)
    edit(tmp_path / "tokenizer_config.json", lambda c: c.update(change))
    with pytest.raises(InputError, match=message):
        ByteBPETokenizer.from_folder(tmp_path)


def test_no_end_token(tmp_path):
    first = trained(end_token="<end>")
    first.save(tmp_path)
    assert ByteBPETokenizer.from_folder(tmp_path).end_token == "<end>"
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        (tmp_path / name).unlink()
    with pytest.raises(InputError, match="names its end token.*eos_token"):
        ByteBPETokenizer.from_folder(tmp_path)


def test_files_that_are_not_there(tmp_path):
    with pytest.raises(InputError, match="which has none of them"):
        ByteBPETokenizer.from_folder(tmp_path)
    trained().save(tmp_path)
    for name in ("tokenizer.json", "merges.txt"):
        (tmp_path / name).unlink()
    with pytest.raises(InputError, match=r"list of merges.*merges\.txt"):
        ByteBPETokenizer.from_folder(tmp_path)
    (tmp_path / "vocab.json").write_text("[1]", "utf-8")
    with pytest.raises(InputError, match="is a JSON object"):
        ByteBPETokenizer.from_folder(tmp_path)
    (tmp_path / "vocab.json").write_text('{"a": 1}', "utf-8")
    with pytest.raises(InputError, match="from 0 on without a gap"):
        ByteBPETokenizer.from_folder(tmp_path)
