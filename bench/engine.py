"""What the engine alone takes to load quads: the floor under everything that `trialweave load` does with them.

Run with `python -m bench.engine FILE` on N-Quads as `trialweave export` writes them. They are loaded in the portions of
`app.store.spool`, as they are and then each with its triple for the union, which every generation holds. The figures
are microseconds of processor time a quad, the merging of the engine's files included.
"""

import resource
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pyoxigraph as ox

from app.store.spool import SPOOLED_BYTES
from app.store.union import without_graphs

__all__ = ["bulk_load"]


def main() -> None:
    """Print both figures."""
    for union in (False, True):
        quads, seconds = bulk_load(Path(sys.argv[1]), union=union)
        what = "quads and their union" if union else "quads"
        print(f"{what:22} {quads:9,} {seconds:6.1f} s {seconds / quads * 1e6:6.1f} us a quad", flush=True)


def bulk_load(file: Path, *, union: bool) -> tuple[int, float]:
    """Load a file into a new store; return its quads and the seconds of processor time."""
    quads, seconds = 0, 0.0
    with TemporaryDirectory() as scratch:
        store = ox.Store(f"{scratch}/store")
        for lines in _portions(file, SPOOLED_BYTES // 2 if union else SPOOLED_BYTES):
            portion = Path(scratch) / "portion.nq"
            portion.write_bytes((without_graphs(lines) or b"") + lines if union else lines)
            quads += lines.count(b"\n")
            before = _used()
            store.bulk_load(path=str(portion), format=ox.RdfFormat.N_QUADS, lenient=True)
            seconds += _used() - before
        before = _used()
        store.flush()
        del store
        seconds += _used() - before
    return quads, seconds


def _portions(file: Path, size: int) -> Iterator[bytes]:
    with file.open("rb") as quads:
        while lines := quads.read(size):
            yield lines + quads.readline()


def _used() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
