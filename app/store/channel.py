"""The service's end of the socket to a worker process: a request goes out, and its answer comes back.

A protocol and not a pair of streams, which take a good part of the time that a quick query has in the service.
The frames are described in `app.store.worker`.
"""

import asyncio
import json
import socket
from typing import Any, Self

import orjson

from app.store.large import LargeBody
from app.store.worker import HEADER

__all__ = ["Channel", "Frame"]

Frame = tuple[dict[str, Any], bytes | LargeBody]
"""An answer: its JSON object and its body."""


class Channel(asyncio.Protocol):
    """One request at a time. A body may have `limit` bytes; one that comes in pieces is put away as they come."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._came: list[bytes] = []
        self._awaited = HEADER.size
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
        """The socket is ours. (A socket's transport is both ways, which the general signature leaves open.)"""
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """The process has ended, or the socket was closed here."""
        if self._large:
            self._large.close()
        if not self._answer.done():
            self._answer.set_exception(exc if isinstance(exc, OSError) else ConnectionResetError("the process ended"))
            self._answer.exception()  # Looked at, so that nothing is logged where nobody waits for it.

    def data_received(self, data: bytes) -> None:
        """Take what has come of an answer, and hand the answer over once it is complete."""
        self._came.append(data)
        self._awaited -= len(data)
        if self._awaited <= 0:
            block = b"".join(self._came)  # Nearly always one, which is not copied then.
            self._came = []
            self._read(block)

    def _read(self, block: bytes) -> None:
        """Read the frames that are there, and wait for the rest of the next one."""
        start, needed = 0, HEADER.size
        while len(block) >= start + HEADER.size:
            text, size = HEADER.unpack_from(block, start)
            if size + (self._large.size if self._large else 0) > self._limit or self._answer.done():
                self._transport.abort()  # It sends more than it may.
                return
            needed = HEADER.size + text + size
            if len(block) < start + needed:
                break
            body = start + HEADER.size + text
            self._take(block[body - text : body], block[body : body + size], is_last=len(block) == body + size)
            start, needed = body + size, HEADER.size
        self._came = [block[start:]] if start < len(block) else []
        self._awaited = needed - (len(block) - start)

    def _take(self, text: bytes, body: bytes, *, is_last: bool) -> None:
        """Take a frame: a piece of a large body, which is put away, or what completes an answer."""
        if not text or self._large:
            # To memory or the page cache, without a thread, which would take longer.
            self._large = self._large or LargeBody()
            self._large.add(body)
        if text and is_last:
            large, self._large = self._large, None
            self._answer.set_result((json.loads(text), large or body))
        elif text:
            self._transport.abort()  # There is more behind it, which nobody has asked for.
