"""The rows of all tables, read out of one published generation, one after the other and never all at once.

The engine's own iterators do the work: an on-disk store keeps the quads of a graph together, and in there those of a
subject. So memory holds one subject at a time, however large the graph or the store. A SPARQL query would sort or join
first.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from operator import attrgetter
from typing import cast

import pyoxigraph as ox

from app.store.embedded import EmbeddedReader
from app.tables.columns import ANY, TABLES, Column, Kind, Table
from loaders.emit import LINKS_GRAPH, PROVENANCE_GRAPH
from loaders.terms import PREFIXES, VALUES

__all__ = ["Cell", "Row", "expanded", "table_rows"]

Cell = str | int | float | bool | date | list[str]
Row = Mapping[str, Cell]
Term = ox.NamedNode | ox.Literal


def table_rows(store: EmbeddedReader) -> Iterator[tuple[Table, Row]]:
    """Yield every row with its table; a row lacks the cells that its source says nothing about.

    What is read are the graphs that the provenance knows a source for, and the graph of links. Use it on one thread.
    """
    for quad in store.quads(None, _SOURCE_KIND, None, _PROVENANCE):
        graph = _named(quad.subject)
        kind, study = _code(cast(Term, quad.object)), _object(store, graph, _ABOUT_STUDY, _PROVENANCE)
        place = _Place(store, graph, kind, study)
        for subject, statements in _subjects(store, graph):
            if plan := _plan_of(statements):
                yield plan.table, plan.row(subject, statements, place)
    yield from _links(store)


def expanded(name: str) -> ox.NamedNode:
    """Return the IRI of a class or property named prefix:local."""
    prefix, _, local = name.partition(":")
    return ox.NamedNode(PREFIXES[prefix] + local)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a row was found: the graph, the code of its source, and the study that the graph is about."""

    store: EmbeddedReader
    graph: ox.NamedNode
    source: str | None
    study: ox.NamedNode | None


def _links(store: EmbeddedReader) -> Iterator[tuple[Table, Row]]:
    """Yield the links of all studies, which share a graph: one row for each assertion graph they were read from."""
    for subject, statements in _subjects(store, _LINKS):
        if not (plan := _plan_of(statements)):
            continue
        study = next(_nodes(quad for quad in statements if quad.predicate == _LINK_SOURCE), None)
        origins = _nodes(quad for quad in statements if quad.predicate == _DERIVED_FROM)
        for origin in list(origins) or [_LINKS]:
            kind = _object(store, origin, _SOURCE_KIND, _PROVENANCE)
            place = _Place(store, _LINKS, _code(kind) if kind else None, study)
            yield plan.table, {**plan.row(subject, statements, place), "graph": origin.value}


def _subjects(store: EmbeddedReader, graph: ox.NamedNode) -> Iterator[tuple[ox.NamedNode, list[ox.Quad]]]:
    for subject, quads in groupby(store.quads(None, None, None, graph), key=attrgetter("subject")):
        yield subject, list(quads)


def _object(
    store: EmbeddedReader, subject: ox.NamedNode, predicate: ox.NamedNode, graph: ox.NamedNode
) -> ox.NamedNode | None:
    return next(_nodes(store.quads(subject, predicate, None, graph)), None)


def _nodes(quads: Iterable[ox.Quad]) -> Iterator[ox.NamedNode]:
    return (quad.object for quad in quads if isinstance(quad.object, ox.NamedNode))


def _named(subject: object) -> ox.NamedNode:
    # The store has no blank nodes, so every subject is an IRI.
    return cast(ox.NamedNode, subject)


def _code(term: Term) -> str:
    """The code of a value: what follows the scheme in its IRI. One that no scheme has is there as text."""
    if isinstance(term, ox.NamedNode) and term.value.startswith(VALUES):
        return term.value.removeprefix(VALUES).partition("-")[2]
    return term.value


def _text(term: Term) -> str:
    return term.value


def _local_name(term: Term) -> str:
    return term.value.rpartition("#")[2]


def _integer(term: Term) -> int | None:
    """An xsd:integer, if it has a place in the 64 bits of a column."""
    try:
        number = int(term.value)
    except ValueError:
        return None
    return number if -(2**63) <= number < 2**63 else None


def _number(term: Term) -> float | None:
    try:
        return float(term.value)
    except ValueError:
        return None


def _boolean(term: Term) -> bool:
    return term.value in ("true", "1")


def _date(term: Term) -> date | None:
    """A whole date; a year or a month is none, and neither is a day that no calendar has."""
    try:
        return date.fromisoformat(term.value) if len(term.value) == 10 else None
    except ValueError:
        return None


_CELLS: Mapping[Kind, Callable[[Term], str | int | float | bool | date | None]] = {
    Kind.IRI: _text,
    Kind.TEXT: _text,
    Kind.CODE: _code,
    Kind.INTEGER: _integer,
    Kind.NUMBER: _number,
    Kind.BOOLEAN: _boolean,
    Kind.DATE: _date,
    Kind.DURATION: _text,
    Kind.CLASS: _local_name,
    Kind.PROPERTY: _local_name,
}


class _Plan:
    """How the rows of one table are made, worked out once: which columns a property of the thing fills."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.type = expanded(table.of)
        self.direct: dict[ox.NamedNode, list[tuple[Column, ox.NamedNode | None]]] = {}
        self.inverse: list[tuple[Column, ox.NamedNode | None]] = []
        own = {column.path for column in table.declared}
        for column in table.columns[len(table.frame) :]:
            first, *more = column.steps
            if column.inverse:
                self.inverse.append((column, None if first == ANY else expanded(first)))
                continue
            second = expanded(more[0]) if more else None
            self.direct.setdefault(expanded(first), []).append((column, second))
            if column.kind is Kind.CODE and not more and (text := f"{first}Text") not in own:
                # A code that its scheme does not have is text under the property of that name (loaders.terms.Coded).
                self.direct.setdefault(expanded(text), []).append((column, None))

    def row(self, subject: ox.NamedNode, statements: Sequence[ox.Quad], place: _Place) -> dict[str, Cell]:
        """Return the cells that there is something to put into."""
        found: dict[Column, list[Term]] = {}
        for quad in statements:
            for column, second in self.direct.get(quad.predicate, ()):
                term = cast(Term, quad.object)
                found.setdefault(column, []).extend([term] if second is None else _objects(place, term, second))
        for column, predicate in self.inverse:
            found[column] = list(_leading_to(place, subject, column, predicate))
        row = _frame(self.table, subject, place)
        for column, terms in found.items():
            if (cell := self._cell(column, terms)) is not None:
                row[column.name] = cell
        return row

    def _cell(self, column: Column, terms: Iterable[Term]) -> Cell | None:
        convert = _CELLS[column.kind]
        if column.kind is Kind.CLASS:
            terms = [term for term in terms if term != self.type]
        values = [value for term in terms if (value := convert(term)) is not None]
        if column.many:
            return sorted({str(value) for value in values}) or None
        if len(values) > 1:
            return min(values, key=str)
        return values[0] if values else None


def _frame(table: Table, subject: ox.NamedNode, place: _Place) -> dict[str, Cell]:
    row: dict[str, Cell] = {table.key: subject.value, "graph": place.graph.value}
    if place.study and table.key != "study":
        row["study"] = place.study.value
    if place.source:
        row["source"] = place.source
    return row


def _objects(place: _Place, subject: Term, predicate: ox.NamedNode) -> list[Term]:
    if not isinstance(subject, ox.NamedNode):
        return []
    return [cast(Term, quad.object) for quad in place.store.quads(subject, predicate, None, place.graph)]


def _leading_to(place: _Place, subject: ox.NamedNode, column: Column, predicate: ox.NamedNode | None) -> Iterator[Term]:
    """Yield what leads to the subject by the predicate; or, where any will do, how its study leads to it."""
    if predicate:
        yield from (_named(quad.subject) for quad in place.store.quads(None, predicate, subject, place.graph))
    elif place.study:
        yield from (quad.predicate for quad in place.store.quads(place.study, None, subject, place.graph))


_TYPE = expanded("rdf:type")
_SOURCE_KIND = expanded("tw:sourceKind")
_ABOUT_STUDY = expanded("tw:aboutStudy")
_LINK_SOURCE = expanded("tw:linkSource")
_DERIVED_FROM = expanded("prov:wasDerivedFrom")
_PROVENANCE = ox.NamedNode(PROVENANCE_GRAPH)
_LINKS = ox.NamedNode(LINKS_GRAPH)
_PLANS = {plan.type: plan for plan in map(_Plan, TABLES)}


def _plan_of(statements: Iterable[ox.Quad]) -> _Plan | None:
    """Return the plan for a thing, by its class; None where it is of no class that has a table."""
    types = _nodes(quad for quad in statements if quad.predicate == _TYPE)
    return next((_PLANS[term] for term in types if term in _PLANS), None)
