"""The dump that `trialweave export --dump DATA/dump` has written, for download. Nothing is made inside a request."""

import asyncio
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, Response

from app.dump import FOLDER, Manifest, read_manifest
from app.errors import NotFound
from app.pages.rendering import render
from app.protocol.negotiation import HTML, Format, negotiate
from app.routes.dependencies import PoolDependency, SettingsDependency
from app.routes.documented import answers, problems
from app.settings import Settings

__all__ = ["router"]

router = APIRouter(tags=["description"])

_JSON = Format("application/json", "json", "JSON")
_TURTLE = Format("text/turtle", "ttl", "Turtle")
_ABOUT = {"SHA256SUMS": "text/plain", "manifest.json": "application/json", "manifest.ttl": "text/turtle"}
_GZIP: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file", "content": {"application/gzip": {}}},
    206: {"description": "A part of the file", "content": {"application/gzip": {}}},
    304: {"description": "The file is the one that the client has"},
    416: {"description": "The file has no such part"},
}


@router.get(
    "/dump/",
    operation_id="dumps",
    summary="What can be downloaded",
    responses=answers((_JSON, _TURTLE, HTML), "The manifest, or a page"),
)
async def index(request: Request, pool: PoolDependency, settings: SettingsDependency) -> Response:
    """Answer with the manifest of the dump, as JSON or DCAT; a browser gets a page."""
    chosen = negotiate(request.headers.getlist("accept"), (_JSON, _TURTLE, HTML))
    manifest = await _manifest(settings)
    headers = {"Vary": "Accept"}
    if chosen.format is HTML:
        page = render("dump.html", manifest=manifest, current=pool.generation)
        return HTMLResponse(page, headers=headers)
    if chosen.format is _TURTLE:
        return FileResponse(settings.data / FOLDER / "manifest.ttl", media_type=chosen.content_type, headers=headers)
    return JSONResponse(asdict(manifest), headers=headers)


@router.get("/dump/{name}", operation_id="dump", summary="A file of the dump", responses=_GZIP | problems(404))
async def file(request: Request, name: str, settings: SettingsDependency) -> Response:
    """Answer with a file that the manifest names, or a part of it (RFC 9110, section 14)."""
    manifest = await _manifest(settings)
    path = settings.data / FOLDER / name
    if name in _ABOUT:
        return FileResponse(path, media_type=_ABOUT[name])
    known = manifest.find(name)
    if not known or not path.is_file():
        raise NotFound(f"The dump has no file {name}; /dump/ lists those it has.")
    etag = f'"{known.sha256}"'
    headers = {"ETag": etag, "Cache-Control": "public, max-age=31536000, immutable"}
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return FileResponse(path, media_type="application/gzip", headers=headers)


async def _manifest(settings: Settings) -> Manifest:
    manifest = await asyncio.to_thread(read_manifest, settings.data / FOLDER)
    if not manifest:
        raise NotFound("No dump has been made of this data; its operator makes one with trialweave export --dump.")
    return manifest
