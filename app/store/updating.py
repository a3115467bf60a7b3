"""SPARQL updates on a store whose unnamed graph is the union of its named graphs.

The engine reads templates and data and finds the solutions of a WHERE; which quads go and which come is worked out from
these here, and `write` changes exactly those, together with the union. So an update costs what it touches, however
large the store is, and the union is never out of line: the engine's own updates know nothing of it, and a template
cannot simply be written twice, because `[]` and `?graph` mean something else there.
"""

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, cast
from uuid import uuid4

import pyoxigraph as ox

from app.errors import BadRequest
from app.sparql.tokens import tokens
from app.sparql.update import Data, Manage, Modify, Step, Transfer, steps
from app.store.base import DEFAULT_GRAPH, Query
from app.store.evaluation import dataset, resolved, syntax_error
from app.store.union import UNNAMED

__all__ = ["read_graph", "run_update", "write"]

_DEFAULT = ox.NamedNode(DEFAULT_GRAPH)

_CHUNK = 50_000
"""Quads of a graph that is cleared which are in memory together, about 25 MB."""

_Operation = Data | Modify | Manage | Transfer
_Graph = ox.NamedNode | ox.BlankNode
_Solution = Sequence[Any]


def run_update(
    store: ox.Store,
    text: str,
    using: tuple[str, ...] | None = None,
    using_named: tuple[str, ...] | None = None,
    base_iri: str | None = None,
) -> frozenset[str]:
    """Run the operations of the update one after the other, and return the names of the graphs that it wrote to.

    `using` and `using_named` are the protocol's dataset for every WHERE (W3C SPARQL 1.1 Protocol, section 2.2.3).
    Raises QuerySyntaxError, and BadRequest for what cannot be done; then the store may be half changed.
    """
    parts = list(steps(text))
    touched: set[_Graph] = set()
    for step in parts:
        _check(text, step, base_iri)
    for step in parts:
        one = _Operating(store, step.prologue(text), base_iri)
        one.run(_with_dataset(step.operation, using, using_named))
        touched |= one.touched
    return frozenset(graph.value for graph in touched)


def _with_dataset(
    operation: _Operation, using: tuple[str, ...] | None, using_named: tuple[str, ...] | None
) -> _Operation:
    """The operation with the protocol's dataset, where it has a WHERE and there is one."""
    if not isinstance(operation, Modify) or (using is None and using_named is None):
        return operation
    if operation.with_graph or operation.using or operation.using_named:
        raise BadRequest(
            "The request names a dataset and the update has WITH or USING; only one of them can "
            "(SPARQL 1.1 Protocol, section 2.2.3)."
        )
    return replace(operation, using=_written(using), using_named=_written(using_named))


def _written(graphs: tuple[str, ...] | None) -> tuple[str, ...]:
    return tuple(str(ox.NamedNode(graph)) for graph in graphs or ())


def write(store: ox.Store, removed: set[ox.Quad], added: set[ox.Quad]) -> None:
    """Take the quads of named graphs out, put the others in, and have the unnamed graph follow.

    A quad in both sets stays, as deletions come first (W3C SPARQL 1.1 Update, section 3.1.3).
    """
    removed = {quad for quad in removed - added if quad in store}
    arriving = {ox.Quad(*quad.triple) for quad in added}
    leaving = {ox.Quad(*quad.triple) for quad in removed} - arriving
    gone = [union for union in leaving if _nowhere_else(store, union, removed)]
    store.extend(added)
    store.extend(arriving)
    for quad in (*removed, *gone):
        store.remove(quad)


def read_graph(body: bytes, media_type: str, graph: ox.NamedNode) -> set[ox.Quad]:
    """The triples of an RDF document as quads of the graph, whose name is also the base of relative IRIs.

    Blank nodes are new ones, and terms are as the engine stores them. Raises BadRequest, with the position.
    """
    form = ox.RdfFormat.from_media_type(media_type)
    assert form is not None, media_type
    memory = ox.Store()
    try:
        parsed = ox.parse(body, format=form, base_iri=graph.value, without_named_graphs=True, rename_blank_nodes=True)
        memory.extend(_in(graph, quad) for quad in parsed)
    except (SyntaxError, ValueError) as error:
        raise BadRequest(f"The graph cannot be read, so nothing was changed: {error}.") from error
    return set(memory)


def _nowhere_else(store: ox.Store, union: ox.Quad, removed: set[ox.Quad]) -> bool:
    quads = store.quads_for_pattern(union.subject, union.predicate, union.object, None)
    return all(quad.graph_name == UNNAMED or quad in removed for quad in quads)


def _check(text: str, step: Step, base_iri: str | None) -> None:
    """Have the engine read an operation. Each for itself: it reads no BASE or PREFIX after the first operation.

    Raises QuerySyntaxError with the position in the whole text.
    """
    try:
        ox.Store().update(f"{step.prologue(text)} {text[step.start : step.end]}", base_iri=base_iri)
    except RuntimeError:
        return  # In an empty store there is nothing to drop.
    except SyntaxError:
        try:
            ox.Store().update(step.alone(text), base_iri=base_iri)
        except SyntaxError as error:
            raise syntax_error(text, str(error)) from error


class _Operating:
    """One operation on a store. `touched` are the named graphs that it wrote to."""

    def __init__(self, store: ox.Store, prologue: str, base_iri: str | None) -> None:
        self.touched: set[_Graph] = set()
        self._store = store
        self._prologue = prologue
        self._base = base_iri

    def run(self, operation: _Operation) -> None:
        """Do what the operation says. Raises BadRequest where that cannot be done."""
        match operation:
            case Data():
                quads = _in_named_graphs(_quads(self._prologue, operation.block, self._base), _DEFAULT)
                self._write(*((set(), quads) if operation.insert else (quads, set())))
            case Modify():
                self._modify(operation)
            case Manage():
                self._manage(operation)
            case Transfer():
                self._transfer(operation)

    def _modify(self, operation: Modify) -> None:
        """Find the solutions of the WHERE, then delete and insert what the templates make of them."""
        default = self._name(operation.with_graph) if operation.with_graph else _DEFAULT
        delete = _Template(self._prologue, operation.delete, default, self._base)
        insert = _Template(self._prologue, operation.insert, default, self._base)
        names = list(dict.fromkeys((*delete.variables, *insert.variables)))
        text = f"{self._prologue} SELECT {' '.join(names) or '*'} WHERE {operation.where}"
        asked, arguments = self._dataset(operation)
        fill_deleted, fill_inserted = delete.bound_to(names), insert.bound_to(names)
        removed: set[ox.Quad] = set()
        added: set[ox.Quad] = set()
        solutions = cast(ox.QuerySolutions, asked.query(text, base_iri=self._base, **arguments))
        for solution in solutions:
            row = tuple(solution)
            removed.update(fill_deleted(row))
            added.update(fill_inserted(row))
        self._write(removed, added)

    def _dataset(self, operation: Modify) -> tuple[ox.Store, dict[str, Any]]:
        """The store that the WHERE is matched against, and the engine's arguments for it (section 3.1.3)."""
        if operation.using or operation.using_named:
            using, named = self._names(operation.using), self._names(operation.using_named)
            return dataset(self._store, Query("", default_graphs=using, named_graphs=named))
        return self._store, {"default_graph": [self._name(operation.with_graph)]} if operation.with_graph else {}

    def _write(self, removed: set[ox.Quad], added: set[ox.Quad]) -> None:
        self.touched.update(cast(_Graph, quad.graph_name) for quad in (*removed, *added))
        write(self._store, removed, added)

    def _manage(self, operation: Manage) -> None:
        if operation.graph == "ALL" and operation.verb != "CREATE":
            self.touched.update(self._store.named_graphs())
            self._store.clear()
            return
        for graph in self._managed(operation):
            self.touched.add(graph)
            if operation.verb == "CREATE":
                self._store.add_graph(graph)
                continue
            self._clear(graph)
            if operation.verb == "DROP":
                self._store.remove_graph(graph)

    def _managed(self, operation: Manage) -> list[_Graph]:
        match operation.graph:
            case "DEFAULT":
                return [_DEFAULT]
            case "NAMED":
                return [graph for graph in self._store.named_graphs() if graph != _DEFAULT]
        graph = self._name(operation.graph)
        exists = self._store.contains_named_graph(graph)
        if exists == (operation.verb == "CREATE"):
            if not operation.silent:
                what = "exists already" if exists else "does not exist"
                raise BadRequest(f"Graph {graph} {what}, so nothing was changed; SILENT would pass over that.")
            return []
        return [graph]

    def _clear(self, graph: _Graph) -> None:
        quads = self._store.quads_for_pattern(None, None, None, graph)
        while chunk := set(islice(quads, _CHUNK)):
            write(self._store, chunk, set())

    def _transfer(self, operation: Transfer) -> None:
        source, target = (
            _DEFAULT if term == "DEFAULT" else self._name(term) for term in (operation.source, operation.target)
        )
        if source != _DEFAULT and not self._store.contains_named_graph(source):
            if operation.silent:
                return
            raise BadRequest(f"Graph {source} does not exist, so nothing was changed; SILENT would pass over that.")
        if source == target:
            return
        self.touched.add(target)
        removed = set() if operation.verb == "ADD" else set(self._store.quads_for_pattern(None, None, None, target))
        quads = self._store.quads_for_pattern(None, None, None, source)
        self._write(removed, {_in(target, quad) for quad in quads})
        if operation.verb == "MOVE":
            self.touched.add(source)
            self._clear(source)
            self._store.remove_graph(source)

    def _name(self, term: str) -> ox.NamedNode:
        return ox.NamedNode(self._names((term,))[0])

    def _names(self, terms: tuple[str, ...]) -> tuple[str, ...]:
        """The IRIs that these terms are under the prologue."""
        return tuple(name.value for name in resolved(self._prologue, terms, self._base)) if terms else ()


class _Template:
    """The quads of a template, as the engine reads them, with variables where the text has them."""

    def __init__(self, prologue: str, block: str, default: ox.NamedNode, base_iri: str | None) -> None:
        self._places: dict[str, str] = {}
        unguessable = f"urn:uuid:{uuid4()}:"
        text, end = io.StringIO(), 0
        for token in tokens(block):
            if token.kind == "variable":
                # $x and ?x are the same variable. The index keeps any name of a variable out of the IRI.
                name = "?" + token.text[1:]
                place = self._places.setdefault(name, f"{unguessable}{len(self._places)}")
                text.write(f"{block[end : token.start]} <{place}> ")
                end = token.start + len(token.text)
        text.write(block[end:])
        self.variables = list(self._places)
        self._quads = _in_named_graphs(_quads(prologue, text.getvalue(), base_iri), default)

    def bound_to(self, names: Sequence[str]) -> "_Filling":
        """The template for solutions whose values stand in this order."""
        columns = {place: names.index(name) for name, place in self._places.items()}
        return _Filling([tuple(_part(term, columns) for term in quad) for quad in self._quads])


@dataclass(frozen=True, slots=True)
class _Nested:
    """A triple term (RDF 1.2) with a variable or a blank node somewhere in it."""

    parts: tuple[object, ...]


def _part(term: Any, columns: dict[str, int]) -> Any:
    """What stands for the term: the column of a variable, else the term itself."""
    if isinstance(term, ox.NamedNode):
        return columns.get(term.value, term)
    if isinstance(term, ox.Triple):
        return _Nested(tuple(_part(each, columns) for each in term))
    return term


class _Filling:
    """Makes the quads of a template for one solution after another."""

    def __init__(self, quads: Sequence[tuple[Any, ...]]) -> None:
        self._quads = quads

    def __call__(self, row: _Solution) -> Iterator[ox.Quad]:
        """Yield the quads for this solution; those that would be no RDF are left out (section 3.1.3)."""
        blanks: dict[ox.BlankNode, ox.BlankNode] = {}
        for quad in self._quads:
            subject, predicate, object, graph = (_filled(part, row, blanks) for part in quad)
            if (
                isinstance(subject, ox.NamedNode | ox.BlankNode)
                and isinstance(predicate, ox.NamedNode)
                and object is not None
                and isinstance(graph, ox.NamedNode)
            ):
                yield ox.Quad(subject, predicate, object, graph)


def _filled(part: Any, row: _Solution, blanks: dict[ox.BlankNode, ox.BlankNode]) -> Any:
    """The term for this solution, None where there is none. A template's blank node is a new one for each solution."""
    if isinstance(part, int):
        return row[part]
    if isinstance(part, ox.BlankNode):
        return blanks.setdefault(part, ox.BlankNode())
    if isinstance(part, _Nested):
        subject, predicate, object = (_filled(each, row, blanks) for each in part.parts)
        is_triple = isinstance(subject, ox.NamedNode | ox.BlankNode) and isinstance(predicate, ox.NamedNode)
        return ox.Triple(subject, predicate, object) if is_triple and object is not None else None
    return part


def _quads(prologue: str, block: str, base_iri: str | None) -> Iterable[ox.Quad]:
    """The quads in a block, as the engine reads them: blank nodes are new ones."""
    memory = ox.Store()
    memory.update(f"{prologue} INSERT DATA {block}", base_iri=base_iri)
    return memory


def _in_named_graphs(quads: Iterable[ox.Quad], default: ox.NamedNode) -> set[ox.Quad]:
    """The quads, those of the default graph in the graph that is it for writing."""
    return {_in(default, quad) if quad.graph_name == UNNAMED else quad for quad in quads}


def _in(graph: ox.NamedNode, quad: ox.Quad) -> ox.Quad:
    return ox.Quad(quad.subject, quad.predicate, quad.object, graph)
