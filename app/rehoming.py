"""Re-homing in the store: the facts of a study or a publication move to another key, and the old IRI keeps answering.

A move is due when a shared identifier, or a person, shows that two keys mean one thing. Every graph that mentions the
old IRI is rewritten, its provenance and its report go along, and so do the links that start from it.
"""

from collections.abc import Iterable, Iterator

from app.store.base import Change, Query, ReplaceGraph, ReplaceSubjects, Store
from loaders.catalogue import Catalogue, Identification
from loaders.emit import LINKS_GRAPH, PROVENANCE_GRAPH, emit_alias, study_iri
from loaders.link.identifiers import BASE
from loaders.rehome import rehome

__all__ = ["moves", "statements_about", "triples_of"]


def moves(store: Store, catalogue: Catalogue, identification: Identification, touched: set[str]) -> Iterator[Change]:
    """Yield what brings everything stored under former keys to the key that has been shown to be theirs.

    The catalogue follows while the changes are taken. `touched` are the keys of studies whose sources are to be
    compared anew: the former keys leave it, the new ones join.
    """
    renamed = {study_iri(old): study_iri(new) for old, new in identification.moved_studies.items()} | {
        f"{BASE}publication/{old}": f"{BASE}publication/{new}" for old, new in identification.moved_publications.items()
    }
    if not renamed:
        return
    affected = set(_mentions(store, catalogue, renamed))
    targets = {
        graph: catalogue.move(graph, new)
        for old, new in identification.moved_studies.items()
        for graph in catalogue.graphs_of(old)
    }
    renamed |= targets
    for graph in sorted(affected | set(targets)):
        yield from _move(store, graph, targets.get(graph, graph), renamed)
    for old, new in identification.moved_studies.items():
        yield ReplaceGraph(f"{BASE}graph/{old}/disagreements", b"")
        touched.discard(old)
        touched.add(new)
    for old in renamed:
        if old not in targets:
            yield from _redirect(store, old, renamed)


def triples_of(store: Store, graph: str) -> bytes:
    """Return what a named graph says, as N-Triples."""
    text = "CONSTRUCT { ?s ?p ?o } WHERE { ?s ?p ?o }"
    return store.query(Query(text, graph_type="application/n-triples", default_graphs=(graph,))).body


def statements_about(store: Store, graph: str, subjects: Iterable[str]) -> bytes:
    """Return what a named graph says about some subjects, as N-Triples."""
    prefixes = tuple(f"<{subject}> ".encode() for subject in subjects)
    lines = triples_of(store, graph).splitlines(keepends=True)
    return b"".join(line for line in lines if line.startswith(prefixes))


def _move(store: Store, graph: str, target: str, renamed: dict[str, str]) -> Iterator[Change]:
    for suffix in ("", "/report"):
        triples = rehome(triples_of(store, graph + suffix), renamed)
        if graph != target:
            yield ReplaceGraph(graph + suffix, b"")
        yield ReplaceGraph(target + suffix, triples)
    if graph != target:
        subjects = (graph, f"{graph}#load")
        said = rehome(statements_about(store, PROVENANCE_GRAPH, subjects), renamed)
        yield ReplaceSubjects(PROVENANCE_GRAPH, subjects, said)


def _mentions(store: Store, catalogue: Catalogue, renamed: Iterable[str]) -> Iterator[str]:
    """Yield the assertion graphs in which one of these IRIs, or a part of it, occurs."""
    for iri in renamed:
        for row in store.rows(_MENTIONS, {"iri": iri}):
            if row["g"] in catalogue.graphs:
                yield row["g"]


def _redirect(store: Store, old: str, renamed: dict[str, str]) -> Iterator[Change]:
    """Let a former IRI, and those that led to it before, answer with the new one; take its links along."""
    new = renamed[old]
    for row in store.rows(_ALIASES, {"iri": old}):
        yield ReplaceSubjects(PROVENANCE_GRAPH, (row["alias"],), emit_alias(row["alias"], new))
    yield ReplaceSubjects(PROVENANCE_GRAPH, (old,), emit_alias(old, new))
    links = tuple(row["link"] for row in store.rows(_LINKS, {"iri": old}))
    if links:
        yield ReplaceSubjects(LINKS_GRAPH, links, rehome(statements_about(store, LINKS_GRAPH, links), renamed))


_MENTIONS = "SELECT DISTINCT ?iri ?g WHERE { GRAPH ?g { { ?iri ?p ?o } UNION { ?s ?q ?iri } } }"
_ALIASES = f"""
SELECT ?iri ?alias WHERE {{ GRAPH <{PROVENANCE_GRAPH}> {{ ?alias <http://purl.org/dc/terms/isReplacedBy> ?iri }} }}
"""
_LINKS = f"""
PREFIX tw: <https://w3id.org/trialweave/ontology#>
PREFIX skos: <http://www.w3.org/2004/02/skos/core#>
SELECT DISTINCT ?iri ?link WHERE {{ GRAPH <{LINKS_GRAPH}> {{
  {{ ?link tw:linkSource ?iri }} UNION {{ ?iri skos:exactMatch ?other BIND (?iri AS ?link) }}
}} }}
"""
