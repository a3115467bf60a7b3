"""The gate's reference engine: pySHACL, with everything off that fetches, executes or infers.

The queries of the sh:sparql constraints run in pyoxigraph: rdflib parses a query anew for every node, and took ten
times as long over a whole study.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import pyoxigraph as ox
from pyshacl import validate
from rdflib import SH, XSD, Graph, Literal, URIRef, Variable
from rdflib.query import Result as Solutions
from rdflib.term import Node

from loaders.gate import Severity
from loaders.shacl import Result, Term

__all__ = ["results"]

_SEVERITIES: Mapping[Node | None, Severity] = {SH.Violation: "Violation", SH.Warning: "Warning", SH.Info: "Info"}


class _Data(Graph):
    """The data, as rdflib's terms for the core constraints and in pyoxigraph for the queries."""

    def __init__(self, triples: bytes) -> None:
        """Read N-Triples with the store's parser: what it refuses (SyntaxError) could not be stored."""
        super().__init__(bind_namespaces="none")
        self.engine = ox.Store()
        for quad in ox.parse(triples, format=ox.RdfFormat.N_TRIPLES):
            self.engine.add(quad)
            self.add((_node(quad.subject), _node(quad.predicate), _node(quad.object)))

    def query(self, query_object: Any, *args: Any, **_: Any) -> Solutions:
        """Answer a constraint's query. Variables are bound beforehand as SHACL demands (section 5.3.1)."""
        bound: Any = {ox.Variable(name): _term(value) for name, value in args[3].items()}
        solutions = self.engine.query(query_object, substitutions=bound)
        assert isinstance(solutions, ox.QuerySolutions)  # pySHACL puts every constraint as a SELECT
        result = Solutions("SELECT")
        result.vars = [Variable(variable.value) for variable in solutions.variables]
        result.bindings = [_bindings(result.vars, solution) for solution in solutions]
        return result


def results(triples: bytes, shapes: bytes) -> list[Result]:
    """Return what shapes say about data (both N-Triples). Raises SyntaxError for what is not RDF."""
    with _quiet():
        _, report, text = validate(
            _Data(triples),
            shacl_graph=_rules(shapes),
            ont_graph=None,
            inference="none",
            advanced=False,
            js=False,
            do_owl_imports=False,
            meta_shacl=False,
            inplace=True,
        )
    if not isinstance(report, Graph):
        raise RuntimeError(text)
    return [_result(report, node) for node in report.objects(None, SH.result)]


@lru_cache(maxsize=16)
def _rules(shapes: bytes) -> Graph:
    graph = Graph("SimpleMemory", bind_namespaces="none")  # lookups are all it is for
    return graph.parse(data=shapes, format="nt")


def _result(report: Graph, node: Node) -> Result:
    path, value = report.value(node, SH.resultPath), report.value(node, SH.value)
    messages = sorted(str(message) for message in report.objects(node, SH.resultMessage))
    return Result(
        focus=_term(report.value(node, SH.focusNode)),
        path=ox.NamedNode(str(path)) if isinstance(path, URIRef) else None,
        value=None if value is None else _term(value),
        shape=str(report.value(node, SH.sourceShape)),
        component=str(report.value(node, SH.sourceConstraintComponent)),
        severity=_SEVERITIES[report.value(node, SH.resultSeverity)],
        message=" ".join(messages),
    )


def _bindings(variables: Iterable[Variable], solution: Iterable[Any]) -> dict[Variable, Any]:
    pairs = zip(variables, solution, strict=True)
    return {variable: _node(value) for variable, value in pairs if value is not None}


def _node(term: Any) -> Node:
    """Return a term of pyoxigraph as rdflib's. Lexical forms stay as they stand, for the report shows them."""
    if isinstance(term, ox.NamedNode):
        return URIRef(term.value)
    if term.language:
        return Literal(term.value, lang=term.language)
    datatype = URIRef(term.datatype.value)
    return Literal(term.value, datatype=None if datatype == XSD.string else datatype, normalize=False)


def _term(node: Any) -> Term:
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
