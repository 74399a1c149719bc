"""GPT-2: a stack of causal Transformer blocks that predicts the next token."""

import keras
from keras import ops

from kzoo.layers import (
    DecoderBlock,
    Dense,
    Dropout,
    KeyValueCache,
    LayerNormalization,
    MultiHeadAttention,
    PositionEmbedding,
    TokenEmbedding,
    activations,
    checks,
    segment_mask,
)
from kzoo.models.task import Task
from kzoo.training.compiling import compile_language_model


@keras.saving.register_keras_serializable(package="kzoo")
class GPT2CausalLM(Task):
    """Give each position of a text one logit per token that may come next.

    ```
    x = dropout(E[token_ids] + P[positions])
    x = blocks(x)                            pre-LN, causal
    logits = norm(x) E^T                     the head is the embedding's table
    ```

    The kernels that write into the skip connection start smaller by
    1 / sqrt(2 * num_layers). The model is built and compiled (AdamW, cross-entropy
    over real tokens) when it is made, and can be compiled again.

    Args:
        vocabulary_size: V.
        hidden_dim: D.
        num_layers: How many blocks.
        num_heads: N, the attention heads of each block.
        max_sequence_length: The longest T, the context.
        intermediate_dim: F, the feed-forward networks' inner width; by default 4 D.
        activation: Of the feed-forward networks.
        dropout: Rate on the output of each sublayer.
        embedding_dropout: Rate on the embedded tokens.
        attention_dropout: Rate on the attention scores.
        layer_norm_epsilon: Epsilon of every norm.
        initializer_range: Standard deviation of kernels and tables at the start.
        scale_attention: Whether the dot products are divided by sqrt(H).
        scale_by_layer: Whether those of block i are divided by i + 1 as well.
        tie_embeddings: Whether the head is the embedding's table, as in GPT-2; if
            not, it is a matrix of its own, as in minGPT.
        tokenizer: What makes token ids of texts; needed by `generate`.

    Call arguments:
        inputs: dict of `token_ids` (B, T) int32, `padding_mask` (B, T) bool with
            True = real token, on either side, and optionally `segment_ids` (B, T)
            int32: in rows packed of several texts, each token sees those of its own
            text alone, and positions start anew in each.
        training: Whether dropout is on.

    Returns:
        logits (B, T, V) float32.

    Raises:
        InputError: If a size or rate is not valid.

    Example:
        >>> import numpy as np
        >>> model = GPT2CausalLM.from_preset("gpt2-tiny", vocabulary_size=50)
        >>> ids = np.array([[2, 7, 9, 3]])
        >>> model({"token_ids": ids, "padding_mask": ids > 0}).shape == (1, 4, 50)
        True

    Reference:
        Radford et al. 2019, "Language Models are Unsupervised Multitask Learners",
        section 2.3.
    """

    task = "causal_lm"

    def __init__(
        self,
        vocabulary_size: int,
        hidden_dim: int,
        num_layers: int,
        num_heads: int,
        max_sequence_length: int,
        *,
        intermediate_dim: int | None = None,
        activation="gelu_tanh",
        dropout: float = 0.1,
        embedding_dropout: float = 0.1,
        attention_dropout: float = 0.1,
        layer_norm_epsilon: float = 1e-5,
        initializer_range: float = 0.02,
        scale_attention: bool = True,
        scale_by_layer: bool = False,
        tie_embeddings: bool = True,
        tokenizer=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        checks.positive(num_layers=num_layers, num_heads=num_heads)
        checks.rate(embedding_dropout=embedding_dropout)
        intermediate_dim = intermediate_dim or 4 * hidden_dim
        self._config = {
            "vocabulary_size": vocabulary_size,
            "hidden_dim": hidden_dim,
            "num_layers": num_layers,
            "num_heads": num_heads,
            "max_sequence_length": max_sequence_length,
            "intermediate_dim": intermediate_dim,
            "activation": activations.serialize(activations.get(activation)),
            "dropout": dropout,
            "embedding_dropout": embedding_dropout,
            "attention_dropout": attention_dropout,
            "layer_norm_epsilon": layer_norm_epsilon,
            "initializer_range": initializer_range,
            "scale_attention": scale_attention,
            "scale_by_layer": scale_by_layer,
            "tie_embeddings": tie_embeddings,
        }
        self.vocabulary_size = vocabulary_size
        self.hidden_dim = hidden_dim
        self.num_heads = num_heads
        self.max_sequence_length = max_sequence_length
        self.tokenizer = tokenizer
        dtype = self.dtype_policy

        def initializer(scale=1.0):
            return keras.initializers.RandomNormal(stddev=initializer_range * scale)

        residual = (2 * num_layers) ** -0.5

        # Layers
        self.token = TokenEmbedding(
            vocabulary_size,
            hidden_dim,
            embeddings_initializer=initializer(),
            dtype=dtype,
            name="token",
        )
        self.position = PositionEmbedding(
            max_sequence_length,
            embeddings_initializer=initializer(),
            dtype=dtype,
            name="position",
        )
        self.embedding_dropout = Dropout(
            embedding_dropout, dtype=dtype, name="embedding_dropout"
        )
        key_dim = hidden_dim // num_heads
        self.blocks = [
            DecoderBlock(
                num_heads,
                intermediate_dim,
                activation=activation,
                dropout=dropout,
                attention_dropout=attention_dropout,
                layer_norm_epsilon=layer_norm_epsilon,
                kernel_initializer=initializer(),
                output_initializer=initializer(residual),
                self_attention=MultiHeadAttention(
                    num_heads,
                    dropout=attention_dropout,
                    scale=(key_dim**-0.5 if scale_attention else 1.0)
                    / (index + 1 if scale_by_layer else 1),
                    kernel_initializer=initializer(),
                    output_initializer=initializer(residual),
                    dtype=dtype,
                    name="self_attention",
                ),
                dtype=dtype,
                name=f"block_{index}",
            )
            for index in range(num_layers)
        ]
        self.final_norm = LayerNormalization(
            epsilon=layer_norm_epsilon, dtype=dtype, name="final_norm"
        )
        self.output_projection = None
        if not tie_embeddings:
            self.output_projection = Dense(
                vocabulary_size,
                use_bias=False,
                kernel_initializer=initializer(),
                dtype=dtype,
                name="output_projection",
            )
        self.build()
        compile_language_model(self)
        self._first_optimizer = self.optimizer

    def build(self, input_shape=None):
        """Build every layer; the sizes are those of the constructor."""
        if self.built:
            return
        sequence_shape = (None, None, self.hidden_dim)
        self.token.build((None, None))
        self.position.build(sequence_shape)
        for block in self.blocks:
            block.build(sequence_shape)
        self.final_norm.build(sequence_shape)
        if self.output_projection is not None:
            self.output_projection.build(sequence_shape)
        self.built = True

    # Graph
    def call(self, inputs, training=None):
        """Return the logits, (B, T, V)."""
        token_ids, padding_mask = inputs["token_ids"], inputs.get("padding_mask")
        segment_ids = inputs.get("segment_ids")
        positions = _positions(token_ids, padding_mask, segment_ids)
        x = self._embed(token_ids, positions, training)  # (B, T, D)
        for block in self.blocks:
            x = block(
                x,
                padding_mask=padding_mask,
                segment_ids=segment_ids,
                training=training,
            )
        return self.head(self.final_norm(x), training=training)

    def _embed(self, token_ids, positions, training=None):
        x = self.token(token_ids)
        x = x + self.position(x, positions=positions, training=training)
        return self.embedding_dropout(x, training=training)

    def head(self, hidden_states, training=None):
        """Return the logits of normalised outputs, (..., D) -> (..., V) float32."""
        if self.output_projection is not None:
            logits = self.output_projection(hidden_states, training=training)
        else:
            logits = self.token(hidden_states, reverse=True, training=training)
        # In float32 whatever the compute type: the loss needs the digits.
        return ops.cast(logits, "float32")

    # Decoding
    def make_cache(self, batch_size, length) -> tuple:
        """Return empty caches, one for each block.

        Args:
            batch_size: B.
            length: The columns of caches of a fixed size, or 0 for growing ones.

        Returns:
            A `DecoderCache` for each block.
        """
        sizes = self.num_heads, self.hidden_dim // self.num_heads
        return tuple(
            block.make_cache(
                KeyValueCache.empty(batch_size, length, *sizes, self.compute_dtype)
            )
            for block in self.blocks
        )

    def call_with_cache(
        self, token_ids, cache, *, cache_index=None, padding_mask=None, positions=None
    ):
        """Read the next tokens, with what the caches hold; for inference.

        Args:
            token_ids: (B, T) int32, the next T tokens.
            cache: What `make_cache` or the call before this one gave.
            cache_index: The column of the first of them in caches of a fixed size, an
                int or a scalar int32 tensor; None lets the caches grow.
            padding_mask: (B, S) bool, True = real token, of the columns afterwards.
            positions: (B, T) int32, the tokens' positions in their texts.

        Returns:
            The last norm's outputs (B, T, D), for `head`, and the new caches.
        """
        x = self._embed(token_ids, positions)
        caches = []
        for block, before in zip(self.blocks, cache, strict=True):
            x, after = block.call_with_cache(
                x, before, cache_index=cache_index, padding_mask=padding_mask
            )
            caches.append(after)
        return self.final_norm(x), tuple(caches)

    def compute_output_shape(self, input_shape):
        """Return (B, T, V)."""
        return (*input_shape["token_ids"], self.vocabulary_size)

    def generate(self, prompts, **options):
        """Return what follows each prompt; see `kzoo.generation.generate`.

        Args:
            prompts: Texts; one is as good as a list of one.
            **options: `max_new_tokens`, `sampler`, `stop`, `stream`, and others.

        Returns:
            The completion of each prompt, without the prompt; with `stream=True` an
            iterator of `TextPiece(index, text)` as the text comes.

        Raises:
            InputError: If the model has no tokenizer, or a prompt or an option is not
                valid.

        Reference:
            Radford et al. 2019, section 3.
        """
        from kzoo.generation import generate

        return generate(self, prompts, **options)

    def attention_scores(self, inputs) -> list:
        """Return the attention scores of every block, each (B, N, T, T)."""
        token_ids, padding_mask = inputs["token_ids"], inputs.get("padding_mask")
        x = self._embed(token_ids, _positions(token_ids, padding_mask, None))
        scores = []
        for block in self.blocks:
            scores.append(block.attention_scores(x, padding_mask=padding_mask)[0])
            x = block(x, padding_mask=padding_mask)
        return scores


def _positions(token_ids, padding_mask, segment_ids):
    """Return each token's place in its text, (B, T), or None for 0 to T - 1."""
    if segment_ids is not None:
        index = ops.arange(ops.shape(token_ids)[1])
        before = segment_mask(segment_ids)
        before = ops.logical_and(before, index[:, None] > index[None, :])
        if padding_mask is not None:
            before = ops.logical_and(before, ops.cast(padding_mask, "bool")[:, None])
        return ops.sum(ops.cast(before, "int32"), axis=-1)
    if padding_mask is not None:
        count = ops.cumsum(ops.cast(padding_mask, "int32"), axis=-1)
        return ops.maximum(count - 1, 0)
    return None
