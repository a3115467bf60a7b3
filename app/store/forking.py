"""The fork server: a small process that has imported what workers need, and forks each of them in a millisecond.

Started by `nursery.Nursery` as `python -m app.store.forking FD MEMORY`: the descriptor of a socket, and the bytes of
memory that a worker may use. What holds for its workers holds for it first: no network, limited memory, no core dump.

A request is a line of JSON, and has no answer: `{"fork": number, "module": …, "data": …, "limit": …}` comes with the
descriptor of the worker's own socket, which tells the rest; `{"kill": number}`; `{"nice": number, "by": …}`. Only this
process knows which of its children still live, so nobody else addresses them by an id that may have a new owner.
When the parent closes the socket or dies, all workers are ended with this process.
"""

import ctypes
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from app.store.worker import leave_network, limit_memory

__all__ = ["main"]

_BLOCK = 64 * 1024
_DIE_WITH_PARENT = 1
"""PR_SET_PDEATHSIG of Linux's prctl."""


def main() -> None:
    """Do what the parent asks for until it is gone."""
    descriptor, memory = map(int, sys.argv[1:3])
    _name_process("store.forking")
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)  # No terminal stops who tells of an error in the background.
    leave_network()
    limit_memory(memory)
    gc.collect()
    gc.freeze()  # Otherwise each worker's first collection would copy the pages of all that was imported.
    _ForkServer(socket.socket(fileno=descriptor)).run()


class _ForkServer:
    """The workers that live, by number."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._sockets: deque[int] = deque()
        self._workers: dict[int, int] = {}

    def run(self) -> None:
        """Serve the parent; when it is gone, end the workers."""
        try:
            for request in self._requests():
                self._do(request)
        finally:
            for pid in self._workers.values():
                os.kill(pid, signal.SIGKILL)
            for pid in self._workers.values():
                os.waitpid(pid, 0)

    def _requests(self) -> Iterator[dict[str, Any]]:
        """The parent's requests. The workers' sockets that came with them wait in order."""
        ended, wakeup = os.pipe()
        for end in (ended, wakeup):
            os.set_blocking(end, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
        poll = select.poll()
        poll.register(ended, select.POLLIN)
        poll.register(self._control, select.POLLIN)
        text = b""
        while True:
            ready = {descriptor for descriptor, _ in poll.poll()}
            if ended in ready:
                os.read(ended, _BLOCK)
                self._reap()
            if self._control.fileno() in ready:
                block, came, _, _ = socket.recv_fds(self._control, _BLOCK, 16)
                if not block:
                    return
                self._sockets.extend(came)
                *lines, text = (text + block).split(b"\n")
                yield from map(json.loads, lines)

    def _reap(self) -> None:
        for number, pid in list(self._workers.items()):
            if os.waitpid(pid, os.WNOHANG) != (0, 0):
                del self._workers[number]

    def _do(self, request: dict[str, Any]) -> None:
        if "fork" in request:
            self._fork(request, self._sockets.popleft())
        elif (pid := self._workers.get(request.get("kill", -1))) is not None:
            os.kill(pid, signal.SIGKILL)
        elif (pid := self._workers.get(request.get("nice", -1))) is not None:
            _be_nice(pid, request["by"])

    def _fork(self, request: dict[str, Any], descriptor: int) -> None:
        server = os.getpid()
        try:
            pid = os.fork()
        except OSError as error:
            print(f"A worker cannot be forked: {error}", file=sys.stderr)
        else:
            if pid == 0:
                self._control.close()
                _become_worker(request, descriptor, server)
            with suppress(OSError):
                # As the worker does itself, whoever comes first: what follows may be for its group.
                os.setpgid(pid, pid)
            self._workers[request["fork"]] = pid
        os.close(descriptor)


def _become_worker(request: dict[str, Any], descriptor: int, server: int) -> NoReturn:
    """Work until the worker's socket is closed or the fork server is gone."""
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        # A group, but no session: where sessions share the processor evenly, niceness counts inside of each only.
        os.setpgid(0, 0)
        _name_process(request["module"].removeprefix("app."))
        if sys.platform.startswith("linux"):
            ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, int(signal.SIGKILL))
        if os.getppid() == server:
            worker = importlib.import_module(request["module"])
            worker.main(socket.socket(fileno=descriptor), Path(request["data"]), request["limit"])
    finally:
        os._exit(1)


def _name_process(name: str) -> None:
    """Say what ps, top and the kernel are to call the process; Linux keeps 15 characters of it."""
    with suppress(OSError):
        Path("/proc/self/comm").write_text(name)


def _be_nice(pid: int, by: int) -> None:
    with suppress(OSError):
        # The process leads a group of its own. On Linux, the call for a process would be for one of its threads.
        os.setpriority(os.PRIO_PGRP, pid, os.getpriority(os.PRIO_PROCESS, 0) + by)


if __name__ == "__main__":
    main()
