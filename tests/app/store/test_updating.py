"""Updates mean what SPARQL says, and the unnamed graph is always exactly the union of the named ones."""

from pathlib import Path

import pyoxigraph as ox
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.errors import BadRequest, QuerySyntaxError
from app.store.base import DEFAULT_GRAPH
from app.store.embedded import EmbeddedStore
from app.store.union import UNNAMED
from app.store.updating import run_update

EX = "http://example.org/"
DEFAULT = ox.NamedNode(DEFAULT_GRAPH)

# Few names, so that triples meet in several graphs.
names = st.sampled_from(["ex:a", "ex:b", "ex:c"])
graphs = st.sampled_from(["ex:g", "ex:h"])
objects = st.one_of(names, st.sampled_from(["1", '"} ; DROP ALL # "', "'''}'''", "true"]))
triples = st.builds("{} ex:p {} .".format, names, objects)


def blocks(triple: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Quads in braces: some outside GRAPH, some in one."""
    in_graph = st.builds("GRAPH {} {{ {} }}".format, graphs, st.lists(triple, max_size=2).map(" ".join))
    return st.lists(st.one_of(triple, in_graph), max_size=3).map(lambda parts: f"{{ {' '.join(parts)} }}")


template_triples = st.builds("{} ex:p {} .".format, st.one_of(names, st.just("?s")), st.one_of(objects, st.just("?o")))
modifications = st.builds(
    "{}DELETE {} INSERT {} {}WHERE {}".format,
    st.sampled_from(["", "WITH ex:g "]),
    blocks(template_triples),
    blocks(template_triples),
    st.sampled_from(["", "USING ex:g ", "USING ex:h USING NAMED ex:g "]),
    # The default graph has a name here, so a variable finds it too: that is ruled out.
    st.sampled_from(
        ["{ GRAPH ex:g { ?s ex:p ?o } }", "{ GRAPH ?g { ?s ex:p ?o } FILTER(?g = ex:g) } # }", "{ ?s ex:p ?o }"]
    ),
)
places = st.sampled_from(["DEFAULT", "ex:g", "ex:h"])
managing = st.builds(
    "{} SILENT {}".format,
    st.sampled_from(["CLEAR", "DROP"]),
    st.sampled_from(["DEFAULT", "NAMED", "ALL", "GRAPH ex:g", "GRAPH ex:h"]),
)
operations = st.one_of(
    st.builds("INSERT DATA {}".format, blocks(triples)),
    st.builds("DELETE DATA {}".format, blocks(triples)),
    st.builds("DELETE WHERE {}".format, blocks(template_triples)),
    modifications,
    managing,
    st.builds("{} SILENT {} TO {}".format, st.sampled_from(["ADD", "MOVE", "COPY"]), places, places),
)


def named(store: ox.Store) -> set[ox.Quad]:
    return {quad for quad in store if quad.graph_name != UNNAMED}


def union(store: ox.Store) -> set[ox.Triple]:
    return {quad.triple for quad in store.quads_for_pattern(None, None, None, UNNAMED)}


def with_default_graph(store: ox.Store) -> set[ox.Quad]:
    """What an ordinary store holds, with its default graph under the name that it has here."""
    return {ox.Quad(q.subject, q.predicate, q.object, DEFAULT) if q.graph_name == UNNAMED else q for q in store}


def is_from_nowhere(operation: str, store: ox.Store) -> bool:
    """Whether a graph that does not exist is to be copied or moved.

    Then nothing happens (W3C, copy-silent and move-silent), and the engine empties the target.
    """
    verb, _, source, *_ = operation.split(" ")
    return (
        verb in ("COPY", "MOVE")
        and source != "DEFAULT"
        and not store.contains_named_graph(ox.NamedNode(source.replace("ex:", EX)))
    )


@given(st.lists(operations, min_size=1, max_size=6))
@example(["INSERT DATA { ex:a ex:p ex:a . }", "MOVE SILENT ex:g TO DEFAULT"])
def test_any_sequence_does_what_the_engine_does_with_an_ordinary_default_graph(sequence: list[str]) -> None:
    ours, reference = ox.Store(), ox.Store()
    for operation in sequence:
        text = f"PREFIX ex: <{EX}> {operation}"
        # Where the WHERE would see our union, name the same dataset for both.
        without_dataset = "WHERE { ?s" in operation and "WITH" not in operation and "USING" not in operation
        if without_dataset or operation.startswith("DELETE WHERE"):
            run_update(ours, text, (DEFAULT_GRAPH,), (f"{EX}g", f"{EX}h"))
        else:
            run_update(ours, text)
        if not is_from_nowhere(operation, reference):
            reference.update(text)
        assert named(ours) == with_default_graph(reference), operation
        assert union(ours) == {quad.triple for quad in named(ours)}, operation


def run(*texts: str) -> ox.Store:
    store = ox.Store()
    for text in texts:
        run_update(store, f"PREFIX : <{EX}> {text}", base_iri=EX)
    assert union(store) == {quad.triple for quad in named(store)}
    return store


def count(store: ox.Store, graph: str = DEFAULT_GRAPH) -> int:
    return len(list(store.quads_for_pattern(None, None, None, ox.NamedNode(graph))))


@pytest.mark.parametrize(
    ("text", "triples"),
    [
        ("INSERT DATA { [] :p [ :q (1 2) ] }", 6),
        ("INSERT DATA { :s :p :o {| :q :r |} }", 3),
        ("INSERT { :new :p [] } WHERE { VALUES ?x { 1 2 3 } }", 3),
        ("INSERT { _:b :p ?x ; :q _:b } WHERE { VALUES ?x { 1 2 } }", 4),
        ("INSERT { GRAPH ?g { :s :p 1 } } WHERE { OPTIONAL { :no :p ?g } }", 0),
        ("INSERT { ?x :p 1 . :s ?x 2 . :s :p ?x } WHERE { VALUES ?x { 3 } }", 1),
        ("INSERT DATA { <> :p <x> }", 1),
        ("INSERT DATA { :a :p 1 } ; PREFIX : <http://other.org/> INSERT DATA { :a :p 1 }", 2),
        ("INSERT DATA { :a :p 1 } ; BASE <http://other.org/> DELETE WHERE { <a> ?p ?o } ;", 1),
        ("INSERT { $s :p 2 } WHERE { BIND(:a AS ?s) }", 1),
    ],
)
def test_what_stands_outside_graph_goes_into_the_default_graph_for_writing(text: str, triples: int) -> None:
    assert count(run(text)) == triples


def test_a_where_without_a_dataset_sees_the_union() -> None:
    store = run("INSERT DATA { GRAPH :g { :a :p 1 } GRAPH :h { :b :p 1 } }", "INSERT { ?s :q 1 } WHERE { ?s :p 1 }")
    assert count(store) == 2


def test_several_graphs_of_using_are_one_set() -> None:
    data = "INSERT DATA { GRAPH :g { :a :p 1 } GRAPH :h { :a :p 1 } }"
    store = run(data, "INSERT { :n :is ?n } USING :g USING :h WHERE { SELECT (COUNT(*) AS ?n) { ?s ?p ?o } }")
    assert ox.Quad(ox.NamedNode(EX + "n"), ox.NamedNode(EX + "is"), ox.Literal(1), DEFAULT) in store


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("INSERT DATA { :a :p 1 } ;\n INSERT DATA { :a :p }", 2, 22),
        ("INSERT DATA { :a :p 1 } ;\n\n  CLEAR XYZ", 3, 9),
        ("CLEAR ALL ; PREFIX x <x>", 1, 51),
        ("DELETE DATA { :a :p ?o }", 1, 56),
        ("INSERT DATA { _:a :p 1 } ;\nINSERT DATA { _:a :p 2 }", 2, 1),
        ("INSERT DATA { x:a :p 1 }", 1, 46),
    ],
)
def test_errors_say_where_in_the_whole_update_they_are(text: str, line: int, column: int) -> None:
    with pytest.raises(QuerySyntaxError) as caught:
        run(text)
    assert (caught.value.line, caught.value.column) == (line, column)


def test_the_dataset_is_named_once() -> None:
    with pytest.raises(BadRequest, match="only one of them"):
        run_update(ox.Store(), "WITH <x:g> DELETE { ?s ?p ?o } WHERE { ?s ?p ?o }", ("x:h",))


def test_a_graph_that_is_put_brings_its_blank_nodes(tmp_path: Path) -> None:
    body = b"@prefix : <http://example.org/> . [] :p [ :q 1 ] ; :r <relative> ."
    with EmbeddedStore(tmp_path / "data") as store:
        assert store.put(f"{EX}g", [("text/turtle", body)], replace=True)
        assert not store.put(f"{EX}g", [("text/turtle", body)], replace=False)
        assert list(store.rows("SELECT (COUNT(*) AS ?n) { ?s ?p ?o }")) == [{"n": "6"}]
        assert list(store.rows(f"SELECT DISTINCT ?o {{ ?s <{EX}r> ?o }}")) == [{"o": f"{EX}relative"}]
        with pytest.raises(BadRequest, match="cannot be read"):
            store.put(f"{EX}g", [("text/turtle", b"nonsense")], replace=True)
        assert list(store.rows("SELECT (COUNT(*) AS ?n) { ?s ?p ?o }")) == [{"n": "6"}]


def test_what_a_check_refuses_is_undone(tmp_path: Path) -> None:
    def refuse(graphs: frozenset[str]) -> None:
        assert graphs == {f"{EX}g", DEFAULT_GRAPH}
        raise BadRequest("no")

    with EmbeddedStore(tmp_path / "data") as store:
        with pytest.raises(BadRequest, match="no"):
            store.update(f"INSERT DATA {{ <{EX}a> <{EX}p> 1 GRAPH <{EX}g> {{ <{EX}a> <{EX}p> 1 }} }}", check=refuse)
        assert list(store.rows("SELECT * { ?s ?p ?o }")) == []
