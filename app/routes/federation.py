"""Which endpoints SERVICE may ask, and how they do."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from app.routes.dependencies import FederationDependency

__all__ = ["router"]

router = APIRouter(tags=["SPARQL"])


@router.get("/federation", operation_id="federation", summary="Endpoints that SERVICE may ask")
async def endpoints(federation: FederationDependency) -> JSONResponse:
    """List the allowed endpoints, with how they have done since the service started."""
    return JSONResponse({"endpoints": federation.endpoints()}, headers={"Cache-Control": "no-store"})
