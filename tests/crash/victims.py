"""What is killed: writers that change a data directory over and over, and say when a change is acknowledged.

Each works in steps 1, 2, 3, … that go on where the last acknowledged one ended. After a kill, what is published must be
that step or the one after it, whole: `published` reads which, and fails when it is part of one.
"""

import os
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from shutil import rmtree
from threading import Thread

import httpx

from app.backup import MANIFEST, back_up, restore
from app.cli.server import run as serve
from app.intake import load
from app.settings import Settings
from app.store.base import ReplaceGraph
from app.store.embedded import EmbeddedReader, EmbeddedStore
from app.store.union import UNNAMED
from loaders.documents import Document
from loaders.gate import validate
from tests.paths import STUDIES

__all__ = ["VICTIMS", "Service", "Victim"]

EX = "http://example.org/"
GRAPHS, TRIPLES = 3, 40
_STEP = "SELECT DISTINCT ?o { GRAPH ?g { ?s <http://example.org/step> ?o } }"
_FACTS = "SELECT ?g ?s ?o { GRAPH ?g { ?s <http://example.org/step> ?o } }"
_SIZE = "SELECT ?o { ?s <https://w3id.org/trialweave/ontology#enrollmentCount> ?o }"


@dataclass(frozen=True, slots=True)
class Victim:
    """A writer: `step` makes one change and returns when it is acknowledged; `published` is the step that is there.

    `warm` is what a process does once before its first step; `share` of the rounds are spent on this writer.
    """

    name: str
    step: Callable[[Path, int], None]
    published: Callable[[Path], int]
    warm: Callable[[], object] = tuple
    share: float = 1.0

    def run(self, data: Path, first: int, acknowledge: Connection) -> None:
        """Get ready and say so; then make steps until killed, and send the number of each when it is done."""
        self.warm()
        acknowledge.send("ready")
        for number in range(first, first + 10**6):
            self.step(data, number)
            acknowledge.send(number)


@dataclass(frozen=True, slots=True)
class Service:
    """A server that is killed while its client, which is a thread of it, sends one write after the other.

    `write` sends the write of a step; `published` and `share` are those of a Victim.
    """

    name: str
    write: Callable[[httpx.Client, int], httpx.Response]
    published: Callable[[Path], int]
    share: float

    def run(self, data: Path, first: int, acknowledge: Connection) -> None:
        """Serve until killed, and send the number of each write when the server has answered that it is done."""

        def announce(line: str) -> None:
            Thread(target=self._write, args=(line.split()[-1], first, acknowledge), daemon=True).start()

        serve(Settings(data=data, write="open", workers=1), "127.0.0.1", 0, announce)

    def _write(self, address: str, first: int, acknowledge: Connection) -> None:
        try:
            with httpx.Client(base_url=address, timeout=60, trust_env=False) as client:
                # Changes nothing, and is answered when the process that writes has started.
                client.post("update", data={"update": "INSERT DATA {}"}).raise_for_status()
                acknowledge.send("ready")
                for number in range(first, first + 10**6):
                    self.write(client, number).raise_for_status()
                    acknowledge.send(number)
        except BaseException:
            traceback.print_exc()
            os._exit(1)


def _triples(number: int) -> bytes:
    return "".join(f'<{EX}s{n}> <{EX}step> "{number}" .\n' for n in range(TRIPLES)).encode()


def _apply(data: Path, number: int) -> None:
    with EmbeddedStore(data) as store:
        # In two transactions: only the publication may make them visible, and only together.
        for name in range(GRAPHS):
            store.apply([ReplaceGraph(f"{EX}g{name}", _triples(number))])
        store.publish()


def _replacing(number: int) -> str:
    graphs = " ".join(f"GRAPH <{EX}g{name}> {{ {_triples(number).decode()} }}" for name in range(GRAPHS))
    return f"DROP ALL ; INSERT DATA {{ {graphs} }}"


def _update(data: Path, number: int) -> None:
    with EmbeddedStore(data) as store:
        store.update(_replacing(number))
        store.publish()


def _post(client: httpx.Client, number: int) -> httpx.Response:
    return client.post("update", data={"update": _replacing(number)})


def _put(client: httpx.Client, number: int) -> httpx.Response:
    headers, parameters = {"Content-Type": "application/n-triples"}, {"graph": f"{EX}g"}
    return client.put("rdf-graphs/service", params=parameters, headers=headers, content=_triples(number))


def _bulk(data: Path, number: int) -> None:
    file = data.with_name("bulk.nq")
    lines = (_triples(number).replace(b" .\n", f" <{EX}g{name}> .\n".encode()) for name in range(GRAPHS))
    file.write_bytes(b"".join(lines))
    with EmbeddedStore(data) as store:
        store.apply([ReplaceGraph(f"{EX}g{name}", b"") for name in range(GRAPHS)])
        store.bulk_load([file])
        store.publish()


def _rows(data: Path, text: str) -> list[dict[str, str]]:
    with EmbeddedReader(data) as reader:
        return list(reader.rows(text))


def _made_up(data: Path, graphs: int = GRAPHS) -> int:
    """The step of a store in which every graph says the same, as often as it should."""
    rows = _rows(data, _FACTS)
    if not rows:
        return 0
    assert len(rows) == graphs * TRIPLES, f"{len(rows)} triples of {graphs * TRIPLES}"
    (step,) = {row["o"] for row in rows}
    (union,) = _rows(data, "SELECT (COUNT(*) AS ?n) { ?s ?p ?o }")
    assert int(union["n"]) == TRIPLES, "the default graph is the union"
    return int(step)


def _load(data: Path, number: int) -> None:
    text = (STUDIES / "garcia-santos-2013.yaml").read_text()
    changed = text.replace("enrollment: 11", f"enrollment: {1_000 + number}")
    assert changed != text
    summary = load(data, [Document("study.yaml", changed.encode())])
    assert summary.count("loaded") == 1, summary.line()


def _loaded(data: Path) -> int:
    with EmbeddedReader(data) as reader:
        rows = list(reader.rows(_SIZE))
        if not rows:
            assert reader.generation == 0
            return 0
        (size,) = (int(row["o"]) for row in rows)
        whole = data.with_name("whole")
        quads = sum(1 for quad in reader.quads() if quad.graph_name != UNNAMED)
    if not whole.exists():
        _load(whole, 1)
    with EmbeddedReader(whole) as reader:
        assert quads == reader.info().quads, "a graph is there in part"
    return size - 1_000


def _backup(data: Path, number: int) -> None:
    if number == 1:
        _apply(data, 1)
    back_up(data, data.with_name(f"backup-{number}"))


def _restore(data: Path, number: int) -> None:
    source, kept = data.with_name(f"source-{number}"), data.with_name(f"kept-{number}")
    for left in (source, kept):
        rmtree(left, ignore_errors=True)
    _apply(source, number)
    back_up(source, kept)
    restore(kept, data, verify=True)


def _backed_up(data: Path) -> int:
    """The newest of the backups, all of which must be restorable as what was backed up."""
    folders = [folder for folder in data.parent.glob("backup-*") if not folder.name.endswith(".part")]
    numbers = sorted(int(folder.name.partition("-")[2]) for folder in folders)
    for number in numbers[-2:]:
        folder = data.with_name(f"backup-{number}")
        assert (folder / MANIFEST).is_file()
        target = data.with_name(f"restored-{number}")
        if not target.exists():
            restore(folder, target, verify=True)
        assert _made_up(target) == 1
    assert numbers == list(range(1, len(numbers) + 1))
    return len(numbers)


VICTIMS = (
    Victim("apply", _apply, _made_up),
    Victim("update", _update, _made_up),
    Victim("bulk load", _bulk, _made_up),
    Victim("load", _load, _loaded, warm=lambda: validate(b""), share=0.2),
    Victim("backup", _backup, _backed_up),
    Victim("restore", _restore, _made_up, share=0.4),
    Service("HTTP update", _post, _made_up, share=0.4),
    Service("HTTP PUT", _put, partial(_made_up, graphs=1), share=0.4),
)
