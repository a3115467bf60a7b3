"""What clients send is answered right, however odd it looks."""

import http.client
import json
import time
from collections.abc import Iterator
from urllib.parse import quote, urlencode

import pytest

from app.intake import load
from loaders.documents import documents
from tests.attack.live import Live, serving
from tests.paths import STUDIES

JSON, XML = "application/sparql-results+json", "application/sparql-results+xml"
TURTLE = "text/turtle"
FORM, DIRECT = "application/x-www-form-urlencoded", "application/sparql-query"
ASK = urlencode({"query": "ASK { ?s a <https://w3id.org/trialweave/ontology#Study> }"})
LONG = urlencode({"query": "ASK { ?s ?p ?o } #" + "é" * 2_000})

ACCEPTS = [
    (None, JSON),
    ("*/*", JSON),
    ("*/*;q=0.1", JSON),
    ("*/*; q=.2, image/gif", JSON),
    ("application/*;q=0.5, text/csv;q=0.4", JSON),
    ("application/sparql-results+json;charset=utf-8", JSON),
    ("application/sparql-results+xml; charset=utf-8, */*;q=0.1", XML),
    # RDF4J, Jena, Comunica, Virtuoso and SPARQLWrapper, in this order.
    (
        "application/x-sparql-star-results+json;q=0.8, application/sparql-results+json;q=0.8, "
        "application/sparql-results+xml;q=0.8, application/x-binary-rdf-results-table, application/json, text/csv",
        "application/json",
    ),
    (
        "application/sparql-results+json, application/sparql-results+xml;q=0.9, text/tab-separated-values;q=0.7, "
        "text/csv;q=0.5, application/json;q=0.2, application/xml;q=0.2, */*;q=0.1",
        JSON,
    ),
    ("application/sparql-results+json;q=1.0, application/sparql-results+xml;q=0.7", JSON),
    ("application/sparql-results+xml, text/rdf+n3, application/rdf+xml", XML),
    ("application/sparql-results+xml,application/json;q=0.9, text/javascript, application/javascript;q=0.9", XML),
]


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    data = tmp_path_factory.mktemp("requests") / "data"
    load(data, documents([str(STUDIES)]))
    with serving(data) as running:
        yield running


def send(
    live: Live, method: str, target: str, headers: dict[str, str] | None = None, body: bytes | str | None = None
) -> tuple[int, str, bytes]:
    """Send exactly this; the status, the media type and the body of the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", live.port, timeout=30)
    try:
        connection.request(method, target, body, headers or {})
        answer = connection.getresponse()
        return answer.status, (answer.headers["content-type"] or "").partition(";")[0], answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize(("accept", "expected"), ACCEPTS)
def test_every_accept_gets_what_it_likes_best(live: Live, accept: str | None, expected: str) -> None:
    status, media_type, body = send(live, "GET", f"/sparql?{ASK}", {"Accept": accept} if accept else {})
    assert (status, media_type) == (200, expected)
    assert b"true" in body


@pytest.mark.parametrize(
    ("method", "target", "headers", "body"),
    [
        ("GET", f"/sparql?{LONG}", {}, None),
        ("GET", f"/sparql?output=json&{ASK}&format=json&timeout=30000&maxrows=100", {}, None),
        ("GET", f"/sparql?default-graph-uri=&named-graph-uri=&{ASK}", {}, None),
        ("GET", f"/sparql?{ASK}&query-language=SPARQL&infer=true", {}, None),
        ("POST", "/sparql", {"Content-Type": FORM}, ASK),
        ("POST", "/sparql", {"Content-Type": f"{FORM}; charset=utf-8"}, LONG),
        ("POST", "/sparql", {"Content-Type": f'{FORM}; charset="UTF-8"'}, f"{ASK}&infer=true&queryLn=SPARQL"),
        ("POST", "/sparql", {"content-type": f"{DIRECT};charset=UTF-8"}, "ASK { ?s ?p ?o } # é".encode()),
        ("POST", "/sparql?infer=true", {"Content-Type": DIRECT}, "\ufeffASK { ?s ?p ?o }".encode()),
        ("POST", "/sparql", {"Content-Type": FORM, "Expect": "100-continue"}, ASK),
        (
            "POST",
            "/sparql",
            {"Content-Type": FORM, "Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAEA"},
            ASK,
        ),
    ],
    ids=str,
)
def test_every_way_to_send_a_query_works(
    live: Live, method: str, target: str, headers: dict[str, str], body: bytes | str | None
) -> None:
    assert send(live, method, target, headers, body) == (200, JSON, b'{"head":{},"boolean":true}')


def test_a_probe_by_head_gets_the_head_of_the_answer(live: Live) -> None:
    assert send(live, "HEAD", f"/sparql?{ASK}") == (200, JSON, b"")
    assert send(live, "HEAD", "/sparql") == (200, TURTLE, b"")


@pytest.mark.parametrize("accept", ["*/*", "text/turtle", "application/n-quads,text/turtle;q=0.6,text/html;q=0.2"])
def test_an_address_without_a_query_describes_the_service(live: Live, accept: str) -> None:
    status, _, body = send(live, "GET", "/sparql", {"Accept": accept})
    assert status == 200
    assert b"sparql-service-description#" in body
    assert f"http://127.0.0.1:{live.port}/sparql".encode() in body


def test_an_empty_group_with_ten_thousand_rows_is_answered_within_a_second_or_so(live: Live) -> None:
    """By POST, in both ways; by GET it is refused with a sentence, as no server reads such a URL."""
    rows = " ".join(f"(<http://id.nlm.nih.gov/mesh/D{number:06}>)" for number in range(10_000))
    text = f"SELECT ?study ?c {{ VALUES (?c) {{ {rows} }} ?study <https://w3id.org/trialweave/ontology#condition> ?c }}"
    for kind, body in ((FORM, urlencode({"query": text})), (DIRECT, text)):
        began = time.monotonic()
        status, _, answer = send(live, "POST", "/sparql", {"Content-Type": kind}, body)
        took = time.monotonic() - began
        assert (status, len(json.loads(answer)["results"]["bindings"])) == (200, 2)
        print(f"10,000 rows of VALUES, {len(body):,} bytes, answered in {took * 1000:.0f} ms")
        assert took < 5  # 0.1 seconds where the machine does nothing else.
    status, _, _ = send(live, "GET", f"/sparql?query={quote(text)}")
    assert status in (400, 431)
