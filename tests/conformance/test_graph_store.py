"""The W3C suite for the SPARQL 1.1 Graph Store HTTP Protocol, over real HTTP, driven from its manifests."""

import httpx
import pytest
from rdflib import Graph
from rdflib.compare import isomorphic

from tests.conformance.manifest import SUITES, Entry, exchanges, read_manifest
from tests.paths import needs_shared

pytestmark = needs_shared

TESTS = list(read_manifest(SUITES / "sparql11" / "graph-store-protocol" / "manifest.ttl"))
SERVICE = "/rdf-graphs/service"


def test_the_suite_is_whole() -> None:
    assert len(TESTS) == 13


@pytest.mark.parametrize("test", TESTS, ids=str)
def test_graph_store(test: Entry, service: httpx.Client) -> None:
    service.post("/update", data={"update": "DROP ALL"}).raise_for_status()
    variables: dict[str, str] = {}
    for exchange in exchanges(test):
        url, body = exchange.path.replace("/gsp", SERVICE, 1), exchange.body
        for name, value in variables.items():
            url = url.replace(name, value)
            body = body.replace(name.encode(), value.encode()) if body else body
        answer = service.request(exchange.method, url, headers=exchange.headers, content=body)
        assert str(answer.status_code) in exchange.statuses, answer.text
        if exchange.location:
            variables[exchange.location] = answer.headers["location"]
        if exchange.method == "HEAD":
            assert answer.content == b""
        if exchange.content:
            media_type, expected = exchange.content
            assert answer.headers["content-type"].partition(";")[0] == media_type.partition(";")[0]
            assert isomorphic(Graph().parse(data=answer.text, format="turtle"), Graph().parse(data=expected))
