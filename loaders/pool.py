"""Many documents, prepared by several processes, handed back in the order in which they came.

However large the input, only so much of it is in flight at a time; the results are the same bytes as with one process.
A document that ends the process that reads it, as the kernel does when memory runs out, costs itself and no other.
"""

import gc
import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from itertools import chain
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue

from loaders.documents import Document
from loaders.errors import SourceError
from loaders.heap import return_freed_memory
from loaders.link.mesh import MeshIndex
from loaders.pipeline import Run, Taken, Unreadable, take, take_all

__all__ = [
    "BATCH_BYTES",
    "IN_FLIGHT",
    "IN_FLIGHT_BYTES",
    "Batch",
    "Found",
    "batches_of",
    "fatal",
    "take_found",
    "taken",
]

BATCH_BYTES = 256 * 1024
"""Small documents travel together until they have so many bytes: about ten studies, so that the way costs little."""

IN_FLIGHT = 64
"""Batches in flight at most."""

IN_FLIGHT_BYTES = 16 * 1024 * 1024
"""Bytes of documents in flight, if it is more than one batch. Their triples take about seven times as much."""

_GIVING_WAY = 5
"""How much these processes give way (nice(2)): writing, which takes one thread the longest, should wait for no core."""

Found = Document | SourceError
"""A document, or why there is none."""

Batch = list[Found]


def taken(found: Iterable[Found], run: Run, jobs: int = 1, index: Path | None = None) -> Iterator[tuple[Found, Taken]]:
    """Yield each document with what became of it, in order. What was not even found is passed on as unreadable.

    With more than one job and more than one batch of documents, processes do the work; `index` is then the file of
    `run.index`. Raises SourceError when they do not start.
    """
    if jobs == 1:
        for one in found:
            yield one, take_found(one, run)
        return
    batches = batches_of(found)
    start = [batch for batch in (next(batches, None), next(batches, None)) if batch]
    if len(start) < 2:  # starting processes would take longer than the work
        for one in chain.from_iterable(start):
            yield one, take_found(one, run)
        return
    with _Pool(jobs, run, index) as pool:
        for batch, results in pool.map(chain(start, batches)):
            yield from zip(batch, results, strict=True)


def take_found(found: Found, run: Run) -> Taken:
    """Take one document; what was not even found is unreadable."""
    return Taken((Unreadable(tuple(str(found).split("\n"))),)) if isinstance(found, SourceError) else take(found, run)


def fatal(found: Found) -> Taken:
    """Say of a document that whatever process reads it comes to its end."""
    name = found.name if isinstance(found, Document) else found.source
    problem = "ended the process that read it, most often by needing too much memory; it was passed over"
    return Taken((Unreadable((f"{name}: {problem}",)),))


def batches_of(found: Iterable[Found]) -> Iterator[Batch]:
    """Yield documents together that travel together."""
    batch: Batch = []
    for one in found:
        batch.append(one)
        if _size(batch) >= BATCH_BYTES:
            yield batch
            batch = []
    if batch:
        yield batch


def _size(batch: Batch) -> int:
    return sum(len(one.data) if isinstance(one, Document) else 1024 for one in batch)


class _Pool:
    """The processes, and a thread for each that waits for it: the caller may be busy with the store meanwhile."""

    def __init__(self, jobs: int, run: Run, index: Path | None) -> None:
        self._threads = ThreadPoolExecutor(jobs, thread_name_prefix="documents")
        self._workers = [_Worker(run, index) for _ in range(jobs)]
        self._idle: SimpleQueue[_Worker] = SimpleQueue()
        self._closed = False

    def __enter__(self) -> "_Pool":
        try:
            for worker in self._workers:
                worker.start()
            for worker in self._workers:
                worker.wait_until_ready()
                self._idle.put(worker)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop the processes, whatever they are doing."""
        self._closed = True
        self._threads.shutdown(wait=False, cancel_futures=True)
        for worker in self._workers:
            worker.stop()
        self._threads.shutdown()

    def map(self, batches: Iterable[Batch]) -> Iterator[tuple[Batch, list[Taken]]]:
        """Yield each batch with its results, in order."""
        waiting: deque[tuple[Batch, int, Future[list[Taken]]]] = deque()
        size = 0
        for batch in batches:
            waiting.append((batch, _size(batch), self._threads.submit(self._do, batch)))
            size += waiting[-1][1]
            while waiting and (len(waiting) >= IN_FLIGHT or size >= IN_FLIGHT_BYTES):
                done, weight, future = waiting.popleft()
                yield done, future.result()
                size -= weight
        while waiting:
            done, _, future = waiting.popleft()
            yield done, future.result()

    def _do(self, batch: Batch) -> list[Taken]:
        worker = self._idle.get()
        try:
            return worker.ask(batch)
        except EOFError:
            if self._closed:
                raise
            worker.restart()
            return [self._alone(worker, one) for one in batch]
        finally:
            self._idle.put(worker)

    def _alone(self, worker: "_Worker", one: Found) -> Taken:
        """Take one document of a batch that ended the process: now it shows whether it was this one."""
        with suppress(EOFError):
            return worker.ask([one])[0]
        worker.restart()
        return fatal(one)


class _Worker:
    """One process and the pipe to it. It is spawned, not forked: an open store does not survive a fork."""

    def __init__(self, run: Run, index: Path | None) -> None:
        self._arguments = (replace(run, index=None), index)

    def start(self) -> None:
        """Start the process."""
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, *self._arguments), daemon=True)
        self._process.start()
        theirs.close()

    def wait_until_ready(self) -> None:
        """Wait until the process can work. Raises SourceError when it cannot."""
        try:
            self._pipe.recv()
        except (EOFError, OSError):
            raise SourceError("--jobs", "a process that reads documents did not start; try with --jobs 1") from None

    def restart(self) -> None:
        """Start a new process in the place of one that ended."""
        self.stop()
        self.start()
        self.wait_until_ready()

    def ask(self, batch: Batch) -> list[Taken]:
        """Have documents taken. Raises EOFError when that ends the process."""
        try:
            self._pipe.send([one for one in batch if isinstance(one, Document)])
            results = iter(self._pipe.recv())
        except OSError as error:
            raise EOFError from error
        return [next(results) if isinstance(one, Document) else take_found(one, Run()) for one in batch]

    def stop(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.join()
        self._pipe.close()


def _serve(pipe: Connection, run: Run, index: Path | None) -> None:
    """Take one batch after the other until the parent is gone."""
    os.nice(_GIVING_WAY)
    return_freed_memory()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then ends its workers.
    run = replace(run, index=MeshIndex.open(index) if index else None)
    # The collector would look at every record many times while it lives: a tenth of the time. Between two batches there
    # is next to nothing to look at.
    gc.freeze()
    gc.disable()
    with suppress(EOFError, OSError):
        pipe.send("ready")
        while True:
            pipe.send(take_all(pipe.recv(), run))
            gc.collect(1)
