"""Binding variables of a query to IRIs, for stores that take nothing but query text.

The embedded engine binds them beside the text. Here they are put into it: token by token, so that strings, comments and
longer names stay what they are, and only as IRIs that the engine's own term has checked and written.
"""

from collections.abc import Mapping

import pyoxigraph as ox

from app.errors import BadRequest
from app.sparql.tokens import readable

__all__ = ["substituted"]

_BODY = {"WHERE", "FROM", "LIMIT", "OFFSET", "VALUES", "HAVING"}


def substituted(text: str, substitutions: Mapping[str, str]) -> str:
    """The query with each of these variables replaced by its IRI, and still answering with a column of that name.

    A variable that is projected becomes `(<iri> AS ?name)`, one that is grouped or ordered by `(<iri>)`.
    Raises BadRequest for what is no IRI.
    """
    iris = {name: _iri(value) for name, value in substitutions.items()}
    pieces: list[str] = []
    end = depth = 0
    clause = ""
    for token in readable(text) if iris else ():
        depth += (token.text == "(") - (token.text == ")")
        clause = _clause(clause, token.text)
        name = token.text[1:]
        if token.kind == "variable" and name in iris:
            outside = _outside(clause, iris[name], name) if depth == 0 else iris[name]
            pieces += [text[end : token.start], outside]
            end = token.end
    return "".join([*pieces, text[end:]])


def _clause(clause: str, word: str) -> str:
    """The clause that a token stands in: SELECT, BY (of GROUP and ORDER) or any other."""
    if word == "{" or word.upper() in _BODY:
        return ""
    return word.upper() if word.upper() in ("SELECT", "BY") else clause


def _outside(clause: str, iri: str, name: str) -> str:
    """How an IRI stands where a variable stood outside of parentheses (SPARQL 1.1 Query, rules 9, 20 and 24)."""
    if clause == "SELECT":
        return f"({iri} AS ?{name})"
    return f"({iri})" if clause == "BY" else iri


def _iri(value: str) -> str:
    try:
        return str(ox.NamedNode(value))
    except ValueError as error:
        raise BadRequest(f"{value!r} is not an IRI: {error}.") from error
