"""The service's counters, for Prometheus."""

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response
from prometheus_client.exposition import choose_encoder

from app.routes.dependencies import MetricsDependency

__all__ = ["router"]

router = APIRouter(tags=["operation"])


@router.get("/metrics", operation_id="metrics", summary="Counters for Prometheus", response_class=PlainTextResponse)
async def metrics(request: Request, metrics: MetricsDependency) -> Response:
    """Answer with the counters, as OpenMetrics where Accept asks for that."""
    encoder, content_type = choose_encoder(request.headers.get("accept", ""))
    return Response(encoder(metrics.registry), headers={"Content-Type": content_type, "Cache-Control": "no-store"})
