"""Answers too large to be kept in memory while a client takes them: they wait in a file without a name.

A worker hands its answer over as fast as it can be written down, and is free for the next query; the client gets it in
pieces, as slowly as it likes. The answer is complete before its first byte goes out, so whatever can go wrong with a
query has its own status, and the length that is sent first tells the client whether it has got everything.
"""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import IO

from app.store.base import Answer

__all__ = ["IN_MEMORY", "LargeAnswer", "LargeBody"]

IN_MEMORY = 1024 * 1024
"""Bytes up to which an answer is kept in memory."""

_PIECE = 256 * 1024


class LargeBody:
    """Bytes in a file that is gone once it is closed; in memory where no file can be written."""

    def __init__(self) -> None:
        self.size = 0
        self._memory: bytearray | None = None
        self._file: IO[bytes] | None = None
        try:
            self._file = tempfile.TemporaryFile(prefix="trialweave-", buffering=0)  # noqa: SIM115 it is this object's
        except OSError:
            self._memory = bytearray()

    def add(self, block: bytes) -> None:
        """Append bytes."""
        if self._file is not None:
            try:
                rest = memoryview(block)
                while rest:
                    rest = rest[os.pwrite(self._file.fileno(), rest, self.size + len(block) - len(rest)) :]
            except OSError:  # The disk is full: what is there already has to move.
                self._memory = bytearray(self.read(0, self.size))
                self._close_file()
        if self._memory is not None:
            self._memory += block
        self.size += len(block)

    def read(self, start: int, size: int) -> bytes:
        """The bytes from there on. Raises OSError where they cannot be read any more."""
        if self._file is None:
            return bytes((self._memory or b"")[start : start + size])
        found = os.pread(self._file.fileno(), size, start)
        if len(found) < min(size, self.size - start):
            raise OSError("an answer kept on disk has become shorter")
        return found

    def close(self) -> None:
        """Let go of the bytes; closing again does nothing."""
        self._memory = None
        self._close_file()

    def _close_file(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def __del__(self) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class LargeAnswer:
    """A complete, serialised answer of more than IN_MEMORY bytes. To be taken once, as a whole or in pieces."""

    body: LargeBody = field(repr=False)
    media_type: str
    generation: int

    async def whole(self) -> Answer:
        """The answer in memory."""
        body = await asyncio.to_thread(self.body.read, 0, self.body.size)
        self.body.close()
        return Answer(body, self.media_type, self.generation)

    async def pieces(self) -> AsyncIterator[bytes]:
        """The answer bit by bit. Raises OSError where it cannot be read any more."""
        try:
            for start in range(0, self.body.size, _PIECE):
                yield await asyncio.to_thread(self.body.read, start, _PIECE)
        finally:
            self.body.close()
