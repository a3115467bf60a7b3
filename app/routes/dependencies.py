"""What routes get from the application: the settings, the pool of query workers and the queue of writes."""

from typing import Annotated, Protocol, cast

from fastapi import Depends, Request

from app.settings import Settings
from app.store.base import Answer, Query, StoreInfo
from app.store.writes import WriteQueue

__all__ = ["PoolDependency", "QueryPool", "SettingsDependency", "WritesDependency"]


class QueryPool(Protocol):
    """Answers queries without holding up the event loop; `app.store.workers.WorkerPool` is one."""

    @property
    def generation(self) -> int:
        """The published generation, 0 when there is none."""

    async def run(self, query: Query) -> Answer:
        """Answer the query. Raises the errors of `app.errors`."""

    async def info(self) -> StoreInfo:
        """Say what is published."""


def _settings(request: Request) -> Settings:
    return cast(Settings, request.app.state.settings)


def _pool(request: Request) -> QueryPool:
    return cast(QueryPool, request.app.state.pool)


def _writes(request: Request) -> WriteQueue:
    return cast(WriteQueue, request.app.state.writes)


SettingsDependency = Annotated[Settings, Depends(_settings)]
PoolDependency = Annotated[QueryPool, Depends(_pool)]
WritesDependency = Annotated[WriteQueue, Depends(_writes)]
