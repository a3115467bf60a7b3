"""The W3C suite for the SPARQL 1.1 Protocol, over real HTTP, driven from its manifest."""

import json

import httpx
import pytest

from tests.conformance.manifest import SUITES, Entry, Exchange, exchanges, read_manifest
from tests.paths import needs_shared

pytestmark = needs_shared

PROTOCOL = SUITES / "sparql11" / "protocol"
TESTS = list(read_manifest(PROTOCOL / "manifest.ttl"))
DATA = "http://kasei.us/2009/09/sparql/data/"
FORMATS = {
    "boolean": {"application/sparql-results+json", "application/sparql-results+xml"},
    "tabular": {"application/sparql-results+json", "application/sparql-results+xml", "text/csv"},
    "RDF": {"text/turtle", "application/rdf+xml", "application/ld+json", "application/n-triples"},
}


@pytest.fixture(autouse=True)
def graphs(service: httpx.Client) -> None:
    """The three graphs that the tests ask for, whatever a test before has done to them."""
    for number in "123":
        body = (PROTOCOL / f"data{number}.nt").read_bytes()
        parameters = {"graph": f"{DATA}data{number}.rdf"}
        headers = {"Content-Type": "application/n-triples"}
        service.put("/rdf-graphs/service", params=parameters, content=body, headers=headers).raise_for_status()


def test_the_suite_is_whole() -> None:
    assert len(TESTS) == 34


@pytest.mark.parametrize("test", TESTS, ids=str)
def test_protocol(test: Entry, service: httpx.Client) -> None:
    for exchange in exchanges(test):
        answer = send(service, exchange)
        status = str(answer.status_code)
        assert {status, status[0]} & exchange.statuses, answer.text
        media_type = answer.headers.get("content-type", "").partition(";")[0]
        if exchange.form:
            assert media_type in FORMATS[exchange.form]
        if exchange.boolean is not None:
            assert json.loads(answer.content)["boolean"] is exchange.boolean
        if status[0] in "45":
            assert media_type == "application/problem+json"


def send(service: httpx.Client, exchange: Exchange) -> httpx.Response:
    url = exchange.path.replace("/sparql/", "/sparql", 1)
    request = service.build_request(exchange.method, url, headers=exchange.headers, content=exchange.body)
    for name in ("content-type", "accept"):
        if name not in exchange.headers and name in request.headers:
            del request.headers[name]
    return service.send(request)
