"""Foreign servers as endpoints: what they answer joins as it would if their data were here."""

import asyncio
from collections.abc import Iterator

import pyoxigraph as ox
import pytest

from app.federation.federation import Explanation
from app.settings import Settings
from app.store.base import ReplaceGraph
from app.store.remote import RemoteStore
from tests.app.federation.stub import asking, solutions, turtle
from tests.app.store.servers import ENGINES, server

PREFIX = "PREFIX : <http://e/> "
XSD = "http://www.w3.org/2001/XMLSchema#"
COUNT = 2500
LITERALS = [
    *("42", "-1.5", "1.5e3", "true", '"plain"', '"Schmerz"@de', '"colour"@en-GB', '"a \\"b\\" \\\\c\\n{?d}"'),
    *(f'"2010-05-01"^^<{XSD}date>', f'"2010-05-01T10:00:00Z"^^<{XSD}dateTime>', f'"2010"^^<{XSD}gYear>'),
]
DATA = " ".join(f":m{n} :label 'L{n}' ; :n {n} ." for n in range(COUNT)) + " ".join(
    f":r{n} :value {literal} ." for n, literal in enumerate(LITERALS)
)
STUDIES = " ".join(f":s{n} :mesh :m{3 * n} ." for n in range(850))
MANY = " ".join(f":s{n} :mesh :m{n} ." for n in range(2600))


def triples(text: str) -> bytes:
    return b"".join(f"{quad.triple} .\n".encode() for quad in turtle(text))


@pytest.fixture(scope="module", params=[*ENGINES, "rdflib-endpoint"])
def endpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The name of an engine, and the address at which it has DATA."""
    engine, folder = request.param, tmp_path_factory.mktemp(request.param)
    (folder / "data.nt").write_bytes(triples(DATA))
    with server(engine, folder) as environment:
        if engine != "rdflib-endpoint":
            names = {name.removeprefix("TRIALWEAVE_").lower(): value for name, value in environment.items()}
            with RemoteStore(folder / "data", Settings.model_validate(names)) as store:
                store.apply([ReplaceGraph("http://e/graph", triples(DATA))])
        yield engine, environment["TRIALWEAVE_STORE_URL"]


def answered(text: str, local: ox.Store, url: str, explanation: Explanation | None = None) -> list[tuple[str, ...]]:
    return solutions(asyncio.run(asking(f"{PREFIX} {text}", local, [url], explanation)))


def test_a_bound_join_has_the_rows_that_are_there(endpoint: tuple[str, str]) -> None:
    _, url = endpoint
    explanation = Explanation([], [])
    found = answered(
        f"SELECT ?s ?l ?n {{ ?s :mesh ?m SERVICE <{url}> {{ ?m :label ?l ; :n ?n }} }}",
        turtle(STUDIES),
        url,
        explanation,
    )
    there = range(0, COUNT, 3)
    moved = [sent["rows"] for sent in explanation.requests if "label" in sent["query"] and "COUNT" not in sent["query"]]
    assert found == sorted((f'"L{m}"', f'"{m}"^^<{XSD}integer>', f"<http://e/s{m // 3}>") for m in there)
    assert sum(moved) == len(there)


def test_blocks_do_not_outgrow_what_an_engine_takes(endpoint: tuple[str, str]) -> None:
    _, url = endpoint
    found = answered(f"SELECT ?l {{ ?s :mesh ?m SERVICE <{url}> {{ ?m :label ?l }} }}", turtle(MANY), url)
    assert found == sorted((f'"L{n}"',) for n in range(COUNT))


@pytest.mark.parametrize("number", range(len(LITERALS)), ids=LITERALS)
def test_literals_are_found(endpoint: tuple[str, str], number: int) -> None:
    _, url = endpoint
    local = turtle(f":s :value {LITERALS[number]} .")
    found = answered(f"SELECT ?r ?v {{ :s :value ?v SERVICE <{url}> {{ ?r :value ?v }} }}", local, url)
    assert [row[0] for row in found] == [f"<http://e/r{number}>"]


def test_equal_numbers_of_another_type_are_other_terms(endpoint: tuple[str, str]) -> None:
    _, url = endpoint
    for number in ("42.0", "42e0", "1500", "-1.5e0"):
        local = turtle(f":s :value {number} .")
        assert answered(f"SELECT ?r {{ :s :value ?v SERVICE <{url}> {{ ?r :value ?v }} }}", local, url) == []


def test_parts_of_a_query_that_may_have_no_match(endpoint: tuple[str, str]) -> None:
    _, url = endpoint
    local = turtle(":a :mesh :m1 . :b :mesh :m2 . :c :mesh :none .")
    optional = answered(f"SELECT ?s ?l {{ ?s :mesh ?m OPTIONAL {{ SERVICE <{url}> {{ ?m :label ?l }} }} }}", local, url)
    assert optional == sorted([('"L1"', "<http://e/a>"), ('"L2"', "<http://e/b>"), ("None", "<http://e/c>")])
    for without in (
        f"MINUS {{ SERVICE <{url}> {{ ?m :label ?l }} }}",
        f"FILTER NOT EXISTS {{ SERVICE <{url}> {{ ?m :n ?n }} }}",
    ):
        assert answered(f"SELECT ?s {{ ?s :mesh ?m {without} }}", local, url) == [("<http://e/c>",)]
    bound = turtle(f":a :mesh :m1 ; :at <{url}> .")
    assert answered("SELECT ?l { ?s :mesh ?m ; :at ?e SERVICE ?e { ?m :label ?l } }", bound, url) == [('"L1"',)]


def test_a_clause_bound_by_nothing_is_whole(endpoint: tuple[str, str]) -> None:
    _, url = endpoint
    assert len(answered(f"SELECT ?m {{ SERVICE <{url}> {{ ?m :label ?l }} }}", turtle(""), url)) == COUNT
    (row,) = answered(
        f"SELECT ?n {{ SERVICE <{url}> {{ SELECT (COUNT(*) AS ?n) {{ ?m :label ?l }} }} }}", turtle(""), url
    )
    assert row == (f'"{COUNT}"^^<{XSD}integer>',)
