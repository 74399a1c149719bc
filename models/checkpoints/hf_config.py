"""Reading a Hugging Face config field by field, so that none is ignored."""

from typing import Any

from kzoo.errors import InputError

# Fields that do not bear on a classifier's logits: bookkeeping, training, output
# options, the ids of special tokens (the tokenizer has them).
BOOKKEEPING = {
    "_name_or_path",
    "_attn_implementation_autoset",
    "architectures",
    "attn_implementation",
    "bos_token_id",
    "chunk_size_feed_forward",
    "dtype",
    "eos_token_id",
    "finetuning_task",
    "gradient_checkpointing",
    "initializer_range",
    "label2id",
    "mask_token_id",
    "model_type",
    "num_labels",
    "output_attentions",
    "output_hidden_states",
    "output_past",
    "pad_token_id",
    "return_dict",
    "sep_token_id",
    "cls_token_id",
    "tie_word_embeddings",
    "tokenizer_class",
    "torch_dtype",
    "transformers_version",
    "use_cache",
}
ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "relu": "relu",
    "silu": "silu",
    "swish": "silu",
    "tanh": "tanh",
}
_WRITTEN = {"gelu": "gelu", "gelu_tanh": "gelu_new", "relu": "relu", "silu": "silu"}
_REQUIRED = object()


class ConfigReader:
    """A config whose every field must be taken, fixed or bookkeeping.

    Args:
        config: The parsed `config.json`.
        where: The file's path, for errors.
    """

    def __init__(self, config: dict, where: object):
        self._config = config
        self._where = where
        self._seen = set(BOOKKEEPING)

    def take(self, name: str, default: Any = _REQUIRED) -> Any:
        """Return a field's value, or the default where the field is left out."""
        self._seen.add(name)
        if name in self._config:
            return self._config[name]
        if default is _REQUIRED:
            raise InputError(
                "The config must hold every size.",
                f"{self._where} without {name!r}",
                "Copy the checkpoint's own config.json.",
            )
        return default

    def fix(self, name: str, *allowed: Any) -> None:
        """Raise unless a field is left out or has one of the allowed values."""
        value = self.take(name, allowed[0])
        if value not in allowed:
            raise self._unsupported(name, value, allowed)

    def activation(self, name: str, default: str = "gelu") -> str:
        """Return our name of a field's activation."""
        value = self.take(name, default)
        if value not in ACTIVATIONS:
            raise self._unsupported(name, value, ACTIVATIONS)
        return ACTIVATIONS[value]

    def label_names(self) -> list[str]:
        """Return the labels in the order of the logits."""
        names = self.take("id2label", None)
        if names is None:
            count = self._config.get("num_labels", 2)
            return [f"LABEL_{index}" for index in range(count)]
        by_id = {int(index): str(name) for index, name in names.items()}
        if len(by_id) < 2 or sorted(by_id) != list(range(len(by_id))):
            raise self._unsupported("id2label", names, ["ids 0 to n - 1, n > 1"])
        return [by_id[index] for index in range(len(by_id))]

    def finish(self) -> None:
        """Raise if a field was neither taken nor bookkeeping."""
        left = sorted(set(self._config) - self._seen)
        if left:
            raise self._unsupported(left[0], self._config[left[0]], [])

    def _unsupported(self, name, value, allowed):
        listed = ", ".join(repr(item) for item in allowed)
        return InputError(
            "A field of a config is never ignored, and this one is not supported.",
            f"{name}={value!r} in {self._where}",
            f"Supported: {listed}." if listed else "There is no such part in kzoo.",
        )


def written_activation(name: str) -> str:
    """Return Hugging Face's name of an activation of ours.

    Raises:
        InputError: If it has none.
    """
    if name not in _WRITTEN:
        raise InputError(
            "Transformers must have the activation too.",
            f"activation={name!r}",
            f"It has: {', '.join(_WRITTEN)}.",
        )
    return _WRITTEN[name]
