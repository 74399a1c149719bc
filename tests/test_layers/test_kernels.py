import keras
import numpy as np
import pytest
from support import references
from support.arrays import array, assert_close, to_numpy
from support.layer_cases import B, D, F, H, N, S, T

from kzoo.errors import InputError
from kzoo.layers import (
    DecoderBlock,
    EncoderBlock,
    KeyValueCache,
    RMSNormalization,
    TokenEmbedding,
    activations,
    causal_mask,
    checks,
    combine_masks,
)
from kzoo.layers import kernels as k


def test_every_kernel_can_be_replaced_and_every_one_is_used():
    block, x = EncoderBlock(N, F), array(B, T, D)
    decoder, norm = DecoderBlock(N, F), RMSNormalization()
    embed = TokenEmbedding(5, 3)
    cache = decoder.make_cache(KeyValueCache.empty(B, T, N, H))
    inputs = keras.ops.convert_to_tensor(x)

    def everything():
        y, _ = decoder.call_with_cache(inputs, cache, cache_index=0)
        rows = embed(np.array([[1, 2, 1]]))
        return [block(x), block.attention_scores(x), y, norm(x), rows]

    decoder(x)
    seen = []

    def spy(name):
        def call(*args, **kwargs):
            seen.append(name)
            return getattr(k, name).default(*args, **kwargs)

        return call

    expected = [to_numpy(y) for y in everything()]
    with k.replaced(**{name: spy(name) for name in k.KERNELS}):
        for found, y in zip(everything(), expected, strict=True):
            assert_close(found, y, 0)
    assert set(seen) == set(k.KERNELS)
    seen.clear()
    everything()
    assert not seen


def test_replacements_nest_and_leave_in_order():
    x = keras.ops.convert_to_tensor(array(3))
    with k.replaced(gelu=lambda x, approximate=False: "outer"):
        with k.replaced(gelu=lambda x, approximate=False: "inner"):
            assert k.gelu(x) == "inner"
        assert k.gelu(x) == "outer"
    assert_close(k.gelu(x), references.gelu(array(3)), 1e-6)


def test_an_error_inside_puts_the_kernel_back():
    x = array(3)
    with pytest.raises(KeyError, match="boom"):
        with k.replaced(gelu=lambda x, approximate=False: "other"):
            raise KeyError("boom")
    assert_close(k.gelu(x), references.gelu(x), 1e-6)


def test_only_kernels_can_be_replaced():
    message = (
        r"Only kernels can be replaced. Received: \['softmax'\].*Known: layer_norm"
    )
    with pytest.raises(ValueError, match=message):
        with k.replaced(softmax=None, gelu=None):
            pytest.fail("the context was entered")
    assert_close(k.gelu(array(3)), references.gelu(array(3)), 1e-6)


def test_kernels_are_named_and_documented():
    for name in k.KERNELS:
        assert getattr(k, name).__name__ == name
        assert getattr(k, name).__doc__


@pytest.mark.parametrize(
    ("name", "reference"),
    [("gelu", references.gelu), ("gelu_tanh", references.gelu_tanh)],
)
def test_both_forms_of_gelu(name, reference):
    x = np.linspace(-9, 9, 211, dtype="float32")
    function = activations.get(name)
    assert_close(function(x), reference(x.astype("float64")), 2e-6)
    assert activations.serialize(function) == name
    assert activations.get(function) is function


def test_the_two_forms_differ():
    x = np.linspace(-3, 3, 31, dtype="float32")
    difference = to_numpy(activations.gelu(x)) - to_numpy(activations.gelu_tanh(x))
    assert 1e-4 < np.abs(difference).max() < 1e-3


@pytest.mark.parametrize("name", ["relu", "tanh", "silu", "linear"])
def test_the_activations_of_keras_keep_their_names(name):
    function = activations.get(name)
    assert activations.serialize(function) == name
    assert activations.get(None) is activations.get("linear")


def test_a_function_is_an_activation():
    assert activations.get(keras.ops.sin) is keras.ops.sin


def test_an_unknown_activation_names_the_fix():
    with pytest.raises(InputError, match="'swoosh'.*Pass 'gelu', 'gelu_tanh', 'relu'"):
        activations.get("swoosh")


@pytest.mark.parametrize(("length", "source"), [(T, T), (3, S), (1, S), (1, 1)])
def test_the_causal_mask(length, source):
    """The last query stands at the last key."""
    found = to_numpy(causal_mask(length, source))
    for t in range(length):
        for s in range(source):
            assert found[t, s] == (s <= t + source - length)


def test_no_mask_is_none():
    assert combine_masks(query_length=T, key_length=S) is None


def test_masks_broadcast_to_every_head():
    masks = {"query_length": T, "key_length": S}
    padding, who = np.ones((B, S), bool), np.ones((B, T, S), bool)
    whole = np.ones((B, N, T, S), bool)
    assert combine_masks(**masks, padding_mask=padding).shape == (B, 1, 1, S)
    assert combine_masks(**masks, attention_mask=who).shape == (B, 1, T, S)
    assert combine_masks(**masks, attention_mask=whole).shape == (B, N, T, S)
    assert combine_masks(**masks, use_causal_mask=True).shape == (1, 1, T, S)


def test_scores_of_half_a_million_do_not_overflow():
    query = keras.ops.convert_to_tensor(array(B, T, N, H, scale=500))
    scores = to_numpy(k.attention_scores(query, query, None, 1.0))
    assert np.isfinite(scores).all()
    np.testing.assert_allclose(scores.sum(-1), 1, atol=1e-5)


def test_checks_let_good_values_through():
    checks.positive(size=1)
    checks.rate(rate=0, other=0.999)
    checks.one_of(("a", "b"), name="a")


def test_checks_name_the_first_bad_value():
    with pytest.raises(InputError, match="1 or more. Received: b=0. Pass b >= 1"):
        checks.positive(a=1, b=0)
    with pytest.raises(InputError, match="below 1. Received: d=1. 0 turns it off"):
        checks.rate(c=0.5, d=1)
    with pytest.raises(InputError, match="No such e. Received: e='x'. Known: a, b"):
        checks.one_of(("a", "b"), e="x")


@pytest.mark.tensorflow_only  # the other backends' gradients are dense by themselves
def test_the_gradient_of_a_lookup_counts_an_id_twice_in_one_row():
    """One dense row for each row of the table, so that its norm is the norm."""
    embed = TokenEmbedding(5, 3)
    ids = np.array([[1, 2, 1, 1]], "int32")
    embed(ids)
    upstream = array(1, 4, 3)
    import tensorflow as tf

    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(embed(ids) * upstream)
    found = tape.gradient(loss, embed.embeddings.value)
    expected = np.zeros((5, 3), "float32")
    np.add.at(expected, ids[0], upstream[0])
    assert isinstance(found, tf.Tensor)
    assert_close(found, expected, 1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "float16"])
def test_a_query_that_sees_nothing_gets_the_mean_in_every_type(dtype):
    if keras.backend.backend() == "jax" and dtype == "float64":
        pytest.skip("JAX computes in float32 where it is not told otherwise")
    query, key, value = (
        keras.ops.convert_to_tensor(array(B, T, N, H), dtype) for _ in range(3)
    )
    mask = np.ones((B, 1, T, T), "bool")
    mask[0, 0, 1] = False
    mask = keras.ops.convert_to_tensor(mask)
    mixed = to_numpy(
        keras.ops.cast(k.attention(query, key, value, mask, 1.0), "float32")
    )
    mean = to_numpy(keras.ops.cast(value, "float32"))[0].mean(axis=0)
    assert np.isfinite(mixed).all()
    tolerance = 1e-6 if dtype in ("float32", "float64") else 1e-2
    np.testing.assert_allclose(mixed[0, 1], mean, atol=tolerance)


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="cuDNN's is JAX's")
def test_attention_of_a_gpu_under_jax(monkeypatch):
    """What Keras does with the call where there is no cuDNN; and the switch."""
    import jax

    from kzoo.layers import jax_kernels

    query, key, value = (
        keras.ops.convert_to_tensor(array(B, T, N, H)) for _ in range(3)
    )
    mask = np.ones((B, 1, T, T), "bool")
    mask[0, 0, 1] = False  # attends to nothing
    mask[1, 0, :, 2:] = False
    expected = k.attention(query, key, value, mask, H**-0.5)
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert k._own_kernels() is jax_kernels
    assert_close(k.attention(query, key, value, mask, H**-0.5), expected, 1e-6)
    keras.config.disable_flash_attention()
    try:
        assert k._own_kernels() is None
    finally:
        keras.config.enable_flash_attention()
