"""What a run wants to write, collected until it is worth the engine's while.

New graphs are the rule in a first load. They are put into a file of N-Quads and loaded in bulk, several times faster
than by updates. Graphs that are replaced, and subjects of shared graphs, are changed by updates of many changes each.
"""

from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from types import TracebackType
from typing import Self

from app.store.base import Change, ReplaceGraph, Store
from app.store.generations import engine_errors

__all__ = ["CHANGED_BYTES", "SPOOLED_BYTES", "Spool"]

SPOOLED_BYTES = 64 * 1024 * 1024
"""Bytes of N-Quads, about 250,000, that are loaded at once: the engine needs 1 kB of memory for each of them."""

CHANGED_BYTES = 4 * 1024 * 1024
"""Bytes of triples that are changed at once."""


class Spool:
    """New graphs and changes on their way into a store. Until `flush`, the store does not know of them.

    Changes come after new graphs: whoever changes what a spooled graph has brought sees to it that it is flushed.
    `changed` says whether the store is any different since; `seconds` is the time that it took.
    """

    def __init__(self, store: Store, folder: Path) -> None:
        self._store = store
        self._path = folder / "spool.nq"
        with engine_errors(f"writing {self._path}"):
            folder.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("wb")
        self._new: dict[str, tuple[int, int]] = {}
        self._changes: list[Change] = []
        self._changing: set[str] = set()
        self._size = 0
        self.changed = False
        self.seconds = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self._path.unlink(missing_ok=True)

    def holds(self, graph: str) -> bool:
        """Say whether this new graph waits to be loaded."""
        return graph in self._new

    def changes(self, graph: str) -> bool:
        """Say whether a change of this graph waits to be made."""
        return graph in self._changing

    def add(self, graph: str, quads: bytes) -> None:
        """Take a graph that the store does not have, with what belongs to it (N-Quads), or another version of it."""
        with engine_errors(f"writing {self._path}"):
            if graph in self._new:
                start, size = self._new[graph]
                self._file.seek(start)
                self._file.write(b"\n" * size)
            start = self._file.seek(0, 2)
            self._file.write(quads)
        self._new[graph] = (start, len(quads))
        if start + len(quads) >= SPOOLED_BYTES:
            self.flush()

    def change(self, changes: Sequence[Change]) -> None:
        """Take changes, in order."""
        self._changes += changes
        self._changing.update(change.graph for change in changes if isinstance(change, ReplaceGraph))
        self._size += sum(len(change.triples) for change in changes)
        if self._size >= CHANGED_BYTES:
            self.flush()

    def flush(self) -> None:
        """Bring everything into the store. Raises StoreError; then the run is to end without publishing."""
        started = perf_counter()
        if self._new:
            with engine_errors(f"writing {self._path}"):
                self._file.flush()
            self._store.bulk_load([self._path])
            self._file.seek(0)
            self._file.truncate()
            self._new.clear()
            self.changed = True
        if self._changes:
            self.changed |= self._store.apply(self._changes)
            self._changes, self._size = [], 0
            self._changing.clear()
        self.seconds += perf_counter() - started
