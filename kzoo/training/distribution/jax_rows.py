"""The rows of a batch that JAX devices compute by themselves."""

import math
from collections.abc import Callable

import numpy as np
from keras import ops, tree

from kzoo.training.distribution.share_steps import first
from kzoo.training.distribution.shares import of_replica


def sums_of_devices(compute: Callable, state, others: list, batch, mesh, count: int):
    """Return what devices compute of their rows, added up over all of them.

    ```
    values = compute(rows of device 0) + compute(rows of device 1) + ...
    ```

    Left to itself XLA adds up over the devices what each use of a weight makes of its
    gradient, and those sums then. Here a device runs the program of one device on its
    own rows, and what comes out is added up.

    Args:
        compute: Returns the values and the statistics of a state, the statistics of
            layers, rows, the place of the first one in the batch, and of how many
            micro-batches they are.
        state: A structure of arrays.
        others: The statistics of layers, whose mean over the devices is taken; of what
            is no float, such as the states of generators, those of the first device.
        batch: A structure of arrays (B, ...), None among them.
        mesh: The devices, along one axis.
        count: How many micro-batches all devices compute, a multiple of their number.

    Returns:
        The values, and the statistics.
    """
    import jax

    (axis,) = mesh.axis_names
    size = first(batch).shape[0]
    shares = [of_replica(device, mesh.size, count) for device in range(mesh.size)]
    rows = [share.rows(size) for share in shares]
    starts = np.array([own.start for own in rows], "int32")
    lengths = [own.stop - own.start for own in rows]
    # Devices with as many rows run one program.
    programs = sorted(set(lengths), reverse=True)

    def of_length(length: int):
        def computed(state, others, start):
            own = tree.map_structure(
                lambda array: jax.lax.dynamic_slice_in_dim(array, start, length),
                batch,
                none_is_leaf=False,
            )
            return compute(state, others, own, start, shares[0].width)

        def nothing(state, others, start):
            least = of_length(programs[0])
            values, _ = zeros_of(least, state, others, start)
            return values, others

        return computed if length else nothing

    def on_a_device(state, others, batch):
        device = jax.lax.axis_index(axis)
        program = np.array([programs.index(length) for length in lengths], "int32")
        values, others = jax.lax.switch(
            ops.take(program, device),
            [of_length(length) for length in programs],
            *(state, others, ops.take(starts, device)),
        )
        return jax.lax.psum(values, axis), [agreed(value, device) for value in others]

    def agreed(value, device):
        if jax.numpy.issubdtype(value.dtype, jax.numpy.floating):
            return jax.lax.pmean(value, axis)
        return jax.lax.psum(ops.where(device == 0, value, ops.zeros_like(value)), axis)

    whole = jax.sharding.PartitionSpec()
    devices = {"mesh": mesh, "in_specs": whole, "out_specs": whole}
    return jax.shard_map(on_a_device, **devices, check_vma=False)(state, others, batch)


def unknown_zero(batch):
    """Return 0, of which XLA knows nothing but that it is an int32.

    What is computed with a number that is known while a program is compiled, it
    rewrites: the first rows of a batch then round otherwise than others.

    Args:
        batch: A structure of arrays (B, ...), one of them with elements.
    """
    arrays = tree.flatten(batch)
    rows = next(x for x in arrays if x is not None and math.prod(x.shape))
    size = rows.shape[0]
    of_some = ops.argmax(ops.reshape(rows, (-1,))[:size])  # below B, or there is none
    return ops.cast(of_some, "int32") // size


def by_itself(compute: Callable, zero, *operands):
    """Return compute(*operands), optimised as if nothing stood before it or behind it.

    XLA rounds where it stores, and what it sums as it goes it does not store. So that
    rows are rounded alike wherever they are computed, they are a branch of the program
    on CPUs, where a barrier is gone before operations are fused.

    Args:
        compute: A function of arrays.
        zero: Of `unknown_zero`.
        *operands: What it is called with.
    """
    import jax

    if jax.default_backend() != "cpu":
        return jax.lax.optimization_barrier(compute(*operands))
    compute = jax.jit(compute)  # to be traced once
    return jax.lax.cond(
        zero == 0, compute, lambda *given: zeros_of(compute, *given), *operands
    )


def zeros_of(compute: Callable, *operands):
    """Return zeros like what a function returns."""
    import jax

    return tree.map_structure(
        lambda like: ops.zeros(like.shape, like.dtype),
        jax.eval_shape(compute, *operands),
    )
