"""Compile a function of tensors that reads a model's weights, on each backend.

This is one of the few files that know backends. A compiled function takes and returns
NumPy arrays or the backend's tensors, in nested tuples; it is compiled anew for other
shapes, and sees weights that change in between.
"""

import functools
from collections.abc import Callable

import keras


def compiled(function: Callable, model: keras.Model) -> Callable:
    """Return a function in the form that runs fastest.

    Args:
        function: Of tensors and nested tuples of them, without side effects.
        model: Whose weights it reads.

    Returns:
        A function of the same arguments.
    """
    return _COMPILERS[keras.backend.backend()](function, model)


def _jax(function, model):
    import jax

    @jax.jit
    def run(weights, *args):
        with keras.StatelessScope(zip(model.variables, weights, strict=True)):
            return function(*args)

    @functools.wraps(function)
    def call(*args):
        return run([variable.value for variable in model.variables], *args)

    return call


def _tensorflow(function, model):
    import tensorflow as tf

    # One graph for every shape: a second one seen is the last that is traced.
    traced = tf.function(function, autograph=False, reduce_retracing=True)

    @functools.wraps(function)
    def call(*args):
        # Python and NumPy numbers as tensors: each other number would be traced anew.
        return traced(*tf.nest.map_structure(tf.convert_to_tensor, args))

    return call


def _torch(function, model):
    """Record the tensor operations of a call and replay them, for each shape.

    Between two operations of a small step Keras takes longer than torch for both.
    """
    import torch
    from torch.fx.experimental.proxy_tensor import make_fx

    recorded = {}

    @functools.wraps(function)
    def call(*args):
        with torch.inference_mode(False), torch.no_grad():
            args = keras.tree.map_structure(keras.ops.convert_to_tensor, args)
            flat = keras.tree.flatten(args)
            key = tuple((x.shape, x.dtype, x.device) for x in flat)
            if key not in recorded:
                results = []

                def run(*flat):
                    whole = function(*keras.tree.pack_sequence_as(args, flat))
                    results.append(whole)
                    return keras.tree.flatten(whole)

                recorded[key] = make_fx(run)(*flat), results.pop()
            graph, structure = recorded[key]
            return keras.tree.pack_sequence_as(structure, graph(*flat))

    return call


_COMPILERS = {"jax": _jax, "tensorflow": _tensorflow, "torch": _torch}
