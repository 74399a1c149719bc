"""Data: labelled, running or parallel text, and batches of it for `fit`.

Texts come from files, TFDS or a grammar. Nothing here loads a backend before
batches for it are asked for.
"""

from typing import TYPE_CHECKING

from kzoo.data.block_order import BlockOrder
from kzoo.data.corpora import Corpus, corpus_splits, read_corpus
from kzoo.data.examples import Examples
from kzoo.data.loading import batches, load, token_batches_of
from kzoo.data.options import ReadOptions
from kzoo.data.order import BatchOrder
from kzoo.data.packed_batches import PackedBatches
from kzoo.data.packed_loading import packed, read_stream
from kzoo.data.pair_order import PairOrder
from kzoo.data.pair_tokens import PairTokens, tokenize_pairs
from kzoo.data.pairs import Pairs, pair_splits, read_pairs
from kzoo.data.specs import available_splits, read
from kzoo.data.streaming import iter_texts
from kzoo.data.token_batches import TokenBatches
from kzoo.data.token_files import is_token_folder, prepare_tokens
from kzoo.data.token_stream import TokenStream, tokenize_corpus
from kzoo.data.translation_batches import TranslationBatches
from kzoo.data.translation_loading import translation_batches
from kzoo.lazy import lazily

if TYPE_CHECKING:
    from kzoo.data.prepare_tfds import prepare
    from kzoo.data.python_dataset import TokenDataset
    from kzoo.data.set_epoch import SetEpoch

_LAZY = {
    "SetEpoch": "set_epoch",
    "TokenDataset": "python_dataset",
    "prepare": "prepare_tfds",
}

__all__ = [
    "BatchOrder",
    "BlockOrder",
    "Corpus",
    "Examples",
    "PackedBatches",
    "PairOrder",
    "PairTokens",
    "Pairs",
    "ReadOptions",
    "SetEpoch",
    "TokenBatches",
    "TokenDataset",
    "TokenStream",
    "TranslationBatches",
    "available_splits",
    "batches",
    "corpus_splits",
    "is_token_folder",
    "iter_texts",
    "load",
    "packed",
    "pair_splits",
    "prepare",
    "prepare_tokens",
    "read",
    "read_corpus",
    "read_pairs",
    "read_stream",
    "token_batches_of",
    "tokenize_corpus",
    "tokenize_pairs",
    "translation_batches",
]

__getattr__, __dir__ = lazily(__name__, _LAZY)
