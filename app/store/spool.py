"""What a run wants to write, collected until it is worth the engine's while, and written while the run goes on.

New graphs are the rule in a first load. They are put into a file of N-Quads and loaded in bulk, several times faster
than by updates. Graphs that are replaced, and subjects of shared graphs, are changed by updates of many changes each.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from app.store.base import Change, ReplaceGraph
from app.store.generations import engine_errors
from app.store.opening import Writer

__all__ = ["CHANGED_BYTES", "FIRST_BYTES", "SPOOLED_BYTES", "Spool"]

SPOOLED_BYTES = 48 * 1024 * 1024
"""Bytes of N-Quads that are loaded at once: about 115,000 quads, each once with its graph and once in the union.

The more at once, the less is left for the engine to merge, but the more memory it takes: with 32, 64, 100 and 128 MiB
of lines with graphs, 868,000 quads of real studies took 23.8, 22.0, 22.1 and 22.9 microseconds of processor time each
(busy cores, merging included), and 411, 655, 912 and 1,268 MB of memory. A whole load of 884,000 quads by two processes
had a peak of 877 MB with 64 MiB here, and of 1,157 MB with 96 MiB. With 48 MiB one of 834,000 quads had 785 to 797 MB
where it had 861 to 881 MB with 64, and took as long.
"""

FIRST_BYTES = 8 * 1024 * 1024
"""Bytes of the first portion. Each is twice as large as the one before, so that the engine has something to do soon."""

CHANGED_BYTES = 4 * 1024 * 1024
"""Bytes of triples that are changed at once."""


@dataclass(slots=True)
class _Load:
    """New graphs and changes that reach the store together, the graphs first."""

    path: Path
    file: BinaryIO
    new: dict[str, tuple[int, int]] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    changing: set[str] = field(default_factory=set)
    bytes_changing: int = 0

    def concerns(self, graph: str) -> bool:
        return graph in self.new or graph in self.changing


class Spool:
    """New graphs and changes on their way into a store. Until `flush`, the store need not know of them.

    A thread writes what was handed over while the next is collected. Changes come after new graphs: whoever changes
    what a spooled graph has brought sees to it that it is flushed. `changed` says whether the store is any different
    since. After an error, the run is to end without publishing.
    """

    def __init__(self, store: Writer, folder: Path) -> None:
        self._store = store
        self._folder = folder
        self._numbers = count()
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="spool")
        self._writing: Future[None] | None = None
        self._handed_over: _Load | None = None
        self._next = self._new_load()
        self._portion = min(FIRST_BYTES, SPOOLED_BYTES)
        self.changed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.shutdown()
        for load in (self._next, self._handed_over):
            if load:
                load.file.close()
                load.path.unlink(missing_ok=True)

    @property
    def full(self) -> bool:
        """Whether there is enough to hand over."""
        return self._next.file.tell() >= self._portion or self._next.bytes_changing >= CHANGED_BYTES

    def holds(self, graph: str) -> bool:
        """Say whether this new graph is still here, so that another version can take its place."""
        return graph in self._next.new

    def concerns(self, graph: str) -> bool:
        """Say whether the store may not have heard yet of something about this graph."""
        return self._next.concerns(graph) or bool(self._handed_over and self._handed_over.concerns(graph))

    def add(self, graph: str, parts: Iterable[tuple[str, bytes]]) -> None:
        """Take a graph that the store does not have, or another version of it, with what else its source brings.

        `parts` are named graphs and sound N-Triples without blank nodes, one a line, with single spaces.
        """
        # Both kinds of lines go into one file: the engine then writes each string once. In one call without a second
        # look at IRIs, a quad takes it 24.8 microseconds of processor time; in two calls side by side, it took 29.0.
        union = self._store.is_private
        lines = b"".join((triples if union else b"") + _in_graph(triples, name) for name, triples in parts)
        load = self._next
        with engine_errors(f"writing {load.path}"):
            if graph in load.new:
                start, size = load.new[graph]
                load.file.seek(start)
                load.file.write(b"\n" * size)
            load.new[graph] = (load.file.seek(0, 2), len(lines))
            load.file.write(lines)

    def change(self, changes: Sequence[Change]) -> None:
        """Take changes, in order."""
        load = self._next
        load.changes += changes
        load.changing.update(change.graph for change in changes if isinstance(change, ReplaceGraph))
        load.bytes_changing += sum(len(change.triples) for change in changes)

    def hand_over(self, then: Callable[[], None] = lambda: None) -> None:
        """Have everything written, and `then` called, while the run goes on. Waits for what was handed over before.

        Raises StoreError when writing that failed.
        """
        self._wait()
        load, self._next = self._next, self._new_load()
        self._portion = min(2 * self._portion, SPOOLED_BYTES)
        self._handed_over, self._writing = load, self._writer.submit(self._write, load, then)

    def flush(self) -> None:
        """Bring everything into the store. Raises StoreError."""
        if self._next.new or self._next.changes:
            self.hand_over()
        self._wait()

    def _wait(self) -> None:
        if self._writing:
            self._writing.result()
            self._writing = self._handed_over = None

    def _write(self, load: _Load, then: Callable[[], None]) -> None:
        with engine_errors(f"writing {load.path}"):
            load.file.close()
        if load.new:
            self._store.load_sound(load.path)
            self.changed = True
        load.path.unlink()
        if load.changes:
            self.changed |= self._store.apply(load.changes)
        then()

    def _new_load(self) -> _Load:
        path = self._folder / f"spool-{next(self._numbers)}.nq"
        with engine_errors(f"writing {path}"):
            self._folder.mkdir(parents=True, exist_ok=True)
            return _Load(path, path.open("wb"))


def _in_graph(triples: bytes, graph: str) -> bytes:
    return triples.replace(b" .\n", f" <{graph}> .\n".encode())
