"""A relay in front of a SPARQL endpoint: it holds each request back for a while, and counts what passes through."""

import http.client
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import orjson

__all__ = ["Counts", "Relay", "relaying"]

_FORWARDED = ("accept", "content-type", "user-agent")


@dataclass(slots=True)
class Counts:
    """What has passed: requests, rows of solutions, and bytes of queries and answers together."""

    requests: int = 0
    rows: int = 0
    bytes: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(self.requests + other.requests, self.rows + other.rows, self.bytes + other.bytes)


class Relay:
    """Stands at `url` in front of an endpoint on `port` of this machine. `delay` is in seconds, for each request."""

    def __init__(self, port: int, path: str) -> None:
        self.port, self.path = port, path
        self.url = ""
        self.delay = 0.0
        self.passed: list[tuple[int, str, bytes]] = []
        """Bytes sent, media type and answer of each request since `counted`. It is another list after that, so that
        what is still on its way, for a client that has given up, is not taken for the next one's."""

    def counted(self) -> Counts:
        """What has passed since this was asked for last. It is counted now, when no client waits for its answer."""
        passed, self.passed = self.passed, []
        counts = Counts(len(passed))
        for sent, media_type, body in passed:
            counts.rows += _rows(media_type, body)
            counts.bytes += sent + len(body)
        return counts


@contextmanager
def relaying(port: int, path: str) -> Iterator[Relay]:
    """A relay on a free port of this machine, before what listens on another one."""
    relay = Relay(port, path)

    class Handler(_Handler):
        to = relay

    server = _Server(("127.0.0.1", 0), Handler)
    relay.url = f"http://127.0.0.1:{server.server_port}/sparql"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield relay
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    """Takes connections, and does not mind that a client whose time is over drops its own."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing, as `log_message` does."""


class _Handler(BaseHTTPRequestHandler):
    """One connection of a client."""

    to: Relay
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._forward(b"")

    def do_POST(self) -> None:
        self._forward(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def _forward(self, body: bytes) -> None:
        passed = self.to.passed
        time.sleep(self.to.delay)
        question = self.path.partition("?")[2]
        status, media_type, content = self._asked(question, body)
        passed.append((len(question) + len(body), media_type, content))
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(content)))
        try:
            self.end_headers()
            self.wfile.write(content)
            self.wfile.flush()
        except OSError:  # The client has gone; its time was over.
            self.close_connection = True

    def _asked(self, question: str, body: bytes) -> tuple[int, str, bytes]:
        headers = {name: value for name, value in self.headers.items() if name.lower() in _FORWARDED}
        target = self.to.path + (f"?{question}" if question else "")
        # A new connection each time: `oxigraph serve` writes an error on one that has been idle for a while.
        upstream = http.client.HTTPConnection("127.0.0.1", self.to.port)
        try:
            upstream.request(self.command, target, body or None, headers)
            answer = upstream.getresponse()
            return answer.status, answer.headers.get("Content-Type", ""), answer.read()
        except (OSError, http.client.HTTPException) as error:
            return 502, "text/plain", str(error).encode()
        finally:
            upstream.close()

    def log_message(self, *_: object) -> None:
        """Say nothing: standard error is the bench's."""


def _rows(media_type: str, body: bytes) -> int:
    """The number of solutions in an answer, or of triples; none in what has neither, such as the answer to ASK."""
    if "json" in media_type:
        return len(orjson.loads(body).get("results", {}).get("bindings", ()))
    if "xml" in media_type:
        return len(re.findall(rb"<result>", body))
    if "csv" in media_type or "tab-separated" in media_type:
        return body.count(b"\n") - 1
    if "n-triples" in media_type or "turtle" in media_type:
        return body.count(b" .\n")
    return 0
