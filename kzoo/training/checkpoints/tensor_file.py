"""Tensors in a safetensors file: streamed out and hashed meanwhile, read with care.

The format is that of the library, which opens these files too. Ours streams arrays
without a copy of them all, through the calls that tests make fail, and tells what a
file holds before a byte of a tensor is read.
"""

import dataclasses
import json
import math
import os
import pathlib
from collections.abc import Iterable, Mapping

import numpy as np

from kzoo.training.checkpoints.errors import DamagedCheckpoint

_MOST_HEADER = 1 << 26
_MOST_AXES = 32
_NAMES = {
    "bool": "BOOL", "uint8": "U8", "int8": "I8", "uint16": "U16", "int16": "I16",
    "uint32": "U32", "int32": "I32", "uint64": "U64", "int64": "I64",
    "float16": "F16", "bfloat16": "BF16", "float32": "F32", "float64": "F64",
    "float8_e4m3fn": "F8_E4M3", "float8_e5m2": "F8_E5M2",
}  # fmt: skip
_TYPES = {name: type_name for type_name, name in _NAMES.items()}


@dataclasses.dataclass(frozen=True)
class TensorSpec:
    """Where a tensor lies in its file, and what it is."""

    dtype: np.dtype
    shape: tuple[int, ...]
    begin: int
    end: int


def chunks(arrays: Mapping[str, np.ndarray]) -> Iterable[bytes | memoryview]:
    """Yield the bytes of a file of tensors, array after array without a copy.

    Args:
        arrays: The tensors by name.

    Yields:
        The header, then the buffer of each array.

    Raises:
        TypeError: If an array has a type that the format has no name for.

    Example:
        >>> from safetensors.numpy import load
        >>> data = b"".join(chunks({"a": np.arange(3, dtype="int32")}))
        >>> load(data)["a"].tolist()
        [0, 1, 2]
    """
    header, place = {}, 0
    whole = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    for name, array in arrays.items():
        if array.dtype.name not in _NAMES:
            raise TypeError(f"A checkpoint has no room for {name} of {array.dtype}.")
        header[name] = {
            "dtype": _NAMES[array.dtype.name],
            "shape": list(array.shape),
            "data_offsets": [place, place + array.nbytes],
        }
        place += array.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    yield len(text).to_bytes(8, "little") + text
    for array in whole.values():
        if array.nbytes:
            yield memoryview(array.reshape(-1).view(np.uint8))


class TensorFile:
    """The tensors of a file that is known to be whole, read one by one.

    The header is checked when the file is opened: known types, shapes whose size is
    that of their bytes, one tensor after the other without gap or overlap, up to the
    end of the file. Nothing is allocated for a tensor before it is asked for.

    Args:
        path: The file.

    Attributes:
        specs: What each name is.

    Raises:
        DamagedCheckpoint: If the header does not describe the file.
    """

    def __init__(self, path: pathlib.Path) -> None:
        self.path = path
        size = os.stat(path).st_size
        with open(path, "rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if size < 8 or length > min(size - 8, _MOST_HEADER):
                raise DamagedCheckpoint(path, "a header longer than the file")
            text = file.read(length)
        self._start = 8 + length
        self.specs = _specs(path, text, size - self._start)

    def read(self, name: str) -> np.ndarray:
        """Return a tensor.

        Raises:
            DamagedCheckpoint: If the file ends before it.
        """
        spec = self.specs[name]
        array = np.empty(spec.shape, spec.dtype)
        if array.nbytes:
            target = memoryview(array.reshape(-1).view(np.uint8))
            with open(self.path, "rb") as file:
                file.seek(self._start + spec.begin)
                if file.readinto(target) != array.nbytes:
                    raise DamagedCheckpoint(self.path, "the file became shorter")
        return array


def _specs(path, text: bytes, size: int) -> dict[str, TensorSpec]:
    """Return what a header says.

    Raises:
        DamagedCheckpoint: If it is odd in any way.
    """
    try:
        header = json.loads(text)
        specs = {name: _spec(row) for name, row in header.items()}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise DamagedCheckpoint(path, f"an odd header ({error!r})") from error
    place = 0
    for name, spec in specs.items():
        wanted = math.prod(spec.shape) * spec.dtype.itemsize
        if spec.begin != place or spec.end - spec.begin != wanted:
            raise DamagedCheckpoint(path, f"tensor {name[:80]!r} of an odd size")
        place = spec.end
    if place != size:
        raise DamagedCheckpoint(path, "bytes that belong to no tensor")
    return specs


def _spec(row: dict) -> TensorSpec:
    shape, (begin, end) = row["shape"], row["data_offsets"]
    sizes = (*shape, begin, end)
    if len(shape) > _MOST_AXES or not all(type(n) is int and n >= 0 for n in sizes):
        raise ValueError("a size that is no size")
    name = _TYPES[row["dtype"]]
    return TensorSpec(np.dtype(_dtype_of(name)), tuple(shape), begin, end)


def _dtype_of(name: str):
    if name.startswith(("bfloat", "float8")):
        import ml_dtypes  # comes with Keras

        return getattr(ml_dtypes, name)
    return name
