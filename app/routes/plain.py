"""Plain queries, answered ahead of the application: most requests are such, and its layers take longer than they do.

A plain query is a GET of `/sparql?query=…` that names no origin, key or cookie and is to be answered with data. What
is done for it is done by the same functions as for all others. As soon as anything is out of the ordinary, the
application takes over: it refuses what is to be refused, and tells what has gone wrong.
"""

import time
from functools import lru_cache

from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from starlette.applications import Starlette
from starlette.types import Receive, Scope

from app.logs import REQUEST_ID
from app.protocol.negotiation import HTML, Chosen, negotiate
from app.protocol.request import QueryOperation, parse_request
from app.query.guard import QueryForm
from app.routes.dependencies import QueryPool, Trace
from app.routes.envelope import RAW_HEADERS
from app.routes.observation import note
from app.routes.sparql import answered, examined, formats, query_of
from app.routes.validators import Ready, finished
from app.settings import Settings

__all__ = ["is_plain", "plain_answer"]

_PARTICULAR = frozenset(
    {b"authorization", b"content-encoding", b"content-length", b"cookie", b"origin", b"transfer-encoding"}
    | {b"trialweave-explain"}
)
"""Headers of requests that others see to."""

_USUAL = 256
"""Characters of Accept up to which the choice is remembered: clients of one kind all send the same."""


def is_plain(scope: Scope) -> bool:
    """Whether a request looks like a plain query."""
    return (
        scope["path"] == "/sparql"
        and scope["method"] == "GET"
        and scope["query_string"].startswith(b"query=")
        and not any(name in _PARTICULAR for name, _ in scope["headers"])
    )


async def plain_answer(scope: Scope, receive: Receive, app: Starlette) -> Ready | None:
    """Answer what looks like a plain query; None where the application has to see to it, with what has come of it here.

    The connection has looked for an answer that is ready before (`ready_answer`), and cancels this if the client goes.
    """
    scope["app"] = app
    trace = scope["trialweave.trace"] = Trace()
    REQUEST_ID.set(trace.request_id)
    try:
        found = await _found(scope, receive)
        if found is None or isinstance(found, StreamingResponse):
            trace.found = found
            return None
        headers = [*found.raw_headers, (b"x-request-id", trace.request_id.encode()), *RAW_HEADERS]
        ready = await finished(scope, 200, headers, bytes(found.body))
    except BaseException as error:
        # Raised again inside, where each kind of error has its answer.
        trace.failed = error
        return None
    note(scope, 200, len(found.body), time.monotonic() - trace.began)
    return ready


async def _found(scope: Scope, receive: Receive) -> Response | None:
    """The answer; None where the application has to see to it. Raises what is wrong."""
    state = scope["app"].state
    settings: Settings = state.settings
    operation = parse_request("GET", scope["query_string"], {})
    if not isinstance(operation, QueryOperation) or operation.explain:
        return None
    pool = QueryPool(Request(scope, receive), watched=True)
    form, repeatable = await examined(operation, pool, settings)
    accept = ",".join(value.decode("latin-1") for name, value in scope["headers"] if name == b"accept")
    chosen = _choose(accept, form) if len(accept) <= _USUAL else negotiate([accept], formats(form))
    if chosen.format is HTML or state.federation.concerns(operation.text):
        return None
    return await answered(query_of(operation, chosen), chosen, repeatable, pool)


@lru_cache(256)
def _choose(accept: str, form: QueryForm) -> Chosen:
    return negotiate([accept], formats(form))
