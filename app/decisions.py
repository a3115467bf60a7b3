"""What people have decided about study links: read from the store, and kept against every later load.

A link that a person has accepted or rejected belongs to that person: it names no source, and a source or a rule that
proposes the same link again does not change it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from app.store.base import Store
from loaders.emit import LINKS_GRAPH, PROVENANCE_GRAPH, Emission, study_iri

__all__ = ["accepted", "without_decided"]


def accepted(store: Store) -> Iterator[tuple[str, str]]:
    """Yield the identities that people have accepted: the key that was linked, and the key it is now stored under."""
    for row in store.rows(_ACCEPTED):
        yield row["source"].removeprefix(study_iri("")), row.get("now", row["target"]).removeprefix(study_iri(""))


def without_decided(store: Store, emission: Emission, former: Iterable[str] = ()) -> Emission:
    """Return an emission without the links that a person has decided about.

    `former` are the keys that the study is about to lose, under which decisions may still be stored.
    """
    studies = [emission.study, *map(study_iri, former)]
    decided = {
        link
        for link in emission.link_subjects
        if link.startswith(f"{emission.study}/link/")
        and any(_is_decided(store, study + link.removeprefix(emission.study)) for study in studies)
    }
    if not decided:
        return emission
    lines = emission.links.splitlines(keepends=True)
    starts = tuple(f"<{link}> ".encode() for link in decided)
    return replace(
        emission,
        links=b"".join(line for line in lines if not line.startswith(starts)),
        link_subjects=tuple(link for link in emission.link_subjects if link not in decided),
    )


def _is_decided(store: Store, link: str) -> bool:
    return any(True for _ in store.rows(_DECIDED, {"link": link}))


# What a source claims to be decided is still that source's claim: it names the graph it comes from.
_DECIDED = f"""
PREFIX prov: <http://www.w3.org/ns/prov#>
PREFIX tw: <https://w3id.org/trialweave/ontology#>
PREFIX twv: <https://w3id.org/trialweave/value/>
SELECT ?link ?status WHERE {{
  VALUES ?status {{ twv:LinkStatus-ACCEPTED twv:LinkStatus-REJECTED }}
  GRAPH <{LINKS_GRAPH}> {{
    ?link tw:linkStatus ?status
    FILTER NOT EXISTS {{ ?link prov:wasDerivedFrom ?graph }}
  }}
}}
"""
_ACCEPTED = f"""
PREFIX dcterms: <http://purl.org/dc/terms/>
PREFIX prov: <http://www.w3.org/ns/prov#>
PREFIX tw: <https://w3id.org/trialweave/ontology#>
PREFIX twv: <https://w3id.org/trialweave/value/>
SELECT ?source ?target ?now WHERE {{
  GRAPH <{LINKS_GRAPH}> {{
    ?link tw:linkStatus twv:LinkStatus-ACCEPTED ; tw:linkSource ?source ; tw:linkTarget ?target .
    FILTER NOT EXISTS {{ ?link prov:wasDerivedFrom ?graph }}
  }}
  OPTIONAL {{ GRAPH <{PROVENANCE_GRAPH}> {{ ?target dcterms:isReplacedBy ?now }} }}
}} ORDER BY ?source
"""
