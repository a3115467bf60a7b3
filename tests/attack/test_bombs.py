"""Whatever is asked, the service goes on: bombs are contained, and others hardly notice."""

import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlencode

import pytest

from app.store.base import ReplaceGraph
from app.store.embedded import EmbeddedStore
from tests.attack.bombs import BOMBS
from tests.attack.crowd import Crowd
from tests.attack.live import Live, serving

CONTAINED = {200, 400, 413, 429, 500, 503, 504}
ENDLESS = BOMBS["a cross product, counted"]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs 127.0.0.0/8 for several clients, as Linux has")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generation of 3,000 triples."""
    path = tmp_path_factory.mktemp("bombs") / "data"
    lines = "".join(f"<http://e/s{n}> <http://e/p{n % 7}> <http://e/s{(n * 7) % 3000}> .\n" for n in range(3_000))
    with EmbeddedStore(path) as store:
        store.apply([ReplaceGraph("http://e/g", lines.encode())])
        store.publish()
    return path


@pytest.fixture(scope="module")
def live(data: Path) -> Iterator[Live]:
    with serving(data, query_timeout=1.5, worker_memory=400 * 1024**2, answer_bytes=5_000_000) as running:
        yield running


ATTACKERS = 3
TIMES = 3
"""How many times as long as without bombs 99 of 100 answers may take beside them."""

UNNOTICED = 0.02
"""Seconds that they may take at any rate. Quiet answers take 5 ms, and on two cores a turn at the processor that
somebody else has got first takes four."""

ATTEMPTS = 3
QUIET_SECONDS = 2.0


def p99(waits: Sequence[float]) -> float:
    """The time within which 99 of 100 were answered."""
    return sorted(waits)[int(len(waits) * 0.99)]


@pytest.fixture(scope="module")
def forms() -> dict[str, bytes]:
    """The bombs as they are sent: encoding them is work that would keep the service from the processor."""
    return {name: urlencode({"query": bomb}).encode() for name, bomb in BOMBS.items()}


def attacked(live: Live, forms: dict[str, bytes]) -> list[float]:
    """Have all bombs thrown, and return how long the answers to others took meanwhile."""
    crowd = Crowd(live.port)
    with ThreadPoolExecutor(ATTACKERS) as attackers:
        attacks = attackers.map(lambda form: live.post(form, "127.0.0.66"), forms.values())
        answers = dict(zip(forms, attacks, strict=True))
    waits = crowd.stop()
    assert {name: status for name, (status, _, _) in answers.items() if status not in CONTAINED} == {}
    for name, (status, body, _) in answers.items():
        assert status == 200 or body.startswith(b'{"type":'), name
    return waits


def quiet(live: Live) -> list[float]:
    """How long the answers to the same clients take while nobody attacks."""
    crowd = Crowd(live.port)
    time.sleep(QUIET_SECONDS)
    return crowd.stop()


@pytest.mark.timeout(240)
def test_bombs_are_contained_and_well_behaved_clients_hardly_notice(live: Live, forms: dict[str, bytes]) -> None:
    """What else the machine does is not ours: so quiet is measured just before and after, and a second time if need be.

    A service that lets bombs hold up others does so each time.
    """
    quiet(live)  # Everything is there now that starts with the first query.
    told = []
    for _ in range(ATTEMPTS):
        before, beside, after = quiet(live), attacked(live, forms), quiet(live)
        bound = max(TIMES * p99(before + after), UNNOTICED)
        told.append(f"{p99(beside) * 1000:.0f} ms beside bombs, of {bound * 1000:.0f} ms allowed")
        print(told[-1])
        if p99(beside) <= bound:
            return
    pytest.fail(f"99 of 100 took up to {'; '.join(told)}")


def eventually(holds: Callable[[], bool]) -> bool:
    """Wait up to ten seconds until something holds."""
    deadline = time.monotonic() + 10
    while not (held := holds()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return held


def test_somebodys_many_long_queries_hold_up_nobody_elses(data: Path) -> None:
    long = "ASK { FILTER('a' IN (" + "'b', " * 12_500 + "'c')) } # "
    done = threading.Event()

    def send(client: int) -> set[int]:
        statuses = set()
        while not done.is_set():
            statuses.add(live.ask(f"{long}{client} {time.monotonic_ns()}", "127.0.0.66")[0])
        return statuses

    with serving(data, queue_wait=3) as live, ThreadPoolExecutor(60) as greedy:
        sent = [greedy.submit(send, number) for number in range(60)]
        time.sleep(1)
        answers = [live.ask(f"{long}{number}", "127.0.0.9") for number in range(3)]
        done.set()
        assert [status for status, _, _ in answers] == [200, 200, 200]
        assert set.union(*(each.result() for each in sent)) <= {200, 503}


def test_a_client_that_goes_away_frees_its_worker(data: Path) -> None:
    with serving(data, workers=1, slow_queries=1, query_timeout=60) as live:
        before = live.workers()
        connection = socket.create_connection(("127.0.0.1", live.port))
        path = "/sparql?" + urlencode({"query": ENDLESS})
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        assert eventually(lambda: len(live.workers()) == 2), "the query is set aside"
        connection.close()
        assert eventually(lambda: len(live.workers()) == 1), "its process ends"
        assert live.workers() != before
        assert live.ask("ASK {}")[0] == 200


def test_a_spent_budget_is_a_429_that_says_when_to_come_back(data: Path) -> None:
    with serving(data, query_timeout=0.4, client_seconds=0.2) as live:
        assert live.ask(ENDLESS)[0] == 504
        status, body, _ = live.ask("ASK {}")
        assert (status, b"seconds of worker time" in body) == (429, True)
        assert live.ask("ASK {}", "127.0.0.2")[0] == 200
