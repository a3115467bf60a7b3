"""Where workers of every kind come from: the service's end of the fork server (see `app.store.forking`)."""

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import app

__all__ = ["Nursery", "isolation"]

# -P: the folder the service was started in is no place to import code from.
_PYTHON = [sys.executable, "-P"]


class Nursery:
    """Starts workers that may use `memory` bytes each. The process that forks them comes with the first one.

    To be used in one event loop. Should that process die, its workers do too, and the next one brings a new one.
    """

    def __init__(self, memory: int) -> None:
        self._memory = memory
        self._numbers = count()
        self._starting = asyncio.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    async def fork(self, module: str, data: Path, limit: int, theirs: socket.socket) -> int:
        """Start a worker that serves the socket's other end, with `module`'s `main`; return its number.

        A worker that does not come up closes the socket. Raises OSError when no process can be started at all.
        """
        number = next(self._numbers)
        request = {"fork": number, "module": module, "data": str(data), "limit": limit}
        async with self._starting:
            if not self._send(request, [theirs.fileno()]):
                await self.close()
                await asyncio.to_thread(self._start)
                self._send(request, [theirs.fileno()])
        return number

    def kill(self, number: int) -> None:
        """Stop the worker now; does nothing when it is gone."""
        self._send({"kill": number})

    def make_nice(self, number: int, nice: int) -> None:
        """Have the worker leave the processor to others from now on (see nice(1)); it cannot get it back.

        `nice` is added to the service's own niceness.
        """
        self._send({"nice": number, "by": nice})

    async def close(self) -> None:
        """End all workers and wait until they are gone; closing again does nothing."""
        if self._control:
            self._control.close()
            self._control = None
        if self._process:
            await asyncio.to_thread(self._process.wait)
            self._process = None

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [*_PYTHON, "-m", "app.store.forking", str(theirs.fileno()), str(self._memory)],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                # Ctrl-C is for the service, which then stops its workers. But they share its session: where sessions
                # share the processor evenly, each worker would otherwise have as much of it as the service.
                process_group=0,
                env=_environment(),
            )
        self._control = ours

    def _send(self, request: dict[str, Any], descriptors: Sequence[int] = ()) -> bool:
        """Send a request, and say whether there was somebody to send it to."""
        if self._control is None:
            return False
        with suppress(OSError):
            # A line is far smaller than the socket's buffer, and the other end does nothing that takes long.
            socket.send_fds(self._control, [json.dumps(request).encode() + b"\n"], descriptors)
            return True
        return False


def isolation() -> str:
    """Whether query workers on this machine are cut off the network, in words; tried out in a process of its own."""
    attempt = "from app.store.worker import leave_network; print(leave_network())"
    done = subprocess.run([*_PYTHON, "-c", attempt], env=_environment(), capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown: the attempt failed"


def _environment() -> dict[str, str]:
    """This process's environment, with the project on the path also where it runs from a folder uninstalled.

    Two heaps are enough for one query at a time; each more would take 64 MiB from the worker's address space.
    """
    paths = [str(Path(app.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), "MALLOC_ARENA_MAX": "2"}
