import keras
import numpy as np
import pytest
import torch
from support import torch_twins
from support.arrays import all_sublayers, array, assert_close, randomise, to_numpy
from support.gradients import gradients
from support.layer_cases import B, D, F, N, T
from support.masks import SELF_MASKS

from kzoo.errors import InputError
from kzoo.layers import Dropout, EncoderBlock

MASKS = {name: masks for name, masks in SELF_MASKS.items() if masks[1].any(-1).all()}


def made(**kwargs):
    block = EncoderBlock(N, F, **kwargs)
    block.build((None, None, D))
    return randomise(block)


def torch_twin(block):
    twin = torch.nn.TransformerEncoderLayer(
        D,
        N,
        F,
        dropout=0.0,
        activation={"gelu": "gelu", "relu": "relu"}[block.activation.__name__],
        layer_norm_eps=block.layer_norm_epsilon,
        batch_first=True,
        norm_first=block.norm_placement == "pre",
        dtype=torch.float64,
    )
    torch_twins.attention(twin.self_attn, block, "self_attention/")
    torch_twins.linear(twin.linear1, block, "inner")
    torch_twins.linear(twin.linear2, block, "outer")
    torch_twins.norm(twin.norm1, block, "attention/norm")
    torch_twins.norm(twin.norm2, block, "feed_forward/norm")
    return twin


@pytest.mark.parametrize("masks", MASKS.values(), ids=MASKS)
@pytest.mark.parametrize("placement", ["pre", "post"])
def test_against_torch_with_gradients(placement, masks):
    kwargs, whole = masks
    block = made(norm_placement=placement, fused=placement == "post")
    twin = torch_twin(block)
    x, upstream = array(B, T, D), array(B, T, D, seed=9)
    theirs = torch_twins.double(x)
    output = twin(theirs, src_mask=torch_twins.forbidden(whole, N))
    (output * torch.tensor(upstream)).sum().backward()
    assert_close(block(x, **kwargs), output.detach().numpy(), 2e-5)
    if masks is MASKS["all kinds at once"]:
        by_input, by_weights = gradients(block, x, upstream, **kwargs)
        assert_close(by_input, theirs.grad.numpy(), 1e-4)
        by_path = dict(zip([v.path for v in block.weights], by_weights, strict=True))
        inner = next(g for p, g in by_path.items() if p.endswith("inner/kernel"))
        assert_close(inner, twin.linear1.weight.grad.numpy().T, 1e-4)


def test_relu_and_its_own_epsilon_against_torch():
    block = made(activation="relu", layer_norm_epsilon=0.1)
    x = array(B, T, D)
    assert_close(block(x), torch_twin(block)(torch_twins.double(x)).detach().numpy())


@pytest.mark.parametrize("placement", ["pre", "post", "none"])
@pytest.mark.parametrize("name", SELF_MASKS)
def test_attention_scores_are_those_of_the_call(placement, name):
    kwargs, whole = SELF_MASKS[name]
    block, x = made(norm_placement=placement), array(B, T, D)
    scores = to_numpy(block.attention_scores(x, **kwargs))
    assert scores.shape == (B, N, T, T)
    np.testing.assert_allclose(scores.sum(-1), 1, atol=1e-6)
    hidden = np.broadcast_to(~whole[:, None], scores.shape)
    sees = ~hidden.all(-1, keepdims=True)
    assert np.all(scores[hidden & sees] == 0)
    attention = block.attention.sublayer
    seen = block.attention.norm(x) if placement == "pre" else x
    _, expected = attention(seen, return_attention_scores=True, **kwargs)
    assert_close(scores, expected, 1e-6)


def test_real_tokens_do_not_see_padding():
    block, x = made(), array(1, T, D)
    padded = np.concatenate([x, array(1, 5, D, seed=3, scale=30)], axis=1)
    mask = np.arange(T + 5)[None] < T
    output = to_numpy(block(padded, padding_mask=mask))
    assert_close(output[:, :T], block(x), 5e-6)


def test_dropout_only_while_training():
    rates = {"dropout": 0.5, "attention_dropout": 0.4, "activation_dropout": 0.3}
    block, x = made(**rates), array(B, T, D)
    still = to_numpy(block(x, training=False))
    assert_close(block(x), still, 0)
    assert not np.allclose(to_numpy(block(x, training=True)), still, atol=1e-2)
    rates = {
        part.name: part.rate
        for part in all_sublayers(block)
        if isinstance(part, Dropout)
    }
    expected = {"output_dropout": 0.5, "score_dropout": 0.4, "inner_dropout": 0.3}
    assert rates == expected


def test_attention_dropout_is_on_the_scores_and_not_elsewhere():
    """One key only: its score is one, so a head's output is doubled or gone."""
    block = made(attention_dropout=0.5)
    attention, x = block.attention.sublayer, array(211, 1, D)
    kernel, bias = np.concatenate([np.eye(D)] * 3, 1), np.zeros(3 * D)
    attention.query_key_value.set_weights([kernel, bias])
    attention.output_projection.set_weights([np.eye(D), np.zeros(D)])
    output, scores = attention(x, return_attention_scores=True, training=True)
    assert np.all(to_numpy(scores) == 1)  # those returned are the undropped
    ratio = to_numpy(output) / x
    gone = np.isclose(ratio, 0)
    assert np.all(gone | np.isclose(ratio, 2, atol=1e-4))
    assert 0.4 < gone.mean() < 0.6
    heads = gone.reshape(211, N, -1)
    assert np.all(heads.all(-1) | ~heads.any(-1))  # a whole head at a time
    assert_close(attention(x, training=False), x, 1e-5)


def test_it_trains_under_mixed_float16():
    keras.config.set_dtype_policy("mixed_float16")
    inputs = keras.Input((None, D))
    outputs = keras.layers.Dense(1, dtype="float32")(EncoderBlock(N, F)(inputs))
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.Adam(0.03), "mse")
    x, y = array(32, T, D), array(32, T, 1)
    history = model.fit(x, y, epochs=6, batch_size=16, verbose=0).history["loss"]
    assert np.isfinite(history).all()
    assert history[-1] < history[0]


@pytest.mark.parametrize("fused", [True, False])
def test_lora_on_the_dense_sublayers(fused, tmp_path):
    inputs = keras.Input((None, D))
    block = EncoderBlock(N, F, fused=fused)
    model = keras.Model(inputs, block(inputs))
    randomise(block)
    x = array(B, T, D)
    before = to_numpy(model(x))
    dense = [p for p in all_sublayers(block) if isinstance(p, keras.layers.Dense)]
    assert len(dense) == (4 if fused else 6)
    for part in dense:
        part.enable_lora(2)
    assert_close(model(x), before, 1e-6)  # the second factor starts at zero
    names = {v.name for v in block.trainable_variables}
    assert {"lora_kernel_a", "lora_kernel_b"} < names
    assert "kernel" not in names
    kernels = [to_numpy(part._kernel).copy() for part in dense]
    model.compile(keras.optimizers.SGD(0.1), "mse")
    model.fit(x, array(B, T, D, seed=4), verbose=0)
    after = to_numpy(model(x))
    assert not np.allclose(after, before, atol=1e-3)
    for part, kernel in zip(dense, kernels, strict=True):
        assert np.array_equal(to_numpy(part._kernel), kernel)
    model.save(tmp_path / "m.keras")  # saved merged
    again = keras.saving.load_model(tmp_path / "m.keras")
    assert_close(again(x), after, 1e-5)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"norm_placement": "both"}, "No such norm_placement.*'both'.*pre, post"),
        ({"dropout": 1.0}, "at least 0 and below 1.*dropout=1.0"),
        ({"attention_dropout": -1}, "at least 0 and below 1.*dropout=-1"),
        ({"num_heads": 0}, "1 or more.*num_heads=0"),
        ({"intermediate_dim": 0}, "1 or more.*intermediate_dim=0"),
        ({"activation": "nope"}, "known name.*activation='nope'"),
    ],
)
def test_bad_arguments_are_named(kwargs, message):
    with pytest.raises(InputError, match=message):
        EncoderBlock(**{"num_heads": N, "intermediate_dim": F, **kwargs})
