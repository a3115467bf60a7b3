"""What the gate turned away: the graph and its report, kept beside the store, listed, and open to queries.

A rejected graph never enters a generation. It lies in `quarantine/` of the data directory as N-Quads with a JSON note,
until a sound version of the same graph is loaded.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

import pyoxigraph as ox

from app.store.generations import engine_errors
from app.store.union import align

__all__ = ["Quarantine", "Rejected"]


@dataclass(frozen=True, slots=True)
class Rejected:
    """One graph that did not pass: which, about which study, from which document, when (xsd:dateTime), and why."""

    graph: str
    study: str
    document: str
    rejected_at: str
    reasons: tuple[str, ...]


class Quarantine:
    """The quarantine of one data directory. A folder that does not exist yet is an empty quarantine."""

    def __init__(self, data: Path) -> None:
        self.folder = data / "quarantine"

    def put(self, rejected: Rejected, quads: bytes) -> None:
        """Keep a rejected graph (N-Quads, its report among them) in place of an earlier version of it."""
        with engine_errors("writing to the quarantine"):
            self.folder.mkdir(parents=True, exist_ok=True)
            # The note is what makes an entry exist, so it comes last.
            _write(self._path(rejected.graph, "nq"), quads)
            _write(self._path(rejected.graph, "json"), json.dumps(asdict(rejected), indent=1).encode())

    def remove(self, graph: str) -> None:
        """Forget a graph, because a sound version of it was stored. Nothing happens when it is not here."""
        self._path(graph, "json").unlink(missing_ok=True)
        self._path(graph, "nq").unlink(missing_ok=True)

    def entries(self) -> Iterator[Rejected]:
        """Yield what is kept, ordered by graph."""
        notes = [json.loads(path.read_bytes()) for path in self.folder.glob("*.json")]
        for note in sorted(notes, key=lambda note: str(note["graph"])):
            yield Rejected(**{**note, "reasons": tuple(note["reasons"])})

    def open(self) -> ox.Store:
        """Return everything that is kept as a store in memory, to be queried like any other."""
        store = ox.Store()
        for path in sorted(self.folder.glob("*.nq")):
            store.load(path=str(path), format=ox.RdfFormat.N_QUADS)
        align(store)
        return store

    def _path(self, graph: str, suffix: str) -> Path:
        return self.folder / f"{sha256(graph.encode()).hexdigest()[:24]}.{suffix}"


def _write(path: Path, data: bytes) -> None:
    """Write a file whole or not at all."""
    temporary = path.with_suffix(path.suffix + ".tmp")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
