"""Writing over HTTP: who may, what is refused, and what is noted of it."""

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.keys import ApiKeys, Scope
from app.main import create_app
from app.settings import Settings
from tests.shapes.sample import emitted, sound_study

INSERT = "INSERT DATA { GRAPH <http://example.org/g> { <http://example.org/a> <http://example.org/p> 1 } }"
LOADED = "https://w3id.org/trialweave/graph/NCT00000001/clinicaltrials.gov"
GRAPH = "/rdf-graphs/service?graph=http://example.org/g"
TURTLE = {"Content-Type": "text/turtle"}


def service(data: Path, **knobs: object) -> TestClient:
    settings = Settings(data=data, workers=1, **knobs)  # type: ignore[arg-type]
    return TestClient(create_app(settings), base_url="http://127.0.0.1")


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    data = tmp_path_factory.mktemp("keyed") / "data"
    with service(data, write="keys") as client:
        yield client


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    data = tmp_path_factory.mktemp("opened") / "data"
    with service(data, write="open", write_bytes=2_000, write_timeout=5, write_queue=2) as client:
        yield client


def folder(client: TestClient) -> Path:
    return client.app.state.settings.data  # type: ignore[attr-defined, no-any-return]


def key(client: TestClient, scope: Scope, days: int | None = None) -> dict[str, str]:
    text, _ = ApiKeys(folder(client) / "api-keys.json").create("test", scope, days)
    return {"Authorization": f"Bearer {text}"}


def test_a_service_takes_no_writes_unless_it_is_told_to(client: TestClient) -> None:
    for answer in (
        client.post("/update", data={"update": INSERT}),
        client.post("/sparql", data={"update": INSERT}),
        client.put(GRAPH, content="", headers=TURTLE),
        client.delete(GRAPH),
    ):
        assert (answer.status_code, answer.json()["title"]) == (403, "Writing off")


def test_only_a_key_that_holds_and_may_write_writes(keyed: TestClient) -> None:
    def status(headers: dict[str, str]) -> int:
        return keyed.post("/update", data={"update": INSERT}, headers=headers).status_code

    assert status({}) == 401
    assert status({"Authorization": "Bearer nonsense"}) == 401
    assert status(key(keyed, Scope.WRITE, days=0)) == 401
    assert status(key(keyed, Scope.READ)) == 403
    assert status(key(keyed, Scope.WRITE, days=1)) == 204
    refused = keyed.post("/update", data={"update": INSERT})
    assert refused.headers["www-authenticate"].startswith("Bearer")
    assert keyed.post("/sparql", data={"query": "ASK { ?s ?p 1 }"}).json()["boolean"] is True


def test_the_loaders_graphs_are_for_admins(keyed: TestClient) -> None:
    update = {"update": f"INSERT {{ GRAPH ?g {{ <x:a> <x:p> 2 }} }} WHERE {{ VALUES ?g {{ <{LOADED}> }} }}"}
    refused = keyed.post("/update", data=update, headers=key(keyed, Scope.WRITE))
    assert refused.status_code == 403
    assert LOADED in refused.json()["detail"]
    assert keyed.post("/sparql", data={"query": "ASK { ?s ?p 2 }"}).json()["boolean"] is False
    assert keyed.post("/update", data=update, headers=key(keyed, Scope.ADMIN)).status_code == 204
    assert keyed.post("/update", data={"update": "DROP ALL"}, headers=key(keyed, Scope.WRITE)).status_code == 403


def test_an_open_service_listens_to_this_machine_only(opened: TestClient) -> None:
    for headers in ({"Origin": "https://elsewhere.example"}, {"Host": "rebound.example"}, {"Origin": "null"}):
        assert opened.post("/update", data={"update": INSERT}, headers=headers).status_code == 403
    local = {"Origin": "http://localhost:8000"}
    assert opened.post("/update", data={"update": INSERT}, headers=local).status_code == 204


def test_the_audit_log_tells_before_and_after(opened: TestClient) -> None:
    done = opened.post("/update", data={"update": INSERT})
    failed = opened.post("/update", data={"update": "DROP GRAPH <x:none>"})
    lines = [json.loads(line) for line in (folder(opened) / "audit.log").read_text().splitlines()]
    first, last = ([e for e in lines if e["request"] == answer.headers["x-request-id"]] for answer in (done, failed))
    assert first[0]["sha256"] == sha256(INSERT.encode()).hexdigest()
    assert (first[0]["who"], first[0]["what"]) == ("anybody", "update")
    assert (first[1]["outcome"], type(first[1]["generation"])) == ("done", int)
    assert last[1]["outcome"] == "BadRequest"


@pytest.mark.parametrize(
    ("update", "status", "problem"),
    [
        ("LOAD <http://127.0.0.1:1/x>", 403, "QueryRefused"),
        ("INSERT { ?s ?p ?o } WHERE { SERVICE <http://127.0.0.1:1/> { ?s ?p ?o } }", 403, "QueryRefused"),
        ("SELECT * { ?s ?p ?o }", 400, "QuerySyntaxError"),
        ("INSERT DATA { <x:a> <x:p> }", 400, "QuerySyntaxError"),
        ("DROP GRAPH <x:none>", 400, "BadRequest"),
        ("# " + "x" * 2_000, 413, "BodyTooLarge"),
        ("INSERT { ?a <x:p> ?h } WHERE {" + "{" * 70 + "}" * 70 + "}", 413, "QueryTooLarge"),
    ],
)
def test_updates_that_are_refused(opened: TestClient, update: str, status: int, problem: str) -> None:
    answer = opened.post("/update", data={"update": update})
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (status, problem)


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"<a> <b> .", TURTLE, 400),
        (b"\xff", TURTLE, 400),
        (b"", {"Content-Type": "application/n-quads"}, 415),
        (b"", {"Content-Type": "text/turtle; charset=utf-16"}, 415),
        (b"", {}, 415),
        (b"", {**TURTLE, "Content-Encoding": "gzip"}, 415),
        (b"#" * 2_001, TURTLE, 413),
        (b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><x/>', {"Content-Type": "application/rdf+xml"}, 400),
        (b'{"@context": "http://127.0.0.1:1/context"}', {"Content-Type": "application/ld+json"}, 400),
        (b"--x\r\nnonsense", {"Content-Type": "multipart/form-data; boundary=y"}, 400),
    ],
)
def test_graphs_that_are_refused(opened: TestClient, content: bytes, headers: dict[str, str], status: int) -> None:
    assert opened.put("/rdf-graphs/service?graph=x:new", content=content, headers=headers).status_code == status
    assert opened.get("/rdf-graphs/service?graph=x:new").status_code == 404


@pytest.mark.parametrize("query", ["", "?graph=relative", "?graph=x:a&graph=x:b", "?default&graph=x:a", "?default=1"])
def test_a_graph_is_named_once_and_with_an_absolute_iri(opened: TestClient, query: str) -> None:
    answer = opened.put(f"/rdf-graphs/service{query}", content=b"", headers=TURTLE)
    assert answer.status_code == 400


def test_the_default_graph_is_in_the_union_and_has_a_name(opened: TestClient) -> None:
    opened.put("/rdf-graphs/service?default", content=b"<x:a> <x:inDefault> 1 .", headers=TURTLE).raise_for_status()
    query = "SELECT ?g { <x:a> <x:inDefault> 1 . GRAPH ?g { <x:a> <x:inDefault> 1 } }"
    answer = opened.post("/sparql", data={"query": query}, headers={"Accept": "text/csv"})
    assert answer.text.split() == ["g", "https://w3id.org/trialweave/graph/default"]


def test_a_graph_is_added_to_and_removed(opened: TestClient) -> None:
    graph = "/rdf-graphs/service?graph=x:mine"
    assert opened.post(graph, content=b"<x:a> <x:p> 1 .", headers=TURTLE).status_code == 201
    assert opened.post(graph, content=b"<x:b> <x:p> 2 .", headers=TURTLE).status_code == 204
    lines = opened.get(graph, headers={"Accept": "application/n-triples"}).text.splitlines()
    assert len(lines) == 2
    assert opened.delete(graph).status_code == 204
    assert opened.delete(graph).status_code == 404


def test_what_takes_too_long_is_stopped_and_changes_nothing(opened: TestClient) -> None:
    rows = " ".join(map(str, range(60)))
    bomb = " ".join(f"VALUES ?{name} {{ {rows} }}" for name in "abcdefg")
    answer = opened.post("/update", data={"update": f"INSERT {{ <x:bomb> <x:p> ?a }} WHERE {{ {bomb} }}"})
    assert answer.status_code in (500, 504)
    assert opened.post("/sparql", data={"query": "ASK { <x:bomb> ?p ?o }"}).json()["boolean"] is False
    assert opened.post("/update", data={"update": INSERT}).status_code == 204


def test_the_gate_guards_writes_where_it_is_on(tmp_path: Path) -> None:
    _, sound = emitted(sound_study())
    unsound = b"<https://w3id.org/trialweave/study/NCT00000001> a <https://w3id.org/trialweave/ontology#Study> ."
    graph = "/rdf-graphs/service?graph=x:g"
    with service(tmp_path / "data", write="open", write_gate=True) as client:
        refused = client.put(graph, content=unsound, headers=TURTLE)
        assert (refused.status_code, refused.json()["title"]) == (422, "Violations")
        assert "x:g: study/NCT00000001: Violation" in refused.json()["detail"]
        assert client.get(graph).status_code == 404
        assert client.put(graph, content=sound, headers=TURTLE).status_code == 201
        assert client.delete(graph).status_code == 204
