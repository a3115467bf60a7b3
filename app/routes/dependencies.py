"""What routes get from the application: the settings, the pool of query workers, the validators, the counters."""

from typing import Annotated, Protocol, cast

from fastapi import Depends, Request

from app.metrics import Metrics
from app.settings import Settings
from app.store.base import Answer, Query, StoreInfo

__all__ = [
    "MetricsDependency",
    "PoolDependency",
    "QueryPool",
    "SettingsDependency",
    "Validators",
    "ValidatorsDependency",
    "site_of",
]


class QueryPool(Protocol):
    """Answers queries without holding up the event loop; `app.store.workers.WorkerPool` is one."""

    @property
    def generation(self) -> int:
        """The published generation, 0 when there is none."""

    @property
    def alive(self) -> int:
        """How many worker processes run now."""

    async def run(self, query: Query) -> Answer:
        """Answer the query. Raises the errors of `app.errors`."""

    async def info(self) -> StoreInfo:
        """Say what is published."""


class Validators(Protocol):
    """Validates what clients send; `app.validation.pool.ValidatorPool` is one."""

    async def run(self, body: bytes, content_type: str, media_type: str) -> bytes:
        """Return the report in the media type. Raises the errors of `app.errors`."""


def _settings(request: Request) -> Settings:
    return cast(Settings, request.app.state.settings)


def _pool(request: Request) -> QueryPool:
    return cast(QueryPool, request.app.state.pool)


def site_of(request: Request) -> str:
    """The address of this deployment as the client wrote it, without a slash at its end."""
    return str(request.base_url).rstrip("/")


def _validators(request: Request) -> Validators:
    return cast(Validators, request.app.state.validators)


def _metrics(request: Request) -> Metrics:
    return cast(Metrics, request.app.state.metrics)


MetricsDependency = Annotated[Metrics, Depends(_metrics)]
SettingsDependency = Annotated[Settings, Depends(_settings)]
PoolDependency = Annotated[QueryPool, Depends(_pool)]
ValidatorsDependency = Annotated[Validators, Depends(_validators)]
