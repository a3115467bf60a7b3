"""The query worker: a process that evaluates queries on one published generation, and may die of any of them.

Forked for `workers.WorkerPool` by `app.store.forking`, which has set the limits it runs under. It imports as little as
it can, so that a service is up at once and a worker takes little memory.

A frame, either way, is two 4-byte lengths (big-endian), a JSON object and a body. A query's request is
`{"generation": n}`, to move on to that generation, and with it `"query": {…}` or `"count": true`; an answer is
`{"generation": n, "type": …}` with the body, `{"generation": n, "quads": …}`, or `{"error": …, "message": …}`.

A body of more than IN_MEMORY bytes comes in pieces, that of a query's answer while it is made: the parent takes one
while the engine makes the next. Each is the body of a frame without an object; the frame that has one comes with the
last of them, and if that is an error, they count for nothing.
"""

import ctypes
import json
import os
import resource
import select
import socket
import struct
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, cast

import orjson

from app.errors import QuerySyntaxError, TrialweaveError, UnreadableDocument
from app.store.base import Query
from app.store.embedded import EmbeddedReader
from app.store.large import IN_MEMORY

__all__ = ["HEADER", "STACK", "Answering", "leave_network", "limit_memory", "main", "serve"]

HEADER = struct.Struct("!II")
"""Bytes of JSON, bytes of body."""

STACK = 512 * 1024**2
"""Bytes of stack for the evaluation, which recurses into nested queries. Only pages that are touched cost memory."""

# Address space that the engine's threads take for their stacks and heaps and hardly touch; they grow with the cores.
_RESERVED = (256 + 32 * (os.cpu_count() or 1)) * 1024**2


Answering = Callable[[dict[str, Any], bytes], tuple[dict[str, Any], bytes]]
"""Makes an answer of a request: a JSON object and a body, both times."""

_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000


def leave_network() -> str:
    """Leave the network for good, and say in words whether that worked. Call it before the first thread starts."""
    if not sys.platform.startswith("linux"):
        return "network not cut off: this platform has no network namespaces"
    # Root needs no user namespace, and in one would lose its right to read other users' files.
    flags = _NEW_NETWORK if os.geteuid() == 0 else _NEW_USER | _NEW_NETWORK
    library = ctypes.CDLL(None, use_errno=True)
    if library.unshare(flags) == 0:
        return "no network"
    return f"network not cut off: {os.strerror(ctypes.get_errno())}"


def main(connection: socket.socket, data: Path, limit: int) -> None:
    """Answer the queries of the parent; an answer may have `limit` bytes."""
    serve(connection, lambda: _answering_queries(connection, data, limit))


def serve(connection: socket.socket, prepare: Callable[[], Answering]) -> None:
    """Answer the parent's requests as `prepare` says, until the parent closes the socket or dies. Does not return."""
    threading.stack_size(STACK)
    threading.Thread(target=_serve, args=(connection, prepare), daemon=True).start()
    # The parent's end closes when it says goodbye and when it is killed; neither may leave a query running.
    goodbye = select.poll()
    goodbye.register(connection, 0)
    goodbye.poll()
    os._exit(0)


def limit_memory(memory: int) -> None:
    """Cap the address space of this process so that it can use that many bytes, and have it leave no core dump."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        space = memory + STACK + _RESERVED
        resource.setrlimit(resource.RLIMIT_AS, (space, space))
    except (ValueError, OSError):
        # macOS has no limit on address space; the deadline and the answer's cap hold all the same.
        return


class _Published:
    """The published generation, opened again when the parent has seen a newer one."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._reader: EmbeddedReader | None = None

    def at(self, generation: int) -> EmbeddedReader:
        if self._reader and self._reader.generation != generation:
            self._reader.close()
            self._reader = None
        if not self._reader:
            self._reader = EmbeddedReader(self._data, generation)
        return self._reader


def _serve(connection: socket.socket, prepare: Callable[[], Answering]) -> None:
    """Answer one request after the other. What is no error for the asker ends the process, not just this thread."""
    try:
        answer = prepare()
        requests = connection.makefile("rb")
        _send(connection, {"pid": os.getpid()})
        while frame := requests.read(HEADER.size):
            text, content = (requests.read(size) for size in HEADER.unpack(frame))
            try:
                header, body = answer(orjson.loads(text), content)
            except TrialweaveError as error:
                header, body = _failure(error), b""
            _send(connection, header, body)
    finally:
        os._exit(1)


def _answering_queries(connection: socket.socket, data: Path, limit: int) -> Answering:
    published = _Published(data)

    def answer(request: dict[str, Any], _: bytes) -> tuple[dict[str, Any], bytes]:
        reader = published.at(request["generation"])
        header: dict[str, Any] = {"generation": reader.generation}
        if "count" in request:
            return header | {"quads": reader.info().quads}, b""
        if "query" not in request:
            return header, b""
        body = _Body(connection)
        media_type = reader.write_answer(cast(BinaryIO, body), Query(**request["query"]), limit)
        return header | {"type": media_type}, body.rest()

    return answer


class _Body:
    """The body of an answer, written bit by bit. What is there of a large one goes to the parent in pieces."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._blocks: list[bytes] = []
        self._size = 0

    def write(self, data: bytes) -> int:
        """Take the next bytes, and say how many they were."""
        if self._blocks and self._size + len(data) > IN_MEMORY:
            self._connection.sendall(b"".join((HEADER.pack(0, self._size), *self._blocks)))
            self._blocks.clear()
            self._size = 0
        self._blocks.append(data)
        self._size += len(data)
        return len(data)

    def flush(self) -> None:
        """Do nothing: the rest goes with the header."""

    def rest(self) -> bytes:
        """What has not been sent."""
        return b"".join(self._blocks)


def _failure(error: TrialweaveError) -> dict[str, Any]:
    position = {}
    if isinstance(error, QuerySyntaxError | UnreadableDocument):
        position = {"line": error.line, "column": error.column}
    return {"error": type(error).__name__, "message": error.message, **position}


def _send(connection: socket.socket, header: dict[str, Any], body: bytes = b"") -> None:
    rest = memoryview(body)
    while len(rest) > IN_MEMORY:
        connection.sendall(HEADER.pack(0, IN_MEMORY))
        connection.sendall(rest[:IN_MEMORY])
        rest = rest[IN_MEMORY:]
    # Not the quicker encoder: a message may quote half a surrogate pair, which a document in JSON can have.
    text = json.dumps(header).encode()
    # One send, as each wakes the parent.
    connection.sendall(b"".join((HEADER.pack(len(text), len(rest)), text, rest)))
