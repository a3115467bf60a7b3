"""The query workers: processes that can be killed, so that no query, however bad, takes the service with it.

The engine has no timeout, no cancel and no memory cap, and some queries end the process that evaluates them. So each
query runs in a worker process, and no longer than the deadline; a worker that dies costs one query and
is replaced at once.
"""

import asyncio
import json
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

import app
from app import errors
from app.errors import Busy, DeadlineExceeded, QuerySyntaxError, StoreDamaged, StoreError, TrialweaveError, WorkerLost
from app.settings import Settings
from app.store.base import Answer, Query, StoreInfo
from app.store.generations import ENGINE, DataDirectory
from app.store.worker import HEADER

__all__ = ["WorkerPool", "isolation"]

_log = logging.getLogger(__name__)

_QUERY = [field.name for field in fields(Query)]

# -P: the folder the service was started in is no place to import code from.
_PYTHON = [sys.executable, "-P"]

_START = 10.0
"""Seconds a new worker may take until it is ready; it takes well under a tenth of one."""

_WATCH = 0.5
"""Seconds between looks at CURRENT while idle; every query looks as well."""


class WorkerPool:
    """`settings.workers` processes that answer from the published generation. To be used in one event loop."""

    def __init__(self, data: Path, settings: Settings) -> None:
        self.data = DataDirectory(data)
        self._settings = settings
        self._idle: asyncio.LifoQueue[_Worker] = asyncio.LifoQueue()
        self._workers: set[_Worker] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting = 0
        self._generation = 0
        self._seen: tuple[int, int] | None = None
        self._quads: tuple[int, int] = (0, 0)
        self._closed = False

    @property
    def generation(self) -> int:
        """The generation that is published now, 0 when there is none; the last readable one if CURRENT gets damaged."""
        seen = self._look()
        if seen != self._seen:
            try:
                self._generation = self.data.current()
            except StoreDamaged as error:
                _log.error("%s Still serving generation %d.", error.message, self._generation)
            self._seen = seen
        return self._generation

    def _look(self) -> tuple[int, int] | None:
        try:
            status = (self.data.path / "CURRENT").stat()
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns

    async def start(self) -> None:
        """Start the workers. Raises StoreUnreadable, StoreDamaged, and StoreError when a worker does not come up."""
        self.data.check()
        self._seen, self._generation = self._look(), self.data.current()
        try:
            await asyncio.gather(*(self._add_worker() for _ in range(self._settings.workers)))
            await self._move_on()
        except BaseException:
            await self.close()
            raise
        self._spawn(self._watch())

    async def close(self) -> None:
        """Stop the workers, whatever they are doing."""
        self._closed = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for worker in self._workers:
            worker.kill()
        await asyncio.gather(*(worker.gone() for worker in self._workers))
        self._workers.clear()

    async def run(self, query: Query) -> Answer:
        """Answer the query on a free worker.

        Raises Busy, DeadlineExceeded after `query_timeout` seconds, AnswerTooLarge, WorkerLost, and what
        `evaluation.evaluate` raises. Cancelling stops the query.
        """
        header, body = await self._ask({"query": {name: getattr(query, name) for name in _QUERY}})
        return Answer(body, header["type"], header["generation"])

    async def info(self) -> StoreInfo:
        """What is published. Counting takes a worker's time once a generation."""
        if self._quads[0] != self.generation:
            header, _ = await self._ask({"count": True})
            self._quads = header["generation"], header["quads"]
        return StoreInfo(ENGINE, *self._quads, str(self.data.path))

    async def _ask(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        return await self._ask_worker(await self._take(), request)

    async def _ask_worker(self, worker: "_Worker", request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        try:
            async with asyncio.timeout(self._settings.query_timeout):
                header, body = await worker.ask({"generation": self.generation, **request})
        except TimeoutError:
            raise DeadlineExceeded(
                f"The query ran longer than {self._settings.query_timeout:g} seconds and was stopped; ask for less."
            ) from None
        finally:
            self._give_back(worker)
        if "error" in header:
            raise _error(header)
        return header, body

    async def _take(self) -> "_Worker":
        with suppress(asyncio.QueueEmpty):
            return self._idle.get_nowait()
        if self._waiting >= self._settings.queue:
            raise Busy(f"{self._waiting} queries are waiting already; try again in a few seconds.")
        self._waiting += 1
        try:
            async with asyncio.timeout(self._settings.queue_wait):
                return await self._idle.get()
        except TimeoutError:
            raise Busy(
                f"No worker became free within {self._settings.queue_wait:g} seconds; try again later."
            ) from None
        finally:
            self._waiting -= 1

    def _give_back(self, worker: "_Worker") -> None:
        if worker.idle:
            self._idle.put_nowait(worker)
        else:
            worker.kill()
            self._spawn(self._replace(worker))

    async def _replace(self, worker: "_Worker") -> None:
        await worker.gone()
        self._workers.discard(worker)
        while not self._closed:
            try:
                await self._add_worker()
                return
            except (StoreError, OSError) as error:
                _log.error("A query worker does not start: %s", error)
                await asyncio.sleep(1)

    async def _add_worker(self) -> None:
        worker = _Worker(self.data.path, self._settings)
        self._workers.add(worker)
        try:
            await worker.start()
        except BaseException:
            worker.kill()
            await worker.gone()
            self._workers.discard(worker)
            raise
        self._idle.put_nowait(worker)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_WATCH)
            try:
                await self._move_on()
            except TrialweaveError as error:
                _log.error("A query worker does not open generation %d: %s", self.generation, error.message)

    async def _move_on(self) -> None:
        """Have idle workers open a new generation before a query needs it; that also frees the old one for removal."""
        workers = [self._idle.get_nowait() for _ in range(self._idle.qsize())]
        stale = [worker for worker in workers if worker.generation != self.generation]
        for worker in workers:
            if worker not in stale:
                self._idle.put_nowait(worker)
        await asyncio.gather(*(self._ask_worker(worker, {}) for worker in stale))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        if self._closed:
            work.close()
            return
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class _Worker:
    """One worker process and the socket to it. `idle` is true between a complete answer and the next request."""

    def __init__(self, data: Path, settings: Settings, module: str = "app.store.worker") -> None:
        self.idle = False
        self.generation = -1
        self._answer_bytes = settings.answer_bytes
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                self._process = _start_process(data, settings, theirs, module)
            except BaseException:
                ours.close()
                raise
        self._socket = ours
        self._writer: asyncio.StreamWriter | None = None

    async def start(self) -> None:
        """Wait until the process is ready. Raises StoreError when it is not in time."""
        self._reader, self._writer = await asyncio.open_unix_connection(sock=self._socket)
        try:
            async with asyncio.timeout(_START):
                await self._receive()
        except (TimeoutError, OSError, asyncio.IncompleteReadError) as error:
            raise StoreError(
                "A query worker did not start; see the messages above, or try with more memory."
            ) from error
        self.idle = True

    async def ask(self, request: dict[str, Any], body: bytes = b"") -> tuple[dict[str, Any], bytes]:
        """Send a request and wait for its answer, however long that takes. Raises WorkerLost."""
        assert self._writer is not None, "start() comes first"
        self.idle = False
        text = json.dumps(request).encode()
        try:
            self._writer.write(HEADER.pack(len(text), len(body)) + text + body)
            header, answer = await self._receive()
        except (OSError, asyncio.IncompleteReadError) as error:
            raise WorkerLost(
                "The query ended the process that evaluated it, most often by needing too much memory or being nested "
                "too deeply; ask for less."
            ) from error
        self.generation = header.get("generation", self.generation)
        self.idle = True
        return header, answer

    async def _receive(self) -> tuple[dict[str, Any], bytes]:
        text, body = HEADER.unpack(await self._reader.readexactly(HEADER.size))
        if body > self._answer_bytes:
            raise OSError("a worker sent more than it may")
        header = json.loads(await self._reader.readexactly(text))
        return header, await self._reader.readexactly(body)

    def kill(self) -> None:
        """Stop the process now; calling it again does nothing."""
        self.idle = False
        self._process.kill()
        (self._writer or self._socket).close()

    async def gone(self) -> None:
        """Wait until the killed process has left the process table."""
        await asyncio.to_thread(self._process.wait)


def _start_process(data: Path, settings: Settings, theirs: socket.socket, module: str) -> subprocess.Popen[bytes]:
    arguments = [str(data), *map(str, (theirs.fileno(), settings.worker_memory, settings.answer_bytes))]
    return subprocess.Popen(
        [*_PYTHON, "-m", module, *arguments],
        pass_fds=[theirs.fileno()],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is for the parent, which then stops its workers.
        env=_environment(),
    )


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


_ERRORS = {name: getattr(errors, name) for name in errors.__all__ if name != "STATUS"}


def _error(header: dict[str, Any]) -> TrialweaveError:
    kind: type[TrialweaveError] = _ERRORS[header["error"]]
    if issubclass(kind, QuerySyntaxError):
        return kind(header["message"], header["line"], header["column"])
    return kind(header["message"])
