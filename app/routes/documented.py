"""What the OpenAPI description says of parameters, bodies and answers: the parts that several routes share."""

from collections.abc import Iterable
from typing import Any

from app.protocol.negotiation import GRAPH_FORMATS, HTML, Format

__all__ = [
    "GRAPH_RESPONSES",
    "PROBLEMS",
    "WRITE_RESPONSES",
    "answers",
    "body",
    "contents",
    "parameter",
    "path_parameter",
    "problems",
]

_PROBLEM = {"application/problem+json": {"schema": {"type": "object"}}, "text/html": {"schema": {"type": "string"}}}

_TEXTS = {
    400: "The request cannot be understood",
    401: "The request has no key, or one that does not hold",
    403: "This is not done here, or not for everybody",
    404: "There is no such thing here",
    406: "None of the media types in Accept is available",
    413: "The request, or the answer to it, is too large",
    415: "The Content-Type or Content-Encoding of the body is not one that is read here",
    422: "A graph would break the SHACL shapes",
    429: "The client has used up its worker time; Retry-After says when to come back",
    500: "The query ended the process that evaluated it",
    502: "The remote store answered with an error",
    503: "No worker is free, or the store cannot be read",
    504: "The deadline is over",
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return errors that a route may answer with (RFC 9457)."""
    return {status: {"description": _TEXTS[status], "content": _PROBLEM} for status in statuses}


_ASKING = (413, 429, 500, 502, 503, 504)

PROBLEMS = problems(400, 404, 406, *_ASKING)
"""Errors that whatever asks the store may answer with."""

WRITE_RESPONSES = problems(400, 401, 403, 413, 415, 422, 500, 503, 504)
"""Errors that whatever writes may answer with."""


def contents(formats: Iterable[Format]) -> dict[str, Any]:
    """Return the media types of these formats, with the other names that clients use for them."""
    names = [name for each in formats for name in (each.media_type, *each.aliases)]
    return {name: {"schema": {"type": "string"}} for name in names}


def answers(formats: Iterable[Format], description: str) -> dict[int | str, dict[str, Any]]:
    """Return the statuses of a route that answers in these formats."""
    return {
        200: {"description": description, "content": contents(formats)},
        304: {"description": "The client has the answer already"},
        **PROBLEMS,
    }


GRAPH_RESPONSES = answers((*GRAPH_FORMATS, HTML), "A description in RDF, or a page")
"""The statuses of a resource."""


def parameter(name: str, description: str, *, many: bool = False) -> dict[str, Any]:
    """Return a parameter in the query string; `many` says that it may stand there several times."""
    schema: dict[str, Any] = {"type": "array", "items": {"type": "string"}} if many else {"type": "string"}
    return {"name": name, "in": "query", "description": description, "schema": schema}


def path_parameter(name: str, description: str) -> dict[str, Any]:
    """Return a parameter in the path."""
    return {"name": name, "in": "path", "required": True, "description": description, "schema": {"type": "string"}}


def body(media_types: Iterable[str], fields: Iterable[str] = (), *, required: bool = True) -> dict[str, Any]:
    """Return a request body: a text of one of the media types, or a form with these fields."""
    content: dict[str, Any] = {name: {"schema": {"type": "string"}} for name in media_types}
    if properties := {name: {"type": "string"} for name in fields}:
        content["application/x-www-form-urlencoded"] = {"schema": {"type": "object", "properties": properties}}
    return {"content": content, "required": required}
