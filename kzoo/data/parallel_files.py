"""Two files for each split, one for each language, line by line: `train.de`, `.en`."""

import pathlib
import re

from kzoo.data.options import SPLITS, ReadOptions
from kzoo.data.pairs import Pairs, PairSource
from kzoo.data.splits import split_in_name
from kzoo.data.text_files import read_text
from kzoo.errors import InputError

# Endings that look like a language's name: de, deu, pt_BR, zh-Hans.
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*")
_OTHER_ENDINGS = frozenset(
    "bin bpe bz2 cfg csv dat db doc gif gz htm ini jpg js json log md npy npz odt pdf "
    "png pt py rst rtf sh spm sql svg tar tex tfr tgz tok toml tsv txt vec xml xz yml "
    "zip zst".split()
)


def parallel_folder(folder: pathlib.Path, options: ReadOptions) -> PairSource | None:
    """Return the parallel files of a folder as a source.

    `STEM.LANGUAGE` (also with `.txt` and `.gz` behind) are one side of a part each; a
    stem that says a split is that split, see `split_in_name`. Where several say the
    same one, the bare name (`test`) wins, and the others are read by their stems.

    Args:
        folder: The folder.
        options: The caller's options.

    Returns:
        The source, or None where no two files are parallel and no language is named.

    Raises:
        InputError: If it is not clear which language is which, or a file is missing.
    """
    named = tuple(filter(None, (options.source_language, options.target_language)))
    stems = _stems(folder, named)
    if not any(len(sides) > 1 for sides in stems.values()) and not (
        named and any(set(sides) & set(named) for sides in stems.values())
    ):
        return None
    source, target, notes = _languages(folder, stems, options)
    whole: dict[str, tuple[pathlib.Path, pathlib.Path]] = {}
    for stem, sides in stems.items():
        if source in sides and target in sides:
            whole[stem] = (sides[source], sides[target])
        elif (source in sides or target in sides) and split_in_name(stem):
            there = next(sides[name] for name in (source, target) if name in sides)
            lacks = target if source in sides else source
            raise InputError(
                "Every file has its other side beside it.",
                f"{str(there)!r} without {stem}.{lacks}",
                "Add the file, or move this one away.",
            )
    parts, undecided = _splits(folder, list(whole))

    def read_part(name: str) -> Pairs:
        return read_parallel(*whole[parts.get(name, name)], source, target, options)

    return PairSource(
        str(folder),
        tuple(name for name in SPLITS if name in parts),
        read_part,
        others=tuple(stem for stem in whole if stem not in (*SPLITS, "all")),
        undecided=undecided,
        notes=notes,
    )


def read_parallel(
    source_file: pathlib.Path,
    target_file: pathlib.Path,
    source_language: str | None,
    target_language: str | None,
    options: ReadOptions,
) -> Pairs:
    r"""Return the pairs of two files: line i of one and line i of the other.

    A line ends in `\n` or `\r\n` and nowhere else.

    Args:
        source_file: The file to translate from.
        target_file: The file of the translations.
        source_language: Its language.
        target_language: Its language.
        options: The caller's options.

    Returns:
        The pairs, empty lines among them.

    Raises:
        InputError: If a file cannot be read or is empty, or one has more lines.
    """
    sources, targets = (_lines(path, options) for path in (source_file, target_file))
    if len(sources) != len(targets):
        raise InputError(
            "Line i of one file is the translation of line i of the other.",
            f"{len(sources):,} lines in {str(source_file)!r}, {len(targets):,} lines "
            f"in {str(target_file)!r}",
            "Make the files parallel again; only \\n ends a line.",
        )
    where = f"{source_file} and {target_file.name}"
    return Pairs(sources, targets, source_language, target_language, where=where)


def _lines(path: pathlib.Path, options: ReadOptions) -> list[str]:
    lines = read_text(path, options.encoding).split("\n")
    if not lines[-1]:
        lines.pop()
    if not lines:
        raise InputError(
            "A file of text holds at least one line.",
            f"file={str(path)!r}, which is empty",
            "Check the file.",
        )
    return [line.removesuffix("\r") for line in lines]


def _stems(folder: pathlib.Path, named: tuple[str, ...]):
    """Return the files by what stands before the language, and by language."""
    stems: dict[str, dict[str, pathlib.Path]] = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or not path.is_file():
            continue
        name = path.name.removesuffix(".gz")
        bare = name.removesuffix(".txt")
        name = bare if "." in bare else name
        stem, _, language = name.rpartition(".")
        fits = language in named or (
            _LANGUAGE.fullmatch(language) and language.lower() not in _OTHER_ENDINGS
        )
        if not stem or not fits:
            continue
        sides = stems.setdefault(stem, {})
        if language in sides:
            raise InputError(
                "A folder holds each side of a split once.",
                f"{sides[language].name!r} and {path.name!r} in {str(folder)!r}",
                "Move one of them away.",
            )
        sides[language] = path
    return stems


def _languages(folder: pathlib.Path, stems, options: ReadOptions):
    """Return what is translated from and into, and a note on how that was found."""
    placed = [sides for stem, sides in stems.items() if split_in_name(stem)]
    endings = sorted({ending for sides in placed for ending in sides})
    if len(endings) < 2:
        endings = sorted({ending for sides in stems.values() for ending in sides})
    source, target = options.source_language, options.target_language
    missing = [name for name in (source, target) if name and name not in endings]
    if missing:
        raise InputError(
            "A language is the ending of files such as train.de and train.en.",
            f"language={missing[0]!r}, folder={str(folder)!r} with the endings "
            f"{', '.join(endings)}",
            "Name two of those with source_language and target_language (--source, "
            "--target).",
        )
    if source and target:
        return source, target, ()
    others = [name for name in endings if name not in (source, target)]
    if len(others) == 1 and (source or target):
        source, target = source or others[0], target or others[0]
        note = f"{folder}: {source} is translated into {target}, the other ending"
        return source, target, (note,)
    first, second = endings[0], endings[-1]
    raise InputError(
        "It is said which language is translated into which.",
        f"folder={str(folder)!r} with the endings {', '.join(endings)}, "
        f"source_language={source!r}, target_language={target!r}",
        f"Pass source_language={first!r}, target_language={second!r} (--source {first} "
        f"--target {second}), or the other way round.",
    )


def _splits(folder: pathlib.Path, stems: list[str]):
    """Return the stem of each split, and the stems of splits that have several."""
    found: dict[str, list[str]] = {}
    for stem in stems:
        found.setdefault(split_in_name(stem) or "", []).append(stem)
    unnamed = found.pop("", [])
    if not found.get("train") and len(unnamed) == 1:
        found["train"] = unnamed
    parts, undecided = {}, {}
    for split, names in found.items():
        bare = [name for name in names if re.fullmatch("[a-z]+", name.lower())]
        if len(bare) == 1 or len(names) == 1:
            parts[split] = (bare if len(bare) == 1 else names)[0]
        else:
            undecided[split] = tuple(names)
    if not parts and not undecided:
        raise InputError(
            "A folder of parallel files holds train.de and train.en, or one pair of "
            "files.",
            f"folder={str(folder)!r} with {', '.join(stems)}",
            "Rename them: train, validation, test.",
        )
    return parts, undecided
