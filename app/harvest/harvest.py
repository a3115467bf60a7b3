"""A harvest: what the store names is asked for at an endpoint, batch by batch, and what comes back is published.

    identifiers of the store --batches--> endpoint --checked--> progress on disk --one generation--> links, or MeSH

The writer's lock is only taken at the end, so loads go on meanwhile; what the store has lost by then gets no link.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from app.description import describe
from app.errors import BadRequest, ServiceFailed
from app.federation.client import Overloaded
from app.harvest.endpoint import Endpoint, Row
from app.harvest.identifiers import IDENTIFIERS, Identifiers, unambiguous
from app.harvest.matches import replace_matches
from app.harvest.progress import Found, Progress
from app.harvest.terms import MeshTerms
from app.settings import Settings
from app.store.base import Change, ReplaceGraph, ReplaceSubjects, Store
from app.store.opening import Reader, Writer, open_reader, open_writer
from loaders.emit import PROVENANCE_GRAPH
from loaders.fetch.http import Clock
from loaders.link.identifiers import BASE
from loaders.link.matches import emit_harvest, harvest_iri
from loaders.readers.mesh import MESH_GRAPH
from loaders.terms import iri, types

__all__ = ["KINDS", "Harvested", "harvest"]

MESH_TERMS = "mesh-terms"
KINDS = (*IDENTIFIERS, MESH_TERMS)
"""What can be harvested."""

_MESH_LOAD = f"{BASE}graph/mesh#load"
_CUT = 100
"""Endpoints that cut their answers do it at round numbers."""


@dataclass(slots=True)
class Harvested:
    """What a harvest came to.

    `asked` counts identifiers, `resumed` those of them that had been answered before it was interrupted. `links` counts
    what is stored: matches, or triples of MeSH. `ambiguous` matches are left out, and `unusable` are rows of this run
    that are no answer to what was asked.
    """

    endpoint: str
    kind: str
    asked: int = 0
    resumed: int = 0
    links: int = 0
    ambiguous: int = 0
    unusable: int = 0
    generation: int = 0

    def line(self) -> str:
        """Return the harvest in one line."""
        stored = "triples of MeSH" if self.kind == MESH_TERMS else "link" if self.links == 1 else "links"
        parts = [f"{self.kind}: {self.asked:,} asked of {self.endpoint}"]
        if self.resumed:
            parts[0] += f" ({self.resumed:,} before)"
        parts.append(f"{self.links:,} {stored}")
        if self.ambiguous:
            parts.append(f"{self.ambiguous:,} ambiguous and left out")
        if self.unusable:
            parts.append(f"{self.unusable:,} rows not usable")
        return f"{', '.join(parts)}; generation {self.generation} is current."


class _Question(Protocol):
    def query(self, names: Iterable[str], /) -> str: ...
    def found(self, asked: Sequence[str], rows: Iterable[Row], /) -> tuple[list[Found], int]: ...
    def is_whole(self, asked: Sequence[str], found: Iterable[Found], /) -> bool: ...


def harvest(
    settings: Settings,
    url: str,
    kind: str,
    talk: Callable[[str], None] = lambda said: None,
    progress: Callable[[int, int], None] = lambda done, of: None,
    clock: Clock | None = None,
) -> Harvested:
    """Harvest one of KINDS from an endpoint into the data directory of the settings, and publish it.

    `talk` hears of waiting, `progress` of how many identifiers are answered and how many there are so far. Raises
    BadRequest, QueryRefused, ServiceFailed and StoreError: what was answered by then is kept for the next time.
    """
    endpoint = Endpoint(url, settings, talk, clock)
    done = Harvested(endpoint.target.url, kind)
    with Progress(settings.data, harvest_iri(endpoint.target.url, kind).rpartition("#harvest-")[2]) as kept:
        run = _Run(endpoint, kept, settings.harvest_batch, progress, done)
        try:
            if kind == MESH_TERMS:
                run.mesh_terms(settings.data)
            else:
                run.identifiers(settings.data, IDENTIFIERS[kind])
        except ServiceFailed as error:
            if not kept.asked:
                raise
            known = f"What it has said of {len(kept.asked):,} identifiers is kept: the same command goes on from there."
            raise type(error)(f"{error.message} {known}") from None
        kept.finish()
    return done


class _Run:
    """One harvest while it is under way."""

    def __init__(
        self,
        endpoint: Endpoint,
        kept: Progress,
        batch: int,
        progress: Callable[[int, int], None],
        done: Harvested,
    ) -> None:
        self.endpoint = endpoint
        self.kept = kept
        self.batch = batch
        self.progress = progress
        self.done = done
        self.before = frozenset(kept.asked)

    def identifiers(self, data: Path, identifiers: Identifiers) -> None:
        """Ask for all identifiers of a kind that the store has, and link what has them."""
        with open_reader(data) as reader:
            wanted = identifiers.ours(reader)
        self._ask_all(identifiers, wanted)
        self.done.asked, self.done.resumed = len(wanted), len(self.before & wanted.keys())
        url = self.done.endpoint
        iri = harvest_iri(url, identifiers.kind)
        about = emit_harvest(iri, url, f"Harvest of items with a known {identifiers.name} from {url}", _now())
        with open_writer(data) as store:
            matches, self.done.ambiguous = unambiguous(self.kept.found, identifiers.ours(store))
            self.done.links = len(matches)
            changed = replace_matches(store, matches, identifiers.shared, iri)
            self._publish(store, ReplaceSubjects(PROVENANCE_GRAPH, (iri,), about), changed=changed)

    def mesh_terms(self, data: Path) -> None:
        """Ask for the concepts of MeSH that the store names, and for all that is above them."""
        terms = MeshTerms()
        with open_reader(data) as reader:
            _refuse_where_mesh_is_loaded(reader)
            names = set(IDENTIFIERS["mesh"].ours(reader))
        while names - self.kept.asked:
            self._ask_all(terms, names)
            names |= terms.mentioned(self.kept.found)
        self.done.asked, self.done.resumed = len(names), len(self.before & names)
        triples = {f"<{s}> <{p}> {o} .\n" for s, p, o in self.kept.found if s.rpartition("/")[2] in names}
        self.done.links = len(triples)
        with open_writer(data) as store:
            _refuse_where_mesh_is_loaded(store)
            changed = store.apply([ReplaceGraph(MESH_GRAPH, "".join(sorted(triples)).encode())])
            about = _about_mesh(self.done.endpoint)
            self._publish(store, ReplaceSubjects(PROVENANCE_GRAPH, (MESH_GRAPH, _MESH_LOAD), about), changed=changed)

    def _ask_all(self, question: _Question, names: Iterable[str]) -> None:
        wanted = sorted(set(names) - self.kept.asked)
        known = len(self.kept.asked)
        for start in range(0, len(wanted), self.batch):
            self.progress(known + start, known + len(wanted))
            batch = wanted[start : start + self.batch]
            self.kept.add(batch, self._answer(question, batch))

    def _answer(self, question: _Question, names: Sequence[str]) -> list[Found]:
        """Ask for a batch; where the answer does not fit or may have been cut, for its halves."""
        try:
            rows = self.endpoint.ask(question.query(names))
            found, unusable = question.found(names, rows)
            if not rows or len(rows) % _CUT or question.is_whole(names, found):
                self.done.unusable += unusable
                return found
            problem = f"The endpoint {self.done.endpoint} may have cut its answer about {names[0]} short."
        except Overloaded as error:
            problem = error.message
        if len(names) == 1:
            raise ServiceFailed(problem)
        half = len(names) // 2
        return [*self._answer(question, names[:half]), *self._answer(question, names[half:])]

    def _publish(self, store: Writer, about: Change, *, changed: bool) -> None:
        """Publish what has changed, with where it is from; the same again is no new generation."""
        self.done.generation = store.info().generation
        if changed:
            store.apply([about])
            describe(store, written=1, graphs=1)
            self.done.generation = store.publish()


def _refuse_where_mesh_is_loaded(store: Store | Reader) -> None:
    if any(True for _ in store.rows(_LOADED)):
        raise BadRequest(
            f"MeSH is loaded here, in <{MESH_GRAPH}>, with the labels and the hierarchy of all its concepts: there is "
            "nothing to harvest."
        )


def _about_mesh(endpoint: str) -> bytes:
    pairs = (*types("tw:VocabularyGraph"), f"{iri('prov:wasGeneratedBy')} <{_MESH_LOAD}>")
    graph = "".join(f"<{MESH_GRAPH}> {pair} .\n" for pair in pairs).encode()
    return graph + emit_harvest(_MESH_LOAD, endpoint, f"Harvest of terms of MeSH from {endpoint}", _now())


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


_LOADED = f"""
SELECT ?s WHERE {{
  GRAPH <{MESH_GRAPH}> {{ ?s ?p ?o }}
  FILTER NOT EXISTS {{ GRAPH <{PROVENANCE_GRAPH}> {{ <{_MESH_LOAD}> <http://www.w3.org/ns/prov#used> ?endpoint }} }}
}} LIMIT 1
"""
