import json

import keras
import numpy as np
import pytest
from support.arrays import array, to_numpy
from support.layer_cases import F, N, T

from kzoo.errors import InputError
from kzoo.layers import FeedForward, MultiHeadAttention, block_initializers
from kzoo.layers.initializers import (
    Concatenated,
    DeepNorm,
    GPT2Residual,
    Scaled,
    TFixup,
)

SHAPE = (211, 307)
GLOROT = np.sqrt(2 / sum(SHAPE))

PAPERS = {
    "GPT-2": (GPT2Residual(18), 0.02 / 6),
    "GPT-2, another stddev": (GPT2Residual(2, stddev=0.5), 0.25),
    "DeepNorm": (DeepNorm(2), GLOROT / 2),
    "DeepNorm, decoder": (
        DeepNorm(27, num_other_layers=5, decoder=True),
        GLOROT * 324**-0.25,
    ),
    "T-Fixup, encoder": (TFixup(16), 0.335 * GLOROT),
    "T-Fixup, decoder": (TFixup(9, part="decoder"), GLOROT / 3),
    "T-Fixup, embedding": (TFixup(9, part="embedding"), 307**-0.5 / 3),
}
every_paper = pytest.mark.parametrize(
    ("initializer", "stddev"), PAPERS.values(), ids=PAPERS.keys()
)


@every_paper
def test_the_spread_is_the_papers(initializer, stddev):
    drawn = to_numpy(initializer(SHAPE))
    assert drawn.shape == SHAPE
    assert drawn.std() == pytest.approx(stddev, rel=0.02)
    assert abs(drawn.mean()) < stddev / 50


@every_paper
def test_it_comes_back_from_json(initializer, stddev):
    config = json.loads(json.dumps(keras.initializers.serialize(initializer)))
    assert config["registered_name"].startswith("kzoo>")
    twin = keras.initializers.deserialize(config)
    assert keras.initializers.serialize(twin) == config
    assert to_numpy(twin(SHAPE)).std() == pytest.approx(stddev, rel=0.02)


@pytest.mark.parametrize(
    "initializer",
    [
        GPT2Residual(2, seed=5),
        DeepNorm(2, seed=5),
        TFixup(2, seed=5),
        TFixup(2, part="embedding", seed=5),
    ],
)
def test_a_seed_repeats_and_none_does_not(initializer):
    assert np.array_equal(to_numpy(initializer((3, 5))), to_numpy(initializer((3, 5))))
    free = type(initializer).from_config({**initializer.get_config(), "seed": None})
    first, second = (to_numpy(free.clone()((3, 5))) for _ in range(2))
    assert not np.array_equal(first, second)


def test_scaled_and_concatenated_come_back_from_json():
    made = Concatenated(["zeros", Scaled("ones", 0.5), "ones"], shares=(3, 1, 1))
    config = json.loads(json.dumps(keras.initializers.serialize(made)))
    twin = keras.initializers.deserialize(config)
    expected = [[0] * 6 + [0.5] * 2 + [1] * 2] * 2
    assert to_numpy(twin((2, 10))).tolist() == expected


def test_parts_are_drawn_apart_even_from_one_seed():
    one = keras.initializers.RandomNormal(seed=3)
    first, second = np.split(to_numpy(Concatenated([one, one])((7, 22))), 2, axis=1)
    assert not np.allclose(first, second)


def test_the_last_axis_is_shared_out():
    with pytest.raises(InputError, match=r"shared out.*shape=\(2, 7\), shares=\[1, 1"):
        Concatenated(["zeros", "ones"])((2, 7))
    with pytest.raises(InputError, match="its share.*2 initialisers, shares=\\[1\\]"):
        Concatenated(["zeros", "ones"], shares=[1])


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("scheme", ["gpt2", "deep_norm", "t_fixup"])
def test_a_blocks_initialisers_by_the_papers_name(scheme, fused):
    width, depth = 30 * N, 18
    chosen = block_initializers(scheme, depth)
    attention = MultiHeadAttention(N, fused=fused, **chosen["attention"])
    network = FeedForward(30 * F, **chosen["feed_forward"])
    for layer in (attention, network):
        layer.build((None, T, width))
    found = {w.path: to_numpy(w).std() for w in attention.weights if "kernel" in w.path}
    if fused:
        qkv = to_numpy(attention.query_key_value.kernel)
        query, key, value = (part.std() for part in np.split(qkv, 3, axis=-1))
    else:
        parts = (attention.query, attention.key, attention.value)
        query, key, value = (to_numpy(part.kernel).std() for part in parts)
    output = next(v for k, v in found.items() if "output_projection" in k)
    plain = width**-0.5  # glorot on a square kernel
    expected = {
        "gpt2": (0.02, 0.02, 0.02, 0.02 / 6),
        "deep_norm": (plain, plain, plain * 144**-0.25, plain * 144**-0.25),
        "t_fixup": (plain, plain, *([plain * 0.67 * 18**-0.25] * 2)),
    }[scheme]
    assert (query, key, value, output) == pytest.approx(expected, rel=0.05)
    assert network(array(2, T, width)).shape == (2, T, width)


def test_what_is_unknown_lists_the_known():
    with pytest.raises(InputError, match="No such scheme.*gpt2, deep_norm, t_fixup"):
        block_initializers("he", 3)
    with pytest.raises(InputError, match="No such part.*encoder, decoder, embedding"):
        TFixup(3, part="x")
    for wrong in (GPT2Residual, DeepNorm, TFixup):
        with pytest.raises(InputError, match="1 or more.*num_layers=0"):
            wrong(0)
