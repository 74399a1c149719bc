"""Compile a function of tensors that reads a model's weights, on each backend.

This is one of the few files that know backends. A compiled function takes and returns
NumPy arrays or the backend's tensors, in nested tuples; it is compiled anew for other
shapes, and sees weights that change in between.
"""

import functools
import itertools
from collections.abc import Callable, Sequence

import keras

from kzoo.generation.turned_kernels import TurnedKernels
from kzoo.layers import kernels


def compiled(
    function: Callable,
    model: keras.Model,
    *,
    spent: tuple[int, ...] = (),
    kernels_of_a_step: Sequence[keras.Variable] | None = None,
) -> Callable:
    """Return a function in the form that runs fastest.

    Args:
        function: Of tensors and nested tuples of them, without side effects.
        model: Whose weights it reads.
        spent: Places of arguments that nobody needs after a call: their memory may
            hold its results.
        kernels_of_a_step: Of a function that is called for every new token, ids (B, T)
            before all else, the kernels that it multiplies a few rows by. It is worth
            a longer compilation, and on a CPU may read turned copies of the kernels.
            None for another function.

    Returns:
        A function of the same arguments.
    """
    return _COMPILERS[keras.backend.backend()](
        function, model, spent, kernels_of_a_step
    )


def _jax(function, model, spent, kernels_of_a_step):
    import jax

    from kzoo.training.distribution.jax_devices import on_every_device

    on_cpu = jax.default_backend() == "cpu"
    turned = kernels_of_a_step if on_cpu and kernels_of_a_step else ()
    copies = TurnedKernels(model.variables, turned)
    several = jax.process_count() > 1

    @functools.partial(jax.jit, donate_argnums=tuple(place + 1 for place in spent))
    def run(weights, *args):
        with keras.StatelessScope(zip(model.variables, weights, strict=True)):
            results = function(*args)
        # Where weights are cut over processes, each of them is to have all results.
        return on_every_device(results, model) if several else results

    @functools.partial(jax.jit, donate_argnums=tuple(place + 1 for place in spent))
    def run_turned(weights, *args):
        return run(copies.back(weights), *args)

    @functools.wraps(function)
    def call(*args):
        values = [variable.value for variable in model.variables]
        if copies and args[0].size > 1:  # of one row XLA would turn them anew
            return run_turned(copies.there(values), *args)
        return run(values, *args)

    return call


def _tensorflow(function, model, spent, kernels_of_a_step):
    """Trace one graph for every batch and length; only trailing sizes are fixed.

    XLA compiles that of a step for each batch and width of the caches: a step is many
    small operations, and takes a fifth to a third less time so.
    """
    import tensorflow as tf

    traced = tf.function(
        function, autograph=False, jit_compile=kernels_of_a_step is not None
    )
    graphs = {}

    def any_length(x):
        free = x.shape.rank if x.shape.rank < 3 else 2
        return tf.TensorSpec([None] * free + x.shape[free:], x.dtype)

    @functools.wraps(function)
    def call(*args):
        args = tf.nest.map_structure(tf.convert_to_tensor, args)
        specs = [any_length(x) for x in _leaves(args)]
        key = tuple((tuple(spec.shape), spec.dtype) for spec in specs)
        if key not in graphs:
            graphs[key] = traced.get_concrete_function(*_packed(args, iter(specs)))
        return graphs[key](*args)

    return call


def _torch(function, model, spent, kernels_of_a_step):
    """Record the tensor operations of a call and replay them, for each shape.

    Between two operations of a small step Keras takes longer than torch for both.
    """
    import torch
    from torch.fx.experimental.proxy_tensor import make_fx

    recorded = {}
    kept = {"cache_update": _write_in_place} if spent else {}

    @functools.wraps(function)
    def call(*args):
        with torch.no_grad():
            flat = [keras.ops.convert_to_tensor(x) for x in _leaves(args)]
            key = tuple((x.shape, x.dtype, x.device) for x in flat)
            if key not in recorded:
                results = []

                def run(*flat):
                    with kernels.replaced(**kept):
                        whole = function(*_packed(args, iter(flat)))
                    results.append(whole)
                    return _leaves(whole)

                # On copies: what is recorded is also done.
                graph = make_fx(run)(*(x.clone() for x in flat))
                graph.graph.eliminate_dead_code()
                graph.recompile()
                # Of what came out the nesting alone: tensors would stay for ever.
                recorded[key] = graph, _packed(results.pop(), itertools.repeat(None))
            graph, structure = recorded[key]
            return _packed(structure, iter(graph(*flat)))

    return call


def _write_in_place(cache, x, index):
    """Return a cache that is written to, as torch can and other backends cannot."""
    columns = index + keras.ops.arange(x.shape[1])
    return cache.index_copy_(1, columns.long(), x)


def _leaves(value) -> list:
    """Return the tensors of nested tuples, in order."""
    if not isinstance(value, tuple):
        return [value]
    return [leaf for item in value for leaf in _leaves(item)]


def _packed(structure, leaves):
    """Return nested tuples like `structure` of other tensors."""
    if not isinstance(structure, tuple):
        return next(leaves)
    items = [_packed(item, leaves) for item in structure]
    return type(structure)(*items) if hasattr(structure, "_fields") else tuple(items)


_COMPILERS = {"jax": _jax, "tensorflow": _tensorflow, "torch": _torch}
