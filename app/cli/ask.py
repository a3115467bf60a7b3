"""Questions from the command line: the query, where it is asked, and how the answer is shown."""

import asyncio
import csv
import io
import sys
from pathlib import Path

import pyoxigraph as ox
from rich.console import Console
from rich.table import Table

from app.errors import BadRequest, TrialweaveError
from app.federation.federation import Explanation, Federation
from app.query.budget import HOUSE
from app.query.guard import check_query
from app.settings import Settings
from app.store.base import Answer, Query
from app.store.evaluation import evaluate
from app.store.opening import open_pool
from app.store.quarantine import Quarantine

__all__ = [
    "Explanation",
    "ask_directory",
    "ask_endpoint",
    "ask_quarantine",
    "graph_media_type",
    "read_query",
    "show",
    "show_explanation",
]

_ASKED = 300
"""Characters of a query that are shown of what was sent."""

_SOLUTIONS = {
    "table": "text/csv",
    "json": "application/sparql-results+json",
    "xml": "application/sparql-results+xml",
    "csv": "text/csv",
    "tsv": "text/tab-separated-values",
}
_QUERY_PROPERTIES = {f"http://www.w3.org/ns/shacl#{form}" for form in ("select", "ask", "construct", "describe")}
_GRAPHS = {
    "ttl": "text/turtle",
    "nt": "application/n-triples",
    "rdf": "application/rdf+xml",
    "jsonld": "application/ld+json",
    "trig": "application/trig",
    "nq": "application/n-quads",
}


def read_query(file: str) -> str:
    """Return the text of a query file, of an example query (.ttl), or of standard input for `-`. Raises BadRequest."""
    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        text = data.decode("utf-8-sig")
        return _example_query(text, file) if file.endswith(".ttl") else text
    except UnicodeDecodeError as error:
        raise BadRequest(f"{file} is not UTF-8 at byte {error.start}; save it as UTF-8.") from None
    except OSError as error:
        raise BadRequest(f"{file} cannot be read: {error.strerror}.") from None


def _example_query(turtle: str, file: str) -> str:
    """Return the query inside an example in the SIB form (sh:select and its like)."""
    try:
        triples = list(ox.parse(turtle, format=ox.RdfFormat.TURTLE))
    except SyntaxError as error:
        raise BadRequest(f"{file} is not Turtle: {error}.") from None
    for triple in triples:
        if triple.predicate.value in _QUERY_PROPERTIES and isinstance(triple.object, ox.Literal):
            return triple.object.value
    raise BadRequest(f"{file} holds no example query: no sh:select, sh:ask or sh:construct.")


def graph_media_type(format: str) -> str:
    """Return the media type of a format for graphs. Raises BadRequest for another."""
    if format not in _GRAPHS:
        raise BadRequest(f"'{format}' is not a format for graphs; use one of {', '.join(_GRAPHS)}.")
    return _GRAPHS[format]


def ask_directory(settings: Settings, text: str, format: str, explanation: Explanation | None = None) -> Answer:
    """Answer from the store, and from endpoints for SERVICE, with the same limits as the service's."""
    federation = Federation(settings)
    query = _query(text, format, settings, services=federation.is_on)

    async def ask() -> Answer:
        pool = open_pool(settings.model_copy(update={"workers": 1}))
        await pool.start()
        try:
            if not federation.concerns(text):
                return await pool.run(query, HOUSE)
            return await federation.answer(query, lambda local: pool.run(local, HOUSE), explanation)
        finally:
            await federation.close()
            await pool.close()

    return asyncio.run(ask())


def ask_quarantine(data: Path, text: str, format: str) -> Answer:
    """Answer from the graphs that the gate turned away."""
    body, media_type = evaluate(Quarantine(data).open(), _query(text, format, Settings(data=data)))
    return Answer(body, media_type, 0)


def ask_endpoint(endpoint: str, text: str, format: str) -> Answer:
    """Answer from a SPARQL endpoint that the user named. Raises TrialweaveError with what went wrong there."""
    from urllib.error import URLError

    from SPARQLWrapper import POST, SPARQLWrapper
    from SPARQLWrapper.SPARQLExceptions import SPARQLWrapperException

    query = _query(text, format, Settings())
    client = SPARQLWrapper(endpoint, agent="trialweave")
    client.setQuery(text)
    client.setMethod(POST)
    client.setTimeout(60)
    client.setOnlyConneg(True)
    client.addCustomHttpHeader("Accept", f"{query.solutions_type}, {query.graph_type}")
    try:
        response = client.query()
        body = response.response.read()
        media_type = str(response.info().get("content-type", "")).split(";")[0].strip()
    except SPARQLWrapperException as error:
        raise BadRequest(f"{endpoint} refused the query: {error.msg}") from None
    except (URLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise TrialweaveError(f"{endpoint} cannot be asked: {reason}.") from None
    return Answer(body, media_type, 0)


def show(answer: Answer, format: str) -> None:
    """Print an answer: as a table if that was asked for and it has rows, else byte for byte."""
    if format == "table" and answer.media_type == "text/csv":
        _show_table(answer.body.decode())
        return
    sys.stdout.buffer.write(answer.body)
    if not answer.body.endswith(b"\n"):
        sys.stdout.buffer.write(b"\n")
    sys.stdout.buffer.flush()


def show_explanation(explanation: Explanation) -> None:
    """Print the plan and what was sent to endpoints as tables, to standard error: the answer goes to the output."""
    plan = Table("endpoint", "bound by", "bindings", "rows", "clause", "silenced", header_style="bold", title="Plan")
    for step in explanation.plan:
        bound_by = " ".join(f"?{name}" for name in step["bound_by"]) or "nothing"
        numbers = _numbers(step["bindings"], step["rows"])
        cells = [step["endpoint"], bound_by, *numbers, _short(step["clause"]), step["silenced"] or ""]
        plan.add_row(*map(_escape, cells))
    sent = Table("endpoint", "rows", "bytes", "ms", "cache", "query", "error", header_style="bold", title="Requests")
    for one in explanation.requests:
        numbers = _numbers(one["rows"], one["bytes"], one["milliseconds"])
        cells = [one["endpoint"], *numbers, "yes" if one["cache"] else "no", _short(one["query"]), one["error"] or ""]
        sent.add_row(*map(_escape, cells))
    console = Console(highlight=False, stderr=True)
    if not console.is_terminal:
        console = Console(highlight=False, stderr=True, width=240)
    console.print(plan)
    console.print(sent)
    print(f"{len(explanation.requests)} sent", file=sys.stderr)


def _numbers(*numbers: float | None) -> list[str]:
    return ["" if number is None else f"{number:,}" for number in numbers]


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _ASKED else f"{text[:_ASKED]}…"


def _query(text: str, format: str, settings: Settings, *, services: bool = False) -> Query:
    if format not in {**_SOLUTIONS, **_GRAPHS}:
        raise BadRequest(f"'{format}' is not a format; use one of {', '.join({**_SOLUTIONS, **_GRAPHS})}.")
    form = check_query(text, settings, services=services)
    asks_graph = form in {"CONSTRUCT", "DESCRIBE"}
    if form == "ASK" and format in {"table", "csv", "tsv"}:
        format = "json"
    if asks_graph and format == "table":
        format = "ttl"
    if asks_graph and format == "json":
        format = "jsonld"
    table = _GRAPHS if asks_graph else _SOLUTIONS
    if format not in table:
        raise BadRequest(f"A {form} query cannot be answered as {format}; use one of {', '.join(table)}.")
    if asks_graph:
        return Query(text, graph_type=table[format])
    return Query(text, solutions_type=table[format])


def _show_table(text: str) -> None:
    rows = list(csv.reader(io.StringIO(text)))
    table = Table(*rows[0], header_style="bold")
    for row in rows[1:]:
        table.add_row(*(_escape(cell) for cell in row))
    console = Console(highlight=False)
    if not console.is_terminal:
        # A pipe has no width: cells must not be cut to fit one.
        console = Console(
            highlight=False, width=max(80, sum(max(map(len, column)) + 3 for column in zip(*rows, strict=True)) + 1)
        )
    console.print(table)
    print(f"{len(rows) - 1} rows", file=sys.stderr)


def _escape(cell: str) -> str:
    """Keep square brackets in data from being read as markup."""
    return cell.replace("[", "\\[")
