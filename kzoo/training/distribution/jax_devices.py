"""Where weights and batches lie when JAX trains on several devices."""

import math
from collections.abc import Mapping

import keras
from keras import tree

from kzoo.errors import InputError

BATCH, MODEL = "batch", "model"


class _WholeBatches:
    """Hands every device the whole batch, of which a step then takes its own rows.

    JAX lays an array over devices from outside only where its rows divide by their
    number. Inside a compiled step it lays out any number of rows, so a last batch
    needs no padding, and nothing but the layout differs from one device's step.
    """

    device_mesh: keras.distribution.DeviceMesh

    def get_data_layout(self, data_shape):
        """Return the layout of a batch as it comes in: the same on every device."""
        axes = [None] * len(data_shape)
        return keras.distribution.TensorLayout(axes, self.device_mesh)


class DataParallel(_WholeBatches, keras.distribution.DataParallel):
    """Every device has all weights and computes its share of a batch's rows.

    Args:
        devices: Names of devices as `keras.distribution.list_devices` gives them; by
            default all of them, those of other processes too.
    """

    def __init__(self, devices: list[str] | None = None) -> None:
        devices = devices or keras.distribution.list_devices()
        super().__init__(
            device_mesh=keras.distribution.DeviceMesh(
                (len(devices),), [BATCH], devices
            ),
            auto_shard_dataset=False,
        )

    def get_variable_layout(self, variable):
        """Return the layout of a weight: all of it on every device."""
        return _marked(super().get_variable_layout(variable), self)


class ModelParallel(_WholeBatches, keras.distribution.ModelParallel):
    """Weights are cut over the devices of an axis `"model"`, batches over `"batch"`.

    A weight is cut along the dimensions that a layout names, by patterns of its path.
    A dimension that does not divide by the devices is not cut.

    Args:
        layouts: By pattern of a weight's whole path, for each of its dimensions
            `"model"`, `"batch"` or None. A path matches one pattern at most.
        mesh: How many devices share the rows of a batch, and how many the weights.
        devices: As in `DataParallel`.

    Raises:
        InputError: If the mesh does not hold as many devices as there are, or, when a
            weight is made, if its layout has another number of dimensions.
    """

    def __init__(
        self,
        layouts: Mapping[str, tuple[str | None, ...]],
        mesh: tuple[int, int],
        devices: list[str] | None = None,
    ) -> None:
        devices = devices or keras.distribution.list_devices()
        if math.prod(mesh) != len(devices):
            raise InputError(
                "A mesh has a place for each device.",
                f"mesh={mesh[0]}x{mesh[1]}, {len(devices)} devices",
                "Pass two numbers whose product is the number of devices.",
            )
        device_mesh = keras.distribution.DeviceMesh(mesh, [BATCH, MODEL], devices)
        layout_map = keras.distribution.LayoutMap(device_mesh)
        for pattern, axes in layouts.items():
            layout_map[pattern] = tuple(axes)
        super().__init__(
            layout_map=layout_map, batch_dim_name=BATCH, auto_shard_dataset=False
        )

    def get_variable_layout(self, variable):
        """Return the layout of a weight, cut only where it divides."""
        layout = super().get_variable_layout(variable)
        if len(layout.axes) != len(variable.shape):
            raise InputError(
                "A layout has an entry for each dimension of a weight.",
                f"layout {layout.axes} of {variable.path!r}, shape {variable.shape}",
            )
        sizes = dict(
            zip(self.device_mesh.axis_names, self.device_mesh.shape, strict=True)
        )
        axes = [
            axis if axis is None or size % sizes[axis] == 0 else None
            for size, axis in zip(variable.shape, layout.axes, strict=True)
        ]
        if axes != list(layout.axes):
            layout = keras.distribution.TensorLayout(axes, self.device_mesh)
        return _marked(layout, self)

    def get_tensor_layout(self, path):
        """Return None: XLA follows the weights, and the rows of the batch."""
        return None


def _marked(layout, distribution):
    # A model's weights then tell which distribution it was built in.
    layout.kzoo_distribution = distribution
    return layout


def distribution_of(model: keras.Model):
    """Return the distribution that a model was built in.

    Args:
        model: A model with weights.

    Returns:
        `DataParallel`, `ModelParallel`, or None for a model of one device.
    """
    for variable in model.variables:
        layout = getattr(variable, "_layout", None)
        if found := getattr(layout, "kzoo_distribution", None):
            return found
    return None


def share_rows(arrays, model: keras.Model):
    """Let each device of the axis `"batch"` compute on its own rows.

    Within a compiled step the rows of every array are laid out over the devices, and
    what is computed of them stays so; the sums of the loss and of the gradients go
    over all devices.

    Args:
        arrays: A structure of arrays (B, ...), or None.
        model: The model that the step is one of.

    Returns:
        The structure, with the same values.
    """
    return _laid_out(arrays, model, lambda found: (found.batch_dim_name,))


def on_every_device(arrays, model: keras.Model):
    """Let each device have all rows again: what a step returns to the host.

    Args:
        arrays: A structure of arrays.
        model: The model that the step is one of.

    Returns:
        The structure, with the same values.
    """
    return _laid_out(arrays, model, lambda found: ())


def _laid_out(arrays, model, axes_of):
    distribution = distribution_of(model)
    if distribution is None:
        return arrays
    import jax

    layout = jax.sharding.NamedSharding(
        distribution.device_mesh.backend_mesh,
        jax.sharding.PartitionSpec(*axes_of(distribution)),
    )

    def laid_out(array):
        # Out of a compiled step, rows that do not divide cannot be laid out.
        if isinstance(array, jax.core.Tracer) and array.ndim:
            return jax.lax.with_sharding_constraint(array, layout)
        return array

    return tree.map_structure(laid_out, arrays, none_is_leaf=False)
