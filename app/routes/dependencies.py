"""What routes get from the application: settings, counters, and the processes that answer, write and validate."""

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Annotated, Protocol, cast

from fastapi import Depends, Request, Response

from app.federation.federation import Federation
from app.metrics import Metrics
from app.query.budget import Caller
from app.query.guard import QueryForm
from app.query.inspector import Inspector
from app.routes.clients import caller_of
from app.settings import Settings
from app.store.base import Answer, Query, StoreInfo
from app.store.large import LargeAnswer, LargeBody
from app.store.writes import WriteQueue

__all__ = [
    "GONE",
    "FederationDependency",
    "MetricsDependency",
    "PoolDependency",
    "QueryPool",
    "SettingsDependency",
    "Trace",
    "Validators",
    "ValidatorsDependency",
    "WorkerSource",
    "WritesDependency",
    "site_of",
]

GONE = "the client has gone"
"""What a task is told that is cancelled because nobody waits for its answer any more."""

_PATIENCE = 0.1
"""Seconds until a query is worth the look whether its client is still there; nearly all are answered before."""


class WorkerSource(Protocol):
    """Answers queries without holding up the event loop; `app.store.workers.WorkerPool` is one."""

    @property
    def generation(self) -> int:
        """The published generation, 0 when there is none."""

    @property
    def alive(self) -> int:
        """How many worker processes run now."""

    def published(self, generation: int) -> float | None:
        """When that generation was published, in seconds since 1970; None if unknown, or if it is not the latest."""

    async def run(self, query: Query, caller: Caller) -> Answer:
        """Answer the query. Raises the errors of `app.errors`."""

    async def answer(self, query: Query, caller: Caller) -> Answer | LargeAnswer:
        """Answer the query likewise; a large answer need not be in memory."""

    async def info(self) -> StoreInfo:
        """Say what is published."""


class Validators(Protocol):
    """Validates what clients send; `app.validation.pool.ValidatorPool` is one."""

    async def run(self, body: bytes, content_type: str, media_type: str) -> bytes | LargeBody:
        """Return the report in the media type; a large one need not be in memory. Raises the errors of `app.errors`."""


@dataclass(slots=True)
class Trace:
    """One request and its answer, as noted on the way: what the answer was made of, or what kept it from being made."""

    request_id: str = field(default_factory=lambda: os.urandom(16).hex())
    began: float = field(default_factory=time.monotonic)
    failed: BaseException | None = None
    found: Response | None = None
    generations: set[int] = field(default_factory=set)
    queries: int = 0
    volatile: bool = False

    @property
    def generation(self) -> int | None:
        """The one generation whose answer this is and stays, if that is so."""
        if self.volatile or not self.queries or len(self.generations) != 1:
            return None
        return next(iter(self.generations))


class QueryPool:
    """The pool of workers on behalf of one request: charged to its client, and stopped when the client has gone.

    `watched` says that somebody else sees to the latter.
    """

    def __init__(self, request: Request, *, watched: bool = False) -> None:
        self._inspector: Inspector = request.app.state.inspector
        self._request = request
        self._caller = caller_of(request)
        self._watched = watched
        self._source: WorkerSource = request.app.state.pool
        self._trace: Trace = request.scope.get("trialweave.trace") or Trace()

    @property
    def generation(self) -> int:
        """The published generation, 0 when there is none."""
        return self._source.generation

    @property
    def alive(self) -> int:
        """How many worker processes run now."""
        return self._source.alive

    async def examine(self, text: str) -> tuple[QueryForm, bool]:
        """What form of query it is, and whether its answer may be given again. Raises what `Inspector.examine` does."""
        return await self._inspector.examine(text, self._caller)

    async def run(self, query: Query, repeatable: bool = True) -> Answer:
        """Answer the query, in memory; errors as those of `answer`."""
        answer = await self.answer(query, repeatable)
        return answer if isinstance(answer, Answer) else answer.whole()

    async def answer(self, query: Query, repeatable: bool = True) -> Answer | LargeAnswer:
        """Answer the query; errors as those of the pool. Say so where the same query may have another answer."""
        with nullcontext() if self._watched else self._while_connected():
            answer = await self._source.answer(query, self._caller)
        self._trace.generations.add(answer.generation)
        self._trace.queries += 1
        self._trace.volatile |= not repeatable
        return answer

    @contextmanager
    def while_connected(self) -> Iterator[None]:
        """Stop what is done inside when the client has gone; nothing inside may ask for the same."""
        with self._while_connected():
            self._watched = True
            try:
                yield
            finally:
                self._watched = False

    async def info(self) -> StoreInfo:
        """Say what is published."""
        info = await self._source.info()
        self._trace.generations.add(info.generation)
        return info

    @contextmanager
    def _while_connected(self) -> Iterator[None]:
        """Cancel what is done here when the client goes. The request's body must have been read before."""
        task = asyncio.current_task()
        assert task is not None
        watch: list[asyncio.Task[None]] = []
        loop = asyncio.get_running_loop()
        timer = loop.call_later(_PATIENCE, lambda: watch.append(loop.create_task(self._cancel_when_gone(task))))
        try:
            yield
        finally:
            timer.cancel()
            for each in watch:
                each.cancel()

    async def _cancel_when_gone(self, task: "asyncio.Task[object]") -> None:
        while (await self._request.receive())["type"] != "http.disconnect":
            pass
        task.cancel(GONE)


def site_of(request: Request) -> str:
    """The address of this deployment as the client wrote it, without a slash at its end."""
    return str(request.base_url).rstrip("/")


# These are coroutines although they wait for nothing: the framework would have a thread run each plain function, which
# takes longer than all else that is done for a quick query.


async def _pool(request: Request) -> QueryPool:
    return QueryPool(request)


async def _settings(request: Request) -> Settings:
    return cast(Settings, request.app.state.settings)


async def _validators(request: Request) -> Validators:
    return cast(Validators, request.app.state.validators)


async def _metrics(request: Request) -> Metrics:
    return cast(Metrics, request.app.state.metrics)


async def _federation(request: Request) -> Federation:
    return cast(Federation, request.app.state.federation)


async def _writes(request: Request) -> WriteQueue:
    return cast(WriteQueue, request.app.state.writes)


FederationDependency = Annotated[Federation, Depends(_federation)]
MetricsDependency = Annotated[Metrics, Depends(_metrics)]
SettingsDependency = Annotated[Settings, Depends(_settings)]
PoolDependency = Annotated[QueryPool, Depends(_pool)]
ValidatorsDependency = Annotated[Validators, Depends(_validators)]
WritesDependency = Annotated[WriteQueue, Depends(_writes)]
