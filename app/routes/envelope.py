"""What every answer carries, and the last stop for unexpected errors."""

import asyncio
import logging

from fastapi import Request
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import Busy, TrialweaveError
from app.logs import REQUEST_ID
from app.routes.dependencies import Trace
from app.routes.problems import problem

__all__ = ["RAW_HEADERS", "Envelope"]

_log = logging.getLogger(__name__)

_HEADERS = {
    # Nothing is fetched from elsewhere and nothing runs: pages are text, style and forms of this host.
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


RAW_HEADERS = [(name.lower().encode(), value.encode()) for name, value in _HEADERS.items()]
"""The headers that every answer has, as they are sent."""


class Envelope:
    """Middleware that numbers requests, adds the headers all answers have, and turns a crash into a plain 500."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        trace: Trace = scope["trialweave.trace"]
        request_id, started = trace.request_id, False
        REQUEST_ID.set(request_id)
        head = scope["method"] == "HEAD"
        # HEAD is GET without the content (RFC 9110, section 9.3.2), so no route needs to know of it.
        scope = {**scope, "request_id": request_id, "method": "GET" if head else scope["method"]}

        async def send_enveloped(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request_id
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            elif head:
                message = {**message, "body": b""}
            await send(message)

        try:
            await self._app(scope, receive, send_enveloped)
        except asyncio.CancelledError:
            # The server stops and has waited for as long as it may. Whoever waits is told, and asks elsewhere or again.
            if not started:
                stopping = Busy("The service is being stopped; ask again in a few seconds.")
                await problem(Request(scope), stopping)(scope, receive, send_enveloped)
            raise
        except Exception:  # Whatever went wrong, the client gets an answer without internals, and the log gets them.
            _log.exception("Request %s failed", request_id)
            if started:
                raise
            error = TrialweaveError(f"Something went wrong here; the operator finds it in the log as {request_id}.")
            await problem(Request(scope), error)(scope, receive, send_enveloped)
