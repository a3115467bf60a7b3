"""A process that has had much in memory gives it back."""

import os
import platform
import subprocess
import sys

import pytest

PROGRAM = """
import sys
from pathlib import Path
from loaders.heap import return_freed_memory

if sys.argv[1] == "yes":
    return_freed_memory()
learn = b"a" * 30_000_000
del learn
blocks = [bytes([n]) * 3_000_000 for n in range(40)]
last = b"b" * 500_000  # Behind them, so that the heap cannot just end sooner.
del blocks
print(int(Path("/proc/self/statm").read_text().split()[1]) * 4096)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other allocators are left alone")
def test_large_blocks_that_were_freed_are_given_back() -> None:
    # What others have set for their processes in this one's environment, as Dask does, is not to be measured.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    kept, returned = (_resident(adjusted, environment) for adjusted in ("no", "yes"))
    assert returned < kept - 100_000_000


def _resident(adjusted: str, environment: dict[str, str]) -> int:
    command = [sys.executable, "-c", PROGRAM, adjusted]
    return int(subprocess.run(command, capture_output=True, check=True, env=environment).stdout)
