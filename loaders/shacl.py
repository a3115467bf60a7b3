"""SHACL validation as the gate needs it: bytes in, findings out, sorted, and the same for the same data.

    triples --engine--> Results of the shapes of one profile --with labels and values--> Findings

Two engines give the same findings, which tests hold them to: `loaders.shacl_fast`, and `loaders.shacl_reference`, which
is slower and independent of it. Each imports its libraries when it is first used.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pyoxigraph as ox

from loaders.gate import SHAPE, Engine, Finding, Severity, short
from loaders.link.identifiers import BASE
from loaders.terms import ONTOLOGY, PREFIXES

__all__ = ["SHAPES", "Profile", "Result", "Term", "findings", "shapes"]

SHAPES = Path(__file__).resolve().parent.parent / "shapes"

Profile = Literal["extracted", "registry", "union"]
"""Which rules hold: for facts read from text, for a registry's own fields, or for all sources of a study together."""

Term = ox.NamedNode | ox.Literal

_LABEL = ox.NamedNode(PREFIXES["rdfs"] + "label")
_RANKS: tuple[Severity, ...] = ("Violation", "Warning", "Info")
_REGISTRY = "registry.ttl"
_UNION = "union.ttl"
_PHASE = ox.NamedNode(ONTOLOGY + "phase")
_PHASE_SET = ox.NamedNode(SHAPE + "phaseSet")


class Result(NamedTuple):
    """One sh:ValidationResult, as an engine gives it. `path` is None where it is not a single property.

    `component` is what in the shape has found it (sh:sourceConstraintComponent); a rule speaks once for all of them.
    """

    focus: Term
    path: ox.NamedNode | None
    value: Term | None
    shape: str
    component: str
    severity: Severity
    message: str


def findings(data: bytes, profile: Profile, engine: Engine) -> tuple[Finding, ...]:
    """Validate N-Triples, or for the union the N-Quads of all graphs of a study, with the shapes of a profile.

    Raises SyntaxError or ValueError for what is not RDF, and whatever the engine raises on odd data.
    """
    statements = _Statements(data) if profile == "union" or b"_:" in data else None
    if statements and profile == "union":
        statements.add_phase_sets()
    results = _results(statements.triples() if statements else data, profile, engine)
    if not results:
        return ()
    statements = statements or _Statements(_about(results, data))
    labels = _labels(profile)
    return tuple(sorted({_finding(result, statements, labels) for result in results}, key=_order))


@cache
def shapes(profile: Profile) -> bytes:
    """Return the shapes of a profile as N-Triples. Read once a process."""
    paths = (path for path in sorted(SHAPES.glob("*.ttl")) if path.name != _REGISTRY)
    triples = [triple for path in paths if (path.name == _UNION) is (profile == "union") for triple in _turtle(path)]
    if profile == "registry":
        changes = _turtle(SHAPES / _REGISTRY)
        changed = {(triple.subject, triple.predicate) for triple in changes}
        triples = [triple for triple in triples if (triple.subject, triple.predicate) not in changed] + changes
    return _n_triples(triples)


@cache
def _labels(profile: Profile) -> dict[str, str]:
    triples = (quad.triple for quad in ox.parse(shapes(profile), format=ox.RdfFormat.N_TRIPLES))
    return {_iri(triple.subject): triple.object.value for triple in triples if triple.predicate == _LABEL}


def _turtle(path: Path) -> list[ox.Triple]:
    return [quad.triple for quad in ox.parse(path=path, format=ox.RdfFormat.TURTLE)]


def _n_triples(triples: Iterable[ox.Triple]) -> bytes:
    return ox.serialize(triples, format=ox.RdfFormat.N_TRIPLES) or b""


def _results(triples: bytes, profile: Profile, engine: Engine) -> Sequence[Result]:
    if engine == "pyshacl":
        from loaders import shacl_reference

        return shacl_reference.results(triples, shapes(profile))
    from loaders import shacl_fast

    return shacl_fast.results(triples, shapes(profile))


def _about(results: Sequence[Result], triples: bytes) -> bytes:
    """Return the statements about the focus nodes, each on its line: the others need not be parsed again."""
    if b"\\u" in triples or b"\\U" in triples:
        return triples  # An IRI can be written in more than one way.
    nodes = {str(result.focus).encode().removesuffix(b">") for result in results}
    return b"".join(line for line in triples.splitlines(True) if line.partition(b">")[0].lstrip() in nodes)


class _Statements:
    """The data, for what the engines leave out: the values of a property, and which graphs state them."""

    def __init__(self, data: bytes) -> None:
        """Read N-Triples or N-Quads. A blank node gets an IRI, so that a report can name it (RDF 1.1, section 3.5)."""
        self.graphs: dict[ox.Triple, set[str]] = defaultdict(set)
        self.values: dict[tuple[str, str], set[Any]] = defaultdict(set)
        for quad in ox.parse(data, format=ox.RdfFormat.N_QUADS):
            triple = ox.Triple(_named(quad.subject), quad.predicate, _named(quad.object))
            name = quad.graph_name
            self.add(triple, {name.value.rpartition("/")[2]} if isinstance(name, ox.NamedNode) else ())

    def add(self, triple: ox.Triple, graphs: Collection[str]) -> None:
        """Add a statement, and the names of graphs it stands in."""
        self.graphs[triple].update(graphs)
        self.values[_iri(triple.subject), triple.predicate.value].add(triple.object)

    def triples(self) -> bytes:
        """Return all statements as N-Triples."""
        return _n_triples(self.graphs)

    def add_phase_sets(self) -> None:
        """State each source's phases of a study as one value: PHASE1 and PHASE2 from one source are one phase, 1/2."""
        phases: dict[tuple[Any, str], set[str]] = defaultdict(set)
        for triple, graphs in self.graphs.items():
            if triple.predicate == _PHASE:
                for graph in graphs:
                    phases[triple.subject, graph].add(short(_text(triple.object)))
        for (study, graph), codes in phases.items():
            self.add(ox.Triple(study, _PHASE_SET, ox.Literal(" and ".join(sorted(codes)))), {graph})


def _finding(result: Result, statements: _Statements, labels: dict[str, str]) -> Finding:
    focus: Any = result.focus
    path = result.path
    # A result about how many values there are has none itself: show them all.
    values: set[Any] = {result.value} - {None, focus}
    if not values and path:
        values = statements.values.get((focus.value, path.value), set())
    said = {}
    for value in values:
        graphs = statements.graphs.get(ox.Triple(focus, path, value), ()) if _iri(focus) and path else ()
        said[str(value)] = f"{short(_text(value))} ({', '.join(sorted(graphs))})" if graphs else short(_text(value))
    return Finding(
        focus=focus.value,
        path=(_PHASE if path == _PHASE_SET else path).value if path else None,
        value="; ".join(said[term] for term in sorted(said)) or None,
        shape=result.shape,
        rule=labels[result.shape],
        severity=result.severity,
        message=result.message,
        terms=tuple(sorted(said)),
    )


def _order(finding: Finding) -> tuple[object, ...]:
    rank = _RANKS.index(finding.severity)
    return (finding.focus, rank, finding.shape, finding.path or "", finding.terms, finding.message)


def _named(term: Any) -> Any:
    return ox.NamedNode(f"{BASE}.well-known/genid/{term.value}") if isinstance(term, ox.BlankNode) else term


def _iri(term: Any) -> str:
    return term.value if isinstance(term, ox.NamedNode) else ""


def _text(term: Any) -> str:
    return str(term.value)
