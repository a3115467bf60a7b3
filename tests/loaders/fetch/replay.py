"""A server on 127.0.0.1 that answers as it was told to, and misbehaves on request.

A path has a list of answers, given out one a request; the last one stays. An answer may also be a function of the
request. Every request is noted, so that tests can say what was asked and what was not.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

__all__ = ["Answer", "Replay", "Request", "replaying"]


@dataclass(frozen=True)
class Request:
    """What was asked: path, parameters of the query or the form, and headers in lower case."""

    method: str
    path: str
    parameters: dict[str, str]
    headers: dict[str, str]


@dataclass(frozen=True)
class Answer:
    """What is sent back. `cut` leaves out so many bytes of the end, `endless` never ends, `slow` waits first (s)."""

    body: bytes = b""
    media: str = "application/json"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: int = 0
    endless: bool = False
    slow: float = 0.0


Answers = Callable[[Request], Answer] | list[Answer]


@dataclass
class Replay:
    """The server's address, its answers by path, and what it was asked."""

    url: str = ""
    answers: dict[str, Answers] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def on(self, path: str, *answers: Answer | Callable[[Request], Answer]) -> None:
        """Say what is answered under a path."""
        first = answers[0]
        self.answers[path] = list(answers) if isinstance(first, Answer) else first  # type: ignore[arg-type]

    def asked(self, path: str) -> list[Request]:
        """Return the requests for a path."""
        return [request for request in self.requests if request.path == path]

    def answer(self, request: Request) -> Answer:
        self.requests.append(request)
        answers = self.answers.get(request.path)
        if answers is None:
            return Answer(b"nothing here", "text/plain", 404)
        if callable(answers):
            return answers(request)
        return answers.pop(0) if len(answers) > 1 else answers[0]


@contextmanager
def replaying() -> Iterator[Replay]:
    """Run a replay server until the block ends."""
    replay = Replay()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._reply(urlsplit(self.path).query)

        def do_POST(self) -> None:
            self._reply(self.rfile.read(int(self.headers["Content-Length"])).decode())

        def _reply(self, parameters: str) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            path = urlsplit(self.path).path
            answer = replay.answer(Request(self.command, path, dict(parse_qsl(parameters)), headers))
            replay.over.wait(answer.slow)
            with suppress(ConnectionError):
                self._send(answer)

        def _send(self, answer: Answer) -> None:
            self.send_response(answer.status)
            if not answer.endless:
                self.send_header("Content-Length", str(len(answer.body)))
            self.send_header("Content-Type", answer.media)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body[: len(answer.body) - answer.cut])
            while answer.endless and not replay.over.is_set():
                self.wfile.write(b" " * 65536)

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    replay.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield replay
    finally:
        replay.over.set()
        server.shutdown()
        server.server_close()
