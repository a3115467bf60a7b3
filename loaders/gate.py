"""The gate: what one source says about one study is checked with the SHACL shapes before it is stored.

    triples --validate--> Report of Findings; a Violation keeps the graph out, a Warning or an Info goes in with it

The shapes (`shapes/*.ttl`) hold the rules and their words; this module runs them and makes their report fit to be read,
stored and queried: sorted, the same for the same data, and without blank nodes.

rdflib and pySHACL are imported where they are used: they take half a second, which a service that loads nothing need
not spend.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pyoxigraph as ox

from loaders.link.identifiers import BASE
from loaders.terms import ONTOLOGY, PREFIXES, VALUES, XSD, literal

if TYPE_CHECKING:
    from rdflib import Graph
    from rdflib.term import Node

__all__ = ["SHAPES", "Finding", "Report", "Severity", "validate", "validate_union"]

SHAPES = Path(__file__).resolve().parent.parent / "shapes"
SHAPE = BASE + "shapes#"

Severity = Literal["Violation", "Warning", "Info"]

_UNION = "union.ttl"
_SH = "http://www.w3.org/ns/shacl#"
_TYPE = PREFIXES["rdf"] + "type"
_SEVERITIES: tuple[Severity, ...] = ("Violation", "Warning", "Info")
_LONGEST_VALUE = 120
_PHASE = ONTOLOGY + "phase"
_PHASE_SET = SHAPE + "phaseSet"


@dataclass(frozen=True, slots=True)
class Finding:
    """One result of validation: which node, what is wrong with it, how bad that is, and the rule that says so.

    `focus`, `path` and `shape` are IRIs; `path` is None where the rule is not about a single property. `value` is the
    offending value for people, or all values of the property where there are too many or they differ; `terms` are the
    same values in N-Triples syntax. `rule` is the label of the shape, `message` says what is wrong and what to do.
    """

    focus: str
    path: str | None
    value: str | None
    shape: str
    rule: str
    severity: Severity
    message: str
    terms: tuple[str, ...] = ()

    @property
    def node(self) -> str:
        """The focus node in short: effect/alsfrs-month-4, study/NCT01363401, publication/pmid-30048006."""
        return _short(self.focus)

    @property
    def line(self) -> str:
        """The finding in one line: node, property and value, how bad it is, and what to do."""
        return f"{self.node}: {self.statement}"

    @property
    def statement(self) -> str:
        """The finding in one line without its node, for a report that groups findings by node."""
        value = "" if self.value is None else f" ({_printable(self.value)})"
        about = f"{_short(self.path)}{value}: " if self.path else ""
        return f"{self.severity}: {about}{self.message}"

    def triples(self, result: str) -> Iterator[str]:
        """Yield the finding as an sh:ValidationResult named `result`, one N-Triples line each."""
        yield f"<{result}> <{_TYPE}> <{_SH}ValidationResult> .\n"
        yield f"<{result}> <{_SH}focusNode> <{self.focus}> .\n"
        yield f"<{result}> <{_SH}resultSeverity> <{_SH}{self.severity}> .\n"
        yield f"<{result}> <{_SH}sourceShape> <{self.shape}> .\n"
        yield f"<{result}> <{_SH}resultMessage> {literal(self.message)} .\n"
        if self.path:
            yield f"<{result}> <{_SH}resultPath> <{self.path}> .\n"
        for term in self.terms:
            yield f"<{result}> <{_SH}value> {term} .\n"


@dataclass(frozen=True, slots=True)
class Report:
    """What validation found, ordered by node and then the worst first."""

    findings: tuple[Finding, ...] = ()

    @property
    def conforms(self) -> bool:
        """Whether nothing keeps the graph out of the store: there is no Violation."""
        return all(finding.severity != "Violation" for finding in self.findings)

    def lines(self) -> tuple[str, ...]:
        """Return one line a finding."""
        return tuple(finding.line for finding in self.findings)

    def text(self) -> str:
        """Return the report for a curator: each node and its findings, as one wrong limit can break two rules."""
        return "".join(
            f"{node}\n" + "".join(f"  {finding.statement}\n" for finding in findings)
            for node, findings in groupby(self.findings, key=lambda finding: finding.node)
        )

    def triples(self, report: str) -> bytes:
        """Return the report as an sh:ValidationReport named `report` (N-Triples), without blank nodes.

        Results are named by their content beside it: a report `{graph}#report` has results `{graph}#result-…`.
        """
        lines = [
            f"<{report}> <{_TYPE}> <{_SH}ValidationReport> .\n",
            f'<{report}> <{_SH}conforms> "{str(self.conforms).lower()}"^^<{XSD}boolean> .\n',
        ]
        for finding in self.findings:
            digest = blake2b(repr(finding).encode("utf-8", "replace"), digest_size=8).hexdigest()
            result = f"{report.partition('#')[0]}#result-{digest}"
            lines.append(f"<{report}> <{_SH}result> <{result}> .\n")
            lines.extend(finding.triples(result))
        return "".join(sorted(lines)).encode()


def validate(triples: bytes) -> Report:
    """Check what one source says about one study: the N-Triples of its graph, its provenance and its links.

    Never raises on what the data say: data that cannot be read or checked give a Report with one Violation.
    """
    return _checked(triples, union=False)


def validate_union(quads: bytes) -> Report:
    """Compare what the sources of one study say: the N-Quads of all its graphs. Every finding is an Info.

    The graph names tell which source says what. N-Triples are read too, but then phases cannot be compared: a study has
    a set of them, and without graph names two sets are one.
    """
    return _checked(quads, union=True)


def _checked(data: bytes, union: bool) -> Report:
    with _quiet():
        try:
            statements = _read(data)
        except (SyntaxError, ValueError) as error:
            return _uncheckable(f"The data are not readable as N-Triples: {error}. Correct them and try again.")
        try:
            return _run(statements, union)
        except Exception as error:  # pySHACL and rdflib raise whatever odd data make them raise; the gate stays shut.
            return _uncheckable(f"The data could not be checked ({error.__class__.__name__}: {error}). Report this.")


def _uncheckable(message: str) -> Report:
    shape = SHAPE + "Checkable"
    return Report((Finding(BASE + "graph", None, None, shape, "Checkable", "Violation", " ".join(message.split())),))


@dataclass(frozen=True, slots=True)
class _Statements:
    """The data as the validator wants them, and which graphs each statement stands in."""

    graph: "Graph"
    sources: dict[tuple["Node", "Node", "Node"], set[str]]


def _read(data: bytes) -> _Statements:
    """Read N-Triples or N-Quads. The engine's parser is used: what it refuses could not be stored either."""
    from rdflib import Graph

    graph = Graph(bind_namespaces="none")
    sources: dict[tuple[Node, Node, Node], set[str]] = defaultdict(set)
    for quad in ox.parse(input=data, format=ox.RdfFormat.N_QUADS):
        triple = (_node(quad.subject), _node(quad.predicate), _node(quad.object))
        graph.add(triple)
        if isinstance(quad.graph_name, ox.NamedNode):
            sources[triple].add(quad.graph_name.value.rpartition("/")[2])
    return _Statements(graph, sources)


def _node(term: object) -> "Node":
    """Return an engine term as an rdflib term. A blank node gets an IRI, for reports to name (RDF 1.1, section 3.5)."""
    from rdflib import Literal as RdfLiteral
    from rdflib import URIRef

    if isinstance(term, ox.NamedNode):
        return URIRef(term.value)
    if isinstance(term, ox.Literal):
        if term.language:
            return RdfLiteral(term.value, lang=term.language)
        datatype = None if term.datatype.value == f"{XSD}string" else URIRef(term.datatype.value)
        # A lexical form is reported as it stands, not as rdflib would write it.
        return RdfLiteral(term.value, datatype=datatype, normalize=False)
    if isinstance(term, ox.BlankNode):
        return URIRef(f"{BASE}.well-known/genid/{term.value}")
    raise ValueError("triples about triples are not supported")


@cache
def _shapes(union: bool) -> "Graph":
    """Return the shapes: those for the graphs of one source, or those that compare sources. Parsed once a process."""
    from rdflib import Graph

    graph = Graph(bind_namespaces="none")
    for path in sorted(SHAPES.glob("*.ttl")):
        if (path.name == _UNION) is union:
            graph.parse(path, format="turtle")
    return graph


def _run(statements: _Statements, union: bool) -> Report:
    """Run pySHACL with everything off that fetches, executes or infers."""
    from pyshacl import validate as pyshacl_validate
    from rdflib import SH

    if union:
        _add_phase_sets(statements)
    _, results, _ = pyshacl_validate(
        statements.graph,
        shacl_graph=_shapes(union),
        ont_graph=None,
        inference="none",
        advanced=False,
        js=False,
        do_owl_imports=False,
        meta_shacl=False,
        inplace=True,
    )
    if isinstance(results, Exception):
        raise results
    findings = {_finding(results, node, statements, _shapes(union)) for node in results.objects(None, SH.result)}
    return Report(tuple(sorted(findings, key=_order)))


def _add_phase_sets(statements: _Statements) -> None:
    """State each source's phases of a study as one value: PHASE1 and PHASE2 from one source are one phase, 1/2."""
    from rdflib import Literal as RdfLiteral
    from rdflib import URIRef

    phases: dict[tuple[Node, str], set[str]] = defaultdict(set)
    for triple in statements.graph.triples((None, URIRef(_PHASE), None)):
        for source in statements.sources.get(triple, ()):
            phases[triple[0], source].add(_short(str(triple[2])))
    for (study, source), codes in phases.items():
        triple = (study, URIRef(_PHASE_SET), RdfLiteral(" and ".join(sorted(codes))))
        statements.graph.add(triple)
        statements.sources[triple].add(source)


def _finding(results: "Graph", node: "Node", statements: _Statements, shapes: "Graph") -> Finding:
    """Return one sh:ValidationResult as a Finding."""
    from rdflib import RDF, RDFS, SH

    focus, shape, severity, path = (
        results.value(node, predicate) or RDF.nil
        for predicate in (SH.focusNode, SH.sourceShape, SH.resultSeverity, SH.resultPath)
    )
    # A result about how many values there are has none itself: show them all.
    values = set(results.objects(node, SH.value)) - {focus} or set(statements.graph.objects(focus, path))
    terms = {_term(value): _said(value, statements.sources.get((focus, path, value), ())) for value in values}
    return Finding(
        focus=str(focus),
        path=_path(path),
        value="; ".join(said for _, said in sorted(terms.items())) or None,
        shape=str(shape),
        rule=str(shapes.value(shape, RDFS.label)),
        severity=next(name for name in _SEVERITIES if severity == SH[name]),
        message=" ".join(sorted(str(message) for message in results.objects(node, SH.resultMessage))),
        terms=tuple(sorted(terms)),
    )


def _path(path: "Node") -> str | None:
    """Return the property a result is about, when it is a single one."""
    from rdflib import RDF, URIRef

    if path == RDF.nil or not isinstance(path, URIRef):
        return None
    return _PHASE if str(path) == _PHASE_SET else str(path)


def _order(finding: Finding) -> tuple[object, ...]:
    rank = _SEVERITIES.index(finding.severity)
    return (finding.focus, rank, finding.shape, finding.path or "", finding.terms, finding.message)


def _said(value: "Node", sources: Iterable[str]) -> str:
    said = _short(str(value))
    return f"{said} ({', '.join(sorted(sources))})" if sources else said


def _printable(text: str) -> str:
    """Return text from a source on one line, not too long, and without characters that command a terminal."""
    line = "".join(character if character.isprintable() else "\ufffd" for character in " ".join(text.split()))
    return line if len(line) <= _LONGEST_VALUE else f"{line[:_LONGEST_VALUE]}…"


def _short(text: str) -> str:
    """Return an IRI of ours without what all of them share; other text stays as it is."""
    for base in (VALUES, ONTOLOGY, SHAPE, *PREFIXES.values()):
        if text.startswith(base):
            return text.removeprefix(base).partition("-")[2] if base == VALUES else text.removeprefix(base)
    name = text.removeprefix(BASE)
    part = name.partition("/")[2].partition("/")[2]
    return part if name.startswith("study/") and part else name


def _term(value: "Node") -> str:
    """Return an rdflib term in N-Triples syntax."""
    from rdflib import Literal as RdfLiteral

    if not isinstance(value, RdfLiteral):
        return f"<{value}>"
    if value.language:
        return f"{literal(str(value))}@{value.language}"
    return f"{literal(str(value))}^^<{value.datatype}>" if value.datatype else literal(str(value))


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
