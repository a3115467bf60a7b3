"""SPARQL updates over HTTP (W3C SPARQL 1.1 Protocol, section 2.2)."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.audit import Audit
from app.errors import BadRequest, BodyTooLarge, TrialweaveError
from app.protocol.request import UpdateOperation, parse_request
from app.query.guard import check_update
from app.routes.access import Author, author_of
from app.routes.bodies import read_body
from app.routes.dependencies import SettingsDependency, WritesDependency
from app.routes.documented import WRITE_RESPONSES, body, parameter
from app.settings import Settings
from app.store.writes import WriteQueue, Written
from loaders.link.identifiers import BASE

__all__ = ["FIELDS_BYTES", "audited", "body_limit", "router", "run_update"]

router = APIRouter(tags=["SPARQL"])

FIELDS_BYTES = 16 * 1024
"""Bytes that the names and shorter fields of a form may have beside its longest."""

_FORM_OVERHEAD = 3  # Percent-encoding triples a byte.


@router.post(
    "/update",
    operation_id="update",
    summary="Run a SPARQL update",
    status_code=204,
    responses={204: {"description": "The update is done, and visible"}, **WRITE_RESPONSES},
    openapi_extra={
        "parameters": [
            parameter("using-graph-uri", "A graph that WHERE is matched against", many=True),
            parameter("using-named-graph-uri", "A graph that GRAPH finds in WHERE", many=True),
        ],
        "requestBody": body(["application/sparql-update"], ["update"]),
    },
)
async def update(request: Request, writes: WritesDependency, settings: SettingsDependency) -> Response:
    """Run a SPARQL 1.1 update; the answer comes when it is visible."""
    author_of(request, settings)
    too_large = BodyTooLarge(f"The body is too large; an update has at most {settings.write_bytes:,} bytes.")
    sent = await read_body(request, body_limit(settings.write_bytes), too_large)
    headers = {**request.headers, "content-type": ", ".join(request.headers.getlist("content-type"))}
    operation = parse_request(request.method, request.scope["query_string"], headers, sent)
    if not isinstance(operation, UpdateOperation):
        raise BadRequest("This address takes updates only; send queries to /sparql.")
    return await run_update(operation, request, writes, settings)


@router.options("/update", operation_id="update_options", summary="Methods of the update endpoint", status_code=204)
async def options() -> Response:
    """Say which methods the endpoint has."""
    return Response(status_code=204, headers={"Allow": "POST, OPTIONS"})


def body_limit(text_bytes: int) -> int:
    """How many bytes a form may have whose longest field has that many."""
    return _FORM_OVERHEAD * text_bytes + FIELDS_BYTES


async def run_update(operation: UpdateOperation, request: Request, writes: WriteQueue, settings: Settings) -> Response:
    """Run an update, wherever it was sent to. The answer has no content."""
    author = author_of(request, settings)
    text = operation.text.encode()
    if len(text) > settings.write_bytes:
        raise BodyTooLarge(f"The update has {len(text):,} bytes; this service reads at most {settings.write_bytes:,}.")
    # Long texts take a while, in which others are served.
    await asyncio.to_thread(check_update, operation.text, settings)
    using, named = operation.using_graphs, operation.using_named_graphs
    work = writes.update(operation.text, using, named, BASE, author.checks)
    await audited(request, settings, author, "update", text, work)
    return Response(status_code=204)


async def audited(
    request: Request, settings: Settings, author: Author, what: str, content: bytes, work: Coroutine[Any, Any, Written]
) -> Written:
    """Do the work between the two lines of the audit log that tell of it."""
    audit, identifier = Audit(settings.data), str(request.scope.get("request_id", ""))
    try:
        await asyncio.to_thread(audit.begin, identifier, author.name, what, content)
    except BaseException:
        work.close()  # What cannot be noted is not done.
        raise
    try:
        written = await work
    except BaseException as error:
        outcome = type(error).__name__ if isinstance(error, TrialweaveError) else "unknown"
        await asyncio.to_thread(audit.end, identifier, outcome)
        raise
    await asyncio.to_thread(audit.end, identifier, "done", written.generation)
    return written
