"""The SPARQL 1.1 Protocol as a table; W3C's own protocol tests drive the running service elsewhere."""

from collections.abc import Mapping
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import BadRequest, MethodNotAllowed, TrialweaveError, UnsupportedMediaType
from app.protocol.request import (
    DescriptionOperation,
    Operation,
    QueryOperation,
    UpdateOperation,
    decode_parameters,
    parse_request,
)

FORM = {"content-type": "application/x-www-form-urlencoded"}
QUERY = {"content-type": "application/sparql-query"}
UPDATE = {"content-type": "application/sparql-update"}
D1, D2, N1 = "http://example.org/d1", "http://example.org/d2", "http://example.org/n1"

UNDERSTOOD: list[tuple[str, bytes, Mapping[str, str], bytes, Operation]] = [
    ("GET", b"", {}, b"", DescriptionOperation()),
    ("GET", b"unknown=1", {}, b"", DescriptionOperation()),
    ("HEAD", b"query=ASK%7B%7D", {}, b"", QueryOperation("ASK{}")),
    ("GET", b"query=ASK+%7B%7D", {}, b"", QueryOperation("ASK {}")),
    ("GET", b"query=%C3%A9%2B", {}, b"", QueryOperation("é+")),
    ("GET", b"query=", {}, b"", QueryOperation("")),
    ("GET", b"query=a=b", {}, b"", QueryOperation("a=b")),
    (
        "GET",
        f"default-graph-uri={D1}&query=ASK&default-graph-uri={D2}&named-graph-uri={N1}".encode(),
        {},
        b"",
        QueryOperation("ASK", (D1, D2), (N1,)),
    ),
    ("GET", b"default-graph-uri=&query=ASK", {}, b"", QueryOperation("ASK")),
    ("POST", b"", FORM, b"query=ASK%20%7B%7D", QueryOperation("ASK {}")),
    ("POST", b"", FORM, f"query=ASK&named-graph-uri={N1}".encode(), QueryOperation("ASK", None, (N1,))),
    ("POST", f"default-graph-uri={D1}".encode(), FORM, b"query=ASK", QueryOperation("ASK", (D1,))),
    ("POST", b"", QUERY, "ASK { 'é' }".encode(), QueryOperation("ASK { 'é' }")),
    ("POST", f"default-graph-uri={D1}".encode(), QUERY, b"ASK", QueryOperation("ASK", (D1,))),
    ("POST", b"", {"content-type": "application/sparql-query; charset=UTF-8"}, b"ASK", QueryOperation("ASK")),
    ("POST", b"", {"content-type": 'APPLICATION/SPARQL-QUERY;charset="utf-8"'}, b"ASK", QueryOperation("ASK")),
    ("POST", b"", UPDATE, b"CLEAR ALL", UpdateOperation("CLEAR ALL")),
    ("POST", b"", FORM, b"update=CLEAR+ALL", UpdateOperation("CLEAR ALL")),
    (
        "POST",
        f"using-graph-uri={D1}&using-named-graph-uri={N1}".encode(),
        UPDATE,
        b"CLEAR ALL",
        UpdateOperation("CLEAR ALL", (D1,), (N1,)),
    ),
]

REFUSED: list[tuple[str, bytes, Mapping[str, str], bytes, type[TrialweaveError], str]] = [
    ("GET", b"query=ASK&query=ASK", {}, b"", BadRequest, "2 times"),
    ("GET", b"update=CLEAR+ALL", {}, b"", BadRequest, "GET"),
    ("GET", b"query=%FF", {}, b"", BadRequest, "UTF-8"),
    ("GET", b"query=%4", {}, b"", BadRequest, "%25"),
    ("GET", b"query=100%", {}, b"", BadRequest, "%25"),
    ("GET", b"query=%u0041", {}, b"", BadRequest, "%25"),
    ("GET", b"query=ASK&default-graph-uri=relative", {}, b"", BadRequest, "absolute IRI"),
    ("GET", b"query=ASK&named-graph-uri=http://a/%3E", {}, b"", BadRequest, "absolute IRI"),
    ("GET", f"query=ASK&using-graph-uri={D1}".encode(), {}, b"", BadRequest, "update"),
    ("POST", b"", FORM, b"query=ASK&query=ASK", BadRequest, "2 times"),
    ("POST", b"", FORM, b"update=A&update=B", BadRequest, "2 times"),
    ("POST", b"", FORM, b"query=ASK&update=CLEAR+ALL", BadRequest, "a query and an update"),
    ("POST", b"query=ASK", FORM, b"query=ASK", BadRequest, "2 times"),
    ("POST", b"", FORM, b"", BadRequest, "no query"),
    ("POST", b"", FORM, b"quer=ASK", BadRequest, "no query"),
    ("POST", b"query=ASK", QUERY, b"ASK", BadRequest, "once"),
    ("POST", b"", QUERY, b"\xff", BadRequest, "UTF-8"),
    ("POST", b"", UPDATE, "é".encode("latin-1"), BadRequest, "UTF-8"),
    ("POST", f"default-graph-uri={D1}".encode(), UPDATE, b"CLEAR ALL", BadRequest, "query"),
    ("POST", b"", {}, b"ASK", UnsupportedMediaType, "states none"),
    ("POST", b"query=ASK", {}, b"", UnsupportedMediaType, "states none"),
    ("POST", b"", {"content-type": "text/plain"}, b"ASK", UnsupportedMediaType, "text/plain"),
    ("POST", b"", {"content-type": "application/sparql-query;charset=UTF-16"}, b"A", UnsupportedMediaType, "UTF-16"),
    ("POST", b"", {"content-type": "multipart/form-data; boundary=x"}, b"", UnsupportedMediaType, "multipart"),
    ("PUT", b"query=ASK", {}, b"", MethodNotAllowed, "PUT"),
    ("DELETE", b"", {}, b"", MethodNotAllowed, "DELETE"),
]


@pytest.mark.parametrize(("method", "query_string", "headers", "body", "expected"), UNDERSTOOD)
def test_requests_of_the_protocol_are_understood(
    method: str, query_string: bytes, headers: Mapping[str, str], body: bytes, expected: Operation
) -> None:
    assert parse_request(method, query_string, headers, body) == expected


@pytest.mark.parametrize(("method", "query_string", "headers", "body", "error", "words"), REFUSED)
def test_requests_outside_the_protocol_are_refused_with_a_reason(
    method: str, query_string: bytes, headers: Mapping[str, str], body: bytes, error: type[TrialweaveError], words: str
) -> None:
    with pytest.raises(error, match=words):
        parse_request(method, query_string, headers, body)


PIECES = st.sampled_from(
    [*(bytes([each]) for each in b"=_ \r\n\t.Aaz\x00\x7f"), b"%00", b"%c3%A9", b"%3D", b"%0a", b"=20", b"=\n"]
)


@given(st.lists(PIECES).map(b"".join))
def test_escapes_are_decoded_as_the_standard_library_does(encoded: bytes) -> None:
    assert decode_parameters(b"query=" + encoded, "the body") == {"query": [unquote_to_bytes(encoded).decode()]}


@given(st.lists(PIECES).map(b"".join), st.sampled_from([b"%", b"%4", b"%G1", b"%=1", b"%\n", b"%\r\n", b"%%"]))
def test_an_escape_without_two_digits_is_found_wherever_it_stands(encoded: bytes, bad: bytes) -> None:
    with pytest.raises(BadRequest, match="invalid percent escape"):
        decode_parameters(b"query=" + encoded + bad + b"x" + encoded, "the body")
