"""The union of the named graphs, which every generation holds ready in its unnamed graph.

The default graph that people ask is the union. The engine can put it together while it answers, but before version 0.6
it then finds a triple once for each graph it stands in, and so miscounts (oxigraph#1919); the same happens where a
query names several graphs with FROM. So the unnamed graph is the union, as a set, and several graphs are merged first.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import cast

import pyoxigraph as ox

from app.errors import BadRequest

__all__ = [
    "MERGED",
    "UNNAMED",
    "align",
    "count_named",
    "has_blank_node",
    "merge",
    "named_quads",
    "with_union",
    "without_graphs",
]

UNNAMED = ox.DefaultGraph()
"""The graph that holds the union. It belongs to the store: nobody else writes there."""

MERGED = 500_000
"""Triples that a query may have merged for it: they take about 6 s and 220 MB."""

_STRAYS = "WHERE { ?s ?p ?o FILTER NOT EXISTS { GRAPH ?g { ?s ?p ?o } } }"
_MISSING = "WHERE { GRAPH ?g { ?s ?p ?o } FILTER NOT EXISTS { ?s ?p ?o } }"

_GRAPH = re.compile(rb' <[^<>"\s]+> \.\n')
# What could be a blank node or a comment, or stand in the text of a literal. Together they are searched much slower.
_DOUBTFUL = (re.compile(rb"_:"), re.compile(rb"\.[ \t]*#"))
_PLAIN_LINE = re.compile(
    rb"<[^<>\s]*> <[^<>\s]*> (?:<[^<>\s]*>|"
    rb'"[^"\\\n]*(?:\\.[^"\\\n]*)*"(?:\^\^<[^<>\s]*>|@[A-Za-z0-9-]+)?) <[^<>\s]+> \.'
)


def align(store: ox.Store) -> None:
    """Make the unnamed graph the union again. This looks at every quad: about 10 s a million on disk."""
    store.update(f"DELETE {{ ?s ?p ?o }} {_STRAYS} ; INSERT {{ ?s ?p ?o }} {_MISSING}")


def with_union(quads: Iterable[ox.Quad]) -> Iterator[ox.Quad]:
    """Yield each quad, and its triple for the unnamed graph. Raises BadRequest where a graph or a name is missing."""
    for quad in quads:
        if not isinstance(quad.graph_name, ox.NamedNode):
            raise BadRequest(f"{quad.triple} stands in no named graph; name one on every line. Nothing was loaded.")
        if has_blank_node(quad.triple):
            raise BadRequest(f"{quad.triple} has a blank node; give it an IRI. Nothing was loaded.")
        yield quad
        yield ox.Quad(*quad.triple)


def without_graphs(lines: bytes) -> bytes | None:
    """Return whole lines of N-Quads as N-Triples, for the unnamed graph, or None where that takes a parser.

    None says no more than that the lines are not plainly quads of named graphs without blank nodes, written with one
    space between terms. The engine's parser is still to be shown the result: here only the ends of lines are looked at.
    """
    for doubtful in chain.from_iterable(pattern.finditer(lines) for pattern in _DOUBTFUL):
        start = lines.rfind(b"\n", 0, doubtful.start()) + 1
        if not _PLAIN_LINE.fullmatch(lines, start, lines.find(b"\n", start)):
            return None
    triples, cut = _GRAPH.subn(b" .\n", lines)
    return triples if cut == lines.count(b"\n") and lines.endswith(b"\n") else None


def has_blank_node(triple: ox.Triple) -> bool:
    """Say whether the triple, or a triple that is a term of it, has a blank node."""
    return any(isinstance(t, ox.BlankNode) or (isinstance(t, ox.Triple) and has_blank_node(t)) for t in triple)


def named_quads(store: ox.Store) -> Iterator[ox.Quad]:
    """Yield all quads of named graphs, graph by graph."""
    return (quad for graph in store.named_graphs() for quad in _in(store, graph))


def count_named(store: ox.Store) -> int:
    """Count the quads of named graphs: about 1 s a million."""
    (row,) = cast(ox.QuerySolutions, store.query("SELECT (COUNT(*) AS ?quads) { GRAPH ?g { ?s ?p ?o } }"))
    return int(cast(ox.Literal, row["quads"]).value)


def merge(store: ox.Store, default: Sequence[ox.NamedNode], named: Sequence[ox.NamedNode]) -> ox.Store:
    """Return a store in memory whose unnamed graph is the union of the `default` graphs, beside the `named` ones.

    Raises BadRequest when that takes more than MERGED quads.
    """
    quads = chain(
        (ox.Quad(*quad.triple) for graph in default for quad in _in(store, graph)),
        (quad for graph in named for quad in _in(store, graph)),
    )
    memory = ox.Store()
    memory.extend(islice(quads, MERGED))
    too_many = next(quads, None) is not None
    del quads  # The engine's iterators must end on the thread that made them, whoever handles the error.
    if too_many:
        raise BadRequest(
            f"The query names several graphs of more than {MERGED:,} triples together; "
            "name one graph or fewer ones, or none to ask the union of all."
        )
    return memory


def _in(store: ox.Store, graph: ox.NamedNode | ox.BlankNode) -> Iterator[ox.Quad]:
    return store.quads_for_pattern(None, None, None, graph)
