"""A query with SERVICE has the solutions that it would have if all data were in one store."""

import asyncio
import json
import re
from collections.abc import Iterator
from itertools import islice

import pyoxigraph as ox
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from app.errors import BadRequest, QueryRefused, QuerySyntaxError, ServiceTooLarge
from app.federation.client import Client
from app.federation.federation import Explanation, Federation
from app.federation.results import solutions as read_solutions
from app.settings import Settings
from app.store.base import Answer, Query
from app.store.evaluation import evaluate
from tests.app.federation.stub import JSON, Stub, answered, send, serving, solutions, turtle

PREFIX = "PREFIX : <http://e/> "
ENDPOINTS = ("http://127.0.0.1:1/one", "http://127.0.0.1:1/two")
NODES = [f":n{number}" for number in range(4)]
XSD = "http://www.w3.org/2001/XMLSchema#"
LITERALS = [
    *("1", f'"01"^^<{XSD}integer>', f'"1"^^<{XSD}int>', "1.0", "1e0", f'"NaN"^^<{XSD}double>', "true"),
    *('"x"', '"x"@en', '"x"@en-GB', '"x"@EN-gb', "'\\\\ \\\" \\n é'", "'\\\" \\t'@de", f'"1"^^<{XSD}boolean>'),
    *(f'"2010-01-01{zone}"^^<{XSD}date>' for zone in ("", "Z", "+00:00")),
    *(f'"2010-01-01T00:00:00{rest}"^^<{XSD}dateTime>' for rest in ("Z", ".0Z", "")),
    *(f'"P1Y"^^<{XSD}duration>', f'"P12M"^^<{XSD}duration>', '"x"^^:own', f'"one"^^<{XSD}integer>'),
]
VARIABLES = ["?a", "?b", "?c", "?d"]

triples = st.lists(
    st.tuples(st.sampled_from(NODES), st.sampled_from([":p", ":q"]), st.sampled_from([*NODES, *LITERALS, '"x"', "1"])),
    max_size=8,
)
subject, value = st.sampled_from(VARIABLES), st.sampled_from([*VARIABLES, *VARIABLES, ":n1", *LITERALS[:2]])
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
    st.lists(st.sampled_from([*NODES, "UNDEF", *LITERALS]), max_size=3),
)
named = st.lists(st.sampled_from(ENDPOINTS), unique=True).map(
    lambda ends: f"VALUES ?e {{ {' '.join(f'<{end}>' for end in ends)} }}"
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
        kinds.append(st.builds(lambda ends, text: f"{ends} SERVICE ?e {text}", named, braced))
        kinds.append(st.builds(lambda ends, text: f"SERVICE ?e {text} {ends}", named, braced))
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


def group_at(text: str, start: int) -> str:
    """The group in braces that begins there; no literal of these tests has braces."""
    depth = 0
    for end in range(start, len(text)):
        depth += (text[end] == "{") - (text[end] == "}")
        if depth == 0:
            return text[start : end + 1]
    raise AssertionError(text)


def reference(text: str, store: ox.Store) -> list[tuple[str, ...]]:
    while named := re.search(r"SERVICE \?e ", text):
        inside = group_at(text, named.end())
        # Not GRAPH ?e, whose variable the engine binds inside the group already.
        each = " UNION ".join(f"{{ GRAPH <{end}> {inside} VALUES ?e {{ <{end}> }} }}" for end in ENDPOINTS)
        text = f"{text[: named.start()]} {{ {each} }} {text[named.end() + len(inside) :]}"
    text = text.replace("SERVICE", "GRAPH")
    assume(sum(1 for _ in islice(store.query(text), 2001)) <= 2000)  # Products of all with all say no more.
    return solutions(store.query(text).serialize(format=ox.QueryResultsFormat.JSON))


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
    try:
        answer = asyncio.run(federation.answer(Query(text), ask, explanation))
    except BadRequest as error:
        assert "SERVICE ?e" in error.message, text  # where something leaves the endpoint open
        return
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


def test_blocks_grow_with_what_an_endpoint_takes_well(endpoint: Stub) -> None:
    explanation = Explanation([], [])
    text = f"{PREFIX} SELECT ?l {{ ?s :mesh ?m SERVICE <{endpoint.url}> {{ ?m :label ?l }} }}"
    caps = f"{endpoint.url} 9999"  # Nothing is asked to find out what is told.
    assert len(solutions(answered(text, studies(2500), endpoint, explanation=explanation, service_caps=caps))) == 2500
    sizes = [sent["rows"] for sent in explanation.requests]
    assert sizes == [144] * 4 + [481] * 4


def test_what_binds_a_clause_is_not_looked_up_for_each_of_its_solutions(endpoint: Stub) -> None:
    # Twenty wards have a hundred people each, one of whom is in the study: the engine is to begin with those.
    people = turtle(
        " ".join(f":h{n} :ward :m{n % 20} ." for n in range(2000)) + " ".join(f":h{n} :in :s ." for n in range(20))
    )
    explanation = Explanation([], [])
    clause = f"SERVICE <{endpoint.url}> {{ ?w :label ?l }}"
    text = f"{PREFIX} SELECT ?h ?l {{ ?h :ward ?w . FILTER(?h != :h3) {clause} ?h :in :s }}"
    found = solutions(answered(text, people, endpoint, explanation=explanation))
    assert found == sorted((f"<http://e/h{n}>", f'"L{n}"') for n in range(20) if n != 3)
    assert explanation.query is not None
    together = explanation.query.partition("SELECT *")[2].partition("VALUES")[0]
    assert ":ward" in together
    assert ":in" in together


def test_services_in_one_query_bind_each_other(endpoint: Stub) -> None:
    with serving(turtle(":x :code 7 , 8 .")) as other:
        explanation = Explanation([], [])
        text = f"""{PREFIX} SELECT ?l {{ SERVICE <{endpoint.url}> {{ ?m :label ?l }}
            SERVICE <{other.url}> {{ ?x :code ?c BIND(IRI(CONCAT('http://e/m', STR(?c))) AS ?m) }} ?z :mesh ?m }}"""
        found = solutions(answered(text, studies(20), endpoint, other, explanation=explanation))
        assert found == [('"L7"',), ('"L8"',)]


def test_a_variable_endpoint_is_asked_for_what_stands_beside_it() -> None:
    with (
        serving(turtle(":m1 :label 'one' . :m2 :label 'two' .")) as one,
        serving(turtle(":m1 :label 'eins' . :m2 :label 'zwei' .")) as two,
    ):
        local = turtle(f":s1 :mesh :m1 ; :at <{one.url}> . :s2 :mesh :m2 ; :at <{two.url}> .")
        text = f"{PREFIX} SELECT ?s ?l {{ ?s :mesh ?m ; :at ?e SERVICE ?e {{ ?m :label ?l }} }}"
        explanation = Explanation([], [])
        rows = solutions(answered(text, local, one, two, explanation=explanation))
        assert rows == [('"one"', "<http://e/s1>"), ('"zwei"', "<http://e/s2>")]
        assert [len(stub.queries) for stub in (one, two)] == [1, 1]
        assert "http://e/m1" in one.queries[0] and "http://e/m2" not in one.queries[0]
        assert {step["endpoint"] for step in explanation.plan} == {one.url, two.url}


def test_a_silent_variable_endpoint_has_one_solution_where_it_cannot_be_asked() -> None:
    with serving(turtle(":m1 :label 'one' .")) as stub:
        ends = f"<{stub.url}> <http://e/not-on-the-list> 'no address'"
        text = f"{PREFIX} SELECT ?e ?l {{ VALUES ?e {{ {ends} }} SERVICE SILENT ?e {{ ?m :label ?l }} }}"
        if_not = answered(text.replace("'no address'", ""), turtle(""), stub)
        assert solutions(if_not) == [(f"<{stub.url}>", '"one"'), ("<http://e/not-on-the-list>", "None")]
        with pytest.raises(BadRequest, match="no address"):
            answered(text, turtle(""), stub)


TYPED = [
    *("42", "-1.5", "1e3", "true", '"2010-05-01"^^xsd:date', '"2010-05-01T10:00:00Z"^^xsd:dateTime', '"x"@en'),
    *('"x"@pt-BR', '"2010"^^xsd:gYear', '"2010-05-01Z"^^xsd:date', '"a\\"b\\\\c\\nd"@de', '"own"^^:type', '"{?x}"'),
]


@pytest.mark.parametrize("term", TYPED)
def test_literals_are_sent_and_join_as_terms(term: str) -> None:
    prefixes = "@prefix xsd: <http://www.w3.org/2001/XMLSchema#> ."
    others = [*TYPED, *("42.0", "4.2e1", '"42"', '"x"', "43")]
    data = f"{prefixes} " + " ".join(f":r{n} :value {other} ." for n, other in enumerate(others))
    with serving(turtle(data)) as stub:
        local = turtle(f"{prefixes} :s :value {term} .")
        explanation = Explanation([], [])
        text = f"{PREFIX} SELECT ?r {{ :s :value ?v SERVICE <{stub.url}> {{ ?r :value ?v }} }}"
        found = solutions(answered(text, local, stub, explanation=explanation))
        assert found == [(f"<http://e/r{others.index(term)}>",)]
        assert explanation.plan[0]["bound_by"] == ("v",) and explanation.requests[0]["rows"] <= 3


def test_an_endpoint_that_spells_numbers_its_own_way_joins_all_the_same() -> None:
    """This store writes 1 for 01 and en-gb for en-GB; what an endpoint keeps as it was written is the same here."""
    rows = [
        {"r": {"type": "uri", "value": f"http://e/r{n}"}, "v": {"type": "literal", "value": value} | kind}
        for n, (value, kind) in enumerate(
            [
                ("01", {"datatype": f"{XSD}integer"}),
                ("1.0", {"datatype": f"{XSD}decimal"}),
                ("x", {"xml:lang": "en-GB"}),
            ]
        )
    ]
    body = json.dumps({"head": {"vars": ["r", "v"]}, "results": {"bindings": rows}}).encode()
    with serving() as stub:
        stub.behave = lambda handler, query: send(handler, 200, JSON, body)
        text = f"{PREFIX} SELECT ?r {{ :s :value ?v SERVICE <{stub.url}> {{ ?r :value ?v }} }}"
        found = solutions(answered(text, turtle(":s :value '01'^^<" + XSD + "integer> , 'x'@en-gb ."), stub))
        assert found == [("<http://e/r0>",), ("<http://e/r2>",)]
        assert "?v IN (" in stub.queries[0] and 'STR(?v) IN ("x")' in stub.queries[0]


def test_a_value_in_two_blocks_brings_its_solutions_once() -> None:
    with serving(turtle(":r1 :of :m1 ; :value 1 . :r2 :of :m1 ; :value 1.0 . :r3 :of :m2 ; :value 1 .")) as stub:
        text = f"{PREFIX} SELECT ?r {{ ?s :mesh ?m ; :value ?v SERVICE <{stub.url}> {{ ?r :of ?m ; :value ?v }} }}"
        local = turtle(":s :mesh :m1 , :m2 ; :value 1 , 1.0 .")
        settings = Settings(service_allow=stub.url, service_cache_seconds=0)
        federation = Federation(settings)
        federation._client.blocks = {target.key: 1 for target in federation._client.policy.targets.values()}

        async def ask(query: Query) -> Answer:
            return Answer(*evaluate(local, query), 1)

        async def run() -> bytes:
            try:
                return (await federation.answer(Query(text), ask)).body
            finally:
                await federation.close()

        assert solutions(asyncio.run(run())) == [(f"<http://e/r{n}>",) for n in (1, 2, 3)]


@pytest.mark.parametrize("cap", [7, 10, 37, 100, 137, 1000])
def test_a_cap_that_an_endpoint_does_not_tell_is_found(cap: int) -> None:
    data = " ".join(f":m{n} :part {', '.join(str(part) for part in range(6))} ." for n in range(90))
    with serving(turtle(data), cap=cap) as capped:
        text = f"{PREFIX} SELECT ?o {{ ?s :mesh ?m SERVICE <{capped.url}> {{ ?m :part ?o }} }}"
        told = {"service_caps": f"{capped.url} {cap}"} if cap < 10 else {}
        assert len(solutions(answered(text, studies(90), capped, **told))) == 540


def test_a_cap_that_was_found_is_listed() -> None:
    data = " ".join(f":m{n} :part {n} ." for n in range(400))
    with serving(turtle(data), cap=137) as capped:
        federation = Federation(Settings(service_allow=capped.url))
        local = studies(200)

        async def ask(query: Query) -> Answer:
            return Answer(*evaluate(local, query), 1)

        async def run() -> None:
            text = f"{PREFIX} SELECT * {{ ?s :mesh ?m SERVICE <{capped.url}> {{ ?m :part ?o }} }}"
            federation._client.blocks = {target.key: 150 for target in federation._client.policy.targets.values()}
            assert len(solutions((await federation.answer(Query(text), ask)).body)) == 200
            await federation.close()

        asyncio.run(run())
        assert [listed["rows_at_most"] for listed in federation.endpoints()] == [137]


def test_a_cap_below_what_one_binding_has_is_an_error() -> None:
    data = f":m0 :part {', '.join(str(part) for part in range(500))} ."
    with serving(turtle(data), cap=137) as capped:
        text = f"{PREFIX} SELECT ?o {{ ?s :mesh ?m SERVICE <{capped.url}> {{ ?m :part ?o }} }}"
        with pytest.raises(ServiceTooLarge, match="gave 137 of 500 rows"):
            answered(text, studies(400), capped)
        with pytest.raises(ServiceTooLarge, match="gave 137 of 500 rows"):
            answered(f"{PREFIX} SELECT ?o {{ SERVICE <{capped.url}> {{ ?m :part ?o }} }}", studies(1), capped)


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


BLANK_DATA = ":m1 :part [ :n 1 ] , :x , 'text' . :m2 :part [ :n 2 ] , [ :n 3 ] ; :other [ :n 4 ] ."


@pytest.mark.parametrize(
    "text",
    [
        "SELECT (isBlank(?b) AS ?is) (isIRI(?b) AS ?iri) (isLiteral(?b) AS ?literal) { CLAUSE }",
        "SELECT (COALESCE(STR(?b), 'none') AS ?text) (COALESCE(isURI(?none), 7) AS ?seven) { CLAUSE }",
        "SELECT (COALESCE(<http://www.w3.org/2001/XMLSchema#string>(?b), 'none') AS ?text) { CLAUSE }",
        "SELECT ?m { CLAUSE FILTER(isBlank(?b)) }",
        "SELECT ?m { CLAUSE FILTER(!isBlank(?b) && STRLEN(STR(?b)) > 3) }",
        "SELECT ?m { CLAUSE FILTER EXISTS { ?s :mesh ?m FILTER(isBlank(?b)) } }",
        "SELECT ?m { ?s :mesh ?m OPTIONAL { CLAUSE FILTER(isIRI(?b)) } }",
        "SELECT ?is { CLAUSE BIND(?b AS ?c) BIND(isBlank(?c) AS ?is) }",
        "SELECT ?is { { SELECT (IF(?m = :m1, ?b, :y) AS ?c) { CLAUSE } } BIND(isBlank(?c) AS ?is) }",
        "SELECT (COUNT(DISTINCT ?b) AS ?n) (MAX(?m) AS ?last) { CLAUSE } GROUP BY isBlank(?b)",
        "SELECT (isBlank(?b) AS ?is) { CLAUSE } ORDER BY ?b LIMIT 3",
        "SELECT (isBlank(?b) AS ?is) { CLAUSE } ORDER BY DESC(?b) ?m LIMIT 2",
        "SELECT (isBlank(?b) AS ?is) { CLAUSE } ORDER BY STR(?m) ASC(?b) BOUND(?b) OFFSET 1",
        "SELECT ?m (isBlank(?b) AS ?is) { { SELECT ?m ?b { CLAUSE } ORDER BY ?b LIMIT 3 } }",
    ],
)
def test_blank_nodes_are_told_from_iris(text: str) -> None:
    local = studies(3)
    with serving(turtle(BLANK_DATA)) as stub:
        everything = ox.Store()
        everything.extend([*local, *(ox.Quad(*quad.triple, ox.NamedNode(stub.url)) for quad in turtle(BLANK_DATA))])
        clauses = [f"{kind} <{stub.url}> {{ ?m :part ?b }}" for kind in ("GRAPH", "SERVICE")]
        here, there = [PREFIX + text.replace("CLAUSE", clause) for clause in clauses]
        expected = solutions(everything.query(here).serialize(format=ox.QueryResultsFormat.JSON))
        assert solutions(answered(there, local, stub)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "SELECT (MIN(?b) AS ?least) { CLAUSE }",
        "SELECT (GROUP_CONCAT(?b) AS ?all) { CLAUSE }",
        "SELECT (STR(COALESCE(?none, ?b)) AS ?text) { CLAUSE }",
        "SELECT ?m { CLAUSE } ORDER BY COALESCE(?none, ?b)",
        "SELECT ?m { CLAUSE BIND(?b AS ?c) } ORDER BY IF(true, ?c, ?m)",
    ],
)
def test_where_they_cannot_be_told_apart_is_refused(text: str) -> None:
    with serving(turtle(BLANK_DATA)) as stub, pytest.raises(QueryRefused, match="answers with blank nodes, and"):
        answered(PREFIX + text.replace("CLAUSE", f"SERVICE <{stub.url}> {{ ?m :part ?b }}"), studies(3), stub)


def test_other_variables_than_those_with_blank_nodes_are_as_ever() -> None:
    with serving(turtle(BLANK_DATA)) as stub:
        clause = f"SERVICE <{stub.url}> {{ ?m :other ?b FILTER(isBlank(?b)) }}"
        text = f"{PREFIX} SELECT (MIN(?m) AS ?first) (GROUP_CONCAT(STR(?m)) AS ?all) {{ {clause} }}"
        assert solutions(answered(text, studies(3), stub)) == [('"http://e/m2"', "<http://e/m2>")]


@pytest.mark.parametrize(
    ("pattern", "error", "said"),
    [
        ("?s :mesh ?m SERVICE ?e { ?s ?p ?o }", BadRequest, "SERVICE .e cannot be asked: nothing"),
        ("{ SELECT * { SERVICE ?e { ?s ?p ?o } } } VALUES ?e { <URL> }", BadRequest, "nothing that is joined"),
        ("{ ?s :mesh ?e } UNION { ?e :mesh ?s } SERVICE ?e { ?s ?p ?o }", QueryRefused, "not on this service's list"),
        ("?s :mesh ?e SERVICE ?e { ?s ?p ?o }", QueryRefused, "<http://e/m0> is not available"),
        ("VALUES ?e { <URL> <http://e/x> } SERVICE ?e { ?s ?p ?o }", QueryRefused, "<http://e/x> is not available"),
        ("VALUES ?e { <URL> UNDEF } SERVICE ?e { ?s ?p ?o }", BadRequest, "solutions that do not bind"),
        ("OPTIONAL { ?s :at ?e } SERVICE ?e { ?s ?p ?o }", BadRequest, "do not bind"),
        ("VALUES ?e { 'URL' } SERVICE ?e { ?s ?p ?o }", BadRequest, '"URL", which is no address'),
        ("?s :mesh ?m BIND(BNODE() AS ?e) SERVICE ?e { ?s ?p ?o }", BadRequest, "cannot be asked"),
        ("VALUES ?e { <URL> } SERVICE <URL> { SERVICE ?e { ?s ?p ?o } }", BadRequest, "stands in another SERVICE"),
        ("SERVICE <http://other.example/> { ?s ?p ?o }", QueryRefused, "not on this service's list"),
        ("SERVICE <http://u@127.0.0.1/> { ?s ?p ?o }", BadRequest, "user name"),
        ("SERVICE <http://> { ?s ?p ?o }", BadRequest, "no host"),
        ("SERVICE <http://[::1> { ?s ?p ?o }", BadRequest, "no valid IRI"),
        ("SERVICE ex:x { ?s ?p ?o }", BadRequest, "ex:x names no address: its prefix is not declared"),
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
    with pytest.raises(error, match=said.replace("URL", endpoint.url)):
        answered(f"{PREFIX} SELECT * {{ {pattern.replace('URL', endpoint.url)} }}", studies(1), endpoint)
    assert len(endpoint.queries) == before


def test_more_rows_than_allowed_are_an_error() -> None:
    assert read_solutions(b'{"results":{"bindings":[]}}', False, ["a"], 1, "urn:x:").rows == []
