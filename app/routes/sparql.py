"""The SPARQL endpoint (W3C SPARQL 1.1 Protocol)."""

import asyncio
import json
import logging
from collections.abc import Sequence
from dataclasses import replace

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response, StreamingResponse

from app.description.service import describe_service
from app.errors import AnswerTooLarge, QueryTooLarge, TrialweaveError
from app.federation.federation import Explanation, Federation
from app.logs import fields
from app.pages.facts import rows
from app.pages.rendering import render
from app.protocol.negotiation import GRAPH_FORMATS, HTML, SOLUTION_FORMATS, Chosen, Format, negotiate
from app.protocol.request import METHODS, DescriptionOperation, QueryOperation, UpdateOperation, parse_request
from app.query.guard import QueryForm, check_query, is_repeatable
from app.routes.bodies import read_body
from app.routes.dependencies import QueryPool, Trace
from app.routes.documented import WRITE_RESPONSES, answers, body, parameter, problems
from app.routes.problems import problem
from app.routes.updates import body_limit, run_update
from app.settings import Settings
from app.store.base import Answer, Query
from app.store.large import LargeAnswer
from loaders.link.identifiers import BASE

__all__ = ["answered", "endpoint", "examined", "formats", "query_of", "router"]

router = APIRouter(tags=["SPARQL"])

_log = logging.getLogger(__name__)

_GRAPH_FORMS = (QueryForm.CONSTRUCT, QueryForm.DESCRIBE)

_PAGE_BYTES = 4 * 1024 * 1024
_PAGE_ROWS = 1000

_LONG = 4096
"""Characters of a query from which looking through it takes so long that others are to be served meanwhile."""


_GRAPHS = [
    parameter("default-graph-uri", "A graph of the default graph, instead of the union of all", many=True),
    parameter("named-graph-uri", "A graph that GRAPH finds, instead of all", many=True),
]
_USING = [
    parameter("using-graph-uri", "A graph that an update's WHERE is matched against", many=True),
    parameter("using-named-graph-uri", "A graph that GRAPH finds in an update's WHERE", many=True),
]
_EXPLAIN = parameter("explain", "1 to be told how the query is answered, and what was sent to other endpoints")
_ANSWERS = answers((*SOLUTION_FORMATS, *GRAPH_FORMATS, HTML), "The answer, or a description of the service")


@router.get(
    "/sparql",
    operation_id="query_by_get",
    summary="Ask a SPARQL query",
    responses=_ANSWERS | problems(403),
    openapi_extra={"parameters": [parameter("query", "A query; without it, what this service is"), *_GRAPHS, _EXPLAIN]},
)
@router.post(
    "/sparql",
    operation_id="query_by_post",
    summary="Ask a SPARQL query, or run an update",
    responses=_ANSWERS | {204: {"description": "The update is done, and visible"}} | WRITE_RESPONSES,
    openapi_extra={
        "parameters": [*_GRAPHS, *_USING, _EXPLAIN],
        "requestBody": body(["application/sparql-query", "application/sparql-update"], ["query", "update"]),
    },
)
async def endpoint(request: Request) -> Response:
    """Answer a SPARQL 1.1 query, or run an update where writing is on; without either, describe the service."""
    trace: Trace = request.scope["trialweave.trace"]
    if trace.failed:
        raise trace.failed  # Tried already, by `app.routes.plain`.
    if trace.found:
        return trace.found
    settings: Settings = request.app.state.settings
    sent = await _read_body(request, settings)
    headers = {**request.headers, "content-type": ", ".join(request.headers.getlist("content-type"))}
    operation = parse_request(request.method, request.scope["query_string"], headers, sent)
    accept = request.headers.getlist("accept")
    match operation:
        case UpdateOperation():
            return await run_update(operation, request, request.app.state.writes, settings)
        case DescriptionOperation():
            return _describe(request, settings, accept)
        case QueryOperation():
            pool, federation = QueryPool(request), request.app.state.federation
            if operation.explain:
                return await _explain(request, operation, pool, federation, settings)
            return await _answer(operation, accept, pool, federation, settings)


@router.options("/sparql", operation_id="query_options", summary="Methods of the endpoint", status_code=204)
async def options() -> Response:
    """Say which methods the endpoint has."""
    return Response(status_code=204, headers={"Allow": ", ".join(METHODS)})


async def _read_body(request: Request, settings: Settings) -> bytes:
    longest = settings.query_bytes if settings.writing == "off" else settings.write_bytes
    too_large = QueryTooLarge(f"The body is too large; a query has at most {settings.query_bytes:,} bytes.")
    return await read_body(request, body_limit(longest), too_large)


def _describe(request: Request, settings: Settings, accept: Sequence[str]) -> Response:
    chosen = negotiate(accept, (*GRAPH_FORMATS, HTML))
    if chosen.format is HTML:
        return _page("query.html", query="", columns=None, table=None, truth=None, graph=None, more=False)
    url = str(request.url.replace(query="", fragment=""))
    content = describe_service(url, settings, chosen.format.media_type)
    return Response(content, media_type=chosen.content_type, headers={"Vary": "Accept"})


async def _answer(
    operation: QueryOperation, accept: Sequence[str], pool: QueryPool, federation: Federation, settings: Settings
) -> Response:
    form, repeatable = await examined(operation, federation, settings)
    chosen = negotiate(accept, formats(form))
    query = query_of(operation, chosen)
    if chosen.format is not HTML and not federation.concerns(query.text):
        return await answered(query, chosen, repeatable, pool)
    answer = await _ask(query, repeatable, pool, federation)
    if chosen.format is HTML:
        return _result_page(operation.text, form, answer.body)
    return Response(answer.body, media_type=chosen.content_type, headers={"Vary": "Accept"})


async def answered(query: Query, chosen: Chosen, repeatable: bool, pool: QueryPool) -> Response:
    """The workers' answer to a query, as data. Raises the errors of the pool."""
    answer = await pool.answer(query, repeatable=repeatable)
    if isinstance(answer, LargeAnswer):
        headers = {"Vary": "Accept", "Content-Length": str(answer.body.size)}
        return StreamingResponse(answer.pieces(), media_type=chosen.content_type, headers=headers)
    return Response(answer.body, media_type=chosen.content_type, headers={"Vary": "Accept"})


def formats(form: QueryForm) -> tuple[Format, ...]:
    """What there is to choose from for a form of query."""
    return (*(GRAPH_FORMATS if form in _GRAPH_FORMS else SOLUTION_FORMATS), HTML)


async def examined(operation: QueryOperation, federation: Federation, settings: Settings) -> tuple[QueryForm, bool]:
    """What form of query it is, and whether its answer may be given again. Raises what `check_query` does."""
    text = operation.text
    level = logging.INFO if settings.log_queries else logging.DEBUG
    _log.log(level, "query", extra=fields(text=text))

    def examine() -> tuple[QueryForm, bool]:
        return check_query(text, settings, services=federation.is_on), is_repeatable(text)

    return examine() if len(text) < _LONG else await asyncio.to_thread(examine)


async def _ask(
    query: Query,
    repeatable: bool,
    pool: QueryPool,
    federation: Federation,
    explanation: Explanation | None = None,
) -> Answer:
    if not federation.concerns(query.text):
        return await pool.run(query, repeatable=repeatable)

    async def ask(local: Query) -> Answer:
        return await pool.run(local, repeatable=False)  # What endpoints answer may be another thing the next time.

    with pool.while_connected():
        return await federation.answer(query, ask, explanation)


async def _explain(
    request: Request, operation: QueryOperation, pool: QueryPool, federation: Federation, settings: Settings
) -> Response:
    """How the query was answered, with the answer; or how far it got, with the error and its status."""
    form, repeatable = await examined(operation, federation, settings)
    is_graph = form in _GRAPH_FORMS
    explanation = Explanation([], [], operation.text)
    try:
        answer = await _ask(query_of(operation, Chosen(HTML, "")), repeatable, pool, federation, explanation)
    except TrialweaveError as error:
        told = problem(request, error)
        return JSONResponse(explanation.shown() | {"answer": None}, told.status_code, {"Cache-Control": "no-store"})
    text = answer.body.decode()
    content = explanation.shown() | {"answer": text if is_graph else json.loads(text)}
    return JSONResponse(content, headers={"Cache-Control": "no-store"})


def query_of(operation: QueryOperation, chosen: Chosen) -> Query:
    """The query of a request, to be answered in the chosen format."""
    # A page shows solutions from JSON and graphs as Turtle; those are the two defaults of Query.
    query = Query(
        operation.text,
        default_graphs=operation.default_graphs,
        named_graphs=operation.named_graphs,
        base_iri=BASE,
    )
    if chosen.format is HTML:
        return query
    return replace(query, solutions_type=chosen.format.media_type, graph_type=chosen.format.media_type)


def _result_page(text: str, form: QueryForm, body: bytes) -> Response:
    if len(body) > _PAGE_BYTES:
        raise AnswerTooLarge("The answer is too large for a page; add LIMIT, or ask for CSV or JSON instead of HTML.")
    columns = table = truth = graph = None
    more = False
    if form is QueryForm.ASK:
        truth = bool(json.loads(body)["boolean"])
    elif form is QueryForm.SELECT:
        columns = list(json.loads(body)["head"]["vars"])
        found = list(rows(body))
        table, more = found[:_PAGE_ROWS], len(found) > _PAGE_ROWS
    else:
        graph = body.decode("utf-8")
    return _page("query.html", query=text, columns=columns, table=table, truth=truth, graph=graph, more=more)


def _page(template: str, **values: object) -> Response:
    return HTMLResponse(render(template, **values), headers={"Vary": "Accept"})
