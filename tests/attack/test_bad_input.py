"""Requests that are not what they should be get a clear status, and the server lives."""

import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.attack.live import Live, serving

HELLO = b"GET /health/live HTTP/1.1\r\nHost: a\r\n"


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with serving(tmp_path_factory.mktemp("bad") / "none", workers=1) as running:
        yield running


def talk(live: Live, *parts: bytes) -> bytes:
    """Send the parts, say no more, and return all that comes back."""
    with socket.create_connection(("127.0.0.1", live.port), timeout=10) as connection:
        received = b""
        try:
            for part in parts:
                connection.sendall(part)
            while chunk := connection.recv(65536):
                received += chunk
        except ConnectionError:
            pass  # Closed on us while we were still sending.
        return received


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (HELLO + b"Connection: close\r\n\r\n", 200),
        (b"GET /health/live HTTP/1.0\r\n\r\n", 200),
        (b"nonsense\r\n\r\n", 400),
        (b"GET /sparql?query=%ff HTTP/1.0\r\n\r\n", 400),
        (b"GET /sparql?query=%zz HTTP/1.0\r\n\r\n", 400),
        (b"GET /study/%ff%fe HTTP/1.0\r\n\r\n", 404),
        (b"GET /study/..%2f..%2fetc%2fpasswd HTTP/1.0\r\n\r\n", 404),
        (b"GET /static/../../pyproject.toml HTTP/1.0\r\n\r\n", 404),
        (b"GET /static/%2e%2e/%2e%2e/pyproject.toml HTTP/1.0\r\n\r\n", 404),
        (b"GET /study/%3E%20%7D%20ASK%20%7B%7D HTTP/1.0\r\n\r\n", 404),
        (b"GET /study/a\"'<> HTTP/1.0\r\n\r\n", 400),
        (b"GET /sparql?" + b"a=b&" * 10_000 + b" HTTP/1.0\r\nAccept: text/turtle\r\n\r\n", 200),
        (b"GET /sparql?" + b"a=b&" * 40_000 + b" HTTP/1.0\r\nAccept: text/turtle\r\n\r\n", 400),
        (b"GET /sparql?query=ASK%7B%7D HTTP/1.0\r\nAccept: " + b"a/b," * 20_000 + b"*/*\r\n\r\n", 200),
        (b"GET /sparql?query=ASK%7B%7D&default-graph-uri=x%3E%7D HTTP/1.0\r\n\r\n", 400),
    ],
)
def test_odd_requests_get_their_status(live: Live, request_bytes: bytes, status: int) -> None:
    assert talk(live, request_bytes).split(b" ")[1] == str(status).encode()
    assert live.ask("ASK {}")[0] == 200


def test_a_head_without_end_is_refused(live: Live) -> None:
    answer = talk(live, HELLO, *[b"X-Filler: " + b"x" * 60_000 + b"\r\n"] * 10)
    assert not answer or answer.startswith(b"HTTP/1.1 431 ")
    assert live.ask("ASK {}")[0] == 200


def test_requests_sent_together_are_answered_in_order(live: Live) -> None:
    answers = talk(live, (HELLO + b"\r\n") * 20 + HELLO + b"Connection: close\r\n\r\n")
    assert answers.count(b"HTTP/1.1 200 OK") == 21


def test_a_request_that_never_ends_is_ended() -> None:
    """The time is shortened in a process of its own, as the server's is long for a test."""

    program = """
import asyncio, socket
import uvicorn
from app.cli import connection
connection.REQUEST_SECONDS = 0.3
async def app(scope, receive, send): raise AssertionError
async def main():
    config = uvicorn.Config(app, http=connection.GuardedConnection, lifespan="off", log_level="warning")
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve([listener]))
    for start in (b"", b"GET / HTTP/1.1\\r\\nA: ", b"POST / HTTP/1.1\\r\\nContent-Le"):
        reader, writer = await asyncio.open_connection(*listener.getsockname())
        writer.write(start)
        answer = await asyncio.wait_for(reader.read(), 3)
        print(answer.split(b"\\r\\n")[0].decode())
        writer.close()
    server.should_exit = True
    await serving
asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["HTTP/1.1 408 Request Timeout"] * 3
