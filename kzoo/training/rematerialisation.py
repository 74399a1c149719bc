"""Trading time for memory: the inside of a block is computed again, not kept."""

import functools
from collections.abc import Sequence
from contextlib import nullcontext

import keras
from keras import ops

from kzoo.errors import InputError
from kzoo.layers import global_rows


def rematerialised(model: keras.Model, blocks: Sequence[keras.Layer]) -> None:
    """Have a model compute the inside of its blocks again on the way back.

    Of each block only the inputs are kept for the gradients, so that memory grows by
    one activation for each block and not by all inside it; a step takes about a third
    longer. Gradients are the same, dropout included: the second time through a block
    draws what the first drew, which `keras.RematScope` does not see to. Nor does that
    take masks on TensorFlow.

    Args:
        model: The model, before its train step is first taken.
        blocks: Its blocks, built, such as `model.blocks` of a GPT-2.

    Raises:
        InputError: If there are no blocks, or one is not a built layer of the model.

    Example:
        >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
        >>> rematerialised(model, model.layers)

    Reference:
        Chen et al. 2016, arXiv:1604.06174.
    """
    known = {id(layer) for layer in model._flatten_layers()}
    wrong = [block for block in blocks if id(block) not in known or not block.built]
    if wrong or not blocks:
        names = [getattr(block, "name", block) for block in wrong or blocks]
        raise InputError(
            "What is computed again are built layers of the model.",
            f"blocks={names!r}",
            "Pass its blocks.",
        )
    for block in blocks:
        block.call = _again(block, block.call)


def _again(block: keras.Layer, call):
    """Return a block's call as a pure function of tensors, under `keras.remat`."""

    @functools.wraps(call)
    def wrapped(*args, **kwargs):
        generators = [
            generator
            for layer in block._flatten_layers()
            for generator in layer._seed_generators
        ]
        states = [generator.state for generator in generators]
        known = {id(state) for state in states}
        weights = [v for v in block.variables if id(v) not in known]
        flat = keras.tree.flatten((args, kwargs))
        # What has a gradient goes in by the front door, the rest is closed over. A
        # generator moves on here, once; what it draws inside starts from where it was.
        with_gradient = [_is_float(item) for item in flat]
        given = [x for x, is_given in zip(flat, with_gradient, strict=True) if is_given]
        given += [ops.convert_to_tensor(weight.value) for weight in weights]
        for generator in generators:
            global_rows.noted(generator)
        seeds = [(generator.state, generator.next()) for generator in generators]
        # The second time may come in another thread, out of the replica's scope.
        rows = global_rows.current()

        def inner(*tensors):
            count = len(tensors) - len(weights)
            mapping = [*zip(weights, tensors[count:], strict=True), *seeds]
            rest = iter(tensors[:count])
            items = [
                next(rest) if is_given else item
                for item, is_given in zip(flat, with_gradient, strict=True)
            ]
            again = keras.tree.pack_sequence_as((args, kwargs), items)
            place = (rows.start, rows.total) if rows else ()
            of_batch = global_rows.of_global_batch(*place) if rows else nullcontext()
            with keras.StatelessScope(state_mapping=mapping), of_batch:
                return call(*again[0], **again[1])

        return keras.remat(inner)(*given)

    return wrapped


def _is_float(item) -> bool:
    return ops.is_tensor(item) and keras.backend.is_float_dtype(
        keras.backend.standardize_dtype(item.dtype)
    )
