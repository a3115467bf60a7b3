"""Whether the service is up: for load balancers and for people."""

from importlib.metadata import version
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from app.errors import Busy, StoreError, TrialweaveError
from app.routes.dependencies import PoolDependency, QueryPool

__all__ = ["router"]

router = APIRouter(tags=["operation"])

_UNREADY: dict[int | str, dict[str, Any]] = {503: {"description": "Queries are not answered; detail says why"}}


@router.get("/health", operation_id="health", summary="State of the service", responses=_UNREADY)
@router.get("/health/ready", operation_id="ready", summary="Whether queries are answered", responses=_UNREADY)
async def health(pool: PoolDependency) -> JSONResponse:
    """Say whether queries are answered, from which generation, and how many quads it has; 503 when they are not.

    The number is null while all workers are too busy to count: a busy service is a ready one.
    """
    state = {"version": version("trialweave"), "generation": pool.generation}
    try:
        return JSONResponse({"status": "ready", **state, **await _count(pool)})
    except TrialweaveError as error:
        return JSONResponse({"status": "live", "detail": error.message, **state}, 503, {"Retry-After": "5"})


async def _count(pool: QueryPool) -> dict[str, object]:
    try:
        info = await pool.info()
    except Busy:
        return {"quads": None}
    # Counted once a generation, so an answer does not show that a worker is there to answer the next query.
    if not pool.alive:
        raise StoreError("No query worker runs; one is started every second until it works.")
    return {"quads": info.quads, "engine": info.engine}


@router.get("/health/live", operation_id="live", summary="Whether the process answers")
async def live() -> JSONResponse:
    """Say that the process answers, without asking a worker."""
    return JSONResponse({"status": "live", "version": version("trialweave")})
