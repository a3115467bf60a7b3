"""Writes over HTTP, one after the other: a bounded queue in front of one writer process that can be killed.

Writes that wait together are published together, since a publication costs more than a small write. Each is answered
when its generation is visible, so whoever wrote reads what they wrote.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

from app.errors import Busy, DeadlineExceeded, TrialweaveError, WorkerLost
from app.settings import Settings
from app.store.nursery import Nursery
from app.store.workers import Worker, error_of

__all__ = ["Checks", "WriteQueue", "Written"]

_TOGETHER = 64
"""Writes that are published together at most."""

_SECONDS = 1.0
"""Seconds after its first write in which a publication takes on further ones."""


@dataclass(frozen=True, slots=True)
class Checks:
    """What a write has to pass: it may leave the loaders' graphs alone, and must not break the SHACL shapes."""

    only_own: bool
    shapes: bool


@dataclass(frozen=True, slots=True)
class Written:
    """What a write came to: the generation that shows it, and whether it made a graph."""

    generation: int
    created: bool


@dataclass(slots=True, eq=False)
class _Job:
    request: dict[str, Any]
    body: bytes
    created: bool = False
    answer: asyncio.Future[Written] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def fail(self, error: BaseException) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)


class WriteQueue:
    """The writes of one service. To be used in one event loop."""

    def __init__(self, data: Path, settings: Settings) -> None:
        self._data = data
        self._settings = settings
        self._waiting: deque[_Job] = deque()
        self._work = asyncio.Event()
        self._process: Worker | None = None
        self._runner: asyncio.Task[None] | None = None

    def start(self, nursery: Nursery) -> None:
        """Begin to take writes. The process comes from the nursery, with the first one."""
        self._nursery = nursery
        self._work = asyncio.Event()  # Belongs to the event loop, which is another one when the service starts again.
        self._runner = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Stop, whatever is being written: what was not answered did not happen."""
        if self._runner:
            self._runner.cancel()
            with suppress(asyncio.CancelledError):
                await self._runner
        self._end_process()
        while self._waiting:
            self._waiting.popleft().fail(Busy("The service is shutting down; nothing was changed."))

    async def update(
        self,
        text: str,
        using: tuple[str, ...] | None,
        using_named: tuple[str, ...] | None,
        base: str,
        checks: Checks,
    ) -> Written:
        """Run an update that the guard has let pass. Raises what `EmbeddedStore.update` does, and as `put`."""
        request = {"update": {"using": using, "using_named": using_named, "base": base}}
        return await self._write(request, text.encode(), checks)

    async def put(
        self, graph: str, documents: Sequence[tuple[str, bytes]], *, replace: bool, checks: Checks
    ) -> Written:
        """Replace a graph by the documents (media type and bytes), or add them to it.

        Raises BadRequest, Forbidden, Violations, StoreError; Busy when too many writes wait, DeadlineExceeded after
        `write_timeout` seconds, WorkerLost. With all of them but the last, nothing was changed.
        """
        parts = [(media_type, len(body)) for media_type, body in documents]
        request = {"put": {"graph": graph, "parts": parts, "replace": replace}}
        return await self._write(request, b"".join(body for _, body in documents), checks)

    async def drop(self, graph: str, checks: Checks) -> Written:
        """Remove a graph. Raises NotFound, and as `put`."""
        return await self._write({"drop": {"graph": graph}}, b"", checks)

    async def _write(self, request: dict[str, Any], body: bytes, checks: Checks) -> Written:
        if len(self._waiting) >= self._settings.write_queue:
            raise Busy(f"{len(self._waiting)} writes are waiting already; try again in a few seconds.")
        passing = {"only_own": checks.only_own, "shapes": checks.shapes}
        job = _Job({**request, "checks": passing}, body)
        self._waiting.append(job)
        self._work.set()
        return await job.answer

    async def _run(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            while self._waiting:
                done = await self._write_together()
                if done is not None:
                    await self._publish(done)

    async def _write_together(self) -> list[_Job] | None:
        """Do what waits, and return what is to be published; None when the process is gone, and its changes with it."""
        end = 0.0
        done: list[_Job] = []
        while self._waiting and len(done) < _TOGETHER and (not done or monotonic() < end):
            job = self._waiting.popleft()
            try:
                header = await self._ask(job.request, job.body)
            except (DeadlineExceeded, WorkerLost) as error:
                job.fail(error)
                self._waiting.extendleft(reversed(done))  # They were well, and nobody has been told so.
                return None
            except (TrialweaveError, OSError) as error:
                job.fail(error)
            except asyncio.CancelledError:
                self._waiting.extendleft([job, *reversed(done)])
                raise
            else:
                job.created = header["created"]
                end = end or monotonic() + _SECONDS
                done.append(job)
        return done

    async def _publish(self, done: list[_Job]) -> None:
        try:
            header = await self._ask({"publish": bool(done)})
        except (TrialweaveError, OSError) as error:
            for job in done:
                job.fail(error)
        else:
            for job in done:
                if not job.answer.done():
                    job.answer.set_result(Written(header["generation"], job.created))

    async def _ask(self, request: dict[str, Any], body: bytes = b"") -> dict[str, Any]:
        process = await self._started()
        try:
            async with asyncio.timeout(self._settings.write_timeout):
                header, _ = await process.ask(request, body)
        except TimeoutError:
            raise DeadlineExceeded(
                f"The write took longer than {self._settings.write_timeout:g} seconds and was stopped, so nothing was "
                "changed; write less at once."
            ) from None
        except WorkerLost:
            what = "It may or may not be visible; look before you repeat it." if "publish" in request else ""
            raise WorkerLost(
                "The write ended the process that ran it, most often by needing too much memory or being nested too "
                f"deeply; write less at once. {what or 'Nothing was changed.'}"
            ) from None
        finally:
            if not process.idle:
                self._end_process()
        if "error" in header:
            raise error_of(header)
        return header

    async def _started(self) -> Worker:
        if self._process is None:
            self._process = await Worker.start(self._nursery, "app.store.writer", self._data, self._settings)
        return self._process

    def _end_process(self) -> None:
        if self._process:
            self._process.kill()
            self._process = None
