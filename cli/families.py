"""The model families that commands know by name."""

import importlib
import pathlib
from types import ModuleType

from kzoo.errors import unknown_name

# Family -> (the class, how it is trained).
FAMILIES = {
    "classifier": ("TextClassifier", "kzoo.cli.classifier_training"),
    "gpt2": ("GPT2CausalLM", "kzoo.cli.gpt2_training"),
    "translator": ("Translator", "kzoo.cli.translator_training"),
}
_MODEL_TYPES = {"gpt2": "gpt2", "marian": "translator"}


def check_family(name: str) -> None:
    """Refuse a family that there is not.

    Raises:
        InputError: If there is no such family.
    """
    if name not in FAMILIES:
        raise unknown_name("family", name, FAMILIES)


def class_name(family: str) -> str:
    """Return the name of a family's model class."""
    return FAMILIES[family][0]


def training_of(family: str) -> ModuleType:
    """Return the module that trains a family: `start` and `shown`."""
    return importlib.import_module(FAMILIES[family][1])


def family_of(run: str) -> str:
    """Return the family of a run folder, a Hugging Face folder or a hub name.

    What cannot be told is left to the classifier, whose loader says what is wrong.

    Args:
        run: The source, as commands take it.

    Returns:
        A name in `FAMILIES`.
    """
    from kzoo.files import read_json
    from kzoo.models import preset_folder
    from kzoo.models.checkpoints import ctranslate2

    folder = pathlib.Path(run)
    if run.startswith("hf://"):
        from kzoo.models.sources import _download

        folder = pathlib.Path(_download(run))
    if ctranslate2.is_folder(folder):
        return "translator"
    path = folder / preset_folder.CONFIG
    config = read_json(path) if path.is_file() else {}
    if not isinstance(config, dict):
        return "classifier"
    if config.get("format") == preset_folder.FORMAT:
        named = {cls: family for family, (cls, _) in FAMILIES.items()}
        return named.get(str(config.get("model")), "classifier")
    return _MODEL_TYPES.get(str(config.get("model_type")), "classifier")
