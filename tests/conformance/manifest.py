"""W3C test manifests: the tests they list, and the HTTP exchanges that some of them are made of."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyoxigraph as ox

from tests.paths import SHARED

__all__ = ["HT", "MF", "QT", "SUITES", "UT", "Entry", "Exchange", "Manifest", "address", "exchanges", "read_manifest"]

SUITES = SHARED / "conformance" / "w3c" / "rdf-tests" / "sparql"

MF = "http://www.w3.org/2001/sw/DataAccess/tests/test-manifest#"
QT = "http://www.w3.org/2001/sw/DataAccess/tests/test-query#"
UT = "http://www.w3.org/2009/sparql/tests/test-update#"
HT = "http://www.w3.org/2011/http#"
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_CNT = "http://www.w3.org/2011/content#"
_STATUS = "http://www.w3.org/2011/http-statusCodes#"
_NAMED = {"OK": "200", "Created": "201", "NoContent": "204", "NotFound": "404"}
_ROOT = "http://www.w3.org/2009/sparql/tests/"

Term = ox.NamedNode | ox.BlankNode | ox.Literal | ox.Triple


def address(file: Path) -> str:
    """The IRI that a file of the suites has here: relative IRIs in it are relative to that."""
    return _ROOT + file.relative_to(SUITES).as_posix()


class Manifest:
    """The triples of a manifest, to be followed from node to node."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._objects: dict[tuple[Term, str], list[Term]] = defaultdict(list)
        for triple in ox.parse(path=str(path), format=ox.RdfFormat.TURTLE, base_iri=address(path)):
            self._objects[triple.subject, triple.predicate.value].append(triple.object)

    def all(self, node: Term | None, property: str) -> list[Term]:
        """The values of a property, in no order."""
        return self._objects.get((node, property), []) if node is not None else []

    def one(self, node: Term | None, property: str) -> Term | None:
        """The value of a property, if it has one."""
        return next(iter(self.all(node, property)), None)

    def text(self, node: Term | None, property: str) -> str | None:
        """The value of a property as text."""
        value = self.one(node, property)
        return None if value is None else value.value

    def items(self, head: Term | None) -> Iterator[Term]:
        """The members of a list."""
        while first := self.one(head, _RDF + "first"):
            yield first
            head = self.one(head, _RDF + "rest")

    def heads(self, property: str) -> list[Term]:
        """All values of a property, whatever it is a property of."""
        return [value for (_, name), values in self._objects.items() if name == property for value in values]

    def file(self, node: Term | None) -> Path:
        """The file that has the node for its address."""
        return SUITES / node.value.removeprefix(_ROOT)


@dataclass(frozen=True)
class Entry:
    """One test: where it stands, of which kind it is, and its node in the manifest, which says all the rest."""

    name: str
    kind: str
    node: Term
    manifest: Manifest

    def __str__(self) -> str:
        return self.name


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


def read_manifest(path: Path) -> Iterator[Entry]:
    """Yield the tests of a manifest and of those it includes, in their order; none where the suites are missing."""
    if not path.is_file():
        return
    manifest = Manifest(path)
    for head in manifest.heads(MF + "include"):
        for included in manifest.items(head):
            yield from read_manifest(manifest.file(included))
    for head in manifest.heads(MF + "entries"):
        for node in manifest.items(head):
            kind = manifest.text(node, _RDF + "type").rpartition("#")[2]
            yield Entry(f"{path.parent.name}/{node.value.rpartition('#')[2]}", kind, node, manifest)


def exchanges(entry: Entry) -> Iterator[Exchange]:
    """Yield the requests of a protocol test, in order."""
    manifest = entry.manifest
    action = manifest.one(entry.node, MF + "action")
    for request in manifest.items(manifest.one(action, HT + "requests")):
        response = manifest.one(request, HT + "resp")
        boolean = manifest.text(response, MF + "expectedBoolean")
        content = _body(manifest, response)
        yield Exchange(
            manifest.text(request, HT + "methodName"),
            manifest.text(request, HT + "absolutePath"),
            _headers(manifest, request),
            _body(manifest, request),
            frozenset(_status(each.value) for each in manifest.all(response, MF + "expectedStatus")),
            None if boolean is None else boolean == "true",
            manifest.text(response, MF + "expectedFormat"),
            manifest.text(response, MF + "expectedLocation"),
            None if content is None else (_headers(manifest, response).get("content-type", ""), content.decode()),
        )


def _status(iri: str) -> str:
    name = iri.removeprefix(_STATUS)
    return _NAMED.get(name) or name.removeprefix("StatusCode").removesuffix("xx")


def _headers(manifest: Manifest, message: Term | None) -> dict[str, str]:
    fields = manifest.items(manifest.one(message, HT + "headers"))
    return {manifest.text(f, HT + "fieldName").lower(): manifest.text(f, HT + "fieldValue") for f in fields}


def _body(manifest: Manifest, message: Term | None) -> bytes | None:
    body = manifest.one(message, HT + "body")
    if body is None:
        return None
    return manifest.text(body, _CNT + "chars").encode(manifest.text(body, _CNT + "characterEncoding") or "UTF-8")
