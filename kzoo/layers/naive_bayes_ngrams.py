"""Logits from a bag of n-grams, weighted by naive Bayes."""

from collections.abc import Iterable, Sequence

import keras
import numpy as np
from keras import ops

from kzoo.layers import checks
from kzoo.layers.ngram_hashing import check_ngrams, document_buckets, ngram_buckets


@keras.saving.register_keras_serializable(package="kzoo")
class NaiveBayesNgrams(keras.layers.Layer):
    """Sum the evidence of a text's n-grams for each class.

    ```
    logits_c = scale / 2 sum_(h in text) w_h r_(h,c)
    r_(h,c) = log(p(h | c) / p(h | not c)) * sqrt(n_h / (n_h + k))
    p(h | c) = (n_(h,c) + 1) / (n_c + 2)
    ```

    n counts training texts; r is counted once, by `adapt`, and w is learnt, from
    zero. The log-count ratio says how an n-gram speaks, the root how sure that is:
    a rare n-gram's ratio is large by chance, so it is shrunk. What w then learns by
    gradient descent moves most along the n-grams that tell the classes apart.

    Before `adapt` every r is zero, and so are the logits.

    Args:
        num_classes: C.
        sizes: The n-gram lengths, such as (1, 2, 3).
        num_buckets: Rows of the hashed tables, shared by all lengths.
        shrinkage: k: with how many texts an n-gram's ratio is trusted by
            sqrt(1/2).
        scale: Factor on the evidence. Under Adam every weight moves by about the
            learning rate, so it is how much faster w moves than the other weights.
        min_count: An n-gram of fewer training texts counts as zero.

    Call arguments:
        token_ids: (B, T) integers.
        padding_mask: (B, T) bool, True = real token, or None for all real.

    Returns:
        (B, C) float32.

    Raises:
        InputError: If a size or the bucket count is out of range.

    Example:
        >>> bag = NaiveBayesNgrams(2, (1, 2), num_buckets=101)
        >>> bag.adapt([[5, 6], [7, 6], [5, 8], [7, 9]], [0, 1, 0, 1])
        >>> bag(np.array([[5, 6]])).shape == (1, 2)
        True

    Reference:
        Wang and Manning 2012, "Baselines and Bigrams" (ACL, P12-2018), section 2;
        Joulin et al. 2016, arXiv:1607.01759, for the hashing.
    """

    def __init__(
        self,
        num_classes: int,
        sizes,
        *,
        num_buckets: int,
        shrinkage: float = 500.0,
        scale: float = 1.0,
        min_count: int = 2,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.sizes = tuple(sizes)
        checks.positive(num_classes=num_classes, min_count=min_count)
        check_ngrams(self.sizes, num_buckets, least=1)
        self.num_classes = num_classes
        self.num_buckets = num_buckets
        self.shrinkage = shrinkage
        self.scale = scale
        self.min_count = min_count

    def build(self, token_ids_shape=None):
        """Create r, (buckets, C), and w, (buckets, 1)."""
        self.ratio = self.add_weight(
            name="ratio",
            shape=(self.num_buckets, self.num_classes),
            initializer="zeros",
            trainable=False,
            autocast=False,
        )
        self.evidence = self.add_weight(
            name="evidence",
            shape=(self.num_buckets, 1),
            initializer="zeros",
            autocast=False,
        )

    def adapt(self, token_ids: Iterable[Sequence[int]], labels: Sequence[int]) -> None:
        """Count r on the training texts.

        Args:
            token_ids: The ids of each text, without padding.
            labels: The class of each.
        """
        if not self.built:
            self.build()
            self.built = True
        counts = np.zeros((self.num_buckets, self.num_classes), "float32")
        for ids, label in zip(token_ids, labels, strict=True):
            counts[document_buckets(ids, self.sizes, self.num_buckets), label] += 1
        texts = np.bincount(labels, minlength=self.num_classes)
        self.ratio.assign(self._ratio(counts, texts))

    def _ratio(self, counts, texts):
        """Return r of the counts (buckets, C) and the texts of each class (C,)."""
        total = counts.sum(axis=1, keepdims=True)  # (buckets, 1)
        inside = (counts + 1) / (texts + 2)
        outside = (total - counts + 1) / (texts.sum() - texts + 2)
        trust = np.sqrt(total / np.maximum(total + self.shrinkage, 1))
        ratio = np.log(inside / outside) * trust
        return np.where(total >= self.min_count, ratio, 0.0).astype("float32")

    @property
    def adapted(self) -> bool:
        """Whether r has been counted."""
        return bool(ops.any(ops.not_equal(self.ratio, 0.0)))

    def call(self, token_ids, padding_mask=None):
        """Return the logits, (B, C)."""
        total = 0.0
        for _, buckets, whole in ngram_buckets(
            token_ids, padding_mask, self.sizes, self.num_buckets
        ):
            evidence = ops.take(self.evidence, buckets, axis=0)  # (B, T, 1)
            evidence = evidence * ops.cast(whole, "float32")[:, :, None]
            ratio = ops.take(self.ratio, buckets, axis=0)  # (B, T, C)
            total = total + ops.sum(evidence * ratio, axis=1)  # (B, C)
        return 0.5 * self.scale * total

    def compute_output_shape(self, token_ids_shape, padding_mask_shape=None):
        """Return (B, C)."""
        return (token_ids_shape[0], self.num_classes)

    def compute_output_spec(self, token_ids, padding_mask=None):
        """Return shape and type of the logits: float32 under every policy."""
        shape = self.compute_output_shape(token_ids.shape)
        return keras.KerasTensor(shape, dtype="float32")

    def get_config(self):
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "sizes": self.sizes,
            "num_buckets": self.num_buckets,
            "shrinkage": self.shrinkage,
            "scale": self.scale,
            "min_count": self.min_count,
        }
