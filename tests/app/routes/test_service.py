"""What holds for the service as a whole: health, errors, pages about itself, and many clients at once."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.errors import STATUS, Busy, StoreDamaged, TrialweaveError
from app.intake import load
from app.main import create_app
from app.query.budget import Caller
from app.settings import Settings
from app.store.base import Answer, Query, StoreInfo
from loaders.documents import documents
from tests.paths import STUDIES

# Long enough to be noticed, and stopped by the deadline.
SLOW = "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l . ?m ?n1 ?o }"


class _Failing:
    """A pool whose every query fails in the same way."""

    generation = 7

    def __init__(self, error: Exception) -> None:
        self._error = error

    def published(self, generation: int) -> None:
        return None

    async def answer(self, query: Query, caller: Caller) -> Answer:
        raise self._error

    async def info(self) -> StoreInfo:
        raise self._error


def _client_of(error: Exception) -> TestClient:
    app = create_app(Settings())
    app.state.pool = _Failing(error)
    return TestClient(app)  # Not entered, so that no worker starts.


@asynccontextmanager
async def _service(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://a") as client:
        yield client


def test_health_says_what_is_served(client: TestClient) -> None:
    answer = client.get("/health")
    assert answer.status_code == 200
    assert answer.json()["status"] == "ready"
    assert answer.json()["generation"] == 1
    assert answer.json()["quads"] > 40
    assert client.get("/health/live").json()["status"] == "live"
    assert client.get("/health/ready").status_code == 200


def test_health_of_a_damaged_store_is_a_503() -> None:
    answer = _client_of(StoreDamaged("The store is damaged.")).get("/health")
    assert (answer.status_code, answer.json()["status"]) == (503, "live")
    assert answer.headers["retry-after"]


def test_busy_workers_do_not_make_the_service_unhealthy() -> None:
    answer = _client_of(Busy("All workers are busy.")).get("/health")
    assert (answer.status_code, answer.json()["quads"]) == (200, None)


@pytest.mark.parametrize(("error", "status"), STATUS.items())
def test_every_error_has_its_status_and_no_more_than_its_message(error: type[TrialweaveError], status: int) -> None:
    answer = _client_of(error("What was wrong.")).get("/sparql?query=ASK%7B%7D")
    assert (answer.status_code, answer.json()["detail"]) == (status, "What was wrong.")
    assert ("retry-after" in answer.headers) == (status in (429, 503))


def test_an_error_below_a_listed_one_has_the_same_status() -> None:
    assert _client_of(StoreDamaged("Damaged.")).get("/sparql?query=ASK%7B%7D").status_code == 503


@pytest.mark.parametrize("accept", ["*/*", "text/html"])
def test_a_bug_is_a_plain_500_without_internals(accept: str) -> None:
    client = _client_of(ZeroDivisionError("secret detail"))
    answer = client.get("/sparql?query=ASK%7B%7D", headers={"Accept": accept, "Origin": "http://b"})
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    assert answer.headers["x-request-id"] in answer.text
    assert answer.headers["access-control-allow-origin"] == "*"


def test_a_browser_gets_an_error_as_a_page(client: TestClient) -> None:
    answer = client.get("/nothing", headers={"Accept": "text/html,*/*;q=0.8"})
    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")


def test_every_request_has_its_own_id(client: TestClient) -> None:
    ids = {client.get("/health/live").headers["x-request-id"] for _ in range(5)}
    assert len(ids) == 5


def test_the_home_page_says_what_is_loaded(client: TestClient) -> None:
    assert 'href="/study/NCT00000001"' in client.get("/").text


def test_the_home_page_counts_what_was_loaded(tmp_path: Path) -> None:
    load(tmp_path / "data", documents([str(STUDIES)]))
    with TestClient(create_app(Settings(data=tmp_path / "data", workers=1))) as client:
        counted = re.findall(r"<strong>([0-9,]+)</strong> ([a-z ]+)", client.get("/").text)
    assert counted[:4] == [("2", "studies"), ("5", "cohorts"), ("3", "interventions"), ("11", "outcomes")]


def test_an_empty_store_has_a_home_page_too(tmp_path: Path) -> None:
    with TestClient(create_app(Settings(data=tmp_path / "none", workers=1))) as client:
        assert "No study is loaded yet" in client.get("/").text
        assert client.get("/health").json()["quads"] == 0
        assert client.get("/study/NCT00000001").status_code == 404


def test_the_operations_are_described_on_this_host(client: TestClient) -> None:
    operations = [
        operation["operationId"]
        for methods in client.get("/openapi.json").json()["paths"].values()
        for operation in methods.values()
    ]
    assert {"query_by_get", "query_by_post", "study", "health"} <= set(operations)
    assert len(operations) == len(set(operations))
    assert "/study/{rest}" in client.get("/docs").text


def test_a_slow_query_delays_nobody_else_and_is_stopped_at_the_deadline(data: Path) -> None:
    async def scenario() -> tuple[httpx.Response, list[float]]:
        async with _service(create_app(Settings(data=data, workers=2, query_timeout=1.5))) as client:
            slow = asyncio.create_task(client.get("/sparql", params={"query": SLOW}))
            await asyncio.sleep(0.2)
            waits = []
            for path in ("/health", "/health/live", "/study/NCT00000001.ttl", "/sparql?query=ASK%7B%7D") * 5:
                began = time.monotonic()
                assert (await client.get(path)).status_code == 200
                waits.append(time.monotonic() - began)
            assert not slow.done()
            return await slow, waits

    answer, waits = asyncio.run(scenario())
    assert max(waits) < 0.5
    assert (answer.status_code, answer.json()["title"]) == (504, "Deadline exceeded")


def test_health_answers_while_every_worker_is_busy(data: Path) -> None:
    async def scenario() -> float:
        async with _service(create_app(Settings(data=data, workers=1, query_timeout=1.5))) as client:
            slow = asyncio.create_task(client.get("/sparql", params={"query": SLOW}))
            await asyncio.sleep(0.2)
            began = time.monotonic()
            assert (await client.get("/health")).json()["status"] == "ready"
            waited = time.monotonic() - began
            assert (await slow).status_code == 504
            return waited

    assert asyncio.run(scenario()) < 0.5
