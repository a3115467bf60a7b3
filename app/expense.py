"""Where the processor time of a run goes, so that one sees what would be worth making faster.

    read, emit, gate: preparing the records, in whatever process     processes: what their processes take besides
    intake: deciding what to write     store: receiving and loading it     merge: the engine's merging
    describe: counting what there is

Together they are the processor time of the run and of the processes that it started; only `total` is on the clock.
"""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import perf_counter, process_time, thread_time

from loaders.pipeline import Seconds

__all__ = ["Expense"]

_MERGING = "rocksdb:low"
"""The name of the threads in which the engine merges its files, while more of them come."""


class Expense:
    """What is spent from now on. To be used on one thread, the one that decides what is written."""

    def __init__(self) -> None:
        """Begin to count."""
        self._begun = _spent()
        self._described = 0.0
        self._described_here = 0.0

    @contextmanager
    def describing(self) -> Iterator[None]:
        """Count what is done meanwhile as describing, on whatever thread; nothing is being written then."""
        before = _spent()
        yield
        _, process, here, merge, _ = (now - then for now, then in zip(_spent(), before, strict=True))
        self._described += process - merge
        self._described_here += here

    def stages(self, prepared: Seconds) -> dict[str, float]:
        """Return the seconds of each stage so far. Processes that have not ended yet are not in it."""
        clock, process, here, merge, others = (now - then for now, then in zip(_spent(), self._begun, strict=True))
        stages = {"read": prepared.read, "emit": prepared.emit, "gate": prepared.gate}
        preparing = sum(stages.values())
        # On a cluster, or here, there were no processes that could have prepared anything.
        intake = here - self._described_here - (0.0 if others else preparing)
        return {
            **stages,
            "processes": max(0.0, others - preparing),
            "intake": max(0.0, intake),
            "store": max(0.0, process - here - merge - (self._described - self._described_here)),
            "merge": merge,
            "describe": self._described,
            "total": clock,
        }


def _spent() -> tuple[float, float, float, float, float]:
    """Return seconds on the clock, and of processor time: this process, this thread, merging, ended processes."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return perf_counter(), process_time(), thread_time(), _merging(), ended.ru_utime + ended.ru_stime


def _merging() -> float:
    """Return the processor time of the engine's merging in this process; 0 where the system does not tell (proc(5))."""
    ticks = 0
    for stat in Path("/proc/self/task").glob("*/stat"):
        with suppress(OSError):
            name, _, fields = stat.read_text(encoding="utf-8", errors="replace").rpartition(") ")
            if name.endswith(f"({_MERGING}"):
                ticks += sum(map(int, fields.split()[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")
