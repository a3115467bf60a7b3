"""The validators: processes that can be killed, like those for queries, for what strangers send to be validated.

A validator is started when the first document comes, for most services never get one, and stays. It has the limits of a
query worker: deadline, memory, no network, a bounded queue. One that is stopped or dies costs one validation.
"""

import asyncio

from app.errors import Busy, DeadlineExceeded, WorkerLost
from app.metrics import Runs
from app.settings import Settings
from app.store.large import LargeBody
from app.store.nursery import Nursery
from app.store.workers import Worker, error_of

__all__ = ["ValidatorPool"]

_NICE = 10
"""A validation takes long beside a query, and leaves the processor to those (see nice(1))."""


class ValidatorPool:
    """Up to `settings.validators` processes, for one event loop. `runs` counts what becomes of validations."""

    def __init__(self, settings: Settings, nursery: Nursery, runs: Runs | None = None) -> None:
        self._settings = settings
        self._nursery = nursery
        self._runs = runs or Runs()
        self._free = asyncio.Semaphore(settings.validators)
        self._idle: list[Worker] = []
        self._all: set[Worker] = set()
        self.waiting = 0

    async def run(self, body: bytes, content_type: str, media_type: str) -> bytes | LargeBody:
        """Return the report on a body in a media type; a large one need not be in memory.

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

    def close(self) -> None:
        """Stop the validators, whatever they are doing."""
        for validator in self._all:
            validator.kill()
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

    async def _run(self, body: bytes, request: dict[str, str]) -> bytes | LargeBody:
        validator = await self._validator()
        try:
            async with asyncio.timeout(self._settings.query_timeout):
                header, report = await validator.ask(request, body)
        except TimeoutError:
            raise DeadlineExceeded(
                f"The validation took longer than {self._settings.query_timeout:g} seconds and was stopped; send less "
                "at once."
            ) from None
        except WorkerLost:
            raise WorkerLost(
                "The validation ended its process, most often by needing too much memory or being nested too deeply; "
                "send less at once."
            ) from None
        finally:
            if validator.idle:
                self._idle.append(validator)
            else:
                self._end(validator)
        if "error" in header:
            raise error_of(header)
        return report

    async def _validator(self) -> Worker:
        while self._idle:
            validator = self._idle.pop()
            if validator.alive:
                return validator
            self._end(validator)
        # It gets the data directory as all workers do, and does not look at it.
        validator = await Worker.start(
            self._nursery, "app.validation.worker", self._settings.data, self._settings, _NICE
        )
        self._all.add(validator)
        return validator

    def _end(self, validator: Worker) -> None:
        validator.kill()
        self._all.discard(validator)
