"""The translator: a Transformer encoder, and a decoder that reads its outputs."""

import keras
from keras import ops

from kzoo.layers import Dense, TokenEmbedding, activations, checks
from kzoo.models.task import Task
from kzoo.models.transformer_stacks import DecoderStack, EncoderStack, TranslatorCache
from kzoo.training.compiling import compile_translator

# What every block of both stacks is given.
_BLOCK = ("norm_placement", "activation", "dropout", "attention_dropout")
_BLOCK += ("activation_dropout", "layer_norm_epsilon")


@keras.saving.register_keras_serializable(package="kzoo")
class Translator(Task):
    """Give each position of a translation one logit per token that may come next.

    ```
    h = encoder(dropout(a E_s[source] + P))
    y = decoder(dropout(a E_t[target] + P), h)     causal, with cross-attention
    logits = y E_t^T + b                           a = sqrt(D); b where there is one
    ```

    Marian's models are post-LN with `positions="sinusoidal_halves"` and a bias on the
    logits, the 2017 Transformer is post-LN with ReLU. With one vocabulary for both
    languages the encoder's table, the decoder's and the head are the same one. The
    model is built and compiled (AdamW, smoothed cross-entropy over real tokens) when
    it is made, and can be compiled again.

    Args:
        vocabulary_size: V, the tokens of the target language.
        hidden_dim: D.
        num_layers: Blocks of the encoder, and of the decoder unless told apart.
        num_heads: N, the attention heads of each block.
        max_sequence_length: The longest source, and the longest translation.
        source_vocabulary_size: The tokens of the source language, with a table of
            their own; None where both languages share one vocabulary and one table.
        num_decoder_layers: Blocks of the decoder, where they are another number.
        decoder_num_heads: Likewise.
        intermediate_dim: F, the feed-forward networks' inner width; by default 4 D.
        decoder_intermediate_dim: The decoder's, where it is another.
        norm_placement: `"pre"` or `"post"`.
        final_norm: Whether each stack ends in a norm; by default under pre-LN.
        activation: Of the feed-forward networks.
        positions: `"sinusoidal"` (sines and cosines in turn, as in the paper),
            `"sinusoidal_halves"` (sines first, as in Marian) or `"learned"`.
        scale_embedding: Whether embedded tokens are multiplied by sqrt(D).
        tie_embeddings: Whether the head is the target's table; if not, it is a matrix
            of its own.
        logits_bias: Whether the logits have a bias.
        dropout: Rate on embedded tokens and on the output of each sublayer.
        attention_dropout: Rate on the attention scores.
        activation_dropout: Rate inside the feed-forward networks.
        layer_norm_epsilon: Epsilon of every norm.
        initializer_range: Standard deviation of kernels and tables at the start; None
            for Glorot's uniform kernels, and tables of 1 / sqrt(D).
        start_id: The id that every translation starts from.
        end_id: The id that ends texts of both languages.
        pad_id: The id of padding, which is never generated.
        tokenizer: A `TranslationTokenizer`; needed by `translate`.

    Call arguments:
        inputs: dict of `encoder_token_ids` (B, S) and `decoder_token_ids` (B, T)
            int32, `encoder_padding_mask` (B, S) and, optionally,
            `decoder_padding_mask` (B, T) bool, True = real token.
        training: Whether dropout is on.

    Returns:
        logits (B, T, V) float32.

    Raises:
        InputError: If a size, rate, id or name is not valid.

    Example:
        >>> import numpy as np
        >>> model = Translator.from_preset("translator-tiny", vocabulary_size=50)
        >>> source, target = np.array([[7, 9, 3, 0]]), np.array([[49, 8, 5]])
        >>> inputs = {
        ...     "encoder_token_ids": source, "encoder_padding_mask": source >= 0,
        ...     "decoder_token_ids": target, "decoder_padding_mask": target >= 0,
        ... }
        >>> model(inputs).shape == (1, 3, 50)
        True

    Reference:
        Vaswani et al. 2017, arXiv:1706.03762, section 3; Junczys-Dowmunt et al. 2018,
        arXiv:1804.00344; Press and Wolf 2017, arXiv:1608.05859, for the tied tables.
    """

    task = "translation"

    def __init__(
        self,
        vocabulary_size: int,
        hidden_dim: int,
        num_layers: int,
        num_heads: int,
        max_sequence_length: int,
        *,
        source_vocabulary_size: int | None = None,
        num_decoder_layers: int | None = None,
        decoder_num_heads: int | None = None,
        intermediate_dim: int | None = None,
        decoder_intermediate_dim: int | None = None,
        norm_placement: str = "pre",
        final_norm: bool | None = None,
        activation="relu",
        positions: str = "sinusoidal",
        scale_embedding: bool = True,
        tie_embeddings: bool = True,
        logits_bias: bool = False,
        dropout: float = 0.1,
        attention_dropout: float = 0.0,
        activation_dropout: float = 0.0,
        layer_norm_epsilon: float = 1e-5,
        initializer_range: float | None = None,
        start_id: int | None = None,
        end_id: int = 0,
        pad_id: int | None = None,
        tokenizer=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        checks.positive_or_none(
            num_decoder_layers=num_decoder_layers,
            decoder_num_heads=decoder_num_heads,
            intermediate_dim=intermediate_dim,
            decoder_intermediate_dim=decoder_intermediate_dim,
            source_vocabulary_size=source_vocabulary_size,
        )
        num_decoder_layers = num_decoder_layers or num_layers
        decoder_num_heads = decoder_num_heads or num_heads
        intermediate_dim = intermediate_dim or 4 * hidden_dim
        checks.positive(num_layers=num_layers, num_heads=num_heads)
        final_norm = norm_placement == "pre" if final_norm is None else final_norm
        pad_id = vocabulary_size - 1 if pad_id is None else pad_id
        start_id = pad_id if start_id is None else start_id
        checks.token_ids(
            vocabulary_size, start_id=start_id, end_id=end_id, pad_id=pad_id
        )
        self._config = {
            "vocabulary_size": vocabulary_size,
            "hidden_dim": hidden_dim,
            "num_layers": num_layers,
            "num_heads": num_heads,
            "max_sequence_length": max_sequence_length,
            "source_vocabulary_size": source_vocabulary_size,
            "num_decoder_layers": num_decoder_layers,
            "decoder_num_heads": decoder_num_heads,
            "intermediate_dim": intermediate_dim,
            "decoder_intermediate_dim": decoder_intermediate_dim or intermediate_dim,
            "norm_placement": norm_placement,
            "final_norm": final_norm,
            "activation": activations.serialize(activations.get(activation)),
            "positions": positions,
            "scale_embedding": scale_embedding,
            "tie_embeddings": tie_embeddings,
            "logits_bias": logits_bias,
            "dropout": dropout,
            "attention_dropout": attention_dropout,
            "activation_dropout": activation_dropout,
            "layer_norm_epsilon": layer_norm_epsilon,
            "initializer_range": initializer_range,
            "start_id": start_id,
            "end_id": end_id,
            "pad_id": pad_id,
        }
        self.vocabulary_size = vocabulary_size
        self.hidden_dim = hidden_dim
        self.max_sequence_length = max_sequence_length
        self.start_id, self.end_id, self.pad_id = start_id, end_id, pad_id
        self.suppressed_ids = (pad_id,)
        self.tokenizer = tokenizer

        # Layers
        self.target_token = self._table("target_token", vocabulary_size)
        self.source_token = self.target_token
        if source_vocabulary_size is not None:
            self.source_token = self._table("source_token", source_vocabulary_size)
        self.encoder = self._stack(EncoderStack, "encoder", num_layers)
        self.decoder = self._stack(
            DecoderStack,
            "decoder",
            num_decoder_layers,
            num_heads=decoder_num_heads,
            intermediate_dim=self._config["decoder_intermediate_dim"],
            cross_attention=True,
        )
        self.output_projection = None
        if not tie_embeddings:
            self.output_projection = Dense(
                vocabulary_size,
                use_bias=False,
                kernel_initializer=self._initializer(),
                dtype=self.dtype_policy,
                name="output_projection",
            )
        self.build()
        compile_translator(self)
        self._first_optimizer = self.optimizer

    def _initializer(self, table=False):
        deviation = self._config["initializer_range"]
        if deviation is None and not table:
            return keras.initializers.GlorotUniform()
        if deviation is None:
            deviation = self.hidden_dim**-0.5
        return keras.initializers.RandomNormal(stddev=deviation)

    def _table(self, name, size):
        return TokenEmbedding(
            size,
            self.hidden_dim,
            scale=self.hidden_dim**0.5 if self._config["scale_embedding"] else 1.0,
            embeddings_initializer=self._initializer(table=True),
            dtype=self.dtype_policy,
            name=name,
        )

    def _stack(self, cls, name, num_layers, **block):
        sizes = {name: self._config[name] for name in ("num_heads", "intermediate_dim")}
        options = {name: self._config[name] for name in _BLOCK}
        return cls(
            num_layers,
            self.hidden_dim,
            self.max_sequence_length,
            positions=self._config["positions"],
            initializer=self._initializer,
            final_norm=self._config["final_norm"],
            block={**sizes, **options, **block},
            dtype=self.dtype_policy,
            name=name,
        )

    def build(self, input_shape=None):
        """Build every layer; the sizes are those of the constructor."""
        if self.built:
            return
        for table in (self.source_token, self.target_token):
            if not table.built:
                table.build((None, None))
        sequence_shape = (None, None, self.hidden_dim)
        for layer in (self.encoder, self.decoder, self.output_projection):
            if layer is not None:
                layer.build(sequence_shape)
        self.logits_bias = None
        if self._config["logits_bias"]:
            self.logits_bias = self.add_weight(
                name="logits_bias",
                shape=(1, self.vocabulary_size),
                initializer="zeros",
                autocast=False,
            )
        self.built = True

    # Graph
    def call(self, inputs, training=None):
        """Return the logits, (B, T, V)."""
        mask = inputs.get("encoder_padding_mask")
        encoded = self.encode(inputs["encoder_token_ids"], mask, training=training)
        x = self.decoder(
            self.target_token(inputs["decoder_token_ids"]),
            encoded,
            padding_mask=inputs.get("decoder_padding_mask"),
            encoder_padding_mask=mask,
            training=training,
        )
        return self.head(x, training=training)

    def encode(self, encoder_token_ids, encoder_padding_mask=None, training=None):
        """Return the encoder's outputs, (B, S, D).

        Args:
            encoder_token_ids: (B, S) int32.
            encoder_padding_mask: (B, S) bool, True = real token.
            training: Whether dropout is on.
        """
        x = self.source_token(encoder_token_ids)
        return self.encoder(x, padding_mask=encoder_padding_mask, training=training)

    def head(self, hidden_states, training=None):
        """Return the logits of the decoder's outputs, (..., D) -> (..., V) float32."""
        if self.output_projection is not None:
            logits = self.output_projection(hidden_states, training=training)
        else:
            table = self.target_token
            logits = table(hidden_states, reverse=True, training=training)
        # In float32 whatever the compute type: the loss needs the digits.
        logits = ops.cast(logits, "float32")
        if self.logits_bias is None:
            return logits
        return logits + ops.cast(self.logits_bias, "float32")

    # Decoding
    def make_cache(
        self, batch_size, length, encoder_token_ids, encoder_padding_mask
    ) -> TranslatorCache:
        """Read the sources and return the caches of their translations.

        Args:
            batch_size: B.
            length: The columns of caches of a fixed size, or 0 for growing ones.
            encoder_token_ids: (B, S) int32.
            encoder_padding_mask: (B, S) bool, True = real token.

        Returns:
            The caches, empty but for the keys and values of the encoder's outputs.
        """
        encoded = self.encode(encoder_token_ids, encoder_padding_mask)
        blocks = self.decoder.make_cache(batch_size, length, encoded)
        return TranslatorCache(blocks, ops.cast(encoder_padding_mask, "bool"))

    def call_with_cache(
        self, token_ids, cache, *, cache_index=None, padding_mask=None, positions=None
    ):
        """Read the next tokens of translations; for inference.

        Args:
            token_ids: (B, T) int32, the next T tokens.
            cache: What `make_cache` or the call before this one gave.
            cache_index: The column of the first of them in caches of a fixed size, an
                int or a scalar int32 tensor; None lets the caches grow.
            padding_mask: (B, S') bool, True = real token, of the columns afterwards.
            positions: (B, T) int32, the tokens' positions in their texts.

        Returns:
            The decoder's outputs (B, T, D), for `head`, and the new caches.
        """
        x, blocks = self.decoder.call_with_cache(
            self.target_token(token_ids),
            cache.blocks,
            cache_index=cache_index,
            padding_mask=padding_mask,
            encoder_padding_mask=cache.encoder_padding_mask,
            positions=positions,
        )
        return x, cache._replace(blocks=blocks)

    def compute_output_shape(self, input_shape):
        """Return (B, T, V)."""
        return (*input_shape["decoder_token_ids"], self.vocabulary_size)

    def attention_scores(self, inputs) -> dict[str, list]:
        """Return the attention scores of every block.

        Args:
            inputs: As the model is called with.

        Returns:
            `encoder`, each (B, N, S, S), `decoder` (B, N, T, T), `cross` (B, N, T, S).
        """
        mask = inputs.get("encoder_padding_mask")
        embedded = self.source_token(inputs["encoder_token_ids"])
        decoder, cross = self.decoder.attention_scores(
            self.target_token(inputs["decoder_token_ids"]),
            self.encoder(embedded, padding_mask=mask),
            padding_mask=inputs.get("decoder_padding_mask"),
            encoder_padding_mask=mask,
        )
        encoder = self.encoder.attention_scores(embedded, padding_mask=mask)
        return {"encoder": encoder, "decoder": decoder, "cross": cross}

    def translate(self, texts, **options):
        """Return the translation of each text; see `kzoo.generation.translate`.

        Args:
            texts: Sentences; one is as good as a list of one.
            **options: `num_beams`, `length_penalty`, `max_new_tokens`, and others.

        Returns:
            A translation for each text, in order.

        Raises:
            InputError: If the model has no tokenizer, or a text or an option is not
                valid.

        Reference:
            Wu et al. 2016, arXiv:1609.08144, section 7, for the search.
        """
        from kzoo.generation import translate

        return translate(self, texts, **options)
