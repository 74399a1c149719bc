"""MultiHeadAttention beside those of Keras and torch, with the same weights."""

import keras
import numpy as np
import pytest
import torch
from support import torch_twins
from support.arrays import array, assert_close, randomise, to_numpy
from support.gradients import gradients
from support.layer_cases import B, D, H, N, S, T
from support.masks import CROSS_MASKS, SELF_MASKS

from kzoo.layers import MultiHeadAttention

# Where a query sees nothing, torch gives NaN, Keras something, kzoo the mean.
SEEING_SELF = {n: m for n, m in SELF_MASKS.items() if m[1].any(-1).all()}
SEEING_CROSS = {n: m for n, m in CROSS_MASKS.items() if m[1].any(-1).all()}


def made(x, *others, **kwargs):
    layer = MultiHeadAttention(N, **kwargs)
    layer.build(x.shape, *(other.shape for other in others))
    return randomise(layer)


@pytest.mark.parametrize("masks", SEEING_SELF.values(), ids=SEEING_SELF)
def test_fused_against_torch_with_gradients(masks):
    kwargs, whole = masks
    x, upstream = array(B, T, D), array(B, T, D, seed=9)
    layer = made(x)
    twin = torch.nn.MultiheadAttention(D, N, batch_first=True, dtype=torch.float64)
    torch_twins.attention(twin, layer)
    theirs = torch_twins.double(x)
    output, scores = twin(
        *[theirs] * 3,
        attn_mask=torch_twins.forbidden(whole, N),
        average_attn_weights=False,
    )
    (output * torch.tensor(upstream)).sum().backward()
    found, found_scores = layer(x, return_attention_scores=True, **kwargs)
    assert_close(found, output.detach().numpy())
    assert_close(found_scores, scores.detach().numpy(), 1e-6)
    by_input, by_weights = gradients(layer, x, upstream, **kwargs)
    assert_close(by_input, theirs.grad.numpy(), 1e-4)
    by_name = dict(zip([v.path for v in layer.weights], by_weights, strict=True))
    kernel = next(g for path, g in by_name.items() if path.endswith("value/kernel"))
    assert_close(kernel, twin.in_proj_weight.grad.numpy().T, 1e-4)


@pytest.mark.parametrize("masks", SEEING_CROSS.values(), ids=SEEING_CROSS)
def test_cross_against_torch(masks):
    kwargs, whole = masks
    query, value, key = array(B, T, D), array(B, S, 17), array(B, S, 19)
    layer = made(query, value, key, fused=False)
    twin = torch.nn.MultiheadAttention(
        D, N, kdim=19, vdim=17, batch_first=True, dtype=torch.float64
    )
    torch_twins.attention(twin, layer)
    output, scores = twin(
        *(torch_twins.double(x) for x in (query, key, value)),
        attn_mask=torch_twins.forbidden(whole, N),
        average_attn_weights=False,
    )
    found, found_scores = layer(
        query, value=value, key=key, return_attention_scores=True, **kwargs
    )
    assert_close(found, output.detach().numpy())
    assert_close(found_scores, scores.detach().numpy(), 1e-6)


def test_torchs_padding_mask_is_the_other_way_round():
    x = array(B, T, D)
    mask = SELF_MASKS["right padding"][0]["padding_mask"]
    layer = made(x)
    twin = torch.nn.MultiheadAttention(D, N, batch_first=True, dtype=torch.float64)
    torch_twins.attention(twin, layer)
    theirs = [torch_twins.double(x)] * 3
    output, _ = twin(*theirs, key_padding_mask=torch.tensor(~mask))
    assert_close(layer(x, padding_mask=mask), output.detach().numpy())


@pytest.mark.parametrize("masks", SEEING_SELF.values(), ids=SEEING_SELF)
def test_fused_against_keras(masks):
    kwargs, whole = masks
    x = array(B, T, D)
    layer = made(x)
    twin = keras.layers.MultiHeadAttention(N, H)
    twin.build(x.shape, x.shape)
    kernel, bias, output_kernel, output_bias = layer.get_weights()
    projections = []
    for part in range(3):
        projections.append(np.split(kernel, 3, -1)[part].reshape(D, N, H))
        projections.append(np.split(bias, 3)[part].reshape(N, H))
    twin.set_weights([*projections, output_kernel.reshape(N, H, D), output_bias])
    output, scores = twin(
        x, x, attention_mask=whole, return_attention_scores=True, use_causal_mask=False
    )
    found, found_scores = layer(x, return_attention_scores=True, **kwargs)
    assert_close(found, output)
    assert_close(found_scores, scores, 1e-6)


def test_nothing_to_see_gives_the_mean_of_the_values_and_no_nan():
    x = array(B, T, D)
    mask = np.zeros((B, T), bool)
    layer = made(x)
    output, scores = layer(x, padding_mask=mask, return_attention_scores=True)
    assert_close(scores, np.full((B, N, T, T), 1 / T), 1e-6)
    assert np.isfinite(to_numpy(output)).all()
    by_input, by_weights = gradients(layer, x, np.ones_like(x), padding_mask=mask)
    assert all(np.isfinite(g).all() for g in [by_input, *by_weights])


def test_a_sequence_of_one_attends_to_itself():
    x = array(B, 1, D)
    layer = made(x)
    for kwargs in ({}, {"use_causal_mask": True}):
        output, scores = layer(x, return_attention_scores=True, **kwargs)
        assert np.all(to_numpy(scores) == 1)
        value = to_numpy(layer.query_key_value(x))[..., 2 * D :]
        assert_close(output, layer.output_projection(value), 1e-6)
