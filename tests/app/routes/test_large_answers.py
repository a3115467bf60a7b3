"""Answers of more than a megabyte: complete or an error, whatever their clients do, and not in the service's memory."""

import gzip
import http.client
import socket
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from urllib.parse import urlencode

import brotli
import pytest
import uvicorn
import zstandard
from fastapi.testclient import TestClient

from app.cli.connection import GuardedConnection
from app.main import create_app
from app.settings import Settings
from app.store.base import ReplaceGraph
from app.store.embedded import EmbeddedStore
from app.store.large import LargeBody
from tests.attack.live import serving

ROWS = 10_000
QUERY = f"SELECT ?a ?c ?d ?f {{ ?a ?b ?c . ?d ?e ?f }} LIMIT {ROWS}"
CLIENTS = 12
GRAPH = 8_000
CSV = {"Accept": "text/csv"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("large") / "data"
    lines = "".join(f"<http://e/{'s' * 60}{n}> <http://e/p> <http://e/{'o' * 60}{n}> .\n" for n in range(300))
    with EmbeddedStore(path) as store:
        store.apply([ReplaceGraph("http://e/g", lines.encode())])
        many = "".join(f'<http://e/s{n}> <http://e/p> "{"x" * 150}" .\n' for n in range(GRAPH))
        store.apply([ReplaceGraph("http://e/large", many.encode())])
        store.publish()
    return path


@pytest.fixture(scope="module")
def asked(data: Path) -> Iterator[TestClient]:
    with TestClient(create_app(Settings(data=data))) as client:
        yield client


def test_a_large_answer_comes_whole_with_its_length_and_validators(asked: TestClient) -> None:
    answer = asked.get("/sparql", params={"query": QUERY}, headers=CSV | {"Accept-Encoding": "identity"})
    assert len(answer.content) > 1_500_000
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert answer.text.count("\r\n") == ROWS + 1
    for name in ("etag", "x-request-id", "content-security-policy"):
        assert name in answer.headers
    held = {"If-None-Match": answer.headers["etag"]}
    assert asked.get("/sparql", params={"query": QUERY}, headers=CSV | held).status_code == 304
    posted = asked.post("/sparql", data={"query": QUERY}, headers=CSV)
    assert sorted(posted.text.splitlines()) == sorted(answer.text.splitlines())


@pytest.mark.parametrize("coding", ["zstd", "br", "gzip"])
def test_it_is_compressed_piece_by_piece_and_kept(asked: TestClient, coding: str) -> None:
    wanted = CSV | {"Accept-Encoding": coding}
    query = {"query": f"{QUERY} # {coding}"}
    hits = asked.app.state.cache.hits  # type: ignore[attr-defined]
    bodies = []
    for _ in range(2):
        with asked.stream("GET", "/sparql", params=query, headers=wanted) as answer:
            assert (answer.status_code, answer.headers["content-encoding"]) == (200, coding)
            bodies.append(b"".join(answer.iter_raw()))
    unpack = {"zstd": lambda body: zstandard.ZstdDecompressor().decompressobj().decompress(body),
              "br": brotli.decompress, "gzip": gzip.decompress}[coding]  # fmt: skip
    assert unpack(bodies[0]).count(b"\r\n") == ROWS + 1
    assert bodies[1] == bodies[0]
    assert asked.app.state.cache.hits == hits + 1  # type: ignore[attr-defined]


def test_a_large_graph_comes_in_pieces(asked: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    pieces = _taken(monkeypatch)
    named = {"graph": "http://e/large"}
    plain = {"Accept": "application/n-triples", "Accept-Encoding": "identity"}
    answer = asked.get("/rdf-graphs/service", params=named, headers=plain)
    assert (answer.status_code, answer.text.count("\n")) == (200, GRAPH)
    assert int(answer.headers["content-length"]) == len(answer.content) == sum(pieces)
    assert len(pieces) > 1
    assert "etag" in answer.headers


def test_a_large_report_comes_in_pieces(asked: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    class Reporting:
        async def run(self, *_: object) -> LargeBody:
            report = LargeBody()
            for _ in range(3):
                report.add(b"# nothing to be told\n" * 20_000)
            return report

    monkeypatch.setattr(asked.app.state, "validators", Reporting())  # type: ignore[attr-defined]  # a FastAPI, typed as any ASGI application
    pieces = _taken(monkeypatch)
    answer = asked.post("/validate", content=b"", headers={"Content-Type": "text/turtle", "Accept": "text/turtle"})
    assert (answer.status_code, answer.text.count("\n"), len(pieces)) == (200, 60_000, 3)


def _taken(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of the pieces that are taken from now on."""
    take = LargeBody.take
    sizes: list[int] = []

    def counted(body: LargeBody) -> bytes:
        piece = take(body)
        sizes.extend([len(piece)] if piece else [])
        return piece

    monkeypatch.setattr(LargeBody, "take", counted)
    return sizes


def test_head_has_no_content(asked: TestClient) -> None:
    answer = asked.head("/sparql", params={"query": f"{QUERY} # head"}, headers=CSV | {"Accept-Encoding": "identity"})
    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["content-length"]) > 1_500_000


def test_one_larger_than_the_cap_is_413_from_the_start(data: Path) -> None:
    with TestClient(create_app(Settings(data=data, answer_bytes=2_000_000))) as client:
        answer = client.get("/sparql", params={"query": QUERY.replace("10000", "20000")}, headers=CSV)
    assert answer.status_code == 413
    assert "2,000,000" in answer.json()["detail"]


ENDLESS = "SELECT * { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i FILTER(?c != 'a' && ?f != 'b' && ?i != 'c') }"
BOUNDLESS = 1 << 40
"""Bytes: more than can be written before a query is stopped for something else."""


@pytest.mark.skipif(sys.platform != "linux", reason="looks for open files in /proc")
def test_one_that_takes_too_long_behind_its_first_pieces_is_504_from_the_start(data: Path) -> None:
    with serving(data, query_timeout=2, answer_bytes=BOUNDLESS) as live:
        before = _deleted_files(live.process.pid)
        status, body, _ = live.ask(ENDLESS)
        assert (status, b"longer than 2 seconds" in body) == (504, True)
        assert _deleted_files(live.process.pid) == before, "nothing is kept of what came"
        assert live.ask(QUERY)[0] == 200


@pytest.mark.skipif(sys.platform != "linux", reason="needs 127.0.0.0/8 for several clients, as Linux has")
def test_one_that_is_stopped_for_others_behind_its_first_pieces_is_503_from_the_start(data: Path) -> None:
    with (
        serving(data, workers=1, slow_queries=1, query_timeout=20, answer_bytes=BOUNDLESS) as live,
        ThreadPoolExecutor(2) as greedy,
    ):
        sent = [greedy.submit(live.ask, f"{ENDLESS} # {number}", "127.0.0.66") for number in range(2)]
        time.sleep(2.5)
        assert live.ask("ASK {}", "127.0.0.9")[0] == 200
        status, body, seconds = next(as_completed(sent)).result()
        assert (status, b"stopped to make room" in body) == (503, True)
        assert 1 < seconds < 15


@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_one_that_breaks_off_is_never_taken_for_a_whole_one(
    data: Path, monkeypatch: pytest.MonkeyPatch, coding: str
) -> None:
    take = LargeBody.take
    taken: list[bytes] = []

    def failing(body: LargeBody) -> bytes:
        if taken:
            raise OSError("the disk is broken")
        taken.append(take(body))
        return taken[0]

    monkeypatch.setattr(LargeBody, "take", failing)
    app = create_app(Settings(data=data))
    server = uvicorn.Server(uvicorn.Config(app, http=GuardedConnection, log_config=None))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            connection = http.client.HTTPConnection("127.0.0.1", listener.getsockname()[1], timeout=20)
            connection.request("GET", f"/sparql?{urlencode({'query': QUERY})}", headers={"Accept-Encoding": coding})
            answer = connection.getresponse()
            assert answer.status == 200
            with pytest.raises(http.client.IncompleteRead):
                answer.read()
            connection.close()
            connection.request("GET", "/metrics")
            assert b"trialweave_http_broken_total 1.0" in connection.getresponse().read()
        finally:
            server.should_exit = True
            thread.join()


@pytest.mark.skipif(sys.platform != "linux", reason="reads the memory of a process from /proc")
def test_slow_clients_of_large_answers_take_neither_memory_nor_workers(data: Path) -> None:
    """The clients ask for 20 MB each and hardly read; not all of that is in memory, and others are served."""
    query = QUERY.replace("10000", "60000")
    with serving(data, cached_bytes=0) as live:
        live.ask(QUERY)
        before = _memory(live.process.pid)
        clients = [_slow_client(live.port, f"{query} # {number}") for number in range(CLIENTS)]
        grown = _memory(live.process.pid) - before
        status, _, _ = live.ask("ASK {}")
        size = _rest(clients[0])
        for client in clients:
            client.close()
    assert status == 200
    assert size > 15_000_000
    assert grown < 130_000_000, f"{grown:,} bytes more for {CLIENTS} answers of {size:,} bytes"


def test_others_are_answered_while_a_large_answer_is_taken_slowly(data: Path) -> None:
    """The client asks for 50 MB, and takes 10 kB of them for each query of somebody else."""
    with serving(data, cached_bytes=0) as live:
        client = _slow_client(live.port, QUERY.replace("10000", "160000"))
        answers = []
        for number in range(100):
            answers.append(live.ask(f"ASK {{}} # {number}"))
            assert client.recv(10_000)
        assert _rest(client) > 48_000_000
        client.close()
    assert {status for status, _, _ in answers} == {200}
    assert sorted(seconds for _, _, seconds in answers)[90] < 0.1


def _slow_client(port: int, query: str) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port), timeout=60)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    head = f"GET /sparql?{urlencode({'query': query})} HTTP/1.1\r\nHost: e\r\nConnection: close\r\n\r\n"
    client.sendall(head.encode())
    assert client.recv(12) == b"HTTP/1.1 200"
    return client


def _deleted_files(pid: int) -> list[str]:
    """The files without a name that a process has open."""
    targets = (str(each.readlink()) for each in Path(f"/proc/{pid}/fd").iterdir() if each.is_symlink())
    return [target for target in targets if target.endswith("(deleted)")]


def _rest(client: socket.socket) -> int:
    size, until = 0, time.monotonic() + 60
    while (block := client.recv(1 << 20)) and time.monotonic() < until:
        size += len(block)
    return size


def _memory(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("RssAnon:")[2].split()[0]) * 1024
