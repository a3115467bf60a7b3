"""W3C test manifests: the tests they list, and the HTTP exchanges that some of them are made of."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rdflib import RDF, Graph, Namespace, URIRef
from rdflib.collection import Collection
from rdflib.term import Node

from tests.paths import SHARED

__all__ = ["HT", "MF", "SUITES", "Exchange", "Test", "exchanges", "read_manifest"]

SUITES = SHARED / "conformance" / "w3c" / "rdf-tests" / "sparql"

MF = Namespace("http://www.w3.org/2001/sw/DataAccess/tests/test-manifest#")
HT = Namespace("http://www.w3.org/2011/http#")
CNT = Namespace("http://www.w3.org/2011/content#")
DAWGT = Namespace("http://www.w3.org/2001/sw/DataAccess/tests/test-dawg#")
_STATUS = "http://www.w3.org/2011/http-statusCodes#"
_NAMED = {"OK": "200", "Created": "201", "NoContent": "204", "NotFound": "404"}


@dataclass(frozen=True)
class Test:
    """One test of a manifest: its node in the manifest's graph says all the rest."""

    name: str
    kind: str
    node: Node
    graph: Graph
    folder: Path

    def __str__(self) -> str:
        return self.name

    def value(self, property: URIRef) -> Node | None:
        """The one value of a property of the test."""
        return self.graph.value(self.node, property)

    __test__ = False


@dataclass(frozen=True)
class Exchange:
    """A request, and what its answer must be: statuses are full ones or the first digit of a class."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes | None
    statuses: frozenset[str]
    boolean: bool | None
    form: str | None
    location: str | None
    content: tuple[str, str] | None


def read_manifest(manifest: Path) -> Iterator[Test]:
    """Yield the tests of a manifest and of those it includes, in their order."""
    if not manifest.is_file():
        return
    graph = Graph().parse(manifest, publicID=manifest.as_uri())
    for head in graph.objects(None, MF.include):
        for included in Collection(graph, head):
            yield from read_manifest(Path(str(included).removeprefix("file://")))
    for head in graph.objects(None, MF.entries):
        for node in Collection(graph, head):
            kind = str(graph.value(node, RDF.type)).rpartition("#")[2]
            name = str(node).rpartition("#")[2]
            yield Test(f"{manifest.parent.name}/{name}", kind, node, graph, manifest.parent)


def exchanges(test: Test) -> Iterator[Exchange]:
    """Yield the requests of a protocol test, in order."""
    graph = test.graph
    head = graph.value(graph.value(test.node, MF.action), HT.requests)
    for request in Collection(graph, head):
        response = graph.value(request, HT.resp)
        boolean = graph.value(response, MF.expectedBoolean)
        content = _content(graph, response)
        yield Exchange(
            str(graph.value(request, HT.methodName)),
            str(graph.value(request, HT.absolutePath)),
            _headers(graph, request),
            _body(graph, request),
            frozenset(_status(str(each)) for each in graph.objects(response, MF.expectedStatus)),
            None if boolean is None else bool(boolean.toPython()),
            _text(graph, response, MF.expectedFormat),
            _text(graph, response, MF.expectedLocation),
            (_headers(graph, response).get("content-type", ""), content.decode()) if content is not None else None,
        )


def _status(iri: str) -> str:
    name = iri.removeprefix(_STATUS)
    return _NAMED.get(name) or name.removeprefix("StatusCode").removesuffix("xx")


def _text(graph: Graph, node: Node | None, property: URIRef) -> str | None:
    value = graph.value(node, property)
    return None if value is None else str(value)


def _headers(graph: Graph, message: Node | None) -> dict[str, str]:
    head = graph.value(message, HT.headers)
    if head is None:
        return {}
    fields = Collection(graph, head)
    return {str(graph.value(f, HT.fieldName)).lower(): str(graph.value(f, HT.fieldValue)) for f in fields}


def _content(graph: Graph, message: Node | None) -> bytes | None:
    return _body(graph, message)


def _body(graph: Graph, message: Node | None) -> bytes | None:
    body = graph.value(message, HT.body)
    if body is None:
        return None
    encoding = str(graph.value(body, CNT.characterEncoding) or "UTF-8")
    return str(graph.value(body, CNT.chars)).encode(encoding)
