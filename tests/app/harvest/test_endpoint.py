"""An endpoint is asked politely, tried again where that may help, and never trusted nor followed anywhere."""

import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import pytest

from app.errors import BadRequest, QueryRefused, ServiceFailed
from app.federation.client import Overloaded
from app.harvest import endpoint as module
from app.harvest.endpoint import ATTEMPTS, Endpoint, Term
from app.settings import Settings
from tests.app.federation.stub import JSON, Stub, serving, turtle
from tests.app.harvest.endpoints import Time, binding, first, table

QUERY = "SELECT ?o { <http://e/s> <http://e/p> ?o }"


@pytest.fixture
def stub() -> Iterator[Stub]:
    with serving(turtle(":s :p 'hello'@en .")) as running:
        yield running


def asking(url: str, time: Time | None = None, **settings: object) -> Endpoint:
    return Endpoint(url, Settings.model_validate(settings), clock=(time or Time()).clock())


def test_it_says_who_asks_and_waits_between_questions(stub: Stub) -> None:
    time = Time()
    asked = asking(stub.url, time, contact="me@example.org", harvest_pause=7)
    assert [asked.ask(QUERY) for _ in range(3)] == [[{"o": Term("literal", "hello", "en")}]] * 3
    assert time.slept == [7, 7]
    sent = stub.headers[0]
    assert sent["User-Agent"].startswith("trialweave/") and sent["User-Agent"].endswith(" (+mailto:me@example.org)")
    assert sent["Accept"].startswith(JSON) and sent["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again_with_growing_pauses(stub: Stub, status: int) -> None:
    time = Time()
    stub.behave = first(2, status)
    assert asking(stub.url, time, harvest_pause=0).ask(QUERY)
    assert len(stub.queries) == 3 and time.slept == [0.75, 1.5]


@pytest.mark.parametrize("header", ["40", "Mon, 12 Jan 1970 13:47:20 GMT"])
def test_it_waits_as_long_as_the_endpoint_wants(stub: Stub, header: str) -> None:
    time = Time()
    stub.behave = first(1, 429, Retry_After=header)
    assert asking(stub.url, time, harvest_pause=0).ask(QUERY)
    assert time.slept == [40]


def test_it_stops_where_the_endpoint_wants_a_longer_peace(stub: Stub) -> None:
    stub.behave = first(1, 429, Retry_After="3600")
    with pytest.raises(ServiceFailed, match=f"{stub.url} answered 429 and wants 3600 seconds of peace"):
        asking(stub.url).ask(QUERY)
    assert len(stub.queries) == 1


@pytest.mark.parametrize(
    "body",
    [
        table(binding(o="x"))[:-9],
        b"",
        b'{"boolean": true}',
        b'{"results": {"bindings": [{"o": {"type": "uri", "value": 7}}]}}',
        b"[" * 100_000,
    ],
)
def test_a_broken_answer_is_asked_for_again_and_then_given_up(stub: Stub, body: bytes) -> None:
    stub.behave = first(99, 200, body)
    said = f"{stub.url} sent JSON that is cut off or no table of solutions, {ATTEMPTS} times in a row"
    with pytest.raises(ServiceFailed, match=said):
        asking(stub.url).ask(QUERY)
    assert len(stub.queries) == ATTEMPTS


@pytest.mark.parametrize(
    ("status", "media_type", "headers", "error", "said"),
    [
        (301, JSON, {"Location": "http://127.0.0.1:9/"}, ServiceFailed, "redirects .status 301., which is not"),
        (307, JSON, {"Location": "file:///etc/passwd"}, ServiceFailed, "redirects .status 307., which is not"),
        (400, "text/plain", {}, ServiceFailed, "refused the request .status 400. and says 'no such thing'"),
        (403, "text/plain", {}, ServiceFailed, "refused the request .status 403. and says 'no such thing'"),
        (413, "text/plain", {}, Overloaded, "the request is too large"),
        (200, "text/html", {}, ServiceFailed, "answered with text/html instead of SPARQL's JSON"),
        (200, JSON, {"Content_Encoding": "gzip"}, ServiceFailed, "instead of SPARQL's JSON"),
    ],
)
def test_what_will_not_pass_is_said_at_once(
    stub: Stub, status: int, media_type: str, headers: dict[str, str], error: type[Exception], said: str
) -> None:
    stub.behave = first(99, status, b"no\n such thing", media_type, **headers)
    with pytest.raises(error, match=f"The endpoint {stub.url} .*{said}"):
        asking(stub.url).ask(QUERY)
    assert len(stub.queries) == 1


def test_an_endless_body_and_one_that_drips_are_cut(stub: Stub) -> None:
    def drip(handler: BaseHTTPRequestHandler, query: str) -> bool:
        handler.send_response(200)
        handler.send_header("Content-Type", JSON)
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.close_connection = True
        try:
            while True:
                handler.wfile.write(b" " * 4096)
                time.sleep(0.02)
        except OSError:
            return True

    stub.behave = drip
    with pytest.raises(Overloaded, match="more to say than 20,000 bytes"):
        asking(stub.url, service_bytes=20_000).ask(QUERY)
    with pytest.raises(ServiceFailed, match=r"did not answer within 0\.1 seconds, 5 times"):
        asking(stub.url, harvest_timeout=0.1).ask(QUERY)


def test_one_that_says_nothing_is_given_up(stub: Stub) -> None:
    stub.behave = lambda handler, query: time.sleep(1.2) is None
    with pytest.raises(ServiceFailed, match=r"did not answer within 0\.2 seconds"):
        asking(stub.url, harvest_timeout=0.2).ask(QUERY)


def test_one_that_refuses_and_never_says_why_is_given_up(stub: Stub) -> None:
    def refuse(handler: BaseHTTPRequestHandler, query: str) -> bool:
        handler.send_response(400)
        handler.send_header("Content-Length", "99")
        handler.end_headers()
        time.sleep(1.2)
        return True

    stub.behave = refuse
    with pytest.raises(ServiceFailed, match=rf"{stub.url} refused the request \(status 400\)\.$"):
        asking(stub.url, harvest_timeout=0.2).ask(QUERY)


def test_one_that_is_not_there_is_named(stub: Stub) -> None:
    with serving() as gone:
        pass
    with pytest.raises(ServiceFailed, match=rf"The endpoint {gone.url} cannot be reached \(.*refused"):
        asking(gone.url).ask(QUERY)


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://e/", "wikidata", "http://u:p@e/", "http://e/#f", "http://e/?<a>", "http:"]
)
def test_only_whole_addresses_of_http_are_asked(url: str) -> None:
    with pytest.raises(BadRequest, match="is not the address of an endpoint"):
        asking(url)


def test_a_name_that_leads_inside_needs_the_operator_s_word(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    async def inside(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    monkeypatch.setattr(module, "resolve", inside)
    named = stub.url.replace("127.0.0.1", "wikidata.example")
    with pytest.raises(QueryRefused, match="has an address that is not public"):
        asking(named).ask(QUERY)
    assert not stub.queries
    assert asking(named, service_allow_private=True).ask(QUERY)
    assert stub.headers[0]["Host"] == named.split("/")[2]
    assert asking(stub.url.replace("127.0.0.1", "localhost")).ask(QUERY)


def test_proxies_of_the_environment_are_not_used(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert asking(stub.url).ask(QUERY)
    with pytest.raises(ServiceFailed, match="cannot be reached"):
        asking(stub.url, service_proxy="http://127.0.0.1:9").ask(QUERY)


def test_it_signs_in_where_the_operator_has_said_how(stub: Stub, tmp_path) -> None:
    file = tmp_path / "credentials.json"
    file.write_text(json.dumps({stub.url: {"bearer": "secret"}}))
    assert asking(stub.url, service_allow=stub.url, service_credentials_file=file).ask(QUERY)
    assert stub.headers[0]["Authorization"] == "Bearer secret"
