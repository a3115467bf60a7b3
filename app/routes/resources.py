"""Studies, their parts, publications, organizations, graphs and example queries, each at the path of its IRI."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import pyoxigraph as ox
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from app.errors import BadRequest, NotFound
from app.pages.facts import Facts, rows
from app.pages.names import address
from app.pages.rendering import query_text, render
from app.pages.resource import ResourcePage
from app.pages.study import StudyPage
from app.protocol.negotiation import GRAPH_FORMATS, HTML, QUAD_FORMATS, SUFFIXES, Chosen, Format, negotiate
from app.routes.dependencies import PoolDependency, QueryPool, SettingsDependency
from app.routes.documented import GRAPH_RESPONSES, path_parameter
from app.routes.signposts import signposts
from app.store.base import Query
from app.store.evaluation import PREFIXES
from loaders.link.identifiers import BASE, normal_doi, normal_nct, normal_pmid

__all__ = ["router"]

router = APIRouter(tags=["resources"])

_LOOKUP = query_text("lookup")
_IDENTIFIER = query_text("identifier")
_OFFERS = (*GRAPH_FORMATS, HTML)
_VALID_PATH = re.compile(r"(?:[A-Za-z0-9\-._~:@!$&'()*+,;=/]|%[0-9A-Fa-f]{2})+")
_IDENTIFIER_TEXT = re.compile(r"[A-Za-z0-9][A-Za-z0-9\-._~:@!$&'()*+,;=/]{3,200}")
_STUDY_PATH = re.compile(r"study/[^/]+")
_STATUSES = GRAPH_RESPONSES | {
    301: {"description": "The resource has another IRI now"},
    303: {"description": "Another identifier of a study leads to it"},
}
_REST = path_parameter("rest", "The rest of the IRI, with .ttl, .jsonld or another suffix if wanted")
_DESCRIBED: dict[str, Any] = {"responses": _STATUSES, "openapi_extra": {"parameters": [_REST]}}


@dataclass(frozen=True, slots=True)
class _Found:
    """What the store knows about an IRI. `new` is the IRI that has taken its place, or empty."""

    iri: str
    described: bool
    is_graph: bool
    new: str

    @property
    def kind(self) -> str:
        """Which pair of queries describes it."""
        if self.is_graph:
            return "graph"
        return "study" if _STUDY_PATH.fullmatch(self.iri.removeprefix(BASE)) else "resource"


@router.get("/study/{rest:path}", operation_id="study", summary="A study, or a part of one", **_DESCRIBED)
@router.get("/publication/{rest:path}", operation_id="publication", summary="A publication", **_DESCRIBED)
@router.get("/organization/{rest:path}", operation_id="organization", summary="An organization", **_DESCRIBED)
@router.get("/document/{rest:path}", operation_id="document", summary="A source document", **_DESCRIBED)
@router.get("/graph/{rest:path}", operation_id="graph", summary="A named graph", **_DESCRIBED)
@router.get("/value/{rest:path}", operation_id="value", summary="A controlled value", **_DESCRIBED)
@router.get("/examples/{rest:path}", operation_id="example", summary="An example query", **_DESCRIBED)
@router.get("/sparql-prefixes/{rest:path}", operation_id="prefix", summary="A prefix", **_DESCRIBED)
@router.get("/sparql-prefixes", include_in_schema=False)
@router.get("/sparql-prefixes.{suffix}", include_in_schema=False)
async def resource(request: Request, pool: PoolDependency, settings: SettingsDependency) -> Response:
    """Answer with what is known of the resource, in the format of the path's suffix or of the Accept header."""
    path = _raw_path(request)
    plain, suffix = _split_suffix(path)
    accept = request.headers.getlist("accept")
    found = await _lookup(pool, plain)
    if suffix and not found.described and not found.new:
        # A DOI may end in what looks like a suffix.
        whole = await _lookup(pool, path)
        if whole.described or whole.new:
            found, plain, suffix = whole, path, ""
    if found.new:
        return _redirect(found.new, suffix, 301)
    if not (found.described or found.is_graph):
        return await _elsewhere(pool, plain, suffix)
    format_ = SUFFIXES.get(suffix)
    chosen = Chosen(format_, format_.media_type) if format_ else negotiate(accept, _OFFERS)
    return await _represent(pool, found, chosen, settings.license)


def _raw_path(request: Request) -> str:
    """The path as the client wrote it, without the leading slash: %2F in an IRI is not a slash. Raises BadRequest."""
    raw = request.scope.get("raw_path") or request.scope["path"].encode("utf-8")
    path: str = raw.partition(b"?")[0].decode("latin-1")
    path = path.removeprefix(request.scope.get("root_path", "")).lstrip("/")
    if not _VALID_PATH.fullmatch(path):
        raise BadRequest("The path is not one an IRI can have; percent-encode it (RFC 3987, section 2.2).")
    return path


def _split_suffix(path: str) -> tuple[str, str]:
    plain, dot, suffix = path.rpartition(".")
    return (plain, suffix) if dot and suffix in SUFFIXES and not plain.endswith("/") else (path, "")


async def _lookup(pool: QueryPool, path: str) -> _Found:
    iri = BASE + path
    answer = await pool.run(Query(_LOOKUP, substitutions={"resource": iri}))
    row = next(rows(answer.body))
    new = row["new"].value if "new" in row else ""
    # A remote Virtuoso writes what is true as the number 1.
    described, is_graph = (row[name].value in ("true", "1") for name in ("described", "graph"))
    return _Found(iri, described, is_graph, new)


async def _elsewhere(pool: QueryPool, path: str, suffix: str) -> Response:
    """Redirect from another identifier of a study, or from a part of a study that has moved. Raises NotFound."""
    if study := _STUDY_PATH.match(path):
        rest = path[study.end() :]
        if rest and (moved := (await _lookup(pool, study[0])).new):
            return _redirect(moved + rest, suffix, 301)
        if canonical := await _identify(pool, path.removeprefix("study/")):
            return _redirect(canonical, suffix, 303)
    raise NotFound(f"Nothing loaded here has the IRI {BASE}{path}.")


async def _identify(pool: QueryPool, text: str) -> str | None:
    """The IRI of the study with this registry id, PubMed id or DOI."""
    plain = unquote(text)
    normal = normal_nct(plain) or normal_pmid(re.sub("^pmid:?", "", plain, flags=re.IGNORECASE)) or normal_doi(plain)
    # The text travels as the end of an IRI, because only IRIs can be bound; what cannot stand in one is no identifier.
    if not _IDENTIFIER_TEXT.fullmatch(normal or plain):
        return None
    key = "urn:trialweave:" + (normal or plain)
    answer = await pool.run(Query(_IDENTIFIER, substitutions={"key": key}))
    return next((row["study"].value for row in rows(answer.body) if "study" in row), None)


def _redirect(iri: str, suffix: str, status: int) -> Response:
    return RedirectResponse((address(iri) or "/") + (f".{suffix}" if suffix else ""), status)


async def _represent(pool: QueryPool, found: _Found, chosen: Chosen, license: str | None) -> Response:
    headers = {"Vary": "Accept", "Link": _links(found, license)}
    substitutions = {"resource": found.iri}
    if chosen.format is not HTML and chosen.format not in QUAD_FORMATS:
        text = query_text(found.kind)
        answer = await pool.run(Query(text, graph_type=chosen.format.media_type, substitutions=substitutions))
        return Response(answer.body, media_type=chosen.content_type, headers=headers)
    answer = await pool.run(Query(query_text(found.kind + "_quads"), substitutions=substitutions))
    if chosen.format is HTML:
        return HTMLResponse(await asyncio.to_thread(_page, found, answer.body), headers=headers)
    content = await asyncio.to_thread(_quads, answer.body, chosen.format)
    return Response(content, media_type=chosen.content_type, headers=headers)


def _page(found: _Found, body: bytes) -> str:
    facts = Facts(body)
    formats: Sequence[Format] = GRAPH_FORMATS
    if found.kind == "study":
        return render("study.html", page=StudyPage.of(found.iri, facts), formats=formats)
    return render("resource.html", page=ResourcePage.of(found.iri, facts), formats=formats)


def _quads(body: bytes, format_: Format) -> bytes:
    """The rows as quads. The engine's iterators must not leave the thread they were made on."""
    form = ox.RdfFormat.from_media_type(format_.media_type)
    solutions = ox.parse_query_results(body, format=ox.QueryResultsFormat.JSON)
    assert form is not None and isinstance(solutions, ox.QuerySolutions)
    quads = [ox.Quad(row["s"], row["p"], row["o"], row["g"]) for row in solutions]
    return ox.serialize(quads, format=form, prefixes=dict(PREFIXES) if form == ox.RdfFormat.TRIG else None) or b""


def _links(found: _Found, license: str | None) -> str:
    if found.kind != "study":
        return _alternates(found.iri)
    path = address(found.iri)
    described_by = [(f"{path}.{each.suffix}", each.media_type) for each in GRAPH_FORMATS[:2]]
    types = ("https://schema.org/AboutPage", "https://schema.org/MedicalStudy")
    signs = signposts(found.iri, types, described_by=described_by, collection="/dataset", license=license)
    return f"{_alternates(found.iri)}, {signs}"


def _alternates(iri: str) -> str:
    path = address(iri)
    links = [f'<{path}.{each.suffix}>; rel="alternate"; type="{each.media_type}"' for each in _OFFERS]
    return ", ".join([f'<{iri}>; rel="about"', *links])
