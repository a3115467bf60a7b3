"""What the connection answers by itself, ahead of the application, is what the application would have answered."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.intake import load
from app.main import create_app
from app.settings import Settings
from loaders.documents import documents
from tests.app.cli.test_server import ENDLESS, Server
from tests.paths import STUDIES

LABELS = "SELECT ?s ?l { ?s <http://www.w3.org/2000/01/rdf-schema#label> ?l } ORDER BY ?s ?l LIMIT 100"
CHANGING = {"date", "x-request-id", "server"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("connection") / "data"
    assert load(folder, documents([str(STUDIES)])).complete
    return folder


@pytest.fixture(scope="module")
def server(data: Path) -> Iterator[Server]:
    started = Server(data)
    yield started
    started.process.kill()
    started.process.wait()


@pytest.fixture(scope="module")
def application(data: Path) -> Iterator[TestClient]:
    with TestClient(create_app(Settings(data=data))) as client:
        yield client


@pytest.mark.parametrize("accept", ["*/*", "text/csv", "application/sparql-results+xml;q=0.5", "text/turtle"])
@pytest.mark.parametrize("coding", ["identity", "gzip"])
@pytest.mark.parametrize(
    "query",
    [
        LABELS,
        "ASK {}",
        "CONSTRUCT { ?s a ?o } WHERE { ?s a ?o } ORDER BY ?s ?o LIMIT 50",
        "SELECT (NOW() AS ?now) {} LIMIT 0",
        "SELECT * { ?s ?p",
        "SELECT * { SERVICE <http://example.org/> { ?s ?p ?o } }",
        "ASK { ?s undeclared:p ?o }",
    ],
)
def test_a_plain_query_is_answered_as_the_application_does(
    server: Server, application: TestClient, query: str, accept: str, coding: str
) -> None:
    sent = {"Accept": accept, "Accept-Encoding": coding, "Host": "trialweave.example", "User-Agent": "test"}
    found = server.get("sparql", params={"query": query}, headers=sent)
    expected = application.get("/sparql", params={"query": query}, headers=sent)
    assert found.status_code == expected.status_code
    mine, theirs = ({k: v for k, v in each.headers.items() if k not in CHANGING} for each in (found, expected))
    mine.pop("last-modified", None), theirs.pop("last-modified", None)  # Both or none, by the second that it is.
    if found.status_code == 200:
        assert found.content == expected.content
        theirs["vary"] = theirs["vary"].replace("Origin, ", "")  # A plain query names no origin.
        assert mine == theirs
    else:
        assert mine["content-type"] == theirs["content-type"] == "application/problem+json"
        assert {**found.json(), "request_id": ""} == {**expected.json(), "request_id": ""}


def test_a_plain_query_has_a_number_and_an_event(server: Server) -> None:
    answer = server.get("sparql", params={"query": "ASK {} # numbered"})
    number = answer.headers["x-request-id"]
    deadline = time.monotonic() + 10
    while not any(number in line and '"request"' in line for line in server.lines):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_same_query_is_answered_from_what_was_kept(server: Server) -> None:
    first, second = (server.get("sparql", params={"query": LABELS + " # twice"}) for _ in range(2))
    assert first.content == second.content
    assert first.headers["etag"] == second.headers["etag"]
    held = server.get("sparql", params={"query": LABELS + " # twice"}, headers={"If-None-Match": first.headers["etag"]})
    assert (held.status_code, held.content) == (304, b"")


def test_a_client_that_goes_away_ends_its_query_at_once(server: Server) -> None:
    def counted(name: str) -> float:
        lines = server.get("metrics").text.splitlines()
        return next(float(line.split()[-1]) for line in lines if line.startswith(name))

    cancelled = 'trialweave_query_runs_total{outcome="cancelled"}'
    before, query = counted(cancelled), ENDLESS.replace(" ", "%20").replace("?", "%3F")
    port = int(server.address.rstrip("/").rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(f"GET /sparql?query={query} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        while counted("trialweave_query_running ") < 1:
            time.sleep(0.01)
    deadline = time.monotonic() + 5
    while counted(cancelled) == before:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert counted("trialweave_query_running ") == 0


def test_requests_sent_together_are_answered_in_order(server: Server) -> None:
    port = int(server.address.rstrip("/").rpartition(":")[2])
    asked = [f"ASK%7B%7D%23together{number}" for number in range(3)]
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(
            b"".join(f"GET /sparql?query={each} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() for each in asked)
        )
        came = b""
        while came.count(b'"boolean":true') < len(asked):
            block = client.recv(65536)
            assert block, came
            came += block
    assert came.count(b"HTTP/1.1 200 OK\r\n") == len(asked)
