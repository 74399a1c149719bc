"""What every model of the zoo can do besides its own task."""

import os

import keras

from kzoo.errors import InputError
from kzoo.training.distribution.model import Distributed


class Task(Distributed, keras.Model):
    """The abstract base of the three families: presets, folders, tokenizer.

    A subclass sets `tokenizer`, and `_config` to its constructor's plain arguments.
    """

    tokenizer = None
    _config: dict = {}
    _first_optimizer = None

    @classmethod
    def from_preset(cls, source: str | os.PathLike, **overrides) -> "Task":
        """Return the model of a source.

        Args:
            source: The name of a preset (random weights), a run or preset folder, a
                Hugging Face folder, or `"hf://org/name"`.
            **overrides: Constructor arguments that take the place of the source's.
                Another number of `label_names` starts a new last layer.

        Returns:
            The model, with its tokenizer where the source has one.

        Raises:
            InputError: If there is no such source, it is of another family, a field
                of its config is not supported, or its tensors do not fit.
        """
        from kzoo.models.sources import load

        return load(cls, source, overrides)

    def save_to_preset(self, folder: str | os.PathLike) -> None:
        """Write `config.json`, `model.safetensors` and `tokenizer/` into a folder.

        Each file appears whole or not at all; other files of the folder stay.

        Args:
            folder: Where to write; made if it does not exist.
        """
        from kzoo.models.preset_folder import save

        save(self, folder)

    def export_to_transformers(self, folder: str | os.PathLike) -> None:
        """Write a folder that Hugging Face transformers opens as its own.

        Args:
            folder: Where to write; made if it does not exist.

        Raises:
            InputError: If transformers has no architecture of this shape.
        """
        from kzoo.models.checkpoints import export_to_transformers

        export_to_transformers(self, folder)

    @property
    def arguments(self) -> dict:
        """The constructor's plain arguments, without what Keras adds to a config."""
        return dict(self._config)

    def require_tokenizer(self):
        """Return the tokenizer.

        Raises:
            InputError: If the model has none.
        """
        if self.tokenizer is None:
            raise InputError(
                "Texts need the model's tokenizer.",
                "model.tokenizer=None",
                "Set model.tokenizer, or load a folder that holds one.",
            )
        return self.tokenizer

    def fit(self, x=None, *args, **kwargs):
        """Train, as `keras.Model.fit`; data of `kzoo.data` keep their own order."""
        if hasattr(x, "batches"):
            kwargs.setdefault("shuffle", False)
        return super().fit(x, *args, **kwargs)

    def get_config(self):
        """Return the constructor's arguments, without the tokenizer.

        Of a quantised model also which of its layers are, so that a `.keras` archive
        gives it back.
        """
        from kzoo.training.quantization import quantized_layers

        config = {**super().get_config(), **self._config}
        modes = quantized_layers(self)
        return {**config, "quantized": modes} if modes else config

    @classmethod
    def from_config(cls, config):
        """Return the model of a config."""
        from kzoo.training.quantization import quantize_layers

        config = dict(config)
        modes = config.pop("quantized", None)
        model = super().from_config(config)
        if modes:
            quantize_layers(model, modes)
        return model

    def get_compile_config(self):
        """Return how the model was compiled; nothing if that is as it was made."""
        untouched = self.optimizer is self._first_optimizer
        if untouched and not self.optimizer.built:
            return None
        return super().get_compile_config()

    def save_assets(self, folder: str) -> None:
        """Write the tokenizer's files into a `.keras` archive."""
        if self.tokenizer is not None:
            self.tokenizer.save(folder)

    def load_assets(self, folder: str) -> None:
        """Read the tokenizer's files from a `.keras` archive."""
        from kzoo.tokenizers import from_folder, has_tokenizer

        if has_tokenizer(folder):
            self.tokenizer = from_folder(folder)
