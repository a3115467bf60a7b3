"""From a stream of bytes to documents: one for a small file, several of whole records for a large one.

A registry export or a PubMed baseline file unpacks to gigabytes. Cut at the ends of records, it is read in bounded
memory and by several processes, and readers need to know nothing of it: each piece is a small file of the same kind.

Only the outermost frame is understood here: JSON lines, the elements of a PubMed XML set, the records of MEDLINE
text, the objects of a JSON array or API page. A file of another kind is one document.
"""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import IO

from loaders.errors import SourceError

__all__ = ["MAX_BYTES", "PIECE_BYTES", "WHOLE_BYTES", "Document", "array_items", "pieces"]

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
_JSON_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|["{}\[\],]', re.DOTALL)
_IN_STRING = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)  # it matches everywhere
_OPENING, _CLOSING, _BETWEEN = (b"{", b"["), (b"}", b"]"), (b",", b"]")
_NOTHING = io.BytesIO()


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
    elif _JSON_ARRAY.match(head):
        cut = _objects(head, stream)
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


def _too_long() -> str:
    return f"has a record of more than {_mib()}, which was passed over"


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
                yield _too_long()
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


def array_items(data: bytes, stream: IO[bytes] = _NOTHING) -> Iterator[bytes | str]:
    """Yield the bytes of each item of a JSON list of objects, bare or as the studies of an API page, and a sentence for
    what is none; nothing when there is no such list. The stream goes on where `data` ends.

    Only strings and brackets are looked at, so what is wrong inside one item costs no other.
    """
    if start := _JSON_ARRAY.match(data):
        yield from _items(data[start.end() :], stream)


def _objects(head: bytes, stream: IO[bytes]) -> Iterator[bytes | str]:
    """Yield JSON lists of some of the items of a large one."""
    records: list[bytes] = []
    size = 0
    for record in array_items(head, stream):
        if isinstance(record, bytes):
            records.append(record)
            size += len(record)
        if records and (size > PIECE_BYTES or isinstance(record, str)):
            yield _array(records)
            records, size = [], 0
        if isinstance(record, str):
            yield record
    if records:
        yield _array(records)


def _array(records: list[bytes]) -> bytes:
    return b"[" + b",".join(records) + b"]"


def _items(data: bytes, stream: IO[bytes]) -> Iterator[bytes | str]:
    """Yield the items of a list up to its end. `data` starts behind its bracket."""
    at = begun = depth = 0
    too_long = False
    while True:
        for token in _JSON_TOKEN.finditer(data, at):
            if token[0] == b'"':  # a string that goes on beyond what was read
                at = token.start()
                break
            at = token.end()
            if token[0] in _OPENING:
                depth += 1
            elif depth:
                depth -= token[0] in _CLOSING
            elif token[0] in _BETWEEN:
                yield from _item(data[begun : token.start()], too_long=too_long)
                begun, too_long = at, False
                if token[0] == b"]":
                    return
        data, at, begun = data[begun:], at - begun, 0
        if len(data) > MAX_BYTES:
            too_long = True
            data, at = (_after_string(data[at:], stream) if data[at : at + 1] == b'"' else data[at:]), 0
        more = _read(stream, max(PIECE_BYTES, len(data) - at))
        if not more:
            break
        data += more
    if not depth:
        yield from _item(data, too_long=too_long)
    yield "is cut off: the list of its records is not closed; fetch it again"


def _item(data: bytes, *, too_long: bool) -> Iterator[bytes | str]:
    if too_long:
        yield _too_long()
    elif data.strip():
        yield data


def _after_string(data: bytes, stream: IO[bytes]) -> bytes:
    """Return what follows the string at the start of `data`, without ever holding all of it."""
    at = 1
    while (at := _IN_STRING.match(data, at).end()) == len(data) or data[at : at + 1] != b'"':  # type: ignore[union-attr]
        more = _read(stream, PIECE_BYTES)
        if not more:
            return b""
        data, at = data[at:] + more, 0
    return data[at + 1 :]
