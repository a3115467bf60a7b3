"""The W3C's SHACL suite, put to both engines as the gate calls them, where a test is about what our shapes use.

What they use (components, targets, paths, the words of their queries) is read from the shapes' files, so a shape with a
construct that is new here brings the suite's tests of it.
"""

import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pyoxigraph as ox
import pytest

from loaders import shacl, shacl_fast, shacl_reference
from loaders.link.identifiers import BASE
from tests.paths import SHARED, needs_shared

SUITE = SHARED / "conformance" / "w3c" / "data-shapes" / "data-shapes-test-suite" / "tests"
SH = "http://www.w3.org/ns/shacl#"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
MF = "http://www.w3.org/2001/sw/DataAccess/tests/test-manifest#"
GENID = f"{BASE}.well-known/genid/"
SHT = "http://www.w3.org/ns/shacl-test#"

SAYS_NOTHING = {"conforms", "deactivated", "declare", "description", "group", "message", "name", "namespace", "order"}
SAYS_NOTHING |= {
    "prefix",
    "prefixes",
    "select",
    "severity",
    "NodeShape",
    "PropertyShape",
    "SPARQLConstraint",
    "PrefixDeclaration",
}
SAYS_NOTHING |= {"Violation", "Warning", "Info"}
KEYWORD = re.compile(
    r"\bB(?:OUND|IND) ?\(\$this|(?<!\$)\b[A-Z]{2,}(?: (?:NOT )?EXISTS)?\b|\$(?:PATH|currentShape|shapesGraph)",
    re.IGNORECASE,
)
ENGINES = {"pyshifty": shacl_fast.results, "pyshacl": shacl_reference.results}


Row = tuple[str | None, ...]


class Statements:
    """Triples, to be asked for the values of a node."""

    def __init__(self, triples: Iterable[ox.Triple]) -> None:
        self.triples = list(triples)
        self.of: dict[Any, dict[str, list[Any]]] = {}
        for triple in self.triples:
            self.of.setdefault(triple.subject, {}).setdefault(triple.predicate.value, []).append(triple.object)

    def values(self, node: Any, predicate: str) -> list[Any]:
        return self.of.get(node, {}).get(predicate, [])

    def value(self, node: Any, predicate: str) -> Any:
        return next(iter(self.values(node, predicate)), None)


@cache
def read(path: Path) -> Statements:
    """Read a Turtle file. Its blank nodes keep their labels."""
    base = f"http://example.org/{path.name}"
    return Statements(quad.triple for quad in ox.parse(path=path, format=ox.RdfFormat.TURTLE, base_iri=base))


def constructs(graph: Statements) -> set[str]:
    """Return what a shapes graph uses of SHACL, the kinds of its paths, and the words of its queries."""
    used = set()
    for triple in graph.triples:
        if triple.predicate.value.startswith(SH):
            used.add(triple.predicate.value.removeprefix(SH))
            if triple.predicate.value == SH + "path" and graph.values(triple.object, RDF + "first"):
                used.add("sequence")
            if triple.predicate.value == SH + "select":
                used |= words(triple.object.value)
        if triple.predicate.value.endswith("#imports"):
            used.add("imports")
        if isinstance(triple.object, ox.NamedNode) and triple.object.value.startswith(SH):
            used.add(triple.object.value.removeprefix(SH))
    return used - SAYS_NOTHING


def words(query: str) -> set[str]:
    """Return the words of SPARQL in a query."""
    bare = re.sub(r"<[^<>\s]*>|\"[^\"]*\"|\w*:[\w-]+|\?\w+", "", query)
    return {word.upper() for word in KEYWORD.findall(bare)}


@cache
def used_here() -> set[str]:
    """Return what our shapes use."""
    return set().union(*(constructs(read(path)) for path in shacl.SHAPES.glob("*.ttl")))


def cases_in(manifest: Path) -> Iterator[tuple[str, Path, Any]]:
    """Yield name, file and action of each test that a manifest lists, in it or in what it includes."""
    graph = read(manifest)
    base = f"http://example.org/{manifest.name}".rpartition("/")[0] + "/"
    for triple in graph.triples:
        if triple.predicate.value == MF + "include":
            yield from cases_in(manifest.parent / triple.object.value.removeprefix(base))
        if triple.predicate.value == RDF + "type" and triple.object.value == SHT + "Validate":
            yield f"{manifest.parent.name}/{triple.subject.value.rpartition('/')[2]}", manifest, triple.subject


def graph_of(manifest: Path, entry: Any, role: str) -> Statements:
    """Return the data or the shapes of a test, without what the test says of itself."""
    action = read(manifest).value(entry, MF + "action")
    name = read(manifest).value(action, SHT + role).value.rpartition("/")[2] or manifest.name
    graph = read(manifest.parent / name)
    if name != manifest.name:
        return graph
    said = reached(graph, [entry])
    kept = [t for t in graph.triples if t.subject not in said and not t.predicate.value.startswith((MF, SHT))]
    if role == "dataGraph":
        return Statements(ox.Triple(named(t.subject), t.predicate, named(t.object)) for t in kept)
    targets = {t for t in kept if t.predicate.value == SH + "targetNode"}
    return Statements(ox.Triple(t.subject, t.predicate, named(t.object)) if t in targets else t for t in kept)


def reached(graph: Statements, nodes: list[Any]) -> set[Any]:
    """Return what describes a test: its action, its report, and the results in that."""
    seen = set(nodes)
    for node in nodes:
        for predicate in (MF + "action", MF + "result", SH + "result"):
            seen |= reached(graph, graph.values(node, predicate))
    return seen


def n_triples(graph: Statements) -> bytes:
    return ox.serialize(graph.triples, format=ox.RdfFormat.N_TRIPLES) or b""


def expected(manifest: Path, entry: Any) -> list[Row] | None:
    """Return the results a test asks for; None where it asks the engine to refuse the shapes."""
    graph = read(manifest)
    report = graph.value(entry, MF + "result")
    if isinstance(report, ox.NamedNode):
        return None
    rows = []
    for result in graph.values(report, SH + "result"):
        names = ("focusNode", "resultPath", "value", "sourceShape", "sourceConstraintComponent", "resultSeverity")
        rows.append(row(*(graph.value(result, SH + name) for name in names)))
    return sorted(rows, key=str)


def named(node: Any) -> Any:
    """Return the name that the gate gives a blank node of the data."""
    return ox.NamedNode(f"{GENID}{node.value}") if isinstance(node, ox.BlankNode) else node


def row(focus: Any, path: Any, value: Any, shape: Any, component: Any, severity: Any) -> Row:
    """Return a result to be compared: what has no name, a path or a shape, is left out."""
    path, shape = (str(term) if isinstance(term, ox.NamedNode) else None for term in (path, shape))
    return (
        str(named(focus)),
        path,
        str(named(value)) if value else None,
        shape,
        component.value,
        severity.value.removeprefix(SH),
    )


def found(results: Iterable[shacl.Result], shapes: Statements) -> list[Row]:
    """Return what an engine has found, to be compared."""
    with_iri = {triple.subject.value for triple in shapes.triples if isinstance(triple.subject, ox.NamedNode)}
    return sorted(
        (
            row(
                each.focus,
                each.path,
                each.value,
                ox.NamedNode(each.shape) if each.shape in with_iri else None,
                ox.NamedNode(each.component),
                ox.NamedNode(SH + each.severity),
            )
            for each in results
        ),
        key=str,
    )


def applicable() -> list[Any]:
    """Return the tests that use nothing but what our shapes use."""
    if not SUITE.is_dir():
        return []
    cases = []
    for name, manifest, entry in cases_in(SUITE / "manifest.ttl"):
        if constructs(graph_of(manifest, entry, "shapesGraph")) <= used_here():
            cases.append(pytest.param(manifest, entry, id=name))
    return cases


@needs_shared
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("manifest", "entry"), applicable())
def test_suite(manifest: Path, entry: Any, engine: str) -> None:
    shapes, data = (graph_of(manifest, entry, role) for role in ("shapesGraph", "dataGraph"))
    if (rows := expected(manifest, entry)) is None:
        with pytest.raises((ValueError, RuntimeError)):
            ENGINES[engine](n_triples(data), n_triples(shapes))
    else:
        assert found(ENGINES[engine](n_triples(data), n_triples(shapes)), shapes) == rows


@needs_shared
def test_what_the_shapes_use_has_tests() -> None:
    tested = set().union(*(constructs(graph_of(*case.values, "shapesGraph")) for case in applicable()))
    components = {name for name in used_here() if name[0].islower()}
    assert components - tested == set()
