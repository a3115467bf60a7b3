"""Documents from the network: studies from ClinicalTrials.gov and articles from PubMed, by identifier or by query.

`Wanted.among` sorts what a user names into files and identifiers; `fetched` yields the documents behind the latter.
Nothing but the two configured base URLs is ever contacted.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from loaders.documents import Document
from loaders.errors import SourceError
from loaders.fetch.cache import Cache
from loaders.fetch.clinicaltrials import QUERY_PARAMETERS, ClinicalTrials
from loaders.fetch.http import Client, Clock, FetchError, Service
from loaders.fetch.pubmed import PubMed
from loaders.link.identifiers import normal_nct, normal_pmid

__all__ = ["Network", "Wanted", "fetched", "parse_query"]

PUBMED = "pubmed"
"""The name of the query parameter whose value is a PubMed search, in PubMed's own syntax."""

NCBI_RATE = 3.0
"""Requests a second that NCBI allows to callers without an API key, and with one (NLM, KA-05317)."""
NCBI_RATE_WITH_KEY = 10.0

Found = Iterator[Document | SourceError]
Progress = Callable[[str], None]

# An & inside a value, as in "A & B", does not start a parameter: only one before a name and an equals sign does.
_NEXT_PARAMETER = re.compile(r"&(?=[A-Za-z.]+=)")


@dataclass(frozen=True, slots=True)
class Network:
    """Where to fetch from and how. Rates are requests a second, `cache` the folder that answers are kept in."""

    ctgov_url: str
    ctgov_rate: float
    ncbi_url: str
    cache: Path
    ncbi_api_key: str | None = None
    contact: str | None = None
    refresh: bool = False
    clock: Clock = field(default_factory=Clock)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be fetched: studies by NCT id, articles by PubMed id, and queries as (parameter, value) pairs."""

    ncts: tuple[str, ...] = ()
    pmids: tuple[str, ...] = ()
    queries: tuple[tuple[tuple[str, str], ...], ...] = ()

    @classmethod
    def among(cls, sources: Iterable[str], queries: Iterable[str] = ()) -> tuple[list[str], "Wanted"]:
        """Sort out the identifiers among sources; what is a file or folder here is one, whatever it is called.

        Returns the other sources and what is to be fetched. Raises ValueError for a query that is none.
        """
        files: list[str] = []
        ncts: dict[str, None] = {}
        pmids: dict[str, None] = {}
        for source in sources:
            if _exists(source):
                files.append(source)
            elif nct := normal_nct(source):
                ncts[nct] = None
            elif pmid := normal_pmid(re.sub(r"(?i)^PMID:?\s*", "", source)):
                pmids[pmid] = None
            else:
                files.append(source)
        return files, cls(tuple(ncts), tuple(pmids), tuple(map(parse_query, queries)))


def parse_query(text: str) -> tuple[tuple[str, str], ...]:
    """Return the parameters of a query such as `cond=asthma&filter.overallStatus=COMPLETED`, with their full names.

    Values are plain text, not percent-encoded. Raises ValueError with a sentence for the user.

    >>> parse_query("cond=asthma & eczema&intr=x")
    (('query.cond', 'asthma & eczema'), ('query.intr', 'x'))
    """
    name, _, term = text.partition("=")
    if name.strip() == PUBMED:
        if not term.strip():
            raise ValueError(f"'{PUBMED}' has no value; write {PUBMED}=…")
        return ((PUBMED, term.strip()),)
    parameters: dict[str, str] = {}
    for part in _NEXT_PARAMETER.split(text):
        name, equals, value = part.partition("=")
        full = QUERY_PARAMETERS.get(name.strip())
        if name.strip() == PUBMED:
            raise ValueError(f"'{PUBMED}' is a search of its own; give it a --query of its own")
        if full is None:
            known = ", ".join((*QUERY_PARAMETERS, PUBMED))
            raise ValueError(f"'{name.strip()}' is no query parameter; there are {known}")
        if not equals or not value.strip():
            raise ValueError(f"'{name.strip()}' has no value; write {name.strip()}=…")
        if full in parameters:
            raise ValueError(f"'{name.strip()}' is given twice; combine the values with OR or AND")
        parameters[full] = value.strip()
    return tuple(parameters.items())


def fetched(wanted: Wanted, network: Network, progress: Progress = lambda said: None) -> Found:
    """Yield the documents that are wanted, studies first. What cannot be had is a SourceError in its place.

    `progress` is told in a few words how far it has come, and when it waits.
    """
    cache = Cache(network.cache, refresh=network.refresh, clock=network.clock)
    for service, documents in (
        ("ClinicalTrials.gov", _from_registry(wanted, network, cache, progress)),
        ("PubMed", _from_pubmed(wanted, network, cache, progress)),
    ):
        try:
            yield from documents
        except FetchError as error:
            yield SourceError(service, str(error))
        except OSError as error:
            yield SourceError(service, f"needs the cache folder {network.cache}, and it fails: {error.strerror}")


def _from_registry(wanted: Wanted, network: Network, cache: Cache, progress: Progress) -> Found:
    queries = [dict(query) for query in wanted.queries if query[0][0] != PUBMED]
    if not wanted.ncts and not queries:
        return
    with Client(
        Service("ClinicalTrials.gov", network.ctgov_url, "TRIALWEAVE_CTGOV_URL", network.ctgov_rate),
        network.contact,
        network.clock,
        progress,
    ) as client:
        registry = ClinicalTrials(client, cache, progress)
        for nct in wanted.ncts:
            yield from registry.study(nct)
        for query in queries:
            yield from registry.search(query)


def _from_pubmed(wanted: Wanted, network: Network, cache: Cache, progress: Progress) -> Found:
    terms = [query[0][1] for query in wanted.queries if query[0][0] == PUBMED]
    if not wanted.pmids and not terms:
        return
    rate = NCBI_RATE_WITH_KEY if network.ncbi_api_key else NCBI_RATE
    with Client(
        Service("PubMed", network.ncbi_url, "TRIALWEAVE_NCBI_URL", rate), network.contact, network.clock, progress
    ) as client:
        pubmed = PubMed(client, cache, progress, api_key=network.ncbi_api_key, contact=network.contact)
        yield from pubmed.articles(wanted.pmids)
        for term in terms:
            yield from pubmed.search(term)


def _exists(source: str) -> bool:
    try:
        return source == "-" or Path(source).exists()
    except (OSError, ValueError):
        return False
