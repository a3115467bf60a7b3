import json
import re

import pyoxigraph as ox
import pytest
from fastapi.testclient import TestClient

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
BASE = "https://w3id.org/trialweave/"
STUDY = "/study/NCT00000001"
DOI_STUDY = "/study/DOI-10.1000%2Fabc.def"
TYPES = {
    "ttl": "text/turtle",
    "jsonld": "application/ld+json",
    "json": "application/ld+json",
    "nt": "application/n-triples",
    "rdf": "application/rdf+xml",
    "trig": "application/trig",
    "nq": "application/n-quads",
    "html": "text/html",
}


@pytest.mark.parametrize(("suffix", "media_type"), TYPES.items())
@pytest.mark.parametrize(
    "path",
    [
        STUDY,
        DOI_STUDY,
        STUDY + "/cohort/a",
        "/publication/pmid-22222222",
        "/organization/example-clinic",
        "/graph/NCT00000001/clinicaltrials.gov",
        "/graph/DOI-10.1000%2Fabc.def/page",
        "/ontology",
        "/shapes",
    ],
)
def test_every_resource_answers_by_suffix_and_by_accept(
    client: TestClient, path: str, suffix: str, media_type: str
) -> None:
    by_suffix = client.get(f"{path}.{suffix}", headers={"Accept": "image/png"})
    by_accept = client.get(path, headers={"Accept": media_type})
    for answer in (by_suffix, by_accept):
        assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, media_type)
        assert "Accept" in answer.headers["vary"]
    if media_type != "text/html":
        assert list(ox.parse(by_suffix.content, format=ox.RdfFormat.from_media_type(media_type)))


def test_a_program_without_a_wish_gets_turtle_and_a_browser_a_page(client: TestClient) -> None:
    assert client.get(STUDY).headers["content-type"] == "text/turtle; charset=utf-8"
    assert client.get(STUDY, headers={"Accept": BROWSER}).headers["content-type"] == "text/html; charset=utf-8"
    assert client.get(STUDY, headers={"Accept": "image/png"}).status_code == 406


def test_a_study_is_all_that_all_sources_say(client: TestClient) -> None:
    quads = set(ox.parse(client.get(STUDY + ".nq").content, format=ox.RdfFormat.N_QUADS))
    enrolled = {
        (quad.object.value, quad.graph_name.value.rpartition("/")[2])  # type: ignore[union-attr]
        for quad in quads
        if quad.predicate.value.endswith("#enrollmentCount")
    }
    assert enrolled == {("72", "clinicaltrials.gov"), ("64", "pubmed")}
    triples = set(ox.parse(client.get(STUDY + ".nt").content, format=ox.RdfFormat.N_TRIPLES))
    assert {quad.triple for quad in triples} == {quad.triple for quad in quads}
    trig = set(ox.parse(client.get(STUDY + ".trig").content, format=ox.RdfFormat.TRIG))
    assert trig == quads


def test_another_resource_is_what_is_said_of_it_and_what_points_at_it(client: TestClient) -> None:
    statements = client.get("/organization/example-clinic.nt").text
    clinic = f"<{BASE}organization/example-clinic>"
    assert f'{clinic} <http://www.w3.org/2000/01/rdf-schema#label> "Example Clinic"' in statements
    assert f"<{BASE}study/NCT00000001> <{BASE}ontology#leadSponsor> {clinic}" in statements


def test_the_percent_encoding_of_an_iri_is_kept(client: TestClient) -> None:
    assert f"<{BASE}study/DOI-10.1000%2Fabc.def>" in client.get(DOI_STUDY + ".nt").text
    assert client.get("/study/DOI-10.1000/abc.def").status_code == 404
    assert client.get("/study/DOI-10.1000%252Fabc.def").status_code == 404


def test_a_doi_that_ends_like_a_suffix_is_still_found(client: TestClient) -> None:
    answer = client.get("/study/DOI-10.1000%2Fends-in.html", headers={"Accept": "application/n-triples"})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("path", "status", "location"),
    [
        ("/study/PMID11111111", 301, "/study/NCT00000001"),
        ("/study/PMID11111111.ttl", 301, "/study/NCT00000001.ttl"),
        ("/study/PMID11111111/cohort/a", 301, "/study/NCT00000001/cohort/a"),
        ("/study/nct00000001", 303, STUDY),
        ("/study/nct00000001.jsonld", 303, STUDY + ".jsonld"),
        ("/study/22222222", 303, STUDY),
        ("/study/PMID22222222", 303, STUDY),
        ("/study/10.1000/LEECH", 303, STUDY),
        ("/study/10.1000%2Fleech", 303, STUDY),
        ("/study/10.1000%2FAbc.Def", 303, DOI_STUDY),
        ("/study/2010-012345-67", 303, STUDY),
    ],
)
def test_former_iris_and_other_identifiers_lead_to_the_study(
    client: TestClient, path: str, status: int, location: str
) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.headers.get("location")) == (status, location)


@pytest.mark.parametrize(
    "path",
    [
        "/study/NCT99999999",
        "/study/NCT00000001/cohort/none",
        "/study/99999999",
        "/study/33333333.ttl",
        "/study/10.1000/none",
        "/study/",
        "/publication/none",
        "/organization/none",
        "/graph/none",
        "/value/None-NONE",
        "/nothing/here",
        "/ontology.exe",
    ],
)
def test_what_is_not_there_is_a_404_with_a_sentence(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert answer.json()["detail"].endswith(".")


@pytest.mark.parametrize(
    "path",
    [
        "/study/x>%20{}%20DELETE",
        "/study/%3E%20%7D%20UNION%20%7B%20%3Fs%20%3Fp%20%3Fo",
        "/study/%22%29%20FILTER%281%3D1",
        "/study/22222222%22%20.%20%3Fa%20%3Fb%20%22",
        "/study/'%20OR%201=1",
        "/study/NCT00000001%00",
        "/study/%0D%0ASet-Cookie:x",
        "/study/..%2F..%2Fetc%2Fpasswd",
        "/study/%ff%fe",
        "/study/%",
        "/study/%zz",
        "/static/..%2f..%2fmain.py",
        "/ontology/../main.py",
        "/graph/%7B%7B7*7%7D%7D",
        "/publication/<script>alert(1)</script>",
        "/study/" + "a" * 20_000,
    ],
)
@pytest.mark.parametrize("accept", ["*/*", BROWSER])
def test_a_path_cannot_carry_anything_into_a_query_or_a_page(client: TestClient, path: str, accept: str) -> None:
    answer = client.get(path, headers={"Accept": accept})
    assert answer.status_code in (400, 404)
    assert "<script>" not in answer.text
    assert "Traceback" not in answer.text
    assert "set-cookie" not in answer.headers


def test_the_study_page_says_who_was_compared_what_was_found_and_who_says_so(client: TestClient) -> None:
    page = " ".join(client.get(STUDY, headers={"Accept": BROWSER}).text.split())
    for words in (
        "Leeches &lt;b&gt;against&lt;/b&gt; placebo",
        "phase 2",
        "Example Clinic",
        "n = 36",
        "Leeches against Placebo",
        "-2.5 to -0.5 (95 %)",
        "&lt; 0.001",
        "favours Leeches",
        "4 of 36",
        "On leeches",
        'href="/graph/NCT00000001/pubmed"',
    ):
        assert words in page
    for number, source in (("72", "clinicaltrials.gov"), ("64", "pubmed")):
        assert f'{number} <span class="sources"><a href="/graph/NCT00000001/{source}">{source}</a>' in page


def test_pages_fetch_nothing_from_elsewhere_and_run_nothing(client: TestClient) -> None:
    for path in ("/", STUDY, "/sparql", "/docs", "/ontology", "/graph/provenance"):
        answer = client.get(path, headers={"Accept": BROWSER})
        assert answer.status_code == 200
        # A block of data in a script element is nothing that runs.
        data = re.compile(r'<script type="application/ld\+json">[^<]*</script>')
        assert "<script" not in data.sub("", answer.text)
        assert "style=" not in answer.text
        assert 'src="http' not in answer.text
        assert answer.headers["content-security-policy"].startswith("default-src 'self'")
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_links_of_a_page_stay_on_this_host_for_our_own_iris(client: TestClient) -> None:
    page = client.get(STUDY + "/cohort/a.html").text
    assert 'href="/study/NCT00000001"' in page
    assert f'href="{BASE}study' not in page


def test_an_answer_links_to_its_other_formats(client: TestClient) -> None:
    link = client.get(DOI_STUDY).headers["link"]
    assert f'<{BASE}study/DOI-10.1000%2Fabc.def>; rel="about"' in link
    assert '</study/DOI-10.1000%2Fabc.def.jsonld>; rel="alternate"; type="application/ld+json"' in link


def test_json_ld_is_json(client: TestClient) -> None:
    assert json.loads(client.get(STUDY + ".json").content)
