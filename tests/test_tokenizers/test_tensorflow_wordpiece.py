import random
import subprocess
import sys

import numpy as np
import pytest
from test_tokenizers import graph_forms as forms
from test_tokenizers.adversarial_texts import adversarial_texts, broken_texts

from kzoo.errors import InputError
from kzoo.tokenizers import WordPieceTokenizer

pytestmark = pytest.mark.tensorflow_only


def make(tokenizer, max_length):
    from kzoo.export.graph_tokenizers import TensorFlowWordPiece

    return TensorFlowWordPiece(tokenizer, max_length)


@pytest.fixture(scope="module")
def bert(bert_vocabulary):
    return WordPieceTokenizer(bert_vocabulary)


@pytest.fixture(scope="module")
def bert_module(bert):
    return make(bert, 24)


@pytest.mark.parametrize("options", forms.CONFIGURATIONS[:2], ids=forms.name_of)
@pytest.mark.parametrize("max_length", [24, 512])
def test_same_ids_as_the_host(options, max_length, bert_vocabulary, cased_vocabulary):
    vocabulary = bert_vocabulary if options["lowercase"] else cased_vocabulary
    tokenizer = WordPieceTokenizer(vocabulary, **options)
    texts = [*adversarial_texts(2000, seed=1), *broken_texts(600, seed=1)]
    module = make(tokenizer, max_length)
    assert module.limitations == ()
    rows = forms.tensorflow_rows(module, texts)
    expected = forms.host_rows(tokenizer, texts, max_length)
    forms.assert_same_rows(texts, rows, expected)


@pytest.mark.parametrize("max_length", [3, 4, 9, 10, 24])
def test_same_pairs_as_the_host(bert, max_length):
    rng = random.Random(9)
    texts = adversarial_texts(400, seed=6)
    pairs = [(rng.choice(texts), rng.choice(texts)) for _ in range(400)]
    first, second = (list(part) for part in zip(*pairs, strict=True))
    result = make(bert, max_length)(np.array(first, object), np.array(second, object))
    encoded = bert.encode_batch(pairs, max_length)
    mask = result["padding_mask"].numpy()
    for name, expected in (
        ("token_ids", encoded.ids),
        ("segment_ids", encoded.segment_ids),
    ):
        rows = forms.rows_of(result[name].numpy(), mask)
        assert rows == [row.tolist() for row in expected]
        assert not result[name].numpy()[~mask].any()


def test_shapes_and_dtypes(bert_module):
    import tensorflow as tf

    result = bert_module(tf.constant(["a good film", "", "no"]))
    assert {name: (tuple(t.shape), t.dtype.name) for name, t in result.items()} == {
        "token_ids": ((3, 5), "int32"),
        "padding_mask": ((3, 5), "bool"),
        "segment_ids": ((3, 5), "int32"),
    }
    lengths = result["padding_mask"].numpy().sum(1)
    assert lengths.tolist() == [5, 2, 3]


def test_a_very_long_text(bert):
    text = "A vèry long text, 漢字. [MASK] " * 5000
    rows = forms.tensorflow_rows(make(bert, 200_000), [text, "short"])
    assert rows == forms.host_rows(bert, [text, "short"], 200_000)
    assert len(rows[0]) > 40_000


def test_a_batch_of_nothing(bert_module):
    import tensorflow as tf

    result = bert_module(tf.constant([], tf.string))
    assert result["token_ids"].shape[0] == 0


def test_saved_and_loaded_where_only_tensorflow_text_is(bert, bert_module, tmp_path):
    import tensorflow as tf

    class Holder(tf.Module):
        def __init__(self):
            super().__init__()
            self.encode = bert_module

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
        def serve(self, text):
            return self.encode(text)

    holder = Holder()
    tf.saved_model.save(holder, str(tmp_path), signatures=holder.serve)
    program = (
        "import sys, tensorflow as tf, tensorflow_text\n"
        f"loaded = tf.saved_model.load({str(tmp_path)!r})\n"
        "run = loaded.signatures['serving_default']\n"
        "print(run(text=tf.constant(['An Éclair [MASK]']))['token_ids'].numpy()[0])\n"
        "print('kzoo' in sys.modules)\n"
        "graph = run.graph.as_graph_def()\n"
        "functions = graph.library.function\n"
        "nodes = [*graph.node, *(n for f in functions for n in f.node_def)]\n"
        "print(sorted({n.op for n in nodes if n.op.startswith(('Word', 'Fast'))}))\n"
        "print(any('Mutable' in n.op or 'PyFunc' in n.op for n in nodes))\n"
    )
    lines = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    expected = np.array(bert.encode("An Éclair [MASK]"))
    assert lines == [
        str(expected),
        "False",
        "['WordpieceTokenizeWithOffsets']",
        "False",
    ]
    size = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    assert size < 2_000_000


def test_no_room_is_an_error(bert):
    with pytest.raises(InputError, match="max_length=2"):
        make(bert, 2)
