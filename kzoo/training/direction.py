"""Which way a value of a training is better."""

# How the names of those end of which more is better.
_MORE = (
    "accuracy", "f1", "auc", "precision", "recall", "score", "bleu", "chrf"
)  # fmt: skip


def direction(name: str | None) -> str:
    """Return `"max"` of an accuracy and the like, `"min"` of anything else.

    Args:
        name: The name of the value, as in a history.

    Example:
        >>> direction("val_accuracy"), direction("val_loss")
        ('max', 'min')
    """
    return "max" if (name or "").endswith(_MORE) else "min"
