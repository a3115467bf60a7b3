"""Who answers the queries of `bench.federation`: each is asked one query at a time, and told when to be done.

All but our service run as processes that are asked over their standard input. They stay, so that starting and loading
is not in the figures. As a program, this is one of them:

    python -m bench.contestants rdflib|pyoxigraph DATA SECONDS
"""

import http.client
import json
import os
import resource
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlencode

import pyoxigraph as ox

__all__ = ["Answer", "Contestant", "Process", "Service"]

_JSON = "application/sparql-results+json"
_GRACE = 5.0
"""Seconds after its time in which a process may say itself that it was too slow."""
_MEMORY = 6 * 1024**3
_START = 600.0
_NO_QUERY = "SELECT ?x { VALUES ?x { 1 } }"
_NOTHING: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Answer:
    """How long it took in seconds, and the solutions as a JSON document; or what was said instead of an answer."""

    seconds: float
    body: str = ""
    error: str | None = None
    is_late: bool = False


class Contestant(Protocol):
    """Answers queries with SERVICE clauses."""

    name: str
    clauses: bool
    """Whether queries have SERVICE clauses for it; else it is to find out itself what its members can answer."""

    def ask(self, query: str, seconds: float) -> Answer:
        """The answer to a query, for which there is so much time."""

    def close(self) -> None:
        """End it."""


class Service:
    """Our service, over HTTP."""

    def __init__(self, name: str, port: int) -> None:
        self.name, self.clauses, self._port = name, True, port

    def ask(self, query: str, seconds: float) -> Answer:
        """The answer to a query, for which there is so much time."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=seconds)
        headers = {"Accept": _JSON, "Content-Type": "application/x-www-form-urlencoded"}
        began = time.perf_counter()
        try:
            connection.request("POST", "/sparql", urlencode({"query": query}), headers)
            answer = connection.getresponse()
            body = answer.read().decode()
        except TimeoutError:
            return Answer(seconds, is_late=True)
        finally:
            connection.close()
        took = time.perf_counter() - began
        return Answer(took, body) if answer.status == 200 else Answer(took, error=body[:300])

    def close(self) -> None:
        """There is nothing to end: it is no process of its own."""


class Process:
    """A program that reads queries and writes solutions, or an object with the member "error", each a line of JSON.

    It is started again where it had to be stopped.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        environment: Mapping[str, str] = _NOTHING,
        *,
        clauses: bool = True,
    ) -> None:
        self.name, self.clauses, self._command = name, clauses, [str(word) for word in command]
        self._environment = {**os.environ, **environment}
        self._process: subprocess.Popen[str] | None = None

    def ask(self, query: str, seconds: float) -> Answer:
        """The answer to a query, for which there is so much time."""
        if self._process is None:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env=self._environment,
            )
            self._asked(_NO_QUERY, _START)
        return self._asked(query, seconds)

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _asked(self, query: str, seconds: float) -> Answer:
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        began = time.perf_counter()
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(query) + "\n")
            self._process.stdin.flush()
        ready, _, _ = select.select([self._process.stdout], [], [], seconds + _GRACE)
        body = self._process.stdout.readline() if ready else ""
        took = time.perf_counter() - began
        if not body:
            self.close()
            return Answer(took, error=None if took > seconds else "ended", is_late=took > seconds)
        error = json.loads(body).get("error")
        return Answer(took, body, error=error, is_late=took > seconds)


# The processes


def _rdflib(data: Path) -> Callable[[str], str]:
    """rdflib with the triples of an N-Triples file in memory."""
    from rdflib import Graph

    graph = Graph().parse(data, format="nt")

    def answer(query: str) -> str:
        body = graph.query(query).serialize(format="json")
        return body.decode() if body else ""

    return answer


def _pyoxigraph(data: Path) -> Callable[[str], str]:
    """The engine by itself, which sends SERVICE clauses off as they are."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    store = ox.Store.read_only(str(data))

    def answer(query: str) -> str:
        found: Any = store.query(query)
        return (found.serialize(format=ox.QueryResultsFormat.JSON) or b"").decode()

    return answer


class _Late(BaseException):
    """The time is over; nothing that answers a query is to catch it."""


def _stop(*_: object) -> None:
    raise _Late


def main() -> None:
    """Answer queries from standard input."""
    name, data, seconds = sys.argv[1:]
    answer = {"rdflib": _rdflib, "pyoxigraph": _pyoxigraph}[name](Path(data))
    signal.signal(signal.SIGALRM, _stop)
    for line in sys.stdin:
        try:
            signal.setitimer(signal.ITIMER_REAL, float(seconds))
            said = answer(json.loads(line)).replace("\n", " ")
        except _Late:
            said = json.dumps({"error": "late"})
        except Exception as error:  # Whatever goes wrong is a result.
            said = json.dumps({"error": f"{type(error).__name__}: {error}"[:300]})
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        print(said, flush=True)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main()
