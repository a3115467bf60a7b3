"""How much of what a store holds: triples by property, entities by class, and properties by class.

These are counted in full, by queries that the engine answers without reading a single name. What the objects of a
property are needs their names, at five times the cost; so it is looked up for the first entities of each class, which
are in the order of hashes and so as good as drawn by lot, and for the first statements of what none of those has.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from operator import itemgetter
from typing import Literal

from app.store.base import Store
from loaders.emit import LINKS_GRAPH
from loaders.link.identifiers import BASE

__all__ = ["EXACT_MATCH", "LOOKED_AT", "ClassCount", "Counts", "Kind", "LinkCount", "PropertyCount", "count"]

EXACT_MATCH = "http://www.w3.org/2004/02/skos/core#exactMatch"
"""The property of which all statements are looked at: who joins graphs wants to know how many links there are."""

LOOKED_AT = 50
"""Entities of a class whose objects are looked at; a class with no more has exact numbers for all kinds of objects."""
_RARE = 20
"""Statements that are looked at of a property that none of those entities has."""

_SPACES = 1000
"""Kinds of links, by class and by what the IRIs begin with, that are told of: those with the most links."""


@dataclass(frozen=True, slots=True, order=True)
class Kind:
    """What objects are: of a class, of a datatype, or IRIs that begin alike (`space`) and of which nothing is said.

    `triples` is None unless all statements were looked at.
    """

    role: Literal["class", "datatype", "space"]
    iri: str
    triples: int | None


@dataclass(frozen=True, slots=True)
class PropertyCount:
    """The statements with a property that the entities of a class have."""

    iri: str
    triples: int
    kinds: tuple[Kind, ...]


@dataclass(frozen=True, slots=True)
class ClassCount:
    """The entities of a class and the statements about them."""

    iri: str
    entities: int
    properties: tuple[PropertyCount, ...]


@dataclass(frozen=True, slots=True, order=True)
class LinkCount:
    """The exact matches between IRIs that begin alike and others that do, where the former are of no class here."""

    subjects: str
    objects: str
    triples: int


@dataclass(frozen=True, slots=True)
class Counts:
    """What is in the union of all named graphs, each triple counted once."""

    properties: Mapping[str, int]
    classes: tuple[ClassCount, ...]
    links: tuple[LinkCount, ...] = ()

    @property
    def triples(self) -> int:
        """Return the number of triples."""
        return sum(self.properties.values())


_PROPERTIES = "SELECT ?p (COUNT(*) AS ?n) WHERE { ?s ?p ?o } GROUP BY ?p"
_CLASSES = "SELECT ?c (COUNT(*) AS ?n) WHERE { ?s a ?c } GROUP BY ?c"
# The engine looks up each entity here. Joined in memory, as sub-selects are, all classes together take less than half
# the processor time, but no less on the clock of two cores, and 270 bytes of memory for each entity.
_OF_CLASS = "SELECT ?p (COUNT(*) AS ?n) WHERE { ?s a <%s> . ?s ?p ?o } GROUP BY ?p"
# What IRIs of one kind begin with: all up to the last sign that divides them. A DOI may have such signs anywhere.
_BEGINNING = 'REPLACE(STR({term}), "^(https?://(?:dx[.])?doi[.]org/).*|[^/#:]+$", "$1")'
_KIND = f"""
  OPTIONAL {{ ?o a ?class }}
  BIND(DATATYPE(?o) AS ?datatype)
  BIND(IF(isIRI(?o) && !STRSTARTS(STR(?o), "{BASE}"), {_BEGINNING.format(term="?o")}, ?none) AS ?space)
"""
# The IRIs written into these three come from the store, where nothing that could end an IRI gets in.
_KINDS = f"""
SELECT ?p ?class ?datatype ?space (COUNT(*) AS ?n) WHERE {{
  {{ SELECT ?s {{ ?s a <%s> }} LIMIT {LOOKED_AT} }}
  ?s ?p ?o .{_KIND}}} GROUP BY ?p ?class ?datatype ?space
"""
_RARE_KINDS = f"""
SELECT ?class ?datatype ?space (COUNT(*) AS ?n) WHERE {{
  {{ SELECT ?o {{ ?s <%s> ?o FILTER EXISTS {{ ?s a <%s> }} }} LIMIT {_RARE} }}{_KIND}}} GROUP BY ?class ?datatype ?space
"""
_SPACE = f"BIND({_BEGINNING.format(term='?o')} AS ?space)"
_LARGEST = f"ORDER BY DESC(?n) LIMIT {_SPACES}"
_MATCHES = f"""
SELECT ?class ?space (COUNT(*) AS ?n) WHERE {{
  ?s <{EXACT_MATCH}> ?o . ?s a ?class {_SPACE}
}} GROUP BY ?class ?space {_LARGEST}
"""
# Only a harvest links what is not described here.
_LOOSE = f"""
SELECT ?from ?space (COUNT(*) AS ?n) WHERE {{
  GRAPH <{LINKS_GRAPH}> {{ ?s <{EXACT_MATCH}> ?o }} FILTER NOT EXISTS {{ ?s a ?class }}
  BIND({_BEGINNING.format(term="?s")} AS ?from) {_SPACE}
}} GROUP BY ?from ?space {_LARGEST}
"""


def count(store: Store) -> Counts:
    """Count what the store holds now, published or not: 2.6 to 4.6 s of processor time a million quads.

    Two cores share the work, for nothing else is left to do when a run comes to this.
    """
    entities = {row["c"]: int(row["n"]) for row in store.rows(_CLASSES)}
    with ThreadPoolExecutor(2, thread_name_prefix="count") as threads:
        # The longest first.
        by_property = threads.submit(store.rows, _PROPERTIES)
        largest = sorted(entities, key=lambda iri: -entities[iri])
        of_class = {iri: threads.submit(store.rows, _OF_CLASS % iri) for iri in largest}
        seen = {iri: threads.submit(store.rows, _KINDS % iri) for iri in largest}
        loose = threads.submit(store.rows, _LOOSE)
        spaces = list(store.rows(_MATCHES))
        found = {
            iri: threads.submit(_class, store, iri, entities[iri], of_class[iri].result(), seen[iri].result(), spaces)
            for iri in largest
        }
        classes = tuple(found[iri].result() for iri in sorted(found))
        links = tuple(sorted(LinkCount(row["from"], row["space"], int(row["n"])) for row in loose.result()))
        return Counts(
            {row["p"]: int(row["n"]) for row in sorted(by_property.result(), key=itemgetter("p"))}, classes, links
        )


def _class(
    store: Store,
    iri: str,
    entities: int,
    counted: Iterable[Mapping[str, str]],
    looked_at: Iterable[Mapping[str, str]],
    spaces: Iterable[Mapping[str, str]],
) -> ClassCount:
    by_property = {row["p"]: int(row["n"]) for row in counted}
    return ClassCount(iri, entities, _properties(store, iri, entities, by_property, _spaces(spaces, iri), looked_at))


def _spaces(matches: Iterable[Mapping[str, str]], iri: str) -> tuple[Kind, ...]:
    """Return where the exact matches of a class lead, all of them counted."""
    return tuple(sorted(Kind("space", row["space"], int(row["n"])) for row in matches if row["class"] == iri))


def _properties(
    store: Store,
    iri: str,
    entities: int,
    counted: Mapping[str, int],
    matches: tuple[Kind, ...],
    looked_at: Iterable[Mapping[str, str]],
) -> tuple[PropertyCount, ...]:
    seen: dict[str, list[Mapping[str, str]]] = defaultdict(list)
    for row in looked_at:
        seen[row["p"]].append(row)
    all_seen = entities <= LOOKED_AT
    return tuple(
        PropertyCount(each, triples, matches)
        if each == EXACT_MATCH
        else PropertyCount(each, triples, _kinds(seen[each], exact=all_seen))
        if each in seen
        else PropertyCount(each, triples, _kinds(store.rows(_RARE_KINDS % (each, iri)), exact=triples <= _RARE))
        for each, triples in sorted(counted.items())
    )


def _kinds(rows: Iterable[Mapping[str, str]], *, exact: bool) -> tuple[Kind, ...]:
    numbers: dict[tuple[Literal["class", "datatype", "space"], str], int] = defaultdict(int)
    for row in rows:
        if "class" in row:
            numbers["class", row["class"]] += int(row["n"])
        elif "datatype" in row:
            numbers["datatype", row["datatype"]] += int(row["n"])
        elif "space" in row:
            numbers["space", row["space"]] += int(row["n"])
    return tuple(sorted(Kind(role, iri, number if exact else None) for (role, iri), number in numbers.items()))
