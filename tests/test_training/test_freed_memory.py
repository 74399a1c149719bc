"""Memory that is freed and asked for again."""

import json
import os
import platform
import subprocess
import sys

import pytest

pytestmark = pytest.mark.backend_free

# The pages that Linux has to clear for 64 MiB, four times one behind the other.
FAULTS = """
import json, resource, sys
from kzoo.training import keep_freed_memory

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

kept = sys.argv[1] == "keep" and keep_freed_memory()
counts = []
for _ in range(4):
    before = faults()
    piece = b"x" * (1 << 26)
    del piece
    counts.append(faults() - before)
print(json.dumps([kept, counts]))
"""
PAGES = (1 << 26) >> 21  # or more, where pages are smaller

glibc = pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="of the GNU C library"
)


def measured(mode, **environment):
    """Return whether memory was kept, and the page faults of four allocations."""
    names = ("MALLOC_", "GLIBC_TUNABLES", "LD_PRELOAD")
    plain = {k: v for k, v in os.environ.items() if not k.startswith(names)}
    output = subprocess.run(
        [sys.executable, "-c", FAULTS, mode],
        env={**plain, **environment},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return json.loads(output)


@glibc
def test_memory_is_cleared_once():
    kept, (first, *later) = measured("keep")
    assert kept
    assert first >= PAGES
    assert max(later) < first / 4


@glibc
def test_the_c_library_would_give_it_back():
    kept, counts = measured("leave")
    assert not kept
    assert min(counts) >= PAGES


def test_what_the_environment_says_stays():
    kept, _ = measured("keep", MALLOC_ARENA_MAX="8")
    assert not kept
