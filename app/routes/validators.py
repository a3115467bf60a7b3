"""Validators, kept answers and compression (RFC 9110, sections 8.8 and 12.5.3; RFC 9111), in front of everything else.

An answer that was made from one generation alone, and that the same request would get again, is the answer for as long
as that generation is the published one. So its ETag is known before it is made, from the generation and the request;
a client that holds it is told so (304) without asking a worker, and others get a kept copy. The tag is a weak one: rows
without ORDER BY may come in another order, and the same tag stands for all content codings.
"""

import asyncio
import os
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from email.utils import formatdate, parsedate_to_datetime
from functools import lru_cache
from hashlib import blake2b

from starlette.datastructures import State
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.protocol.encoding import CODINGS, SMALLEST, choose_coding, is_compressible
from app.query.cache import KeptAnswer
from app.routes.dependencies import Trace, WorkerSource

__all__ = ["Ready", "Validators", "ready_answer"]

_Headers = list[tuple[bytes, bytes]]

Ready = tuple[int, _Headers, bytes]
"""A whole answer: its status, headers and body."""

_WANTED = frozenset({b"accept", b"accept-encoding", b"host", b"if-modified-since", b"if-none-match", b"origin"})
_PERSONAL = frozenset({b"authorization", b"cookie"})
_KEEP = b"public, max-age=0, must-revalidate"
"""Anybody may keep the answer, and asks with its ETag before using it: the next generation may come at any time."""

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
    def of(cls, scope: Scope) -> "_Asked | None":
        """None where the answer might be for this client only, or may change something."""
        if scope["method"] not in ("GET", "HEAD"):
            return None
        found: dict[bytes, bytes] = {}
        for name, value in scope["headers"]:
            if name in _PERSONAL:
                return None
            if name in _WANTED:
                found[name] = found[name] + b"," + value if name in found else value
        origin = b"1" if b"origin" in found else b""  # CORS headers are for those who send one.
        path = scope.get("raw_path") or scope["path"].encode()
        parts = (path, scope["query_string"], found.get(b"accept", b""), found.get(b"host", b""), origin)
        coding = choose_coding(found[b"accept-encoding"].decode("latin-1")) if b"accept-encoding" in found else None
        return cls(b"\0".join(parts), coding, found.get(b"if-none-match", b""), found.get(b"if-modified-since", b""))

    def tag(self, generation: int) -> bytes:
        """The ETag of the answer from this generation."""
        digest = urlsafe_b64encode(blake2b(self.key, digest_size=12).digest())
        return b'W/"%d-%s"' % (generation, digest)

    def holds(self, tag: bytes, modified: bytes | None) -> bool:
        """Whether the client has the answer already. If-None-Match counts alone where it is sent (section 13.2.2)."""
        if self.has:
            return any(each.strip() in (tag, tag[2:]) for each in self.has.split(b","))
        return bool(self.since and modified) and _is_since(self.since, modified or b"")


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
        if not looked and (ready := _ready(asked, scope, scope["app"].state)):
            status, headers, body = ready
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": body})
            return
        scope["trialweave.trace"] = Trace()
        try:
            await self._app(scope, receive, _Finish(scope, send, asked))
        except asyncio.CancelledError as error:
            # Cancelled because the client has gone: nobody is left to be told.
            if error.args != ("the client has gone",):
                raise


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
    modified = _modified(pool, generation)
    if asked.has and asked.holds(tag := asked.tag(generation), modified):
        return 304, _unchanged(scope, tag, modified), b""
    kept: KeptAnswer | None = state.cache.get((generation, asked.coding, asked.key))
    if kept is None:
        return None
    if asked.since and asked.holds(tag := asked.tag(generation), modified):
        return 304, _unchanged(scope, tag, modified), b""
    return 200, _with_own(kept.headers, modified), b"" if scope["method"] == "HEAD" else kept.body


class _Finish:
    """The `send` of an answer on its way out. One that comes in a single piece is compressed, tagged and kept."""

    def __init__(self, scope: Scope, send: Send, asked: _Asked | None) -> None:
        self._scope, self._send, self._asked = scope, send, asked
        self._trace: Trace = scope["trialweave.trace"]
        self._start: Message | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            return
        if self._start is None:
            await self._send(message)
            return
        start, self._start = self._start, None
        if message.get("more_body") or _value(start["headers"], b"etag"):
            # In pieces, as files are sent, and they come with validators of their own.
            await self._send(start)
            await self._send(message)
            return
        await self._whole(start, message.get("body", b""))

    async def _whole(self, start: Message, body: bytes) -> None:
        headers: _Headers = start["headers"]
        if start["status"] == 200:
            body = await self._encode(headers, body)
        generation = self._trace.generation if start["status"] == 200 else None
        if generation is not None and self._asked:
            modified = self._mark(headers, self._asked, generation, body)
            tag = self._asked.tag(generation)
            if self._asked.holds(tag, modified):
                unchanged = _unchanged(self._scope, tag, modified)
                await self._send({"type": "http.response.start", "status": 304, "headers": unchanged})
                await self._send({"type": "http.response.body", "body": b""})
                return
        elif self._trace.generations or start["status"] >= 400:
            headers.append((b"cache-control", b"no-store"))
        await self._send(start)
        await self._send({"type": "http.response.body", "body": body})

    def _mark(self, headers: _Headers, asked: _Asked, generation: int, body: bytes) -> bytes | None:
        """Give a lasting answer its validators, and keep it. Returns Last-Modified, which is not kept."""
        state = self._scope["app"].state
        headers += [(b"etag", asked.tag(generation)), (b"cache-control", _KEEP)]
        if self._scope["method"] == "GET":
            lean = tuple(header for header in headers if header[0] != b"x-request-id")
            state.cache.put((generation, asked.coding, asked.key), KeptAnswer(lean, body))
        modified = _modified(state.pool, generation)
        if modified:
            headers.append((b"last-modified", modified))
        return modified

    async def _encode(self, headers: _Headers, body: bytes) -> bytes:
        content_type = _value(headers, b"content-type") or b""
        if _value(headers, b"content-encoding") or not is_compressible(content_type.decode("latin-1")):
            return body
        _vary(headers)
        coding = self._asked.coding if self._asked else _coding(self._scope)
        size = int(_value(headers, b"content-length") or len(body))
        if coding is None or size < SMALLEST:
            return body
        headers[:] = [header for header in headers if header[0] != b"content-length"]
        if self._scope["method"] == "HEAD":
            return body  # Its length is known to GET only.
        compress = CODINGS[coding]
        body = compress(body) if len(body) <= _IN_PASSING else await asyncio.to_thread(compress, body)
        headers += [(b"content-length", b"%d" % len(body)), (b"content-encoding", coding.encode())]
        return body


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
