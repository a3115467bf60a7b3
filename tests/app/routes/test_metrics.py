"""What the counters say after requests of every kind, and that nobody can make them grow without end."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from app.errors import AnswerTooLarge, BadRequest, Busy, DeadlineExceeded, StoreDamaged, WorkerLost
from app.main import create_app
from app.metrics import OUTCOMES, Metrics, Runs
from app.settings import Settings


@pytest.fixture
def app(data: Path) -> FastAPI:
    return create_app(Settings(data=data, workers=1))


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, base_url="http://127.0.0.1", follow_redirects=False) as running:
        yield running


def samples(client: TestClient) -> dict[str, float]:
    """Every sample, by its name and labels as they are printed."""
    return parsed(client.get("/metrics").text)


def parsed(text: str) -> dict[str, float]:
    return {
        sample.name + "".join(f" {name}={value}" for name, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_requests_are_counted_by_template_and_status(client: TestClient) -> None:
    for path in ("/study/NCT00000001.ttl", "/study/NCT99999999.ttl", "/study/x/y/z", "/nothing/1", "/nothing/2"):
        client.get(path)
    client.request("BREW", "/sparql")
    found = samples(client)
    assert found["trialweave_http_requests_total method=GET route=/study/{rest:path} status=200"] == 1
    assert found["trialweave_http_requests_total method=GET route=/study/{rest:path} status=404"] == 2
    assert found["trialweave_http_requests_total method=GET route=none status=404"] == 2
    assert found["trialweave_http_request_seconds_count route=none"] >= 2
    assert not any("nothing" in name or "NCT" in name or "BREW" in name for name in found)


def test_queries_are_counted_by_what_became_of_them(client: TestClient) -> None:
    before = samples(client)
    client.get("/sparql", params={"query": "ASK {}"})
    client.get("/sparql", params={"query": "SELECT * { ?s ?p ?o }"})
    client.post("/validate", content="<a>", headers={"Content-Type": "text/turtle"})
    found = samples(client)
    answered = "trialweave_query_runs_total outcome=answered"
    assert found[answered] == before[answered] + 2
    assert found["trialweave_query_seconds_count"] == found["trialweave_query_wait_seconds_count"] == found[answered]
    assert found["trialweave_validation_runs_total outcome=refused"] == 1


def test_the_state_of_the_service_is_told(client: TestClient) -> None:
    found = samples(client)
    assert found["trialweave_generation"] == 1
    assert 0 <= found["trialweave_generation_age_seconds"] < 3600
    assert found["trialweave_query_workers"] == 1
    assert (
        found["trialweave_query_queue"]
        == found["trialweave_query_running"]
        == found["trialweave_validation_queue"]
        == 0
    )
    assert found["process_resident_memory_bytes"] > 1024**2


def test_a_cache_is_told_of_as_it_is_now(app: FastAPI, client: TestClient) -> None:
    class Cache:
        hits, misses, bytes = 3, 2, 1000

    cache = Cache()
    app.state.metrics.cache(cache)
    cache.hits = 4
    found = samples(client)
    assert found["trialweave_cache_hits_total"] == 4
    assert (found["trialweave_cache_misses_total"], found["trialweave_cache_bytes"]) == (2, 1000)


def test_open_metrics_are_spoken_too(client: TestClient) -> None:
    answer = client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")
    assert client.get("/metrics").headers["content-type"].startswith("text/plain; version=")


def test_an_application_may_be_started_again(app: FastAPI) -> None:
    for _ in range(2):
        with TestClient(app) as client:
            assert client.get("/metrics").status_code == 200


@pytest.mark.parametrize(
    ("error", "outcome", "killed"),
    [
        (None, "answered", False),
        (BadRequest("x"), "refused", False),
        (Busy("x"), "busy", False),
        (DeadlineExceeded("x"), "deadline", True),
        (WorkerLost("x"), "lost", True),
        (AnswerTooLarge("x"), "too_large", False),
        (StoreDamaged("x"), "failed", False),
        (asyncio.CancelledError(), "cancelled", True),
        (ZeroDivisionError(), "failed", False),
    ],
)
def test_every_end_of_a_run_has_its_word(error: BaseException | None, outcome: str, killed: bool) -> None:
    metrics = Metrics()

    def run(runs: Runs) -> None:
        with runs.counted() as run:
            run.begin()
            if error:
                raise error

    try:
        run(metrics.queries)
    except BaseException as raised:
        assert raised is error
    found = {
        sample.labels["outcome"]: sample.value
        for family in metrics.registry.collect()
        for sample in family.samples
        if sample.name == "trialweave_query_runs_total"
    }
    assert set(found) == set(OUTCOMES) and found[outcome] == sum(found.values()) == 1
    assert bool(metrics.registry.get_sample_value("trialweave_query_kills_total", {"why": outcome})) == killed


def test_a_run_that_never_began_has_a_wait_and_no_duration() -> None:
    metrics = Metrics()
    with pytest.raises(asyncio.CancelledError), metrics.queries.counted():
        raise asyncio.CancelledError
    assert metrics.registry.get_sample_value("trialweave_query_wait_seconds_count") == 1
    assert metrics.registry.get_sample_value("trialweave_query_seconds_count") == 0
    assert not metrics.registry.get_sample_value("trialweave_query_kills_total", {"why": "cancelled"})
