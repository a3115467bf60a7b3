"""A query with SERVICE has the solutions that it would have if all data were in one store."""

import asyncio
from collections.abc import Iterator

import pyoxigraph as ox
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.errors import BadRequest, QueryRefused, QuerySyntaxError
from app.federation.client import Client
from app.federation.federation import Explanation, Federation
from app.federation.results import solutions as read_solutions
from app.settings import Settings
from app.store.base import Answer, Query
from app.store.evaluation import evaluate
from tests.app.federation.stub import Stub, answered, serving, solutions, turtle

PREFIX = "PREFIX : <http://e/> "
ENDPOINTS = ("http://127.0.0.1:1/one", "http://127.0.0.1:1/two")
NODES = [f":n{number}" for number in range(4)]
VARIABLES = ["?a", "?b", "?c", "?d"]

triples = st.lists(
    st.tuples(
        st.sampled_from(NODES), st.sampled_from([":p", ":q"]), st.sampled_from([*NODES, "1", '"x"', '"y"@en', '"x"'])
    ),
    max_size=8,
)
subject, value = st.sampled_from(VARIABLES), st.sampled_from([*VARIABLES, ":n1", '"x"'])
basic = st.builds(lambda s, p, o: f"{s} {p} {o} .", subject, st.sampled_from([":p", ":q"]), value)
bind = st.builds(lambda v, w: f"BIND(STR({v}) AS {w})", subject, st.sampled_from(["?f", "?g"]))
filters = st.builds(
    lambda v, w, op: f"FILTER({op.format(v=v, w=w)})",
    subject,
    value,
    st.sampled_from(["{v} = {w}", "{v} != {w}", "BOUND({v})", "!BOUND({v}) || {v} = {w}"]),
)
inline = st.builds(
    lambda v, rows: f"VALUES {v} {{ {' '.join(rows)} }}",
    subject,
    st.lists(st.sampled_from([*NODES, "UNDEF", '"x"', "1"]), max_size=3),
)


def groups(inner: st.SearchStrategy[str], *, services: bool) -> st.SearchStrategy[str]:
    """Elements that may stand in a group, one level further out."""
    braced = inner.map(lambda text: f"{{ {text} }}")
    kinds = [
        braced,
        st.builds(lambda left, right: f"{left} UNION {right}", braced, braced),
        braced.map(lambda text: f"OPTIONAL {text}"),
        braced.map(lambda text: f"MINUS {text}"),
        st.builds(lambda no, text: f"FILTER {no} EXISTS {text}", st.sampled_from(["", "NOT"]), braced),
        st.builds(lambda names, text: f"{{ SELECT {names} {text} }}", st.sampled_from(["*", "?a", "?a ?b"]), braced),
        braced.map(lambda text: f"{{ SELECT ?a (COUNT(*) AS ?n) {text} GROUP BY ?a }}"),
    ]
    if services:
        kinds.append(st.builds(lambda end, text: f"SERVICE <{end}> {text}", st.sampled_from(ENDPOINTS), braced))
    return st.lists(
        st.one_of(basic, basic, inline, filters, bind, *kinds, *kinds[-1:] * 4), min_size=1, max_size=3
    ).map(" ".join)


leaf = st.lists(st.one_of(basic, basic, inline, filters), min_size=1, max_size=2).map(" ".join)
patterns = groups(groups(groups(leaf, services=True), services=True), services=True).filter(
    lambda text: "SERVICE" in text
)


def loaded(*parts: tuple[list[tuple[str, str, str]], str | None]) -> ox.Store:
    store = ox.Store()
    for found, graph in parts:
        # A graph without triples does not exist, which an endpoint without triples does.
        lines = " ".join(" ".join(triple) + " ." for triple in [*found, (":z", ":z", ":z")])
        named = ox.NamedNode(graph) if graph else None
        store.load(f"@prefix : <http://e/> . {lines}".encode(), format=ox.RdfFormat.TURTLE, to_graph=named)
    return store


class Remotes:
    """Stands in for the network: each endpoint is a store in memory."""

    def __init__(self, stores: dict[str, ox.Store]) -> None:
        self.stores, self.sent = stores, 0

    async def answer(self, client: Client, target, query, sent, budget):
        self.sent += 1
        return self.stores[target.url].query(query).serialize(format=ox.QueryResultsFormat.JSON), False


def reference(text: str, store: ox.Store) -> list[tuple[str, ...]]:
    found = store.query(text.replace("SERVICE", "GRAPH"))
    return solutions(found.serialize(format=ox.QueryResultsFormat.JSON))


@given(local=triples, one=triples, two=triples, pattern=patterns, block=st.sampled_from([1, 2, 48]))
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_solutions_are_those_of_one_store_with_all_data(local, one, two, pattern, block) -> None:
    text = f"{PREFIX} SELECT * {{ {pattern} }}"
    everything = loaded((local, None), (one, ENDPOINTS[0]), (two, ENDPOINTS[1]))
    try:
        expected = reference(text, everything)
    except SyntaxError:
        return  # Such as a variable that BIND makes a second time.
    remotes = Remotes({ENDPOINTS[0]: loaded((one, None)), ENDPOINTS[1]: loaded((two, None))})
    federation = Federation(Settings(service_allow=",".join(ENDPOINTS), service_cache_seconds=0))
    federation._client.blocks = {target.key: block for target in federation._client.policy.targets.values()}
    federation._client._answer = lambda *arguments: remotes.answer(federation._client, *arguments)
    store = loaded((local, None))

    async def ask(query: Query) -> Answer:
        return Answer(*evaluate(store, query), 1)

    explanation = Explanation([], [])
    answer = asyncio.run(federation.answer(Query(text), ask, explanation))
    assert solutions(answer.body) == expected, explanation


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Stub]:
    with serving(turtle(" ".join(f":m{n} :label 'L{n}' ; :n {n} ." for n in range(3000)))) as stub:
        yield stub


def studies(count: int) -> ox.Store:
    return turtle(" ".join(f":s{n} :mesh :m{n} ." for n in range(count)))


def test_an_endpoint_is_asked_for_what_the_rest_of_the_query_can_join(endpoint: Stub) -> None:
    explanation = Explanation([], [])
    text = f"{PREFIX} SELECT ?l {{ SERVICE <{endpoint.url}> {{ ?m :label ?l }} ?s :mesh ?m }}"
    found = solutions(answered(text, studies(5), endpoint, explanation=explanation))
    assert found == [(f'"L{n}"',) for n in range(5)]
    assert [(sent["rows"], sent["endpoint"]) for sent in explanation.requests] == [(5, endpoint.url)]
    assert explanation.plan[0]["bound_by"] == ("m",)


def test_a_remote_cap_is_met_with_smaller_blocks(endpoint: Stub) -> None:
    with serving(endpoint.store, cap=100) as capped:
        text = f"{PREFIX} SELECT ?o {{ ?s :mesh ?m SERVICE <{capped.url}> {{ ?m ?p ?o }} }}"
        assert len(solutions(answered(text, studies(400), capped))) == 800


def test_services_in_one_query_bind_each_other(endpoint: Stub) -> None:
    with serving(turtle(":x :code 7 , 8 .")) as other:
        explanation = Explanation([], [])
        text = f"""{PREFIX} SELECT ?l {{ SERVICE <{endpoint.url}> {{ ?m :label ?l }}
            SERVICE <{other.url}> {{ ?x :code ?c BIND(IRI(CONCAT('http://e/m', STR(?c))) AS ?m) }} ?z :mesh ?m }}"""
        found = solutions(answered(text, studies(20), endpoint, other, explanation=explanation))
        assert found == [('"L7"',), ('"L8"',)]


def test_blank_nodes_of_an_endpoint_are_blank_nodes_in_the_answer() -> None:
    with serving(turtle(":m1 :part [ :label 'one' ] . :m2 :part [ :label 'two' ] .")) as stub:
        clause = f"SERVICE <{stub.url}> {{ ?m :part ?b . ?b :label ?l }}"
        rows = solutions(answered(f"{PREFIX} SELECT ?b ?l {{ ?s :mesh ?m {clause} }}", studies(3), stub))
        assert all(row[0].startswith("_:") for row in rows)
        assert len({row[0] for row in rows}) == 2
        graph = answered(
            f"{PREFIX} CONSTRUCT {{ ?b :label ?l }} {{ {clause} }}",
            studies(1),
            stub,
            media_type="application/n-triples",
        )
        assert graph.count(b"_:") == 2
        with pytest.raises(QueryRefused, match="blank nodes"):
            answered(f"{PREFIX} SELECT (isBlank(?b) AS ?is) {{ {clause} }}", studies(1), stub)


@pytest.mark.parametrize(
    ("pattern", "error", "said"),
    [
        ("?s :at ?e SERVICE ?e { ?s ?p ?o }", BadRequest, "variable"),
        ("SERVICE <http://other.example/> { ?s ?p ?o }", QueryRefused, "not on this service's list"),
        ("SERVICE <http://u@127.0.0.1/> { ?s ?p ?o }", BadRequest, "user name"),
        ("SERVICE <http://> { ?s ?p ?o }", BadRequest, "no host"),
        ("SERVICE :endpoint { ?s ?p ?o }", QueryRefused, "list"),
        ("SERVICE SILENT <http://other.example/> { ?s ?p ?o }", QueryRefused, "list"),
        ("BIND(EXISTS { SERVICE <URL> { ?s ?p ?o } } AS ?x)", QueryRefused, "BIND"),
        ("SERVICE <URL> { ?s ?p }", QuerySyntaxError, "line 1"),
        ("SERVICE <URL> { SERVICE <http://other.example/> { ?s ?p ?o } }", QueryRefused, "list"),
        ("{ SELECT (EXISTS { SERVICE <URL> { ?s ?p ?o } } AS ?x) {} }", QueryRefused, "cannot be planned"),
        ("LATERAL { SERVICE <URL> { ?s ?p ?o } }", QueryRefused, "LATERAL"),
        ("?s ?p <<( :a :b :c )>> SERVICE <URL> { ?s ?p ?o }", QueryRefused, "triple terms"),
    ],
)
def test_what_cannot_be_planned_is_refused_and_nothing_is_sent(
    pattern: str, error: type[Exception], said: str, endpoint: Stub
) -> None:
    before = len(endpoint.queries)
    with pytest.raises(error, match=said):
        answered(f"{PREFIX} SELECT * {{ {pattern.replace('URL', endpoint.url)} }}", studies(1), endpoint)
    assert len(endpoint.queries) == before


def test_more_rows_than_allowed_are_an_error() -> None:
    assert read_solutions(b'{"results":{"bindings":[]}}', False, ["a"], 1, "urn:x:").rows == []
