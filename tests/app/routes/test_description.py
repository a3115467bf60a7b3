"""What machines and people find where they look first: well-known places, Link headers, catalogue entries, dumps."""

import gzip
import json
import re
from hashlib import sha256

import pyoxigraph as ox
import pytest
from fastapi.testclient import TestClient

from tests.app.description.conftest import bundled, described  # noqa: F401  (fixtures)

BASE = "https://w3id.org/trialweave/"
DATASET = f"<{BASE}dataset>"
ENDPOINT = "http://127.0.0.1/sparql"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


def triples(client: TestClient, path: str) -> set[str]:
    answer = client.get(path, headers={"Accept": "application/n-triples"})
    assert (answer.status_code, answer.headers["vary"].split(",")[0]) == (200, "Accept")
    return {str(quad.triple) for quad in ox.parse(answer.content, format=ox.RdfFormat.N_TRIPLES)}


def in_graph(client: TestClient, name: str) -> set[str]:
    return triples(client, f"/graph/{name}")


@pytest.mark.parametrize("path", ["/.well-known/void", "/dataset", "/.well-known/sparql-examples", "/sparql"])
@pytest.mark.parametrize(
    "media_type",
    ["text/turtle", "application/ld+json", "application/n-triples", "application/rdf+xml", "text/html"],
)
def test_descriptions_come_in_every_format(described: TestClient, path: str, media_type: str) -> None:  # noqa: F811
    answer = described.get(path, headers={"Accept": media_type})
    assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, media_type)


def test_void_is_what_the_store_says_and_where_the_data_is(described: TestClient) -> None:  # noqa: F811
    found = triples(described, "/.well-known/void")
    assert in_graph(described, "void") < found
    assert f"{DATASET} <http://rdfs.org/ns/void#sparqlEndpoint> <{ENDPOINT}>" in found
    assert f"{DATASET} <http://purl.org/dc/terms/license> <https://example.org/licence>" in found
    (dump,) = [each for each in found if "void#dataDump" in each]
    assert "http://127.0.0.1/dump/trialweave-000001.nq.gz" in dump


def test_examples_are_those_of_the_store(described: TestClient) -> None:  # noqa: F811
    found = triples(described, "/.well-known/sparql-examples")
    assert found == in_graph(described, "examples") | in_graph(described, "prefixes")


def test_the_service_description_claims_what_is_true(described: TestClient) -> None:  # noqa: F811
    found = triples(described, "/sparql")
    features = {each.rpartition("#")[2] for each in found if "description#feature>" in each}
    assert features == {"UnionDefaultGraph>"}
    (limits,) = [each for each in found if "rdf-schema#comment" in each]
    for limit in ("65,536 bytes", "30 seconds", "104,857,600 bytes", "SERVICE is not available; updates are not"):
        assert limit in limits
    union, named = (
        described.post("/sparql", data={"query": f"SELECT (COUNT(*) AS ?n) {{ {pattern} }}"}).json()
        for pattern in ("?s ?p ?o", "{ SELECT DISTINCT ?s ?p ?o { GRAPH ?g { ?s ?p ?o } } }")
    )
    assert union == named


@pytest.mark.parametrize("path", ["/dataset", "/.well-known/void", "/.well-known/sparql-examples", "/dump/", "/"])
def test_a_browser_gets_a_page(described: TestClient, path: str) -> None:  # noqa: F811
    answer = described.get(path, headers={"Accept": BROWSER})
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "<h1>" in answer.text


def test_the_home_page_has_the_dataset_for_search_engines(described: TestClient) -> None:  # noqa: F811
    (text,) = re.findall(r'<script type="application/ld\+json">(.*?)</script>', described.get("/").text)
    dataset = json.loads(text)
    assert (dataset["@type"], dataset["@id"]) == ("Dataset", BASE + "dataset")
    for each in dataset["distribution"][1:]:
        content = described.get(each["contentUrl"].removeprefix("http://127.0.0.1")).content
        assert sha256(content).hexdigest() == each["sha256"]


@pytest.mark.parametrize(
    ("path", "relations"),
    [
        ("/study/NCT01363401", {"cite-as", "type", "describedby", "collection", "license", "alternate"}),
        ("/dataset", {"cite-as", "type", "describedby", "item", "license"}),
    ],
)
def test_link_headers_are_signposts_that_lead_somewhere(
    described: TestClient,  # noqa: F811
    path: str,
    relations: set[str],
) -> None:
    links = re.findall(r'<([^>]*)>; rel="([^"]*)"(?:; type="([^"]*)")?', described.get(path).headers["link"])
    assert relations <= {relation for _, relation, _ in links}
    assert (BASE + path[1:], "cite-as", "") in links
    for target, _, media_type in links:
        if target.startswith("/"):
            answer = described.get(target)
            assert answer.status_code == 200, target
            assert answer.headers["content-type"].startswith(media_type)


def test_every_kind_of_iri_of_ours_answers(described: TestClient) -> None:  # noqa: F811
    """One IRI of each kind that the data uses, as subject or object, by suffix and by Accept."""
    rows = described.get(
        "/sparql",
        params={
            "query": "SELECT ?kind (MIN(STR(?iri)) AS ?one) { { ?iri ?p ?o } UNION { ?s ?p ?iri FILTER(isIRI(?iri)) } "
            f'FILTER(STRSTARTS(STR(?iri), "{BASE}")) '
            f'BIND(REPLACE(STR(?iri), "^{BASE}([a-z-]+)(/[^/]*)?(/[a-z-]+)?.*$", "$1$3") AS ?kind) }} '
            "GROUP BY ?kind"
        },
    ).json()["results"]["bindings"]
    kinds = {row["kind"]["value"]: row["one"]["value"].partition("#")[0].removeprefix(BASE) for row in rows}
    assert {"study", "study/cohort", "study/effect", "publication", "value", "ontology", "dataset"} <= set(kinds)
    silent = {kind: iri for kind, iri in kinds.items() if described.get("/" + iri).status_code not in (200, 301)}
    assert not silent


def test_a_dump_is_served_in_parts_and_only_once(described: TestClient) -> None:  # noqa: F811
    manifest = described.get("/dump/").json()
    file = manifest["files"][0]
    path = f"/dump/{file['name']}"
    whole = described.get(path)
    assert (whole.headers["etag"], len(whole.content)) == (f'"{file["sha256"]}"', file["bytes"])
    assert gzip.decompress(whole.content).count(b"\n") == manifest["quads"]
    part = described.get(path, headers={"Range": "bytes=10-19", "If-Range": whole.headers["etag"]})
    assert (part.status_code, part.content) == (206, whole.content[10:20])
    assert described.get(path, headers={"If-None-Match": whole.headers["etag"]}).status_code == 304
    assert described.get(path, headers={"Range": "bytes=99999999-"}).status_code == 416


@pytest.mark.parametrize("name", ["trialweave-000009.nq.gz", "%2e%2e%2fCURRENT", "manifest.json.part"])
def test_a_dump_has_no_other_files(described: TestClient, name: str) -> None:  # noqa: F811
    assert described.get(f"/dump/{name}").status_code == 404


def test_without_a_dump_it_is_said_how_to_make_one(client: TestClient) -> None:
    answer = client.get("/dump/")
    assert (answer.status_code, "trialweave export --dump" in answer.json()["detail"]) == (404, True)


def test_without_counts_there_is_still_a_description(client: TestClient) -> None:
    assert f"{DATASET} <http://rdfs.org/ns/void#sparqlEndpoint> <{ENDPOINT}>" in triples(client, "/.well-known/void")
    assert "Nothing has been counted" in client.get("/dataset", headers={"Accept": BROWSER}).text
