"""The model families that commands know by name."""

import importlib
import pathlib
from types import ModuleType

from kzoo.errors import InputError, unknown_name

# Family -> (the class, how it is trained).
FAMILIES = {
    "classifier": ("TextClassifier", "kzoo.cli.classifier_training"),
    "gpt2": ("GPT2CausalLM", "kzoo.cli.gpt2_training"),
}
_PLANNED = ("translator",)


def check_family(name: str) -> None:
    """Refuse a family that this version has not.

    Raises:
        InputError: If there is no such family.
    """
    if name in _PLANNED:
        raise InputError(
            f"This version trains {' and '.join(FAMILIES)} only.",
            f"FAMILY={name}, which is not in this version",
            f"Pass {' or '.join(FAMILIES)}.",
        )
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

    folder = pathlib.Path(run)
    if run.startswith("hf://"):
        from kzoo.models.sources import _download

        folder = pathlib.Path(_download(run))
    path = folder / preset_folder.CONFIG
    config = read_json(path) if path.is_file() else {}
    if not isinstance(config, dict):
        return "classifier"
    if config.get("format") == preset_folder.FORMAT:
        named = {cls: family for family, (cls, _) in FAMILIES.items()}
        return named.get(str(config.get("model")), "classifier")
    return "gpt2" if config.get("model_type") == "gpt2" else "classifier"
