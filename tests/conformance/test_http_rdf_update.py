"""The older W3C suite for the Graph Store HTTP Protocol, over real HTTP: its requests and answers are prose.

A test is one request and its answer, and most go on from what the ones before have done. So each is sent after all of
those, to an empty store that holds the one graph the suite takes for granted.
"""

import re
from dataclasses import dataclass
from textwrap import dedent

import httpx
import pytest
from rdflib import Graph
from rdflib.compare import isomorphic

from tests.conformance.exceptions import EXCEPTIONS
from tests.conformance.manifest import SUITES, Entry, read_manifest
from tests.paths import needs_shared

pytestmark = needs_shared

GROUP = "sparql11/http-rdf-update"
TESTS = list(read_manifest(SUITES / GROUP / "manifest.ttl"))
STORE = "/rdf-graphs/service"
GRANTED = f"{STORE}/person/2.ttl"
"""The graph that "DELETE - existing graph" removes and no test makes."""

PROSE = re.compile(r"#### Request\n(?P<request>.*)#### Response\n(?P<response>.*)", re.DOTALL)
COMMENT = "http://www.w3.org/2000/01/rdf-schema#comment"


@dataclass(frozen=True)
class Message:
    """A request or an answer as the manifest prints it: its first line, its headers and what follows."""

    first: str
    headers: dict[str, str]
    body: str

    @classmethod
    def of(cls, printed: str) -> "Message":
        head, _, body = dedent(printed).strip().partition("\n\n")
        first, *fields = head.split("\n")
        named = (field.partition(":") for field in fields)
        return cls(first, {name.lower(): value.strip() for name, _, value in named}, body)


def messages(test: Entry, host: str, new: str) -> tuple[Message, Message]:
    """The request of a test and the answer to it, with this service's addresses in them."""
    prose = next(filter(None, (PROSE.search(comment.value) for comment in test.manifest.all(test.node, COMMENT))))
    here = {"/$GRAPHSTORE$": STORE, "$GRAPHSTORE$": STORE, "$HOST$": host, "$NEWPATH$": new}
    request, response = prose["request"], prose["response"]
    for name, value in here.items():
        request, response = request.replace(name, value), response.replace(name, value)
    return Message.of(request), Message.of(response)


def send(test: Entry, service: httpx.Client, new: str) -> tuple[httpx.Response, Message]:
    """Send the request of a test. Returns the answer, and what it must be."""
    sent, expected = messages(test, service.base_url.netloc.decode(), new)
    method, path, _ = sent.first.split(" ")
    headers = {name: value for name, value in sent.headers.items() if name != "host"}
    # The lines of a form end as those of HTTP do (RFC 2046, section 5.1.1).
    body = sent.body.replace("\n", "\r\n") if "multipart" in headers.get("content-type", "") else sent.body
    return service.request(method, path, headers=headers, content=body.encode() or None), expected


def test_the_suite_is_whole() -> None:
    assert len(TESTS) == 18


@pytest.mark.parametrize(
    "test",
    [
        pytest.param(test, id=str(test), marks=[pytest.mark.xfail(reason=EXCEPTIONS[full], strict=True)])
        if (full := f"sparql11/{test}") in EXCEPTIONS
        else pytest.param(test, id=str(test))
        for test in TESTS
    ],
)
def test_http_rdf_update(test: Entry, service: httpx.Client) -> None:
    service.post("/update", data={"update": "DROP ALL"}).raise_for_status()
    granted = {"content": "<x:s> <x:p> <x:o> .", "headers": {"Content-Type": "text/turtle"}}
    assert service.put(GRANTED, **granted).status_code == 201
    new = "nowhere"
    for each in TESTS[: TESTS.index(test) + 1]:
        answer, expected = send(each, service, new)
        new = httpx.URL(answer.headers["location"]).path if "location" in answer.headers else new

    assert answer.status_code == int(expected.first.split(" ")[0]), answer.text
    if "location" in expected.headers:
        assert answer.headers["location"]
    if media_type := expected.headers.get("content-type"):
        assert answer.headers["content-type"].partition(";")[0] == media_type.partition(";")[0]
    if expected.body:
        assert isomorphic(Graph().parse(data=answer.text, format="turtle"), Graph().parse(data=expected.body))
