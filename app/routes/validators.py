"""Validators, kept answers and compression (RFC 9110, sections 8.8 and 12.5.3; RFC 9111), in front of everything else.

An answer that was made from one generation alone, and that the same request would get again, is the answer for as long
as that generation is the published one. So its ETag is known before it is made, from the generation and the request;
a client that holds it is told so (304) without asking a worker, and others get a kept copy. The tag is a weak one: rows
without ORDER BY may come in another order, and the same tag stands for all content codings.

A query sent by POST has the same answer for as long, so that is kept as well, and its tag says which answer it is. But
no client can ask by it whether the answer has changed: 304 is for GET and HEAD alone (RFC 9110, section 15.4.5).
"""

import asyncio
import os
import time
from base64 import urlsafe_b64encode
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from email.utils import formatdate, parsedate_to_datetime
from functools import lru_cache
from hashlib import blake2b

from starlette.datastructures import State
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.protocol.encoding import CODINGS, PIECEWISE, SMALLEST, Coder, choose_coding, is_compressible
from app.query.cache import AnswerCache, KeptAnswer
from app.routes.dependencies import GONE, Trace, WorkerSource

__all__ = ["Ready", "Validators", "finished", "ready_answer"]

_Headers = list[tuple[bytes, bytes]]

Ready = tuple[int, _Headers, bytes]
"""A whole answer: its status, headers and body."""

_WANTED = frozenset(
    {b"accept", b"accept-encoding", b"content-type", b"host", b"if-modified-since", b"if-none-match", b"origin"}
)
_PERSONAL = frozenset({b"authorization", b"content-encoding", b"cookie", b"trialweave-explain"})
"""With these an answer may be another one, and is for one client alone."""

_KEEP = b"public, max-age=0, must-revalidate"
"""Anybody may keep the answer, and asks with its ETag before using it: the next generation may come at any time."""

_POSTED = 64 * 1024
"""Bytes of a query sent by POST up to which it is waited for before the application is asked."""

_IN_PASSING = 64 * 1024
"""Bytes up to which compressing holds up nobody; more is done in a thread."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """What of a request its answer depends on, and what the client has already."""

    key: bytes
    coding: str | None
    has: bytes
    since: bytes

    @classmethod
    def of(cls, scope: Scope, posted: bytes | None = None) -> "_Asked | None":
        """None where the answer might be for this client only, or the request may change something, as far as is known
        without `posted`, the body of a query sent by POST."""
        if scope["method"] not in ("GET", "HEAD") and posted is None:
            return None
        found: dict[bytes, bytes] = {}
        for name, value in scope["headers"]:
            if name in _PERSONAL:
                return None
            if name in _WANTED:
                found[name] = found[name] + b"," + value if name in found else value
        origin = b"1" if b"origin" in found else b""  # CORS headers are for those who send one.
        path = scope.get("raw_path") or scope["path"].encode()
        parts = [path, scope["query_string"], found.get(b"accept", b""), found.get(b"host", b""), origin]
        coding = choose_coding(found[b"accept-encoding"].decode("latin-1")) if b"accept-encoding" in found else None
        if posted is not None:
            return cls(_digest(*parts, found.get(b"content-type", b""), posted), coding, b"", b"")
        return cls(_digest(*parts), coding, found.get(b"if-none-match", b""), found.get(b"if-modified-since", b""))

    def tag(self, generation: int) -> bytes:
        """The ETag of the answer from this generation."""
        return b'W/"%d-%s"' % (generation, urlsafe_b64encode(self.key))

    def holds(self, tag: bytes, modified: bytes | None) -> bool:
        """Whether the client has the answer already. If-None-Match counts alone where it is sent (section 13.2.2)."""
        if self.has:
            return any(each.strip() in (tag, tag[2:]) for each in self.has.split(b","))
        return bool(self.since and modified) and _is_since(self.since, modified or b"")


def _digest(*parts: bytes) -> bytes:
    """The parts in brief: a request may be long, and whoever makes it must not decide what keeping its answer takes."""
    return blake2b(b"\0".join(parts), digest_size=18).digest()


def _is_since(since: bytes, modified: bytes) -> bool:
    try:
        return parsedate_to_datetime(since.decode("latin-1")) >= parsedate_to_datetime(modified.decode())
    except (ValueError, TypeError):
        return False


class Validators:
    """The middleware. It takes the published generation from the application's pool, and the answers from its cache."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Give an answer again, or pass the request on and see to what comes back."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # The connection may have looked before, in vain.
        looked = "trialweave.asked" in scope
        asked = scope["trialweave.asked"] if looked else _Asked.of(scope)
        if _may_be_kept(scope):
            posted, receive = await _read_ahead(receive)
            asked, looked = _Asked.of(scope, posted), False
        scope["trialweave.asked"] = asked
        if not looked and (ready := _ready(asked, scope, scope["app"].state)):
            status, headers, body = ready
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": body})
            return
        if "trialweave.trace" not in scope:  # It is there where the connection has tried already, in vain.
            scope["trialweave.trace"] = Trace()
        try:
            await self._app(scope, receive, _Finish(scope, send))
        except asyncio.CancelledError as error:
            # Cancelled because the client has gone: nobody is left to be told.
            if error.args != (GONE,):
                raise


def _may_be_kept(scope: Scope) -> bool:
    """Whether this may be a query sent by POST, which is short enough to be looked for among the kept answers."""
    if scope["method"] != "POST" or scope["path"] != "/sparql":
        return False
    length = _value(scope["headers"], b"content-length") or b""
    return length.isdigit() and int(length) <= _POSTED


async def _read_ahead(receive: Receive) -> tuple[bytes, Receive]:
    """The body of a request, and a `receive` that gives it once more."""
    messages = [await receive()]
    while messages[-1].get("more_body"):
        messages.append(await receive())
    body = b"".join(message.get("body", b"") for message in messages)

    async def once_more() -> Message:
        return messages.pop(0) if messages else await receive()

    return body, once_more


def ready_answer(scope: Scope, state: State) -> Ready | None:
    """The answer to a request that needs no work any more: a kept one, or 304 for who has it already.

    `state` is the application's. The connection asks here first, as an answer that is ready takes less time than
    starting the application on the request.
    """
    scope["trialweave.asked"] = asked = _Asked.of(scope)
    return _ready(asked, scope, state)


def _ready(asked: _Asked | None, scope: Scope, state: State) -> Ready | None:
    pool: WorkerSource | None = getattr(state, "pool", None)
    if not asked or not pool:
        return None
    generation = pool.generation
    if asked.has and asked.holds(tag := asked.tag(generation), None):
        return 304, _unchanged(scope, tag, _modified(pool, generation)), b""
    kept: KeptAnswer | None = state.cache.get((generation, asked.coding, asked.key))
    if kept is None:
        return None
    modified = _modified(pool, generation)
    if asked.since and asked.holds(tag := asked.tag(generation), modified):
        return 304, _unchanged(scope, tag, modified), b""
    return 200, _with_own(kept.headers, modified), b"" if scope["method"] == "HEAD" else kept.body


class _Finish:
    """The `send` of an answer on its way out: it is compressed, tagged and kept.

    One with an ETag, as files have, goes out as it comes.
    """

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope, self._send = scope, send
        self._start: Message | None = None
        self._coder: Coder | None = None
        self._unchanged = False
        self._copy: _Copy | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            return
        if self._start is None:
            await self._piece(message)
            return
        start, self._start = self._start, None
        if _value(start["headers"], b"etag"):
            await self._send(start)
            await self._send(message)
        elif message.get("more_body"):
            await self._begin(start)
            await self._piece(message)
        else:
            await self._whole(start, message.get("body", b""))

    async def _whole(self, start: Message, body: bytes) -> None:
        status, headers, body = await finished(self._scope, start["status"], start["headers"], body)
        await self._send({**start, "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})

    async def _begin(self, start: Message) -> None:
        """See to the head of an answer that comes in pieces."""
        headers: _Headers = start["headers"]
        coding = _coding_for(self._scope, headers) if start["status"] == 200 else None
        # Chunks, which take the place of a length, are not for clients of HTTP/1.0.
        if coding and self._scope["http_version"] != "1.0" and self._scope["method"] != "HEAD":
            self._coder = PIECEWISE[coding]()
            headers[:] = [header for header in headers if header[0] != b"content-length"]
            headers.append((b"content-encoding", coding.encode()))
        unchanged, self._copy = _mark(self._scope, start["status"], headers)
        if unchanged is None:
            await self._send(start)
            return
        self._unchanged = True
        status, headers, body = unchanged
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})

    async def _piece(self, message: Message) -> None:
        if self._unchanged:
            return
        body, more = message.get("body", b""), message.get("more_body", False)
        if self._coder:
            body = await asyncio.to_thread(self._coder.add, body)
            body += b"" if more else self._coder.end()
        if self._copy:
            self._copy.add(body)
            if not more:
                self._copy.keep()
        await self._send({"type": "http.response.body", "body": body, "more_body": more})


async def finished(scope: Scope, status: int, headers: _Headers, body: bytes) -> Ready:
    """A whole answer as it goes out: compressed, tagged and kept; or 304 if the client turns out to have it."""
    if status == 200:
        body = await _encode(scope, headers, body)
    unchanged, copy = _mark(scope, status, headers)
    if unchanged:
        return unchanged
    if copy:
        copy.add(body)
        copy.keep()
    return status, headers, body


def _mark(scope: Scope, status: int, headers: _Headers) -> "tuple[Ready | None, _Copy | None]":
    """Give an answer its validators. Returns what to send in its place to a client that has it, else where to keep it,
    if that is worth while."""
    asked: _Asked | None = scope["trialweave.asked"]
    trace: Trace = scope["trialweave.trace"]
    generation = trace.generation if status == 200 else None
    if generation is None or not asked:
        if trace.generations or status >= 400:
            headers.append((b"cache-control", b"no-store"))
        return None, None
    state, tag = scope["app"].state, asked.tag(generation)
    modified = _modified(state.pool, generation)
    # Nobody but this service can know that a POST changes nothing, so nobody else is to keep its answer.
    headers += [(b"etag", tag), (b"cache-control", b"no-store" if scope["method"] == "POST" else _KEEP)]
    lean = tuple(headers)
    if modified:
        headers.append((b"last-modified", modified))
    if asked.holds(tag, modified):
        return (304, _unchanged(scope, tag, modified), b""), None
    if scope["method"] == "HEAD":
        return None, None
    return None, _Copy(state.cache, (generation, asked.coding, asked.key), lean)


async def _encode(scope: Scope, headers: _Headers, body: bytes) -> bytes:
    coding = _coding_for(scope, headers)
    size = int(_value(headers, b"content-length") or len(body))
    if coding is None or size < SMALLEST:
        return body
    headers[:] = [header for header in headers if header[0] != b"content-length"]
    if scope["method"] == "HEAD":
        return body  # Its length is known to GET only.
    compress = CODINGS[coding]
    body = compress(body) if len(body) <= _IN_PASSING else await asyncio.to_thread(compress, body)
    headers += [(b"content-length", b"%d" % len(body)), (b"content-encoding", coding.encode())]
    return body


def _coding_for(scope: Scope, headers: _Headers) -> str | None:
    """The coding for an answer with these headers, which then say what it depends on."""
    content_type = _value(headers, b"content-type") or b""
    if _value(headers, b"content-encoding") or not is_compressible(content_type.decode("latin-1")):
        return None
    _vary(headers)
    asked: _Asked | None = scope["trialweave.asked"]
    return asked.coding if asked else _coding(scope)


class _Copy:
    """A copy of an answer on its way out, made as long as it is small enough for the cache."""

    def __init__(self, cache: AnswerCache, key: Hashable, headers: tuple[tuple[bytes, bytes], ...]) -> None:
        self._cache, self._key, self._headers = cache, key, headers
        self._pieces: list[bytes] | None = []
        self._size = 0

    def add(self, piece: bytes) -> None:
        """Take the next piece, or give up."""
        self._size += len(piece)
        if self._pieces is not None and self._cache.fits(self._size):
            self._pieces.append(piece)
        else:
            self._pieces = None

    def keep(self) -> None:
        """Put what is complete now into the cache."""
        if self._pieces is None:
            return
        lean = [header for header in self._headers if header[0] not in (b"content-length", b"x-request-id")]
        lean.append((b"content-length", b"%d" % self._size))
        self._cache.put(self._key, KeptAnswer(tuple(lean), b"".join(self._pieces)))


def _unchanged(scope: Scope, tag: bytes, modified: bytes | None) -> _Headers:
    """The headers of a 304 are those a 200 would have (section 15.4.5)."""
    headers = [(b"etag", tag), (b"cache-control", _KEEP), (b"vary", b"Accept, Accept-Encoding")]
    if any(name == b"origin" for name, _ in scope["headers"]):
        headers.append((b"access-control-allow-origin", b"*"))
    return _with_own(headers, modified)


def _with_own(headers: Iterable[tuple[bytes, bytes]], modified: bytes | None) -> _Headers:
    """The headers, with those that belong to this answer alone."""
    own = (b"x-request-id", os.urandom(16).hex().encode())
    return [*headers, own, (b"last-modified", modified)] if modified else [*headers, own]


def _modified(pool: WorkerSource, generation: int) -> bytes | None:
    """The time of publication, once its second is over: before, another generation could still get the same one."""
    published = pool.published(generation)
    if published is None or time.time() < int(published) + 1:
        return None
    return _date(int(published))


@lru_cache(8)
def _date(seconds: int) -> bytes:
    return formatdate(seconds, usegmt=True).encode()


def _coding(scope: Scope) -> str | None:
    values = [value for name, value in scope["headers"] if name == b"accept-encoding"]
    return choose_coding(b",".join(values).decode("latin-1")) if values else None


def _vary(headers: _Headers) -> None:
    present = _value(headers, b"vary")
    headers[:] = [header for header in headers if header[0] != b"vary"]
    headers.append((b"vary", present + b", Accept-Encoding" if present else b"Accept-Encoding"))


def _value(headers: _Headers, name: bytes) -> bytes | None:
    for key, value in headers:
        if key == name:
            return value
    return None
