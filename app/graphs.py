"""RDF that is loaded as it is: the graphs of a file take the place of the graphs of those names.

    file --parse--> graphs of triples --gate--> store, one generation a run

A file of triples is one graph, named by the file; a file of quads brings its own names. Graphs that many sources share
(links, provenance) are not replaced as a whole: what they say about a subject of the file is. Each graph passes the
same gate as those of the loaders, and one that does not is quarantined, as theirs are.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path, PurePath
from time import perf_counter
from typing import Any, NamedTuple

import pyoxigraph as ox

from app.description import describe
from app.intake import Outcome, Summary
from app.manifest import Manifest
from app.resources import ontology_triples
from app.store.base import Change, ReplaceGraph, ReplaceSubjects
from app.store.opening import open_writer
from app.store.quarantine import Quarantine, Rejected
from app.validation.graphs import SharedGraphs, n_triples, role_of
from loaders.documents import Document
from loaders.emit import ONTOLOGY_GRAPH, PROVENANCE_GRAPH
from loaders.errors import SourceError
from loaders.gate import Report
from loaders.link.identifiers import BASE
from loaders.pipeline import LOADER_VERSION
from loaders.terms import PREFIXES, XSD, literal

__all__ = ["load_graphs"]

_Triples = Sequence[ox.Triple]

_SUFFIXES = {
    ".ttl": ox.RdfFormat.TURTLE,
    ".nt": ox.RdfFormat.N_TRIPLES,
    ".nq": ox.RdfFormat.N_QUADS,
    ".trig": ox.RdfFormat.TRIG,
    ".rdf": ox.RdfFormat.RDF_XML,
    ".owl": ox.RdfFormat.RDF_XML,
    ".xml": ox.RdfFormat.RDF_XML,
    ".jsonld": ox.RdfFormat.JSON_LD,
    ".json": ox.RdfFormat.JSON_LD,
}
_PACKED = (".gz", ".zip")
_PROV = PREFIXES["prov"]
_TYPE = PREFIXES["rdf"] + "type"
_TW = PREFIXES["tw"]


def load_graphs(
    data: Path,
    found: Iterable[Document | SourceError],
    progress: Callable[[Outcome], None] = lambda outcome: None,
) -> Summary:
    """Load files of RDF into a data directory and publish them as one generation, if anything changed.

    Blank nodes get IRIs of their own (RDF 1.1 Concepts, section 3.5). Raises StoreError: then nothing is visible.
    """
    summary, started = Summary(), perf_counter()
    with open_writer(data) as store, Manifest(data, "rdf") as manifest:
        quarantine, changed = Quarantine(data), False
        for document in found:
            outcomes = []
            for outcome, changes, origin in _taken(document, quarantine):
                if store.apply(changes):
                    store.apply(origin)
                    changed = True
                elif outcome.status == "loaded":
                    outcome = Outcome(outcome.document, "unchanged", graph=outcome.graph)
                outcomes.append(outcome)
                summary.add(outcome)
                progress(outcome)
            manifest.add(document, (outcome.status for outcome in outcomes))
        if changed:
            store.apply([ReplaceGraph(ONTOLOGY_GRAPH, ontology_triples())])
            describe(store, written=1, graphs=1)
        summary.generation = store.publish() if changed else store.generation
        summary.seconds = {"total": perf_counter() - started}
        manifest.finish(summary.counts, summary.seconds, summary.generation, LOADER_VERSION)
    return summary


class _Taken(NamedTuple):
    """What becomes of a graph, the changes that bring it in, and, if they change anything, those that say whence."""

    outcome: Outcome
    changes: Sequence[Change] = ()
    origin: Sequence[Change] = ()


def _taken(document: Document | SourceError, quarantine: Quarantine) -> Iterator[_Taken]:
    try:
        if isinstance(document, SourceError):
            raise document
        graphs = _graphs(document)
    except SourceError as error:
        yield _Taken(Outcome(error.source, "unreadable", messages=(str(error),)))
        return
    if not graphs:
        yield _Taken(Outcome(document.name, "ignored", messages=(f"{document.name}: holds no triple",)))
    shared = SharedGraphs(
        triple for graph, triples in graphs.items() if role_of(graph) == "shared" for triple in triples
    )
    for graph, triples in graphs.items():
        match role_of(graph):
            case "own":
                yield _Taken(Outcome(document.name, "ignored", graph=graph))
            case "findings":
                yield _Taken(_loaded(document, graph, triples), [ReplaceGraph(graph, n_triples(triples))])
            case "shared":
                subjects = tuple(dict.fromkeys(_iri(triple.subject) for triple in triples))
                change = ReplaceSubjects(graph, subjects, n_triples(triples))
                yield _Taken(_loaded(document, graph, triples), [change])
            case "source":
                yield _judged(document, graph, triples, shared, quarantine)


def _judged(document: Document, graph: str, content: _Triples, shared: SharedGraphs, quarantine: Quarantine) -> _Taken:
    """Let the gate see a graph together with what the file says of it in the graphs that many share."""
    triples = n_triples(content)
    report = shared.judged(graph, triples) or Report()
    findings = report.triples(f"{graph}#report")
    messages = tuple(f"{document.name}: {line}" for line in report.lines())
    if not report.conforms:
        rejected = Rejected(graph, graph, document.name, _now(), messages)
        quarantine.put(rejected, _quads(triples, graph) + _quads(findings, f"{graph}/report"))
        outcome = Outcome(document.name, "quarantined", graph=graph, messages=messages)
        return _Taken(outcome, [ReplaceGraph(f"{graph}/report", findings)])
    quarantine.remove(graph)
    origin = ReplaceSubjects(PROVENANCE_GRAPH, (graph, f"{graph}#load"), _origin(document, graph))
    return _Taken(
        _loaded(document, graph, content, messages),
        [ReplaceGraph(graph, triples), ReplaceGraph(f"{graph}/report", findings)],
        () if shared.provenance(graph) else (origin,),
    )


def _loaded(document: Document, graph: str, triples: _Triples, messages: tuple[str, ...] = ()) -> Outcome:
    return Outcome(document.name, "loaded", graph=graph, triples=len(triples), messages=messages)


def _graphs(document: Document) -> dict[str, _Triples]:
    """Parse a file. Raises SourceError."""
    path = PurePath(document.name)
    suffix = next((s for s in reversed(path.suffixes) if s.lower() not in _PACKED), "").lower()
    if suffix not in _SUFFIXES:
        known = ", ".join(_SUFFIXES)
        raise SourceError(document.name, f"has a name that does not tell which RDF it holds; let it end in {known}")
    form = _SUFFIXES[suffix]
    if form == ox.RdfFormat.RDF_XML and b"<!DOCTYPE" in document.data:
        raise SourceError(document.name, "has a DOCTYPE, whose entities could be anything; take it out")
    own = f"{BASE}graph/rdf/{re.sub(r'[^A-Za-z0-9._-]+', '-', path.name.removesuffix(suffix)) or 'unnamed'}"
    genid = f"{BASE}.well-known/genid/{sha256(document.data).hexdigest()[:16]}-"
    names: dict[str, str] = {}

    def named(term: Any) -> Any:
        if isinstance(term, ox.BlankNode):
            # Numbered as they come, so that the same bytes give the same names.
            return ox.NamedNode(names.setdefault(term.value, f"{genid}{len(names) + 1}"))
        if isinstance(term, ox.Triple):
            return ox.Triple(named(term.subject), term.predicate, named(term.object))
        return term

    graphs: dict[str, dict[ox.Triple, None]] = defaultdict(dict)
    try:
        for quad in ox.parse(document.data, format=form, base_iri=own):
            graph = named(quad.graph_name)
            triple = ox.Triple(named(quad.subject), quad.predicate, named(quad.object))
            graphs[own if isinstance(graph, ox.DefaultGraph) else graph.value][triple] = None
    except SyntaxError as error:
        raise SourceError(document.name, f"is not {form.name}: {error}") from error
    return {graph: list(triples) for graph, triples in graphs.items()}


def _origin(document: Document, graph: str) -> bytes:
    """Say which file a graph came from, where the file does not say itself where it comes from (N-Triples)."""
    digest, load = sha256(document.data).hexdigest(), f"{graph}#load"
    return (
        f"<{graph}> <{_PROV}wasDerivedFrom> <{BASE}document/sha256-{digest}> .\n"
        f"<{graph}> <{_PROV}wasGeneratedBy> <{load}> .\n"
        f"<{graph}> <{_TW}contentSha256> {literal(digest)} .\n"
        f"<{graph}> <{_TW}loaderVersion> {literal(LOADER_VERSION)} .\n"
        f"<{load}> <{_TYPE}> <{_PROV}Activity> .\n"
        f"<{load}> <{_PROV}endedAtTime> {literal(_now())}^^<{XSD}dateTime> .\n"
    ).encode()


def _quads(triples: bytes, graph: str) -> bytes:
    return triples.replace(b" .\n", f" <{graph}> .\n".encode())


def _iri(term: Any) -> str:
    return str(term.value) if isinstance(term, ox.NamedNode) else ""


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
