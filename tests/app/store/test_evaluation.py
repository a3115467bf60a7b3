"""Every form an answer can have, whose graphs a query sees, and what is said of queries that cannot be answered."""

import csv
import io
import json
from xml.etree import ElementTree

import pyoxigraph as ox
import pytest

from app.errors import AnswerTooLarge, BadRequest, NotAcceptable, QuerySyntaxError
from app.store import union
from app.store.base import Query
from app.store.evaluation import GRAPH_TYPES, dump, evaluate, select
from app.store.union import align

EX = "http://example.org/"
G, H = f"{EX}g", f"{EX}h"


@pytest.fixture(scope="module")
def store() -> ox.Store:
    """Two named graphs that share a triple."""
    store = ox.Store()
    store.update(
        """PREFIX : <http://example.org/>
        INSERT DATA { GRAPH :g { :a :p 1 . :b :p 2 } GRAPH :h { :a :p 1 . :c :p "drei"@de } }"""
    )
    align(store)
    return store


def subjects(store: ox.Store, text: str, **dataset: tuple[str, ...]) -> list[str]:
    """The last letters of ?s in the query's rows, in order."""
    found = select(store, Query(f"PREFIX : <{EX}> SELECT {text}", **dataset))  # type: ignore[arg-type]
    return sorted(row["s"].removeprefix(EX) for row in found)


def json_rows(body: bytes) -> int:
    return len(json.loads(body)["results"]["bindings"])


def xml_rows(body: bytes) -> int:
    return len(ElementTree.fromstring(body).findall(".//{http://www.w3.org/2005/sparql-results#}result"))


def csv_rows(body: bytes) -> int:
    return len(list(csv.reader(io.StringIO(body.decode())))) - 1


@pytest.mark.parametrize(
    ("media_type", "count", "yes"),
    [
        ("application/sparql-results+json", json_rows, b'"boolean":true'),
        ("application/sparql-results+xml", xml_rows, b"<boolean>true</boolean>"),
        ("text/csv", csv_rows, b"true"),
        ("text/tab-separated-values", csv_rows, b"true"),
    ],
)
def test_solutions_in_every_media_type(store: ox.Store, media_type, count, yes: bytes) -> None:  # type: ignore[no-untyped-def]
    body, given = evaluate(store, Query("SELECT DISTINCT ?s { ?s ?p ?o }", solutions_type=media_type))
    assert given == media_type
    assert count(body) == 3
    assert yes in evaluate(store, Query("ASK { ?s ?p ?o }", solutions_type=media_type))[0]


@pytest.mark.parametrize("media_type", GRAPH_TYPES)
def test_graphs_in_every_media_type_read_back_the_same(store: ox.Store, media_type: str) -> None:
    body, given = evaluate(store, Query("CONSTRUCT WHERE { ?s ?p ?o }", graph_type=media_type))
    integer = "http://www.w3.org/2001/XMLSchema#integer"
    assert given == media_type
    assert sorted(str(quad.triple) for quad in ox.parse(body, format=GRAPH_TYPES[media_type])) == [
        f'<{EX}a> <{EX}p> "1"^^<{integer}>',
        f'<{EX}b> <{EX}p> "2"^^<{integer}>',
        f'<{EX}c> <{EX}p> "drei"@de',
    ]


def test_a_graph_is_a_set(store: ox.Store) -> None:
    text = "CONSTRUCT { ?s ?p ?o } { ?s ?p ?o . ?x ?y ?z }"
    assert evaluate(store, Query(text, graph_type="application/n-triples"))[0].count(b"\n") == 3


def test_turtle_uses_the_prefixes_of_the_query_and_no_idle_ones(store: ox.Store) -> None:
    text = f"PREFIX ex: <{EX}> # PREFIX no: <{EX}x>\nCONSTRUCT {{ ?s ex:p ?o }} {{ ?s ex:p ?o }}"
    body, _ = evaluate(store, Query(text))
    assert f"@prefix ex: <{EX}> .".encode() in body
    assert b"ex:a ex:p 1" in body
    assert b"no:" not in body
    assert b"skos:" not in body


@pytest.mark.parametrize("media_type", GRAPH_TYPES)
def test_a_dump_holds_everything(store: ox.Store, media_type: str) -> None:
    output = io.BytesIO()
    dump(store, output, media_type)
    quads = list(ox.parse(output.getvalue(), format=GRAPH_TYPES[media_type]))
    assert len(quads) == (4 if GRAPH_TYPES[media_type].supports_datasets else 3)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("?s { ?s ?p ?o }", ["a", "b", "c"]),
        ("?s { GRAPH ?g { ?s ?p ?o } }", ["a", "a", "b", "c"]),
        ("?s { GRAPH :g { ?s ?p ?o } }", ["a", "b"]),
        ("?s FROM :g { ?s ?p ?o }", ["a", "b"]),
        ("?s FROM :g FROM :g { ?s ?p ?o }", ["a", "b"]),
        ("?s from <http://example.org/h> { ?s ?p ?o }", ["a", "c"]),
        ("?s FROM :g FROM :h { ?s ?p ?o }", ["a", "b", "c"]),
        ("?s FROM :g#FROM :x\nFROM <http://example.org/\\u0068>{ ?s ?p ?o }", ["a", "b", "c"]),
        ("?s FROM :h FROM :nothing { ?s ?p ?o }", ["a", "c"]),
        ("?s FROM :g FROM :h { GRAPH ?g { ?s ?p ?o } }", []),
        ("?s FROM :g FROM :h FROM NAMED :h { GRAPH ?g { ?s ?p ?o } }", ["a", "c"]),
        ("?s FROM :g FROM :h FROM NAMED :h { ?s ?p ?o }", ["a", "b", "c"]),
        ("?s FROM NAMED :h { ?s ?p ?o }", []),
        ("?s FROM NAMED :h { GRAPH ?g { ?s ?p ?o } }", ["a", "c"]),
        ("?s FROM :g FROM NAMED :h { ?s ?p ?o }", ["a", "b"]),
        ("?s FROM :g { GRAPH ?g { ?s ?p ?o } }", []),
        ("?s { ?s ?p ?o } # FROM :g", ["a", "b", "c"]),
        ("?s { ?s ?p ?o FILTER(?o != 'FROM :g') }", ["a", "b", "c"]),
        ("?s { ?s ?p ?o FILTER(?o != '''it's FROM''' && ?o != \"FROM\") }", ["a", "b", "c"]),
        ("?s { ?s ?p ?o MINUS { ?s :from ?from , <x:FROM> } }", ["a", "b", "c"]),
    ],
)
def test_the_query_sees_the_graphs_it_names_or_all(store: ox.Store, text: str, expected: list[str]) -> None:
    """SPARQL 1.1 Query, section 13.2."""
    assert subjects(store, text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "DESCRIBE <http://example.org/a> FROM <http://example.org/g> FROM <http://example.org/h>",
        "BASE <http://example.org/> CONSTRUCT FROM <g> FROM <h> WHERE { <a> ?p ?o }",
        "PREFIX from: <http://example.org/> CONSTRUCT FROM from:g FROM from:h WHERE { from:a ?p ?o }",
    ],
)
def test_several_graphs_are_merged_for_every_query_form(store: ox.Store, text: str) -> None:
    assert evaluate(store, Query(text, graph_type="application/n-triples"))[0].count(b"\n") == 1


def test_relative_graph_names_are_resolved_against_the_given_base(store: ox.Store) -> None:
    query = Query("SELECT (COUNT(*) AS ?n) FROM <g> FROM <h> { ?s ?p ?o }", base_iri=EX)
    assert list(select(store, query)) == [{"n": "3"}]


def test_more_than_can_be_merged_is_refused_rather_than_miscounted(
    store: ox.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = Query("SELECT * { ?s ?p ?o }", default_graphs=(G, H))
    monkeypatch.setattr(union, "MERGED", 4)
    assert len(list(select(store, query))) == 3
    monkeypatch.setattr(union, "MERGED", 3)
    with pytest.raises(BadRequest, match="several graphs of more than 3 triples"):
        select(store, query)


@pytest.mark.parametrize(
    ("text", "dataset", "expected"),
    [
        ("?s { ?s ?p ?o }", {"default_graphs": (G,)}, ["a", "b"]),
        ("?s { ?s ?p ?o }", {"default_graphs": (G, H)}, ["a", "b", "c"]),
        ("?s { ?s ?p ?o }", {"default_graphs": (G, G)}, ["a", "b"]),
        ("?s FROM :h FROM :x { ?s ?p ?o }", {"default_graphs": (G, H)}, ["a", "b", "c"]),
        ("?s { GRAPH ?g { ?s ?p ?o } }", {"default_graphs": (G, H), "named_graphs": (H,)}, ["a", "c"]),
        ("?s FROM :h { ?s ?p ?o }", {"default_graphs": (G,)}, ["a", "b"]),
        ("?s FROM NAMED :h { GRAPH ?g { ?s ?p ?o } }", {"default_graphs": (G,)}, []),
        ("?s { ?s ?p ?o }", {"named_graphs": (G,)}, []),
        ("?s { GRAPH ?g { ?s ?p ?o } }", {"named_graphs": (G,)}, ["a", "b"]),
        ("?s { GRAPH ?g { ?s ?p ?o } }", {"default_graphs": (G,)}, []),
    ],
)
def test_the_protocol_dataset_wins_over_from(
    store: ox.Store, text: str, dataset: dict[str, tuple[str, ...]], expected: list[str]
) -> None:
    """SPARQL 1.1 Protocol, section 2.1.4."""
    assert subjects(store, text, **dataset) == expected


def test_substitutions_bind_variables_and_cannot_inject(store: ox.Store) -> None:
    text = "SELECT ?s ?o { ?s ?p ?o }"
    assert len(list(select(store, Query(text, substitutions={"s": f"{EX}c"})))) == 1
    with pytest.raises(BadRequest, match="Invalid IRI"):
        evaluate(store, Query(text, substitutions={"s": "x:> ?p ?o } #"}))


@pytest.mark.parametrize(
    ("text", "line", "column", "says"),
    [
        ("SELECT * {", 1, 11, "reading stopped at line 1, column 11"),
        ("SELECT *\n{ ?s ex:p 1 }", 2, 6, "The prefix ex: at line 2, column 6 is not declared"),
        ("PREFIX a: <x:>\nSELECT * { ?s a:p 'b:c' . # d:e\n ?s :x <f:g> }", 3, 5, "The prefix : at line 3"),
        ("SELECT *\nFROM ex:g { ?s ?p ?o }", 2, 6, "The prefix ex: at line 2, column 6 is not declared"),
        ("SELECT * FROM <x:g> FROM", 1, 25, "reading stopped at line 1, column 25"),
        ("SELECT * FROM NAMED 1 {}", 1, 21, "reading stopped at line 1, column 21"),
        ("FROM <x:g> { ?s ?p ?o }", 1, 10, "reading stopped at line 1, column 10"),
        ("", 1, 1, "The text is not SPARQL"),
    ],
)
def test_a_syntax_error_says_where(store: ox.Store, text: str, line: int, column: int, says: str) -> None:
    with pytest.raises(QuerySyntaxError, match=says) as caught:
        evaluate(store, Query(text))
    assert (caught.value.line, caught.value.column) == (line, column)


def test_an_answer_beyond_the_cap_is_refused_whole(store: ox.Store) -> None:
    query = Query("SELECT * { ?s ?p ?o }")
    size = len(evaluate(store, query)[0])
    assert len(evaluate(store, query, size)[0]) == size
    with pytest.raises(AnswerTooLarge, match=f"more than {size - 1:,} bytes"):
        evaluate(store, query, size - 1)


def test_a_media_type_of_the_wrong_kind_is_refused(store: ox.Store) -> None:
    with pytest.raises(NotAcceptable, match="text/html cannot be written"):
        evaluate(store, Query("ASK {}", solutions_type="text/html"))


def test_rows_are_for_select_only(store: ox.Store) -> None:
    with pytest.raises(BadRequest, match="Only a SELECT query has rows"):
        select(store, Query("ASK {}"))


def test_unbound_variables_are_absent_from_a_row(store: ox.Store) -> None:
    text = "SELECT ?o ?nothing { <http://example.org/c> ?p ?o }"
    assert list(select(store, Query(text))) == [{"o": "drei"}]
