"""Decoder blocks, with a cache and without: one token at a time is the whole."""

import numpy as np
import pytest
import torch
from keras import ops
from support import torch_twins
from support.arrays import array, assert_close, randomise, to_numpy
from support.layer_cases import B, D, F, N, S, T

from kzoo.errors import InputError
from kzoo.layers import (
    ALiBi,
    DecoderBlock,
    DecoderCache,
    KeyValueCache,
    MultiHeadAttention,
    RotaryEmbedding,
)

SIZES = {"num_heads": N, "intermediate_dim": F}
ATTENTIONS = {
    "plain": {},
    "rotary": {"rotary": lambda: RotaryEmbedding(rotary_dim=4)},
    "alibi": {"position_bias": lambda: ALiBi(N)},
    "shared heads": {"num_key_value_heads": 1},
    "window": {"window": 3},
    "separate": {"fused": False},
}


def made(options=None, shapes=((None, None, D),), **kwargs):
    attention = None
    if options is not None:
        options = {k: v() if callable(v) else v for k, v in options.items()}
        attention = MultiHeadAttention(N, name="self_attention", **options)
    block = DecoderBlock(**SIZES, self_attention=attention, **kwargs)
    block.build(*shapes)
    return randomise(block)


def empty(block, length):
    attention = block.attention.sublayer
    heads = attention.num_key_value_heads
    return KeyValueCache.empty(B, length, heads, D // N)


@pytest.mark.slow_on("jax")
@pytest.mark.parametrize("options", ATTENTIONS.values(), ids=ATTENTIONS)
@pytest.mark.parametrize("fixed", [True, False], ids=["fixed", "growing"])
@pytest.mark.parametrize("placement", ["pre", "post"])
def test_with_a_cache_and_without(options, fixed, placement):
    """A prefill of 3 tokens, then one at a time, then the rest at once."""
    block, x = made(options, norm_placement=placement), array(B, T, D)
    mask = np.ones((B, T), bool)
    mask[1, :2] = False  # padding on the left
    expected = to_numpy(block(x, padding_mask=mask))
    cache = block.make_cache(empty(block, T if fixed else 0))
    outputs = []
    for start, end in ((0, 3), (3, 4), (4, 5), (5, T)):
        visible = mask & (np.arange(T) < end)
        y, cache = block.call_with_cache(
            ops.convert_to_tensor(x[:, start:end]),
            cache,
            cache_index=start if fixed else None,
            padding_mask=visible if fixed else visible[:, :end],
        )
        outputs.append(to_numpy(y))
    assert isinstance(cache, DecoderCache)
    assert cache.self_attention.key.shape[1] == T
    found = np.concatenate(outputs, axis=1)
    assert_close(found[mask], expected[mask])


def test_cross_attention_with_a_cache_and_without():
    shapes = ((None, None, D), (None, None, 17))
    block = made(shapes=shapes, cross_attention=True)
    x, encoded = array(B, T, D), array(B, S, 17)
    mask = np.arange(S) < np.array([[S], [4]])
    expected = block(x, encoder_outputs=encoded, encoder_padding_mask=mask)
    cache = block.make_cache(empty(block, 0), ops.convert_to_tensor(encoded))
    before = to_numpy(cache.cross_attention.key)
    outputs = []
    for t in range(T):
        y, cache = block.call_with_cache(
            ops.convert_to_tensor(x[:, t : t + 1]), cache, encoder_padding_mask=mask
        )
        outputs.append(to_numpy(y))
    assert_close(np.concatenate(outputs, axis=1), expected)
    assert_close(cache.cross_attention.key, before, 0)


@pytest.mark.parametrize("placement", ["pre", "post"])
def test_against_torchs_decoder_layer(placement):
    shapes = ((None, None, D), (None, None, D))
    block = made(
        shapes=shapes,
        cross_attention=True,
        norm_placement=placement,
        activation="relu",
        fused=False,
    )
    twin = torch.nn.TransformerDecoderLayer(
        D,
        N,
        F,
        dropout=0.0,
        batch_first=True,
        norm_first=placement == "pre",
        dtype=torch.float64,
    )
    torch_twins.attention(twin.self_attn, block, "self_attention/")
    torch_twins.attention(twin.multihead_attn, block, "encoder_attention/")
    torch_twins.linear(twin.linear1, block, "feed_forward_network/inner")
    torch_twins.linear(twin.linear2, block, "feed_forward_network/outer")
    names = ("attention", "cross_attention", "feed_forward")
    for module, name in zip((twin.norm1, twin.norm2, twin.norm3), names, strict=True):
        prefix = "/" if name == "attention" else ""
        torch_twins.norm(module, block, f"{prefix}{name}/norm")
    x, encoded = array(B, T, D), array(B, S, D)
    expected = twin(
        torch_twins.double(x),
        torch_twins.double(encoded),
        tgt_mask=torch.triu(torch.ones(T, T, dtype=torch.bool), 1),
    )
    found = block(x, encoder_outputs=encoded)
    assert_close(found, expected.detach().numpy())


def test_encoder_outputs_must_be_given():
    block = made(shapes=((None, None, D), (None, None, D)), cross_attention=True)
    with pytest.raises(InputError, match="reads an encoder's outputs"):
        block(array(B, T, D))


def test_a_fused_attention_has_no_cross_cache():
    layer = MultiHeadAttention(N)
    layer.build((None, None, D))
    with pytest.raises(InputError, match="self-attention only"):
        layer.make_cache(array(B, S, D))


def test_residual_kernels_start_as_told():
    block = DecoderBlock(**SIZES, output_initializer="zeros")
    x = array(B, T, D)
    assert_close(block(x), x, 0)


def test_several_texts_of_a_source_share_what_is_read_of_it():
    block = made(shapes=((None, None, D), (None, None, D)), cross_attention=True)
    encoded, mask = array(2, S, D, seed=1), np.arange(S) < np.array([[S], [3]])
    x = array(2 * 3, T, D, seed=2)
    rows = np.repeat(np.arange(2), 3)
    expected = block(x, encoder_outputs=encoded[rows], encoder_padding_mask=mask[rows])
    none = KeyValueCache.empty(6, 0, N, D // N)
    found, cache = block.call_with_cache(
        x, block.make_cache(none, encoded), encoder_padding_mask=mask
    )
    assert_close(found, expected, 1e-5)
    assert cache.cross_attention.key.shape[0] == 2


def test_rows_of_a_cache_change_places_and_columns_are_added():
    block = made(shapes=((None, None, D), (None, None, D)), cross_attention=True)
    encoded, x = array(1, S, D, seed=1), array(3, T, D, seed=2)
    none = KeyValueCache.empty(3, 0, N, D // N)
    _, cache = block.call_with_cache(x, block.make_cache(none, encoded))
    rows = np.array([2, 0], "int32")
    other = cache.with_rows(ops.convert_to_tensor(rows))
    assert_close(other.self_attention.key, to_numpy(cache.self_attention.key)[rows], 0)
    assert other.cross_attention is cache.cross_attention
    wide = to_numpy(cache.widened(5).self_attention.value)
    assert wide.shape == (3, T + 5, N, D // N)
    assert_close(wide[:, :T], cache.self_attention.value, 0)
    assert not wide[:, T:].any()


def test_attention_scores_are_those_of_the_call():
    block = made(shapes=((None, None, D), (None, None, D)), cross_attention=True)
    x, encoded = array(B, T, D), array(B, S, D, seed=1)
    mask = np.arange(S) < np.array([[S], [3]])[:B]
    own, cross = block.attention_scores(x, encoded, encoder_padding_mask=mask)
    seen = block.attention.norm(x)
    attention = block.attention.sublayer
    _, expected = attention(seen, use_causal_mask=True, return_attention_scores=True)
    assert_close(own, expected, 1e-6)
    y = block.cross_attention.norm(block.attention(x, use_causal_mask=True))
    _, expected = block.cross_attention.sublayer(
        y, value=encoded, padding_mask=mask, return_attention_scores=True
    )
    assert_close(cross, expected, 1e-6)
    alone = made()
    assert alone.attention_scores(x)[1] is None


@pytest.mark.parametrize("cross_attention", [False, True])
def test_options_of_every_residual_connection(cross_attention):
    options = {
        "norm": "rms_norm",
        "skip_scale": 1.3,
        "branch_scale": "layer_scale",
        "drop_path": 0.25,
    }
    block = DecoderBlock(**SIZES, cross_attention=cross_attention, residual=options)
    parts = [block.attention, block.feed_forward]
    parts += [block.cross_attention] if cross_attention else []
    for part in parts:
        config = part.get_config()
        assert {name: config[name] for name in options} == options
    norms = {id(part.norm) for part in parts}
    assert len(norms) == len(parts)
    again = DecoderBlock.from_config(block.get_config())
    assert again.residual == options


@pytest.mark.parametrize(
    ("residual", "match"),
    [
        ({"alpha": 2}, "Known: norm, skip_scale, branch_scale, drop_path"),
        ({"norm": MultiHeadAttention(N)}, "parts of its own.*'norm'"),
    ],
)
def test_residual_options_that_cannot_be(residual, match):
    with pytest.raises(InputError, match=match):
        DecoderBlock(**SIZES, residual=residual)
