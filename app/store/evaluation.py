"""One SPARQL query, from text to the bytes of its answer, on one thread.

Result iterators of the engine end the whole process when a second thread touches them. So `evaluate` asks, reads,
serialises and drops them in one call, and nothing of the engine leaves this module alive.
"""

import io
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO, TypeVar, cast

import pyoxigraph as ox

from app.errors import AnswerTooLarge, BadRequest, NotAcceptable, QuerySyntaxError
from app.sparql.tokens import Token, place, readable
from app.store.base import Query
from app.store.fitting import checked
from app.store.generations import engine_errors
from app.store.union import UNNAMED, merge, named_quads

__all__ = [
    "GRAPH_TYPES",
    "PREFIXES",
    "SOLUTION_TYPES",
    "dataset",
    "dump",
    "evaluate",
    "evaluate_into",
    "resolved",
    "rows_of",
    "select",
    "syntax_error",
    "write_results",
]

SOLUTION_TYPES: Mapping[str, ox.QueryResultsFormat] = {
    "application/sparql-results+json": ox.QueryResultsFormat.JSON,
    "application/sparql-results+xml": ox.QueryResultsFormat.XML,
    "text/csv": ox.QueryResultsFormat.CSV,
    "text/tab-separated-values": ox.QueryResultsFormat.TSV,
}
"""Media types for SELECT and ASK."""

GRAPH_TYPES: Mapping[str, ox.RdfFormat] = {
    "text/turtle": ox.RdfFormat.TURTLE,
    "application/n-triples": ox.RdfFormat.N_TRIPLES,
    "application/rdf+xml": ox.RdfFormat.RDF_XML,
    "application/ld+json": ox.RdfFormat.JSON_LD,
    "application/trig": ox.RdfFormat.TRIG,
    "application/n-quads": ox.RdfFormat.N_QUADS,
}
"""Media types for CONSTRUCT and DESCRIBE."""

PREFIXES: Mapping[str, str] = {
    "tw": "https://w3id.org/trialweave/ontology#",
    "twv": "https://w3id.org/trialweave/value/",
    "mesh": "http://id.nlm.nih.gov/mesh/",
    "dcterms": "http://purl.org/dc/terms/",
    "prov": "http://www.w3.org/ns/prov#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
"""Short names in graph answers; those the query declares come first. Only the ones in use are written."""

_Form = TypeVar("_Form", ox.QueryResultsFormat, ox.RdfFormat)

_TRIPLE = 64
"""Bytes of an answer's limit that each triple of a graph takes up at least; in memory it takes several times that."""

_FORMS = ("SELECT", "CONSTRUCT", "DESCRIBE", "ASK")

_PREFIXED_TYPES = {"text/turtle", "application/rdf+xml", "application/trig"}

_POSITION = re.compile(r"error at (\d+):(\d+): expected (.*)", re.DOTALL)
_READABLE = re.compile(r"\"\S{1,4}\"|[A-Z]{2,}")


def evaluate(store: ox.Store, query: Query, limit: int | None = None) -> tuple[bytes, str]:
    """Answer the query: the bytes, and which of the two media types of the query they have.

    `limit` is the number of bytes the answer may have. Raises QuerySyntaxError, AnswerTooLarge, NotAcceptable for a
    media type that is in neither table or cannot hold the answer, BadRequest for what the engine accepts but cannot
    evaluate, and StoreError.
    """
    output = io.BytesIO()
    media_type = evaluate_into(output, store, query, limit)
    return output.getvalue(), media_type


def evaluate_into(output: BinaryIO, store: ox.Store, query: Query, limit: int | None = None) -> str:
    """Write the answer into a file while it is made, and return its media type; errors as those of `evaluate`.

    After an error there may be a part of the answer in the file.
    """
    results = _ask(store, query)
    try:
        with engine_errors("reading the answer"):
            return _write(results, query, output, limit)
    except RuntimeError as error:
        raise BadRequest(f"The query cannot be evaluated: {error}.") from error
    finally:
        del results


_Results = ox.QuerySolutions | ox.QueryBoolean | Iterable[ox.Triple]


def write_results(results: _Results, query: Query, limit: int | None = None) -> tuple[bytes, str]:
    """Write what a query found: the bytes, and which of the two media types of the query they have.

    Raises AnswerTooLarge, and NotAcceptable for a media type that is in neither table or cannot hold the answer.
    """
    output = io.BytesIO()
    media_type = _write(results, query, output, limit)
    return output.getvalue(), media_type


def _write(results: _Results, query: Query, output: BinaryIO, limit: int | None) -> str:
    limited = cast(BinaryIO, _Limited(output, limit))
    if isinstance(results, ox.QuerySolutions | ox.QueryBoolean):
        form = _format(SOLUTION_TYPES, query.solutions_type)
        results.serialize(checked(limited, query.solutions_type), format=form)
        return query.solutions_type
    _write_graph(results, query.text, query.graph_type, checked(limited, query.graph_type), limit)
    return query.graph_type


def select(store: ox.Store, query: Query) -> Iterator[dict[str, str]]:
    """Rows of a SELECT query as plain strings (IRI, lexical form of a literal); a row lacks its unbound variables."""
    results = _ask(store, query)
    with engine_errors("reading the answer"):
        return rows_of(results)


def rows_of(results: object) -> Iterator[dict[str, str]]:
    """The rows of solutions as plain strings. Raises BadRequest for what is no solutions."""
    if not isinstance(results, ox.QuerySolutions):
        raise BadRequest("Only a SELECT query has rows.")
    names = [variable.value for variable in results.variables]
    rows = [{name: _plain(term) for name, term in zip(names, row, strict=True) if term is not None} for row in results]
    return iter(rows)


def _plain(term: object) -> str:
    return term.value if isinstance(term, ox.NamedNode | ox.Literal | ox.BlankNode) else str(term)


def dump(store: ox.Store, output: BinaryIO, media_type: str) -> None:
    """Write all named graphs; a format without named graphs gets the union of all graphs.

    Raises NotAcceptable for a media type that is not in GRAPH_TYPES, or cannot hold what is stored.
    """
    form = _format(GRAPH_TYPES, media_type)
    output = checked(output, media_type)
    with engine_errors("writing everything out"):
        if form.supports_datasets:
            ox.serialize(named_quads(store), output, format=form, prefixes=dict(PREFIXES))
        else:
            store.dump(output, format=form, from_graph=UNNAMED, prefixes=dict(PREFIXES))


class _Limited:
    """Passes an answer on to a file, and no more of it than the limit, so that a huge one costs no more than that."""

    def __init__(self, output: BinaryIO, limit: int | None) -> None:
        self._output = output
        self._left = math.inf if limit is None else limit
        self._limit = limit

    def write(self, data: bytes) -> int:
        """Take the next bytes, and say how many they were. Raises AnswerTooLarge."""
        self._left -= len(data)
        if self._left < 0:
            raise AnswerTooLarge(f"The answer has more than {self._limit:,} bytes; add LIMIT, or ask for less.")
        return self._output.write(data)

    def flush(self) -> None:
        """Have everything written."""
        self._output.flush()


def _ask(store: ox.Store, query: Query) -> ox.QuerySolutions | ox.QueryBoolean | ox.QueryTriples:
    try:
        with engine_errors("evaluating the query"):
            asked, arguments = dataset(store, query)
            return asked.query(
                query.text,
                base_iri=query.base_iri,
                substitutions={ox.Variable(name): ox.NamedNode(iri) for name, iri in query.substitutions.items()},
                **arguments,
            )
    except SyntaxError as error:
        raise syntax_error(query.text, str(error)) from error
    except (RuntimeError, ValueError) as error:
        raise BadRequest(f"The query cannot be evaluated: {error}.") from error


def dataset(store: ox.Store, query: Query) -> tuple[ox.Store, dict[str, Any]]:
    """The store to ask, and the engine's arguments for the query's dataset.

    The protocol's dataset wins over FROM (SPARQL 1.1 Protocol, section 2.1.4), and a dataset of either kind is all
    there is: what it does not name is not in it (SPARQL 1.1 Query, section 13.2). Where nobody names one, the default
    graph is the store's unnamed one, which is the union. Several default graphs are merged first (see `union`).
    """
    if query.default_graphs is not None or query.named_graphs is not None:
        default, named = _distinct(query.default_graphs or ()), _distinct(query.named_graphs or ())
    elif clauses := _from_clauses(query):
        default, named = clauses
    else:
        return store, {}
    if len(default) < 2:
        return store, {"default_graph": default, "named_graphs": named}
    return merge(store, default, named), {"default_graph": [UNNAMED], "named_graphs": named}


def _distinct(iris: Iterable[str]) -> list[ox.NamedNode]:
    return [ox.NamedNode(iri) for iri in dict.fromkeys(iris)]


def _from_clauses(query: Query) -> tuple[list[ox.NamedNode], list[ox.NamedNode]] | None:
    """The graphs of FROM and of FROM NAMED; None where there is no such clause, or no sense in it."""
    # The search for the letters is what nearly every query ends with.
    if "from" not in query.text.lower():
        return None
    default: list[str] = []
    named: list[str] = []
    words = readable(query.text)
    for token in words:
        if token.is_word("FROM"):
            name = next(words, token)
            graphs = default
            if name.is_word("NAMED"):
                name, graphs = next(words, token), named
            if name.kind not in ("iri", "name"):
                return None
            graphs.append(name.text)
    try:
        prologue = _prologue(query.text)
        found = (resolved(prologue, names, query.base_iri) for names in (default, named))
        return (next(found), next(found)) if default or named else None
    except SyntaxError:
        return None  # Asking the query itself says better what is wrong with it.


def _prologue(text: str) -> str:
    form = next((token for token in readable(text) if token.is_word(*_FORMS)), None)
    return text[: form.start] if form else text


def resolved(prologue: str, names: Sequence[str], base_iri: str | None) -> list[ox.NamedNode]:
    """The IRIs that these names have under the prologue's BASE and PREFIX, which the engine knows best.

    Each IRI is there once. Raises SyntaxError for a prefix that is not declared.
    """
    values = f"SELECT DISTINCT ?graph {{ VALUES ?graph {{ {' '.join(names)} }} }}"
    rows = cast(ox.QuerySolutions, ox.Store().query(f"{prologue} {values}", base_iri=base_iri))
    return [cast(ox.NamedNode, row["graph"]) for row in rows]


def syntax_error(text: str, message: str) -> QuerySyntaxError:
    """What is wrong and where. The engine reads an undeclared prefix as bad grammar, so that is looked for first."""
    if undeclared := _undeclared_prefix(text):
        line, column = place(text, undeclared.start)
        prefix = undeclared.prefix
        return QuerySyntaxError(
            f"The prefix {prefix}: at line {line}, column {column} is not declared; add PREFIX {prefix}: <…>.",
            line,
            column,
        )
    found = _POSITION.fullmatch(message)
    if not found:
        return QuerySyntaxError(f"The text is not SPARQL: {message}.")
    line, column = int(found[1]), int(found[2])
    hint = ", ".join(_READABLE.findall(found[3])[:8])
    expected = f"; expected here: {hint}" if hint else ""
    return QuerySyntaxError(
        f"The text is not SPARQL; reading stopped at line {line}, column {column}{expected}.", line, column
    )


def _undeclared_prefix(text: str) -> Token | None:
    declared: set[str] = set()
    after_keyword = False
    for token in readable(text):
        if token.kind == "name":
            if after_keyword:
                declared.add(token.prefix)
            elif token.prefix not in declared:
                return token
        after_keyword = token.is_word("PREFIX")
    return None


def _write_graph(triples: Iterable[ox.Triple], text: str, media_type: str, output: BinaryIO, limit: int | None) -> None:
    form = _format(GRAPH_TYPES, media_type)
    # An RDF graph is a set (SPARQL 1.1 Query, section 16.2); the engine repeats triples that several rows make.
    graph = list(_distinct_triples(triples, limit))
    prefixes = _used_prefixes(graph, text) if media_type in _PREFIXED_TYPES else None
    ox.serialize(graph, output, format=form, prefixes=prefixes)


def _distinct_triples(triples: Iterable[ox.Triple], limit: int | None) -> dict[ox.Triple, None]:
    """The triples, each once. Raises AnswerTooLarge before they take the memory that the limit is to save."""
    graph: dict[ox.Triple, None] = {}
    most = None if limit is None else limit // _TRIPLE
    for triple in triples:
        graph[triple] = None
        if most is not None and len(graph) > most:
            raise AnswerTooLarge(f"The graph has more than {most:,} triples; add LIMIT, or ask for less.")
    return graph


def _used_prefixes(graph: list[ox.Triple], text: str) -> dict[str, str]:
    plain = ox.serialize(graph, format=ox.RdfFormat.N_TRIPLES) or b""
    names = {iri: prefix for prefix, iri in {**PREFIXES, **_declared_prefixes(text)}.items()}
    return {prefix: iri for iri, prefix in names.items() if b"<" + iri.encode() in plain}


def _format(table: Mapping[str, _Form], media_type: str) -> _Form:
    if form := table.get(media_type):
        return form
    raise NotAcceptable(f"{media_type} cannot be written for this kind of query; ask for one of {', '.join(table)}.")


def _declared_prefixes(text: str) -> dict[str, str]:
    words = list(readable(_prologue(text)))
    return {
        name.prefix: iri.text[1:-1]
        for keyword, name, iri in zip(words, words[1:], words[2:], strict=False)
        if keyword.is_word("PREFIX") and name.prefix and ":" in iri.text
    }
