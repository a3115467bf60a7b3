"""SHACL validation as the gate needs it: bytes in, findings out, sorted, and the same for the same data.

pySHACL checks the shapes, with everything off that fetches, executes or infers. The queries of the sh:sparql
constraints run in the engine: rdflib parses a query anew for every node, and took ten times as long over a whole study.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pyoxigraph as ox
from pyshacl import validate
from rdflib import RDF, RDFS, SH, XSD, Graph, Literal, URIRef, Variable
from rdflib.query import Result
from rdflib.term import Node

from loaders.gate import SHAPE, Finding, Severity, short
from loaders.link.identifiers import BASE
from loaders.terms import ONTOLOGY

__all__ = ["SHAPES", "findings", "shapes"]

SHAPES = Path(__file__).resolve().parent.parent / "shapes"

_SEVERITIES: Mapping[Node, Severity] = {SH.Violation: "Violation", SH.Warning: "Warning", SH.Info: "Info"}
_RANKS = tuple(_SEVERITIES.values())
_UNION = "union.ttl"
_PHASE = URIRef(ONTOLOGY + "phase")
_PHASE_SET = URIRef(SHAPE + "phaseSet")


class _Data(Graph):
    """The data, as rdflib's terms for the core constraints and in the engine for the queries.

    `sources` has the names of the graphs that a statement stands in, where the data name graphs.
    """

    def __init__(self, data: bytes) -> None:
        """Read N-Triples or N-Quads with the engine's parser: what it refuses (SyntaxError) could not be stored."""
        super().__init__(bind_namespaces="none")
        self.sources: dict[tuple[Node, Node, Node], set[str]] = defaultdict(set)
        self.engine = ox.Store()
        for quad in ox.parse(input=data, format=ox.RdfFormat.N_QUADS):
            subject, predicate, value = map(_without_blank_nodes, quad.triple)
            self.engine.add(ox.Quad(subject, predicate, value))
            triple = (_node(subject), _node(predicate), _node(value))
            self.add(triple)
            if isinstance(quad.graph_name, ox.NamedNode):
                self.sources[triple].add(quad.graph_name.value.rpartition("/")[2])

    def query(self, query_object: Any, *args: Any, **_: Any) -> Result:
        """Answer a constraint's query. Variables are bound beforehand as SHACL demands (section 5.3.1)."""
        bound: Any = {ox.Variable(name): _engine_term(value) for name, value in args[3].items()}
        solutions = self.engine.query(query_object, substitutions=bound)
        assert isinstance(solutions, ox.QuerySolutions)  # pySHACL puts every constraint as a SELECT
        result = Result("SELECT")
        result.vars = [Variable(variable.value) for variable in solutions.variables]
        result.bindings = [_bindings(result.vars, solution) for solution in solutions]
        return result


def _bindings(variables: Iterable[Variable], solution: Iterable[Any]) -> dict[Variable, Any]:
    pairs = zip(variables, solution, strict=True)
    return {variable: _node(value) for variable, value in pairs if value is not None}


def findings(data: bytes, compare_sources: bool) -> tuple[Finding, ...]:
    """Validate N-Triples or N-Quads with the shapes for one source, or with those that compare the sources of a study.

    Raises SyntaxError for what is not RDF, and whatever the libraries raise on odd data.
    """
    with _quiet():
        graph = _Data(data)
        if compare_sources:
            _add_phase_sets(graph)
        _, results, text = validate(
            graph,
            shacl_graph=shapes(compare_sources),
            ont_graph=None,
            inference="none",
            advanced=False,
            js=False,
            do_owl_imports=False,
            meta_shacl=False,
            inplace=True,
        )
    if not isinstance(results, Graph):
        raise RuntimeError(text)
    found = {_finding(results, node, graph, shapes(compare_sources)) for node in results.objects(None, SH.result)}
    return tuple(sorted(found, key=_order))


@cache
def shapes(compare_sources: bool) -> Graph:
    """Return the shapes for one source, or those that compare sources. Parsed once a process."""
    graph = Graph("SimpleMemory", bind_namespaces="none")  # lookups are all it is for
    for path in sorted(SHAPES.glob("*.ttl")):
        if (path.name == _UNION) is compare_sources:
            graph.parse(path, format="turtle")
    return graph


def _add_phase_sets(data: _Data) -> None:
    """State each source's phases of a study as one value: PHASE1 and PHASE2 from one source are one phase, 1/2."""
    phases: dict[tuple[Node, str], set[str]] = defaultdict(set)
    for triple in data.triples((None, _PHASE, None)):
        for source in data.sources.get(triple, ()):
            phases[triple[0], source].add(short(str(triple[2])))
    for (study, source), codes in phases.items():
        triple = (study, _PHASE_SET, Literal(" and ".join(sorted(codes))))
        data.add(triple)
        data.sources[triple].add(source)


def _finding(results: Graph, node: Node, data: _Data, rules: Graph) -> Finding:
    """Return one sh:ValidationResult as a Finding."""
    focus, shape, severity, path = (
        results.value(node, predicate) or RDF.nil
        for predicate in (SH.focusNode, SH.sourceShape, SH.resultSeverity, SH.resultPath)
    )
    # A result about how many values there are has none itself: show them all.
    values = set(results.objects(node, SH.value)) - {focus} or set(data.objects(focus, path))
    terms = {str(_engine_term(value)): _said(value, data.sources.get((focus, path, value), ())) for value in values}
    return Finding(
        focus=str(focus),
        path=_path(path),
        value="; ".join(said for _, said in sorted(terms.items())) or None,
        shape=str(shape),
        rule=str(rules.value(shape, RDFS.label)),
        severity=_SEVERITIES[severity],
        message=" ".join(sorted(str(message) for message in results.objects(node, SH.resultMessage))),
        terms=tuple(sorted(terms)),
    )


def _path(path: Node) -> str | None:
    """Return the property a result is about, when it is a single one."""
    if path == RDF.nil or not isinstance(path, URIRef):
        return None
    return str(_PHASE if path == _PHASE_SET else path)


def _order(finding: Finding) -> tuple[object, ...]:
    rank = _RANKS.index(finding.severity)
    return (finding.focus, rank, finding.shape, finding.path or "", finding.terms, finding.message)


def _said(value: Node, sources: Iterable[str]) -> str:
    said = short(str(value))
    return f"{said} ({', '.join(sorted(sources))})" if sources else said


def _without_blank_nodes(term: Any) -> Any:
    """Return a term, and an IRI for a blank node, so that a report can name it (RDF 1.1, section 3.5)."""
    return ox.NamedNode(f"{BASE}.well-known/genid/{term.value}") if isinstance(term, ox.BlankNode) else term


def _node(term: Any) -> Node:
    """Return an engine term as rdflib's. Lexical forms stay as they stand, for the report shows them."""
    if isinstance(term, ox.NamedNode):
        return URIRef(term.value)
    if term.language:
        return Literal(term.value, lang=term.language)
    datatype = URIRef(term.datatype.value)
    return Literal(term.value, datatype=None if datatype == XSD.string else datatype, normalize=False)


def _engine_term(node: Any) -> ox.NamedNode | ox.Literal:
    """Return an rdflib term as the engine's, which also writes it in N-Triples syntax."""
    if not isinstance(node, Literal):
        return ox.NamedNode(str(node))
    if node.language:
        return ox.Literal(str(node), language=node.language)
    return ox.Literal(str(node), datatype=ox.NamedNode(str(node.datatype)) if node.datatype else None)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep rdflib from logging each ill-typed literal with a traceback: the shapes report them in plain words."""
    logger = logging.getLogger("rdflib.term")
    before = logger.disabled
    logger.disabled = True
    try:
        yield
    finally:
        logger.disabled = before
