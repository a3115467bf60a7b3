"""The graph store (W3C SPARQL 1.1 Graph Store HTTP Protocol): whole graphs, read and written by their names."""

import json
import re
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pyoxigraph as ox
from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from app.errors import BadRequest, BodyTooLarge, NotFound, UnsupportedMediaType
from app.protocol.graph_store import ALLOWED, Target, parse_target
from app.protocol.negotiation import GRAPH_FORMATS, QUAD_FORMATS, negotiate
from app.routes.access import author_of
from app.routes.bodies import answer_with, read_body
from app.routes.dependencies import PoolDependency, QueryPool, SettingsDependency, WritesDependency
from app.routes.documented import WRITE_RESPONSES, answers, body, parameter, problems
from app.routes.updates import audited
from app.settings import Settings
from app.store.base import Query
from app.store.writes import WriteQueue, Written

__all__ = ["router"]

router = APIRouter(tags=["Graph store"])

SERVICE = "/rdf-graphs/service"
"""Where graphs are named in the query string; a graph whose IRI is an address below /rdf-graphs/ is there itself."""

_FORMATS = {each.media_type: each for each in GRAPH_FORMATS if each not in QUAD_FORMATS}
_MULTIPART = "multipart/form-data"
_DOCTYPE = re.compile(rb"<!\s*(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_CHARSET = re.compile(r";\s*charset\s*=\s*\"?([^\s;\"]+)", re.IGNORECASE)
_PARTS = 100


_NAMES = {
    "parameters": [
        parameter("graph", "The IRI of the graph"),
        {**parameter("default", "The default graph; without a value"), "allowEmptyValue": True},
    ]
}
_BODY = {"requestBody": body((*_FORMATS, _MULTIPART))}
_MADE: dict[int | str, dict[str, Any]] = {
    201: {"description": "There is a new graph"},
    204: {"description": "The graph is changed"},
    **WRITE_RESPONSES,
}


@router.get(
    SERVICE,
    operation_id="get_graph",
    summary="Read a graph",
    responses=answers(GRAPH_FORMATS, "The graph"),
    openapi_extra=_NAMES,
)
@router.get("/rdf-graphs/{path:path}", include_in_schema=False)
async def read(request: Request, pool: PoolDependency) -> Response:
    """Answer with a graph, in the format that Accept asks for."""
    target = _named(request)
    chosen = negotiate(request.headers.getlist("accept"), GRAPH_FORMATS)
    if not target.is_default and not await _exists(pool, target.graph):
        raise NotFound(f"There is no graph {target.graph}.")
    everything = "CONSTRUCT { ?s ?p ?o } WHERE { ?s ?p ?o }"
    query = Query(everything, graph_type=chosen.format.media_type, default_graphs=(target.graph,))
    answer = await pool.answer(query)
    return answer_with(answer.body, chosen.content_type)


@router.put(
    SERVICE,
    operation_id="put_graph",
    summary="Replace a graph",
    status_code=204,
    responses=_MADE,
    openapi_extra=_NAMES | _BODY,
)
@router.put("/rdf-graphs/{path:path}", include_in_schema=False)
async def replace(request: Request, writes: WritesDependency, settings: SettingsDependency) -> Response:
    """Make the body the whole content of a graph."""
    author_of(request, settings)
    target = _named(request)
    written = await _put(request, target, writes, settings, replacing=True)
    return Response(status_code=201 if written.created else 204)


@router.post(
    SERVICE,
    operation_id="post_graph",
    summary="Add to a graph, or make one",
    status_code=204,
    responses=_MADE,
    openapi_extra=_NAMES | _BODY,
)
@router.post("/rdf-graphs/{path:path}", include_in_schema=False)
async def add(request: Request, writes: WritesDependency, settings: SettingsDependency) -> Response:
    """Add the body to a graph; without a graph, make a new one, whose name is in Location (section 5.5)."""
    author_of(request, settings)
    target = _target(request)
    if target is None:
        made = Target(str(request.url.replace(path=f"/rdf-graphs/{uuid4()}", query="", fragment="")))
        await _put(request, made, writes, settings, replacing=False)
        return Response(status_code=201, headers={"Location": made.graph})
    written = await _put(request, target, writes, settings, replacing=False)
    return Response(status_code=201 if written.created else 204)


@router.delete(
    SERVICE,
    operation_id="delete_graph",
    summary="Remove a graph",
    status_code=204,
    responses=problems(404) | WRITE_RESPONSES,
    openapi_extra=_NAMES,
)
@router.delete("/rdf-graphs/{path:path}", include_in_schema=False)
async def remove(request: Request, writes: WritesDependency, settings: SettingsDependency) -> Response:
    """Remove a graph."""
    author = author_of(request, settings)
    target = _named(request)
    work = writes.drop(target.graph, author.checks)
    await audited(request, settings, author, f"DELETE {target.graph}", b"", work)
    return Response(status_code=204)


@router.options(SERVICE, operation_id="graph_options", summary="Methods of a graph", status_code=204)
@router.options("/rdf-graphs/{path:path}", include_in_schema=False)
async def options() -> Response:
    """Say which methods a graph has."""
    return Response(status_code=204, headers={"Allow": ", ".join(ALLOWED)})


def _target(request: Request) -> Target | None:
    """The graph that the request names. Raises BadRequest."""
    direct = request.url.path.rstrip("/") != SERVICE
    address = str(
        request.url.replace(path=request.scope["raw_path"].decode("ascii", "backslashreplace"), query="", fragment="")
    )
    target = parse_target(address, request.scope["query_string"], direct=direct)
    if target:
        try:
            ox.NamedNode(target.graph)
        except ValueError as error:
            raise BadRequest(f"{target.graph[:200]} is not the IRI of a graph: {error}.") from error
    return target


def _named(request: Request) -> Target:
    target = _target(request)
    if target is None:
        raise BadRequest("The request names no graph; add ?graph= with its IRI or ?default.")
    return target


async def _exists(pool: QueryPool, graph: str) -> bool:
    # The engine's own term writes the IRI, so that nothing can break out of it.
    answer = await pool.run(Query(f"ASK {{ GRAPH {ox.NamedNode(graph)} {{}} }}"))
    return bool(json.loads(answer.body)["boolean"])


async def _put(request: Request, target: Target, writes: WriteQueue, settings: Settings, *, replacing: bool) -> Written:
    author = author_of(request, settings)
    too_large = BodyTooLarge(f"The body is too large; a graph has at most {settings.write_bytes:,} bytes.")
    sent = await read_body(request, settings.write_bytes, too_large)
    documents = await _documents(request, sent)
    work = writes.put(target.graph, documents, replace=replacing, checks=author.checks)
    return await audited(request, settings, author, f"{request.method} {target.graph}", sent, work)


async def _documents(request: Request, sent: bytes) -> list[tuple[str, bytes]]:
    """The documents in the body: one, or the parts of a form (section 5.5). Raises UnsupportedMediaType, BadRequest."""
    content_type = request.headers.get("content-type", "")
    if content_type.partition(";")[0].strip().lower() != _MULTIPART:
        return [_document(content_type, sent)]

    async def stream() -> AsyncIterator[bytes]:
        yield sent

    try:
        parser = MultiPartParser(request.headers, stream(), max_files=_PARTS, max_fields=0)  # type: ignore[arg-type]
        form = await parser.parse()
    except (MultiPartException, KeyError) as error:
        raise BadRequest(f"The form cannot be read: {error}; send each graph as a file with a Content-Type.") from error
    try:
        uploads = [value for _, value in form.multi_items() if isinstance(value, UploadFile)]
        return [_document(one.content_type or "", await one.read()) for one in uploads]
    finally:
        await form.close()


def _document(content_type: str, text: bytes) -> tuple[str, bytes]:
    """A document and its media type. Raises UnsupportedMediaType, and BadRequest for what is not to be parsed."""
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type not in _FORMATS:
        stated = f"not {media_type}" if media_type else "and none is stated"
        raise UnsupportedMediaType(f"The Content-Type of a graph is one of {', '.join(_FORMATS)}, {stated}.")
    charset = _CHARSET.search(content_type)
    if charset and charset[1].lower() not in ("utf-8", "utf8", "us-ascii"):
        raise UnsupportedMediaType(f"The graph must be UTF-8, not {charset[1]}.")
    try:
        text.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadRequest(f"The graph is not UTF-8 (byte {error.start}).") from error
    if media_type == "application/rdf+xml" and _DOCTYPE.search(text):
        # 529 bytes with entities become 100 MB, and 900 end the process that parses them.
        raise BadRequest("The RDF/XML has a document type declaration, which is not read here; remove it.")
    return media_type, text
