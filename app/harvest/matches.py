"""Matches in the store: those of one harvest take the place of those that the same harvest brought before."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from app.store.base import Change, Query, ReplaceSubjects, Store
from loaders.emit import LINKS_GRAPH
from loaders.link.matches import ExternalMatch, emit_match, exact_match, match_iri
from loaders.record import SharedIdentifier

__all__ = ["replace_matches"]

_AT_ONCE = 1_000
"""Resources changed at a time: all of a registry at once would have to be held in memory."""


def replace_matches(store: Store, matches: Iterable[ExternalMatch], shared: SharedIdentifier, harvest: str) -> bool:
    """Store the matches of a harvest and nothing else of it, and say whether the store is any different now.

    A link that another harvest brought too stays; so does everything else in the graph of links.
    """
    wanted: dict[str, list[ExternalMatch]] = {}
    for match in matches:
        wanted.setdefault(match.resource, []).append(match)
    former: dict[str, list[tuple[str, ExternalMatch]]] = {}
    for row in store.rows(_CLAIMS, {"harvest": harvest}):
        claim = row["claim"], ExternalMatch(row["resource"], row["external"])
        former.setdefault(row["resource"], []).append(claim)
    changed = False
    resources = iter(sorted({*wanted, *former}))
    while part := list(islice(resources, _AT_ONCE)):
        comes = [match for resource in part for match in wanted.get(resource, ())]
        goes = [claim for resource in part for claim in former.get(resource, ())]
        changed |= store.apply(list(_changes(store, part, comes, goes, shared, harvest)))
    return changed


def _changes(
    store: Store,
    resources: Sequence[str],
    comes: Sequence[ExternalMatch],
    goes: Sequence[tuple[str, ExternalMatch]],
    shared: SharedIdentifier,
    harvest: str,
) -> Iterator[Change]:
    """Yield the change of the claims, and that of the links, which stand among whatever else is said of a resource."""
    claims = {*(claim for claim, _ in goes), *(match_iri(match, harvest) for match in comes)}
    about = b"".join(emit_match(match, shared, harvest) for match in comes)
    yield ReplaceSubjects(LINKS_GRAPH, tuple(sorted(claims)), about)
    # The IRIs come from the store, where nothing that could end an IRI gets in.
    values = " ".join(f"<{resource}>" for resource in resources)
    said = store.query(Query(_SAID % values, graph_type="application/n-triples")).body
    others = {ExternalMatch(row["resource"], row["external"]) for row in store.rows(_OTHERS % (values, harvest))}
    lines = set(said.splitlines(keepends=True)) - {exact_match(match) for _, match in goes if match not in others}
    lines |= {exact_match(match) for match in comes}
    yield ReplaceSubjects(LINKS_GRAPH, tuple(resources), b"".join(sorted(lines)))


_PREFIXES = """
PREFIX prov: <http://www.w3.org/ns/prov#>
PREFIX tw: <https://w3id.org/trialweave/ontology#>
"""
_CLAIM = "?claim tw:linkSource ?resource ; tw:externalResource ?external ; prov:wasGeneratedBy ?harvest"
_CLAIMS = f"""{_PREFIXES}
SELECT ?harvest ?claim ?resource ?external WHERE {{ GRAPH <{LINKS_GRAPH}> {{ {_CLAIM} }} }}
"""
_SAID = f"CONSTRUCT {{ ?s ?p ?o }} WHERE {{ VALUES ?s {{ %s }} GRAPH <{LINKS_GRAPH}> {{ ?s ?p ?o }} }}"
_OTHERS = f"""{_PREFIXES}
SELECT ?resource ?external WHERE {{
  VALUES ?resource {{ %s }} GRAPH <{LINKS_GRAPH}> {{ {_CLAIM} }} FILTER (?harvest != <%s>)
}}
"""
