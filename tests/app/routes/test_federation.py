"""SERVICE over HTTP: statuses, explanations, and that nobody else suffers."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from tests.app.federation.stub import JSON, Stub, send, serving, turtle
from tests.app.routes.conftest import NCT

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
DATA = f"<{NCT}> :note 'remote' ; :grade 2 . :other :note 'elsewhere' ."
ROW = '{"s":{"type":"uri","value":"http://e/x"},"n":{"type":"literal","value":"L"}}'


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Stub]:
    with serving(turtle(DATA)) as stub:
        yield stub


@pytest.fixture
def stub(endpoint: Stub) -> Iterator[Stub]:
    yield endpoint
    endpoint.behave = lambda handler, query: False


@pytest.fixture(scope="module")
def federated(data: Path, endpoint: Stub) -> Iterator[TestClient]:
    with serving() as gone:
        pass
    settings = Settings(
        data=data,
        workers=2,
        service_allow=f"{endpoint.url},{gone.url}",
        service_timeout=2,
        service_total=2,
        service_rows=1000,
        service_cache_seconds=0,
    )
    with TestClient(create_app(settings), base_url="http://127.0.0.1") as running:
        running.gone = gone.url  # type: ignore[attr-defined]
        yield running


def text(url: str) -> str:
    return f"SELECT ?s ?n {{ ?s a ?class SERVICE <{url}> {{ ?s <http://e/note> ?n }} }}"


def test_a_query_is_answered_from_here_and_there(federated: TestClient, stub: Stub) -> None:
    answer = federated.get("/sparql", params={"query": text(stub.url)}, headers={"Accept": JSON})
    assert answer.status_code == 200, answer.text
    assert [row["s"]["value"] for row in answer.json()["results"]["bindings"]] == [NCT]
    assert "etag" not in answer.headers  # What endpoints answer may be another thing the next time.


def test_explain_tells_what_was_sent(federated: TestClient, stub: Stub) -> None:
    by_parameter = federated.get("/sparql", params={"query": text(stub.url), "explain": "true"}).json()
    headers = {"Trialweave-Explain": "1"}
    by_header = federated.post("/sparql", data={"query": text(stub.url)}, headers=headers).json()
    for told in (by_parameter, by_header):
        (sent,) = told["requests"]
        assert (sent["endpoint"], sent["rows"], sent["error"], sent["cache"]) == (stub.url, 1, None, False)
        assert "VALUES (?s)" in sent["query"] and sent["bytes"] > 0 and sent["milliseconds"] > 0
        assert told["plan"][0]["bound_by"] == ["s"]
        assert "SERVICE" not in told["query"]
        assert len(told["answer"]["results"]["bindings"]) == 1


def test_the_page_shows_what_was_sent(federated: TestClient, stub: Stub) -> None:
    form = federated.get("/sparql", headers={"Accept": BROWSER}).text
    assert 'name="explain" value="1"' in form and "How it was answered" not in form
    sent = {"query": text(stub.url), "explain": "1"}
    page = federated.post("/sparql", data=sent, headers={"Accept": BROWSER})
    assert (page.status_code, page.headers["cache-control"]) == (200, "no-store")
    assert 'value="1" checked' in page.text and "How it was answered" in page.text
    assert f"<td>{stub.url}</td>" in page.text and "1 request to other endpoints" in page.text
    assert "VALUES (?s)" in page.text and '<th scope="col">Milliseconds</th>' in page.text
    assert "remote" in page.text  # The answer is there as well.
    plain = federated.post("/sparql", data={"query": text(stub.url)}, headers={"Accept": BROWSER})
    assert "How it was answered" not in plain.text
    local = federated.post("/sparql", data={"query": "ASK {}", "explain": "1"}, headers={"Accept": BROWSER})
    assert "Nothing was sent to other endpoints" in local.text and ">Yes<" in local.text


def test_an_explanation_asked_for_by_the_header_is_for_nobody_else(federated: TestClient) -> None:
    query = {"query": "SELECT ?class { ?s a ?class } LIMIT 3"}
    for headers, is_told in (({"Trialweave-Explain": "1"}, True), ({}, False), ({"Trialweave-Explain": "1"}, True)):
        answer = federated.get("/sparql", params=query, headers={"Accept": JSON, **headers})
        assert ("plan" in answer.json(), "etag" in answer.headers) == (is_told, not is_told)


def test_the_page_shows_what_was_sent_before_it_failed(federated: TestClient, stub: Stub) -> None:
    stub.behave = lambda handler, _: send(handler, 404, "text/plain", b"<b>what?</b>")
    sent = {"query": text(stub.url), "explain": "1"}
    page = federated.post("/sparql", data=sent, headers={"Accept": BROWSER})
    assert page.status_code == 502
    assert "Not answered" in page.text and "status 404" in page.text and "<b>what" not in page.text
    assert "1 request to other endpoints" in page.text


def slow(handler: object, _: str) -> bool:
    time.sleep(2.6)
    return True


def many(handler: object, _: str) -> bool:
    rows = ",".join([ROW] * 5000)
    return send(handler, 200, JSON, f'{{"results":{{"bindings":[{rows}]}}}}'.encode())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("target", "behave", "status", "said"),
    [
        ("http://127.0.0.1:1/other", None, 403, "not on this service's list"),
        ("http://u@127.0.0.1/", None, 400, "user name"),
        ("ftp://127.0.0.1/", None, 400, "only http and https"),
        ("GONE", None, 502, "cannot be asked"),
        ("STUB", slow, 504, "did not answer within"),
        ("STUB", many, 502, "more than 1,000 rows"),
    ],
)
def test_what_goes_wrong_has_its_status_and_one_sentence(
    target: str, behave: object, status: int, said: str, federated: TestClient, stub: Stub
) -> None:
    url = target.replace("GONE", federated.gone).replace("STUB", stub.url)  # type: ignore[attr-defined]
    if behave:
        stub.behave = behave  # type: ignore[assignment]
    answer = federated.get("/sparql", params={"query": text(url)})
    assert (answer.status_code, said in answer.json()["detail"]) == (status, True), answer.text
    told = federated.get("/sparql", params={"query": text(url), "explain": "1"})
    assert (told.status_code, said in told.json()["error"]) == (status, True), told.text


@pytest.mark.parametrize(
    ("pattern", "status", "said"),
    [
        ("SERVICE ?e { ?a ?b ?c }", 400, "SERVICE ?e cannot be asked: nothing"),
        ("VALUES ?e { 'x' } SERVICE ?e { ?a ?b ?c }", 400, 'it has the value "x", which is no address'),
        ("VALUES ?e { <http://e/no> } SERVICE ?e { ?a ?b ?c }", 403, "SERVICE <http://e/no> is not available"),
        ("VALUES ?e { <URL> } SERVICE ?e { ?s <http://e/grade> 2 }", 200, ""),
    ],
)
def test_a_variable_endpoint_is_asked_where_it_is_bound_to_one(
    pattern: str, status: int, said: str, federated: TestClient, stub: Stub
) -> None:
    query = f"SELECT * {{ {pattern.replace('URL', stub.url)} }}"
    answer = federated.get("/sparql", params={"query": query}, headers={"Accept": JSON})
    assert (answer.status_code, said in answer.text.replace("\\", "")) == (status, True), answer.text
    if status == 200:
        assert [row["e"]["value"] for row in answer.json()["results"]["bindings"]] == [stub.url]


def test_others_are_answered_while_an_endpoint_is_slow(federated: TestClient, stub: Stub) -> None:
    stub.behave = slow  # type: ignore[assignment]
    waiting = [
        threading.Thread(target=lambda: federated.get("/sparql", params={"query": text(stub.url)})) for _ in range(6)
    ]
    for thread in waiting:
        thread.start()
    time.sleep(0.2)
    assert any(thread.is_alive() for thread in waiting)
    assert federated.get("/sparql", params={"query": "ASK { ?s ?p ?o }"}).status_code == 200
    assert any(thread.is_alive() for thread in waiting)
    for thread in waiting:
        thread.join()


def test_endpoints_are_listed_with_how_they_do(federated: TestClient, stub: Stub) -> None:
    federated.get("/sparql", params={"query": text(federated.gone)})  # type: ignore[attr-defined]
    federated.get("/sparql", params={"query": text(stub.url)})
    listed = {each["endpoint"]: each for each in federated.get("/federation").json()["endpoints"]}
    assert listed[stub.url]["last_error"] is None and listed[stub.url]["last_milliseconds"] > 0
    assert "cannot be asked" in listed[federated.gone]["last_error"]  # type: ignore[attr-defined]


def test_updates_have_no_service(data: Path, stub: Stub, tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "data", workers=1, write="open", service_allow=stub.url)
    with TestClient(create_app(settings), base_url="http://127.0.0.1", client=("127.0.0.1", 1)) as running:
        before = len(stub.queries)
        update = f"INSERT {{ ?s ?p ?o }} WHERE {{ SERVICE <{stub.url}> {{ ?s ?p ?o }} }}"
        answer = running.post("/update", data={"update": update})
        assert (answer.status_code, "SERVICE is not available" in answer.json()["detail"]) == (403, True)
        assert len(stub.queries) == before
