"""Labelled texts in memory, as every reader returns them."""

import dataclasses
import hashlib
from collections.abc import Sequence

import numpy as np

Text = str | bytes | tuple[str, str]


@dataclasses.dataclass(frozen=True, eq=False)
class Examples:
    """Texts, their labels, and what the reader has to say about them.

    Args:
        texts: n texts, or n pairs of texts.
        labels: (n,) int32 positions in `label_names`, or `None` where the source
            has none.
        label_names: The name of each class, in the order of a model's logits.
        notes: What was decided while reading, one sentence each: which columns,
            which rows a split was cut from.

    Example:
        >>> examples = Examples(["fine", "dull"], np.array([1, 0]), ("bad", "good"))
        >>> len(examples), examples.label_counts
        (2, {'bad': 1, 'good': 1})
    """

    texts: Sequence[Text]
    labels: np.ndarray | None
    label_names: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.labels is None:
            return
        labels = np.asarray(self.labels, dtype="int32")
        if labels.shape != (len(self.texts),):
            raise ValueError(
                "Every text has one label. "
                f"Received: texts={len(self.texts)}, labels.shape={labels.shape}."
            )
        object.__setattr__(self, "labels", labels)

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def has_pairs(self) -> bool:
        """Whether each example is a pair of texts."""
        return bool(len(self.texts)) and isinstance(self.texts[0], tuple)

    @property
    def label_counts(self) -> dict[str, int]:
        """How many examples each label has, by name."""
        if self.labels is None:
            return {}
        counts = np.bincount(self.labels, minlength=len(self.label_names))
        return {name: int(n) for name, n in zip(self.label_names, counts, strict=True)}

    def subset(self, indices) -> "Examples":
        """Return the examples at `indices`, in that order."""
        labels = None if self.labels is None else self.labels[np.asarray(indices)]
        texts = [self.texts[i] for i in indices]
        return dataclasses.replace(self, texts=texts, labels=labels)

    def fingerprint(self) -> str:
        """Return the sha256 of texts, labels and label names, as hexadecimal.

        Equal fingerprints mean the same examples in the same order; notes do not
        count. Run records keep it to show what a model was trained on.
        """
        digest = hashlib.sha256()
        digest.update("\0".join(self.label_names).encode())
        digest.update(b"" if self.labels is None else self.labels.tobytes())
        for text in self.texts:
            for part in text if isinstance(text, tuple) else (text,):
                data = (
                    part
                    if isinstance(part, bytes)
                    else part.encode("utf-8", "surrogatepass")
                )
                digest.update(len(data).to_bytes(8, "little"))
                digest.update(data)
        return digest.hexdigest()
