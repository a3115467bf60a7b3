"""The W3C's tests of SERVICE, with endpoints of our own in the place of the ones that they name."""

import asyncio
import re
from contextlib import ExitStack

import pyoxigraph as ox
import pytest

from app.errors import QueryRefused
from app.federation.federation import Federation
from app.query.guard import check_query
from app.settings import Settings
from app.sparql.groups import read_structure
from app.store.base import Answer, Query
from app.store.evaluation import evaluate
from tests.app.federation.stub import serving
from tests.conformance.manifest import MF, QT, SUITES, Entry, read_manifest
from tests.conformance.results import expected_result, parse_rows
from tests.paths import needs_shared

pytestmark = needs_shared

SUITE = SUITES / "sparql11"
DEAD = "http://invalid.endpoint.org/sparql"


def entries(name: str) -> list[object]:
    return [pytest.param(entry, id=entry.name) for entry in read_manifest(SUITE / name / "manifest.ttl")]


async def unresolved(host: str, port: int) -> list[str]:
    raise OSError(f"{host} is not known")


def store_of(entry: Entry, node: object) -> ox.Store:
    store = ox.Store()
    for file in entry.manifest.all(node, QT + "data"):
        store.load(path=str(entry.manifest.file(file)), format=ox.RdfFormat.TURTLE)
    return store


def renamed(text: str, names: dict[str, str]) -> str:
    """The text with the endpoints of the test in the place of the ones that it names."""
    return re.sub("|".join(map(re.escape, names)) or "(?!)", lambda found: names[found[0]], text)


@pytest.mark.parametrize("entry", entries("service"))
def test_service(entry: Entry) -> None:
    manifest, action = entry.manifest, entry.manifest.one(entry.node, MF + "action")
    text = manifest.file(manifest.one(action, QT + "query")).read_text("utf-8")
    form, expected = expected_result(manifest.file(manifest.one(entry.node, MF + "result")))
    local = ox.Store()

    async def ask(query: Query) -> Answer:
        return Answer(*evaluate(local, query), 1)

    with ExitStack() as stack:
        allowed, names = [DEAD], dict[str, str]()
        for remote in manifest.all(action, QT + "serviceData"):
            stub = stack.enter_context(serving(store_of(entry, remote)))
            names[f"<{manifest.text(remote, QT + 'endpoint')}>"] = f"<{stub.url}>"
            allowed.append(stub.url)
        data = store_of(entry, action).dump(format=ox.RdfFormat.N_QUADS) or b""
        local.load(renamed(data.decode(), names).encode(), format=ox.RdfFormat.N_QUADS)
        federation = Federation(Settings(service_allow=",".join(allowed)), unresolved)
        query = Query(renamed(text, names), solutions_type="application/sparql-results+xml")
        answer = asyncio.run(federation.answer(query, ask))
    found = answer.body.decode()
    for name, url in names.items():
        found = found.replace(url[1:-1], name[1:-1])
    assert parse_rows(found.encode(), form) == expected


@pytest.mark.parametrize("entry", entries("syntax-fed"))
def test_syntax(entry: Entry) -> None:
    text = entry.manifest.file(entry.manifest.one(entry.node, MF + "action")).read_text("utf-8")
    check_query(text, Settings(), services=True)
    structure = read_structure(text)
    assert structure.where is not None
    (service,) = structure.where.services()
    assert service.silent == bool(re.search("SILENT", text))
    with pytest.raises(QueryRefused):
        check_query(text, Settings())
