"""Nothing that a stranger sends makes the service reach out: no query, update, graph or document (SSRF)."""

import http.client
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote, urlencode

import pytest

from tests.attack.live import Live, serving

REFUSED = range(400, 500)
ANSWERED = range(200, 500)

# Every way to write the address of the listener, `PORT`, where a query could have it fetched.
QUERIES = {
    "plain": "SELECT * { SERVICE <http://127.0.0.1:PORT/> { ?s ?p ?o } }",
    "silent": "SELECT * { SERVICE SILENT <http://127.0.0.1:PORT/> { ?s ?p ?o } }",
    "by BASE": "BASE <http://127.0.0.1:PORT/> SELECT * { SERVICE <x> { ?s ?p ?o } }",
    "by prefix": "PREFIX a: <http://127.0.0.1:PORT/> SELECT * { SERVICE a:x { ?s ?p ?o } }",
    "by a prefix glued on": "PREFIX ex: <http://127.0.0.1:PORT/> SELECT * { SERVICEex:x { ?s ?p ?o } }",
    "inside FILTER EXISTS": "ASK { FILTER EXISTS { SERVICE <http://127.0.0.1:PORT/> { ?s ?p ?o } } }",
    "inside a subquery": "ASK { { SELECT * { SERVICE <http://127.0.0.1:PORT/> { ?s ?p ?o } } } }",
    "glued to <": "SELECT * { SERVICE<http://127.0.0.1:PORT/>{ ?s ?p ?o } }",
    "glued to a number": "SELECT * { ?s ?p 1SERVICE<http://127.0.0.1:PORT/>{ ?s ?p ?o } }",
    "behind a comment": "SELECT * { SERVICE # <x> {\n <http://127.0.0.1:PORT/> { ?s ?p ?o } }",
    "behind what looks like a comment": "SELECT * { FILTER(?a<1)#>\n SERVICE <http://127.0.0.1:PORT/> { ?s ?p ?o } }",
    "with an escape in the IRI": "SELECT * { SERVICE <http://127.0.0.1:PORT/\\u0061> { ?s ?p ?o } }",
    "with an escaped scheme": "SELECT * { SERVICE <\\u0068ttp://127.0.0.1:PORT/> { ?s ?p ?o } }",
    "with an escaped keyword": "SELECT * { \\u0053ERVICE <http://127.0.0.1:PORT/> { ?s ?p ?o } }",
    "by a variable": "SELECT * { VALUES ?v { <http://127.0.0.1:PORT/> } SERVICE ?v { ?s ?p ?o } }",
    "in lower case": "select * { service <http://127.0.0.1:PORT/> { ?s ?p ?o } }",
    "by localhost": "SELECT * { SERVICE <http://localhost:PORT/> { ?s ?p ?o } }",
    "by a number for an address": "SELECT * { SERVICE <http://2130706433:PORT/> { ?s ?p ?o } }",
}
UPDATES = {
    "LOAD": "LOAD <http://127.0.0.1:PORT/>",
    "LOAD SILENT": "LOAD SILENT <http://127.0.0.1:PORT/> INTO GRAPH <http://e/g>",
    "LOAD by BASE": "BASE <http://127.0.0.1:PORT/> LOAD <x>",
    "LOAD by prefix": "PREFIX a: <http://127.0.0.1:PORT/> LOAD a:x",
    "LOAD of a file": "LOAD <file:///etc/passwd>",
    "LOAD behind another operation": "INSERT DATA { <a:a> <a:b> 1 } ; load<http://127.0.0.1:PORT/>",
    "SERVICE in WHERE": "INSERT { ?s ?p ?o } WHERE { SERVICE <http://127.0.0.1:PORT/> { ?s ?p ?o } }",
    "SERVICE SILENT in WHERE": "DELETE { ?s ?p ?o } WHERE { SERVICE SILENT <http://127.0.0.1:PORT/> { ?s ?p ?o } }",
    "SERVICE with an escape": "INSERT { ?s ?p ?o } WHERE { SERVICE <http://127.0.0.1:PORT/\\u0061> { ?s ?p ?o } }",
}
# The engine knows these for names of graphs, and there are none such: the answer is empty.
DATASETS = {
    "FROM": "SELECT * FROM <http://127.0.0.1:PORT/> { ?s ?p ?o }",
    "FROM NAMED": "SELECT * FROM NAMED <http://127.0.0.1:PORT/> { GRAPH ?g { ?s ?p ?o } }",
    "FROM a file": "SELECT * FROM <file:///etc/passwd> { ?s ?p ?o }",
}
_EMPTY = '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/>'
_USING_IT = (
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="a:a"><a xmlns="a:">&e;</a></rdf:Description></rdf:RDF>'
)
DOCUMENTS = {
    "a JSON-LD context": (
        "application/ld+json",
        '{"@context": "http://127.0.0.1:PORT/c.jsonld", "@id": "a:a", "name": "x"}',
    ),
    "a JSON-LD context among several": (
        "application/ld+json",
        '{"@context": [{"n": "a:n"}, "http://127.0.0.1:PORT/c"], "@id": "a:a", "n": "x"}',
    ),
    "a JSON-LD context that imports": (
        "application/ld+json",
        '{"@context": {"@version": 1.1, "@import": "http://127.0.0.1:PORT/c"}, "@id": "a:a"}',
    ),
    "a JSON-LD context in a file": ("application/ld+json", '{"@context": "file:///etc/passwd", "@id": "a:a"}'),
    "a document type": (
        "application/rdf+xml",
        '<!DOCTYPE rdf:RDF SYSTEM "http://127.0.0.1:PORT/d.dtd">' + _EMPTY,
    ),
    "an external entity": (
        "application/rdf+xml",
        '<!DOCTYPE x [<!ENTITY e SYSTEM "http://127.0.0.1:PORT/e">]>' + _USING_IT,
    ),
    "an external entity of a file": (
        "application/rdf+xml",
        '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + _USING_IT,
    ),
    "a parameter entity": (
        "application/rdf+xml",
        '<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1:PORT/p"> %p;]>' + _EMPTY,
    ),
    "owl:imports": (
        "text/turtle",
        "<a:a> a <http://www.w3.org/2002/07/owl#Ontology> ;"
        " <http://www.w3.org/2002/07/owl#imports> <http://127.0.0.1:PORT/> .",
    ),
    "shapes and prefixes elsewhere": (
        "text/turtle",
        "@prefix sh: <http://www.w3.org/ns/shacl#> . <a:a> sh:shapesGraph <http://127.0.0.1:PORT/> ;"
        ' sh:jsLibrary [ sh:jsLibraryURL "http://127.0.0.1:PORT/x.js" ] .',
    ),
}


class Listener:
    """A socket on which nobody may call."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self.port = self._socket.getsockname()[1]

    def called(self) -> bool:
        """Say whether somebody has called since the last time."""
        try:
            self._socket.accept()[0].close()
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with serving(tmp_path_factory.mktemp("forgery") / "data", workers=1, write="open") as running:
        yield running


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    listening = Listener()
    yield listening
    listening.close()


@contextmanager
def nobody_calls(listener: Listener) -> Iterator[None]:
    yield
    assert not listener.called(), "the service has reached out"


def send(live: Live, method: str, path: str, content_type: str = "", body: str = "") -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", live.port, timeout=60)
    try:
        connection.request(method, path, body.encode() or None, {"Content-Type": content_type} if content_type else {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_the_listener_would_notice(listener: Listener) -> None:
    socket.create_connection(("127.0.0.1", listener.port)).close()
    assert listener.called()
    assert not listener.called()


@pytest.mark.parametrize("text", QUERIES.values(), ids=QUERIES)
def test_no_query_is_let_reach_out(live: Live, listener: Listener, text: str) -> None:
    with nobody_calls(listener):
        status, said = send(live, "GET", "/sparql?" + urlencode({"query": text.replace("PORT", str(listener.port))}))
    assert (status in REFUSED, '"title"' in said) == (True, True), said


@pytest.mark.parametrize("text", DATASETS.values(), ids=DATASETS)
def test_the_names_of_graphs_are_not_fetched(live: Live, listener: Listener, text: str) -> None:
    with nobody_calls(listener):
        status, said = send(live, "GET", "/sparql?" + urlencode({"query": text.replace("PORT", str(listener.port))}))
    assert (status, '"bindings":[]' in said) == (200, True), said


@pytest.mark.parametrize("name", ["default-graph-uri", "named-graph-uri"])
def test_graphs_named_by_the_request_are_not_fetched(live: Live, listener: Listener, name: str) -> None:
    for graph in (f"http://127.0.0.1:{listener.port}/g", "file:///etc/passwd"):
        path = "/sparql?" + urlencode(
            {"query": "SELECT * { { ?s ?p ?o } UNION { GRAPH ?g { ?s ?p ?o } } }", name: graph}
        )
        with nobody_calls(listener):
            status, said = send(live, "GET", path)
        assert (status, '"bindings":[]' in said) == (200, True), said


@pytest.mark.parametrize("text", UPDATES.values(), ids=UPDATES)
@pytest.mark.parametrize("path", ["/update", "/sparql"])
def test_no_update_is_let_reach_out(live: Live, listener: Listener, text: str, path: str) -> None:
    with nobody_calls(listener):
        status, said = send(live, "POST", path, "application/sparql-update", text.replace("PORT", str(listener.port)))
    assert (status, "not available" in said) == (403, True), said


@pytest.mark.parametrize(("content_type", "text"), DOCUMENTS.values(), ids=DOCUMENTS)
def test_no_graph_and_no_validated_document_is_let_reach_out(
    live: Live, listener: Listener, content_type: str, text: str
) -> None:
    document = text.replace("PORT", str(listener.port))
    graph = "/rdf-graphs/service?graph=" + quote(f"http://127.0.0.1:{listener.port}/graph", safe="")
    for method, path in (("PUT", graph), ("POST", "/validate")):
        with nobody_calls(listener):
            status, said = send(live, method, path, content_type, document)
        assert status in ANSWERED, said
        assert "root:" not in said, "nor is a file read"
        if content_type != "text/turtle":
            assert status in REFUSED, said
    if sys.platform == "linux":
        assert "root:" not in send(live, "GET", graph)[1]
