"""The home page, and the list of operations."""

import asyncio

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from app.description.dataset import as_schema
from app.dump import FOLDER, read_manifest
from app.pages.facts import rows
from app.pages.names import readable
from app.pages.rendering import query_text, render
from app.routes.dependencies import PoolDependency, SettingsDependency, site_of
from app.store.base import Query

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

_COUNTS = query_text("counts")
_STUDIES = query_text("studies")
_DATASET = query_text("dataset")
_PLURALS = {"study": "studies"}


@router.get("/")
async def home(request: Request, pool: PoolDependency, settings: SettingsDependency) -> HTMLResponse:
    """Say what is loaded, and where to begin."""
    info = await pool.info()
    counted = rows((await pool.run(Query(_COUNTS))).body)
    numbers = [(readable(row["kind"].value), int(row["number"].value)) for row in counted if "kind" in row]
    studies = rows((await pool.run(Query(_STUDIES))).body)
    facts = rows((await pool.run(Query(_DATASET))).body)
    modified, version = next(
        ((row["modified"].value, row["version"].value) for row in facts if "version" in row), ("", "")
    )
    manifest = await asyncio.to_thread(read_manifest, settings.data / FOLDER)
    return HTMLResponse(
        render(
            "home.html",
            counts=[(_PLURALS.get(name, name + "s"), number) for name, number in numbers if number],
            studies=[(row["study"].value, row["label"].value) for row in studies if "study" in row],
            generation=info.generation,
            quads=info.quads,
            dataset=as_schema(site_of(request), settings.license, manifest, modified, version),
        )
    )


@router.get("/docs")
async def docs(request: Request) -> HTMLResponse:
    """List the operations of the OpenAPI description."""
    paths = request.app.openapi()["paths"]
    operations = [
        (method.upper(), path, operation.get("summary", ""))
        for path, methods in paths.items()
        for method, operation in methods.items()
    ]
    return HTMLResponse(render("docs.html", operations=operations))
