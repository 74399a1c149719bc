"""Attention and encoder blocks: kzoo beside Keras, KerasHub and torch, per backend.

Self-attention without a mask and a pre-norm block (GELU, inner width 4 D), float32,
forward, and forward with gradients of all weights and of the input. Compiled by
`jax.jit` and `tf.function`; torch as it is. See rounds.py for the method.

    python benchmarks/layers.py --backend jax|tensorflow|torch [--rounds 5]
"""

import pathlib
import tempfile

import rounds

SHAPES = {
    "8x128x256": (8, 128, 256),
    "4x512x768": (4, 512, 768),
    "1x2048x768": (1, 2048, 768),
}
HEAD = 64  # width of a head
LIBRARIES = ("kzoo", "keras", "keras-hub", "torch-nn")


def kzoo_layers(heads, width):
    """Return kzoo's attention and block, as functions of (B, T, D)."""
    from kzoo import layers

    attention = layers.MultiHeadAttention(heads)
    return attention, layers.EncoderBlock(heads, 4 * width)


def keras_layers(heads, width):
    """Return Keras's attention, and the block that one writes with its layers."""
    import keras

    class Attention(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.attention = keras.layers.MultiHeadAttention(heads, width // heads)

        def build(self, shape):
            self.attention.build(shape, shape)

        def call(self, x):
            return self.attention(x, x)

    class Block(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.attention = keras.layers.MultiHeadAttention(heads, width // heads)
            self.norms = [keras.layers.LayerNormalization() for _ in range(2)]
            self.inner = keras.layers.Dense(4 * width, activation="gelu")
            self.outer = keras.layers.Dense(width)

        def build(self, shape):
            self.attention.build(shape, shape)
            for norm in self.norms:
                norm.build(shape)
            self.inner.build(shape)
            self.outer.build((*shape[:-1], 4 * width))

        def call(self, x):
            y = self.norms[0](x)
            x = x + self.attention(y, y)
            return x + self.outer(self.inner(self.norms[1](x)))

    return Attention(), Block()


def keras_hub_layers(heads, width):
    """Return KerasHub's block; its attention is Keras's."""
    import keras_hub

    block = keras_hub.layers.TransformerEncoder(
        4 * width, heads, activation="gelu", normalize_first=True
    )
    return None, block


def torch_layers(heads, width):
    """Return torch's attention and block."""
    from torch import nn

    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = nn.MultiheadAttention(width, heads, batch_first=True)

        def forward(self, x):
            return self.attention(x, x, x, need_weights=False)[0]

    block = nn.TransformerEncoderLayer(
        width,
        heads,
        4 * width,
        dropout=0.0,
        activation="gelu",
        batch_first=True,
        norm_first=True,
    )
    return Attention(), block


MAKERS = {
    "kzoo": kzoo_layers,
    "keras": keras_layers,
    "keras-hub": keras_hub_layers,
    "torch-nn": torch_layers,
}


def runners(layer, x):
    """Return the forward pass of a layer, and that with gradients."""
    import keras

    backend = keras.backend.backend()
    return {"jax": _jax, "tensorflow": _tensorflow, "torch": _torch}[backend](layer, x)


def _jax(layer, x):
    import jax

    layer.build(x.shape)
    state = [v.value for v in layer.non_trainable_variables]

    def forward(weights, x):
        return layer.stateless_call(weights, state, x)[0]

    def loss(weights, x):
        return forward(weights, x).sum()

    run, both = jax.jit(forward), jax.jit(jax.grad(loss, argnums=(0, 1)))
    weights = [v.value for v in layer.trainable_variables]
    x = jax.numpy.asarray(x)
    return (
        lambda: run(weights, x).block_until_ready(),
        lambda: jax.block_until_ready(both(weights, x)),
    )


def _tensorflow(layer, x):
    import tensorflow as tf

    layer.build(x.shape)
    x = tf.constant(x)
    weights = [v.value for v in layer.trainable_variables]

    @tf.function
    def forward(x):
        return layer(x)

    @tf.function
    def both(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(layer(x))
        return tape.gradient(loss, [x, *weights])

    return lambda: forward(x).numpy(), lambda: both(x)[0].numpy()


def _torch(layer, x):
    import torch

    x = torch.tensor(x, requires_grad=True)
    if hasattr(layer, "build") and not getattr(layer, "built", True):
        layer.build(tuple(x.shape))

    def forward():
        with torch.no_grad():
            return layer(x)

    def both():
        x.grad = None
        for parameter in layer.parameters():
            parameter.grad = None
        layer(x).sum().backward()
        return x.grad

    return forward, both


def worker(peer):
    """Serve one library on the backend of the environment."""
    import numpy as np

    library = peer.rsplit("-", 1)[0]
    cases = {}
    for name, shape in SHAPES.items():
        heads, width = shape[-1] // HEAD, shape[-1]
        x = np.random.default_rng(0).standard_normal(shape).astype("float32")
        parts = zip(("attention", "block"), MAKERS[library](heads, width), strict=True)
        for part, layer in parts:
            if layer is None:
                continue
            forward, both = runners(layer, x)
            cases[f"{part} {name}"] = forward
            cases[f"{part} {name} + gradients"] = both
    rounds.serve(
        {name: (lambda run=run: (run(), "")[1]) for name, run in cases.items()}
    )


def main():
    """Measure every library on one backend and print a Markdown table."""
    parser = rounds.parser(__doc__, LIBRARIES)
    parser.add_argument("--backend", default="jax")
    options = parser.parse_args()
    if options.worker:
        worker(options.worker)
        return
    libraries = options.peers.split(",")
    if options.backend != "torch":
        libraries = [name for name in libraries if name != "torch-nn"]
    peers = [f"{name}-{options.backend}" for name in libraries]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        found = rounds.measure(__file__, peers, folder, options.rounds)
    print(rounds.by_case(found))


if __name__ == "__main__":
    main()
