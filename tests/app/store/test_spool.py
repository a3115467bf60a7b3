"""The spool: whatever is collected arrives, the last version of each graph, in one go or in many."""

from pathlib import Path
from threading import Event

import pytest

from app.errors import StoreError
from app.store import spool
from app.store.base import ReplaceGraph
from app.store.embedded import EmbeddedStore
from app.store.spool import Spool
from tests.app.store.conftest import graph

EX = "http://example.org/"
ALL = "SELECT ?g ?o { GRAPH ?g { ?s ?p ?o } } ORDER BY ?g ?o"


def parts(name: str, *facts: str) -> list[tuple[str, bytes]]:
    return [(f"{EX}{name}", graph(name, *facts).triples)]


def content(store: EmbeddedStore) -> list[str]:
    return [f"{row['g'].removeprefix(EX)} {row['o']}" for row in store.rows(ALL)]


@pytest.mark.parametrize("size", [1, 150, 10_000])
def test_new_graphs_and_changes_arrive(data: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(spool, "SPOOLED_BYTES", size)
    monkeypatch.setattr(spool, "CHANGED_BYTES", size)
    with EmbeddedStore(data) as store, Spool(store, store.data.writer) as spooled:
        store.apply([graph("old", 'a says "before"')])
        for number in range(5):
            spooled.add(f"{EX}g{number}", parts(f"g{number}", f'a says "{number}"'))
            spooled.change([graph("old", f'a says "{number}"')])
            if spooled.full:
                spooled.hand_over()
        spooled.flush()
        assert spooled.changed
        assert content(store) == ["g0 0", "g1 1", "g2 2", "g3 3", "g4 4", "old 4"]
        assert len(list(store.rows("SELECT ?o { ?s ?p ?o }"))) == 5, "the union has what two graphs say once"


def test_a_graph_that_is_spooled_twice_has_its_last_version(data: Path) -> None:
    with EmbeddedStore(data) as store, Spool(store, store.data.writer) as spooled:
        spooled.add(f"{EX}g", parts("g", 'a says "a long text that is to go"', 'b says "x"'))
        spooled.add(f"{EX}h", parts("h", 'a says "stays"'))
        spooled.add(f"{EX}g", parts("g", 'a says "short"'))
        assert spooled.holds(f"{EX}g") and content(store) == []
        spooled.flush()
        assert not spooled.holds(f"{EX}g") and content(store) == ["g short", "h stays"]


def test_nothing_spooled_changes_nothing(data: Path) -> None:
    with EmbeddedStore(data) as store:
        with Spool(store, store.data.writer) as spooled:
            spooled.change([ReplaceGraph(f"{EX}g", b"")])
            assert spooled.concerns(f"{EX}g")
            spooled.flush()
            assert not spooled.changed and not spooled.concerns(f"{EX}g")
        assert not list(store.data.writer.glob("spool*"))


def test_lines_that_the_engine_cannot_read_end_the_run(data: Path) -> None:
    with EmbeddedStore(data) as store:
        with Spool(store, store.data.writer) as spooled:
            spooled.add(f"{EX}g", [(f"{EX}g", b"nonsense .\n")])
            spooled.hand_over()
            with pytest.raises(StoreError, match="Not N-Quads, so nothing was loaded"):
                spooled.flush()
        with pytest.raises(StoreError, match="not open for writing"):
            store.publish()


def test_what_is_on_its_way_is_known(data: Path) -> None:
    with EmbeddedStore(data) as store, Spool(store, store.data.writer) as spooled:
        written = Event()
        spooled.add(f"{EX}g", parts("g", 'a says "1"'))
        spooled.hand_over(lambda: assert_set(written))
        assert spooled.concerns(f"{EX}g") and not spooled.holds(f"{EX}g")
        written.set()
        spooled.flush()
        assert not spooled.concerns(f"{EX}g") and content(store) == ["g 1"]


def assert_set(event: Event) -> None:
    assert event.wait(10)


def test_portions_grow(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "FIRST_BYTES", 100)
    monkeypatch.setattr(spool, "SPOOLED_BYTES", 400)
    sizes, since = [], 0
    with EmbeddedStore(data) as store, Spool(store, store.data.writer) as spooled:
        for number in range(60):
            lines = parts(f"g{number}", f'a says "{number:02}"')
            spooled.add(f"{EX}g{number}", lines)
            since += 1
            if spooled.full:
                spooled.hand_over()
                sizes.append(since)
                since = 0
        spooled.flush()
        assert len(content(store)) == 60
    assert sizes[0] < sizes[1] < sizes[2] and len(set(sizes[2:])) == 1
