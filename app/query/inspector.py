"""Queries are looked through before they are answered: short ones at once, long ones in a process of their own.

Looking through 64 kB takes a twentieth of a second. In a thread beside the event loop that would hold up everybody,
since only one thread at a time runs Python.
"""

import asyncio
from dataclasses import asdict
from typing import Any

from app.errors import Busy
from app.query.guard import QueryForm
from app.query.inspection import GivenLimits, examine
from app.settings import Settings
from app.store.nursery import Nursery
from app.store.workers import Worker, error_of

__all__ = ["Inspector"]

_LONG = 4096
"""Characters of a query from which it is looked through elsewhere."""

_NICE = 10
"""The process has a tenth of the claim to the processor that others have."""


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

    def start(self, nursery: Nursery) -> None:
        """Begin to take long queries. The process comes from the nursery."""
        self._nursery = nursery
        self._turn = asyncio.Lock()  # Belongs to the event loop, which is another one when the service starts again.

    def close(self) -> None:
        """End the process."""
        if self._process:
            self._process.kill()
            self._process = None

    async def examine(self, text: str) -> tuple[QueryForm, bool]:
        """The form of the query, and whether it is repeatable. Raises what `check_query` does, Busy, WorkerLost."""
        longest = self._limits.query_bytes + self._limits.values_bytes
        if len(text) < _LONG or len(text) > longest:  # What is too long is refused unread.
            return examine(text, self._limits, services=self._services)
        try:
            async with asyncio.timeout(self._settings.queue_wait), self._turn:
                header = await self._ask({"limits": asdict(self._limits), "services": self._services}, text.encode())
        except TimeoutError:
            raise Busy("Too many long queries are waiting to be looked through; try again in a few seconds.") from None
        return QueryForm(header["form"]), header["repeatable"]

    async def _ask(self, request: dict[str, Any], text: bytes) -> dict[str, Any]:
        process = self._process
        if process is None or not process.alive:
            process = await Worker.start(self._nursery, "app.query.inspection", self._settings.data, self._settings)
            process.be_nice(_NICE)
            self._process = process
        try:
            header, _ = await process.ask(request, text)
        finally:
            if not process.idle:
                self.close()
        if "error" in header:
            raise error_of(header)
        return header
