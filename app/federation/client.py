"""Requests to the endpoints of SERVICE clauses: to the address that was checked, and never more than was agreed on."""

import asyncio
import os
import ssl
import time
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from app.errors import QueryRefused, ServiceFailed, ServiceTimeout, ServiceTooLarge
from app.federation.caps import Caps
from app.federation.policy import Key, Policy, Resolver, Target, check_addresses, resolve
from app.federation.results import Blanks, Table, Unreadable, solutions
from app.query.cache import AnswerCache, KeptAnswer
from app.settings import Settings

__all__ = ["Budget", "Client", "Health", "Overloaded", "Sent"]

_XML = "application/sparql-results+xml"
_ACCEPT = f"application/sparql-results+json, {_XML};q=0.8"
_TYPES = {
    "application/sparql-results+json": False,
    "application/json": False,
    _XML: True,
    "application/xml": True,
    "text/xml": True,
}
"""Content types that are read, and whether they are XML."""

_TRIES = 3
_LONGEST_WAIT = 10.0
"""Seconds that an endpoint may have us wait before another try (Retry-After)."""

_AT_ONCE = 8
"""Requests to one endpoint at a time, of all queries together."""


class Overloaded(ServiceFailed):
    """The endpoint could not do that much at once; less may do."""


@dataclass(slots=True)
class Sent:
    """One request to an endpoint, as it is shown to whoever asks for it."""

    endpoint: str
    query: str
    rows: int | None = None
    bytes: int = 0
    milliseconds: float = 0.0
    cache: bool = False
    error: str | None = None

    def shown(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)


@dataclass(slots=True)
class Health:
    """How an endpoint has done lately; times in seconds since 1970 and milliseconds."""

    requests: int = 0
    errors: int = 0
    last_asked: float | None = None
    last_milliseconds: float | None = None
    last_error: str | None = None


@dataclass(slots=True)
class Budget:
    """What one query may still take from all endpoints together, and what it has sent."""

    deadline: float
    requests: int
    bytes: int
    sent: list[Sent] = field(default_factory=list)
    blanks: Blanks = field(default_factory=Blanks)

    @classmethod
    def of(cls, settings: Settings) -> "Budget":
        """A whole budget."""
        return cls(time.monotonic() + settings.service_total, settings.service_requests, settings.service_bytes)

    @property
    def is_over(self) -> bool:
        """Whether there is no time left."""
        return time.monotonic() >= self.deadline

    def seconds(self, longest: float) -> float:
        """How long the next request may take."""
        return max(0.001, min(longest, self.deadline - time.monotonic()))


class Client:
    """Asks allowed endpoints, and remembers answers and how the endpoints do. For use in one event loop."""

    def __init__(self, settings: Settings, resolver: Resolver = resolve) -> None:
        self.policy = Policy(settings)
        self.settings = settings
        self.health: dict[Key, Health] = {key: Health() for key in self.policy.targets}
        self.blocks: dict[Key, int] = {}
        """How many bindings an endpoint has taken well at a time."""
        self.caps = Caps(self.policy.caps)
        self._resolver = resolver
        self._cache = AnswerCache(settings.service_cache_bytes)
        self._clients: dict[Key, httpx.AsyncClient] = {}
        self._turns: dict[Key, asyncio.Semaphore] = {}
        self._in_xml: set[Key] = set()

    async def close(self) -> None:
        """Close all connections."""
        for client in self._clients.values():
            await client.aclose()
        self._clients.clear()

    async def ask(self, target: Target, query: str, columns: tuple[str, ...], budget: Budget) -> Table:
        """The solutions of a SELECT query at an endpoint.

        Raises ServiceFailed, ServiceTimeout, ServiceTooLarge, Overloaded where less might do, and QueryRefused where
        the endpoint's name has an address that is not public.
        """
        sent = Sent(target.url, query)
        budget.sent.append(sent)
        began = time.monotonic()
        try:
            body, is_xml = await self._answer(target, query, sent, budget)
            sent.bytes = len(body)
            limit = self.settings.service_rows
            try:
                table = await asyncio.to_thread(solutions, body, is_xml, columns, limit, budget.blanks.document())
            except Unreadable as error:
                kind = ServiceTooLarge if "more than" in str(error) else ServiceFailed
                raise kind(f"The endpoint {target.url} {error}.") from None
            sent.rows = len(table.rows)
            return table
        except (ServiceFailed, QueryRefused) as error:
            sent.error = error.message
            raise
        except asyncio.CancelledError:
            sent.error = "stopped"
            raise
        finally:
            sent.milliseconds = round(1000 * (time.monotonic() - began), 1)
            self._note(target, sent)

    def _note(self, target: Target, sent: Sent) -> None:
        if sent.cache:
            return
        health = self.health[target.key]
        health.requests += 1
        health.last_asked, health.last_milliseconds = time.time(), sent.milliseconds
        if sent.error != "stopped":
            health.last_error = sent.error
            health.errors += sent.error is not None

    async def _answer(self, target: Target, query: str, sent: Sent, budget: Budget) -> tuple[bytes, bool]:
        key = (target.key, query)
        if kept := self._kept(key):
            sent.cache = True
            return kept
        for attempt in range(1, _TRIES + 1):
            try:
                body, is_xml = await self._post(target, query, sent, budget)
                break
            except _Later as later:
                if attempt == _TRIES or later.seconds > budget.seconds(_LONGEST_WAIT):
                    raise ServiceFailed(later.message) from None
                await asyncio.sleep(later.seconds)
        expires = time.monotonic() + self.settings.service_cache_seconds
        if self.settings.service_cache_seconds:
            headers = ((b"xml", b"1" if is_xml else b""), (b"expires", str(expires).encode()))
            self._cache.put(key, KeptAnswer(headers, body))
        return body, is_xml

    def _kept(self, key: Hashable) -> tuple[bytes, bool] | None:
        kept = self._cache.get(key) if self.settings.service_cache_seconds else None
        if kept is None or float(kept.headers[1][1]) < time.monotonic():
            return None
        return kept.body, bool(kept.headers[0][1])

    async def _post(self, target: Target, query: str, sent: Sent, budget: Budget) -> tuple[bytes, bool]:
        if budget.requests <= 0:
            most = self.settings.service_requests
            raise ServiceTooLarge(f"The query leads to more than {most} requests to other endpoints; ask for less.")
        budget.requests -= 1
        turn = self._turns.setdefault(target.key, asyncio.Semaphore(_AT_ONCE))
        seconds = budget.seconds(self.settings.service_timeout)
        try:
            async with asyncio.timeout(seconds), turn, self._sent(target, query) as answer:
                body = await self._body(target, answer, sent, budget)
                is_xml = _check(target, answer, body)
                if not is_xml and answer.headers.get("server", "").startswith("Virtuoso"):
                    # Its JSON has the numbers 1 and 0 for true and false, and its XML has not.
                    self._in_xml.add(target.key)
                    raise _Later(f"The endpoint {target.url} does not answer in XML.", 0)
                return body, is_xml
        except (TimeoutError, httpx.TimeoutException):
            raise ServiceTimeout(
                f"The endpoint {target.url} did not answer within {seconds:.3g} seconds; ask it for less."
            ) from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ssl.SSLError, UnicodeError) as error:
            way = " through the proxy" if self.settings.service_proxy else ""
            raise ServiceFailed(f"The endpoint {target.url} cannot be asked{way}: {_why(error)}.") from None

    @asynccontextmanager
    async def _sent(self, target: Target, query: str) -> AsyncIterator[httpx.Response]:
        # The name is resolved here, once, and the connection, by a proxy as well, goes to what has been checked: a
        # second look-up could have another answer. TLS still asks for, and checks, the name (see `_Named`).
        client = await self._client(target)
        address = await self._address(target)
        url = httpx.URL(target.url).copy_with(host=address)
        headers = {"Host": httpx.URL(target.url).netloc.decode("ascii")}
        if authorization := self.policy.authorization(target):
            headers["Authorization"] = authorization
        if target.key in self._in_xml:
            headers["Accept"] = _XML
        async with client.stream("POST", url, data={"query": query}, headers=headers) as answer:
            yield answer

    async def _address(self, target: Target) -> str:
        if target.address is not None:
            return str(target.address)
        addresses = await self._resolver(target.host, target.port)
        if not addresses:
            raise OSError(f"{target.host} has no address")
        if not self.policy.trusts(target):
            check_addresses(target, addresses)
        return addresses[0]

    async def _client(self, target: Target) -> httpx.AsyncClient:
        # One for each endpoint: connections are kept by address, and two names may share one.
        if target.key not in self._clients:
            trusted = await asyncio.to_thread(_trusted, target)
            proxy = self.settings.service_proxy.get_secret_value() if self.settings.service_proxy else None
            self._clients[target.key] = httpx.AsyncClient(
                proxy=proxy,
                verify=trusted,
                trust_env=False,
                follow_redirects=False,
                timeout=httpx.Timeout(self.settings.service_timeout, connect=10.0),
                headers={"User-Agent": "trialweave", "Accept": _ACCEPT, "Accept-Encoding": "identity"},
            )
        return self._clients[target.key]

    async def _body(self, target: Target, answer: httpx.Response, sent: Sent, budget: Budget) -> bytes:
        """The whole body, as far as the budget goes. It is taken as it is: what is compressed may be a bomb."""
        pieces: list[bytes] = []
        async for piece in answer.aiter_raw():
            budget.bytes -= len(piece)
            sent.bytes += len(piece)
            if budget.bytes < 0:
                most = self.settings.service_bytes
                raise ServiceTooLarge(f"The endpoint {target.url} has more to say than {most:,} bytes; ask for less.")
            pieces.append(piece)
        return b"".join(pieces)


class _Later(Exception):
    """The endpoint wants to be asked again in so many seconds."""

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.message, self.seconds = message, seconds


class _Named(ssl.SSLContext):
    """TLS with a server of a certain name, whatever the address was that the connection went to.

    httpx has a way to say so for a direct connection, but none for one through a proxy.
    """

    name: str

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """As the standard library has it, but for the name."""
        return super().wrap_bio(incoming, outgoing, server_side, self.name, session)


def _trusted(target: Target) -> ssl.SSLContext:
    """The authorities that the system, or SSL_CERT_FILE, trusts to say that a server is the target."""
    context = _Named(ssl.PROTOCOL_TLS_CLIENT)
    context.name = target.host
    if target.scheme == "https":
        context.load_default_certs()
    return context


def _check(target: Target, answer: httpx.Response, body: bytes) -> bool:
    """Whether the answer is XML. Raises ServiceFailed for what is no table of solutions."""
    status = answer.status_code
    if status in (429, 503):
        raise _Later(f"The endpoint {target.url} is too busy (status {status}).", _retry_after(answer))
    if 300 <= status < 400:
        raise ServiceFailed(f"The endpoint {target.url} redirects (status {status}), which is not followed.")
    if status in (413, 414, 500, 502, 504):
        raise Overloaded(f"The endpoint {target.url} failed (status {status}): {_said(body)}")
    if status != 200:
        raise ServiceFailed(f"The endpoint {target.url} refused the request (status {status}): {_said(body)}")
    if answer.headers.get("content-encoding", "identity").lower() != "identity":
        raise ServiceFailed(f"The endpoint {target.url} compresses its answer without being asked to.")
    for name in ("x-sparql-maxrows", "x-sql-state"):
        if name in answer.headers:
            raise Overloaded(f"The endpoint {target.url} cut its answer short ({name}); ask it for less.")
    media_type = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in _TYPES:
        raise ServiceFailed(
            f"The endpoint {target.url} answered with {media_type or 'no content type'} instead of solutions."
        )
    return _TYPES[media_type]


def _why(error: BaseException) -> str:
    """The reason of an error in the words of what is at its bottom, such as the system's."""
    why = str(error) or type(error).__name__
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate does not hold ({cause.verify_message.rstrip('.')})"
        if isinstance(cause, OSError) and not isinstance(cause, ssl.SSLError) and cause.strerror and cause.errno:
            why = os.strerror(cause.errno) if cause.errno > 0 else cause.strerror  # Below are those of names.
        cause = cause.__cause__ or cause.__context__
    return why


def _said(body: bytes) -> str:
    return " ".join(body[:300].decode("utf-8", "replace").split())[:200] or "it says no more"


def _retry_after(answer: httpx.Response) -> float:
    given = answer.headers.get("retry-after", "1")
    with suppress(ValueError):
        return max(0.0, float(given))
    with suppress(ValueError, TypeError):
        return max(0.0, parsedate_to_datetime(given).timestamp() - time.time())
    return 1.0
