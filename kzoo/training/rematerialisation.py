"""Trading time for memory: activations of a block are computed again, not kept."""

from collections.abc import Sequence

import keras

from kzoo.errors import InputError


def rematerialised(model: keras.Model, blocks: Sequence[keras.Layer]) -> None:
    """Have a model compute the inside of its blocks again on the way back.

    Of each block only inputs and outputs are kept for the gradients, so that memory
    grows by one activation for each block and not by all inside it; a step takes
    about a third longer. Gradients are the same to rounding. It is the same as building
    the model within `keras.RematScope("list_of_layers", ...)`, but for blocks that
    exist and without nesting.

    Args:
        model: The model, not yet compiled into a train step.
        blocks: Its blocks, such as the decoder blocks of a GPT-2.

    Raises:
        InputError: If there are no blocks, or one is not a layer of the model.

    Example:
        >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
        >>> rematerialised(model, model.layers)

    Reference:
        Chen et al. 2016, arXiv:1604.06174.
    """
    # Keras notes the scope that a layer was made in; that is all it looks at.
    known = {id(layer) for layer in model._flatten_layers()}
    if not blocks or any(id(block) not in known for block in blocks):
        raise InputError(
            "What is computed again are layers of the model.",
            f"blocks={[getattr(block, 'name', block) for block in blocks]!r}",
            "Pass its blocks.",
        )
    for block in blocks:
        with keras.RematScope(mode="list_of_layers", layer_names=[block.name]):
            block._remat_mode = keras.layers.Identity()._remat_mode
