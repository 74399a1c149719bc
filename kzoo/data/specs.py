"""Data specs: `demo:NAME`, `tfds:NAME`, `tfds:FOLDER`, a file, a folder."""

import os
import pathlib

from kzoo.data.examples import Examples
from kzoo.data.options import ReadOptions
from kzoo.data.sources import Source, read_source
from kzoo.errors import unknown_name

DEMOS = ("reviews",)


def find_source(spec: str | os.PathLike, options: ReadOptions) -> Source:
    """Return the source that a data spec names.

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
        if name not in DEMOS:
            raise unknown_name(
                "generated data set", text, [f"demo:{name}" for name in DEMOS]
            )
        from kzoo.data.demo_reviews import demo_source

        return demo_source(options)
    if kind == "tfds":
        from kzoo.data.tfds_source import tfds_source

        return tfds_source(name, options)
    from kzoo.data.files import file_source

    return file_source(pathlib.Path(text).expanduser(), options)


def read(spec: str | os.PathLike, split: str, **options) -> Examples:
    """Read the raw examples of one split.

    Args:
        spec: `demo:reviews`, `tfds:NAME[/config]`, `tfds:FOLDER`, a `.csv`, `.tsv` or
            `.jsonl` file (also `.gz`), or a folder with one file per split.
        split: `train`, `validation`, `test`, or `all` for every row.
        **options: The arguments of `kzoo.data.ReadOptions`.

    Returns:
        The examples. Their notes say which columns were taken and what was cut.

    Raises:
        InputError: If the spec, the split or the rows cannot be read.

    Example:
        >>> import kzoo.data
        >>> examples = kzoo.data.read("demo:reviews", "test", size=8)
        >>> len(examples), examples.label_names
        (8, ('negative', 'positive'))
    """
    chosen = ReadOptions(**options)
    return read_source(find_source(spec, chosen), split, chosen)


def available_splits(spec: str | os.PathLike, **options) -> dict[str, str]:
    """Return the splits that `read` gives for a spec, and where each comes from.

    Args:
        spec: The data spec.
        **options: The arguments of `kzoo.data.ReadOptions`.

    Returns:
        Split name to `"stored"` (taken whole), `"cut"` (a share of the training
        rows) or `"rest"` (the training rows that nothing was cut from).

    Raises:
        InputError: If the spec names nothing.

    Example:
        >>> available_splits("demo:reviews")
        {'train': 'stored', 'validation': 'stored', 'test': 'stored'}
    """
    chosen = ReadOptions(**options)
    return find_source(spec, chosen).splits(chosen)
