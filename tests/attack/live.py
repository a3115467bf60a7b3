"""A live server in a process of its own, for tests that attack it."""

import http.client
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from tests.paths import ROOT
from tests.processes import workers

__all__ = ["Live", "serving"]


@dataclass(frozen=True, slots=True)
class Live:
    """A running server: its port and its process."""

    port: int
    process: subprocess.Popen[str]

    def ask(self, query: str, client: str = "127.0.0.1", timeout: float = 30) -> tuple[int, bytes, float]:
        """Send a query from this address of the machine; status, body and seconds."""
        return self.post(urlencode({"query": query}).encode(), client, timeout)

    def post(self, form: bytes, client: str = "127.0.0.1", timeout: float = 30) -> tuple[int, bytes, float]:
        """Send a form that is encoded already, as `ask` does."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout, source_address=(client, 0))
        began = time.perf_counter()
        try:
            connection.request("POST", "/sparql", form, {"Content-Type": "application/x-www-form-urlencoded"})
            answer = connection.getresponse()
            return answer.status, answer.read(), time.perf_counter() - began
        finally:
            connection.close()

    def workers(self) -> list[int]:
        """The ids of its worker processes."""
        return workers("store.worker", self.process.pid)


@contextmanager
def serving(data: Path, **settings: object) -> Iterator[Live]:
    """Serve the directory with these settings."""
    environment = {**os.environ, **{f"TRIALWEAVE_{name.upper()}": str(value) for name, value in settings.items()}}
    command = [str(Path(sys.executable).parent / "trialweave"), "serve", "--data", str(data), "--port", "0"]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)
    assert process.stderr
    try:
        found = re.search(r":(\d+)/", process.stderr.readline())
        assert found, "the server did not start"
        yield Live(int(found[1]), process)
        assert process.poll() is None, "the server must survive"
    finally:
        process.terminate()
        process.wait(timeout=20)
        process.stderr.close()
