"""Copies of kernels that a CPU reads in steps of several rows."""

import keras
import numpy as np
from keras import ops
from support.small_gpt2 import greedy_text, prompts, small_gpt2

from kzoo.generation import generate_ids, turned_kernels
from kzoo.generation.turned_kernels import TurnedKernels


def dense():
    layer = keras.layers.Dense(3)
    layer.build((None, 2))
    return layer


def values_of(layer):
    return [ops.convert_to_tensor(ops.convert_to_numpy(v)) for v in layer.variables]


def array(value):
    return ops.convert_to_numpy(value)


def test_there_and_back():
    layer = dense()
    copies = TurnedKernels(layer.variables, [layer.kernel])
    values = values_of(layer)
    there = copies.there(values)
    np.testing.assert_array_equal(array(there[0]), array(values[0]).T)
    assert there[1] is values[1]
    np.testing.assert_array_equal(array(copies.back(there)[0]), array(values[0]))


def test_a_copy_is_made_once_and_again_for_another_value():
    layer = dense()
    copies = TurnedKernels(layer.variables, [layer.kernel])
    values = values_of(layer)
    first = copies.there(values)[0]
    assert copies.there(values)[0] is first
    other = [values[0] + 1, values[1]]
    np.testing.assert_array_equal(array(copies.there(other)[0]), array(other[0]).T)


def test_nothing_is_copied_beyond_a_size(monkeypatch):
    layer = dense()
    monkeypatch.setattr(turned_kernels, "MOST_BYTES", 23)
    copies = TurnedKernels(layer.variables, [layer.kernel])
    values = values_of(layer)
    assert not copies
    assert copies.there(values)[0] is values[0]


def test_vectors_and_whole_numbers_are_left():
    layer = dense()
    whole = keras.Variable(np.ones((2, 3)), dtype="int8", trainable=False)
    assert not TurnedKernels([layer.bias, whole], [layer.bias, whole])


def test_new_weights_are_seen():
    """A step after training reads the new kernels, not their old copies."""
    model = small_gpt2()
    both = prompts((5, 3))
    generate_ids(model, both, max_new_tokens=4)
    other = small_gpt2(seed=9)
    model.set_weights(other.get_weights())
    found = generate_ids(model, both, max_new_tokens=9, stop_ids=())
    for prompt, ids in zip(both, found, strict=True):
        assert ids.tolist() == greedy_text(other, prompt, 9)
