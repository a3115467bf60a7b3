"""Solutions from other endpoints: read from JSON or XML with suspicion, and written as the rows of VALUES.

VALUES cannot hold blank nodes (SPARQL 1.1 Query, section 10). A blank node becomes an IRI with a secret in it, which no
data can have, and a blank node again in the answer.
"""

import json
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import orjson
import pyoxigraph as ox

from app.store.fitting import fitted

__all__ = ["Blanks", "Row", "Table", "Unreadable", "restore_graph", "restore_solutions", "solutions", "values"]

Row = tuple[str | None, ...]
"""One solution: a term as in N-Triples for each column, None where it is unbound."""

_DOCTYPE = re.compile(rb"<!\s*(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_XSD_STRING = "http://www.w3.org/2001/XMLSchema#string"


class Unreadable(Exception):
    """What came back are no solutions, for the reason given."""


@dataclass(slots=True)
class Table:
    """A multiset of solutions. `has_blanks` says whether stand-ins of blank nodes are among the terms."""

    columns: tuple[str, ...]
    rows: list[Row] = field(default_factory=list)
    has_blanks: bool = False


class Blanks:
    """Stand-ins for the blank nodes of one query: each answer's own, as labels hold within one document only."""

    def __init__(self) -> None:
        self.prefix = f"urn:x-blank:{secrets.token_hex(16)}:"
        self._documents = 0

    def document(self) -> str:
        """What the stand-ins of one more answer begin with."""
        self._documents += 1
        return f"{self.prefix}{self._documents}:"


def solutions(body: bytes, is_xml: bool, columns: Sequence[str], limit: int, stand_in: str) -> Table:
    """Read an answer. Raises Unreadable, also where it has more than `limit` rows or columns nobody asked for."""
    rows = _xml_rows(body) if is_xml else _json_rows(body)
    table = Table(tuple(columns))
    labels: dict[str, str] = {}

    def written(term: object) -> str | None:
        if isinstance(term, ox.BlankNode):
            table.has_blanks = True
            return labels.setdefault(term.value, f"<{stand_in}{len(labels)}>")
        if isinstance(term, ox.Triple):
            raise Unreadable("has triple terms in its answer, which are not read")
        return None if term is None else str(term)

    for row in rows:
        if len(table.rows) >= limit:
            raise Unreadable(f"has more than {limit:,} rows; ask for less")
        table.rows.append(tuple(written(row.get(name)) for name in columns))
    return table


def _json_rows(body: bytes) -> Iterator[Mapping[str, object]]:
    try:
        bindings = orjson.loads(body)["results"]["bindings"]
        for binding in bindings:
            yield {name: _term(value) for name, value in binding.items()}
    except (orjson.JSONDecodeError, RecursionError):
        raise Unreadable("sent JSON that is cut off or malformed") from None
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise Unreadable(f"sent JSON that is no table of solutions ({type(error).__name__}: {error})") from None


def _term(value: Mapping[str, str]) -> object:
    match value["type"]:
        case "uri":
            return ox.NamedNode(value["value"])
        case "bnode":
            return ox.BlankNode(re.sub(r"[^A-Za-z0-9]", lambda found: f"_{ord(found[0]):x}_", value["value"]) or "b")
        case "literal" | "typed-literal":
            if language := value.get("xml:lang"):
                return ox.Literal(value["value"], language=language)
            return ox.Literal(value["value"], datatype=ox.NamedNode(value.get("datatype") or _XSD_STRING))
        case other:
            raise ValueError(f"a term of type {other}")


def _xml_rows(body: bytes) -> Iterator[Mapping[str, object]]:
    if _DOCTYPE.search(body) or b"\0" in body[:200]:
        raise Unreadable("sent XML with a DOCTYPE, which is not read")
    try:
        parsed = cast(ox.QuerySolutions, ox.parse_query_results(body, format=ox.QueryResultsFormat.XML))
        names = [variable.value for variable in parsed.variables]
        for row in parsed:
            yield dict(zip(names, row, strict=True))
    except (SyntaxError, ValueError, AttributeError) as error:
        raise Unreadable(f"sent XML that is no table of solutions ({error})") from None


def values(columns: Sequence[str], rows: Iterable[Row]) -> str:
    """The rows of VALUES, without the braces around them."""
    return "\n".join(f"({' '.join('UNDEF' if term is None else term for term in row)})" for row in rows)


def restore_solutions(body: bytes, prefix: str, media_type: str, formats: Mapping[str, ox.QueryResultsFormat]) -> bytes:
    """JSON solutions with the blank nodes in the place of their stand-ins, in another format."""
    document = json.loads(body)
    for binding in document.get("results", {}).get("bindings", ()):
        for term in binding.values():
            _restore(term, prefix)
    restored = orjson.dumps(document)
    if formats[media_type] is ox.QueryResultsFormat.JSON:
        return restored
    parsed = ox.parse_query_results(restored, format=ox.QueryResultsFormat.JSON)
    return fitted(cast(Any, parsed).serialize(format=formats[media_type]) or b"", media_type)


def _restore(term: dict[str, Any], prefix: str) -> None:
    if term["type"] == "uri" and term["value"].startswith(prefix):
        term["type"], term["value"] = "bnode", _label(term["value"], prefix)


def _label(iri: str, prefix: str) -> str:
    return "r" + iri.removeprefix(prefix).replace(":", "b")


def restore_graph(body: bytes, prefix: str, media_type: str, formats: Mapping[str, ox.RdfFormat]) -> bytes:
    """N-Triples with the blank nodes in the place of their stand-ins, in another format."""

    def restored(term: Any) -> Any:
        is_stand_in = isinstance(term, ox.NamedNode) and term.value.startswith(prefix)
        return ox.BlankNode(_label(term.value, prefix)) if is_stand_in else term

    triples = (
        ox.Triple(restored(quad.subject), quad.predicate, restored(quad.object))
        for quad in ox.parse(body, format=ox.RdfFormat.N_TRIPLES)
        if not quad.predicate.value.startswith(prefix)  # A blank node is no predicate: no triple comes of it.
    )
    return fitted(ox.serialize(triples, format=formats[media_type]) or b"", media_type)
