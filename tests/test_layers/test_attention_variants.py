"""Shared heads, windows, caps, segments and positions, beside other people's."""

import numpy as np
import pytest
import torch
from support.arrays import array, assert_close, randomise, to_numpy, weight
from support.layer_cases import B, D, T
from transformers.models.llama import modeling_llama

from kzoo.errors import InputError
from kzoo.layers import (
    ALiBi,
    MultiHeadAttention,
    RelativePositionBias,
    RMSNormalization,
    RotaryEmbedding,
    window_mask,
)

HEADS, SHARED, HEAD = 6, 2, 4


def made(**kwargs):
    layer = MultiHeadAttention(HEADS, key_dim=HEAD, **kwargs)
    layer.build((None, None, D))
    return randomise(layer)


def projected(layer, x):
    """Return query, key and value of a fused layer, in float64."""
    whole = x @ weight(layer, "query_key_value/kernel")
    whole = whole + weight(layer, "query_key_value/bias")
    shared = layer.num_key_value_heads * HEAD
    parts = np.split(whole, [HEADS * HEAD, HEADS * HEAD + shared], axis=-1)
    return [part.reshape(*x.shape[:2], -1, HEAD) for part in parts]


def attended(query, key, value, mask=None, scale=HEAD**-0.5, bias=0.0, cap=None):
    """Attend by the formula, in float64."""
    groups = query.shape[2] // key.shape[2]
    key, value = (np.repeat(x, groups, axis=2) for x in (key, value))
    logits = np.einsum("btnh,bsnh->bnts", query, key) * scale
    logits = logits if cap is None else cap * np.tanh(logits / cap)
    logits = logits + bias
    if mask is not None:
        logits = np.where(mask, logits, -1e30)
    scores = np.exp(logits - logits.max(-1, keepdims=True))
    scores /= scores.sum(-1, keepdims=True)
    mixed = np.einsum("bnts,bsnh->btnh", scores, value)
    return mixed.reshape(*mixed.shape[:2], -1)


def output(layer, mixed):
    return mixed @ weight(layer, "output_projection/kernel") + weight(
        layer, "output_projection/bias"
    )


CAUSAL = np.tril(np.ones((T, T), bool))
INDEX = np.arange(T)
NEAR = np.abs(INDEX[:, None] - INDEX) < 3


@pytest.mark.parametrize("shared", [1, 2, 3, 6])
@pytest.mark.parametrize("fused", [True, False])
def test_heads_that_share_keys_and_values(shared, fused):
    layer, x = made(num_key_value_heads=shared), array(B, T, D)
    expected = output(layer, attended(*projected(layer, x), CAUSAL))
    if not fused:
        separate = made(num_key_value_heads=shared, fused=False)
        sizes = [HEADS * HEAD, (HEADS + shared) * HEAD]
        for kind in ("kernel", "bias"):
            whole = to_numpy(getattr(layer.query_key_value, kind))
            parts = np.split(whole, sizes, axis=-1)
            for name, part in zip(("query", "key", "value"), parts, strict=True):
                getattr(getattr(separate, name), kind).assign(part)
        separate.output_projection.set_weights(layer.output_projection.get_weights())
        layer = separate
    assert_close(layer(x, use_causal_mask=True), expected)
    found, _ = layer(x, use_causal_mask=True, return_attention_scores=True)
    assert_close(found, expected)


@pytest.mark.parametrize(("causal", "mask"), [(True, CAUSAL & NEAR), (False, NEAR)])
def test_windows(causal, mask):
    layer, x = made(window=3), array(B, T, D)
    expected = output(layer, attended(*projected(layer, x), mask))
    assert_close(layer(x, use_causal_mask=causal), expected)
    assert_close(window_mask(T, T, 3), NEAR)


def test_scale_and_soft_cap():
    layer, x = made(scale=1.7, soft_cap=2.0), array(B, T, D)
    mixed = attended(*projected(layer, x), CAUSAL, scale=1.7, cap=2.0)
    assert_close(layer(x, use_causal_mask=True), output(layer, mixed))


def test_packed_texts_are_as_each_alone():
    layer, x = made(), array(1, T, D)
    segments = np.array([[4, 4, 4, 9, 9, 9, 9]])
    found = to_numpy(layer(x, segment_ids=segments, use_causal_mask=True))
    assert_close(found[:, :3], layer(x[:, :3], use_causal_mask=True), 1e-6)
    assert_close(found[:, 3:], layer(x[:, 3:], use_causal_mask=True), 1e-6)


def test_normalised_queries_and_keys():
    layer = made(query_key_norm=RMSNormalization(epsilon=1e-6))
    x = array(B, T, D)

    def norm(x, gamma):
        return x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-6) * gamma

    query, key, value = projected(layer, x)
    gammas = [to_numpy(p.weights[0]) for p in (layer.query_key_norm, layer.key_norm)]
    assert (gammas[0] != gammas[1]).any()
    mixed = attended(norm(query, gammas[0]), norm(key, gammas[1]), value)
    assert_close(layer(x), output(layer, mixed))


def test_a_bias_of_positions():
    layer, x = made(position_bias=ALiBi(HEADS)), array(B, T, D)
    slopes = 2.0 ** -np.array([2, 4, 6, 8, 1, 3])
    bias = -slopes[:, None, None] * np.abs(INDEX[:, None] - INDEX)
    mixed = attended(*projected(layer, x), CAUSAL, bias=bias)
    assert_close(layer(x, use_causal_mask=True), output(layer, mixed))


@pytest.mark.parametrize("heads", [1, 5, 8, 12])
def test_alibi_slopes_are_those_of_transformers(heads):
    from transformers.models.bloom.modeling_bloom import build_alibi_tensor

    theirs = build_alibi_tensor(torch.ones(1, T), heads, torch.float32)
    theirs = theirs.numpy().reshape(1, heads, 1, T)
    ours = to_numpy(ALiBi(heads)(np.full((1, 1), T - 1), INDEX[None]))
    assert_close(ours - ours[..., :1], theirs - theirs[..., :1], 1e-6)


@pytest.mark.parametrize("bidirectional", [True, False])
def test_relative_buckets_are_those_of_t5(bidirectional):
    from transformers.models.t5.modeling_t5 import T5Attention

    sizes = {"num_buckets": 32, "max_distance": 128}
    query, key = np.array([[0, 7, 150, 299]]), np.arange(300)[None]
    theirs = T5Attention._relative_position_bucket(
        torch.tensor(key[0] - query[0][:, None]), bidirectional, **sizes
    ).numpy()
    layer = RelativePositionBias(3, bidirectional=bidirectional, **sizes)
    layer.build(None)
    layer.embeddings.assign(np.arange(32)[:, None] + np.array([0.0, 100.0, 200.0]))
    found = to_numpy(layer(query, key))
    for head in range(3):
        assert_close(found[0, head], theirs + 100.0 * head, 1e-6)


LLAMA = {"hidden_size": 32, "num_attention_heads": 2, "num_key_value_heads": 1}
YARN = {"beta_fast": 16.0, "beta_slow": 2.0}
SCALINGS = {
    "none": (None, {}),
    "linear": ({"rope_type": "linear", "factor": 3.0}, {"scaling": "linear"}),
    "yarn": (
        {"rope_type": "yarn", "factor": 3.0, **YARN},
        {"scaling": "yarn", "original_length": 64, **YARN},
    ),
    "yarn, factor 1": (
        {"rope_type": "yarn", "factor": 1.0},
        {"scaling": "yarn", "original_length": 64},
    ),
}


@pytest.mark.parametrize("case", SCALINGS.values(), ids=SCALINGS)
def test_rotary_angles_are_those_of_transformers(case):
    theirs, ours = case
    config = modeling_llama.LlamaConfig(
        **LLAMA, max_position_embeddings=64, rope_scaling=theirs
    )
    table = modeling_llama.LlamaRotaryEmbedding(config)
    query = array(B, T, 2, 16)
    positions = np.array([INDEX + 5, INDEX * 31])
    cosine, sine = table(torch.tensor(query), torch.tensor(positions))
    expected, _ = modeling_llama.apply_rotary_pos_emb(
        *[torch.tensor(query)] * 2, cosine, sine, unsqueeze_dim=2
    )
    factor = theirs["factor"] if theirs else 1.0
    layer = RotaryEmbedding(factor=factor, **ours)
    assert_close(layer(query, positions=positions), expected.numpy())


def test_the_ntk_base_is_that_of_transformers():
    """Transformers stretches by length: at 3 times 64, less 2 of 3 times."""
    from transformers.modeling_rope_utils import _compute_dynamic_ntk_parameters

    config = modeling_llama.LlamaConfig(
        **LLAMA,
        max_position_embeddings=64,
        rope_scaling={"rope_type": "dynamic", "factor": 3.0},
    )
    theirs, _ = _compute_dynamic_ntk_parameters(config, "cpu", seq_len=128)
    layer = RotaryEmbedding(scaling="ntk", factor=3.0 * 128 / 64 - 2.0)
    layer.build((None, None, None, 16))
    assert_close(layer._frequencies, theirs.numpy(), 1e-6)


def test_interleaved_pairs_are_those_of_gpt_j():
    from transformers.models.gptj import modeling_gptj

    table = modeling_gptj.create_sinusoidal_positions(31, 8)
    sine, cosine = torch.split(table[INDEX][None], 4, dim=-1)
    query = array(1, T, 3, 8)
    theirs = modeling_gptj.apply_rotary_pos_emb(torch.tensor(query), sine, cosine)
    assert_close(RotaryEmbedding(interleaved=True)(query), theirs.numpy())


def test_part_of_a_head_is_turned_and_the_rest_is_not():
    x = array(B, T, 3, 10)
    found = to_numpy(RotaryEmbedding(rotary_dim=6)(x))
    assert_close(found[..., 6:], x[..., 6:], 0)
    assert_close(found[..., :6], RotaryEmbedding()(x[..., :6]), 1e-6)


def test_only_the_distance_of_rotary_positions_counts():
    layer, x = made(rotary=RotaryEmbedding()), array(B, T, D)
    shifted = layer(x, positions=np.tile(INDEX + 40, (B, 1)))
    assert_close(shifted, layer(x), 1e-4)
    moved = to_numpy(layer(x, positions=np.tile(INDEX * 2, (B, 1))))
    assert np.abs(moved - to_numpy(layer(x))).max() > 0.01


def test_grouped_attention_is_that_of_llama():
    config = modeling_llama.LlamaConfig(
        hidden_size=D,
        num_attention_heads=HEADS,
        num_key_value_heads=SHARED,
        head_dim=HEAD,
        attn_implementation="eager",
    )
    theirs = modeling_llama.LlamaAttention(config, 0).eval()
    layer = MultiHeadAttention(
        HEADS,
        num_key_value_heads=SHARED,
        key_dim=HEAD,
        use_bias=False,
        fused=False,
        rotary=RotaryEmbedding(),
    )
    x = array(B, T, D)
    layer.build(x.shape)
    randomise(layer)
    names = {"query": "q", "key": "k", "value": "v", "output_projection": "o"}
    with torch.no_grad():
        for ours, name in names.items():
            module = getattr(theirs, f"{name}_proj")
            module.weight.copy_(torch.tensor(weight(layer, f"{ours}/kernel").T))
        positions = torch.arange(T)[None]
        cosine, sine = modeling_llama.LlamaRotaryEmbedding(config)(
            torch.tensor(x), positions
        )
        mask = torch.where(torch.tensor(CAUSAL), 0.0, -1e30)[None, None]
        expected, _ = theirs(torch.tensor(x), (cosine, sine), mask)
    assert_close(layer(x, use_causal_mask=True), expected.numpy())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MultiHeadAttention(6, num_key_value_heads=4), "as many query heads"),
        (lambda: MultiHeadAttention(6, window=0), "window=0"),
        (lambda: MultiHeadAttention(6, soft_cap=-1.0), "soft_cap=-1.0"),
        (lambda: RotaryEmbedding(scaling="more"), "more.*linear, ntk, yarn"),
        (lambda: RotaryEmbedding(factor=0.5), "does not shrink.*factor=0.5"),
        (lambda: RotaryEmbedding(scaling="yarn"), "original_length=None"),
        (lambda: RotaryEmbedding()(np.ones((1, 1, 1, 3), "float32")), "in pairs"),
        (
            lambda: RotaryEmbedding(rotary_dim=6)(np.ones((1, 1, 1, 4), "float32")),
            "rotary_dim=6, key_dim=4",
        ),
        (lambda: ALiBi(0), "num_heads=0"),
        (lambda: RelativePositionBias(2, num_buckets=0), "num_buckets=0"),
    ],
)
def test_arguments_that_cannot_be(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_scores_are_the_same_with_keras_fused_kernels_and_without():
    x = array(B, T, D)
    layer = made(dropout=0.5)
    fused = layer(x, use_causal_mask=True)
    parts, _ = layer(x, use_causal_mask=True, return_attention_scores=True)
    assert_close(fused, parts)
