"""Keeping memory that a training frees for its next step."""

import ctypes
import os

# What a step frees and the next one asks for again, from <malloc.h>: its parameters,
# and values by which no memory goes back, and the heap grows by 64 MiB or more.
_NEVER_TRIM = (-1, -1)
_GROW_BY = (-2, 1 << 26)
_MAP_NONE = (-4, 0)
_SET_BY_USER = ("MALLOC_", "GLIBC_TUNABLES", "LD_PRELOAD")


def keep_freed_memory() -> bool:
    """Have this process keep memory that it frees, for what it allocates next.

    A training step on a CPU frees hundreds of megabytes that the next one asks for
    again. The GNU C library gives pieces of 32 MiB and more back to the system each
    time, and the system clears them again page by page, which was measured to take
    from nothing to a quarter of a step. The greatest memory that a process takes stays
    about the same; what is different is that it keeps it to its end.

    Call it before a training. `kzoo` does so on the command line.

    Returns:
        Whether it was done: not where the C library is another one, nor where the
        environment says how memory is allocated (`MALLOC_*`, `GLIBC_TUNABLES`,
        `LD_PRELOAD`).

    Example:
        >>> keep_freed_memory() in (True, False)
        True

    Reference:
        mallopt(3), of the Linux manual pages: M_TRIM_THRESHOLD, M_MMAP_MAX, M_TOP_PAD.
    """
    if any(name.startswith(_SET_BY_USER) for name in os.environ):
        return False
    try:
        library = ctypes.CDLL(None)
        library.gnu_get_libc_version  # noqa: B018
        tune = library.mallopt
    except (OSError, AttributeError, TypeError):  # musl, macOS, Windows
        return False
    return all(tune(*pair) == 1 for pair in (_NEVER_TRIM, _GROW_BY, _MAP_NONE))
