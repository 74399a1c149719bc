"""Damage to files: what a worn disk or a torn copy does to a folder."""

import os
import pathlib

import numpy as np


def files_of(folder):
    """Return the files of a folder and what is in them, by path."""
    folder = pathlib.Path(folder)
    paths = sorted(p for p in folder.rglob("*") if p.is_file())
    return {path: path.read_bytes() for path in paths}


def damaged(whole, draws):
    """Return a file and its content with a bit flipped, or cut short.

    Args:
        whole: What `files_of` returned.
        draws: A `numpy.random.Generator`.
    """
    paths = [path for path, content in whole.items() if content]
    # As often in small files as in great ones: there lies what is read first.
    path = paths[int(draws.integers(len(paths)))]
    content = bytearray(whole[path])
    if draws.random() < 0.5:
        return path, bytes(content[: int(draws.integers(len(content)))])
    bit = int(draws.integers(8 * len(content)))
    content[bit // 8] ^= 1 << (bit % 8)
    return path, bytes(content)


def count_found(folder, check, trials, seed=0):
    """Damage a folder again and again, and count what a check says.

    Args:
        folder: The folder; it is left as it was.
        check: Raises for a damaged folder.
        trials: How often.
        seed: Of the damage.

    Returns:
        How often it raised, by the name of the error's class; `None` for silence.
    """
    whole = files_of(folder)
    draws = np.random.default_rng(seed)
    counts = {}
    for _ in range(trials):
        path, content = damaged(whole, draws)
        _write(path, content)
        try:
            check(folder)
            name = None
        except Exception as error:  # noqa: BLE001  the kind is what is counted
            name = type(error).__name__
        counts[name] = counts.get(name, 0) + 1
        _write(path, whole[path])
    return counts


def _write(path, content):
    handle = os.open(path, os.O_WRONLY | os.O_TRUNC)
    try:
        os.write(handle, content)
    finally:
        os.close(handle)
