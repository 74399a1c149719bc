"""SentencePiece's graphs in artefacts, at their edges, and what they report."""

import io
import subprocess
import sys

import numpy as np
import pytest
from test_tokenizers import graph_forms as forms
from test_tokenizers import sentencepiece_cases as made
from test_tokenizers.sentencepiece_forms import (
    assert_both,
    onnx_ids,
    onnx_texts,
    tensorflow_ids,
)

from kzoo.errors import InputError
from kzoo.export.graph_tokenizers import (
    TensorFlowSentencePiece,
    extensions_library,
    graph_forms,
    has_graph_forms,
    onnx_sentencepiece,
    onnx_sentencepiece_decoder,
)
from kzoo.export.graph_tokenizers.sentencepiece_tables import (
    REWRITING_LIMITATION,
    TIE_LIMITATION,
    onnx_pieces,
)
from kzoo.tokenizers import SentencePieceTokenizer, TranslationTokenizer
from kzoo.tokenizers.sentencepiece_format import NORMAL, with_pieces

pytestmark = pytest.mark.tensorflow_only


@pytest.mark.parametrize("kind", made.KINDS)
def test_empty_texts_and_batches(kind):
    import tensorflow as tf

    tokenizer = made.trained(kind)
    end = tokenizer.source.end_id
    module = TensorFlowSentencePiece(tokenizer, None)
    session = forms.session(onnx_sentencepiece(tokenizer, None))
    assert module(tf.constant(["", " "]))["token_ids"].numpy().tolist() == [[end]] * 2
    none = np.array([], object)
    assert [x.shape for x in session.run(None, {"text": none})] == [(0, 1)] * 2
    assert module(tf.constant([], tf.string))["padding_mask"].shape[0] == 0
    two = session.run(None, {"text": np.array(["", " "], object)})
    assert two[0].tolist() == [[end]] * 2
    assert onnx_texts(tokenizer, [[], []]) == ["", ""]


def test_padding_is_the_sources():
    separate = made.trained("separate")
    texts = ["Der Hund läuft", "漢"]
    module = TensorFlowSentencePiece(separate, None)
    ids = module(np.array(texts, object))["token_ids"].numpy()
    onnx = forms.session(onnx_sentencepiece(separate, None))
    again, mask = onnx.run(None, {"text": np.array(texts, object)})
    assert (ids == again).all()
    lengths = separate.encode_source(texts).lengths
    assert mask.sum(1).tolist() == lengths
    assert lengths[0] > lengths[1]
    assert (ids[1, lengths[1] :] == separate.source.pad_id).all()


def test_long_runs_of_unknown_characters():
    side = made.trained("bpe").source
    tokens = [*side.vocabulary[:-1], "☃", "☃☃", "☂☃☂", "☃a", "<pad>"]
    tokenizer = SentencePieceTokenizer(side.model, vocabulary=tokens)
    ids = {token: tokenizer.token_to_id(token) for token in tokens}
    rows = forms.host_rows(tokenizer, ["☃☃", "☃☃☃", "☂☃☂ ☃"], None)
    assert ids["☃☃"] in rows[0]
    assert tokenizer.unknown_id in rows[1]
    assert {ids["☂☃☂"], ids["☃"]} < set(rows[2])
    pieces = onnx_pieces(tokenizer)
    assert pieces.longest == 3
    assert len(pieces.runs) == 3  # `a` is known: no run has it
    assert pieces.unreached == ()
    snow = "☃☂a ☄\0"
    texts = [a + b + c + d for a in snow for b in snow for c in snow for d in snow]
    assert_both(tokenizer, texts)


def test_a_character_that_is_known_only_within_pieces():
    side = made.trained("unigram").source
    # `☃` is in a piece, never alone; the vocabulary has it alone.
    model = with_pieces(side.model, [("☃Hund", -9.0, NORMAL), ("a☂", -30.0, NORMAL)])
    tokens = [*side.vocabulary[:-1], "☃Hund", "a☂", "☃", "<pad>"]
    tokenizer = SentencePieceTokenizer(model, vocabulary=tokens)
    assert len(onnx_pieces(tokenizer).model) > len(model) + 20
    parts = ["☃", "Hund", "a", "☂", "☄", " ", "☃Hund"]
    texts = [a + b + c + d for a in parts for b in parts for c in parts for d in parts]
    assert_both(tokenizer, texts)


def test_tokens_too_long_for_a_key_are_reported():
    side = made.trained("bpe").source
    snow = "".join(chr(0x2600 + n) for n in range(64))
    tokens = [*side.vocabulary[:-1], snow, "<pad>"]
    tokenizer = SentencePieceTokenizer(side.model, vocabulary=tokens)
    (limitation,) = graph_forms(tokenizer).limitations(tokenizer)
    assert "1 tokens of unknown characters" in limitation
    texts = [f"Hund {snow}", f"{snow}x"]
    expected = forms.host_rows(tokenizer, texts, None)
    assert tensorflow_ids(tokenizer, texts) == expected
    unknown = [
        [tokenizer.unknown_id if i == tokenizer.token_to_id(snow) else i for i in row]
        for row in expected
    ]
    assert onnx_ids(tokenizer, texts) == unknown != expected


def test_forms_and_limitations(shared_data):
    for kind in made.KINDS:
        tokenizer = made.trained(kind)
        assert has_graph_forms(tokenizer)
        assert graph_forms(tokenizer).limitations(tokenizer) == ()
    assert graph_forms(tokenizer) is graph_forms(tokenizer.source)
    assert graph_forms(tokenizer).onnx_decoder is onnx_sentencepiece_decoder
    published = made.marian(shared_data, "opus_mt_en_mg")
    assert graph_forms(published).limitations(published) == (TIE_LIMITATION,)
    assert REWRITING_LIMITATION not in TensorFlowSentencePiece(published, 9).limitations


def test_a_model_that_rewrites_texts_is_reported(tmp_path):
    from sentencepiece import SentencePieceTrainer

    rules = tmp_path / "rules.tsv"
    rules.write_text("61 62\t58\n")  # `ab` is written `X`
    written = io.BytesIO()
    SentencePieceTrainer.train(
        sentence_iterator=iter(["a b", "b a"]),
        model_writer=written,
        model_type="char",
        vocab_size=6,
        denormalization_rule_tsv=str(rules),
        minloglevel=2,
    )
    tokenizer = SentencePieceTokenizer(written.getvalue())
    assert tokenizer.decode(tokenizer.encode("ab")) == "X"
    limitations = graph_forms(tokenizer).limitations(tokenizer)
    assert REWRITING_LIMITATION in limitations


def test_wrong_arguments():
    tokenizer = made.trained("bpe")
    for make in (TensorFlowSentencePiece, onnx_sentencepiece):
        with pytest.raises(InputError, match="max_length=0"):
            make(tokenizer, 0)
    with pytest.raises(InputError, match="opset=18"):
        onnx_sentencepiece(tokenizer, None, opset=18)
    with pytest.raises(InputError, match="opset=18"):
        onnx_sentencepiece_decoder(tokenizer, opset=18)


def test_saved_model(tmp_path):
    import tensorflow as tf

    tokenizer = made.trained("bytes")

    class Holder(tf.Module):
        def __init__(self):
            super().__init__()
            self.text = TensorFlowSentencePiece(tokenizer, 19)

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
        def serve(self, text):
            ids = self.text(text)["token_ids"]
            return {"token_ids": ids, "back": self.text.decode(ids)}

    holder = Holder()
    tf.saved_model.save(holder, str(tmp_path), signatures=holder.serve)
    program = (
        "import sys, tensorflow as tf, tensorflow_text\n"
        f"loaded = tf.saved_model.load({str(tmp_path)!r})\n"
        "run = loaded.signatures['serving_default']\n"
        "found = run(text=tf.constant(['>>x<<Der Hund 漢🙂']))\n"
        "print(found['token_ids'].numpy()[0].tolist())\n"
        "print(found['back'].numpy()[0].decode())\n"
        "print('kzoo' in sys.modules)\n"
        "graph = run.graph.as_graph_def()\n"
        "functions = graph.library.function\n"
        "nodes = [*graph.node, *(n for f in functions for n in f.node_def)]\n"
        "print(sorted({n.op for n in nodes if n.op.startswith('Sentence')}))\n"
        "print(any('Mutable' in n.op or 'PyFunc' in n.op for n in nodes))\n"
    )
    lines = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    ids = tokenizer.source.encode(">>x<<Der Hund 漢🙂", max_length=19)
    assert lines == [
        str(ids),
        tokenizer.decode(ids),
        "False",
        "['SentencepieceTokenizeOp']",
        "False",
    ]
    assert len(ids) == 12


def test_the_extensions_beside_tensorflow():
    program = (
        "import tensorflow, tensorflow_text\n"
        "from test_tokenizers import graph_forms, sentencepiece_cases as made\n"
        "from kzoo.export.graph_tokenizers import onnx_sentencepiece\n"
        "tokenizer = made.trained('bpe')\n"
        "model = onnx_sentencepiece(tokenizer, None)\n"
        "texts = ['Der Hund', '']\n"
        "rows = graph_forms.onnx_rows(model, texts)\n"
        "assert rows == graph_forms.host_rows(tokenizer.source, texts, None)\n"
    )
    environment = {"PYTHONPATH": "tests", "TF_CPP_MIN_LOG_LEVEL": "3"}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)
    import onnxruntime_extensions

    assert extensions_library() == onnxruntime_extensions.get_library_path()


def test_one_tokenizer_is_source_and_target():
    side = made.trained("bpe").source
    pair = TranslationTokenizer(side, side)
    texts = made.texts(100)
    assert tensorflow_ids(side, texts) == tensorflow_ids(pair, texts)
    assert onnx_ids(side, texts) == onnx_ids(pair, texts)
