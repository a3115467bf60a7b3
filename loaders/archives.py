"""What is inside gzip and zip files, as documents, streamed.

An archive may come from anywhere, so nothing of it is believed: names never become paths, sizes are counted while
unpacking, and an archive inside an archive is opened once (a gzip file in a zip file) and no deeper.
"""

import gzip
import io
import shutil
import struct
import tempfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import PureWindowsPath
from stat import S_ISLNK
from typing import IO, Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from loaders.errors import SourceError
from loaders.pieces import Document, pieces

__all__ = ["FREE_BYTES", "MAX_RATIO", "MAX_UNPACKED", "unpacked"]

MAX_UNPACKED = 64 * 1024**3
"""Bytes that may come out of one archive: the whole registry as JSON is about a fifth of it."""

MAX_RATIO = 200
"""Bytes out for each byte in. JSON and XML of real records stay below 40; a bomb reaches 1,000."""

FREE_BYTES = 16 * 1024 * 1024
"""Bytes that may come out before the ratio counts, so that a small file of repeated text is no bomb."""

_GZIP = b"\x1f\x8b"
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_MAGIC_BYTES = 4
_MOST_ALIKE = 3  # entries of one archive whose like problem is told of one by one
_ENCRYPTED = 0x1
# What the standard library raises on bytes that are no archive, or no longer one.
_BROKEN = (EOFError, zlib.error, gzip.BadGzipFile, BadZipFile, NotImplementedError, struct.error, ValueError)

Found = Iterator[Document | SourceError]


class _TooMuchError(Exception):
    """More came out of an archive than it may hold."""


@dataclass(slots=True)
class _Allowance:
    """How much has gone into the unpacking of one archive, and how much has come out."""

    packed: int = 0
    unpacked: int = 0

    def feed(self, size: int) -> None:
        """Count bytes that went in."""
        self.packed += size

    def spend(self, size: int) -> None:
        """Count bytes that came out. Raises _TooMuchError."""
        self.unpacked += size
        if self.unpacked > MAX_UNPACKED:
            raise _TooMuchError(f"holds more than {MAX_UNPACKED // 1024**3} GiB; unpack it and name the files")
        if self.unpacked > FREE_BYTES and self.unpacked > MAX_RATIO * self.packed:
            raise _TooMuchError(f"unpacks to more than {MAX_RATIO} times its size, as no real records do; not read on")


class _Watched(io.RawIOBase):
    """A stream, after bytes that were read from it already, that tells `seen` of each chunk as it is read."""

    def __init__(
        self, stream: IO[bytes] | gzip.GzipFile, first: bytes = b"", seen: Callable[[int], None] | None = None
    ) -> None:
        self._stream = stream
        self._first = first
        self._seen = seen

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        chunk = self._first[: len(buffer)] or self._stream.read(len(buffer))
        self._first = self._first[len(buffer) :]
        buffer[: len(chunk)] = chunk
        if self._seen:
            self._seen(len(chunk))
        return len(chunk)


def unpacked(name: str, stream: IO[bytes], *, named: bool = True) -> Found:
    """Yield the documents in a file: itself, or what is in it when it is a gzip or zip file.

    Raises OSError when the stream cannot be read; all else that can be wrong is yielded as a SourceError that names
    archive and entry.
    """
    first = stream.read(_MAGIC_BYTES)
    if first.startswith(_ZIP):
        yield from _zip(name, stream, first)
    elif first.startswith(_GZIP):
        allowance = _Allowance()
        packed = io.BufferedReader(_Watched(stream, first, allowance.feed))
        yield from _gzip(name, packed, allowance, named=named)
    else:
        yield from pieces(name, io.BufferedReader(_Watched(stream, first)), named=named)


def _gzip(name: str, packed: IO[bytes], allowance: _Allowance, *, named: bool) -> Found:
    # The document goes by the name of the unpacked file, because that name's ending says what the document is.
    inner = name[:-3] if name.lower().endswith(".gz") else name
    try:
        with gzip.GzipFile(fileobj=packed) as file:
            first = file.read(_MAGIC_BYTES)
            if first.startswith((_GZIP, *_ZIP)):
                yield SourceError(name, "is an archive inside an archive; unpack the outer one first")
            else:
                yield from pieces(inner, io.BufferedReader(_Watched(file, first, allowance.spend)), named=named)
    except _TooMuchError as error:
        yield SourceError(name, str(error))
    except _BROKEN as error:
        yield SourceError(name, _broken("gzip", error))


def _zip(name: str, stream: IO[bytes], first: bytes) -> Found:
    with tempfile.TemporaryFile() as spool:
        if not stream.seekable():
            # The list of a zip file's entries is at its end, so one from a pipe has to be kept first.
            shutil.copyfileobj(io.BufferedReader(_Watched(stream, first)), spool)
            stream = spool
        allowance = _Allowance(packed=stream.seek(0, io.SEEK_END))
        try:
            with ZipFile(stream) as archive:
                # Not is_dir(): it fails on an entry whose name is empty or starts with a NUL byte.
                entries = [
                    entry
                    for entry in archive.infolist()
                    if not entry.filename.endswith("/") and not _hidden(entry.filename)
                ]
                # What the directory says may be a lie, but a bomb that admits to it need not be opened.
                replace(allowance).spend(sum(entry.file_size for entry in entries))
                yield from _capped(name, _entries(name, archive, entries, allowance))
        except _TooMuchError as error:
            yield SourceError(name, str(error))
        except _BROKEN as error:
            yield SourceError(name, _broken("zip", error))


def _entries(name: str, archive: ZipFile, entries: Iterable[ZipInfo], allowance: _Allowance) -> Found:
    for entry in entries:
        yield from _entry(f"{name}/{entry.filename}", archive, entry, allowance)


def _capped(name: str, found: Found) -> Found:
    """Yield what was found; of problems that come again and again, the first few and how many more there were."""
    times: Counter[str] = Counter()
    for item in found:
        if isinstance(item, SourceError):
            times[item.problem] += 1
            if times[item.problem] > _MOST_ALIKE:
                continue
        yield item
    for problem, count in times.items():
        if (more := count - _MOST_ALIKE) > 0:
            yield SourceError(name, f"{more:,} more of its entries: {problem}")


def _entry(name: str, archive: ZipFile, entry: ZipInfo, allowance: _Allowance) -> Found:
    if problem := _refusal(entry):
        yield SourceError(_printable(name), problem)
        return
    try:
        with archive.open(entry) as file:
            first = file.read(_MAGIC_BYTES)
            content = io.BufferedReader(_Watched(file, first, allowance.spend))
            if first.startswith(_ZIP):
                yield SourceError(name, "is an archive inside an archive; unpack the outer one first")
            elif first.startswith(_GZIP):
                yield from _gzip(name, content, allowance, named=False)
            else:
                yield from pieces(name, content, named=False)
    except _BROKEN as error:
        yield SourceError(name, _broken("zip", error))


def _refusal(entry: ZipInfo) -> str | None:
    """Say why an entry is not opened, or None. Nothing is ever written under its name; a name that leads outside is
    refused all the same, because whoever made it meant harm or made a mistake."""
    if not entry.filename:
        return "has an entry without a name, which was not opened"
    path = PureWindowsPath(entry.filename)  # which takes / and \ alike
    if path.anchor or ".." in path.parts:
        return "has a name that leads outside the archive, so it was not opened"
    if entry.flag_bits & _ENCRYPTED:
        return "is encrypted; unpack it with its password and name the files"
    if S_ISLNK(entry.external_attr >> 16):
        return "is a link, not a file; links in archives are not followed"
    if entry.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        return f"is packed by a method ({entry.compress_type}) that is not read here; pack it with deflate"
    return None


def _hidden(name: str) -> bool:
    parts = PureWindowsPath(name).parts
    return "__MACOSX" in parts or any(part.startswith(".") and part != ".." for part in parts)


def _printable(name: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in name)


def _broken(kind: str, error: Exception) -> str:
    if isinstance(error, EOFError):
        return f"is a {kind} file that is cut off before its end; fetch it again"
    return f"is a broken {kind} file: {str(error).rstrip('.') or type(error).__name__}; fetch it again"
