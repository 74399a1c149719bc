"""The few system calls that a checkpoint is written with, in one place.

A test replaces them one by one with calls that fail, which is how it is known that a
full disk or a dying one leaves the old checkpoint or the new one and nothing between.
"""

import os
import pathlib
import shutil


class FileLayer:
    """Files and folders on the disk, synced where it is asked for.

    Example:
        >>> import tempfile
        >>> layer, path = FileLayer(), pathlib.Path(tempfile.mkdtemp(), "a")
        >>> handle = layer.create(path)
        >>> layer.write(handle, memoryview(b"whole"))
        5
        >>> layer.sync(handle), layer.close(handle), path.read_bytes()
        (None, None, b'whole')
    """

    def make_folder(self, path: pathlib.Path) -> None:
        """Make a folder that does not exist yet."""
        os.mkdir(path)

    def create(self, path: pathlib.Path) -> int:
        """Create a file that does not exist yet and return its handle."""
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)

    def write(self, handle: int, data: memoryview) -> int:
        """Write some bytes and return how many were taken: maybe not all."""
        return os.write(handle, data)

    def sync(self, handle: int) -> None:
        """Return when what was written is on the disk."""
        os.fsync(handle)

    def close(self, handle: int) -> None:
        """Close a file."""
        os.close(handle)

    def rename(self, old: pathlib.Path, new: pathlib.Path) -> None:
        """Give a folder its name, in one step."""
        os.rename(old, new)

    def sync_folder(self, path: pathlib.Path) -> None:
        """Return when the names in a folder are on the disk."""
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def remove_folder(self, path: pathlib.Path) -> None:
        """Take a folder away with all that is in it."""
        shutil.rmtree(path)


def write_all(layer: FileLayer, handle: int, data) -> None:
    """Write all bytes, in as many calls as it takes.

    Args:
        layer: The system calls.
        handle: Of an open file.
        data: Bytes, or anything with a buffer of them.

    Raises:
        OSError: If a call fails, or takes nothing.
    """
    rest = memoryview(data).cast("B")
    while len(rest):
        # Half a GiB at a time: Linux takes no more than 2 GiB in one call.
        taken = layer.write(handle, rest[: 1 << 29])
        if taken <= 0:
            raise OSError("the disk took no byte of a write")
        rest = rest[taken:]
