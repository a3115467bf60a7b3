"""The service's end of the socket to a worker process: a request goes out, and its answer comes back.

A protocol and not a pair of streams, which take a good part of the time that a quick query has in the service.
The frames are described in `app.store.worker`.
"""

import asyncio
import json
import socket
from typing import Any, Self

import orjson

from app.store.large import IN_MEMORY, LargeBody
from app.store.worker import HEADER

__all__ = ["Channel", "Frame"]

Frame = tuple[dict[str, Any], bytes | LargeBody]
"""An answer: its JSON object and its body."""


class Channel(asyncio.Protocol):
    """One request at a time. A body may have `limit` bytes; one of more than IN_MEMORY is put away as it comes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._came: list[bytes] = []
        self._awaited = HEADER.size
        self._header: dict[str, Any] = {}
        self._large: LargeBody | None = None
        self._missing = 0
        # The process says by itself that it is ready: the first answer is to no request.
        self._answer: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()

    @classmethod
    async def over(cls, connection: socket.socket, limit: int) -> Self:
        """The channel over a connected socket, which it closes at its end."""
        _, channel = await asyncio.get_running_loop().create_unix_connection(lambda: cls(limit), sock=connection)
        return channel

    @property
    def is_open(self) -> bool:
        """Whether the process has not been heard to end, and nobody has closed the socket."""
        return not self._transport.is_closing()

    def send(self, request: dict[str, Any], body: bytes = b"") -> None:
        """Send a request; `answer` waits for what comes back."""
        text = orjson.dumps(request)
        self._answer = asyncio.get_running_loop().create_future()
        if self.is_open:
            self._transport.write(HEADER.pack(len(text), len(body)) + text + body)
        else:
            self.connection_lost(None)

    async def answer(self) -> Frame:
        """Wait for the answer to the last request, or until the process is ready. Raises OSError when it has ended.

        Whoever stops waiting has to close the channel, as the answer may come all the same.
        """
        return await self._answer

    def close(self) -> None:
        """Close the socket; calling it again does nothing."""
        self._transport.close()

    # What the event loop calls

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The socket is ours."""
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """The process has ended, or the socket was closed here."""
        if not self._answer.done():
            self._answer.set_exception(exc if isinstance(exc, OSError) else ConnectionResetError("the process ended"))
            self._answer.exception()  # Looked at, so that nothing is logged where nobody waits for it.

    def data_received(self, data: bytes) -> None:
        """Take what has come of an answer, and hand the answer over once it is complete."""
        self._came.append(data)
        self._awaited -= len(data)
        if self._awaited > 0:
            return
        block = b"".join(self._came)  # Nearly always one, which is not copied then.
        self._came = []
        if self._large is None:
            self._read(block)
        else:
            self._put_away(block, self._large)

    def _read(self, block: bytes) -> None:
        """Read an answer from its beginning, or wait for more of it."""
        text, size = HEADER.unpack_from(block)
        start = HEADER.size + text
        # A large body is put away from its first byte on, and a small one comes with the rest.
        self._awaited = start + (size if size <= IN_MEMORY else 0) - len(block)
        if size > self._limit or self._answer.done():
            self._transport.abort()  # It sends more than it may.
        elif self._awaited > 0:
            self._came = [block]
        elif size <= IN_MEMORY:
            self._finish(json.loads(block[HEADER.size : start]), block[start:])
        else:
            self._header, self._large, self._missing = json.loads(block[HEADER.size : start]), LargeBody(), size
            self._put_away(block[start:], self._large)

    def _put_away(self, piece: bytes, body: LargeBody) -> None:
        """Put a piece of a large body where it is kept: to memory or the page cache, without a thread, which would take
        longer."""
        body.add(piece)
        self._missing -= len(piece)
        self._awaited = min(self._missing, IN_MEMORY)
        if self._missing <= 0:
            self._large = None
            self._finish(self._header, body)

    def _finish(self, header: dict[str, Any], body: bytes | LargeBody) -> None:
        if self._awaited < 0:
            self._transport.abort()  # There is more behind it, which nobody has asked for.
            return
        self._awaited = HEADER.size
        self._answer.set_result((header, body))
