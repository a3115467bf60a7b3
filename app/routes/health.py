"""Whether the service is up: for load balancers and for people."""

from importlib.metadata import version

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from app.errors import Busy, TrialweaveError
from app.routes.dependencies import PoolDependency

__all__ = ["router"]

router = APIRouter(tags=["health"])


@router.get("/health", operation_id="health", summary="State of the service")
@router.get("/health/ready", include_in_schema=False)
async def health(pool: PoolDependency) -> JSONResponse:
    """Say whether queries are answered, from which generation, and how many quads it has; 503 when they are not.

    The number is null while all workers are too busy to count.
    """
    state = {"version": version("trialweave"), "generation": pool.generation}
    try:
        info = await pool.info()
    except Busy:
        return JSONResponse({"status": "ready", **state, "quads": None})
    except TrialweaveError as error:
        return JSONResponse({"status": "live", "detail": error.message, **state}, 503, {"Retry-After": "5"})
    return JSONResponse({"status": "ready", **state, "quads": info.quads, "engine": info.engine})


@router.get("/health/live", operation_id="live", summary="Whether the process answers")
async def live() -> JSONResponse:
    """Say that the process answers, without asking a worker."""
    return JSONResponse({"status": "live", "version": version("trialweave")})
