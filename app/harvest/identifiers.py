"""What is harvested by an identifier: items of Wikidata, or of an endpoint of its shape, that have one of ours."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from app.harvest.endpoint import Row
from app.harvest.progress import Found
from app.store.base import Store
from app.store.opening import Reader
from loaders.link.identifiers import normal_doi, normal_mesh, normal_nct, normal_pmid
from loaders.link.matches import ExternalMatch
from loaders.readers.mesh import MESH
from loaders.record import SharedIdentifier
from loaders.terms import literal

__all__ = ["IDENTIFIERS", "Identifiers", "unambiguous"]

_ITEM = re.compile(r"http://www\.wikidata\.org/entity/Q[1-9][0-9]{0,11}")
_MESH_PROPERTIES = """
    tw:condition tw:conditionAncestor tw:interventionConcept tw:interventionAncestor tw:linkedConcept tw:meshHeading
    tw:meshMajor tw:publicationType tw:chemical tw:supplementaryMesh tw:variable1 tw:variable2
"""


def _mesh_id(iri: str) -> str | None:
    """Return the id in an IRI of MeSH, or one by itself; None for what stands for something else than a record."""
    return normal_mesh(iri.removeprefix(MESH))


def _doi_spellings(doi: str) -> tuple[str, ...]:
    """Wikidata keeps DOIs in capitals; who copied them elsewhere may not have."""
    return tuple(dict.fromkeys((doi.upper(), doi)))


@dataclass(frozen=True)
class Identifiers:
    """A kind of identifier: `property` is Wikidata's, `pattern` finds ours, `normal` tells what is one."""

    kind: str
    name: str
    shared: SharedIdentifier
    property: str
    pattern: str
    normal: Callable[[str], str | None]
    spellings: Callable[[str], tuple[str, ...]] = lambda identifier: (identifier,)

    def ours(self, store: Store | Reader) -> dict[str, set[str]]:
        """Return the identifiers that the store has, each with the IRIs of what it stands for."""
        found: dict[str, set[str]] = defaultdict(set)
        for row in store.rows(f"{_PREFIXES} SELECT DISTINCT ?resource ?id WHERE {{ {self.pattern} }}"):
            if identifier := self.normal(row.get("id", row["resource"])):
                found[identifier].add(row["resource"])
        return dict(found)

    def query(self, identifiers: Iterable[str]) -> str:
        """Return the question for a batch. Identifiers are in their normal form, and escaped all the same."""
        values = " ".join(literal(each) for identifier in identifiers for each in self.spellings(identifier))
        return (
            "PREFIX wdt: <http://www.wikidata.org/prop/direct/>\n"
            f"SELECT DISTINCT ?id ?item WHERE {{ VALUES ?id {{ {values} }} ?item wdt:{self.property} ?id }}"
        )

    def found(self, asked: Sequence[str], rows: Iterable[Row]) -> tuple[list[Found], int]:
        """Return pairs of an identifier and an item, and the number of rows that are none, or were not asked for."""
        wanted, pairs, unusable = set(asked), dict[Found, None](), 0
        for row in rows:
            if pair := self._pair(row, wanted):
                pairs[pair] = None
            else:
                unusable += 1
        return list(pairs), unusable

    def is_whole(self, asked: Sequence[str], found: Iterable[Found]) -> bool:
        """Say whether an answer that may have been cut has all the same what was asked for."""
        return {pair[0] for pair in found} == set(asked)

    def _pair(self, row: Row, wanted: set[str]) -> tuple[str, str] | None:
        identifier, item = row.get("id"), row.get("item")
        if identifier is None or item is None or (identifier.kind, item.kind) != ("literal", "uri"):
            return None
        normal = self.normal(identifier.value)
        return (normal, item.value) if normal in wanted and normal and _ITEM.fullmatch(item.value) else None


def unambiguous(found: Iterable[Found], ours: Mapping[str, set[str]]) -> tuple[list[ExternalMatch], int]:
    """Return the matches of which both ends have no other one, and the number of the rest.

    A resource with two items, or an item with two resources, would make two things one that the sources keep apart.
    """
    pairs = {ExternalMatch(resource, item) for identifier, item in found for resource in ours.get(identifier, ())}
    by_resource, by_item = _counted(each.resource for each in pairs), _counted(each.external for each in pairs)
    single = sorted(each for each in pairs if by_resource[each.resource] == 1 == by_item[each.external])
    return single, len(pairs) - len(single)


def _counted(names: Iterator[str]) -> dict[str, int]:
    numbers: dict[str, int] = defaultdict(int)
    for name in names:
        numbers[name] += 1
    return numbers


_PREFIXES = "PREFIX dcterms: <http://purl.org/dc/terms/> PREFIX tw: <https://w3id.org/trialweave/ontology#>"
IDENTIFIERS = {
    each.kind: each
    for each in (
        Identifiers("nct", "NCT id", "NCT_ID", "P3098", "?resource a tw:Study ; dcterms:identifier ?id", normal_nct),
        Identifiers("pmid", "PubMed id", "PMID", "P698", "?resource tw:pmid ?id", normal_pmid),
        Identifiers("doi", "DOI", "DOI", "P356", "?resource tw:doi ?id", normal_doi, _doi_spellings),
        Identifiers(
            "mesh",
            "MeSH id",
            "MESH_ID",
            "P486",
            f"VALUES ?property {{ {_MESH_PROPERTIES} }} ?any ?property ?resource",
            _mesh_id,
        ),
    )
}
