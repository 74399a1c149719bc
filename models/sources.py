"""From a source's name to a model: presets, folders, the hub."""

import contextlib
import inspect
import os
import pathlib
import warnings

from kzoo.errors import InputError, reading, unknown_name
from kzoo.files import read_json
from kzoo.models import preset_folder
from kzoo.models.checkpoints.config_sizes import check_sizes
from kzoo.models.checkpoints.tensor_files import open_tensors
from kzoo.models.presets import PRESETS, preset_config
from kzoo.tokenizers import from_folder, has_tokenizer

_HUB = "hf://"
_HUB_FILES = ("*.json", "*.safetensors", "*.txt", "*.model", "*.spm", "*.bin")
_HEAD = ("classifier/kernel", "classifier/bias")


def load(cls, source: str | os.PathLike, overrides: dict):
    """Return the model of a source; see `Task.from_preset`."""
    _check_overrides(cls, overrides)
    source = os.fspath(source)
    if source.startswith(_HUB):
        source = _download(source)
    folder = pathlib.Path(source)
    if folder.is_dir():
        return _from_folder(cls, folder, overrides)
    presets = PRESETS[cls.__name__]
    if source in presets:
        return cls(**{**preset_config(cls.__name__, source), **overrides})
    raise InputError(
        "A source is a preset's name, a folder, or 'hf://org/name'.",
        f"source={source!r}, which is neither a folder nor a preset",
        f"Presets: {', '.join(presets)}.",
    )


def _from_folder(cls, folder, overrides):
    # With overrides it may be they that do not fit.
    with contextlib.nullcontext() if overrides else reading("model", folder):
        return _read(cls, folder, overrides)


def _read(cls, folder, overrides):
    from kzoo.models import checkpoints
    from kzoo.models.checkpoints import ctranslate2

    preset_folder.verify(folder)
    if preset_folder.is_preset_folder(folder):
        config = preset_folder.read_config(cls, folder)
        _check_config(cls, config, folder)
        family = None
    elif (folder / preset_folder.CONFIG).is_file():
        family, config = checkpoints.read_config(
            cls, read_json(folder / preset_folder.CONFIG), folder
        )
    elif cls.__name__ == "Translator" and ctranslate2.is_folder(folder):
        family, config = ctranslate2, ctranslate2.read_config(folder)
    else:
        raise InputError(
            "A folder to load holds config.json.",
            f"folder={str(folder)!r} without it",
            "Pass a run or preset folder, or a Hugging Face folder.",
        )
    try:
        check_sizes(config, folder)
    except InputError:
        if family is not ctranslate2:
            open_tensors(folder)  # a file that is missing or foreign is told first
        raise
    fresh = _fresh_weights(config, overrides, folder)
    model = cls(**{**config, **overrides})
    if family is None:
        preset_folder.load_weights(model, folder, fresh=fresh)
        tokenizer_folder = folder / preset_folder.TOKENIZER
    else:
        checkpoints.load_weights(model, family, folder, fresh=fresh)
        tokenizer_folder = folder
    if model.tokenizer is None and has_tokenizer(tokenizer_folder):
        model.tokenizer = from_folder(tokenizer_folder)
        _check_vocabulary(model, tokenizer_folder)
    return model


def _fresh_weights(config, overrides, folder):
    """Return the weights that start anew: a classifier's last, for other labels."""
    before = tuple(config.get("label_names", ()))
    names = tuple(overrides.get("label_names", before))
    if len(names) == len(before):
        return ()
    warnings.warn(
        f"The last layer starts anew: the labels {names} are not those of "
        f"{folder}, {before}.",
        stacklevel=6,
    )
    return _HEAD


def _check_vocabulary(model, folder):
    for name in ("vocabulary_size", "source_vocabulary_size"):
        # Without a size of its own the source's table is the target's.
        rows = model.arguments.get(name) or model.arguments["vocabulary_size"]
        tokens = getattr(model.tokenizer, name, 0)
        if tokens > rows:
            raise InputError(
                "Every token needs a row of the embedding.",
                f"a tokenizer with {name}={tokens} in {folder}, {rows} rows",
                "The folder mixes files of different models; fetch it again.",
            )
    # Elsewhere the tokenizer alone knows where a text ends.
    end_id = model.arguments.get("end_id")
    if end_id is not None and end_id != model.tokenizer.end_id:
        raise InputError(
            "The model and its tokenizer end a text by the same id.",
            f"end_id={end_id} of the model, {model.tokenizer.end_id} of the tokenizer "
            f"in {folder}",
            "The folder mixes files of different models; fetch it again.",
        )


def _check_overrides(cls, overrides):
    known = [*inspect.signature(cls.__init__).parameters, "dtype", "name"]
    known = [name for name in known if name not in ("self", "kwargs")]
    for name in overrides:
        if name not in known:
            raise unknown_name("constructor argument", name, known)


def _check_config(cls, config, folder):
    known = inspect.signature(cls.__init__).parameters
    unknown = sorted(set(config) - set(known))
    if unknown:
        raise InputError(
            "A preset's config holds the constructor's arguments only.",
            f"{', '.join(unknown)} in {folder}",
            "It may come from a newer kzoo: upgrade.",
        )
    objects = [
        name
        for name, value in config.items()
        if name == "tokenizer" or (isinstance(value, dict) and "class_name" in value)
    ]
    if objects:
        raise InputError(
            "A preset's config holds plain values, and no objects to be made.",
            f"{', '.join(objects)} in {folder}",
            "Do not load files of a source that you do not trust.",
        )


def _download(source):
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    repository = source.removeprefix(_HUB)
    try:
        return snapshot_download(repository, allow_patterns=list(_HUB_FILES))
    except (HfHubHTTPError, LocalEntryNotFoundError, ValueError) as error:
        raise InputError(
            "A hub source is 'hf://org/name' of a repository within reach.",
            f"source={source!r} ({str(error).splitlines()[0]})",
            "Check the name and the network, or pass a local folder.",
        ) from error
