"""What the OpenAPI description says of answers: their statuses and media types."""

from collections.abc import Iterable
from typing import Any

from app.protocol.negotiation import GRAPH_FORMATS, HTML, Format

__all__ = ["GRAPH_RESPONSES", "PROBLEMS", "answers"]

_PROBLEM = {"application/problem+json": {"schema": {"type": "object"}}}

PROBLEMS: dict[int | str, dict[str, Any]] = {
    400: {"description": "The request cannot be understood", "content": _PROBLEM},
    404: {"description": "There is no such thing here", "content": _PROBLEM},
    406: {"description": "None of the media types in Accept is available", "content": _PROBLEM},
    503: {"description": "No worker is free, or the store cannot be read", "content": _PROBLEM},
}
"""Errors that any resource may answer with (RFC 9457)."""


def answers(formats: Iterable[Format], description: str) -> dict[int | str, dict[str, Any]]:
    """Return the statuses of a route that answers in these formats."""
    content = {each.media_type: {"schema": {"type": "string"}} for each in formats}
    return {200: {"description": description, "content": content}, **PROBLEMS}


GRAPH_RESPONSES = answers((*GRAPH_FORMATS, HTML), "A description in RDF, or a page")
"""The statuses of a resource."""
