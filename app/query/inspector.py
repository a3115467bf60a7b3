"""Queries are looked through before they are answered: short ones at once, long ones in a process of their own.

Looking through 64 kB takes a twentieth of a second. In a thread beside the event loop that would hold up everybody,
since only one thread at a time runs Python. Whoever sends long queries pays for the time from the same balance as for
the answers, and those who wait for the process have their turns by what they have spent (see `app.query.line`).
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any

from app.errors import Busy
from app.query.budget import HOUSE, Caller, Ledger
from app.query.guard import QueryForm
from app.query.inspection import GivenLimits, examine
from app.query.line import Line, Waiting
from app.settings import Settings
from app.store.nursery import Nursery
from app.store.workers import Worker, error_of

__all__ = ["Inspector"]

_LONG = 4096
"""Characters of a query from which it is looked through elsewhere."""

_NICE = 10
"""The process has a tenth of the claim to the processor that the service has (see nice(1))."""


class Inspector:
    """Says which form of query a text is, and whether its answer may be given again; `services` as in `check_query`.

    To be used in one event loop. The process starts with the first long query.
    """

    def __init__(self, settings: Settings, *, services: bool) -> None:
        self._settings = settings
        self._services = services
        self._limits = GivenLimits(
            settings.query_bytes, settings.values_bytes, settings.query_depth, settings.query_branches
        )
        self._process: Worker | None = None

    def start(self, nursery: Nursery, ledger: Ledger) -> None:
        """Begin to take long queries. The process comes from the nursery; what it does is charged in the ledger."""
        self._nursery = nursery
        self._ledger = ledger
        self._line = Line(ledger.spent)
        self._busy = False

    def close(self) -> None:
        """End the process."""
        if self._process:
            self._process.kill()
            self._process = None

    async def examine(self, text: str, caller: Caller = HOUSE) -> tuple[QueryForm, bool]:
        """The form of the query, and whether it is repeatable.

        Raises what `check_query` does, and where the query is a long one, BudgetSpent, Busy and WorkerLost.
        """
        longest = self._limits.query_bytes + self._limits.values_bytes
        if len(text) < _LONG or len(text) > longest:  # What is too long is refused unread.
            return examine(text, self._limits, services=self._services)
        self._ledger.admit(caller)
        try:
            async with asyncio.timeout(self._settings.queue_wait), self._turn(caller):
                header = await self._ask({"limits": asdict(self._limits), "services": self._services}, text, caller)
        except TimeoutError:
            raise Busy("Too many long queries are waiting to be looked through; try again in a few seconds.") from None
        return QueryForm(header["form"]), header["repeatable"]

    @asynccontextmanager
    async def _turn(self, caller: Caller) -> AsyncIterator[None]:
        """Have the process to oneself. Raises Busy where somebody with fewer queries in line needs the place."""
        if self._busy:
            await self._wait(caller)
        self._busy = True
        try:
            yield
        finally:
            self._pass_on()

    async def _wait(self, caller: Caller) -> None:
        waiting = Waiting(caller, True, asyncio.get_running_loop().create_future())
        self._line.make_room(caller, self._settings.queue)
        self._line.join(waiting)
        try:
            await waiting.turn
        except BaseException:
            self._line.leave(waiting)
            if waiting.turn.done() and not waiting.turn.cancelled() and not waiting.turn.exception():
                self._pass_on()
            raise

    def _pass_on(self) -> None:
        """Give the turn to whoever is next."""
        while first := self._line.first():
            self._line.leave(first)
            if not first.turn.done():
                first.turn.set_result(None)
                return
        self._busy = False

    async def _ask(self, request: dict[str, Any], text: str, caller: Caller) -> dict[str, Any]:
        process = await self._running()
        began, before = time.monotonic(), process.processor_time()
        try:
            header, _ = await process.ask(request, text.encode())
        finally:
            # Its time, and not that which others have kept it from the processor; of a process that is gone, nobody
            # can tell the former.
            passed = time.monotonic() - began
            self._ledger.charge_reading(caller, min(passed, process.processor_time() - before))
            if not process.idle:
                self.close()
        if "error" in header:
            raise error_of(header)
        return header

    async def _running(self) -> Worker:
        """The process, which is started where there is none."""
        if self._process is None or not self._process.alive:
            self._process = await Worker.start(
                self._nursery, "app.query.inspection", self._settings.data, self._settings
            )
            self._process.be_nice(_NICE)
        return self._process
