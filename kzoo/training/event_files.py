"""TensorBoard's event files, of which a resumed training drops the end."""

import os
import pathlib

from kzoo.files import replacing


def drop_after(folder: str | os.PathLike, last: dict[str, int]) -> int:
    """Drop the scalars behind given steps from the event files below a folder.

    A file is written anew beside itself and renamed, so that none is ever cut; one
    that loses nothing is left alone. What a crash left of a last record is dropped.

    Args:
        folder: A log folder; it need not exist.
        last: Beginning of a scalar's name -> its last step to keep.

    Returns:
        How many scalars were dropped.
    """
    dropped = 0
    for path in sorted(pathlib.Path(folder).rglob("events.out.tfevents.*")):
        records = list(_records(path))
        kept = [record for record in records if _is_kept(record, last)]
        if len(kept) < len(records):
            _write(path, kept)
            dropped += len(records) - len(kept)
    return dropped


def _records(path):
    from tensorboard.backend.event_processing.event_file_loader import (
        RawEventFileLoader,
    )

    return RawEventFileLoader(str(path)).Load()


def _is_kept(record: bytes, last: dict[str, int]) -> bool:
    from tensorboard.compat.proto.event_pb2 import Event

    event = Event.FromString(record)
    return not any(
        value.tag.startswith(begin) and event.step > step
        for value in event.summary.value
        for begin, step in last.items()
    )


def _write(path: pathlib.Path, records: list[bytes]) -> None:
    from tensorboard.summary.writer.record_writer import RecordWriter

    with replacing(path) as temporary, open(temporary, "wb") as file:
        writer = RecordWriter(file)
        for record in records:
            writer.write(record)
