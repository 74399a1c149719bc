"""Byte-level BPE in TensorFlow and ONNX graphs, against the host."""

import json
import random

import numpy as np
import pytest
from test_tokenizers import byte_bpe_forms as bpe
from test_tokenizers import graph_forms as forms
from test_tokenizers.byte_bpe_cases import (
    GPT2,
    broken_byte_texts,
    byte_texts,
    write_roberta,
)

from kzoo.errors import InputError
from kzoo.export.graph_tokenizers import (
    TensorFlowByteBPE,
    onnx_byte_bpe,
    onnx_byte_bpe_decoder,
    onnx_byte_bpe_limitations,
)
from kzoo.export.graph_tokenizers.byte_bpe_tables import merge_tables
from kzoo.tokenizers import ByteBPETokenizer
from kzoo.tokenizers.byte_alphabet import characters_of_bytes

pytestmark = pytest.mark.tensorflow_only

IDS = [bpe.tensorflow_ids, bpe.onnx_ids]
DECODERS = [bpe.tensorflow_texts, bpe.onnx_texts]
NAMES = ("token_ids", "padding_mask")
FRAME = {"cls_token": "<s>", "sep_token": "</s>", "end_token": "</s>"}


@pytest.fixture(scope="module")
def gpt2(shared_data):
    return ByteBPETokenizer.from_folder(shared_data / "gpt2_bpe")


@pytest.fixture(scope="module")
def roberta(shared_data, tmp_path_factory):
    folder = write_roberta(tmp_path_factory.mktemp("roberta"), shared_data)
    return ByteBPETokenizer.from_folder(folder)


def with_options(tokenizer, **options):
    return ByteBPETokenizer.from_config({**tokenizer.get_config(), **options})


def small(**options):
    return ByteBPETokenizer.train(byte_texts(300), vocabulary_size=400, **options)


@pytest.mark.parametrize("ids", IDS)
def test_reference_texts(ids, gpt2, shared_data):
    path = shared_data / "reference_tokenizations" / "gpt2_bpe.json"
    cases = json.loads(path.read_text("utf-8"))["cases"]
    tokenizer = with_options(gpt2, special_tokens_in_text=False)
    rows = ids(tokenizer, [case["text"] for case in cases])
    assert rows == [case["ids"] for case in cases]


@pytest.mark.parametrize("ids", IDS)
@pytest.mark.parametrize("name", ["gpt2", "roberta"])
@pytest.mark.parametrize("prefix", [False, True])
def test_same_ids_as_the_host(ids, name, prefix, request):
    tokenizer = with_options(request.getfixturevalue(name), add_prefix_space=prefix)
    for texts in (byte_texts(1500, seed=4), broken_byte_texts(200, seed=4)):
        expected = forms.host_rows(tokenizer, texts, None)
        forms.assert_same_rows(texts, ids(tokenizer, texts), expected)


@pytest.mark.parametrize("decode", DECODERS)
@pytest.mark.parametrize("skip", [True, False])
def test_same_texts_as_the_host(decode, skip, gpt2):
    rng = np.random.default_rng(7)
    rows = forms.host_rows(gpt2, byte_texts(500, seed=8), None)
    # Tokens at random: parts of characters in every order, and ids of no token.
    rows += [rng.integers(-3, 50_260, n).tolist() for n in rng.integers(0, 30, 300)]
    rows += [rng.integers(0, 256, n).tolist() for n in rng.integers(0, 30, 300)]
    expected = [gpt2.decode(row, skip) for row in rows]
    assert decode(gpt2, rows, skip) == expected
    assert sum("\ufffd" in text for text in expected) > 300
    assert any(GPT2 in text for text in expected) != skip


@pytest.mark.parametrize("ids", IDS)
@pytest.mark.parametrize("max_length", [2, 5, 64])
def test_frame_and_cut(ids, max_length, roberta):
    texts = ["", "a", "one two three four five six", "<mask>", " " * 9]
    expected = forms.host_rows(roberta, texts, max_length)
    if ids is bpe.tensorflow_ids and max_length < 4:
        with pytest.raises(InputError, match="room for the special tokens around a p"):
            ids(roberta, texts, max_length)
        return
    assert ids(roberta, texts, max_length) == expected


@pytest.mark.parametrize("max_length", [4, 5, 6, 11, None])
def test_pairs_in_tensorflow(max_length, roberta, gpt2):
    import tensorflow as tf

    firsts = ["", "a", "one two three four five", "a b c d", "x y z"]
    seconds = ["b", "", "six seven", "e f g h i j", "<mask> u"]
    for tokenizer in (roberta, gpt2):
        pairs = list(zip(firsts, seconds, strict=True))
        module = TensorFlowByteBPE(tokenizer, max_length)
        result = module(tf.constant(firsts), tf.constant(seconds))
        rows = forms.rows_of(*(result[name].numpy() for name in NAMES))
        assert rows == forms.host_rows(tokenizer, pairs, max_length)
        assert not result["segment_ids"].numpy().any()


@pytest.mark.parametrize("ids", IDS)
@pytest.mark.parametrize(
    ("options", "texts"),
    [
        ({"extra_special_tokens": ["<|u|>", "<|u"]}, ["a<|u|>b <|u b<|", "<|u<|u|>"]),
        ({"extra_special_tokens": [" x\ny ", "é漢"]}, ["a x\ny b", "é漢é", " x"]),
        (
            {**FRAME, "mask_token": "M:", "add_prefix_space": True},
            ["a \nM: M:\t M:M: ", "M:", " M:", "  a</s> b", "\n<s>"],
        ),
        ({**FRAME, "mask_token": "M:", "mask_takes_space": False}, ["a  M: b", " M:"]),
        ({"end_token": "\n\n"}, ["a\n\nb", "\n", "a\n", "", "\n\n"]),
    ],
    ids=str,
)
def test_other_special_tokens(ids, options, texts):
    tokenizer = small(**options)
    expected = forms.host_rows(tokenizer, texts, None)
    forms.assert_same_rows(texts, ids(tokenizer, texts), expected)


def random_merges(rng):
    tokens = list("abc")
    merges = []
    while len(merges) < 25:
        pair = rng.choice(tokens), rng.choice(tokens)
        made = "".join(pair)
        if len(made) < 7 and made not in tokens:
            merges.append(pair)
            tokens.append(made)
    return merges, [*dict.fromkeys([*characters_of_bytes(), *tokens, GPT2])]


def random_words(rng):
    return ["".join(rng.choices("abc", k=rng.randrange(2, 40))) for _ in range(199)]


def test_merges_in_any_order():
    """Pairs before what they are made of: no training gives that, but a file may."""
    rng = random.Random(5)
    for _ in range(4):
        merges, vocabulary = random_merges(rng)
        rng.shuffle(merges)
        tokenizer = ByteBPETokenizer(vocabulary, merges)
        assert not merge_tables(tokenizer).at_once
        assert "another order than the host" in onnx_byte_bpe_limitations(tokenizer)[0]
        texts = random_words(rng)
        expected = forms.host_rows(tokenizer, texts, None)
        forms.assert_same_rows(texts, bpe.tensorflow_ids(tokenizer, texts), expected)


@pytest.mark.parametrize("ids", IDS)
def test_words_in_the_vocabulary_that_no_merge_makes(ids):
    rng = random.Random(6)
    merges, vocabulary = random_merges(rng)
    tokenizer = ByteBPETokenizer([*vocabulary, "zz", "cacbacb"], merges)
    assert merge_tables(tokenizer).at_once
    texts = [*random_words(rng), "zz", "cacbacb", "zz zz"]
    texts += [t for t in vocabulary if set(t) <= set("abc")]
    expected = forms.host_rows(tokenizer, texts, None)
    assert expected[199] == [tokenizer.token_to_id("z")] * 2
    forms.assert_same_rows(texts, ids(tokenizer, texts), expected)


@pytest.mark.parametrize("ids", IDS)
def test_no_merges(ids):
    tokenizer = ByteBPETokenizer([*characters_of_bytes(), GPT2], [])
    texts = ["", "abé", "\0", f"a{GPT2}"]
    rows = ids(tokenizer, texts)
    assert rows == forms.host_rows(tokenizer, texts, None)
    assert [len(row) for row in rows] == [0, 4, 1, 2]


def test_empty_batches_and_texts(gpt2, roberta):
    import tensorflow as tf

    for tokenizer, width in ((gpt2, 0), (roberta, 2)):
        module = TensorFlowByteBPE(tokenizer, 16)
        runner = forms.session(onnx_byte_bpe(tokenizer, 16))
        for texts in ([], [""], ["", ""]):
            shape = (len(texts), width)
            ids = runner.run(None, {"text": np.array(texts, object)})[0]
            assert ids.shape == shape
            ids = module(tf.constant(texts, tf.string))["token_ids"]
            assert ids.shape[0] == shape[0]
            assert not texts or ids.shape == shape
    decoder = forms.session(onnx_byte_bpe_decoder(gpt2))
    for shape in ((0, 3), (2, 0), (0, 0)):
        texts = decoder.run(None, {"ids": np.zeros(shape, "int64")})[0].tolist()
        assert texts == [""] * shape[0]


def test_a_saved_model_without_tensorflow_text(gpt2, tmp_path):
    """The graph is saved, and loaded where nothing of kzoo is imported."""
    import subprocess
    import sys

    import tensorflow as tf

    module = TensorFlowByteBPE(gpt2, 64)
    holder = tf.Module()
    holder.tokenizer = module

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def serve(text):
        encoded = module(text)
        return {**encoded, "again": module.decode(encoded["token_ids"], False)}

    holder.serve = serve
    tf.saved_model.save(holder, str(tmp_path), signatures=serve)
    program = (
        "import sys, tensorflow as tf; loaded = tf.saved_model.load(sys.argv[1]);"
        "run = loaded.signatures['serving_default'];"
        "print(run(text=tf.constant(['naïve 漢字 <|endoftext|>']))"
        "['token_ids'].numpy().tolist());"
        "assert 'tensorflow_text' not in sys.modules"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert json.loads(printed) == [gpt2.encode("naïve 漢字 <|endoftext|>")]


def test_limits_are_named(gpt2, roberta):
    for tokenizer in (gpt2, roberta):
        assert onnx_byte_bpe_limitations(tokenizer) == ()
        assert TensorFlowByteBPE(tokenizer, 9).limitations == ()
    overlapping = small(extra_special_tokens=["a|", "|a"])
    assert "can overlap" in onnx_byte_bpe_limitations(overlapping)[0]


@pytest.mark.parametrize("make", [TensorFlowByteBPE, onnx_byte_bpe])
def test_too_short_a_length(make, roberta):
    with pytest.raises(InputError, match=r"room for the special tokens.*max_length=1"):
        make(roberta, 1)


def test_too_low_an_opset(gpt2):
    for make in (
        lambda: onnx_byte_bpe(gpt2, 9, opset=18),
        lambda: onnx_byte_bpe_decoder(gpt2, opset=18),
        lambda: onnx_byte_bpe_limitations(gpt2, opset=18),
    ):
        with pytest.raises(InputError, match=r"needs opset 20.*opset=18"):
            make()
