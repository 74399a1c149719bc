import keras
import numpy as np
import pytest
from support import references
from support.arrays import array, assert_close, randomise, to_numpy, weight
from support.gradients import gradients
from support.layer_cases import B, D, T, V

from kzoo.errors import InputError
from kzoo.layers import (
    PositionEmbedding,
    SegmentEmbedding,
    SinePositionEncoding,
    TokenEmbedding,
)

IDS = np.random.default_rng(2).integers(0, V, (B, T), "int32")
LONGEST = 31


def made(layer, *shape):
    layer.build(shape)
    return randomise(layer)


@pytest.mark.parametrize("scale", [1.0, D**0.5])
def test_tokens_against_numpy(scale):
    layer = made(TokenEmbedding(V, D, scale=scale), None, None)
    assert_close(layer(IDS), scale * weight(layer, "embeddings")[IDS], 1e-6)


@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64"])
def test_ids_of_every_whole_type(dtype):
    layer = made(TokenEmbedding(V, D), None, None)
    assert_close(layer(IDS.astype(dtype)), layer(IDS), 0)


def test_the_reverse_projection_is_the_transposed_table():
    layer, x = made(TokenEmbedding(V, D), None, None), array(B, T, D)
    logits = layer(x, reverse=True)
    assert_close(logits, x @ weight(layer, "embeddings").T)
    inputs = keras.Input((None, D))
    model = keras.Model(inputs, layer(inputs, reverse=True))
    assert model.output_shape == (None, None, V)
    assert_close(model.predict(x, verbose=0), logits)


def test_a_tied_model_learns_both_ways():
    """The gradient of one table is the sum of what lookup and projection send."""
    layer = made(TokenEmbedding(V, D), None, None)
    upstream = array(B, T, D, seed=9)
    _, (by_table,) = gradients(layer, IDS, upstream)
    expected = np.zeros((V, D))
    np.add.at(expected, IDS, upstream)
    assert_close(by_table, expected)
    x, upstream = array(B, T, D), array(B, T, V, seed=9)
    by_input, (by_table,) = gradients(layer, x, upstream, reverse=True)
    assert_close(by_input, upstream @ weight(layer, "embeddings"), 1e-5)
    assert_close(by_table, np.einsum("btv,btd->vd", upstream, x), 1e-5)


def test_under_mixed_precision_rows_are_cast_and_not_the_table(monkeypatch):
    keras.config.set_dtype_policy("mixed_bfloat16")
    layer = made(TokenEmbedding(V, D), None, None)
    casts, original = [], keras.ops.cast

    def spy(x, dtype):
        casts.append(tuple(x.shape))
        return original(x, dtype)

    def no_cast(*args):
        raise AssertionError("the table was cast")

    monkeypatch.setattr("kzoo.layers.token_embedding.ops.cast", spy)
    monkeypatch.setattr("keras.src.backend.AutocastScope.maybe_cast", no_cast)
    output = layer(IDS)
    assert keras.backend.standardize_dtype(output.dtype) == "bfloat16"
    assert casts == [(B, T), (B, T, D)]


def test_segments_against_numpy():
    layer = made(SegmentEmbedding(3, D), None, None, D)
    ids = np.random.default_rng(2).integers(0, 3, (B, T), "int32")
    table, x = weight(layer, "embeddings"), array(B, T, D)
    assert_close(layer(x, segment_ids=ids), table[ids], 1e-6)
    assert_close(layer(x), table[None, :1], 1e-6)
    assert layer.compute_output_shape(x.shape) == (1, 1, D)


def test_learned_positions_against_numpy():
    layer = made(PositionEmbedding(LONGEST), None, None, D)
    check_positions(layer, weight(layer, "embeddings"), D)


@pytest.mark.parametrize("max_wavelength", [10_000.0, 100.0])
def test_sine_positions_against_numpy(max_wavelength):
    layer = SinePositionEncoding(LONGEST, max_wavelength=max_wavelength)
    layer.build((None, None, 2 * D))
    table = references.sine_positions(LONGEST, 2 * D, max_wavelength)
    assert not layer.weights
    check_positions(layer, table, 2 * D)


def check_positions(layer, table, width):
    x = array(B, T, width)
    assert_close(layer(x), table[None, :T], 1e-6)
    positions = np.random.default_rng(2).integers(0, LONGEST, (B, T), "int32")
    assert_close(layer(x, positions=positions), table[positions], 1e-6)
    assert layer.compute_output_shape(x.shape) == (1, T, width)
    whole = array(B, LONGEST, width)
    assert_close(layer(whole), table[None], 1e-6)


def test_sines_before_cosines():
    layer = SinePositionEncoding(LONGEST, interleaved=False)
    table = references.sine_positions(LONGEST, 2 * D, 10_000.0)
    expected = np.concatenate([table[:, 0::2], table[:, 1::2]], axis=1)
    assert_close(layer(np.zeros((1, LONGEST, 2 * D), "float32")), expected[None], 1e-6)


def test_late_sine_positions_keep_their_digits():
    """In float32 the angle of position 4,000 would be off by 2e-4."""
    layer = SinePositionEncoding(4001)
    layer.build((None, None, 6))
    last = to_numpy(layer(array(1, 1, 6), positions=np.array([[4000]])))[0, 0]
    angles = 4000 / 10_000 ** (np.arange(3) / 3)
    expected = np.stack([np.sin(angles), np.cos(angles)], -1).ravel()
    np.testing.assert_allclose(last, expected, atol=1e-7)


@pytest.mark.parametrize("make", [PositionEmbedding, SinePositionEncoding])
def test_a_sequence_longer_than_the_table(make):
    width = 2 * D
    message = "as many tokens as there are positions.*length=8, max_sequence_length=7"
    with pytest.raises(InputError, match=message):
        make(7)(array(B, 8, width))
    layer = make(7)
    layer.build((None, None, width))
    with pytest.raises(InputError, match=message):
        layer(array(B, 8, width))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TokenEmbedding(0, D), "vocabulary_size=0"),
        (lambda: TokenEmbedding(V, -1), "hidden_dim=-1"),
        (lambda: SegmentEmbedding(0, D), "num_segments=0"),
        (lambda: SegmentEmbedding(2, 1.0), "hidden_dim=1.0"),
        (lambda: PositionEmbedding(0), "max_sequence_length=0"),
        (lambda: SinePositionEncoding(None), "max_sequence_length=None"),
    ],
)
def test_sizes_are_positive_whole_numbers(make, message):
    with pytest.raises(InputError, match=f"1 or more.*{message}"):
        make()


def test_sines_and_cosines_come_in_pairs():
    with pytest.raises(InputError, match="in pairs.*hidden_dim=15.*even"):
        SinePositionEncoding(7).build((None, None, 15))
