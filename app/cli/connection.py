"""One HTTP connection that nobody can hold open with nothing, nor fill up with headers, and that is quick to repeat.

What the server underneath lacks: a time by which a request must have arrived, a size that its head may have, and a way
to give an answer that is ready without a task and all the layers of an application for it.
"""

import asyncio
from typing import Any, cast

from starlette.applications import Starlette
from starlette.types import Receive, Scope
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from app.cli.upgrades import Upgrades
from app.routes.dependencies import GONE
from app.routes.plain import is_plain, plain_answer
from app.routes.validators import Ready, ready_answer

__all__ = ["HEAD_BYTES", "REQUEST_SECONDS", "GuardedConnection"]

HEAD_BYTES = 256 * 1024
"""Bytes that the request line and the headers may have together; a query of 64 kB, percent-encoded, takes 192 kB."""

REQUEST_SECONDS = 20.0
"""Seconds in which a request must have arrived completely, counted from the connection or the answer before it."""


class GuardedConnection(HttpToolsProtocol):
    """A connection that ends with 408 or 431 when a request is too slow or its head too large (RFC 9110, RFC 6585)."""

    _timer: asyncio.TimerHandle | None = None
    _head = 0
    _in_head = True
    _asking: "asyncio.Task[None] | None" = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock."""
        super().connection_made(transport)
        self._upgrades = Upgrades()
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock, and what nobody waits for any more."""
        self._stop_waiting()
        if self._asking:
            self._asking.cancel(GONE)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what belongs to a head, and refuse one that is too large."""
        if self._in_head:
            self._head += len(data)
            if self._head > HEAD_BYTES + len(data) or (self._head > HEAD_BYTES and b"\r\n\r\n" not in data):
                self._refuse(b"431 Request Header Fields Too Large", b"The request line and headers are too large.")
                return
        if self._timer is None and self._in_head:
            self._wait()
        if self._in_head:
            data = self._upgrades.removed(data)
        super().data_received(data)

    def on_message_begin(self) -> None:
        """A request begins."""
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is there."""
        self._in_head, self._head = False, 0
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is there; how long its answer takes is limited elsewhere."""
        self._in_head, self._head = True, 0
        self._stop_waiting()
        super().on_message_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        """Answer at once where nothing has to be found out, else start what finds it out."""
        scope, application = cast(Scope, cycle.scope), cast(object, app)
        # Of requests sent together only the last one is answered here: each would be answered inside the one before.
        if not cycle.keep_alive or self.pipeline or self.flow.write_paused or cycle.waiting_for_100_continue:
            application = None
        if isinstance(application, Starlette):  # And not what the server turns clients away with.
            if ready := ready_answer(scope, application.state):
                self._send(cycle, ready)
                return
            if is_plain(scope):
                self._asking = task = self.loop.create_task(self._ask(cycle, application))
                self.tasks.add(task)
                task.add_done_callback(self.tasks.discard)
                return
        super()._start_asgi_task(cycle, app)

    async def _ask(self, cycle: RequestResponseCycle, app: Starlette) -> None:
        """Answer a plain query, or have the application do it."""
        ready = await plain_answer(cast(Scope, cycle.scope), cast(Receive, cycle.receive), app)
        self._asking = None  # The application notices by itself when the client goes.
        if ready is None:
            await cycle.run_asgi(cast(ASGI3Application, app))
        elif not cycle.disconnected:
            self._send(cycle, ready)

    def _send(self, cycle: RequestResponseCycle, ready: Ready) -> None:
        status, headers, body = ready
        lines = [b"%s: %s\r\n" % header for header in (*cycle.default_headers, *headers)]
        if not cycle.keep_alive:  # The server has begun to stop.
            lines.append(b"connection: close\r\n")
        cycle.response_started = cycle.response_complete = True
        self.transport.write(b"".join((STATUS_LINE[status], *lines, b"\r\n", body)))
        if not cycle.keep_alive:
            self.transport.close()
        self.on_response_complete()

    def _wait(self) -> None:
        self._timer = self.loop.call_later(
            REQUEST_SECONDS, self._refuse, b"408 Request Timeout", b"The request did not arrive in time."
        )

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _refuse(self, status: bytes, text: bytes) -> None:
        self._stop_waiting()
        transport: Any = self.transport
        if transport.is_closing():
            return
        # While another request is being answered, its answer must not be mistaken for this one.
        cycle = self.cycle
        if cycle is None or cycle.response_complete or (cycle.more_body and not cycle.response_started):
            head = (
                b"HTTP/1.1 %s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n"
                b"Connection: close\r\n\r\n"
            )
            transport.write(head % (status, len(text)) + text)
        transport.close()
