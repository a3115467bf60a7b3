"""What is noted of every request: one event in the log, and its place in the counters."""

import logging
import time
from typing import cast

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.logs import fields
from app.metrics import Metrics
from app.routes.dependencies import Trace

__all__ = ["Observation", "note"]

_log = logging.getLogger(__name__)

_STATIC = "/static/"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Observation:
    """Middleware that measures requests. It stands inside `Envelope`, which numbers them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        trace: Trace = scope["trialweave.trace"]
        status, size, started = 500, 0, False

        async def send_observed(message: Message) -> None:
            nonlocal status, size, started
            if message["type"] == "http.response.start":
                status, started = message["status"], True
            else:
                size += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, send_observed)
        except Exception:
            # Whatever went wrong after the head was sent: the client has a broken answer. It is told of further out.
            if started:
                cast(Metrics, scope["app"].state.metrics).broken.inc()
            raise
        finally:
            note(scope, status, size, time.monotonic() - trace.began)


def note(scope: Scope, status: int, size: int, seconds: float) -> None:
    """Note a request that took so many seconds, with the status and the bytes of its answer."""
    metrics = cast(Metrics, scope["app"].state.metrics)
    method, route = scope["method"], _route(scope)
    metrics.request(method if method in _METHODS else "other", route, status, seconds)
    # The query string stays out: it may hold a query's text.
    details = fields(
        method=method, path=scope["path"], route=route, status=status, bytes=size, ms=round(1000 * seconds, 1)
    )
    if _log.isEnabledFor(logging.INFO):
        # Made here, as looking for the line that it is written at would take longer than all the rest.
        _log.handle(_log.makeRecord(_log.name, logging.INFO, "", 0, "request", (), None, extra=details))


def _route(scope: Scope) -> str:
    """The template of the path: what can be counted without end must not be a label."""
    if template := getattr(scope.get("route"), "path", None):
        return str(template)
    return _STATIC if scope["path"].startswith(_STATIC) else "/sparql" if scope["path"] == "/sparql" else "none"
