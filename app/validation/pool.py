"""The validators: processes that can be killed, like those for queries, for what strangers send to be validated.

A validator is started when the first document comes, for most services never get one, and stays. It has the limits of a
query worker: deadline, memory, no network, a bounded queue. One that is stopped or dies costs one validation.
"""

import asyncio
import json
from asyncio.subprocess import DEVNULL, PIPE, Process
from contextlib import suppress
from typing import Any

from app import errors
from app.errors import (
    AnswerTooLarge,
    Busy,
    DeadlineExceeded,
    StoreError,
    TrialweaveError,
    UnreadableDocument,
    WorkerLost,
)
from app.metrics import Runs
from app.settings import Settings
from app.store.worker import HEADER
from app.store.workers import PYTHON, environment

__all__ = ["ValidatorPool"]

_START = 20.0
"""Seconds a validator may take until it has read the shapes; it takes about one."""


class ValidatorPool:
    """Up to `settings.validators` processes, for one event loop. `runs` counts what becomes of validations."""

    def __init__(self, settings: Settings, runs: Runs | None = None) -> None:
        self._settings = settings
        self._runs = runs or Runs()
        self._free = asyncio.Semaphore(settings.validators)
        self._idle: list[_Validator] = []
        self._all: set[_Validator] = set()
        self.waiting = 0

    async def run(self, body: bytes, content_type: str, media_type: str) -> bytes:
        """Return the report on a body in a media type.

        Raises UnreadableDocument, BadRequest, UnsupportedMediaType, Busy, DeadlineExceeded after `query_timeout`
        seconds, WorkerLost, AnswerTooLarge. Cancelling stops the validation.
        """
        with self._runs.counted() as run:
            await self._admitted()
            try:
                run.begin()
                return await self._run(body, {"content_type": content_type, "type": media_type})
            finally:
                self._free.release()

    async def close(self) -> None:
        """Stop the validators, whatever they are doing."""
        await asyncio.gather(*(validator.stop() for validator in self._all))
        self._all.clear()
        self._idle.clear()

    async def _admitted(self) -> None:
        if self._free.locked() and self.waiting >= self._settings.queue:
            raise Busy(f"{self.waiting} validations are waiting already; try again in a few seconds.")
        self.waiting += 1
        try:
            async with asyncio.timeout(self._settings.queue_wait):
                await self._free.acquire()
        except TimeoutError:
            waited = f"{self._settings.queue_wait:g}"
            raise Busy(f"No validator became free within {waited} seconds; try again later.") from None
        finally:
            self.waiting -= 1

    async def _run(self, body: bytes, request: dict[str, str]) -> bytes:
        validator = await self._validator()
        try:
            async with asyncio.timeout(self._settings.query_timeout):
                header, report = await validator.ask(request, body, self._settings.answer_bytes)
        except BaseException as error:
            self._all.discard(validator)
            await validator.stop()
            if isinstance(error, TimeoutError):
                raise DeadlineExceeded(
                    f"The validation took longer than {self._settings.query_timeout:g} seconds and was stopped; "
                    "send less at once."
                ) from None
            raise
        self._idle.append(validator)
        if "error" in header:
            raise _error(header)
        return report

    async def _validator(self) -> "_Validator":
        while self._idle:
            validator = self._idle.pop()
            if validator.alive:
                return validator
            self._all.discard(validator)
        validator = await _Validator.start(self._settings)
        self._all.add(validator)
        return validator


class _Validator:
    """One process, and its standard input and output."""

    def __init__(self, process: Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, settings: Settings) -> "_Validator":
        """Start a process and wait until it is ready. Raises StoreError when it is not in time."""
        limits = (str(settings.worker_memory), str(settings.query_timeout))
        process = await asyncio.create_subprocess_exec(
            *PYTHON, "-m", "app.validation.worker", *limits, stdin=PIPE, stdout=PIPE, stderr=DEVNULL,
            env=environment(), start_new_session=True,
        )  # fmt: skip
        validator = cls(process)
        try:
            async with asyncio.timeout(_START):
                await validator._receive(0)
        except BaseException as error:
            await validator.stop()
            if isinstance(error, TimeoutError | WorkerLost):
                raise StoreError("A validator did not start; try again, or with more memory.") from error
            raise
        return validator

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.returncode is None

    async def ask(self, request: dict[str, str], body: bytes, limit: int) -> tuple[dict[str, Any], bytes]:
        """Send a request and wait for its answer of at most `limit` bytes, however long that takes."""
        assert self._process.stdin, "it was started with pipes"
        text = json.dumps(request).encode()
        self._process.stdin.write(HEADER.pack(len(text), len(body)) + text + body)
        with suppress(OSError):  # A process that died is told by its answer, which is none.
            await self._process.stdin.drain()
        return await self._receive(limit)

    async def _receive(self, limit: int) -> tuple[dict[str, Any], bytes]:
        stream = self._process.stdout
        assert stream, "it was started with pipes"
        try:
            text, size = HEADER.unpack(await stream.readexactly(HEADER.size))
            if size > limit:
                raise AnswerTooLarge(f"The report has over {limit:,} bytes; send less at once.")
            return json.loads(await stream.readexactly(text)), await stream.readexactly(size)
        except (OSError, asyncio.IncompleteReadError) as error:
            raise WorkerLost(
                "The validation ended its process, most often by needing too much memory or being nested too deeply; "
                "send less at once."
            ) from error

    async def stop(self) -> None:
        """Stop the process now and wait until it is gone."""
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()


def _error(header: dict[str, Any]) -> TrialweaveError:
    kind: type[TrialweaveError] = getattr(errors, header["error"])
    if issubclass(kind, UnreadableDocument):
        return kind(header["message"], header["line"], header["column"])
    return kind(header["message"])
