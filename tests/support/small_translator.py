"""Small translators whose texts vary, as ours and as transformers'."""

import numpy as np
import torch
import transformers

from kzoo.models import Translator

# Pairwise different primes, so that no transposed axis can pass.
VOCABULARY, PAD, LAYERS, HEADS, HEAD, INNER, CONTEXT = 97, 83, 2, 7, 6, 53, 41
LENGTHS = (3, 11, 7, 5)
SIZES = {
    "vocab_size": VOCABULARY,
    "d_model": HEADS * HEAD,
    "encoder_layers": LAYERS,
    "decoder_layers": LAYERS,
    "encoder_attention_heads": HEADS,
    "decoder_attention_heads": HEADS,
    "encoder_ffn_dim": INNER,
    "decoder_ffn_dim": INNER,
    "max_position_embeddings": CONTEXT,
    "pad_token_id": PAD,
    "decoder_start_token_id": PAD,
    "eos_token_id": 0,
    "forced_eos_token_id": None,
    "scale_embedding": True,
    "activation_function": "swish",
}


def marian_model(**changes):
    """Return a random Marian model of transformers whose logits are far from zero."""
    torch.manual_seed(0)
    config = transformers.MarianConfig(**{**SIZES, **changes})
    model = transformers.MarianMTModel(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "positions" not in name:
                parameter.mul_(4.0).add_(0.02 * torch.randn(parameter.shape))
        model.final_logits_bias.normal_()
    return model


def marian_folder(folder, **changes):
    """Save such a model, and return it."""
    model = marian_model(**changes)
    model.save_pretrained(folder)
    return model


def small_translator(seed=0, scale=0.35, **overrides):
    """Return a random translator with large weights: its texts do not repeat."""
    sizes = {
        "vocabulary_size": VOCABULARY,
        "hidden_dim": HEADS * HEAD,
        "num_layers": LAYERS,
        "num_heads": HEADS,
        "max_sequence_length": CONTEXT,
        "intermediate_dim": INNER,
        "pad_id": PAD,
    }
    model = Translator(**{**sizes, **overrides})
    rng = np.random.default_rng(seed)
    model.set_weights(
        [
            (rng.standard_normal(w.shape) * scale + (w == 1)).astype("float32")
            if w.dtype == "float32"
            else w
            for w in model.get_weights()
        ]
    )
    return model


def sources(lengths=LENGTHS, seed=0, vocabulary_size=PAD):
    """Return the ids of texts of unlike lengths, each with its end."""
    rng = np.random.default_rng(seed)
    return [[*rng.integers(1, vocabulary_size, length - 1), 0] for length in lengths]


def padded(rows, pad_id=PAD):
    """Return ids and mask of rows padded on the right."""
    lengths = np.array([len(row) for row in rows])
    ids = np.full((len(rows), lengths.max()), pad_id)
    for row, source in zip(ids, rows, strict=True):
        row[: len(source)] = source
    return ids, np.arange(lengths.max()) < lengths[:, None]
