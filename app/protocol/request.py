"""An HTTP request in, a SPARQL operation out, by the SPARQL 1.1 Protocol (W3C Recommendation, section 2)."""

import re
from binascii import a2b_qp
from collections.abc import Mapping
from dataclasses import dataclass

from app.errors import BadRequest, MethodNotAllowed, UnsupportedMediaType

__all__ = [
    "METHODS",
    "DescriptionOperation",
    "Operation",
    "QueryOperation",
    "UpdateOperation",
    "decode_parameters",
    "is_absolute",
    "parse_request",
]

METHODS = ("GET", "HEAD", "POST", "OPTIONS")
"""What the endpoint's Allow header says."""


@dataclass(frozen=True, slots=True)
class QueryOperation:
    """A query, and the dataset the request names for it: None when it names no graph of that kind (section 2.1.4).

    `explain` asks how it is answered instead of the answer alone, by the parameter or the header of that name.
    """

    text: str
    default_graphs: tuple[str, ...] | None = None
    named_graphs: tuple[str, ...] | None = None
    explain: bool = False


@dataclass(frozen=True, slots=True)
class UpdateOperation:
    """An update, and the dataset its WHERE clauses are matched against (section 2.2.3)."""

    text: str
    using_graphs: tuple[str, ...] | None = None
    using_named_graphs: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class DescriptionOperation:
    """A GET without a query: the client wants to know what this endpoint is (SPARQL 1.1 Service Description)."""


Operation = QueryOperation | UpdateOperation | DescriptionOperation

_Parameters = dict[str, list[str]]

_FORM = "application/x-www-form-urlencoded"
_QUERY = "application/sparql-query"
_UPDATE = "application/sparql-update"
_YES = ("1", "true", "yes")
_TO_QUOTED_PRINTABLE = bytes.maketrans(b"+%", b" =")
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_CHARSET = re.compile(r";\s*charset\s*=\s*\"?([^\s;\"]+)", re.IGNORECASE)
_ABSOLUTE_IRI = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:[^\x00-\x20<>\"{}|^`\\]*")


def parse_request(method: str, query_string: bytes, headers: Mapping[str, str], body: bytes = b"") -> Operation:
    """Read one request to the endpoint. `headers` has lower-case names; `query_string` and `body` are as received.

    Raises BadRequest, MethodNotAllowed and UnsupportedMediaType.
    """
    parameters = decode_parameters(query_string, "the URL")
    if explain := headers.get("trialweave-explain"):
        parameters.setdefault("explain", []).append(explain)
    if method in ("GET", "HEAD"):
        return _get(parameters)
    if method != "POST":
        raise MethodNotAllowed(f"{method} is not a method of a SPARQL endpoint; use GET or POST.")
    return _post(parameters, headers.get("content-type", ""), body)


def _get(parameters: _Parameters) -> Operation:
    if "update" in parameters:
        raise BadRequest("An update cannot be sent with GET; send it with POST (SPARQL 1.1 Protocol, section 2.2).")
    return _query(parameters) if "query" in parameters else DescriptionOperation()


def _post(parameters: _Parameters, content_type: str, body: bytes) -> Operation:
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type not in (_FORM, _QUERY, _UPDATE):
        stated = f"not {media_type}" if media_type else "and the request states none"
        raise UnsupportedMediaType(f"The Content-Type of a POST is {_QUERY}, {_UPDATE} or {_FORM}, {stated}.")
    charset = _CHARSET.search(content_type)
    if charset and charset[1].lower() not in ("utf-8", "utf8"):
        raise UnsupportedMediaType(f"The body must be UTF-8, not {charset[1]}.")
    if media_type == _FORM:
        return _form(_merged(parameters, decode_parameters(body, "the body")))
    if "query" in parameters or "update" in parameters:
        raise BadRequest("The operation stands in the body and in the URL as well; send it once.")
    kind = "query" if media_type == _QUERY else "update"
    # A byte order mark, which editors on Windows begin a file with, tells the encoding and is no part of the text.
    direct = {**parameters, kind: [_utf8(body, "The body").removeprefix("\ufeff")]}
    return _query(direct) if kind == "query" else _update(direct)


def _form(parameters: _Parameters) -> Operation:
    if "query" in parameters and "update" in parameters:
        raise BadRequest("The request has a query and an update; send one of them.")
    if "update" in parameters:
        return _update(parameters)
    if "query" in parameters:
        return _query(parameters)
    raise BadRequest("The form has no query; send it as the parameter query.")


def _query(parameters: _Parameters) -> QueryOperation:
    _refuse(parameters, ("using-graph-uri", "using-named-graph-uri"), "an update")
    default, named = _graphs(parameters, "default-graph-uri"), _graphs(parameters, "named-graph-uri")
    explain = parameters.get("explain", [""])[-1].lower() in _YES
    return QueryOperation(_only(parameters, "query"), default, named, explain)


def _update(parameters: _Parameters) -> UpdateOperation:
    _refuse(parameters, ("default-graph-uri", "named-graph-uri"), "a query")
    using, named = _graphs(parameters, "using-graph-uri"), _graphs(parameters, "using-named-graph-uri")
    return UpdateOperation(_only(parameters, "update"), using, named)


def _only(parameters: _Parameters, name: str) -> str:
    if len(parameters[name]) > 1:
        raise BadRequest(f"The request has the parameter {name} {len(parameters[name])} times; send it once.")
    return parameters[name][0]


def _refuse(parameters: _Parameters, names: tuple[str, ...], owner: str) -> None:
    for name in names:
        if name in parameters:
            raise BadRequest(f"The parameter {name} belongs to {owner}.")


def _graphs(parameters: _Parameters, name: str) -> tuple[str, ...] | None:
    # An empty value, which the forms of some endpoints send, names no graph.
    graphs = tuple(filter(None, parameters.get(name, ())))
    for graph in graphs:
        if not is_absolute(graph):
            raise BadRequest(f"The value of {name} is not an absolute IRI: {graph[:200]}")
    return graphs or None


def is_absolute(iri: str) -> bool:
    """Whether the text is an absolute IRI, as far as what may stand in one goes (RFC 3987)."""
    return _ABSOLUTE_IRI.fullmatch(iri) is not None


def _merged(first: _Parameters, second: _Parameters) -> _Parameters:
    return {name: first.get(name, []) + second.get(name, []) for name in {**first, **second}}


def decode_parameters(encoded: bytes, place: str) -> _Parameters:
    """Decode application/x-www-form-urlencoded, strictly: what a lenient decoder repairs may mean something else."""
    parameters: _Parameters = {}
    for pair in filter(None, encoded.split(b"&")):
        name, _, value = pair.partition(b"=")
        parameters.setdefault(_decode(name, place), []).append(_decode(value, place))
    return parameters


def _decode(encoded: bytes, place: str) -> str:
    if encoded.isalpha():
        return encoded.decode()
    # As quoted-printable, which differs in its signs only: the library's decoder of percent escapes takes thirty times
    # as long, 40 ms for the 10,000 IRIs of a large join.
    quoted = encoded.replace(b"=", b"=3D").translate(_TO_QUOTED_PRINTABLE)
    decoded = a2b_qp(quoted)
    # An escape leaves one byte of three, and what is none leaves more, but for the end of a line. To look at each of
    # them takes five times as long as to decode them.
    if len(decoded) != len(quoted) - 2 * quoted.count(b"=") or b"\n" in quoted or b"\r" in quoted:
        _refuse_bad_escapes(encoded, place)
    return _utf8(decoded, f"A parameter in {place}")


def _refuse_bad_escapes(encoded: bytes, place: str) -> None:
    if bad := _BAD_ESCAPE.search(encoded):
        found = encoded[bad.start() : bad.start() + 3].decode("ascii", "backslashreplace")
        raise BadRequest(f"A parameter in {place} has the invalid percent escape {found}; write a percent sign as %25.")


def _utf8(encoded: bytes, place: str) -> str:
    try:
        return encoded.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadRequest(f"{place} is not UTF-8 (byte {error.start}).") from error
