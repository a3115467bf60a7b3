"""The application: `uvicorn app.main:create_app --factory`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.staticfiles import StaticFiles

from app.pages.rendering import STATIC
from app.routes import graph_store, health, home, resources, sparql, updates, vocabulary
from app.routes.envelope import Envelope
from app.routes.problems import handle_problems
from app.settings import Settings
from app.store.workers import WorkerPool
from app.store.writes import WriteQueue

__all__ = ["create_app"]

_CORS = Middleware(
    CORSMiddleware,
    allow_origins=["*"],
    allow_methods=["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"],
    allow_headers=["*"],
    expose_headers=["Link", "Retry-After", "X-Request-Id"],
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
        middleware=[_CORS, Middleware(Envelope)],
    )
    application.state.settings = chosen
    application.state.writes = WriteQueue(chosen.data, chosen)
    handle_problems(application)
    routers = [module.router for module in (home, sparql, updates, graph_store, health, vocabulary, resources)]
    for router in routers:
        application.include_router(router)
    application.state.routes = [route for router in routers for route in router.routes]
    application.mount("/static", StaticFiles(directory=STATIC), name="static")
    return application


@asynccontextmanager
async def _lifespan(application: FastAPI) -> AsyncIterator[None]:
    settings: Settings = application.state.settings
    pool = application.state.pool = WorkerPool(settings.data, settings)
    writes: WriteQueue = application.state.writes
    await pool.start()
    writes.start()
    try:
        await pool.info()  # Counted now, so that the first look at /health does not wait for a worker.
        yield
    finally:
        await writes.close()
        await pool.close()
