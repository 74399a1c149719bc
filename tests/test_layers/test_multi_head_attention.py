import keras
import numpy as np
import pytest
from support import references
from support.arrays import array, assert_close, randomise, to_numpy, weight
from support.gradients import gradients
from support.layer_cases import B, D, H, N, S, T
from support.masks import CROSS_MASKS, SELF_MASKS

from kzoo.errors import InputError
from kzoo.layers import MultiHeadAttention

self_masks = pytest.mark.parametrize("masks", SELF_MASKS.values(), ids=SELF_MASKS)
cross_masks = pytest.mark.parametrize("masks", CROSS_MASKS.values(), ids=CROSS_MASKS)
VALUE_DIM, KEY_DIM = 17, 19


def dense(layer, name, x):
    return x @ weight(layer, f"{name}/kernel") + weight(layer, f"{name}/bias")


@self_masks
def test_fused_self_attention_against_numpy(masks):
    kwargs, whole = masks
    layer, x = MultiHeadAttention(N), array(B, T, D)
    layer.build(x.shape)
    randomise(layer)
    assert len(layer.weights) == 4
    projected = np.split(dense(layer, "query_key_value", x), 3, axis=-1)
    query, key, value = projected
    mixed, scores = references.attention(query, key, value, N, whole)
    output, found = layer(x, return_attention_scores=True, **kwargs)
    assert_close(output, dense(layer, "output_projection", mixed))
    assert_close(found, scores, 1e-6)
    assert_close(layer(x, **kwargs), output, 1e-6)
    check_scores(to_numpy(found), whole)


@pytest.mark.parametrize("options", [{}, {"soft_cap": 5.0}, {"num_key_value_heads": 1}])
def test_causality_alone_is_causality_beside_a_mask_of_nothing(options):
    """Without another mask kernels leave out what is hidden."""
    layer, x = MultiHeadAttention(N, **options), array(B, T, D)
    layer.build(x.shape)
    randomise(layer)
    upstream, found = array(B, T, D, seed=1), []
    for mask in (None, np.ones((B, T), bool)):
        masks = {"use_causal_mask": True, "padding_mask": mask}
        of_x, of_weights = gradients(layer, x, upstream, **masks)
        found.append([layer(x, **masks), of_x, *of_weights])
    for alone, beside in zip(*found, strict=True):
        assert_close(alone, beside, 1e-5)


@cross_masks
def test_cross_attention_against_numpy(masks):
    kwargs, whole = masks
    layer = MultiHeadAttention(N, key_dim=2, fused=False)
    query, value = array(B, T, D), array(B, S, VALUE_DIM)
    key = array(B, S, KEY_DIM)
    layer.build(query.shape, value.shape, key.shape)
    randomise(layer)
    mixed, scores = references.attention(
        dense(layer, "query", query),
        dense(layer, "key", key),
        dense(layer, "value", value),
        N,
        whole,
    )
    output, found = layer(
        query, value=value, key=key, return_attention_scores=True, **kwargs
    )
    assert_close(output, dense(layer, "output_projection", mixed))
    assert_close(found, scores, 1e-6)
    check_scores(to_numpy(found), whole)


def check_scores(scores, whole):
    """Rows sum to one; what is masked is exactly zero."""
    np.testing.assert_allclose(scores.sum(-1), 1, atol=1e-6)
    whole = np.broadcast_to(whole[:, None], scores.shape)
    sees = whole.any(-1, keepdims=True)
    assert np.all(scores[~whole & sees] == 0)


def test_a_mask_of_each_head():
    mask = np.random.default_rng(1).random((B, N, T, T)) < 0.6
    mask[..., 0] = True
    layer, x = MultiHeadAttention(N), array(B, T, D)
    layer.build(x.shape)
    randomise(layer)
    query, key, value = np.split(dense(layer, "query_key_value", x), 3, axis=-1)
    _, scores = references.attention(query, key, value, N, mask)
    _, found = layer(x, attention_mask=mask, return_attention_scores=True)
    assert_close(found, scores, 1e-6)


def test_fused_and_separate_agree():
    fused, separate = MultiHeadAttention(N), MultiHeadAttention(N, fused=False)
    x = array(B, T, D)
    fused.build(x.shape)
    separate.build(x.shape)
    randomise(fused)
    for index, name in enumerate(("query", "key", "value")):
        kernel = np.split(to_numpy(fused.query_key_value.kernel), 3, -1)[index]
        bias = np.split(to_numpy(fused.query_key_value.bias), 3)[index]
        getattr(separate, name).set_weights([kernel, bias])
    separate.output_projection.set_weights(fused.output_projection.get_weights())
    assert_close(separate(x, use_causal_mask=True), fused(x, use_causal_mask=True))


def test_value_is_the_query_and_key_the_value_by_default():
    layer = MultiHeadAttention(N, fused=False)
    x, y = array(B, T, D), array(B, S, D)
    layer.build(x.shape, y.shape)
    assert_close(layer(x), layer(x, value=x, key=x), 1e-6)
    assert_close(layer(x, value=y), layer(x, value=y, key=y), 1e-6)


@pytest.mark.parametrize("side", ["left", "right"])
def test_real_tokens_do_not_see_padding(side):
    layer, x = MultiHeadAttention(N), array(1, T, D)
    layer.build(x.shape)
    randomise(layer)
    noise = array(1, 4, D, seed=5, scale=30)
    parts = [(noise, False), (x, True)] if side == "left" else [(x, True), (noise, 0)]
    padded = np.concatenate([part for part, _ in parts], axis=1)
    mask = np.concatenate([[bool(real)] * part.shape[1] for part, real in parts])
    output = to_numpy(layer(padded, padding_mask=mask[None]))
    assert_close(output[:, mask], layer(x), 1e-6)


def test_the_future_is_not_seen():
    layer, x = MultiHeadAttention(N), array(B, T, D)
    layer.build(x.shape)
    randomise(layer)
    changed = x.copy()
    changed[:, 4:] = 50
    before = to_numpy(layer(x, use_causal_mask=True))
    after = to_numpy(layer(changed, use_causal_mask=True))
    assert np.array_equal(before[:, :4], after[:, :4])
    assert not np.allclose(before[:, 4:], after[:, 4:])


def test_symbolic_scores_have_their_shape():
    x, y = keras.Input((None, D)), keras.Input((S, 17))
    output, scores = MultiHeadAttention(N)(x, return_attention_scores=True)
    assert (output.shape, scores.shape) == ((None, None, D), (None, N, None, None))
    layer = MultiHeadAttention(N, fused=False)
    _, cross = layer(x, value=y, return_attention_scores=True)
    assert cross.shape == (None, N, None, S)
    model = keras.Model([x, y], cross)
    found = model.predict([array(B, T, D), array(B, S, 17)], verbose=0)
    assert found.shape == (B, N, T, S)


def test_large_scores_under_float16_are_finite():
    layer = MultiHeadAttention(N, dtype="mixed_float16")
    x = array(B, T, D, scale=50).astype("float16")
    output, scores = layer(x, use_causal_mask=True, return_attention_scores=True)
    assert np.isfinite(to_numpy(output)).all()
    np.testing.assert_allclose(to_numpy(scores).sum(-1), 1, atol=2e-3)
    assert np.all(np.triu(to_numpy(scores), 1) == 0)


@pytest.mark.parametrize("size", [0, -1, 2.5, "3", True])
def test_sizes_are_positive_whole_numbers(size):
    with pytest.raises(InputError, match="whole number of 1 or more.*num_heads="):
        MultiHeadAttention(size)
    with pytest.raises(InputError, match="whole number of 1 or more.*key_dim="):
        MultiHeadAttention(2, key_dim=size)


@pytest.mark.parametrize("rate", [-0.1, 1, 1.5])
def test_the_dropout_rate_is_a_share(rate):
    with pytest.raises(InputError, match="at least 0 and below 1.*dropout="):
        MultiHeadAttention(2, dropout=rate)


def test_the_width_is_divisible_by_the_heads():
    with pytest.raises(InputError, match="evenly.*hidden_dim=15, num_heads=2"):
        MultiHeadAttention(2).build((None, None, 15))
    MultiHeadAttention(2, key_dim=H).build((None, None, 15))


def test_fused_projections_serve_self_attention_only():
    x = array(B, T, D)
    for other in ({"value": x}, {"key": x}):
        with pytest.raises(InputError, match="self-attention only.*fused=False"):
            MultiHeadAttention(N)(x, **other)
