"""Where running text comes from: text files, folders of them, tables, TFDS, demo."""

import dataclasses
import os
import pathlib

from kzoo.data.corpora import CorpusSource
from kzoo.data.options import SPLITS, ReadOptions
from kzoo.data.splits import split_in_name
from kzoo.data.text_files import read_text
from kzoo.errors import InputError, unknown_name

_TEXT_SUFFIXES = (".txt", ".text", ".md")
_TABLE_SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson")


def find_corpus(spec: str | os.PathLike, options: ReadOptions) -> CorpusSource:
    """Return the source of running text that a data spec names.

    Args:
        spec: The data spec.
        options: The caller's options.

    Returns:
        The source; nothing has been read yet.

    Raises:
        InputError: If the spec names nothing.
    """
    text = os.fspath(spec)
    kind, _, name = text.partition(":")
    if kind == "demo":
        if name != "stories":
            raise unknown_name("generated text", text, ["demo:stories"])
        from kzoo.data.demo_stories import demo_corpus

        return demo_corpus(options)
    if kind == "tfds":
        return _tfds_corpus(name, options)
    path = pathlib.Path(text).expanduser()
    if path.is_dir():
        return _folder(path, options)
    if not path.exists():
        raise InputError(
            "Text to model is demo:stories, tfds:NAME, or a file or folder that "
            "exists.",
            f"spec={text!r}",
            "Check the path.",
        )
    split = split_in_name(path.name)
    return CorpusSource(
        str(path),
        (split or "train",),
        lambda _: read_documents(path, options),
        0.1 if split is None else 0.0,
    )


def read_documents(path: pathlib.Path, options: ReadOptions) -> list[str]:
    """Return the texts of one file: a text file is one, a table one for each row.

    Args:
        path: The file.
        options: The caller's options.

    Returns:
        The texts.

    Raises:
        InputError: If it cannot be read.
    """
    if _suffix(path) not in _TABLE_SUFFIXES:
        return [read_text(path, options.encoding)]
    from kzoo.data.files import read_file

    raw = read_file(path, dataclasses.replace(options, require_labels=False))
    return [str(text) for text in raw.texts]


def _suffix(path: pathlib.Path) -> str:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] == ".gz":
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def _folder(folder: pathlib.Path, options: ReadOptions) -> CorpusSource:
    if (folder / "dataset_info.json").exists():
        raise InputError(
            "A folder that TFDS wrote is read as tfds:FOLDER.",
            f"spec={str(folder)!r}",
            f"Write tfds:{folder}.",
        )
    found: dict[str | None, list[pathlib.Path]] = {}
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        hidden = any(part.startswith(".") for part in inside.parts)
        if path.is_file() and not hidden and _suffix(path) in _suffixes(options):
            above = [split_in_name(part) for part in inside.parts[:-1]]
            split = split_in_name(path.name) or next(filter(None, above), None)
            found.setdefault(split, []).append(path)
    notes = []
    rest = found.pop(None, [])
    if rest and "train" not in found:
        found["train"] = rest
    elif rest:
        notes.append(
            f"{folder}: {_names(folder, rest)} left out, since no name says its split"
        )
    parts = {name: found[name] for name in SPLITS if name in found}
    if not parts:
        raise InputError(
            "A folder of text holds .txt files.",
            f"folder={str(folder)!r} without any",
            "Check the path, or name a single file.",
        )
    for split, paths in parts.items():
        bare = [p for p in paths if p.name.split(".")[0].lower() == split]
        if len(bare) == 1 and len(paths) > 1 and bare[0].parent == folder:
            others = [path for path in paths if path != bare[0]]
            notes.append(
                f"{folder}: {split} is {bare[0].name}; {_names(folder, others)} left "
                "out"
            )
            parts[split] = bare

    def read_part(split: str) -> list[str]:
        return [text for path in parts[split] for text in read_documents(path, options)]

    return CorpusSource(str(folder), tuple(parts), read_part, notes=tuple(notes))


def _suffixes(options: ReadOptions) -> tuple[str, ...]:
    return _TABLE_SUFFIXES if options.text_column is not None else _TEXT_SUFFIXES


def _names(folder: pathlib.Path, paths: list[pathlib.Path]) -> str:
    shown = ", ".join(str(path.relative_to(folder)) for path in paths[:3])
    return shown + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")


def _tfds_corpus(name: str, options: ReadOptions) -> CorpusSource:
    from kzoo.data import tfds_source

    builder = tfds_source._builder(name, options)
    where = f"tfds:{name}"
    parts = tuple(split for split in SPLITS if split in builder.info.splits)
    if not parts:
        raise InputError(
            f"A data set has a split {', '.join(SPLITS)}.",
            f"spec={where!r} with splits {', '.join(builder.info.splits) or 'none'}",
            "Prepare it again with those names.",
        )
    column = _text_feature(builder.info.features, where, options)

    def read_part(split: str) -> list[str]:
        rows = tfds_source._rows(builder, split)
        return [tfds_source._text(row[column]) for row in rows]

    return CorpusSource(where, parts, read_part)


def _text_feature(features, where: str, options: ReadOptions) -> str:
    """Return the name of the Text feature that is modelled."""
    import tensorflow_datasets as tfds

    kinds = dict(sorted(features.items())) if hasattr(features, "items") else {}
    texts = [n for n, kind in kinds.items() if isinstance(kind, tfds.features.Text)]
    asked = options.text_column
    if asked is None and (len(texts) == 1 or "text" in texts):
        return "text" if "text" in texts else texts[0]
    if asked in texts:
        return str(asked)
    listed = ", ".join(f"{n}: {type(kind).__name__}" for n, kind in kinds.items())
    raise InputError(
        "Text to model is one Text feature.",
        f"text_column={asked!r}, spec={where!r} with features {listed or 'none'}",
        f"Name one with text_column (--text-column): {', '.join(texts) or 'none'}.",
    )
