"""What is put into any part of a request stays data: it changes no query, no header, no page and no path."""

import re
import socket
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from app.store.base import ReplaceGraph
from app.store.embedded import EmbeddedStore
from tests.attack.live import Live, serving

SECRET = "nobody-asked-for-this"
MARKUP = "<script>alert(1)</script>"

# What breaks out of an IRI, a string, a comment, a line of a header, an attribute, a template, or a folder.
CORPUS = (
    "x> } . ?s ?p ?o . { <y",
    "x>?p?o}UNION{?s?p?o}#",
    '" } UNION { ?s ?p ?o } #',
    "'''; DROP ALL; INSERT DATA { <a:a> <a:b> 1 }",
    "x\\u003e } UNION { ?s ?p ?o } #",
    "x\r\nSet-Cookie: a=b\r\n\r\n" + MARKUP,
    "x\nX-Injected: 1",
    '"><script>alert(1)</script>',
    "javascript:alert(1)",
    "{{ 7*191 }}${7*191}{% raw %}",
    "../../../../../../etc/passwd",
    "..%2f..%2f..%2fetc%2fpasswd",
    "....//....//etc/passwd",
    "\0",
    "file:///etc/passwd",
    "$(id)`id`",
    "%n%s%x",
    "\u202e\ufeff\u0085x",
)
PARAMETERS = (
    "/sparql?query={}",
    "/sparql?query=ASK%7B%7D&default-graph-uri={}",
    "/sparql?query=ASK%7B%7D&named-graph-uri={}",
    "/sparql?query=ASK%7B%7D&{}=1",
    "/rdf-graphs/service?graph={}",
    "/rdf-graphs/service?default={}",
)
PATHS = (
    "/study/{}",
    "/study/NCT00000001.{}",
    "/publication/{}",
    "/organization/{}",
    "/graph/{}",
    "/value/{}",
    "/examples/{}",
    "/dataset.{}",
    "/ontology.{}",
    "/dump/{}",
    "/static/{}",
    "/rdf-graphs/{}",
    "/{}",
)
HEADERS = ("Host", "Accept", "Accept-Encoding", "Accept-Language", "Range", "If-None-Match", "If-Modified-Since",
           "Origin", "Referer", "User-Agent", "Cookie", "Authorization", "X-Forwarded-For", "X-Forwarded-Host",
           "X-Original-URL", "X-HTTP-Method-Override", "Content-Type")  # fmt: skip


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    data = tmp_path_factory.mktemp("injection") / "data"
    with EmbeddedStore(data) as store:
        store.apply([ReplaceGraph("http://e/g", f'<http://e/s> <http://e/p> "{SECRET}" .\n'.encode())])
        store.publish()
    with serving(data, workers=1) as running:
        yield running


def talk(live: Live, *requests: bytes) -> list[bytes]:
    """The answers to requests on one connection each."""
    return [_answer(live, each) for each in requests]


def _answer(live: Live, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", live.port), timeout=20) as connection:
        connection.sendall(request)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
    return received


def check(answer: bytes, *, reads: bool = False) -> None:
    """A status that says something, and no trace of an attack that worked."""
    head, _, body = answer.partition(b"\r\n\r\n")
    status = int(head.split(b" ")[1])
    assert status in (200, 303, 304, 400, 401, 403, 404, 405, 406, 416), answer[:500]
    assert not re.search(rb"(?im)^(?:set-cookie|x-injected):", head), head
    assert b"root:" not in body, "a file was read"
    assert b"1337" not in re.sub(rb"\b[0-9a-f]{32}\b", b"", body), "a template was filled in, not the id of a request"
    assert b"Traceback" not in body
    if b"content-type: text/html" in head.lower():
        assert MARKUP.encode() not in body, body
        assert b"javascript:" not in re.sub(rb">[^<]*<", b"><", body), "only in text"
    if not reads:
        assert SECRET.encode() not in body, "a query was changed"


def get(path: str, *headers: bytes, accept: bytes = b"text/html") -> bytes:
    lines = (b"GET " + path.encode() + b" HTTP/1.1", b"Host: localhost", b"Accept: " + accept, b"Connection: close")
    return b"\r\n".join((*lines, *headers, b"", b""))


@pytest.mark.parametrize("template", (*PARAMETERS, *PATHS))
def test_what_stands_in_an_address_is_data(live: Live, template: str) -> None:
    for text in CORPUS:
        for encoded in (quote(text, safe=""), quote(text, safe="/%<>\"'{}();$.:")):
            path = template.format(encoded.replace(" ", "%20"))
            for answer in talk(live, get(path), get(path, accept=b"*/*")):
                check(answer)


@pytest.mark.parametrize("name", HEADERS)
def test_what_stands_in_a_header_is_data(live: Live, name: str) -> None:
    for text in CORPUS:
        value = name.encode() + b": " + text.encode().replace(b"\0", b"")
        for path in ("/sparql", "/study/NCT00000001", "/sparql?query=ASK%7B%7D", "/.well-known/void"):
            request = f"GET {path} HTTP/1.1\r\nConnection: close\r\n".encode()
            host = b"" if name == "Host" else b"Host: localhost\r\n"
            check(_answer(live, request + host + value + b"\r\n\r\n"))


def test_the_text_of_a_query_is_shown_as_text(live: Live) -> None:
    query = quote("SELECT ('" + MARKUP + "' AS ?x) {}")
    (answer,) = talk(live, get(f"/sparql?query={query}"))
    check(answer)
    assert b"&lt;script&gt;" in answer


def test_data_is_still_what_it_was(live: Live) -> None:
    status, body, _ = live.ask("SELECT * { GRAPH ?g { ?s ?p ?o } }")
    assert (status, body.count(SECRET.encode()), body.count(b'"s":')) == (200, 1, 1)


@pytest.mark.parametrize("path", ["/dump/", "/static/"])
@pytest.mark.parametrize("way", ["..", "%2e%2e", "%2e%2e%2f..", "..%5c..", "..;", ".%00.", "//etc", "%c0%ae%c0%ae"])
def test_no_path_leads_out_of_its_folder(live: Live, path: str, way: str) -> None:
    for target in (b"CURRENT", b"pyproject.toml", b"etc/passwd", b"api-keys.json", b"audit.log"):
        for depth in (1, 3):
            answer = _answer(live, get(path + f"{way}/" * depth + target.decode()))
            assert answer.split(b" ")[1] in (b"400", b"404"), answer[:300]
