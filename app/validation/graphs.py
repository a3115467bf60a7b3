"""Which named graphs the gate judges, and together with what: the one rule for loading RDF and for validating it.

A graph of a source is judged with what the graphs that many share say about it. Those graphs themselves, what the
service says of itself and of others, and graphs that use no term of the ontology are not for the rules to judge.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Literal

import pyoxigraph as ox

from app.description import EXAMPLES_GRAPH, PREFIXES_GRAPH, VOID_GRAPH
from loaders import gate
from loaders.emit import LINKS_GRAPH, ONTOLOGY_GRAPH, PROVENANCE_GRAPH
from loaders.gate import Report
from loaders.link.identifiers import BASE
from loaders.terms import PREFIXES

__all__ = ["SharedGraphs", "n_triples", "role_of"]

_SHARED = (LINKS_GRAPH, PROVENANCE_GRAPH)
# What the service says of itself; another service's copy must not take its place.
_OWN = (ONTOLOGY_GRAPH, EXAMPLES_GRAPH, PREFIXES_GRAPH, VOID_GRAPH)
# What the service itself says of a graph stands beside it and has passed no gate.
_FINDINGS = re.compile(re.escape(BASE) + r"graph/.*/(?:report|disagreements)")
_DERIVED_FROM = ox.NamedNode(PREFIXES["prov"] + "wasDerivedFrom")
_TW = PREFIXES["tw"].encode()


def role_of(graph: str | None) -> Literal["source", "shared", "findings", "own"]:
    """Say what a graph of this name is; RDF outside named graphs (None) is a source. Only sources are judged."""
    if graph is None:
        return "source"
    if graph in _SHARED:
        return "shared"
    if graph in _OWN:
        return "own"
    return "findings" if _FINDINGS.fullmatch(graph) else "source"


class SharedGraphs:
    """What the graphs that many sources share say of each: its provenance, and the links derived from it."""

    def __init__(self, triples: Iterable[ox.Triple]) -> None:
        self._about: dict[str, list[ox.Triple]] = defaultdict(list)
        self._links: dict[str, list[str]] = defaultdict(list)
        for triple in triples:
            subject = getattr(triple.subject, "value", "")
            self._about[subject].append(triple)
            if triple.predicate == _DERIVED_FROM and isinstance(triple.object, ox.NamedNode):
                self._links[triple.object.value].append(subject)

    def provenance(self, graph: str) -> list[ox.Triple]:
        """Where the graph comes from, and how it was loaded."""
        return [triple for subject in (graph, f"{graph}#load") for triple in self._about.get(subject, ())]

    def judged(self, graph: str | None, triples: bytes) -> Report | None:
        """The gate's report on the graph of a source (N-Triples); None where it uses no term that rules are about."""
        if _TW not in triples:
            return None
        return gate.validate(triples + n_triples(self._said_of(graph)) if graph else triples)

    def _said_of(self, graph: str) -> Iterator[ox.Triple]:
        yield from self.provenance(graph)
        for subject in self._links.get(graph, ()):
            yield from self._about[subject]


def n_triples(triples: Iterable[ox.Triple]) -> bytes:
    """The triples as N-Triples."""
    return ox.serialize(triples, format=ox.RdfFormat.N_TRIPLES) or b""
