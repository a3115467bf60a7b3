"""Endpoints that are slow, broken or hostile: right rows or one clear sentence, never wrong rows."""

import json
import time
from http.server import BaseHTTPRequestHandler

import pytest

from app.errors import ServiceFailed, ServiceTimeout, ServiceTooLarge
from app.federation.federation import Explanation
from tests.app.federation.stub import JSON, Stub, answered, send, serving, solutions, turtle

PREFIX = "PREFIX : <http://e/> "
LOCAL = turtle(" ".join(f":s :mesh :m{n} ." for n in range(10)))
XML = "application/sparql-results+xml"
ROW = '{"m":{"type":"uri","value":"http://e/m1"},"l":{"type":"literal","value":"L"}}'
LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    b'<sparql xmlns="http://www.w3.org/2005/sparql-results#"><head><variable name="l"/></head><results><result>'
    b'<binding name="l"><literal>&b;</literal></binding></result></results></sparql>'
)


def query(stub: Stub, silent: str = "") -> str:
    return f"{PREFIX} SELECT ?m ?l {{ ?s :mesh ?m SERVICE {silent} <{stub.url}> {{ ?m :label ?l }} }}"


def body(text: str | bytes, media_type: str = JSON, status: int = 200, **headers: str) -> object:
    content = text.encode() if isinstance(text, str) else text
    return lambda handler, _: send(handler, status, media_type, content, **headers)


def endless(handler: BaseHTTPRequestHandler, _: str) -> bool:
    handler.send_response(200)
    handler.send_header("Content-Type", JSON)
    handler.end_headers()
    handler.close_connection = True
    try:
        while True:
            handler.wfile.write(b" " * 65536)
    except OSError:
        return True


def slow(handler: BaseHTTPRequestHandler, _: str) -> bool:
    time.sleep(1.5)
    return send(handler, 200, JSON, b"{}")


def hanging_up(handler: BaseHTTPRequestHandler, _: str) -> bool:
    handler.send_response(200)
    handler.send_header("Content-Type", JSON)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"head":{"vars":[]},"results":{"bindings":[')
    handler.close_connection = True
    return True


MANY = '{"results":{"bindings":[' + ",".join([ROW] * 2000) + "]}}"
BAD: dict[str, tuple[object, type[ServiceFailed], str]] = {
    "slow": (slow, ServiceTimeout, "did not answer within"),
    "endless": (endless, ServiceFailed, "more to say than|did not answer"),
    "hangs up": (hanging_up, ServiceFailed, "cannot be asked"),
    "500": (body("boom", "text/plain", 500), ServiceFailed, r"status 500\): boom"),
    "404": (body("what?", "text/plain", 404), ServiceFailed, "status 404"),
    "503 for long": (body("", "text/plain", 503, Retry_After="3600"), ServiceFailed, "too busy"),
    "cut off": (body('{"head":{"vars":["l"]},"results":{"bindings":[{"l"'), ServiceFailed, "cut off or malformed"),
    "no table": (body('{"boolean": true}'), ServiceFailed, "no table"),
    "no terms": (body('{"results":{"bindings":[{"m":{"type":"uri","value":"no iri"}}]}}'), ServiceFailed, "no table"),
    "nested": (body("[" * 100_000), ServiceFailed, "malformed"),
    "html": (body("<html>", "text/html"), ServiceFailed, "answered with text/html"),
    "no type": (body("{}", ""), ServiceFailed, "no content type"),
    "laughs": (body(LAUGHS, XML), ServiceFailed, "DOCTYPE"),
    "not xml": (body("<sparql", XML), ServiceFailed, "no table"),
    "compressed": (body(b"\x1f\x8b", Content_Encoding="gzip"), ServiceFailed, "compresses"),
    "rows": (body(MANY), ServiceTooLarge, "more than 1,000 rows"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_answer_is_one_sentence_that_names_the_endpoint(name: str) -> None:
    behave, error, said = BAD[name]
    limits = {"service_timeout": 0.5, "service_total": 2, "service_rows": 1000, "service_bytes": 4_000_000}
    with serving() as stub:
        stub.behave = behave  # type: ignore[assignment]
        with pytest.raises(error, match=said) as raised:
            answered(query(stub), LOCAL, stub, **limits)
        assert stub.url in raised.value.message
        rows = solutions(answered(query(stub, "SILENT"), LOCAL, stub, **limits))
        assert len(rows) == 10  # One solution without bindings joins with every row (Federated Query, section 2.3).
        assert {row[0] for row in rows} == {"None"}


def test_a_dead_endpoint_is_named() -> None:
    with serving() as stub:
        pass
    with pytest.raises(ServiceFailed, match=f"{stub.url} cannot be asked: Connection refused"):
        answered(query(stub), LOCAL, stub)


def test_a_busy_endpoint_is_asked_again_when_it_says() -> None:
    with serving(turtle(":m1 :label 'L' .")) as stub:

        def busy(handler: BaseHTTPRequestHandler, _: str) -> bool:
            return len(stub.queries) == 1 and send(handler, 429, "text/plain", b"", Retry_After="0")

        stub.behave = busy
        assert solutions(answered(query(stub), LOCAL, stub)) == [('"L"', "<http://e/m1>")]
        assert len(stub.queries) == 2


def test_too_much_at_once_is_asked_in_smaller_pieces() -> None:
    with serving(turtle(" ".join(f":m{n} :label 'L' ." for n in range(10)))) as stub:

        def narrow(handler: BaseHTTPRequestHandler, text: str) -> bool:
            return text.count("(<") > 3 and send(handler, 500, "text/plain", b"too much")

        stub.behave = narrow
        assert len(solutions(answered(query(stub), LOCAL, stub))) == 10


def test_xml_is_read_too() -> None:
    with serving(turtle(":m1 :label 'one'@en .")) as stub:

        def as_xml(handler: BaseHTTPRequestHandler, text: str) -> bool:
            import pyoxigraph as ox

            return send(handler, 200, XML, stub.store.query(text).serialize(format=ox.QueryResultsFormat.XML))

        stub.behave = as_xml
        assert solutions(answered(query(stub), LOCAL, stub)) == [('"one"@en', "<http://e/m1>")]


def test_a_huge_literal_comes_through_whole() -> None:
    text = "é" * 1_000_000 + "\\\n\"'\t"
    with serving() as stub:
        binding = {"m": {"type": "uri", "value": "http://e/m1"}, "l": {"type": "literal", "value": text}}
        stub.behave = body(json.dumps({"results": {"bindings": [binding]}}))  # type: ignore[assignment]
        found = json.loads(answered(query(stub), LOCAL, stub))
        assert found["results"]["bindings"][0]["l"]["value"] == text


def test_requests_are_counted_and_capped() -> None:
    local = turtle(" ".join(f":s :mesh :m{n} ." for n in range(2000)))
    with serving() as stub, pytest.raises(ServiceTooLarge, match="more than 2 requests"):
        answered(query(stub), local, stub, service_requests=2)


def test_an_answer_is_kept_for_a_while() -> None:
    with serving(turtle(":m1 :label 'L' .")) as stub:
        clause = f"SERVICE <{stub.url}> {{ ?m :label ?l }}"
        # The same clause twice, bound by nothing: a subselect stands alone.
        text = f"{PREFIX} SELECT * {{ {{ SELECT ?m {{ {clause} }} }} UNION {{ SELECT ?m {{ {clause} }} }} }}"
        for seconds, requests in ((60, 1), (0, 2)):
            stub.queries.clear()
            explanation = Explanation([], [])
            answered(text, LOCAL, stub, explanation=explanation, service_cache_seconds=seconds)
            assert len(stub.queries) == requests
            assert [sent["cache"] for sent in explanation.requests] == [False, seconds > 0]


def test_what_was_sent_is_told_also_when_it_failed() -> None:
    explanation = Explanation([], [])
    with serving() as stub:
        stub.behave = body("boom", "text/plain", 404)  # type: ignore[assignment]
        with pytest.raises(ServiceFailed):
            answered(query(stub), LOCAL, stub, explanation=explanation)
    (sent,) = explanation.requests
    assert (sent["endpoint"], sent["rows"], sent["query"]) == (stub.url, None, stub.queries[0])
    assert "404" in sent["error"] and "404" in (explanation.error or "")
