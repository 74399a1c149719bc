"""The blocks of ResNet, against blocks written in torch and Keras's own."""

import keras
import numpy as np
import pytest
import torch
from support.arrays import array, assert_close, randomise, to_numpy

from kzoo.errors import InputError
from kzoo.layers import ResidualConv2D

HEIGHT, WIDTH, CHANNELS, FILTERS = 7, 11, 5, 3


def made(channels=CHANNELS, filters=FILTERS, **kwargs):
    layer = ResidualConv2D(filters, **kwargs)
    layer.build((None, HEIGHT, WIDTH, channels))
    return randomise(layer)


def named(layer, name):
    return [torch.tensor(to_numpy(w)) for w in layer.weights if f"/{name}/" in w.path]


def convolve(layer, name, x, stride=1):
    (kernel,) = named(layer, name)
    kernel = kernel.permute(3, 2, 0, 1)
    return torch.nn.functional.conv2d(
        x, kernel, stride=stride, padding=kernel.shape[-1] // 2
    )


def norm(layer, name, x):
    gamma, beta, mean, variance = named(layer, name)
    return torch.nn.functional.batch_norm(x, mean, variance, gamma, beta, eps=1e-5)


def post(layer, x, strides, projected):
    """Write the 2015 block out: convolution, norm, activation."""
    strided = {2: [strides, 1], 3: [1, strides, 1]}
    count = 3 if layer.variant == "bottleneck" else 2
    z = x
    for number, stride in enumerate(strided[count], 1):
        z = norm(layer, f"norm_{number}", convolve(layer, f"conv_{number}", z, stride))
        z = torch.relu(z) if number < count else z
    skip = x
    if projected:
        skip = norm(layer, "shortcut_norm", convolve(layer, "shortcut", x, strides))
    return torch.relu(skip + z)


def pre(layer, x, strides, projected):
    """Write the 2016 block out: norm, activation, convolution."""
    strided = {2: [strides, 1], 3: [1, strides, 1]}
    count = 3 if layer.variant == "bottleneck" else 2
    z, skip = x, x
    for number, stride in enumerate(strided[count], 1):
        z = torch.relu(norm(layer, f"norm_{number}", z))
        if number == 1 and projected:
            skip = convolve(layer, "shortcut", z, strides)
        z = convolve(layer, f"conv_{number}", z, stride)
    return skip + z


@pytest.mark.parametrize("variant", ["basic", "bottleneck"])
@pytest.mark.parametrize("reference", [post, pre])
@pytest.mark.parametrize("strides", [1, 2, 3])
@pytest.mark.parametrize("change", [True, False])
def test_against_torch(variant, reference, strides, change):
    output = FILTERS * (4 if variant == "bottleneck" else 1)
    channels = CHANNELS if change else output
    layer = made(
        channels,
        variant=variant,
        strides=strides,
        pre_activation=reference is pre,
    )
    x = array(2, HEIGHT, WIDTH, channels)
    projected = change or strides > 1
    theirs = torch.tensor(x).permute(0, 3, 1, 2)
    expected = reference(layer, theirs, strides, projected).permute(0, 2, 3, 1).numpy()
    assert expected.shape == layer.compute_output_shape(x.shape)
    assert_close(layer(x), expected, 1e-4)
    names = {w.path.split("/")[-2] for w in layer.weights}
    assert ("shortcut" in names) == projected


def test_against_the_block_of_keras():
    """The application's convolutions have biases: zero here."""
    from keras.src.applications.resnet import residual_block_v1

    inputs = keras.Input((HEIGHT, WIDTH, CHANNELS))
    theirs = keras.Model(inputs, residual_block_v1(inputs, FILTERS, name="b"))
    ours = made(variant="bottleneck", epsilon=1.001e-5)
    pairs = {"conv_1": "1_conv", "conv_2": "2_conv", "conv_3": "3_conv"}
    pairs |= {"norm_1": "1_bn", "norm_2": "2_bn", "norm_3": "3_bn"}
    pairs |= {"shortcut": "0_conv", "shortcut_norm": "0_bn"}
    for mine, name in pairs.items():
        values = [np.asarray(v) for v in named(ours, mine)]
        layer = theirs.get_layer(f"b_{name}")
        if name.endswith("conv"):
            values.append(np.zeros(values[0].shape[-1], "float32"))
        layer.set_weights(values)
    x = array(2, HEIGHT, WIDTH, CHANNELS)
    assert_close(ours(x), theirs(x), 1e-5)


def test_training_moves_the_averages_and_lowers_the_loss():
    layers = [
        keras.Input((None, None, CHANNELS)),
        ResidualConv2D(FILTERS, strides=2, drop_path=0.1),
        ResidualConv2D(FILTERS, pre_activation=True),
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dense(1),
    ]
    model = keras.Sequential(layers)
    before = [
        to_numpy(w).copy() for w in model.non_trainable_variables if "moving" in w.path
    ]
    model.compile(keras.optimizers.Adam(0.01), "mse")
    x = array(31, HEIGHT, WIDTH, CHANNELS)
    y = x.mean((1, 2))[:, :1]
    losses = model.fit(x, y, epochs=8, batch_size=31, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    after = [w for w in model.non_trainable_variables if "moving" in w.path]
    assert len(after) == 10
    for old, new in zip(before, after, strict=True):
        assert not np.array_equal(old, to_numpy(new))


def test_what_is_wrong_is_named():
    with pytest.raises(InputError, match="No such variant.*basic, bottleneck"):
        ResidualConv2D(3, variant="wide")
    with pytest.raises(InputError, match="odd size.*kernel_size=4"):
        ResidualConv2D(3, kernel_size=4)
    with pytest.raises(InputError, match="1 or more.*strides=0"):
        ResidualConv2D(3, strides=0)
