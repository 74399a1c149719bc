"""Going on with a run: what it was asked to be, and whether that is asked again."""

import dataclasses
import hashlib
import pathlib
import re
import tempfile
from typing import Any

from kzoo.cli.job import Job
from kzoo.errors import InputError
from kzoo.files import read_json, write_json

REQUEST = "resume.json"
CHECKPOINTS = "checkpoints"
_FORMAT = "kzoo-resume-1"
# What may change from one start to the next: the training is the same.
_FREE = ("resume", "checkpoint_every", "keep_checkpoints", "strategy", "devices",
         "mesh", "micro_batches", "profile", "peak_flops")  # fmt: skip
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}


def parse_every(text: str) -> tuple[int | None, float | None]:
    """Return how far checkpoints are apart.

    Args:
        text: Seconds, minutes or hours as in `60s`, `10m`, `1h`; steps as in `500`;
            `0` for none.

    Returns:
        Steps and seconds: one of them, or neither.

    Raises:
        InputError: If it is nothing of the kind.

    Example:
        >>> parse_every("10m"), parse_every("500"), parse_every("0")
        ((None, 600.0), (500, None), (None, None))
    """
    found = re.fullmatch(r"(\d+)([smh]?)", text)
    if found is None:
        raise InputError(
            "Checkpoints are some time or some steps apart.",
            f"--checkpoint-every {text}",
            "Write 60s, 10m, 1h, or 500 for steps; 0 for none.",
        )
    number = int(found[1])
    if found[2] and number:
        return None, number * _UNITS[found[2]]
    return number or None, None


def goes_on(job: Job, backend: str, overwrite: bool) -> bool:
    """Return whether a training goes on with what is in its run folder.

    With `--resume` it does if there is a checkpoint. Without, it does where the same
    was asked for and did not come to its end.

    Args:
        job: The job.
        backend: What it computes with.
        overwrite: Whether an older run may go.

    Raises:
        InputError: If `--resume` is asked for and the run was asked to be another, or
            `--overwrite` as well; or if it has checkpoints, and none are wanted.
    """
    if job.train.resume and overwrite:
        raise InputError(
            "A run is gone on with or written over.",
            "--resume --overwrite",
            "Leave one of them out.",
        )
    path = job.out / REQUEST
    if overwrite or not has_begun(job.out):
        return False
    recorded = read_json(path)
    if recorded.get("format") != _FORMAT:
        raise InputError(
            "A run is gone on with by the kzoo that began it.",
            f"{path} of format {recorded.get('format')!r}",
            "Pass --overwrite to start anew.",
        )
    different = _differences(recorded["request"], request_of(job, backend))
    if not job.train.resume:
        same = not different and not _ended(job.out)
        none = parse_every(job.train.checkpoint_every) == (None, None)
        if same and none and has_checkpoint(job.out):
            raise InputError(
                "A run that has checkpoints is gone on with from them.",
                f"--checkpoint-every {job.train.checkpoint_every}, and checkpoints "
                f"in {job.out / CHECKPOINTS}",
                "Leave the option out, or start anew with --overwrite.",
            )
        return same
    if different:
        raise InputError(
            "A run is gone on with as it was begun.",
            "; ".join(different),
            "Ask for the same, or name another folder.",
        )
    return True


def has_begun(out: pathlib.Path) -> bool:
    """Return whether a folder holds a run that had a first step before it."""
    return (out / REQUEST).is_file()


def has_checkpoint(out: pathlib.Path) -> bool:
    """Return whether a run folder has a checkpoint, good or not."""
    from kzoo.training.checkpoints.store import Store

    return bool(Store(out / CHECKPOINTS).list())


def request_of(job: Job, backend: str) -> dict[str, Any]:
    """Return what a job asks for, as far as its outcome depends on it."""
    request = {"family": job.family, "data": job.spec, "validation": job.validation,
               "backend": backend}  # fmt: skip
    for options in (job.data, job.model, job.train, job.language, job.translator,
                    job.adaptation):  # fmt: skip
        for name, value in dataclasses.asdict(options).items():
            if name not in _FREE:
                name = "from" if name == "source" else name
                # The backend stands under its own name; no other name repeats.
                request[name] = str(value) if isinstance(value, pathlib.Path) else value
    return request


def write_request(job: Job, backend: str, start: Any) -> None:
    """Record what a run was asked to be, before its first step.

    Args:
        job: The job.
        backend: What it computes with.
        start: The model and its data.
    """
    value = {
        "format": _FORMAT,
        "request": request_of(job, backend),
        "found": _found(start),
    }
    write_json(job.out / REQUEST, value)


def check_found(out: pathlib.Path, start: Any) -> None:
    """Refuse to go on where the data or the tokenizer has changed meanwhile.

    Args:
        out: The run folder.
        start: The model and its data.

    Raises:
        InputError: If it has.
    """
    recorded, found = read_json(out / REQUEST)["found"], _found(start)
    different = [name for name in found if recorded.get(name) != found[name]]
    if different:
        raise InputError(
            "A run is gone on with on the data that it was begun on.",
            f"another {' and '.join(different)} than {out / REQUEST} has",
            "Bring it back, or start anew in another folder.",
        )


def _found(start: Any) -> dict[str, str]:
    digest = hashlib.sha256()
    with tempfile.TemporaryDirectory() as name:
        start.model.tokenizer.save(pathlib.Path(name, "tokenizer"))
        for path in sorted(pathlib.Path(name).rglob("*")):
            if path.is_file():
                digest.update(path.name.encode() + b"\n" + path.read_bytes())
    data = repr(sorted(start.data_record.items(), key=lambda item: item[0]))
    return {
        "data": hashlib.sha256(data.encode()).hexdigest(),
        "tokenizer": digest.hexdigest(),
    }


def _ended(out: pathlib.Path) -> bool:
    from kzoo.cli.run_folder import RECORD

    if not (out / RECORD).is_file():
        return False
    record = read_json(out / RECORD)
    return not (record.get("interrupted") or record.get("diverged"))


def _differences(recorded: dict[str, Any], asked: dict[str, Any]) -> list[str]:
    # By way of JSON, in which lists and tuples are one.
    return [
        f"--{name.replace('_', '-')} {asked.get(name)}, begun with {recorded.get(name)}"
        for name in dict.fromkeys((*asked, *recorded))
        if _plain(recorded.get(name)) != _plain(asked.get(name))
    ]


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
