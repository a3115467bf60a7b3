"""Programs that comparisons start: those of the environment that runs them come before those of the machine."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

__all__ = ["Server", "do", "find", "running"]

_BIN = Path(sys.executable).parent
_START = 300.0
_NOTHING: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Server:
    """A server that runs: its name, port, path of the endpoint, and process."""

    name: str
    port: int
    path: str
    pid: int

    def url(self, query: str) -> str:
        """The address of the answer to a query."""
        return f"http://127.0.0.1:{self.port}{self.path}?{urlencode({'query': query})}"


def find(name: str) -> str | None:
    """Where a program is."""
    return shutil.which(name, path=f"{_BIN}{os.pathsep}{os.environ.get('PATH', '')}")


def do(command: str, *arguments: str | Path) -> None:
    """Run a program to its end; when it fails, so does the comparison."""
    done = subprocess.run([find(command) or command, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{command} failed: {done.stderr.strip()}")


@contextmanager
def running(name: str, path: str, *arguments: str | Path, settings: Mapping[str, str] = _NOTHING) -> Iterator[Server]:
    """Start a server whose last argument is where it is to listen; `settings` are added to the environment."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    listen = f"127.0.0.1:{port}" if arguments[-1] == "-b" else str(port)
    process = subprocess.Popen(
        [find(name) or name, *arguments, listen],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **settings},
    )
    try:
        deadline = time.monotonic() + _START
        while time.monotonic() < deadline:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.1)
        yield Server(name, port, path, process.pid)
    finally:
        process.terminate()
        process.wait()
