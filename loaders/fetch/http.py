"""A polite HTTP client for one service: it says who it is, keeps to a rate and does as it is asked.

What can pass is tried again with growing pauses; what cannot is a FetchError with one sentence. An answer is never
taken for whole because it ended: `get` and `post` are given a check that knows.
"""

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from types import TracebackType
from typing import Self, TypeVar

import httpx

__all__ = ["ATTEMPTS", "Client", "Clock", "FetchError", "Incomplete", "NotThere", "Refused", "Service", "asked_wait"]

ATTEMPTS = 6
"""How often a request is made before it is given up. The pauses between add up to about half a minute."""

MAX_BYTES = 256 * 1024 * 1024
"""Bytes of one answer. A page of 1,000 studies that all have results has about 70 million."""

_LONGEST_WAIT = 300.0
_LONGEST_ANSWER = 600.0
_TIMEOUT = 60.0
_CONNECT_TIMEOUT = 15.0
_REDIRECTS = 5
_PASSING = {429, 500, 502, 503, 504}
_MOVED = {301, 302, 303, 307, 308}
_T = TypeVar("_T")


class FetchError(Exception):
    """What was asked for cannot be had from the service; the message is one clause of a sentence for the user."""


class NotThere(FetchError):
    """The service answered that there is no such thing (404)."""


class Refused(FetchError):
    """The service answered that the request is wrong (400)."""


class Incomplete(Exception):
    """A check found that an answer is cut off or garbled; the request is made again."""


class _Passing(Exception):
    """An attempt failed in a way that may pass. `wait` is how many seconds the service asked for."""

    def __init__(self, problem: str, wait: float | None = None) -> None:
        super().__init__(problem)
        self.wait = wait


class _Moved(Exception):
    """The answer is a redirect to an address below the base URL."""

    def __init__(self, url: httpx.URL) -> None:
        super().__init__(str(url))
        self.url = url


@dataclass(frozen=True, slots=True)
class Clock:
    """Time and chance in one place, so that tests need neither. All are in seconds, `chance` is from 0 to 1."""

    monotonic: Callable[[], float] = time.monotonic
    now: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    chance: Callable[[], float] = random.random


@dataclass(frozen=True, slots=True)
class Service:
    """Who is asked: a name for messages, its base URL, the variable that sets it, and requests a second."""

    name: str
    url: str
    setting: str
    rate: float


class Client:
    """A connection to one service. `contact`, an e-mail address, is told to it; `progress` hears of waiting.

    Raises FetchError for a base URL that is none.
    """

    def __init__(
        self,
        service: Service,
        contact: str | None,
        clock: Clock,
        progress: Callable[[str], None],
        timeout: float = _TIMEOUT,
    ) -> None:
        self._base = _base(service)
        self._service = service
        self._clock = clock
        self._progress = progress
        self._next = clock.monotonic()
        agent = f"trialweave/{version('trialweave')}" + (f" (+mailto:{contact})" if contact else "")
        limits = httpx.Timeout(timeout, connect=min(timeout, _CONNECT_TIMEOUT))
        self._http = httpx.Client(headers={"User-Agent": agent}, timeout=limits)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._http.close()

    def get(
        self, path: str, parameters: Mapping[str, str], media: str, check: Callable[[bytes], _T]
    ) -> tuple[bytes, _T]:
        """Return the body under a path and what `check` makes of it. Redirects below the base URL are followed.

        `media` is the ending of the content type that is expected, "json" or "xml". Raises FetchError.
        """
        url = self._below(path)
        request = self._http.build_request("GET", url, params=dict(parameters), headers=_accept(media))
        return self._persist(lambda: self._follow(request, media, check))

    def post(self, path: str, form: Mapping[str, str], media: str, check: Callable[[bytes], _T]) -> tuple[bytes, _T]:
        """Send a form; return as `get` does. Redirects are not followed. Raises FetchError."""
        url = self._below(path)
        request = self._http.build_request("POST", url, data=dict(form), headers=_accept(media))
        return self._persist(lambda: self._attempt(request, media, check))

    def _below(self, path: str) -> httpx.URL:
        return self._base.copy_with(path=self._base.path.rstrip("/") + path)

    def _persist(self, attempt: Callable[[], tuple[bytes, _T]]) -> tuple[bytes, _T]:
        for number in range(1, ATTEMPTS + 1):
            try:
                return attempt()
            except _Passing as error:
                if number == ATTEMPTS:
                    raise FetchError(
                        f"{self._service.name} {error}, {ATTEMPTS} times in a row; try again later"
                    ) from None
                self._wait(number, error)
        raise AssertionError("the last attempt returns or raises")

    def _wait(self, number: int, error: _Passing) -> None:
        # Jitter keeps clients that were turned away together from coming back together.
        wait = 2.0 ** (number - 1) * (0.5 + self._clock.chance() / 2)
        wait = min(max(wait, error.wait or 0), _LONGEST_WAIT)
        self._progress(f"{self._service.name} {error}; trying again in {wait:.0f} s")
        self._clock.sleep(wait)

    def _follow(self, request: httpx.Request, media: str, check: Callable[[bytes], _T]) -> tuple[bytes, _T]:
        for _ in range(_REDIRECTS):
            try:
                return self._attempt(request, media, check)
            except _Moved as moved:
                request = self._http.build_request("GET", moved.url, headers=_accept(media))
        raise FetchError(f"{self._service.name} redirects without end")

    def _attempt(self, request: httpx.Request, media: str, check: Callable[[bytes], _T]) -> tuple[bytes, _T]:
        self._take_turn()
        try:
            response = self._http.send(request, stream=True)
            try:
                body = self._body(response)
            finally:
                response.close()
        except httpx.TimeoutException:
            raise _Passing("did not answer in time") from None
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise _Passing(f"cannot be reached or broke off ({_one_line(str(error))})") from None
        self._judge(request, response, body, media)
        try:
            return body, check(body)
        except Incomplete as error:
            raise _Passing(f"sent an answer that cannot be used ({error})") from None

    def _take_turn(self) -> None:
        now = self._clock.monotonic()
        if now < self._next:
            self._clock.sleep(self._next - now)
        self._next = max(now, self._next) + 1 / self._service.rate

    def _body(self, response: httpx.Response) -> bytes:
        # A time-out is between two chunks, so a server that drips needs a deadline as well.
        deadline = self._clock.monotonic() + _LONGEST_ANSWER
        parts, size = [], 0
        for part in response.iter_bytes():
            parts.append(part)
            size += len(part)
            if size > MAX_BYTES:
                raise FetchError(f"{self._service.name} sent more than {MAX_BYTES // 1024**2} MiB in one answer")
            if self._clock.monotonic() > deadline:
                raise _Passing("did not finish its answer in time")
        return b"".join(parts)

    def _judge(self, request: httpx.Request, response: httpx.Response, body: bytes, media: str) -> None:
        status = response.status_code
        if status in _PASSING:
            raise _Passing(f"answered {status}", asked_wait(response.headers.get("Retry-After", ""), self._clock.now()))
        if status in _MOVED:
            raise self._moved(request, response)
        said = f": {_one_line(body.decode(errors='replace'))}" if _is_text(response) and body else ""
        if status == 404:
            raise NotThere(f"{self._service.name} knows no such thing{said}")
        if status == 400:
            raise Refused(f"{self._service.name} does not accept the request{said}")
        if status != 200:
            raise FetchError(f"{self._service.name} answered {status}{said}")
        kind = response.headers.get("Content-Type", "").split(";")[0].strip().lower()
        if not kind.endswith(media):
            raise FetchError(
                f"{self._service.name} answered with {kind or 'no content type'} instead of {media.upper()}; "
                f"is {self._service.setting} right ({self._base})?"
            )

    def _moved(self, request: httpx.Request, response: httpx.Response) -> Exception:
        try:
            url = request.url.join(response.headers.get("Location", ""))
        except httpx.InvalidURL:
            return FetchError(f"{self._service.name} redirects to an address that is none")
        inside = _origin(url) == _origin(self._base) and url.path.startswith(self._below("/").path)
        if request.method != "GET" or not inside:
            return FetchError(f"{self._service.name} redirects to {_one_line(str(url))}, which is not followed")
        return _Moved(url)


def asked_wait(header: str, now: float) -> float | None:
    """Read Retry-After, seconds or a date (RFC 9110, section 10.2.3), as seconds from `now`; None where it is none."""
    if header.strip().isascii() and header.strip().isdigit():
        return float(header)
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - now)
    except (ValueError, TypeError, OverflowError):
        return None


def _base(service: Service) -> httpx.URL:
    try:
        url = httpx.URL(service.url)
    except httpx.InvalidURL:
        url = httpx.URL("")
    if url.scheme not in {"http", "https"} or not url.host or url.query or url.fragment:
        raise FetchError(f"{service.setting} is '{service.url}', which is no http or https address")
    return url


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _accept(media: str) -> dict[str, str]:
    return {"Accept": f"application/{media}, text/{media};q=0.9"}


def _is_text(response: httpx.Response) -> bool:
    return bool(response.headers.get("Content-Type", "").startswith(("text/plain", "application/json")))


def _one_line(text: str) -> str:
    text = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return text if len(text) <= 200 else text[:199] + "…"
