"""What people have decided about study links: read from the store, and kept against every later load.

A link that a person has accepted or rejected belongs to that person: it names no source, and a source or a rule that
proposes the same link again does not change it.
"""

from collections.abc import Iterator
from dataclasses import replace

from app.store.embedded import EmbeddedReader, EmbeddedStore
from loaders.emit import LINKS_GRAPH, PROVENANCE_GRAPH, Emission, study_iri

__all__ = ["Decisions"]


class Decisions:
    """The accepted and rejected study links of a store, as they were when this was made."""

    def __init__(self, store: EmbeddedStore | EmbeddedReader) -> None:
        rows = list(store.rows(_DECIDED))
        self._status = {row["link"]: row["status"].rpartition("-")[2] for row in rows}
        self._ends = {row["link"]: (row["source"], row.get("now", row["target"])) for row in rows}

    def accepted(self) -> Iterator[tuple[str, str]]:
        """Yield the accepted identities: the key of the study that was linked, and the key it is now stored under."""
        for link, (source, target) in sorted(self._ends.items()):
            if self._status[link] == "ACCEPTED":
                yield source.removeprefix(study_iri("")), target.removeprefix(study_iri(""))

    def covers(self, link: str) -> bool:
        """Say whether a person has decided about the link with this IRI."""
        return link in self._status

    def kept(self, emission: Emission) -> Emission:
        """Return an emission without the links that a person has decided about."""
        decided = tuple(f"<{link}> ".encode() for link in emission.link_subjects if self.covers(link))
        if not decided:
            return emission
        lines = emission.links.splitlines(keepends=True)
        return replace(
            emission,
            links=b"".join(line for line in lines if not line.startswith(decided)),
            link_subjects=tuple(link for link in emission.link_subjects if not self.covers(link)),
        )


_DECIDED = f"""
PREFIX dcterms: <http://purl.org/dc/terms/>
PREFIX tw: <https://w3id.org/trialweave/ontology#>
PREFIX twv: <https://w3id.org/trialweave/value/>
SELECT ?link ?status ?source ?target ?now WHERE {{
  VALUES ?status {{ twv:LinkStatus-ACCEPTED twv:LinkStatus-REJECTED }}
  GRAPH <{LINKS_GRAPH}> {{
    ?link tw:linkStatus ?status ; tw:linkSource ?source ; tw:linkTarget ?target .
    FILTER NOT EXISTS {{ ?link <http://www.w3.org/ns/prov#wasDerivedFrom> ?graph }}
  }}
  OPTIONAL {{ GRAPH <{PROVENANCE_GRAPH}> {{ ?target dcterms:isReplacedBy ?now }} }}
}}
"""
