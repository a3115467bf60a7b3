"""The application: `uvicorn app.main:create_app --factory`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from starlette.datastructures import State
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.staticfiles import StaticFiles

from app.errors import TrialweaveError
from app.federation.federation import Federation
from app.metrics import Metrics
from app.pages.rendering import STATIC
from app.query.budget import Ledger
from app.query.cache import AnswerCache
from app.query.inspector import Inspector
from app.routes import (
    description,
    dump,
    federation,
    graph_store,
    health,
    home,
    metrics,
    resources,
    sparql,
    updates,
    validate,
    vocabulary,
)
from app.routes.envelope import Envelope
from app.routes.observation import Observation
from app.routes.problems import handle_problems
from app.routes.validators import Validators
from app.settings import Settings
from app.store.nursery import Nursery
from app.store.opening import Pool, open_pool
from app.store.writes import WriteQueue
from app.validation.pool import ValidatorPool

__all__ = ["create_app"]

_CORS = Middleware(
    CORSMiddleware,
    allow_origins=["*"],
    allow_methods=["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"],
    allow_headers=["*"],
    expose_headers=["ETag", "Link", "Retry-After", "X-Request-Id"],
    max_age=86_400,
)


def create_app(settings: Settings | None = None) -> FastAPI:
    """Make the service for these settings, by default those of the environment. Workers start with its lifespan."""
    chosen = settings or Settings()
    application = FastAPI(
        title="Trialweave",
        summary="A knowledge graph of clinical studies, open to SPARQL",
        version=version("trialweave"),
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
        middleware=[
            Middleware(Validators),
            _CORS,
            Middleware(Envelope),
            Middleware(Observation),
        ],
    )
    application.state = _State()
    application.state.settings = chosen
    application.state.metrics = Metrics()
    application.state.cache = AnswerCache(chosen.cached_bytes)
    federation = application.state.federation = Federation(chosen)
    application.state.inspector = Inspector(chosen, services=federation.is_on)
    application.state.writes = WriteQueue(chosen.data, chosen)
    handle_problems(application)
    # Found first, and without what the framework does for a route, which takes longer than a quick query. The same
    # function stands in its router too, for the description of the service.
    application.add_route("/sparql", sparql.endpoint, methods=["GET", "POST"], include_in_schema=False)
    routers = [module.router for module in _ROUTES]
    for router in routers:
        application.include_router(router)
    application.state.routes = [route for router in routers for route in router.routes]
    application.mount("/static", StaticFiles(directory=STATIC), name="static")
    return application


_ROUTES = (
    home,
    sparql,
    federation,
    updates,
    graph_store,
    health,
    metrics,
    validate,
    vocabulary,
    description,
    dump,
    resources,
)
"""The modules of `app.routes`, in the order in which they are asked for a path: the last one takes any."""


class _State(State):
    """The parts of the application: the framework's own class has a function of Python look for each of them."""

    def __setattr__(self, key: Any, value: Any) -> None:
        object.__setattr__(self, key, value)


@asynccontextmanager
async def _lifespan(application: FastAPI) -> AsyncIterator[None]:
    settings: Settings = application.state.settings
    counted = application.state.metrics = Metrics()
    nursery = Nursery(settings.worker_memory)
    ledger = Ledger(settings.client_seconds)
    pool = application.state.pool = open_pool(settings, counted.queries, nursery, ledger)
    validators = application.state.validators = ValidatorPool(settings, nursery, counted.validations)
    writes: WriteQueue = application.state.writes
    inspector: Inspector = application.state.inspector
    try:
        await pool.start()
        writes.start(nursery)
        inspector.start(nursery, ledger)
        _watch(counted, pool, validators)
        counted.cache(application.state.cache)
        with suppress(TrialweaveError):  # A remote store may come later, and counting may take longer than it may.
            await pool.info()  # Counted now, so that the first look at /health does not wait for a worker.
        yield
    finally:
        await application.state.federation.close()
        await writes.close()
        validators.close()
        inspector.close()
        await pool.close()
        await nursery.close()


def _watch(counted: Metrics, pool: Pool, validators: ValidatorPool) -> None:
    """Have the counters show what is not counted but looked at."""
    counted.gauge("query_queue", "Queries that wait for a worker.", lambda: pool.waiting)
    counted.gauge("query_workers", "Query worker processes.", lambda: pool.alive)
    counted.gauge("validation_queue", "Validations that wait for a process.", lambda: validators.waiting)
    counted.gauge("generation", "The published generation.", lambda: pool.generation)
    counted.gauge("generation_age_seconds", "Time since it was published.", pool.age)
