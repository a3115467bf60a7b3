"""ClinicalTrials.gov, API version 2: single studies, and searches page by page.

A search is one picture of the registry: the version of its data (`/version`, dataTimestamp) is asked before the first
and after the last page, and when it has changed, the search starts again. Pages are kept by that version, so a search
that was stopped goes on at the page it was at, unless the registry has moved on since.
"""

import io
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from loaders.documents import Document
from loaders.errors import SourceError
from loaders.fetch.cache import DAY, Cache
from loaders.fetch.http import Client, FetchError, Incomplete, NotThere, Refused
from loaders.pieces import pieces

__all__ = ["PAGE_SIZE", "QUERY_PARAMETERS", "RESTARTS", "ClinicalTrials"]

PAGE_SIZE = 1000
"""Studies a page: the most that the API gives."""

RESTARTS = 3
"""How often a search starts again because the registry's data changed. It changes about once a working day."""

_MOST_PAGES = 10_000
_AREAS = ("cond", "term", "locn", "titles", "intr", "outc", "spons", "lead", "id", "patient")
_FILTERS = ("filter.overallStatus", "filter.geo", "filter.ids", "filter.advanced", "filter.synonyms", "aggFilters")

QUERY_PARAMETERS: Mapping[str, str] = (
    {area: f"query.{area}" for area in _AREAS}
    | {f"query.{area}": f"query.{area}" for area in _AREAS}
    | {name: name for name in _FILTERS}
)
"""The parameters of a search (API, `/studies`) by the names that users may give them."""


class _Changed(Exception):
    """The registry's data changed while a search was under way."""


class ClinicalTrials:
    """The registry, behind a client and a cache. `progress` is told how far a search has come."""

    def __init__(self, client: Client, cache: Cache, progress: Callable[[str], None]) -> None:
        self._client = client
        self._cache = cache
        self._progress = progress

    def study(self, nct: str) -> Iterator[Document | SourceError]:
        """Yield one study's record. An id that the registry has merged into another gives the other's record."""
        request = {"study": nct}
        try:
            record = self._cache.get("ctgov/studies", request, max_age=DAY)
            if record is None:
                self._progress(f"ClinicalTrials.gov: {nct}")
                record, _ = self._client.get(f"/studies/{nct}", {"format": "json"}, "json", _study)
                self._cache.put("ctgov/studies", request, record)
            yield Document(nct, record)
        except NotThere:
            yield SourceError(nct, "ClinicalTrials.gov has no study with this id")
        except FetchError as error:
            yield SourceError(nct, f"was not fetched: {error}")

    def search(self, query: Mapping[str, str]) -> Iterator[Document | SourceError]:
        """Yield the pages of a search, once all of them are here."""
        name = "&".join(f"{parameter}={value}" for parameter, value in query.items())
        try:
            shelf, requests = self._settled(query)
        except FetchError as error:
            yield SourceError(name, f"was not fetched: {error}")
            return
        for number, request in enumerate(requests, 1):
            page = self._cache.get(shelf, request)
            if page is None:
                yield SourceError(f"{name}, page {number}", "is gone from the cache folder; load the query again")
            else:
                yield from pieces(f"{name}, page {number}", io.BytesIO(page))

    def _settled(self, query: Mapping[str, str]) -> tuple[str, list[dict[str, str]]]:
        """Bring all pages of one version into the cache; return its shelf and their requests. Raises FetchError."""
        for _ in range(RESTARTS + 1):
            version = self._version()
            shelf = f"ctgov/pages/{''.join(letter if letter.isalnum() else '-' for letter in version)}"
            self._cache.keep_only(shelf)
            try:
                requests = list(self._pages(query, shelf))
            except _Changed:
                self._cache.clear(shelf)
                continue
            if self._version() == version:
                return shelf, requests
            self._progress("ClinicalTrials.gov has published new data; starting again")
        raise FetchError(
            f"ClinicalTrials.gov published new data during each of {RESTARTS + 1} attempts, so no set of pages "
            "belongs together; try again later"
        )

    def _pages(self, query: Mapping[str, str], shelf: str) -> Iterator[dict[str, str]]:
        first = {**query, "format": "json", "pageSize": str(PAGE_SIZE), "countTotal": "true"}
        request, seen, studies, total = first, set[str](), 0, ""
        for _ in range(_MOST_PAGES):
            page = self._page(request, shelf)
            yield request
            studies += len(page["studies"])
            total = total or (f" of {page['totalCount']:,}" if isinstance(page.get("totalCount"), int) else "")
            self._progress(f"ClinicalTrials.gov: {studies:,}{total} studies")
            token = page.get("nextPageToken")
            if not token:
                return
            if token in seen:
                break
            seen.add(token)
            request = {**first, "pageToken": token}
            del request["countTotal"]
        raise FetchError("ClinicalTrials.gov gives pages without end")

    def _page(self, request: dict[str, str], shelf: str) -> dict[str, Any]:
        kept = self._cache.get(shelf, request)
        if kept is not None:
            try:
                return _studies(kept)
            except Incomplete:
                pass  # Somebody else has written to the cache folder: ask again.
        try:
            data, page = self._client.get("/studies", request, "json", _studies)
        except Refused as error:
            # The first page was accepted with the same query, so it is the token that no longer holds.
            if "pageToken" in request:
                raise _Changed from error
            raise
        self._cache.put(shelf, request, data)
        return page

    def _version(self) -> str:
        return self._client.get("/version", {}, "json", _timestamp)[1]


def _json(data: bytes) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Incomplete(str(error)) from None
    if not isinstance(value, dict):
        raise Incomplete("no JSON object")
    return value


def _study(data: bytes) -> None:
    if "protocolSection" not in _json(data):
        raise Incomplete("protocolSection is missing")


def _studies(data: bytes) -> dict[str, Any]:
    page = _json(data)
    if not isinstance(page.get("studies"), list) or not isinstance(page.get("nextPageToken", ""), str):
        raise Incomplete("studies are missing")
    return page


def _timestamp(data: bytes) -> str:
    timestamp = _json(data).get("dataTimestamp")
    if not isinstance(timestamp, str) or not timestamp:
        raise Incomplete("dataTimestamp is missing")
    return timestamp
