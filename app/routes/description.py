"""What the service says of its data: VoID, DCAT, example queries and the page about the dataset."""

import asyncio
from collections.abc import Iterable

import pyoxigraph as ox
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from app.description import EXAMPLES_GRAPH, PREFIXES_GRAPH, VOID_GRAPH
from app.description.dataset import PREFIXES, as_triples
from app.description.void import DATASET
from app.dump import FOLDER, Manifest, read_manifest
from app.errors import BadRequest, NotFound
from app.pages.dataset import DatasetPage, Example, examples
from app.pages.facts import rows
from app.pages.rendering import query_text, render
from app.protocol.negotiation import GRAPH_FORMATS, HTML, SUFFIXES, Chosen, negotiate
from app.routes.dependencies import PoolDependency, QueryPool, SettingsDependency, site_of
from app.routes.documented import GRAPH_RESPONSES
from app.routes.signposts import signposts
from app.settings import Settings
from app.store.base import Query

__all__ = ["router"]

router = APIRouter(tags=["description"])

_OFFERS = (*GRAPH_FORMATS, HTML)
_NAMED = query_text("graph")


@router.get("/.well-known/void", operation_id="void", summary="VoID: what is in the data", responses=GRAPH_RESPONSES)
async def void(request: Request, pool: PoolDependency, settings: SettingsDependency) -> Response:
    """Answer with the counts by class and property, and with where the data is to be had; a browser gets a page."""
    chosen = negotiate(request.headers.getlist("accept"), _OFFERS)
    if chosen.format is HTML:
        return await _page(pool, settings)
    counted = await _graph(pool, VOID_GRAPH)
    return await _answer([*counted, *_access(request, settings)], chosen, _links(settings))


@router.get("/dataset", operation_id="dataset", summary="The dataset, for catalogues", responses=GRAPH_RESPONSES)
@router.get("/dataset.{suffix}", include_in_schema=False)
async def dataset(request: Request, pool: PoolDependency, settings: SettingsDependency) -> Response:
    """Answer with the dataset in DCAT; a browser gets a page."""
    chosen = _chosen(request)
    if chosen.format is HTML:
        return await _page(pool, settings)
    said = [triple for triple in await _graph(pool, VOID_GRAPH) if _is_summary(triple)]
    return await _answer([*said, *_access(request, settings)], chosen, _links(settings))


@router.get(
    "/.well-known/sparql-examples", operation_id="examples", summary="Example queries", responses=GRAPH_RESPONSES
)
async def sparql_examples(request: Request, pool: PoolDependency) -> Response:
    """Answer with the example queries and their prefixes; a browser gets a page."""
    chosen = negotiate(request.headers.getlist("accept"), _OFFERS)
    triples = [*await _graph(pool, EXAMPLES_GRAPH), *await _graph(pool, PREFIXES_GRAPH)]
    if chosen.format is HTML:
        listed: list[Example] = examples(triples)
        return HTMLResponse(render("examples.html", examples=listed), headers={"Vary": "Accept"})
    return await _answer(triples, chosen, "")


def _chosen(request: Request) -> Chosen:
    suffix = request.path_params.get("suffix", "")
    if suffix and suffix not in SUFFIXES:
        raise NotFound(f"There is no format .{suffix}; there are {', '.join(SUFFIXES)}.")
    format_ = SUFFIXES.get(suffix)
    accept = request.headers.getlist("accept")
    return Chosen(format_, format_.media_type) if format_ else negotiate(accept, _OFFERS)


def _is_summary(triple: ox.Triple) -> bool:
    """Say whether this is about the dataset as a whole, and not a partition."""
    parts = ("classPartition", "propertyPartition", "subset")
    return triple.subject == DATASET and not triple.predicate.value.endswith(parts)


def _manifest(settings: Settings) -> Manifest | None:
    return read_manifest(settings.data / FOLDER)


def _access(request: Request, settings: Settings) -> list[ox.Triple]:
    try:
        return list(as_triples(site_of(request), settings.license, _manifest(settings)))
    except ValueError as error:
        raise BadRequest("The Host header of the request is not one that can be part of an address.") from error


async def _graph(pool: QueryPool, iri: str) -> list[ox.Triple]:
    query = Query(_NAMED, graph_type="application/n-triples", substitutions={"resource": iri})
    answer = await pool.run(query)
    return await asyncio.to_thread(_parsed, answer.body)


def _parsed(body: bytes) -> list[ox.Triple]:
    return [quad.triple for quad in ox.parse(body, format=ox.RdfFormat.N_TRIPLES)]


async def _answer(triples: Iterable[ox.Triple], chosen: Chosen, links: str) -> Response:
    headers = {"Vary": "Accept", **({"Link": links} if links else {})}
    content = await asyncio.to_thread(_written, triples, chosen.format.media_type)
    return Response(content, media_type=chosen.content_type, headers=headers)


def _written(triples: Iterable[ox.Triple], media_type: str) -> bytes:
    form = ox.RdfFormat.from_media_type(media_type)
    assert form is not None, media_type
    # What is said of one thing stands together, as somebody who reads Turtle expects it.
    ordered = sorted(set(triples), key=lambda triple: (str(triple.subject), str(triple.predicate), str(triple.object)))
    return ox.serialize(ordered, format=form, prefixes=dict(PREFIXES)) or b""


async def _page(pool: QueryPool, settings: Settings) -> Response:
    classes = await pool.run(Query(query_text("classes")))
    facts = await pool.run(Query(query_text("dataset")))
    manifest = _manifest(settings)
    page = DatasetPage.of(rows(facts.body), rows(classes.body), manifest, settings.license)
    headers = {"Vary": "Accept", "Link": _links(settings)}
    return HTMLResponse(render("dataset.html", page=page, formats=GRAPH_FORMATS), headers=headers)


def _links(settings: Settings) -> str:
    manifest = _manifest(settings)
    return signposts(
        DATASET.value,
        ("https://schema.org/AboutPage", "https://schema.org/Dataset"),
        described_by=[("/dataset.ttl", "text/turtle"), ("/dataset.jsonld", "application/ld+json")],
        items=[(f"/dump/{file.name}", "application/gzip") for file in (manifest.files if manifest else ())],
        license=settings.license,
    )
