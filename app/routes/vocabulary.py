"""The ontology and the shapes, as files of the project answer them."""

import asyncio
from collections.abc import Iterable
from pathlib import Path

import pyoxigraph as ox
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

import app
from app.errors import NotFound
from app.pages.rendering import render
from app.pages.vocabulary import VocabularyPage
from app.protocol.negotiation import GRAPH_FORMATS, HTML, SUFFIXES, Chosen, negotiate
from app.routes.documented import GRAPH_RESPONSES

__all__ = ["router"]

router = APIRouter(tags=["vocabulary"])

_PROJECT = Path(app.__file__).parents[1]
_OFFERS = (*GRAPH_FORMATS, HTML)


@router.get(
    "/ontology", operation_id="ontology", summary="The ontology: classes and properties", responses=GRAPH_RESPONSES
)
@router.get("/ontology.{suffix}", include_in_schema=False)
async def ontology(request: Request) -> Response:
    """The terms of the ontology, in the format of the suffix or of the Accept header."""
    return await _vocabulary(request, "Ontology", [_PROJECT / "ontology" / "trialweave.ttl"])


@router.get(
    "/shapes", operation_id="shapes", summary="The SHACL shapes that data is held to", responses=GRAPH_RESPONSES
)
@router.get("/shapes.{suffix}", include_in_schema=False)
async def shapes(request: Request) -> Response:
    """All shapes, in the format of the suffix or of the Accept header."""
    return await _vocabulary(request, "Shapes", sorted((_PROJECT / "shapes").glob("*.ttl")))


async def _vocabulary(request: Request, title: str, files: Iterable[Path]) -> Response:
    suffix = request.path_params.get("suffix", "")
    if suffix and suffix not in SUFFIXES:
        raise NotFound(f"There is no format .{suffix}; there are {', '.join(SUFFIXES)}.")
    present = [file for file in files if file.is_file()]
    if not present:
        raise NotFound(f"This installation has no {title.lower()} files.")
    format_ = SUFFIXES.get(suffix)
    accept = request.headers.getlist("accept")
    chosen = Chosen(format_, format_.media_type) if format_ else negotiate(accept, _OFFERS)
    content = await asyncio.to_thread(_content, title, present, chosen)
    if chosen.format is HTML:
        return HTMLResponse(content, headers={"Vary": "Accept"})
    return Response(content, media_type=chosen.content_type, headers={"Vary": "Accept"})


def _content(title: str, files: Iterable[Path], chosen: Chosen) -> bytes | str:
    prefixes: dict[str, str] = {}
    triples: dict[ox.Triple, None] = {}
    for file in files:
        parser = ox.parse(path=file, format=ox.RdfFormat.TURTLE)
        triples.update(dict.fromkeys(quad.triple for quad in parser))
        prefixes |= parser.prefixes
    if chosen.format is HTML:
        page = VocabularyPage.of(title, triples)
        return render("vocabulary.html", page=page, formats=GRAPH_FORMATS)
    form = ox.RdfFormat.from_media_type(chosen.format.media_type)
    return ox.serialize(triples, format=form, prefixes=prefixes) or b""
