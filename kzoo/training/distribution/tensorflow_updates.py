"""Updates that every replica makes by itself, of what all have in common."""

import types

import keras

# What Keras's optimizers do across replicas; their general forms do it on one.
_ACROSS = (
    "_apply_weight_decay",
    "_backend_increment_gradient_accumulators",
    "_backend_update_step",
    "_overwrite_model_variables_with_average_value",
)


def update_alone(optimizer: keras.optimizers.Optimizer) -> None:
    """Let every replica update its own copy of the weights, from reduced gradients.

    Keras clips a replica's own gradients, adds up what was clipped, and then updates
    all copies at once, which does not work inside the condition that gradient
    accumulation is. Here gradients are added up before the optimizer sees them: all
    replicas have the same ones then and come to the same weights by themselves, so that
    clipping is that of the gradient of the global batch and accumulation works. Nothing
    in such an update waits for another replica, so that it may stand in a condition.

    Args:
        optimizer: The optimizer of a model that is trained by `TensorFlowSteps`.
    """
    for part in (optimizer, getattr(optimizer, "inner_optimizer", None)):
        if part is None or "_backend_update_step" in vars(part):
            continue
        general = next(
            cls
            for cls in type(part).__mro__
            if cls.__module__.endswith("base_optimizer")
        )
        for name in _ACROSS:
            vars(part)[name] = types.MethodType(getattr(general, name), part)
        if hasattr(part, "_tf_apply"):  # of loss scaling
            vars(part)["_tf_apply"] = part._common_apply
        _aggregate(part.variables, "NONE")  # such as the count of steps


def hold_in_common(variables) -> None:
    """Let metrics' variables have one value on all replicas, that of the whole.

    Keras's are sums that are added up when they are read, which in a group of
    processes only works where all of them read. What is held in common is read as
    it is.

    Args:
        variables: `keras.Variable`s of metrics, made under a strategy.
    """
    _aggregate(variables, "ONLY_FIRST_REPLICA")


def _aggregate(variables, how: str) -> None:
    import tensorflow as tf

    for variable in variables:
        if hasattr(variable.value, "_aggregation"):
            variable.value._aggregation = getattr(tf.VariableAggregation, how)
