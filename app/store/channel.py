"""The service's end of the socket to a worker process: a request goes out, and its answer comes back.

A protocol and not a pair of streams, which take a good part of the time that a quick query has in the service.
The frames are described in `app.store.worker`.
"""

import asyncio
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
        self._came = bytearray()
        self._header: dict[str, Any] | None = None
        self._missing = 0
        self._large: LargeBody | None = None
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

    async def ready(self) -> dict[str, Any]:
        """Wait until the process is ready, and return what it says of itself. Raises OSError when it has ended."""
        header, _ = await self._answer
        return header

    async def ask(self, request: dict[str, Any], body: bytes = b"") -> Frame:
        """Send a request and wait for its answer, however long that takes. Raises OSError when the process ends.

        Whoever stops waiting has to close the channel, as the answer may come all the same.
        """
        if not self.is_open:
            raise ConnectionResetError("the process has ended")
        text = orjson.dumps(request)
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(HEADER.pack(len(text), len(body)) + text + body)
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

    def data_received(self, data: bytes) -> None:
        """Take what has come of an answer, and hand the answer over once it is complete."""
        self._came += data
        if self._header is None and not self._read_header():
            return
        if self._missing > self._limit or self._missing < len(self._came) or self._answer.done():
            self._transport.abort()  # It sends more than it may.
            return
        body = self._read_body()
        if body is not None:
            self._answer.set_result((self._header or {}, body))
            self._header = self._large = None

    def _read_header(self) -> bool:
        """Say whether the JSON object is there."""
        if len(self._came) < HEADER.size:
            return False
        text, size = HEADER.unpack_from(self._came)
        end = HEADER.size + text
        if len(self._came) < end:
            return False
        self._header, self._missing = orjson.loads(self._came[HEADER.size : end]), size
        self._large = LargeBody() if size > IN_MEMORY else None
        del self._came[:end]
        return True

    def _read_body(self) -> bytes | LargeBody | None:
        """The body if it is complete. The pieces of a large one go where it is kept: to memory or the page cache, so
        handing them to a thread would take longer."""
        if len(self._came) < min(self._missing, IN_MEMORY):
            return None
        piece = bytes(self._came)
        self._came.clear()
        self._missing -= len(piece)
        if self._large is None:
            return piece
        self._large.add(piece)
        return None if self._missing else self._large
