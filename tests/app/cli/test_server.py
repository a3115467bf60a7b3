"""The server as a process: what it writes to its log, and how it ends."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from app.intake import load
from loaders.documents import documents
from tests.paths import ROOT, STUDIES

ENDLESS = "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l }"


class Server:
    """One `trialweave serve`, with its address, and the lines that it writes."""

    def __init__(self, data: Path, **settings: str) -> None:
        command = [str(Path(sys.executable).parent / "trialweave"), "serve", "--data", str(data), "--port", "0"]
        environment = {**os.environ, **{f"TRIALWEAVE_{name.upper()}": value for name, value in settings.items()}}
        self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)
        assert self.process.stderr
        first = self.process.stderr.readline()
        self.address = json.loads(first)["address"] if first.startswith("{") else first.split()[-1]
        self.lines = [first]
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.get("health")

    def _read(self) -> None:
        assert self.process.stderr
        self.lines += self.process.stderr

    def get(self, path: str, **options: object) -> httpx.Response:
        """Ask for a path; the connection waits while the server starts."""
        return httpx.get(self.address + path, timeout=30, **options)  # type: ignore[arg-type]

    def ask(self, query: str) -> threading.Thread:
        """Ask a query in a thread, and return when it runs; `answers` gets what becomes of it."""
        self.answers: list[httpx.Response | httpx.HTTPError] = []

        def run() -> None:
            try:
                self.answers.append(self.get("sparql", params={"query": query}))
            except httpx.HTTPError as error:
                self.answers.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        while "trialweave_query_running 1.0" not in self.get("metrics").text:
            assert not self.answers, "the query was answered before it was seen to run"
        return thread

    def stop(self, sent: int = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(sent)
        return self.process.wait(timeout=60)

    def events(self) -> list[dict[str, object]]:
        """The log, after the server has stopped; every line must be a JSON object."""
        self._reader.join(timeout=10)
        return [json.loads(line) for line in self.lines if not line.startswith("Trialweave serves")]

    def workers(self) -> list[int]:
        """The processes that serve this server: the one that forks, and those that it has forked."""
        listed = subprocess.run(["ps", "-eww", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
        pairs = [tuple(map(int, line.split())) for line in listed.splitlines()]
        children = [pid for pid, parent in pairs if parent == self.process.pid]
        return children + [pid for pid, parent in pairs if parent in children]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("server") / "data"
    assert load(folder, documents([str(STUDIES)])).complete
    return folder


@pytest.fixture
def serve(data: Path) -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(**settings: str) -> Server:
        servers.append(Server(data, **settings))
        return servers[-1]

    yield start
    for server in servers:
        server.process.kill()
        server.process.wait()


def gone(processes: list[int]) -> bool:
    return not any(Path(f"/proc/{process}").exists() for process in processes)


def test_a_server_that_is_asked_to_stop_lets_running_queries_end(serve: Callable[..., Server]) -> None:
    server = serve(workers="1", query_timeout="4", shutdown_wait="30")
    workers, asked = server.workers(), server.ask(ENDLESS)
    assert workers and not server.answers
    assert server.stop() == 0
    asked.join()
    (answer,) = server.answers
    assert isinstance(answer, httpx.Response)
    assert answer.status_code == 504, "it ran until its own deadline, and was not cut off before"
    assert gone(workers)
    with pytest.raises(httpx.ConnectError):
        server.get("health")


def test_a_server_that_is_asked_to_stop_does_not_wait_for_ever(serve: Callable[..., Server]) -> None:
    server = serve(workers="1", shutdown_wait="1")
    workers, asked = server.workers(), server.ask(ENDLESS)
    began = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - began < 20
    asked.join()
    (answer,) = server.answers
    assert isinstance(answer, httpx.Response) and answer.status_code == 503
    assert answer.headers["retry-after"] and "being stopped" in answer.json()["detail"]
    assert gone(workers)
    assert not any("traceback" in event for event in server.events())


def test_workers_do_not_outlive_a_server_that_is_killed(serve: Callable[..., Server]) -> None:
    server = serve(workers="2")
    server.get("validate")
    httpx.post(server.address + "validate", content="<x:a> <x:b> 1 .", headers={"Content-Type": "text/turtle"})
    workers = server.workers()
    assert len(workers) == 4
    server.stop(signal.SIGKILL)
    for _ in range(200):
        if gone(workers):
            break
        time.sleep(0.05)
    assert gone(workers)


def test_every_event_is_one_line_of_json_with_the_id_of_its_request(serve: Callable[..., Server]) -> None:
    server = serve()
    answer = server.get("sparql", params={"query": "SELECT * { ?secret ?p ?o } LIMIT 1"})
    wrong = server.get("sparql", params={"query": "SELECT"})
    lost = server.get("nowhere/at/all")
    assert server.stop() == 0
    events = server.events()
    assert [events[0]["event"], events[-1]["event"]] == ["serving", "stopped"]
    by_id = {event.get("request_id"): event for event in events if event["event"] == "request"}
    for response, route, status in ((answer, "/sparql", 200), (wrong, "/sparql", 400), (lost, "none", 404)):
        event = by_id[response.headers["x-request-id"]]
        assert (event["route"], event["status"], event["level"]) == (route, status, "info")
    assert "secret" not in "".join(server.lines), "the text of a query is not for the log"
    assert "Traceback" not in "".join(server.lines)


def test_the_log_holds_queries_when_it_is_asked_to_and_nothing_but_json(serve: Callable[..., Server]) -> None:
    server = serve(log_queries="1", log_format="json")
    answer = server.get("sparql", params={"query": "ASK { ?secret ?p ?o }"})
    server.stop()
    assert all(line.startswith("{") for line in server.lines)
    (event,) = [event for event in server.events() if event["event"] == "query"]
    assert event["text"] == "ASK { ?secret ?p ?o }"
    assert event["request_id"] == answer.headers["x-request-id"]


def test_text_and_fewer_events_are_settings(serve: Callable[..., Server]) -> None:
    server = serve(log_format="text", log_level="warning")
    server.get("sparql", params={"query": "ASK {}"})
    server.stop()
    server._reader.join(timeout=10)
    assert len(server.lines) == 1 and server.lines[0].startswith("Trialweave serves")


def test_a_log_that_nobody_reads_does_not_hold_the_service_up(data: Path) -> None:
    command = [str(Path(sys.executable).parent / "trialweave"), "serve", "--data", str(data), "--port", "0"]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr
        address = process.stderr.readline().split()[-1]
        with httpx.Client(base_url=address, timeout=30) as client:
            client.get("/health")
            for _ in range(500):  # Two pipes full of events.
                assert client.get("/health/live").status_code == 200
        process.terminate()
        assert process.wait(timeout=30) == 0
    finally:
        process.kill()
        process.wait()
        process.stderr.close()
