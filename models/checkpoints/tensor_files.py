"""Tensors on disk: safetensors, in one file or sharded, and PyTorch's pickles."""

import json
import os
import pathlib
from collections.abc import Iterator, Mapping

import numpy as np
from safetensors import SafetensorError, safe_open

from kzoo.errors import InputError
from kzoo.files import read_json

SAFETENSORS, PICKLE = "model.safetensors", "pytorch_model.bin"


def open_tensors(folder: str | os.PathLike) -> Mapping[str, np.ndarray]:
    """Return the tensors of a folder by name, each read when it is asked for.

    `model.safetensors` comes first, then its shards, then `pytorch_model.bin` (read
    with `weights_only`, so that no code in it runs) and its shards.

    Args:
        folder: The checkpoint's folder.

    Returns:
        A mapping of name to array.

    Raises:
        InputError: If there is no such file, or one is cut short or foreign.
    """
    folder = pathlib.Path(folder)
    if (folder / SAFETENSORS).is_file():
        return _SafeTensors([folder / SAFETENSORS])
    if (folder / f"{SAFETENSORS}.index.json").is_file():
        return _SafeTensors(_shards(folder, f"{SAFETENSORS}.index.json"))
    if (folder / PICKLE).is_file():
        return _read_pickles([folder / PICKLE])
    if (folder / f"{PICKLE}.index.json").is_file():
        return _read_pickles(_shards(folder, f"{PICKLE}.index.json"))
    raise InputError(
        f"A checkpoint's folder holds {SAFETENSORS} or {PICKLE}.",
        f"folder={str(folder)!r} with neither, nor their shards",
        "Copy the weights beside config.json.",
    )


class _SafeTensors(Mapping):
    """Tensors of safetensors files, read one at a time."""

    def __init__(self, paths: list[pathlib.Path]):
        self._path_of = {}
        for path in paths:
            with _open(path) as file:
                self._path_of.update(dict.fromkeys(file.keys(), path))

    def __getitem__(self, name: str) -> np.ndarray:
        with _open(self._path_of[name]) as file:
            return file.get_tensor(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._path_of)

    def __len__(self) -> int:
        return len(self._path_of)


def _open(path):
    try:
        return safe_open(path, framework="numpy")
    except (SafetensorError, OSError) as error:
        raise InputError(
            "The file must be whole safetensors.",
            f"path={str(path)!r} ({error})",
            "It is cut short or of another format: copy it again.",
        ) from error


def _shards(folder: pathlib.Path, index_name: str) -> list[pathlib.Path]:
    index = read_json(folder / index_name)
    names = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(names, dict) or not names:
        raise InputError(
            "A shard index maps tensors to files.",
            f"path={str(folder / index_name)!r} without weight_map",
            "Copy it again.",
        )
    shards = sorted({str(name) for name in names.values()})
    for name in shards:
        if pathlib.PurePath(name).name != name or "\\" in name:
            raise InputError(
                "A shard lies beside its index.",
                f"shard {json.dumps(name)} in {index_name}",
                "Do not load files of a source that you do not trust.",
            )
        if not (folder / name).is_file():
            raise InputError(
                "Every shard of the index must be there.",
                f"no file {str(folder / name)!r}",
                "Copy it too.",
            )
    return [folder / name for name in shards]


def _read_pickles(paths: list[pathlib.Path]) -> dict[str, np.ndarray]:
    try:
        import torch
    except ImportError as error:
        raise InputError(
            "PyTorch's own files need torch to be read.",
            f"path={str(paths[0])!r}",
            "Install kzoo[torch], or convert the file to safetensors.",
        ) from error
    tensors = {}
    for path in paths:
        try:
            loaded = torch.load(path, map_location="cpu", weights_only=True)
            for name, tensor in loaded.items():
                if tensor.dtype == torch.bfloat16:
                    tensor = tensor.float()
                tensors[name] = tensor.numpy()
        except Exception as error:  # torch raises many kinds on a foreign file
            raise InputError(
                "The file must be a PyTorch state dict of tensors alone.",
                f"path={str(path)!r} ({str(error).splitlines()[0]})",
                "It is cut short, foreign, or holds code, which is never run.",
            ) from error
    return tensors
