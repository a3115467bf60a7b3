"""From a stream of bytes to documents: one for a small file, several of whole records for a large one.

A registry export or a PubMed baseline file unpacks to gigabytes. Cut at the ends of records, it is read in bounded
memory and by several processes, and readers need to know nothing of it: each piece is a small file of the same kind.

Only the outermost frame is understood here: JSON lines, the elements of a PubMed XML set, the records of MEDLINE
text, the objects of a JSON array or API page. A file of another kind is one document.
"""

import codecs
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import IO

from loaders.errors import SourceError

__all__ = ["MAX_BYTES", "PIECE_BYTES", "WHOLE_BYTES", "Document", "pieces"]

MAX_BYTES = 64 * 1024 * 1024
"""Bytes of one document or one record. The largest real one is far below; what is larger is neither."""

WHOLE_BYTES = 8 * 1024 * 1024
"""A file of up to so many bytes is one document."""

PIECE_BYTES = 4 * 1024 * 1024
"""A piece of a larger file has about so many bytes: enough to make overheads small, little enough to hold many."""

_HEAD_BYTES = 64 * 1024
_LONGEST_END = 64
_LINE_NAMES = {".jsonl", ".ndjson"}
_JSON_LINES = re.compile(rb"(?:\xef\xbb\xbf)?\s*\{[^\n]*\}[ \t\r]*\n\s*\{")
_MEDLINE = re.compile(rb"\s*PMID- *[0-9]+\s")
_XML_SET = re.compile(rb"<PubmedArticleSet(?:\s[^>]*)?>")
_XML_RECORD_END = re.compile(rb"</(?:PubmedArticle|PubmedBookArticle|DeleteCitation|DeleteDocument)\s*>")
# A JSON array of objects, bare or as the value of "studies" after members with plain values.
_JSON_ARRAY = re.compile(
    rb'(?:\xef\xbb\xbf)?\s*(?:\{(?:\s*"\w+"\s*:\s*(?:"[^"\\]*"|[\w.+-]+)\s*,)*\s*"studies"\s*:\s*)?\[\s*(?=\{)'
)
_SEPARATOR = re.compile(r"\s*([,\]])")
_SPACE = re.compile(r"\s*")


@dataclass(frozen=True, slots=True)
class Document:
    """The bytes of one document and the name the user knows it by. It may hold many records.

    `named` is False for what was found in a folder or an archive: of those, only what is recognised is read.
    """

    name: str
    data: bytes
    named: bool = True


@dataclass(frozen=True, slots=True)
class _Frame:
    """Where records end, and what has to stand around some of them to make a document again."""

    end: re.Pattern[bytes]
    head: bytes = b""
    tail: bytes = b""


def pieces(name: str, stream: IO[bytes], *, named: bool = True) -> Iterator[Document | SourceError]:
    """Yield a file as one document, or as several when it is large and its records can be told apart.

    A record of more than MAX_BYTES, or a file of so many that cannot be cut, is a SourceError in its place.
    """
    head = _read(stream, WHOLE_BYTES + 1)
    if len(head) <= WHOLE_BYTES:
        yield Document(name, head, named)
        return
    if frame := _frame(name, head):
        cut = _records(frame, head[len(frame.head) :], stream)
    elif array := _JSON_ARRAY.match(head):
        cut = _objects(head[array.end() :], stream)
    else:
        yield _whole(name, head + _read(stream, MAX_BYTES + 1 - len(head)), named=named)
        return
    for number, piece in enumerate(cut, 1):
        part = f"{name}, part {number}"
        yield Document(part, piece, named) if isinstance(piece, bytes) else SourceError(part, piece)


def _whole(name: str, data: bytes, *, named: bool) -> Document | SourceError:
    if len(data) > MAX_BYTES:
        return SourceError(name, f"has more than {_mib()}, which is no document; nothing of it was read")
    return Document(name, data, named)


def _mib() -> str:
    return f"{MAX_BYTES // 1024**2} MiB"


def _read(stream: IO[bytes], size: int) -> bytes:
    """Read so many bytes, or all there are: a stream may give less at a time than it was asked for."""
    parts = []
    while size > 0 and (part := stream.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _frame(name: str, head: bytes) -> _Frame | None:
    if start := _XML_SET.search(head, 0, _HEAD_BYTES):
        return _Frame(_XML_RECORD_END, head[: start.end()], b"</PubmedArticleSet>\n")
    if PurePath(name).suffix.lower() in _LINE_NAMES or _JSON_LINES.match(head):
        return _Frame(re.compile(rb"\n"))
    return _Frame(re.compile(rb"\n\s*\n(?=PMID-)")) if _MEDLINE.match(head) else None


def _records(frame: _Frame, data: bytes, stream: IO[bytes]) -> Iterator[bytes | str]:
    """Yield documents of whole records, and a sentence for what is none."""
    while True:
        if found := frame.end.search(data, PIECE_BYTES):
            yield from _wrapped(frame, data[: found.end()])
            data = data[found.end() :]
        elif len(data) > MAX_BYTES:
            good = _last_end(frame, data[:PIECE_BYTES])
            yield from _wrapped(frame, data[:good])
            data = data[good:]
            if not good:
                data = _after_record(frame, data, stream)
                yield f"has a record of more than {_mib()}, which was passed over"
        elif more := _read(stream, max(PIECE_BYTES, len(data))):
            data += more
        else:
            break
    yield from _rest(frame, data)


def _rest(frame: _Frame, data: bytes) -> Iterator[bytes | str]:
    """Yield what is left at the end of the file; where the frame is not closed, only the records that are whole."""
    if not frame.tail:
        yield from _wrapped(frame, data)
    elif (end := data.rfind(frame.tail.strip())) >= 0:
        yield from _wrapped(frame, data[:end])
    else:
        yield from _wrapped(frame, data[: _last_end(frame, data)])
        yield f"is cut off: {frame.tail.decode().strip()} is missing at its end; fetch it again"


def _wrapped(frame: _Frame, data: bytes) -> Iterator[bytes]:
    if data.strip():
        yield frame.head + data + frame.tail


def _last_end(frame: _Frame, data: bytes) -> int:
    return max((found.end() for found in frame.end.finditer(data)), default=0)


def _after_record(frame: _Frame, data: bytes, stream: IO[bytes]) -> bytes:
    """Return what follows the record at the start of `data`, without ever holding the record."""
    while not (found := frame.end.search(data)):
        more = _read(stream, PIECE_BYTES)
        if not more:
            return b""
        data = data[-_LONGEST_END:] + more
    return data[found.end() :]


def _objects(data: bytes, stream: IO[bytes]) -> Iterator[bytes | str]:
    """Yield JSON arrays of some of the objects of a large one. `data` starts at the first object."""
    records: list[str] = []
    size = 0
    try:
        for record in _each_object(data, stream):
            records.append(record)
            size += len(record)
            if size > PIECE_BYTES:
                yield _array(records)
                records, size = [], 0
    except ValueError as error:
        problem = f"is no JSON after that, {error}; the rest was not read"
    else:
        problem = ""
    if records:
        yield _array(records)
    if problem:
        yield problem


def _array(records: list[str]) -> bytes:
    return f"[{','.join(records)}]".encode()


def _each_object(data: bytes, stream: IO[bytes]) -> Iterator[str]:
    """Yield the text of each object up to the end of the array. Raises ValueError with what is wrong."""
    decode = codecs.getincrementaldecoder("utf-8")().decode
    decoder = json.JSONDecoder(strict=False)
    text, at = decode(data), 0
    while True:
        at = _SPACE.match(text, at).end()  # type: ignore[union-attr]  # it matches everywhere
        try:
            _, end = decoder.raw_decode(text, at)
            separator = _SEPARATOR.match(text, end)
            if separator is None:
                raise json.JSONDecodeError("a comma or ] is missing", text, end)
        except (json.JSONDecodeError, RecursionError) as error:
            # Either the record goes on beyond what was read, or it is broken: only more of it can tell.
            if len(text) - at > MAX_BYTES:
                raise ValueError(f"or a record has more than {_mib()}") from None
            more = _read(stream, max(PIECE_BYTES, len(text) - at))
            if not more:
                raise ValueError(
                    error.msg if isinstance(error, json.JSONDecodeError) else "too deeply nested"
                ) from None
            text, at = text[at:] + decode(more), 0
            continue
        yield text[at:end]
        if separator.group(1) == "]":
            return
        at = separator.end()
