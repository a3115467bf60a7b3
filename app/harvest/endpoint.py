"""An endpoint that is asked many questions, one after the other: politely, and with no trust in what it answers.

SPARQLWrapper makes the requests. What it leaves to urllib is decided here: no redirect is followed, no proxy of the
environment is used, and the connection goes to an address that was checked, as for SERVICE (`app.federation.policy`).
"""

import asyncio
import json
import re
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from importlib.metadata import version
from math import ceil
from typing import Any, NamedTuple, NoReturn
from urllib.error import HTTPError, URLError
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
)

from SPARQLWrapper import JSON, POST, SPARQLWrapper

from app.errors import BadRequest, ServiceFailed
from app.federation.client import Overloaded
from app.federation.policy import Policy, Target, check_addresses, resolve
from app.settings import Settings
from loaders.fetch.http import Clock, asked_wait

__all__ = ["ATTEMPTS", "Endpoint", "Row", "Term"]

ATTEMPTS = 5
"""How often a request is made before it is given up. The pauses between add up to a quarter of a minute."""

LONGEST_WAIT = 300.0
"""Seconds that an endpoint may have us wait; asked for more, the harvest stops and goes on another time."""

_PASSING = {429, 500, 502, 503, 504}
_TOO_MUCH = {413, 414}
_TYPES = {"application/sparql-results+json", "application/json"}
_PIECE = 64 * 1024
_NO_IRI = re.compile(r'[<>"{}|^`]')
"""What no IRI can have (RFC 3987): the address of the endpoint goes into the provenance."""


class Term(NamedTuple):
    """A term of a solution, as SPARQL's JSON has it: `kind` is uri, literal or bnode."""

    kind: str
    value: str
    language: str | None = None


Row = Mapping[str, Term]


class _Passing(Exception):
    """An attempt failed in a way that may pass; `wait` is how many seconds the endpoint asked for."""

    def __init__(self, problem: str, wait: float | None = None) -> None:
        super().__init__(problem)
        self.wait = wait


class Endpoint:
    """A SPARQL endpoint that the operator has named, which is to be on no list: `talk` hears of waiting.

    Raises BadRequest for what is no http or https address.
    """

    def __init__(
        self,
        url: str,
        settings: Settings,
        talk: Callable[[str], None] = lambda said: None,
        clock: Clock | None = None,
    ) -> None:
        self.target = Target.read(url)
        if _NO_IRI.search(url):
            raise BadRequest(f"{url[:200]} is not the address of an endpoint: percent-encode what is in it.")
        self._settings = settings
        self._talk = talk
        self._clock = clock or Clock()
        self._next = 0.0
        contact = f" (+mailto:{settings.contact})" if settings.contact else ""
        self._client = _Client(url, f"trialweave/{version('trialweave')}{contact}", _opener(self.target, settings))
        self._client.setMethod(POST)
        self._client.setReturnFormat(JSON)
        self._client.setOnlyConneg(True)
        self._client.setTimeout(ceil(settings.harvest_timeout))
        if authorization := Policy(settings).authorization(self.target):
            self._client.addCustomHttpHeader("Authorization", authorization)

    def ask(self, query: str) -> list[Row]:
        """Return the solutions of a SELECT query.

        Raises Overloaded where it was too much at once, QueryRefused where the endpoint's name has an address that is
        not public, and ServiceFailed.
        """
        self._client.setQuery(query)
        for attempt in range(1, ATTEMPTS + 1):
            self._take_turn()
            try:
                return self._attempt()
            except _Passing as error:
                self._wait(attempt, error)
            finally:
                self._next = self._clock.monotonic() + self._settings.harvest_pause
        raise AssertionError("the last attempt returns or raises")

    def _take_turn(self) -> None:
        wait = self._next - self._clock.monotonic()
        if wait > 0:
            self._clock.sleep(wait)

    def _wait(self, attempt: int, error: _Passing) -> None:
        if attempt == ATTEMPTS:
            raise ServiceFailed(f"The endpoint {self.target.url} {error}, {ATTEMPTS} times in a row.") from None
        if (error.wait or 0) > LONGEST_WAIT:
            raise ServiceFailed(
                f"The endpoint {self.target.url} {error} and wants {error.wait:.0f} seconds of peace; come back then."
            ) from None
        # Jitter keeps clients that were turned away together from coming back together.
        wait = max(2.0 ** (attempt - 1) * (0.5 + self._clock.chance() / 2), error.wait or 0)
        self._talk(f"{self.target.url} {error}; trying again in {wait:.0f} s")
        self._clock.sleep(wait)

    def _attempt(self) -> list[Row]:
        deadline = time.monotonic() + self._settings.harvest_timeout
        try:
            with self._client.query().response as response:
                self._check(response)
                return _rows(self._body(response, deadline))
        except HTTPError as error:
            with error:
                self._judge(error)
        except TimeoutError:
            pass
        except URLError as error:
            if not isinstance(error.reason, TimeoutError):
                raise _Passing(f"cannot be reached ({error.reason})") from None
        except (HTTPException, OSError) as error:
            raise _Passing(f"broke off ({error or type(error).__name__})") from None
        raise _Passing(f"did not answer within {self._settings.harvest_timeout:.3g} seconds")

    def _judge(self, error: HTTPError) -> NoReturn:
        status = error.code
        if status in _PASSING:
            wait = asked_wait(error.headers.get("Retry-After", ""), self._clock.now())
            raise _Passing(f"answered {status}", wait) from None
        name = f"The endpoint {self.target.url}"
        if status in _TOO_MUCH:
            raise Overloaded(f"{name} says that the request is too large (status {status}).") from None
        if 300 <= status < 400:
            raise ServiceFailed(f"{name} redirects (status {status}), which is not followed.") from None
        raise ServiceFailed(f"{name} refused the request (status {status}){_said(error)}.") from None

    def _check(self, response: HTTPResponse) -> None:
        media_type = str(response.headers.get("Content-Type", "")).partition(";")[0].strip().lower()
        if media_type not in _TYPES or response.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise ServiceFailed(
                f"The endpoint {self.target.url} answered with {media_type or 'no content type'} instead of SPARQL's "
                "JSON; is it the address of an endpoint?"
            )

    def _body(self, response: HTTPResponse, deadline: float) -> bytes:
        # The time-out of a connection is between two pieces, so a server that drips needs a deadline as well.
        pieces, size = [], 0
        while piece := response.read1(_PIECE):
            pieces.append(piece)
            size += len(piece)
            if size > self._settings.service_bytes:
                raise Overloaded(
                    f"The endpoint {self.target.url} has more to say than {self._settings.service_bytes:,} bytes."
                )
            if time.monotonic() > deadline:
                raise TimeoutError
        return b"".join(pieces)


def _said(error: HTTPError) -> str:
    """Return the beginning of what an endpoint says of its refusal, if it comes to say it."""
    with suppress(OSError, HTTPException):
        if said := " ".join(error.read1(300).decode("utf-8", "replace").split())[:200]:
            return f" and says '{said}'"
    return ""


def _rows(body: bytes) -> list[Row]:
    try:
        bindings = json.loads(body)["results"]["bindings"]
        return [{name: _term(term) for name, term in binding.items()} for binding in bindings]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise _Passing("sent JSON that is cut off or no table of solutions") from None


def _term(term: Mapping[str, Any]) -> Term:
    kind = "literal" if term["type"] == "typed-literal" else term["type"]
    if not isinstance(kind, str) or not isinstance(term["value"], str):
        raise TypeError
    return Term(kind, term["value"], term.get("xml:lang"))


class _Client(SPARQLWrapper):
    """SPARQLWrapper with an opener of its own: it would take the one that the whole process shares."""

    def __init__(self, endpoint: str, agent: str, opener: OpenerDirector) -> None:
        super().__init__(endpoint, agent=agent)
        self._opener = opener

    def _query(self) -> tuple[HTTPResponse, str]:
        return self._opener.open(self._createRequest(), timeout=self.timeout), self.returnFormat


def _opener(target: Target, settings: Settings) -> OpenerDirector:
    """Make an opener without a handler for redirects, and for any scheme but http and https."""
    opener = OpenerDirector()
    opener.add_handler(HTTPDefaultErrorHandler())
    opener.add_handler(HTTPErrorProcessor())
    if settings.service_proxy:
        proxy = settings.service_proxy.get_secret_value()
        for handler in (ProxyHandler({target.scheme: proxy}), HTTPHandler(), HTTPSHandler()):
            opener.add_handler(handler)
    else:
        opener.add_handler(_ToAddress(partial(_address, target, settings)))
    return opener


class _ToAddress(HTTPHandler, HTTPSHandler):
    """Connects to the address that `address` finds for the host, whatever its name is; TLS still checks the name."""

    def __init__(self, address: Callable[[], str]) -> None:
        super().__init__()
        self._address = address

    def http_open(self, request: Request) -> HTTPResponse:
        return self.do_open(partial(self._connection, HTTPConnection), request)

    def https_open(self, request: Request) -> HTTPResponse:
        return self.do_open(partial(self._connection, HTTPSConnection), request)

    def _connection(self, kind: type[HTTPConnection], host: str, **options: Any) -> HTTPConnection:
        connection = kind(host, **options)

        def connect(at: tuple[str, int], *rest: Any) -> socket.socket:
            return socket.create_connection((self._address(), at[1]), *rest)

        # What http.client itself calls to get a socket; overriding connect() would mean to write TLS anew.
        connection._create_connection = connect  # type: ignore[attr-defined]
        return connection


def _address(target: Target, settings: Settings) -> str:
    """Return the address to connect to. Raises QueryRefused where the name has one that is not public, OSError."""
    if target.address is not None:
        return str(target.address)
    addresses = asyncio.run(resolve(target.host, target.port))
    if not addresses:
        raise OSError(f"{target.host} has no address")
    # Who says localhost means this machine (RFC 6761, section 6.3).
    if not (settings.service_allow_private or target.host == "localhost"):
        check_addresses(target, addresses)
    return addresses[0]
