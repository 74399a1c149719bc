"""`kzoo.json`: what an artefact is, and the hash of each of its files."""

import dataclasses
import hashlib
import json
import os
import pathlib
from typing import Any

import keras
import numpy as np

import kzoo
from kzoo.errors import InputError
from kzoo.export.options import Options
from kzoo.export.report import ExportReport
from kzoo.export.signature import Signature

NAME = "kzoo.json"
FORMAT = "kzoo-artefact-1"


def write(
    folder: pathlib.Path,
    *,
    format: str,
    layout: str,
    options: Options,
    family: str,
    signatures: tuple[Signature, ...],
    label_names: tuple[str, ...],
    weights: str,
    report: ExportReport,
) -> None:
    """Write the manifest of an artefact whose other files are all there."""
    value = {
        "format": FORMAT,
        "kzoo_version": kzoo.__version__,
        "artefact": format,
        "layout": layout,
        "precision": options.precision,
        "name": options.name,
        "version": options.version,
        "search": options.search and dataclasses.asdict(options.search),
        "family": family,
        "label_names": list(label_names),
        "signatures": [signature.to_dict() for signature in signatures],
        "limitations": list(report.limitations),
        "weights_sha256": weights,
        "files": file_hashes(folder),
        "validation": {k: v for k, v in report.to_dict().items() if k != "folder"},
    }
    text = json.dumps(value, indent=2, ensure_ascii=False)
    (folder / NAME).write_text(text + "\n", encoding="utf-8")


def read(folder: str | os.PathLike) -> dict[str, Any]:
    """Return an artefact's manifest.

    Raises:
        InputError: If the folder holds none, or none of ours.
    """
    path = pathlib.Path(folder, NAME)
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        if value["format"] != FORMAT:
            raise ValueError(f"format {value['format']!r}")
        value["signatures"] = tuple(map(Signature.from_dict, value["signatures"]))
        return value
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"An artefact of kzoo holds a manifest, {NAME}.",
            f"folder={os.fspath(folder)!r} ({error})",
            "Pass a folder that kzoo export wrote.",
        ) from error


def file_hashes(folder: pathlib.Path) -> dict[str, str]:
    """Return the SHA-256 of every file below a folder, the manifest left out."""
    hashes = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name != NAME:
            with open(path, "rb") as file:
                hashes[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return hashes


def changed_files(folder: pathlib.Path, hashes: dict[str, str]) -> list[str]:
    """Return a sentence for each file that is missing, new or changed."""
    now = file_hashes(folder)
    sentences = [f"The file {name} is missing." for name in hashes.keys() - now.keys()]
    sentences += [
        f"The file {name} is not of this artefact."
        for name in now.keys() - hashes.keys()
    ]
    sentences += [
        f"The file {name} has changed since it was exported."
        for name in hashes.keys() & now.keys()
        if hashes[name] != now[name]
    ]
    return sorted(sentences)


def weights_fingerprint(model: keras.Model) -> str:
    """Return the SHA-256 of a model's weights: their order, shapes and values.

    Names stay out, since Keras counts them up within a process, and so do random
    states.
    """
    digest = hashlib.sha256()
    for variable in model.weights:
        if variable.name == "seed_generator_state":
            continue
        value = np.ascontiguousarray(keras.ops.convert_to_numpy(variable))
        digest.update(f"{value.dtype} {value.shape} ".encode())
        digest.update(value.tobytes())
    return digest.hexdigest()
