"""Generation: from a model's logits to texts, for any causal model.

A model takes part that has `make_cache`, `call_with_cache`, `head`,
`vocabulary_size` and `max_sequence_length`.
"""

from kzoo.generation.beam_search import BeamSearch
from kzoo.generation.contrastive import ContrastiveSearch
from kzoo.generation.decoding import generate_ids, token_steps
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
from kzoo.generation.speculative import Speculative
from kzoo.generation.streaming import TextStream
from kzoo.generation.texts import TextPiece, generate

__all__ = [
    "BeamSearch",
    "ContrastiveSearch",
    "Filtered",
    "Greedy",
    "Hypothesis",
    "MinP",
    "RandomSampler",
    "Sampler",
    "Search",
    "Speculative",
    "TextPiece",
    "TextStream",
    "TopK",
    "TopP",
    "check_prompts",
    "generate",
    "generate_ids",
    "token_steps",
]
