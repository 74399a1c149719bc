"""The text classifier: a Transformer encoder, a pooling, a head."""

import itertools

import keras

from kzoo.errors import InputError
from kzoo.layers import (
    Dense,
    Dropout,
    EncoderBlock,
    FirstTokenPooling,
    LayerNormalization,
    MaskedMeanPooling,
    NaiveBayesNgrams,
    activations,
    checks,
)
from kzoo.models import classification
from kzoo.models.task import Task
from kzoo.models.text_embedding import TextEmbedding
from kzoo.training.compiling import compile_classifier

POOLINGS = {"first": FirstTokenPooling, "mean": MaskedMeanPooling}


@keras.saving.register_keras_serializable(package="kzoo")
class TextClassifier(Task):
    """Give each text one logit per label.

    ```
    x = blocks(embedding(token_ids))         post-LN: BERT; pre-LN: with a final norm
    h = pooler_activation(pool(x) W_p + b_p) left out where there is no pooler
    logits = dropout(h) W + b                (+ n-gram evidence, where there is any)
    ```

    BERT is `norm_placement="post"`, segments and a tanh pooler on the first token;
    DistilBERT the same without segments and with a ReLU pooler; RoBERTa is BERT with
    one segment and positions that count real tokens. The model is built
    and compiled (AdamW, cross-entropy) when it is made, and can be compiled again.

    Args:
        vocabulary_size: V.
        hidden_dim: D.
        num_layers: How many encoder blocks.
        num_heads: N, the attention heads of each block.
        intermediate_dim: F, the inner width of the feed-forward networks.
        max_sequence_length: The longest T.
        label_names: The labels' names; the order is that of the logits.
        num_segments: 2 where pairs of texts are told apart by segments, or 0.
        norm_placement: `"post"` (BERT) or `"pre"`.
        positions: `"learned"`, `"sinusoidal"` or `"none"`.
        position_padding_id: The id of padding where positions count the tokens that
            are another, as RoBERTa's do (`TextEmbedding`); None for the usual ones.
        activation: Of the feed-forward networks.
        pooling: `"first"` (the first token) or `"mean"` (over real tokens).
        pooler_activation: Activation of the dense layer after pooling, or None for
            no such layer.
        dropout: Rate after the embedding and after each sublayer.
        attention_dropout: Rate on the attention scores.
        classifier_dropout: Rate before the last layer.
        word_dropout: Rate at which whole tokens are zeroed.
        ngram_sizes: Lengths of the token n-grams whose naive Bayes evidence is added
            to the logits (`NaiveBayesNgrams`); empty for none. `adapt` counts them,
            which `fit` does by itself where the data come from `kzoo.data`.
        ngram_buckets: Rows of the hashed n-gram tables.
        ngram_scale: How much faster the n-grams' evidence moves than other weights.
        encoder_length: How many tokens the encoder reads, from the first; None for
            all. The n-grams are taken from all either way.
        layer_norm_epsilon: Epsilon of every norm.
        initializer_range: Standard deviation of the kernels and tables at the start.
        tokenizer: What makes token ids of texts; needed by `classify`.

    Call arguments:
        inputs: dict of `token_ids` (B, T) int32, `padding_mask` (B, T) bool with
            True = real token, and optionally `segment_ids` (B, T) int32.
        training: Whether dropout is on.

    Returns:
        logits (B, classes).

    Raises:
        InputError: If a size, rate or name is not valid, or there are fewer than two
            labels.

    Example:
        >>> import numpy as np
        >>> model = TextClassifier.from_preset("encoder-tiny", vocabulary_size=50)
        >>> ids = np.array([[2, 7, 9, 3]])
        >>> model({"token_ids": ids, "padding_mask": ids > 0}).shape == (1, 2)
        True

    Reference:
        Devlin et al. 2018, arXiv:1810.04805, section 3; Sanh et al. 2019,
        arXiv:1910.01108; Liu et al. 2019, arXiv:1907.11692.
    """

    task = "classification"

    def __init__(
        self,
        vocabulary_size: int,
        hidden_dim: int,
        num_layers: int,
        num_heads: int,
        intermediate_dim: int,
        max_sequence_length: int,
        *,
        label_names=("0", "1"),
        num_segments: int = 0,
        norm_placement: str = "post",
        positions: str = "learned",
        position_padding_id: int | None = None,
        activation="gelu",
        pooling: str = "first",
        pooler_activation=None,
        dropout: float = 0.1,
        attention_dropout: float = 0.1,
        classifier_dropout: float = 0.1,
        word_dropout: float = 0.0,
        ngram_sizes=(),
        ngram_buckets: int = 0,
        ngram_scale: float = 1.0,
        encoder_length: int | None = None,
        layer_norm_epsilon: float = 1e-12,
        initializer_range: float = 0.02,
        tokenizer=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        checks.one_of(("post", "pre"), norm_placement=norm_placement)
        checks.one_of(POOLINGS, pooling=pooling)
        checks.rate(classifier_dropout=classifier_dropout)
        label_names = tuple(str(name) for name in label_names)
        if len(set(label_names)) < 2 or len(set(label_names)) < len(label_names):
            raise InputError(
                "A classifier tells two or more different labels apart.",
                f"label_names={label_names}",
                "Name every label once.",
            )
        self._config = {
            "vocabulary_size": vocabulary_size,
            "hidden_dim": hidden_dim,
            "num_layers": num_layers,
            "num_heads": num_heads,
            "intermediate_dim": intermediate_dim,
            "max_sequence_length": max_sequence_length,
            "label_names": list(label_names),
            "num_segments": num_segments,
            "norm_placement": norm_placement,
            "positions": positions,
            "position_padding_id": position_padding_id,
            "activation": activations.serialize(activations.get(activation)),
            "pooling": pooling,
            "pooler_activation": pooler_activation
            and activations.serialize(activations.get(pooler_activation)),
            "dropout": dropout,
            "attention_dropout": attention_dropout,
            "classifier_dropout": classifier_dropout,
            "word_dropout": word_dropout,
            "ngram_sizes": list(ngram_sizes),
            "ngram_buckets": ngram_buckets,
            "ngram_scale": ngram_scale,
            "encoder_length": encoder_length,
            "layer_norm_epsilon": layer_norm_epsilon,
            "initializer_range": initializer_range,
        }
        self.label_names = label_names
        self.hidden_dim = hidden_dim
        self.num_segments = num_segments
        self.max_sequence_length = max_sequence_length
        self.encoder_length = encoder_length or max_sequence_length
        self.tokenizer = tokenizer
        dtype = self.dtype_policy
        pre_norm = norm_placement == "pre"

        def initializer():
            return keras.initializers.TruncatedNormal(stddev=initializer_range)

        # Layers
        self.embedding = TextEmbedding(
            vocabulary_size,
            hidden_dim,
            self.encoder_length,
            positions=positions,
            position_padding_id=position_padding_id,
            num_segments=num_segments,
            use_norm=not pre_norm,
            layer_norm_epsilon=layer_norm_epsilon,
            dropout=dropout,
            word_dropout=word_dropout,
            initializer_range=initializer_range,
            dtype=dtype,
            name="embedding",
        )
        self.blocks = [
            EncoderBlock(
                num_heads,
                intermediate_dim,
                norm_placement=norm_placement,
                activation=activation,
                dropout=dropout,
                attention_dropout=attention_dropout,
                layer_norm_epsilon=layer_norm_epsilon,
                kernel_initializer=initializer(),
                dtype=dtype,
                name=f"block_{index}",
            )
            for index in range(num_layers)
        ]
        self.final_norm = None
        if pre_norm:
            self.final_norm = LayerNormalization(
                epsilon=layer_norm_epsilon, dtype=dtype, name="final_norm"
            )
        self.pool = POOLINGS[pooling](dtype=dtype, name="pool")
        self.pooler = None
        if pooler_activation:
            self.pooler = Dense(
                hidden_dim,
                activation=activations.get(pooler_activation),
                kernel_initializer=initializer(),
                dtype=dtype,
                name="pooler",
            )
        self.classifier_dropout = Dropout(
            classifier_dropout, dtype=dtype, name="classifier_dropout"
        )
        # Logits in float32 whatever the compute type: the loss needs the digits.
        self.classifier = Dense(
            len(label_names),
            kernel_initializer=initializer(),
            dtype=dtype if dtype.quantization_mode else "float32",
            name="classifier",
        )
        self.ngrams = None
        if ngram_sizes:
            self.ngrams = NaiveBayesNgrams(
                len(label_names),
                ngram_sizes,
                num_buckets=ngram_buckets,
                scale=ngram_scale,
                dtype="float32",
                name="ngrams",
            )
        self.build()
        compile_classifier(self)
        self._first_optimizer = self.optimizer

    def build(self, input_shape=None):
        """Build every layer; the sizes are those of the constructor."""
        if self.built:
            return
        sequence_shape = (None, None, self.hidden_dim)
        vector_shape = (None, self.hidden_dim)
        self.embedding.build((None, None))
        for block in self.blocks:
            block.build(sequence_shape)
        if self.final_norm:
            self.final_norm.build(sequence_shape)
        if self.pooler:
            self.pooler.build(vector_shape)
        self.classifier.build(vector_shape)
        if self.ngrams:
            self.ngrams.build((None, None))
        self.built = True

    # Graph
    def call(self, inputs, training=None):
        """Return the logits, (B, classes)."""
        x, padding_mask = self._embed(inputs, training)  # (B, T, D)
        for block in self.blocks:
            x = block(x, padding_mask=padding_mask, training=training)
        if self.final_norm:
            x = self.final_norm(x)
        x = self.pool(x, padding_mask=padding_mask)  # (B, D)
        if self.pooler:
            x = self.pooler(x, training=training)
        x = self.classifier_dropout(x, training=training)
        logits = self.classifier(x, training=training)  # (B, classes)
        if self.ngrams:
            mask = inputs.get("padding_mask")
            logits = logits + self.ngrams(inputs["token_ids"], padding_mask=mask)
        return logits

    def _embed(self, inputs, training=None):
        """Return what the first block reads, (B, T, D), and its padding mask."""
        names = ("token_ids", "segment_ids", "padding_mask")
        parts = [inputs.get(name) for name in names]
        if self.encoder_length < self.max_sequence_length:
            parts = [x if x is None else x[:, : self.encoder_length] for x in parts]
        token_ids, segment_ids, padding_mask = parts
        x = self.embedding(token_ids, segment_ids=segment_ids, training=training)
        return x, padding_mask

    def compute_output_shape(self, input_shape):
        """Return (B, classes)."""
        return (input_shape["token_ids"][0], len(self.label_names))

    def attention_scores(self, inputs) -> list:
        """Return the attention scores of every block, each (B, N, T, T)."""
        x, padding_mask = self._embed(inputs)
        scores = []
        for block in self.blocks:
            scores.append(block.attention_scores(x, padding_mask=padding_mask))
            x = block(x, padding_mask=padding_mask)
        return scores

    def classify(self, texts, *, batch_size: int = 32) -> list:
        """Return the label and the scores of each text.

        Args:
            texts: Texts (str or UTF-8 bytes), or pairs of them; one is as good as a
                list of one.
            batch_size: How many texts run at once.

        Returns:
            A `Classification(label, score, scores)` for each, in the given order.

        Raises:
            InputError: If the model has no tokenizer.
        """
        return classification.classify(self, texts, batch_size=batch_size)

    def adapt(self, data) -> None:
        """Count the n-grams of the training texts; nothing where there are none.

        Args:
            data: What `kzoo.data.load` returned for the training split.
        """
        if self.ngrams:
            rows, labels = data.batches.rows, data.batches.labels
            texts = (rows.flat[a:b] for a, b in itertools.pairwise(rows.offsets))
            self.ngrams.adapt(texts, labels)

    def fit(self, x=None, *args, **kwargs):
        """Train, as `Task.fit`; n-grams not counted before are counted first."""
        if hasattr(x, "batches") and self.ngrams and not self.ngrams.adapted:
            self.adapt(x)
        return super().fit(x, *args, **kwargs)
