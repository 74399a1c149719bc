"""One reversible table of names for each checkpoint family."""

import dataclasses
import re
from collections.abc import Iterable, Mapping

import numpy as np

from kzoo.errors import InputError


@dataclasses.dataclass(frozen=True)
class Entry:
    """One weight of ours and the tensors of the checkpoint that make it up.

    Args:
        name: Our weight's path.
        sources: The checkpoint's tensors; several are joined along the last axis.
        transposed: Whether each tensor is stored as (out, in), torch's `Linear`.
    """

    name: str
    sources: tuple[str, ...]
    transposed: bool = False

    def read(self, tensors: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return our weight of the checkpoint's tensors."""
        parts = [tensors[source] for source in self.sources]
        if self.transposed:
            parts = [part.T for part in parts]
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-1)

    def write(self, weight: np.ndarray) -> dict[str, np.ndarray]:
        """Return the checkpoint's tensors of our weight."""
        parts = np.split(weight, len(self.sources), axis=-1)
        if self.transposed:
            parts = [part.T for part in parts]
        return {
            source: np.ascontiguousarray(part)
            for source, part in zip(self.sources, parts, strict=True)
        }


def dense(name: str, *sources: str) -> list[Entry]:
    """Return the entries of a dense layer, fused if there are several sources."""
    return [
        Entry(f"{name}/kernel", tuple(f"{s}.weight" for s in sources), transposed=True),
        Entry(f"{name}/bias", tuple(f"{s}.bias" for s in sources)),
    ]


def norm(name: str, source: str) -> list[Entry]:
    """Return the entries of a layer norm."""
    return [
        Entry(f"{name}/gamma", (f"{source}.weight",)),
        Entry(f"{name}/beta", (f"{source}.bias",)),
    ]


def encoder_block(
    name: str,
    *,
    query_key_value: Iterable[str],
    output: str,
    attention_norm: str,
    inner: str,
    outer: str,
    feed_forward_norm: str,
) -> list[Entry]:
    """Return the entries of an `EncoderBlock`, from the names of its parts."""
    attention, network = f"{name}/attention", f"{name}/feed_forward"
    return [
        *dense(f"{attention}/self_attention/query_key_value", *query_key_value),
        *dense(f"{attention}/self_attention/output_projection", output),
        *norm(f"{attention}/norm", attention_norm),
        *dense(f"{network}/feed_forward_network/inner", inner),
        *dense(f"{network}/feed_forward_network/outer", outer),
        *norm(f"{network}/norm", feed_forward_norm),
    ]


def assign_weights(
    variables: Mapping,
    tensors: Mapping[str, np.ndarray],
    entries: Iterable[Entry],
    *,
    ignorable: Iterable[str] = (),
    fresh: Iterable[str] = (),
    where: object = "the checkpoint",
) -> None:
    """Assign a checkpoint's tensors to variables: all of them, or none.

    Args:
        variables: Our variables by path.
        tensors: The checkpoint's tensors by name.
        entries: The table.
        ignorable: Patterns of tensors that are known to be of no use here.
        fresh: Our weights that keep their start values; their tensors are ignorable.
        where: What is read, for the error.

    Raises:
        InputError: If tensors are missing, unexpected, or of a shape that does not
            fit; it lists them all.
    """
    entries = list(entries)
    fresh = set(fresh)
    wanted = [entry for entry in entries if entry.name not in fresh]
    named = {source for entry in entries for source in entry.sources}
    missing = sorted({s for e in wanted for s in e.sources if s not in tensors})
    missing += sorted(set(variables) - {entry.name for entry in entries})
    unexpected = sorted(
        name
        for name in tensors
        if name not in named and not any(re.fullmatch(p, name) for p in ignorable)
    )
    weights, wrong = {}, []
    for entry in wanted:
        if any(source not in tensors for source in entry.sources):
            continue
        weight = entry.read(tensors)
        expected = tuple(variables[entry.name].shape)
        if weight.shape != expected:
            names = " + ".join(entry.sources)
            wrong.append(f"{names}: {weight.shape}, not {expected}")
        weights[entry.name] = weight
    problems = [
        f"{kind}: {', '.join(names)}"
        for kind, names in (
            ("missing", missing),
            ("unexpected", unexpected),
            ("wrong shape", wrong),
        )
        if names
    ]
    if problems:
        raise InputError(
            "Every tensor of a checkpoint has its place in the model.",
            f"{where}; {'; '.join(problems)}",
            "Check that the files are of this model and complete.",
        )
    for name, weight in weights.items():
        variables[name].assign(weight.astype(str(variables[name].dtype)))
