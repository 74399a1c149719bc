"""Generation: from a model's logits to texts, for any causal or seq2seq model.

A model takes part that has `make_cache`, `call_with_cache`, `head`,
`vocabulary_size` and `max_sequence_length`; a `make_cache` that takes a source makes
it a seq2seq model.
"""

from kzoo.generation.beam_search import BeamSearch
from kzoo.generation.contrastive import ContrastiveSearch
from kzoo.generation.decoding import generate_ids, token_steps
from kzoo.generation.greedy_search import GreedySearch
from kzoo.generation.prompts import check_prompts
from kzoo.generation.samplers import (
    Filtered,
    Greedy,
    MinP,
    RandomSampler,
    Sampler,
    TopK,
    TopP,
)
from kzoo.generation.search import Hypothesis, Search
from kzoo.generation.sentences import split_sentences
from kzoo.generation.sources import SourceBatch
from kzoo.generation.speculative import Speculative
from kzoo.generation.streaming import TextStream
from kzoo.generation.texts import TextPiece, generate
from kzoo.generation.translation import Translation, iter_translations, translate

__all__ = [
    "BeamSearch",
    "ContrastiveSearch",
    "Filtered",
    "Greedy",
    "GreedySearch",
    "Hypothesis",
    "MinP",
    "RandomSampler",
    "Sampler",
    "Search",
    "SourceBatch",
    "Speculative",
    "TextPiece",
    "TextStream",
    "TopK",
    "TopP",
    "Translation",
    "check_prompts",
    "generate",
    "generate_ids",
    "iter_translations",
    "split_sentences",
    "token_steps",
    "translate",
]
