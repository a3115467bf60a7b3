"""The SPARQL endpoint (W3C SPARQL 1.1 Protocol)."""

import json
import logging
from collections.abc import Sequence

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from app.description.service import describe_service
from app.errors import AnswerTooLarge, NotAcceptable, QueryTooLarge, TrialweaveError
from app.federation.federation import Explanation, Federation
from app.logs import fields
from app.pages.facts import rows
from app.pages.rendering import render
from app.protocol.negotiation import GRAPH_FORMATS, HTML, SOLUTION_FORMATS, Chosen, Format, negotiate
from app.protocol.request import METHODS, DescriptionOperation, QueryOperation, UpdateOperation, parse_request
from app.query.guard import QueryForm
from app.routes.bodies import answer_with, read_body
from app.routes.dependencies import QueryPool, Trace
from app.routes.documented import WRITE_RESPONSES, answers, body, parameter, problems
from app.routes.problems import problem
from app.routes.updates import FIELDS_BYTES, body_limit, run_update
from app.settings import Settings
from app.store.base import Answer, Query
from loaders.link.identifiers import BASE

__all__ = ["answered", "endpoint", "examined", "formats", "query_of", "router"]

router = APIRouter(tags=["SPARQL"])

_log = logging.getLogger(__name__)

_JSON, _TURTLE = SOLUTION_FORMATS[0], GRAPH_FORMATS[0]
_EXPLAINED = {"Vary": "Accept, Trialweave-Explain"}
_GRAPH_FORMS = (QueryForm.CONSTRUCT, QueryForm.DESCRIBE)

_PAGE_BYTES = 4 * 1024 * 1024
_PAGE_ROWS = 1000

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
    longest = settings.query_bytes + settings.values_bytes
    too_large = QueryTooLarge(
        f"The body is too large; a query has at most {settings.query_bytes:,} bytes, "
        f"and {settings.values_bytes:,} more in rows of VALUES."
    )
    if settings.writing != "off":
        longest = max(longest, settings.write_bytes)
    body = await read_body(request, body_limit(longest), too_large)
    # Told before it is decoded, as that holds up everybody: an escape leaves one byte of three.
    if len(body) - 2 * body.count(b"%") > longest + FIELDS_BYTES:
        raise too_large
    return body


def _describe(request: Request, settings: Settings, accept: Sequence[str]) -> Response:
    chosen = negotiate(accept, (*GRAPH_FORMATS, HTML))
    if chosen.format is HTML:
        return _query_page("")
    url = str(request.url.replace(query="", fragment=""))
    content = describe_service(url, settings, chosen.format.media_type)
    return Response(content, media_type=chosen.content_type, headers={"Vary": "Accept"})


async def _answer(
    operation: QueryOperation, accept: Sequence[str], pool: QueryPool, federation: Federation, settings: Settings
) -> Response:
    form, repeatable = await examined(operation, pool, settings)
    chosen = negotiate(accept, formats(form))
    query = query_of(operation, chosen)
    if chosen.format is not HTML and not federation.concerns(query.text):
        return await answered(query, chosen, repeatable, pool)
    answer = await _ask(query, repeatable, pool, federation)
    if chosen.format is HTML:
        return _result_page(operation.text, form, answer.body)
    return answer_with(answer.body, chosen.content_type)


async def answered(query: Query, chosen: Chosen, repeatable: bool, pool: QueryPool) -> Response:
    """The workers' answer to a query, as data. Raises the errors of the pool."""
    answer = await pool.answer(query, repeatable=repeatable)
    return answer_with(answer.body, chosen.content_type)


def formats(form: QueryForm) -> tuple[Format, ...]:
    """What there is to choose from for a form of query."""
    return (*(GRAPH_FORMATS if form in _GRAPH_FORMS else SOLUTION_FORMATS), HTML)


async def examined(operation: QueryOperation, pool: QueryPool, settings: Settings) -> tuple[QueryForm, bool]:
    """What form of query it is, and whether its answer may be given again. Raises what `Inspector.examine` does."""
    level = logging.INFO if settings.log_queries else logging.DEBUG
    _log.log(level, "query", extra=fields(text=operation.text))
    return await pool.examine(operation.text)


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
    form, _ = await examined(operation, pool, settings)
    explanation = Explanation([], [], operation.text)
    is_page = _prefers_page(request)
    try:
        # Not to be kept: how an answer came about is another thing each time.
        answer = await _ask(query_of(operation, Chosen(HTML, "")), False, pool, federation, explanation)
        if is_page:
            return _result_page(operation.text, form, answer.body, explanation)
    except TrialweaveError as error:
        explanation.error = error.message
        status = problem(request, error).status_code
        if is_page:
            return _query_page(operation.text, explanation, status)
        return JSONResponse(explanation.shown() | {"answer": None}, status, _EXPLAINED)
    text = answer.body.decode()
    is_graph = form in _GRAPH_FORMS
    return JSONResponse(explanation.shown() | {"answer": text if is_graph else json.loads(text)}, headers=_EXPLAINED)


def _prefers_page(request: Request) -> bool:
    """Whether a page is wanted more than JSON, which is given whatever else is wanted."""
    try:
        return negotiate(request.headers.getlist("accept"), (_JSON, HTML)).format is HTML
    except NotAcceptable:
        return False


def query_of(operation: QueryOperation, chosen: Chosen) -> Query:
    """The query of a request, to be answered in the chosen format."""
    # A page shows solutions from JSON and graphs as Turtle.
    solutions, graph = (_JSON, _TURTLE) if chosen.format is HTML else (chosen.format, chosen.format)
    return Query(
        operation.text,
        solutions_type=solutions.media_type,
        graph_type=graph.media_type,
        default_graphs=operation.default_graphs,
        named_graphs=operation.named_graphs,
        base_iri=BASE,
    )


def _result_page(text: str, form: QueryForm, body: bytes, explanation: Explanation | None = None) -> Response:
    if len(body) > _PAGE_BYTES:
        raise AnswerTooLarge("The answer is too large for a page; add LIMIT, or ask for CSV or JSON instead of HTML.")
    if form is QueryForm.ASK:
        return _query_page(text, explanation, truth=bool(json.loads(body)["boolean"]))
    if form is QueryForm.SELECT:
        found = list(rows(body))
        columns, more = list(json.loads(body)["head"]["vars"]), len(found) > _PAGE_ROWS
        return _query_page(text, explanation, columns=columns, table=found[:_PAGE_ROWS], more=more)
    return _query_page(text, explanation, graph=body.decode("utf-8"))


def _query_page(text: str, explanation: Explanation | None = None, status: int = 200, **answer: object) -> Response:
    nothing = {"columns": None, "table": None, "truth": None, "graph": None, "more": False}
    content = render("query.html", query=text, told=explanation, **nothing | answer)
    headers = {"Vary": "Accept"} if explanation is None else _EXPLAINED
    return HTMLResponse(content, status, headers)
