"""What a query or an update came to, in a form that two of them can be compared in: blank nodes do not matter."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from pathlib import Path

import pyoxigraph as ox

from tests.conformance.manifest import address

__all__ = ["canonical_graph", "canonical_quads", "canonical_rows", "expected_result", "parse_graph", "parse_rows"]

_RS = "http://www.w3.org/2001/sw/DataAccess/tests/result-set#"
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_XSD = "http://www.w3.org/2001/XMLSchema#"
_INTEGERS = "integer int long short byte nonNegativeInteger positiveInteger nonPositiveInteger negativeInteger"
_EXACT = {_XSD + name for name in (*_INTEGERS.split(), "decimal", "unsignedInt", "unsignedLong", "unsignedByte")}
_FLOATS = {_XSD + "double", _XSD + "float"}
_FORMATS = {
    ".srx": ox.QueryResultsFormat.XML,
    ".srj": ox.QueryResultsFormat.JSON,
    ".tsv": ox.QueryResultsFormat.TSV,
}

Row = frozenset[tuple[str, object]]
Result = bool | tuple[object, ...] | frozenset[object]


def canonical_graph(triples: Iterable[ox.Triple]) -> frozenset[object]:
    """The graph with canonical names for its blank nodes (RDFC-1.0) and values for its numbers."""
    return canonical_quads(ox.Quad(t.subject, t.predicate, t.object) for t in triples)


def canonical_quads(quads: Iterable[ox.Quad]) -> frozenset[object]:
    """The dataset with canonical names for its blank nodes and values for its numbers."""
    dataset = ox.Dataset(ox.Quad(q.subject, q.predicate, _value(q.object), q.graph_name) for q in quads)
    dataset.canonicalize(ox.CanonicalizationAlgorithm.UNSTABLE)
    return frozenset(map(str, dataset))


def canonical_rows(rows: Iterable[dict[str, object]]) -> frozenset[object]:
    """The solutions, each as often as it is there, whatever their order."""
    counted = Counter(frozenset(row.items()) for row in rows)
    quads = []
    for row, count in counted.items():
        node = ox.BlankNode()
        quads.append(ox.Quad(node, ox.NamedNode("x:count"), ox.Literal(count)))
        quads += [ox.Quad(node, ox.NamedNode(f"x:var/{name}"), term) for name, term in row]
    return canonical_quads(quads)


def _value(term: object) -> object:
    """The term; a number by its value, since the engine stores `01` as `1` and writes `1.0` as it likes."""
    if not isinstance(term, ox.Literal):
        return term
    datatype = term.datatype.value
    try:
        if datatype in _EXACT:
            return ox.Literal(f"{Decimal(term.value).normalize():f}", datatype=term.datatype)
        if datatype in _FLOATS:
            return ox.Literal(f"{float(term.value.replace('INF', 'inf')):.12g}", datatype=term.datatype)
    except (InvalidOperation, ValueError):
        return term
    return term


def parse_rows(body: bytes, form: str) -> bool | frozenset[object]:
    """An answer to SELECT or ASK, from a file's suffix or what is meant by it."""
    if form == ".csv":
        rows = csv.DictReader(io.StringIO(body.decode()))
        plain = (frozenset((name, re.sub("^_:.*", "_:", cell)) for name, cell in row.items()) for row in rows)
        return frozenset(Counter(plain).items())
    results = ox.parse_query_results(body, format=_FORMATS[form])
    if isinstance(results, ox.QueryBoolean):
        return bool(results)
    names = [variable.value for variable in results.variables]
    return canonical_rows(
        {name: term for name, term in zip(names, row, strict=True) if term is not None} for row in results
    )


def parse_graph(body: bytes, media_type: str, base: str) -> frozenset[object]:
    """A graph that was answered."""
    form = ox.RdfFormat.from_media_type(media_type)
    return canonical_graph(q.triple for q in ox.parse(body, format=form, base_iri=base))


def expected_result(file: Path) -> tuple[str, bool | frozenset[object]]:
    """What a result file says, and in which form to ask for it: a suffix, or `graph`."""
    if file.suffix in (*_FORMATS, ".csv"):
        return file.suffix, parse_rows(file.read_bytes(), file.suffix)
    triples = [quad.triple for quad in ox.parse(path=str(file), base_iri=address(file))]
    sets = {t.subject for t in triples if t.predicate.value == _RDF + "type" and t.object.value == _RS + "ResultSet"}
    if not sets:
        return "graph", canonical_graph(triples)
    return ".srj", _result_set(triples, next(iter(sets)))


def _result_set(triples: list[ox.Triple], head: object) -> bool | frozenset[object]:
    """Solutions written as RDF, as the oldest tests have them."""

    def objects(subject: object, name: str) -> list[object]:
        return [t.object for t in triples if t.subject == subject and t.predicate.value == _RS + name]

    if truth := objects(head, "boolean"):
        return truth[0].value == "true"
    return canonical_rows(
        {objects(b, "variable")[0].value: objects(b, "value")[0] for b in objects(solution, "binding")}
        for solution in objects(head, "solution")
    )
