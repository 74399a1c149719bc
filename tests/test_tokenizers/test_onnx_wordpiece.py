import numpy as np
import pytest
from test_tokenizers import graph_forms as forms
from test_tokenizers.adversarial_texts import adversarial_texts, broken_texts

from kzoo.errors import InputError
from kzoo.export.graph_tokenizers import onnx_limitations, onnx_wordpiece
from kzoo.tokenizers import WordPieceTokenizer

pytestmark = pytest.mark.backend_free


@pytest.fixture(scope="module")
def bert(bert_vocabulary):
    return WordPieceTokenizer(bert_vocabulary)


@pytest.fixture(scope="module")
def runner(bert):
    return forms.session(onnx_wordpiece(bert, 24))


@pytest.mark.parametrize("options", forms.CONFIGURATIONS[:2], ids=forms.name_of)
@pytest.mark.parametrize("max_length", [24, 512])
def test_same_ids_as_the_host(options, max_length, bert_vocabulary, cased_vocabulary):
    vocabulary = bert_vocabulary if options["lowercase"] else cased_vocabulary
    tokenizer = WordPieceTokenizer(vocabulary, **options)
    assert onnx_limitations(tokenizer) == ()
    model = onnx_wordpiece(tokenizer, max_length)
    # Apart, as ONNX Runtime's Python takes text with NUL, or bytes, but not both.
    broken = [text for text in broken_texts(600, seed=1) if b"\0" not in text]
    for texts in (adversarial_texts(2000, seed=1), broken):
        rows = forms.onnx_rows(model, texts)
        expected = forms.host_rows(tokenizer, texts, max_length)
        forms.assert_same_rows(texts, rows, expected)


@pytest.mark.parametrize("opset", [17, 18, 20, 21])
def test_opsets(bert, opset):
    texts = [text for text in adversarial_texts(300, seed=8) if "\0" not in text]
    model = onnx_wordpiece(bert, 32, opset=opset, ir_version=8)
    rows = forms.onnx_rows(model, texts)
    forms.assert_same_rows(texts, rows, forms.host_rows(bert, texts, 32))


def test_below_opset_20_the_limitation_is_named(bert):
    (sentence,) = onnx_limitations(bert, opset=18)
    assert "U+0000" in sentence
    model = onnx_wordpiece(bert, 32, opset=18)
    assert forms.onnx_rows(model, ["a\0b c"]) == forms.host_rows(bert, ["a"], 32)


def test_a_token_with_nul(special_tokens):
    vocabulary = [*special_tokens, "a", "##\0", "\0", "##b", "\x01", "b"]
    tokenizer = WordPieceTokenizer(vocabulary, clean_text=False)
    texts = ["a\0b", "\0 a\0", "\0", "\0\0b", "\x01 b", "", "[CL\0S] b"]
    expected = forms.host_rows(tokenizer, texts, 24)
    assert expected[0] == [2, 5, 6, 8, 3]
    rows = forms.onnx_rows(onnx_wordpiece(tokenizer, 24), texts)
    forms.assert_same_rows(texts, rows, expected)


@pytest.mark.parametrize("text", ["", "one", " \n", "x" * 101, "\0"])
def test_a_batch_of_one(bert, runner, text):
    ids, mask = runner.run(None, {"text": np.array([text], object)})
    assert ids.tolist() == forms.host_rows(bert, [text], 24)
    assert mask.tolist() == [[1] * ids.shape[1]]
    assert ids.dtype == mask.dtype == np.int64


def test_rows_are_padded_to_the_longest(bert, runner):
    texts = ["a good film", "", "no", "word " * 50]
    ids, mask = runner.run(None, {"text": np.array(texts, object)})
    assert ids.shape == (4, 24)
    assert mask.sum(1).tolist() == [5, 2, 3, 24]
    assert (ids[mask == 0] == bert.pad_id).all()


def test_a_batch_of_nothing(runner):
    ids, mask = runner.run(None, {"text": np.array([], object)})
    assert ids.shape[0] == mask.shape[0] == 0


def test_a_very_long_text_beside_short_ones(bert):
    texts = ["A vèry long text, 漢字. [MASK] " * 5000, *["short"] * 100]
    rows = forms.onnx_rows(onnx_wordpiece(bert, 200_000), texts)
    assert rows == forms.host_rows(bert, texts, 200_000)
    assert len(rows[0]) > 40_000


def test_merged_before_a_model(bert):
    import onnx
    from onnx import TensorProto, helper

    shape = ["batch", "sequence"]
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, shape)
        for name in ("input_ids", "attention_mask")
    ]
    output = helper.make_tensor_value_info("product", TensorProto.INT64, shape)
    node = helper.make_node("Mul", ["input_ids", "attention_mask"], ["product"])
    model = helper.make_model(
        helper.make_graph([node], "model", inputs, [output]),
        opset_imports=[helper.make_opsetid("", 18)],
        ir_version=8,
    )
    first = onnx_wordpiece(bert, 24, opset=18, ir_version=8)
    onnx.checker.check_model(first)
    merged = onnx.compose.merge_models(
        first,
        model,
        io_map=[(name, name) for name in ("input_ids", "attention_mask")],
    )
    inner = {name for node in first.graph.node for name in node.output}
    public = {"input_ids", "attention_mask"}
    assert all(name.startswith("wordpiece/") for name in inner - public)
    result = forms.session(merged).run(None, {"text": np.array(["Good film"], object)})
    assert result[0].tolist() == [bert.encode("Good film")]


def test_size_beyond_the_vocabulary(bert):
    model = onnx_wordpiece(bert, 24)
    tables = sum(constant.ByteSize() for constant in model.graph.initializer)
    assert tables < 400_000
    assert model.ByteSize() < 1_300_000


def test_no_room_is_an_error(bert):
    with pytest.raises(InputError, match="max_length=1"):
        onnx_wordpiece(bert, 1)
