import csv
import io
from pathlib import Path
from xml.etree import ElementTree

import pyoxigraph as ox
import pytest
from fastapi.testclient import TestClient

from app.main import create_app
from app.settings import Settings

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
SELECT = "SELECT ?n { ?s <https://w3id.org/trialweave/ontology#enrollmentCount> ?n } ORDER BY ?n"
CONSTRUCT = "CONSTRUCT { ?s <http://example.org/n> ?n } WHERE { ?s <ontology#cohortSize> ?n }"
PAGE_GRAPH = "https://w3id.org/trialweave/graph/DOI-10.1000%2Fabc.def/page"


def test_the_default_graph_is_the_union_of_all_graphs(client: TestClient) -> None:
    answer = client.get("/sparql", params={"query": SELECT}).json()
    assert [row["n"]["value"] for row in answer["results"]["bindings"]] == ["64", "72"]


def test_a_query_comes_by_get_by_form_and_as_a_body(client: TestClient) -> None:
    by_get = client.get("/sparql", params={"query": SELECT})
    by_form = client.post("/sparql", data={"query": SELECT})
    as_body = client.post("/sparql", content=SELECT, headers={"Content-Type": "application/sparql-query"})
    assert by_get.content == by_form.content == as_body.content
    assert {each.status_code for each in (by_get, by_form, as_body)} == {200}


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("*/*", "application/sparql-results+json"),
        ("application/json", "application/json"),
        ("application/sparql-results+xml", "application/sparql-results+xml"),
        ("text/csv", "text/csv; charset=utf-8"),
        ("text/tab-separated-values", "text/tab-separated-values; charset=utf-8"),
        (BROWSER, "text/html; charset=utf-8"),
    ],
)
@pytest.mark.parametrize("query", [SELECT, "ASK {}"])
def test_solutions_come_in_every_format(client: TestClient, query: str, accept: str, content_type: str) -> None:
    answer = client.get("/sparql", params={"query": query}, headers={"Accept": accept})
    assert (answer.status_code, answer.headers["content-type"]) == (200, content_type)
    assert "Accept" in answer.headers["vary"]


def test_the_formats_hold_what_they_say(client: TestClient) -> None:
    def ask(accept: str) -> str:
        return client.get("/sparql", params={"query": SELECT}, headers={"Accept": accept}).text

    assert list(csv.reader(io.StringIO(ask("text/csv")))) == [["n"], ["64"], ["72"]]
    xml = ElementTree.fromstring(ask("application/sparql-results+xml"))
    assert [each.text for each in xml.iter("{http://www.w3.org/2005/sparql-results#}literal")] == ["64", "72"]
    assert "<td><span>72</span></td>" in ask("text/html").replace("\n", "")


@pytest.mark.parametrize(
    "media_type",
    [
        "text/turtle",
        "application/n-triples",
        "application/rdf+xml",
        "application/ld+json",
        "application/trig",
        "application/n-quads",
    ],
)
def test_graphs_come_in_every_format(client: TestClient, media_type: str) -> None:
    answer = client.post("/sparql", data={"query": CONSTRUCT}, headers={"Accept": media_type})
    form = ox.RdfFormat.from_media_type(media_type)
    assert answer.headers["content-type"].partition(";")[0] == media_type
    assert [quad.object.value for quad in ox.parse(answer.content, format=form)] == ["36"]  # type: ignore[union-attr]


def test_the_protocol_chooses_the_dataset(client: TestClient) -> None:
    count = "SELECT (COUNT(*) AS ?n) { ?s ?p ?o }"
    parameters = {"query": count, "default-graph-uri": PAGE_GRAPH}
    answer = client.get("/sparql", params=parameters, headers={"Accept": "text/csv"})
    assert answer.text.split() == ["n", "4"]


def test_relative_iris_are_ours(client: TestClient) -> None:
    answer = client.get("/sparql", params={"query": "ASK { <study/NCT00000001> ?p ?o }"})
    assert answer.json()["boolean"] is True


@pytest.mark.parametrize(
    ("method", "parameters", "headers", "body", "status", "kind"),
    [
        ("GET", "query=SELECT", {}, b"", 400, "QuerySyntaxError"),
        ("GET", "query=", {}, b"", 400, "QuerySyntaxError"),
        ("GET", "query=INSERT+DATA+%7B%7D", {}, b"", 400, "QuerySyntaxError"),
        ("GET", "query=ASK%7B%7D&query=ASK%7B%7D", {}, b"", 400, "BadRequest"),
        ("GET", "update=CLEAR+ALL", {}, b"", 400, "BadRequest"),
        ("GET", "query=ASK%7BSERVICE+%3Chttp%3A%2F%2Fa%3E%7B%7D%7D", {}, b"", 403, "QueryRefused"),
        ("POST", "", {"Content-Type": "application/sparql-update"}, b"CLEAR ALL", 403, "WritingOff"),
        ("POST", "", {"Content-Type": "application/x-www-form-urlencoded"}, b"update=CLEAR+ALL", 403, "WritingOff"),
        ("GET", "query=ASK%7B%7D", {"Accept": "image/png"}, b"", 406, "NotAcceptable"),
        ("GET", "", {"Accept": "image/png"}, b"", 406, "NotAcceptable"),
        ("PUT", "query=ASK%7B%7D", {}, b"", 405, "MethodNotAllowed"),
        ("POST", "", {"Content-Type": "text/plain"}, b"ASK{}", 415, "UnsupportedMediaType"),
        ("POST", "", {"Content-Type": "application/sparql-query"}, b"#" * 70_000, 413, "QueryTooLarge"),
        ("POST", "", {"Content-Type": "application/sparql-query"}, b"#" * 700_000, 413, "QueryTooLarge"),
    ],
)
def test_what_goes_wrong_is_a_problem_with_its_status(
    client: TestClient, method: str, parameters: str, headers: dict[str, str], body: bytes, status: int, kind: str
) -> None:
    answer = client.request(method, "/sparql?" + parameters, headers=headers, content=body)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json()["type"] == f"https://w3id.org/trialweave/problem/{kind}"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert answer.json()["status"] == status


def test_a_syntax_error_says_where(client: TestClient) -> None:
    answer = client.get("/sparql", params={"query": "SELECT *\nWHERE {\n  ?s ?p }"})
    assert (answer.status_code, answer.json()["line"]) == (400, 3)
    assert answer.json()["column"] in (9, 10)  # The engine points at the bracket or just behind it.


def test_a_refused_method_is_answered_with_those_there_are(client: TestClient) -> None:
    assert client.put("/sparql").headers["allow"] == "GET, HEAD, OPTIONS, POST"
    assert client.options("/sparql").headers["allow"] == "GET, HEAD, POST, OPTIONS"


def test_a_bare_get_describes_the_service(client: TestClient) -> None:
    description = ox.Store()
    description.load(client.get("/sparql", headers={"Accept": "application/n-triples"}).content, ox.RdfFormat.N_TRIPLES)
    found = description.query(
        """PREFIX sd: <http://www.w3.org/ns/sparql-service-description#>
        ASK { ?service a sd:Service ; sd:endpoint <http://127.0.0.1/sparql> ; sd:supportedLanguage sd:SPARQL11Query ;
              sd:feature sd:UnionDefaultGraph }"""
    )
    assert found


def test_a_browser_gets_a_form_and_its_result_on_one_page(client: TestClient) -> None:
    form = client.get("/sparql", headers={"Accept": BROWSER}).text
    assert '<form action="/sparql" method="post"' in form
    label = "SELECT ?label { ?study ?p ?label FILTER(CONTAINS(STR(?label), '<b>')) }"
    page = client.post("/sparql", data={"query": label}, headers={"Accept": BROWSER}).text
    assert "Leeches &lt;b&gt;against&lt;/b&gt; placebo" in page
    assert "&lt;b&gt;&#39;)) }</textarea>" in page
    assert "Yes" in client.post("/sparql", data={"query": "ASK {}"}, headers={"Accept": BROWSER}).text
    graph = client.post("/sparql", data={"query": CONSTRUCT}, headers={"Accept": BROWSER}).text
    assert "&lt;http://example.org/n&gt; 36" in graph


def test_head_is_get_without_the_content(client: TestClient) -> None:
    parameters = {"query": SELECT}
    head, get = client.head("/sparql", params=parameters), client.get("/sparql", params=parameters)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == get.headers["content-length"]


def test_pages_of_other_hosts_may_ask(client: TestClient) -> None:
    origin = {"Origin": "https://elsewhere.example"}
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    preflight = client.options("/sparql", headers={**origin, **asked})
    assert preflight.headers["access-control-allow-origin"] == "*"
    assert "content-type" in preflight.headers["access-control-allow-headers"]
    refused = client.get("/sparql", params={"query": "SELECT"}, headers=origin)
    for answer in (preflight, refused):
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("query", ["CONSTRUCT WHERE { ?s ?p ?o }", "SELECT * { ?s ?p ?o }"])
def test_an_answer_beyond_the_cap_is_a_413(data: Path, query: str) -> None:
    with TestClient(create_app(Settings(data=data, workers=1, answer_bytes=1000))) as client:
        answer = client.post("/sparql", data={"query": query})
        assert (answer.status_code, answer.json()["title"]) == (413, "Answer too large")
        assert client.post("/sparql", data={"query": "ASK {}"}).status_code == 200


@pytest.mark.parametrize(
    ("form", "accept", "instead"),
    [
        ('SELECT ("a\\u0000b" AS ?x) {}', "application/sparql-results+xml", "ask for JSON or TSV"),
        ('CONSTRUCT { <x:s> <x:p> "a\\u0000b" } {}', "application/rdf+xml", "ask for Turtle or JSON-LD"),
        ('CONSTRUCT { <x:s> <http://example.org/1> "a" } {}', "application/rdf+xml", "ask for Turtle or JSON-LD"),
    ],
)
def test_what_xml_cannot_hold_is_refused_in_xml(client: TestClient, form: str, accept: str, instead: str) -> None:
    answer = client.get("/sparql", params={"query": form}, headers={"Accept": accept})
    assert (answer.status_code, answer.headers["content-type"]) == (406, "application/problem+json")
    assert instead in answer.json()["detail"]
    assert client.get("/sparql", params={"query": form}, headers={"Accept": "*/*"}).status_code == 200
