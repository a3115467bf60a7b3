"""What a batch of changes really changes: one SPARQL update with the triples that differ, and no others.

Reading is several times cheaper than writing, and a source that is loaded again mostly says what it said before. So
the stored triples are compared with those that are wanted, and only the difference is deleted and inserted, both in the
named graphs and in their union (see `union`).
"""

from collections.abc import Iterator, Sequence

import pyoxigraph as ox

from app.errors import BadRequest
from app.store.base import Change, ReplaceSubjects
from app.store.union import UNNAMED, has_blank_node

__all__ = ["as_update", "differences"]

_CHUNK = 5_000
"""Triples in one operation: one huge operation takes the engine 1.5 times as long as many small ones."""

_Triples = set[ox.Triple]
_Differences = dict[ox.NamedNode, tuple[_Triples, _Triples, bool]]
_ByGraph = dict[ox.NamedNode | ox.BlankNode | ox.DefaultGraph, _Triples]


def as_update(store: ox.Store, changes: Sequence[Change]) -> str:
    """The changes, made one after the other, as one update; empty when the store holds all they want already.

    Raises BadRequest for what is no IRI or no N-Triples, and for blank nodes, which no update can take out by name.
    """
    graphs = differences(store, changes)
    removed: _ByGraph = {name: goes for name, (goes, _, _) in graphs.items()}
    added: _ByGraph = {name: comes for name, (_, comes, _) in graphs.items()}
    arriving: _Triples = set().union(*added.values())
    leaving = {triple for triples in removed.values() for triple in triples if _leaves(store, triple, removed)}
    operations = [
        # Deletions come first, so that a triple which moves to another graph, or is written anew as 01, stays.
        *_operations("DELETE DATA", {UNNAMED: leaving, **removed}),
        *(f"DROP SILENT GRAPH {name}" for name, (_, _, ends) in graphs.items() if ends),
        *_operations("INSERT DATA", {UNNAMED: arriving, **added}),
    ]
    return ";\n".join(operations)


def differences(store: ox.Store, changes: Sequence[Change]) -> _Differences:
    """What the changes, made one after the other, take from each graph, what they add, and whether it ends by that.

    Raises BadRequest as `as_update` does.
    """
    graphs: dict[ox.NamedNode, _Graph] = {}
    for change in changes:
        name = _iri(change.graph)
        graphs.setdefault(name, _Graph(store, name)).take(change)
    return {name: (graph.removed(), graph.after - graph.before, graph.ends()) for name, graph in graphs.items()}


class _Graph:
    """The part of one named graph that the changes concern: as it is stored, and as it is to be."""

    def __init__(self, store: ox.Store, name: ox.NamedNode) -> None:
        self.name = name
        self.before: _Triples = set()
        self.after: _Triples = set()
        self._store = store

    def take(self, change: Change) -> None:
        """Make one change, on top of those taken before."""
        wanted = _wanted(change)
        if isinstance(change, ReplaceSubjects):
            replaced = {_iri(subject) for subject in change.subjects}
            for subject in replaced | {triple.subject for triple in wanted}:
                self._read(subject)
            self.after = {triple for triple in self.after if triple.subject not in replaced}
        else:
            self._read(None)
            self.after = set()
        self.after |= wanted

    def _read(self, subject: ox.NamedNode | ox.BlankNode | ox.Triple | None) -> None:
        """Take what the store says about the subject, or in the whole graph, into account."""
        stored = {quad.triple for quad in self._store.quads_for_pattern(subject, None, None, self.name)}
        self.after |= stored - self.before
        self.before |= stored

    def removed(self) -> _Triples:
        """What goes. Raises BadRequest when that has blank nodes."""
        removed = self.before - self.after
        if any(map(has_blank_node, removed)):
            raise BadRequest(
                f"Graph {self.name.value} holds blank nodes, which cannot be replaced; drop the graph with an update."
            )
        return removed

    def ends(self) -> bool:
        """Whether the graph is empty afterwards and was not before; then its name is to go as well."""
        if self.after or not self.before:
            return False
        return all(quad.triple in self.before for quad in self._store.quads_for_pattern(None, None, None, self.name))


def _leaves(store: ox.Store, triple: ox.Triple, removed: _ByGraph) -> bool:
    """Whether every named graph that holds the triple loses it."""
    quads = store.quads_for_pattern(triple.subject, triple.predicate, triple.object, None)
    return all(quad.graph_name == UNNAMED or triple in removed.get(quad.graph_name, ()) for quad in quads)


def _operations(verb: str, graphs: _ByGraph) -> Iterator[str]:
    """The operations on these triples; the engine's own terms write the text, so that nothing can break out of it."""
    for graph, triples in graphs.items():
        lines = [f"{triple} ." for triple in triples]
        for start in range(0, len(lines), _CHUNK):
            block = "\n".join(lines[start : start + _CHUNK])
            yield f"{verb} {{\n{block}\n}}" if graph == UNNAMED else f"{verb} {{ GRAPH {graph} {{\n{block}\n}} }}"


def _wanted(change: Change) -> _Triples:
    """The triples of the change as the engine would give them back: it stores 01 as 1, and they are to be compared."""
    memory = ox.Store()
    try:
        memory.load(change.triples, format=ox.RdfFormat.N_TRIPLES)
    except SyntaxError as error:
        raise BadRequest(f"The triples for graph {change.graph} are not N-Triples: {error}.") from error
    triples = {quad.triple for quad in memory}
    if any(map(has_blank_node, triples)):
        raise BadRequest(f"The triples for graph {change.graph} have blank nodes; give them IRIs.")
    return triples


def _iri(text: str) -> ox.NamedNode:
    try:
        return ox.NamedNode(text)
    except ValueError as error:
        raise BadRequest(f"{text!r} is not an IRI: {error}.") from error
