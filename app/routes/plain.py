"""Plain queries, answered ahead of the layers of the application: most requests are such, and those take longer.

A plain query is a GET of `/sparql?query=…` that names no origin, key or cookie and is to be answered with data. What
is done for it is done by the same functions as for all others. As soon as anything is out of the ordinary, the
application takes over: it refuses what is to be refused, and tells what has gone wrong.
"""

import time
from functools import lru_cache

from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from app.logs import REQUEST_ID
from app.protocol.negotiation import HTML, Chosen, negotiate
from app.protocol.request import QueryOperation, parse_request
from app.query.guard import QueryForm
from app.routes.dependencies import QueryPool, Trace
from app.routes.envelope import RAW_HEADERS
from app.routes.observation import note
from app.routes.sparql import answered, examined, formats, query_of
from app.settings import Settings

__all__ = ["PlainQueries"]

_PARTICULAR = frozenset(
    {b"authorization", b"content-encoding", b"content-length", b"cookie", b"origin", b"transfer-encoding"}
    | {b"trialweave-explain"}
)
"""Headers of requests that others see to."""

_USUAL = 256
"""Characters of Accept up to which the choice is remembered: clients of one kind all send the same."""


class PlainQueries:
    """The middleware. It stands inside `Validators`, and takes over from all others."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a plain query; pass anything else on, and with it what has gone wrong."""
        accept = _accept(scope) if scope["type"] == "http" else None
        if accept is None:
            await self._app(scope, receive, send)
            return
        trace: Trace = scope["trialweave.trace"]
        REQUEST_ID.set(trace.request_id)
        try:
            found = await _found(scope, receive, accept)
        except BaseException as error:
            # Raised again inside, where each kind of error has its answer.
            trace.failed = error
            found = None
        if found is None or isinstance(found, StreamingResponse):
            trace.found = found
            await self._app(scope, receive, send)
            return
        headers = [*found.raw_headers, (b"x-request-id", trace.request_id.encode()), *RAW_HEADERS]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": found.body})
        note(scope, 200, len(found.body), time.monotonic() - trace.began)


def _accept(scope: Scope) -> str | None:
    """What a plain query accepts; None for other requests."""
    if scope["path"] != "/sparql" or scope["method"] != "GET" or not scope["query_string"].startswith(b"query="):
        return None
    accept = []
    for name, value in scope["headers"]:
        if name in _PARTICULAR:
            return None
        if name == b"accept":
            accept.append(value.decode("latin-1"))
    return ",".join(accept)


async def _found(scope: Scope, receive: Receive, accept: str) -> Response | None:
    """The answer; None where the application has to see to it. Raises what is wrong."""
    state = scope["app"].state
    settings: Settings = state.settings
    operation = parse_request("GET", scope["query_string"], {})
    if not isinstance(operation, QueryOperation) or operation.explain:
        return None
    pool = QueryPool(Request(scope, receive))
    form, repeatable = await examined(operation, pool, settings)
    chosen = _choose(accept, form) if len(accept) <= _USUAL else negotiate([accept], formats(form))
    if chosen.format is HTML or state.federation.concerns(operation.text):
        return None
    return await answered(query_of(operation, chosen), chosen, repeatable, pool)


@lru_cache(256)
def _choose(accept: str, form: QueryForm) -> Chosen:
    return negotiate([accept], formats(form))
