"""Answers too large for each client to have one in memory: most of them wait in a file without a name.

A worker hands its answer over while it makes it, and is free for the next query; the client gets it in pieces, as
slowly as it likes. The answer is complete before its first byte goes out, so whatever can go wrong with a query has its
own status, and the length that is sent first tells the client whether it has got everything.
"""

import os
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import IO

from app.store.base import Answer

__all__ = ["IN_MEMORY", "LargeAnswer", "LargeBody"]

IN_MEMORY = 1024 * 1024
"""Bytes up to which an answer comes whole; larger ones come in pieces of this size."""

_ROOM = 64 * 1024 * 1024
"""Bytes of large answers kept in memory, all together; what there is more of them goes to disk."""


class LargeBody:
    """Bytes that came in pieces: in memory while there is room, else in a file that is gone once it is closed.

    Where no file can be written they stay in memory all the same. Each piece can be taken once.
    """

    held = 0
    """Bytes that all of them together keep in memory."""

    def __init__(self) -> None:
        self.size = 0
        self._pieces: deque[bytes | int] = deque()
        self._file: IO[bytes] | None = None
        self._written = self._read = 0

    def add(self, piece: bytes) -> None:
        """Append a piece."""
        self.size += len(piece)
        if LargeBody.held + len(piece) > _ROOM and self._write(piece):
            self._pieces.append(len(piece))
        else:
            LargeBody.held += len(piece)
            self._pieces.append(piece)

    def _write(self, piece: bytes) -> bool:
        """Say whether the piece is in the file now."""
        import tempfile  # brings what query workers, which know this module for its sizes, must not wait for

        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(prefix="trialweave-", buffering=0)  # noqa: SIM115 closed by close
            done = 0
            while done < len(piece):
                done += os.pwrite(self._file.fileno(), piece[done:] if done else piece, self._written + done)
        except OSError:
            return False
        self._written += len(piece)
        return True

    def take(self) -> bytes:
        """The next piece, empty behind the last one. Raises OSError where it cannot be read any more."""
        if not self._pieces:
            return b""
        piece = self._pieces.popleft()
        if isinstance(piece, bytes):
            LargeBody.held -= len(piece)
            return piece
        assert self._file is not None, "it was written"
        found = os.pread(self._file.fileno(), piece, self._read)
        if len(found) < piece:
            raise OSError("an answer kept on disk has become shorter")
        self._read += piece
        return found

    def whole(self) -> bytes:
        """All pieces that have not been taken yet, which are let go of. Raises OSError as `take` does."""
        try:
            return b"".join(iter(self.take, b""))
        finally:
            self.close()

    async def pieces(self) -> AsyncIterator[bytes]:
        """What has not been taken yet, bit by bit, which is let go of. Raises OSError as `take` does."""
        try:
            while piece := self.take():
                yield piece
        finally:
            self.close()

    def close(self) -> None:
        """Let go of the bytes; closing again does nothing."""
        LargeBody.held -= sum(len(piece) for piece in self._pieces if isinstance(piece, bytes))
        self._pieces.clear()
        if self._file is not None:
            self._file.close()
            self._file = None

    def __del__(self) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class LargeAnswer:
    """A complete, serialised answer of more than IN_MEMORY bytes, whose body can be taken once."""

    body: LargeBody = field(repr=False)
    media_type: str
    generation: int

    def whole(self) -> Answer:
        """The answer in memory."""
        return Answer(self.body.whole(), self.media_type, self.generation)
