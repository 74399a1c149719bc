"""What `--set name=value` says about a model's constructor."""

import json
from typing import Any

from kzoo.errors import InputError

# Constructor arguments that follow from the data.
_FROM_DATA = ("vocabulary_size", "label_names", "tokenizer", "source_vocabulary_size")
_FROM_DATA += ("start_id", "end_id", "pad_id")


def parse_overrides(pairs: list[str] | None) -> dict[str, Any]:
    """Return what `--set` says; values are JSON, or else plain words.

    Raises:
        InputError: If one has no `=`, or is settled by the data.

    Example:
        >>> parse_overrides(["num_layers=2", "pooling=mean"])
        {'num_layers': 2, 'pooling': 'mean'}
    """
    overrides = {}
    for pair in pairs or ():
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise InputError(
                "An override names an argument and its value.",
                f"--set {pair}",
                "Write --set num_layers=2.",
            )
        if name in _FROM_DATA:
            raise InputError(
                "The data and its tokenizer settle the labels and the vocabulary.",
                f"--set {pair}",
                "Use --tokenizer or --vocabulary-size for the vocabulary.",
            )
        try:
            overrides[name] = json.loads(value)
        except ValueError:
            overrides[name] = value
    return overrides
