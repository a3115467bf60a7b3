"""SERVICE where the store itself is a foreign server: it gets the solutions in the query, and never the clause."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from app.store.base import ReplaceGraph
from app.store.engines import ENGINES as QUIRKS
from app.store.remote import RemoteStore
from tests.app.federation.stub import JSON, Stub, serving, turtle
from tests.app.store.servers import ENGINES, server

PREFIX = "PREFIX : <http://e/> "
DATA = " ".join(f":m{n} :label 'L{n}' ; :part [ :n {n} ] ." for n in range(120))
STUDIES = b"".join(
    f'<http://e/s{n}> <http://e/mesh> <http://e/m{n}> .\n<http://e/s{n}> <http://e/size> "{n}"^^'
    "<http://www.w3.org/2001/XMLSchema#integer> .\n".encode()
    for n in range(100)
)


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Stub]:
    with serving(turtle(DATA)) as stub:
        yield stub


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def service(engine: str, tmp_path_factory: pytest.TempPathFactory, endpoint: Stub) -> Iterator[TestClient]:
    folder = tmp_path_factory.mktemp("store")
    with server(engine, folder) as environment:
        names = {name.removeprefix("TRIALWEAVE_").lower(): value for name, value in environment.items()}
        settings = Settings.model_validate(
            names | {"data": folder / "data", "service_allow": endpoint.url, "service_cache_seconds": 0}
        )
        with RemoteStore(settings.data, settings) as store:
            store.apply([ReplaceGraph("http://e/graph", STUDIES)])
            store.publish()
        with TestClient(create_app(settings), base_url="http://127.0.0.1") as running:
            yield running


def asked(service: TestClient, text: str) -> list[dict[str, dict[str, str]]]:
    answer = service.post("/sparql", data={"query": PREFIX + text}, headers={"Accept": JSON})
    assert answer.status_code == 200, answer.text
    return answer.json()["results"]["bindings"]


def test_clauses_are_joined_with_what_the_server_holds(service: TestClient, endpoint: Stub) -> None:
    endpoint.queries.clear()
    found = asked(service, f"SELECT ?s ?l {{ ?s :mesh ?m SERVICE <{endpoint.url}> {{ ?m :label ?l }} }}")
    assert {row["l"]["value"] for row in found} == {f"L{n}" for n in range(100)} and len(found) == 100
    assert all("VALUES (?m)" in query for query in endpoint.queries if ":label" in query)
    numbers = asked(service, f"SELECT ?s {{ ?s :size ?n SERVICE <{endpoint.url}> {{ :m7 :part [ :n ?n ] }} }}")
    assert [row["s"]["value"] for row in numbers] == ["http://e/s7"]
    optional = f"SELECT ?l {{ ?s :size 3 OPTIONAL {{ ?s :mesh ?m SERVICE <{endpoint.url}> {{ ?m :label ?l }} }} }}"
    assert [row["l"]["value"] for row in asked(service, optional)] == ["L3"]


def test_where_an_engine_loses_solutions_it_is_not_asked(service: TestClient, engine: str, endpoint: Stub) -> None:
    clause = f"{{ SERVICE <{endpoint.url}> {{ ?m :label 'L3' }} }}"
    for pattern in (f"MINUS {clause}", f"FILTER NOT EXISTS {clause}", f"{clause} UNION {{ ?s :size 4 }}"):
        text = f"{PREFIX} SELECT ?s {{ ?s :mesh ?m . {pattern} }} ORDER BY ?s"
        answer = service.post("/sparql", data={"query": text}, headers={"Accept": JSON})
        if QUIRKS[engine].loses_values:
            assert (answer.status_code, "Virtuoso, which answers wrongly" in answer.text) == (403, True)
        else:
            found = {row["s"]["value"] for row in answer.json()["results"]["bindings"]}
            assert ("http://e/s3" in found) == ("UNION" in pattern) and len(found) == (2 if "UNION" in pattern else 99)


def test_blank_nodes_come_back_as_such(service: TestClient, endpoint: Stub) -> None:
    (row,) = asked(service, f"SELECT ?b {{ ?s :size 5 ; :mesh ?m SERVICE <{endpoint.url}> {{ ?m :part ?b }} }}")
    assert row["b"]["type"] == "bnode"


def test_what_is_refused_is_refused_here(service: TestClient) -> None:
    refused = service.post("/sparql", data={"query": "SELECT * { SERVICE <http://127.0.0.1:9/> { ?s ?p ?o } }"})
    assert (refused.status_code, "not on this service's list" in refused.json()["detail"]) == (403, True)
    wrong = service.post("/sparql", data={"query": "SELECT * { SERVICE <http://127.0.0.1:9/> { ?s ?p } }"})
    assert wrong.status_code in (400, 403)
