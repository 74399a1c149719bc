"""Small trainings of the three families, for what must not change them."""

import importlib

import keras
import numpy as np
import pytest

from kzoo import training
from kzoo.data.block_order import BlockOrder
from kzoo.data.order import BatchOrder
from kzoo.data.packed_batches import PackedBatches
from kzoo.data.pair_order import PairOrder
from kzoo.data.pair_tokens import PairTokens
from kzoo.data.python_dataset import TokenDataset
from kzoo.data.token_batches import TokenBatches
from kzoo.data.token_rows import TokenRows
from kzoo.data.translation_batches import TranslationBatches
from kzoo.models import GPT2CausalLM, TextClassifier, Translator
from support.language_models import random_stream

# Ways to train, and how near the weights of several devices come to those of one.
every_way = pytest.mark.parametrize(
    ("options", "tolerance"),
    [
        ({}, 1e-6),
        ({"gradient_accumulation_steps": 3}, 1e-6),
        ({"use_ema": True, "ema_momentum": 0.9}, 1e-6),
        # At a rate that lets rounding be: at the full one, one device's own weights
        # differ by some percent after fifty steps where a last digit was other before.
        ({"precision": "mixed_bfloat16", "learning_rate": 1e-4}, 1e-4),
        ({"precision": "mixed_float16", "learning_rate": 1e-4}, 2e-3),
    ],
    ids=["plain", "accumulated", "averaged", "bfloat16", "float16"],
)
FAMILIES = ("classifier", "gpt2", "translator")
VOCABULARY, LABELS = 29, "abc"
SIZES = {"num_layers": 2, "num_heads": 2, "intermediate_dim": 23}
DROPOUT = {"dropout": 0.1, "attention_dropout": 0.2}


def _rows(count, seed):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(2, 12, count)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    return TokenRows(rng.integers(3, VOCABULARY, offsets[-1]).astype("int32"), offsets)


def batches_of(family, count=13, batch_size=5, seed=3):
    """Return the batches of a family; the last one is smaller."""
    if family == "classifier":
        rng, rows = np.random.default_rng(seed), _rows(count, seed)
        return TokenBatches(
            rows,
            BatchOrder(rows.lengths, batch_size, seed=seed),
            labels=rng.integers(0, len(LABELS), count).astype("int32"),
            weights=rng.uniform(0.5, 2, count).astype("float32"),
        )
    if family == "gpt2":
        stream = random_stream(count * 7 - 2, (0, 17, 40), VOCABULARY, seed)
        order = BlockOrder(len(stream), 7, batch_size, shuffle=False)
        return PackedBatches(stream, order, segments=True)
    tokens = PairTokens(_rows(count, seed), _rows(count, seed + 1))
    order = PairOrder(
        tokens.sources.lengths, tokens.targets.lengths, batch_tokens=85, seed=seed
    )
    return TranslationBatches(tokens, order, start_id=1)


def data_of(family, **kwargs):
    """Return the batches as `fit` takes them on this backend."""
    batches = batches_of(family, **kwargs)
    if keras.backend.backend() != "tensorflow":
        return TokenDataset(batches)
    module = "packed_tensorflow" if family == "gpt2" else "tensorflow_dataset"
    return importlib.import_module(f"kzoo.data.{module}").as_tf_dataset(batches)


def model_of(family, **overrides):
    """Return a model, with dropout."""
    sizes = {**SIZES, **DROPOUT, **overrides}
    if family == "classifier":
        return TextClassifier(
            VOCABULARY, 18, max_sequence_length=16, label_names=LABELS, **sizes
        )
    cls = GPT2CausalLM if family == "gpt2" else Translator
    return cls(VOCABULARY, 18, max_sequence_length=16, **sizes)


def compiled(family, model, optimizer, **kwargs):
    """Compile a model with all of its family's metrics."""
    if family == "classifier":
        training.compile_classifier(model, optimizer, **kwargs)
    else:
        compile_it = {
            "gpt2": training.compile_language_model,
            "translator": training.compile_translator,
        }[family]
        compile_it(model, optimizer, metrics=("accuracy", "perplexity"), **kwargs)


def optimizer_of(**kwargs):
    """Return AdamW, with an epsilon that keeps rounding where gradients are zero."""
    options = {"learning_rate": 3e-3, "epsilon": 1e-3, "clip_norm": 0.3, **kwargs}
    return training.adamw(**options)


def trained(
    family,
    strategy="none",
    *,
    epochs=2,
    precision="float32",
    data=None,
    callbacks=lambda data: (),
    **options,
):
    """Train a small model under a strategy, and return it with its history.

    Args:
        family: One of `FAMILIES`.
        strategy: A name, or what `kzoo.training.strategy` returned.
        epochs: Of three steps each.
        precision: The dtype policy.
        data: Of `data_of`.
        callbacks: Returns callbacks for the data.
        **options: Of `optimizer_of`.
    """
    training.set_seed(5)
    keras.config.set_dtype_policy(precision)
    if isinstance(strategy, str):
        strategy = training.strategy(strategy)
    try:
        with strategy.scope():
            model = model_of(family)
            compiled(family, model, optimizer_of(**options))
    finally:
        keras.config.set_dtype_policy("float32")
    train = data_of(family, **(data or {}))
    history = model.fit(
        train,
        callbacks=list(callbacks(train)),
        validation_data=data_of(family, count=7, batch_size=4, seed=8),
        epochs=epochs,
        verbose=0,
    )
    return model, history.history


def difference(first, second):
    """Return the greatest difference of two models' weights, as a share of a weight.

    Of each weight matrix the greatest entry is what differences are measured by.
    """
    pairs = zip(first.get_weights(), second.get_weights(), strict=True)
    shares = [
        np.abs(a - b).max() / max(np.abs(a).max(), 0.01)
        for a, b in pairs
        if np.issubdtype(a.dtype, np.floating)
    ]
    return max(shares)


def inputs_of(data):
    """Return the inputs alone of `data_of`, of known length, for `predict`."""
    if not hasattr(data, "map"):
        return data
    import tensorflow as tf

    known = tf.data.experimental.assert_cardinality(len(data.batches))
    return data.map(lambda x, *rest: x).apply(known)
