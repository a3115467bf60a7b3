"""Preparing many documents: the same results in any number of processes, bounded, and one bad document costs itself."""

import os
import pickle
from collections.abc import Iterator

import pytest

from loaders import gate, pool, readers
from loaders.documents import Document
from loaders.errors import SourceError
from loaders.pipeline import Ready, Run, Taken, Unchanged, Unreadable, take
from loaders.pool import taken
from tests.paths import STUDIES

OH = (STUDIES / "oh-2018.yaml").read_bytes()


def study(number: int, more: bytes = b"") -> Document:
    """A made-up study, a quick one for the gate."""
    text = b"label: A study\nnct: NCT%08d\nenrollment: %d\n" % (number + 1, number)
    return Document(f"{number}.yaml", text + more)


def results(found: list[Document | SourceError], jobs: int, run: Run | None = None) -> list[Taken]:
    return [taken for _, taken in pool.taken(found, run or Run(), jobs)]


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "BATCH_BYTES", 200)


def test_two_processes_give_what_one_gives_in_the_same_order(small_batches: None) -> None:
    found = [*map(study, range(12)), SourceError("gone.yaml", "is gone"), Document("bad.yaml", b"label: x"), study(99)]
    one, two = ([pickle.dumps([(item,) for item in taken.items]) for taken in results(found, jobs)] for jobs in (1, 2))
    assert len(one) == 15 and one == two


def test_what_is_known_is_not_prepared(small_batches: None) -> None:
    found = [study(number) for number in range(4)]
    known = frozenset(bytes.fromhex(item.source.sha256) for item in take(found[2], Run()).items)  # type: ignore[union-attr]
    kinds = [type(taken.items[0]) for taken in results(found, 2, Run(known=known))]
    assert kinds == [Ready, Ready, Unchanged, Ready]


def test_the_documents_in_flight_are_few_however_many_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "BATCH_BYTES", 1)
    monkeypatch.setattr(pool, "IN_FLIGHT", 5)
    given, most, done = 0, 0, 0

    def documents() -> Iterator[Document]:
        nonlocal given
        for number in range(60):
            given += 1
            yield Document(f"{number}.txt", b"nothing", named=False)

    for _ in taken(documents(), Run(), 2):
        most = max(most, given - done)
        done += 1
    assert (done, most <= 6) == (60, True)


def test_large_documents_in_flight_are_fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "IN_FLIGHT_BYTES", 3_000_000)
    sizes: list[int] = []
    done = 0

    def documents() -> Iterator[Document]:
        for number in range(12):
            sizes.append(1_000_000)
            yield Document(f"{number}.txt", b" " * 999_999 + b"x", named=False)

    for _ in taken(documents(), Run(), 2):
        assert sum(sizes[done:]) <= 4_000_000
        done += 1
    assert done == 12


class _Bomb(bytes):
    """Bytes that end the process which unpickles them."""

    def __reduce__(self) -> tuple[object, ...]:
        return (os._exit, (9,))


def test_a_document_that_ends_its_process_costs_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "BATCH_BYTES", 120)  # two studies, so that the bomb has company
    found = [study(0), study(1), Document("bomb.yaml", _Bomb(b"x")), study(2), study(3), study(4), study(5)]
    items = [taken.items[0] for taken in results([*found], 2)]
    assert [isinstance(item, Ready) for item in items] == [True, True, False, True, True, True, True]
    assert items[2] == Unreadable(
        ("bomb.yaml: ended the process that read it, most often by needing too much memory; it was passed over",)
    )


def _fails(*_: object) -> None:
    raise KeyError("odd")


def test_a_reader_that_fails_costs_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "read", _fails)
    assert take(study(0), Run()).items == (
        Unreadable(("0.yaml: could not be read (KeyError: 'odd'); please report this",)),
    )


def test_a_gate_that_fails_costs_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "validate", _fails)
    said = "0.yaml: the record of NCT00000001 could not be prepared (KeyError: 'odd'); please report this"
    assert take(study(0), Run()).items == (Unreadable((said,)),)
