"""Where pairs come from: parallel files, tables, TFDS, a grammar."""

import os
import pathlib

from kzoo.data.options import SPLITS, ReadOptions
from kzoo.data.pairs import PairSource
from kzoo.data.splits import split_in_name
from kzoo.errors import InputError, unknown_name

_DEMOS = ("en-de", "de-en")


def find_pairs(spec: str | os.PathLike, options: ReadOptions) -> PairSource:
    """Return the source of pairs that a data spec names.

    Args:
        spec: The data spec.
        options: The caller's options.

    Returns:
        The source; no pair has been read yet.

    Raises:
        InputError: If the spec names nothing, or the languages are not clear.
    """
    text = os.fspath(spec)
    kind, _, name = text.partition(":")
    if kind == "demo":
        return _demo(text, name, options)
    if kind == "tfds":
        from kzoo.data.pair_tfds import tfds_pairs

        return tfds_pairs(name, options)
    path = pathlib.Path(text).expanduser()
    if path.is_dir():
        from kzoo.data.parallel_files import parallel_folder

        return parallel_folder(path, options) or _folder_of_tables(path, options)
    if not path.exists():
        raise InputError(
            "Pairs are demo:en-de, tfds:NAME, or a file or folder that exists.",
            f"spec={text!r}",
            "Check the path.",
        )
    from kzoo.data.pair_tables import read_pair_table

    split = split_in_name(path.name)
    return PairSource(
        str(path),
        (split or "train",),
        lambda _: read_pair_table(path, options),
        0.1 if split is None else 0.0,
    )


def _demo(spec: str, name: str, options: ReadOptions) -> PairSource:
    if name not in _DEMOS:
        raise unknown_name("generated text", spec, [f"demo:{name}" for name in _DEMOS])
    source, target = name.split("-")
    asked = (options.source_language or source, options.target_language or target)
    if asked != (source, target):
        raise InputError(
            "The name of generated pairs says what is translated into what.",
            f"spec={spec!r}, source_language={options.source_language!r}, "
            f"target_language={options.target_language!r}",
            f"Write demo:{target}-{source}, or leave the languages out.",
        )
    from kzoo.data.demo_translation import demo_pairs

    return demo_pairs(source, target, options)


def _folder_of_tables(folder: pathlib.Path, options: ReadOptions) -> PairSource:
    from kzoo.data.files import files_in_folder
    from kzoo.data.pair_tables import read_pair_table

    found = files_in_folder(
        folder, options, "train.de and train.en, or train.csv, train.tsv, train.jsonl"
    )
    parts = tuple(name for name in SPLITS if name in found)
    return PairSource(
        str(folder), parts, lambda name: read_pair_table(found[name], options)
    )
