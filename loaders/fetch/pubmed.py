"""PubMed through NCBI's E-utilities: articles by PubMed id, and searches.

A search is turned into PubMed ids first and the articles are asked for by id, in batches. The history server
(usehistory, WebEnv) is not used: it gives no more than the first 9,999 records either, and it forgets after some hours,
while a batch of ids is the same request tomorrow, so that a stopped run can go on where it was.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

from lxml import etree

from loaders.documents import Document
from loaders.errors import SourceError
from loaders.fetch.cache import DAY, Cache
from loaders.fetch.http import Client, FetchError, Incomplete

__all__ = ["BATCH", "MOST_FOUND", "PubMed"]

BATCH = 200
"""Articles a request. NCBI asks for POST from 200 ids on."""

MOST_FOUND = 9_999
"""Ids that one search gives, however many it finds. A larger search is cut into ranges of PubMed ids."""

_HIGHEST_PMID = 99_999_999
_SHELF = "pubmed"
_T = TypeVar("_T")


class PubMed:
    """PubMed, behind a client and a cache. `progress` is told how far a search has come."""

    def __init__(
        self,
        client: Client,
        cache: Cache,
        progress: Callable[[str], None],
        *,
        api_key: str | None = None,
        contact: str | None = None,
    ) -> None:
        self._client = client
        self._cache = cache
        self._progress = progress
        # NCBI asks who is calling, so that it can write before it blocks (E-utilities help: tool, email, api_key).
        who = {"tool": "trialweave", "email": contact, "api_key": api_key}
        self._who = {name: value for name, value in who.items() if value}

    def articles(self, pmids: Iterable[str]) -> Iterator[Document | SourceError]:
        """Yield the articles with these ids, and a SourceError for each id that PubMed has no article for."""
        yield from self._batches(list(dict.fromkeys(pmids)), _batch_name)

    def search(self, term: str) -> Iterator[Document | SourceError]:
        """Yield the articles that a search in PubMed's own syntax finds."""
        name = f"pubmed={term}"
        try:
            pmids = sorted(self._found(term, 1, _HIGHEST_PMID), key=int)
        except FetchError as error:
            yield SourceError(name, f"was not fetched: {error}")
            return
        yield from self._batches(pmids, lambda batch: f"{name}, PMID {batch[0]} to {batch[-1]}")

    def _found(self, term: str, lowest: int, highest: int) -> list[str]:
        whole = (lowest, highest) == (1, _HIGHEST_PMID)
        within = term if whole else f"({term}) AND {lowest}:{highest}[uid]"
        request = {"db": "pubmed", "term": within, "retmax": str(MOST_FOUND), "retmode": "xml"}
        count, pmids = self._ask("/esearch.fcgi", request, _ids)[1]
        if count <= len(pmids):
            return pmids
        if count <= MOST_FOUND or lowest == highest:
            raise FetchError(f"PubMed says that it found {count:,} articles, but gives {len(pmids):,}")
        middle = (lowest + highest) // 2
        return self._found(term, lowest, middle) + self._found(term, middle + 1, highest)

    def _batches(self, pmids: list[str], name: Callable[[list[str]], str]) -> Iterator[Document | SourceError]:
        for start in range(0, len(pmids), BATCH):
            batch = pmids[start : start + BATCH]
            request = {"db": "pubmed", "rettype": "xml", "retmode": "xml", "id": ",".join(batch)}
            try:
                data, found = self._ask("/efetch.fcgi", request, _articles)
            except FetchError as error:
                yield SourceError(name(batch), f"was not fetched: {error}")
                continue
            self._progress(f"PubMed: {start + len(batch):,} of {len(pmids):,} articles")
            if found:
                yield Document(name(batch), data)
            for pmid in batch:
                if pmid not in found:
                    yield SourceError(pmid, "PubMed has no article with this id")

    def _ask(self, path: str, request: Mapping[str, str], check: Callable[[bytes], _T]) -> tuple[bytes, _T]:
        kept = self._cache.get(_SHELF, request, max_age=DAY)
        if kept is not None:
            try:
                return kept, check(kept)
            except Incomplete:
                pass  # Somebody else has written to the cache folder: ask again.
        data, result = self._client.post(path, {**request, **self._who}, "xml", check)
        self._cache.put(_SHELF, request, data)
        return data, result


def _batch_name(batch: list[str]) -> str:
    return f"PMID {batch[0]}" + (f" and {len(batch) - 1} more" if len(batch) > 1 else "")


def _xml(data: bytes, root: str) -> etree._Element:
    # Answers come from a server that may be any: no entities, no DTD, no network.
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        tree = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise Incomplete(str(error)) from None
    said = tree.findtext(".//ERROR")
    if tree.tag != root or said:
        raise Incomplete(said or f"{tree.tag} instead of {root}")
    return tree


def _ids(data: bytes) -> tuple[int, list[str]]:
    """Return how many articles a search found, and the ids that it gives. Raises Incomplete."""
    tree = _xml(data, "eSearchResult")
    count = tree.findtext("Count") or ""
    if not count.isdecimal():
        raise Incomplete("Count is missing")
    return int(count), [element.text or "" for element in tree.iterfind("IdList/Id")]


def _articles(data: bytes) -> set[str]:
    """Return the ids of the articles and book chapters in an answer. Raises Incomplete."""
    tree = _xml(data, "PubmedArticleSet")
    return {(element.text or "").strip() for element in tree.iterfind("*/*/PMID")}
