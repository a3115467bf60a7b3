"""An answer is given again only for as long as it is the answer, and a client that has it is told so."""

import gzip
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlencode

import brotli
import pytest
import zstandard
from fastapi.testclient import TestClient

from app.main import create_app
from app.protocol.encoding import choose_coding
from app.query.cache import AnswerCache, KeptAnswer
from app.settings import Settings
from app.store.base import ReplaceGraph
from app.store.embedded import EmbeddedStore

SELECT = {"query": "SELECT ?n { ?s <https://w3id.org/trialweave/ontology#enrollmentCount> ?n } ORDER BY ?n"}
EVERYTHING = {"query": "SELECT * { GRAPH ?g { ?s ?p ?o } } ORDER BY ?g ?s ?p ?o"}


@pytest.mark.parametrize(
    ("path", "parameters"), [("/sparql", SELECT), ("/", {}), ("/study/NCT00000001", {}), ("/study/NCT00000001.ttl", {})]
)
def test_who_holds_the_answer_is_told_so(client: TestClient, path: str, parameters: dict[str, str]) -> None:
    answer = client.get(path, params=parameters)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "public, max-age=0, must-revalidate")
    for condition in ({"If-None-Match": answer.headers["etag"]}, {"If-None-Match": f'"x", {answer.headers["etag"]}'}):
        again = client.get(path, params=parameters, headers=condition)
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == answer.headers["etag"]
    other = client.get(path, params=parameters, headers={"If-None-Match": 'W/"0-other"'})
    assert (other.status_code, other.content) == (200, answer.content)
    assert other.headers["x-request-id"] != answer.headers["x-request-id"]


def test_the_tag_is_of_query_dataset_and_media_type(client: TestClient) -> None:
    tags = {
        client.get("/sparql", params={**SELECT, **more}, headers={"Accept": accept}).headers["etag"]
        for more in ({}, {"default-graph-uri": "http://example.org/g"}, {"query": "ASK {}"})
        for accept in ("text/csv", "application/json")
    }
    assert len(tags) == 6


RUNS = 'trialweave_query_runs_total{outcome="answered"}'
FORM, DIRECT = "application/x-www-form-urlencoded", "application/sparql-query"


def test_a_query_sent_by_post_is_kept_too(client: TestClient) -> None:
    """Its tag is of query, dataset and media type; 304 is not for it."""
    tags = set()
    for more in ({}, {"default-graph-uri": "http://example.org/g"}, {"query": "ASK { ?posted ?is ?kept }"}):
        for accept in ("text/csv", "application/json"):
            first, second = (client.post("/sparql", data={**SELECT, **more}, headers={"Accept": accept}) for _ in "12")
            assert (first.content, first.headers["etag"]) == (second.content, second.headers["etag"])
            assert first.headers["x-request-id"] != second.headers["x-request-id"]
            assert {"Accept", "Accept-Encoding"} <= set(second.headers["vary"].split(", "))
            assert second.headers["cache-control"] == "no-store"
            tags.add(first.headers["etag"])
    assert len(tags) == 6
    again = client.post(
        "/sparql", data=SELECT, headers={"If-None-Match": client.post("/sparql", data=SELECT).headers["etag"]}
    )
    assert again.status_code == 200


def test_a_kept_answer_takes_no_worker(client: TestClient) -> None:
    def runs() -> str:
        return next(line for line in client.get("/metrics").text.splitlines() if line.startswith(RUNS))

    for body, media_type in ((urlencode(SELECT), FORM), (SELECT["query"], DIRECT)):
        client.post("/sparql", content=body, headers={"Content-Type": media_type})
        before = runs()
        assert client.post("/sparql", content=body, headers={"Content-Type": media_type}).status_code == 200
        assert runs() == before
    refused = client.post("/sparql", content=urlencode(SELECT), headers={"Content-Type": "text/plain"})
    assert refused.status_code == 415
    refused = client.post(
        "/sparql", content=urlencode(SELECT), headers={"Content-Type": FORM, "Content-Encoding": "br"}
    )
    assert refused.status_code == 415


def test_an_explanation_is_not_taken_for_the_answer(client: TestClient) -> None:
    query = {"query": "SELECT ?explained { ?explained ?p ?o } LIMIT 1"}
    for ask in (
        lambda headers: client.get("/sparql", params=query, headers=headers),
        lambda headers: client.post("/sparql", data=query, headers=headers),
    ):
        for _ in range(2):
            explained = ask({"Trialweave-Explain": "1"})
            assert explained.headers["cache-control"] == "no-store"
            assert "etag" not in explained.headers
            assert "results" in ask({}).json()
            assert "answer" in ask({"Trialweave-Explain": "1"}).json()


def test_the_time_of_publication_is_a_validator_once_its_second_is_over(client: TestClient) -> None:
    deadline = time.monotonic() + 3
    while "last-modified" not in (answer := client.get("/sparql", params=SELECT)).headers:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    since = {"If-Modified-Since": answer.headers["last-modified"]}
    assert client.get("/sparql", params=SELECT, headers=since).status_code == 304
    since = {"If-Modified-Since": "Mon, 01 Jan 2001 00:00:00 GMT"}
    assert client.get("/sparql", params=SELECT, headers=since).status_code == 200
    since = {"If-Modified-Since": "yesterday"}
    assert client.get("/sparql", params=SELECT, headers=since).status_code == 200


@pytest.mark.parametrize("call", ["NOW()", "rand()", "UUID()", "StrUUID()", "BNODE()"])
def test_what_may_be_answered_differently_is_not_kept(client: TestClient, call: str) -> None:
    volatile = {"query": f"SELECT ({call} AS ?x) {{}}"}
    answers = [client.get("/sparql", params=volatile) for _ in range(2)]
    assert {each.headers["cache-control"] for each in answers} == {"no-store"}
    assert "etag" not in answers[0].headers
    if "NOW" not in call and "BNODE" not in call:
        assert answers[0].content != answers[1].content
    quoted = {"query": f"SELECT ('{call}' AS ?x) {{}}"}
    assert "etag" in client.get("/sparql", params=quoted).headers


def test_failures_and_health_are_not_kept(client: TestClient) -> None:
    assert client.get("/sparql", params={"query": "SELECT"}).headers["cache-control"] == "no-store"
    assert "etag" not in client.get("/health").headers
    assert "etag" not in client.get("/study/NCT99999999").headers


def test_another_page_asking_gets_its_header_also_from_a_kept_answer(client: TestClient) -> None:
    origin = {"Origin": "https://elsewhere.example"}
    for _ in range(2):
        client.get("/sparql", params=SELECT)
        answer = client.get("/sparql", params=SELECT, headers=origin)
        assert answer.headers["access-control-allow-origin"] == "*"
    unchanged = client.get("/sparql", params=SELECT, headers={**origin, "If-None-Match": answer.headers["etag"]})
    assert (unchanged.status_code, unchanged.headers["access-control-allow-origin"]) == (304, "*")


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
def test_large_answers_are_compressed_and_small_ones_are_not(client: TestClient, coding: str) -> None:
    plain = client.get("/sparql", params=EVERYTHING, headers={"Accept-Encoding": "identity"})
    decode = {"gzip": gzip.decompress, "br": brotli.decompress, "zstd": zstandard.decompress}[coding]
    for _ in range(2):
        with client.stream("GET", "/sparql", params=EVERYTHING, headers={"Accept-Encoding": coding}) as answer:
            raw = b"".join(answer.iter_raw())
        assert answer.headers["content-encoding"] == coding
        assert "Accept-Encoding" in answer.headers["vary"]
        assert int(answer.headers["content-length"]) == len(raw) < len(plain.content)
        assert decode(raw) == plain.content
    small = client.get("/sparql", params=SELECT, headers={"Accept-Encoding": coding})
    assert "content-encoding" not in small.headers


@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip;q=1, br;q=0.5", "gzip"),
        ("*", "zstd"),
        ("identity, gzip;q=0.5", None),
        ("gzip;q=0", None),
        ("x-gzip", "gzip"),
        ("", None),
    ],
)
def test_the_client_chooses_the_coding(accept: str, coding: str | None) -> None:
    assert choose_coding(accept) == coding


def test_the_cache_keeps_to_its_room() -> None:
    cache = AnswerCache(100_000)
    for key in range(100):
        cache.put(key, KeptAnswer((), b"x" * 5_000))
        cache.get(0)
    kept = [key for key in range(100) if cache.get(key)]
    assert 10 < len(kept) < 20
    assert {0, 99} <= set(kept)
    cache.put("large", KeptAnswer((), b"x" * 50_000))
    assert cache.get("large") is None


PUBLISHER = """
import sys
from pathlib import Path
from app.store.base import ReplaceGraph
from app.store.embedded import EmbeddedStore
with EmbeddedStore(Path(sys.argv[1])) as store:
    for number in range(2, 41):
        triple = f'<http://example.org/a> <http://example.org/n> "{number}" .'
        store.apply([ReplaceGraph("http://example.org/g", triple.encode())])
        assert store.publish() == number
        print(number, flush=True)
"""


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_read_is_older_than_the_latest_publication(tmp_path: Path, method: str) -> None:
    data = tmp_path / "data"
    with EmbeddedStore(data) as store:
        store.apply([ReplaceGraph("http://example.org/g", b'<http://example.org/a> <http://example.org/n> "1" .')])
        store.publish()
    ask = {"query": "SELECT ?n { ?s <http://example.org/n> ?n }"}
    with TestClient(create_app(Settings(data=data, workers=2))) as client:
        writer = subprocess.Popen([sys.executable, "-c", PUBLISHER, str(data)], stdout=subprocess.PIPE, text=True)
        assert writer.stdout
        published, value, tag, kept = 1, 0, "", 0
        part = "params" if method == "GET" else "data"
        with writer.stdout:
            for line in writer.stdout:
                published = int(line)
                for _ in range(5):
                    headers = {"Accept": "text/csv", "If-None-Match": tag}
                    answer = client.request(method, "/sparql", **{part: ask}, headers=headers)
                    kept += answer.headers["etag"] == tag
                    if answer.status_code != 304:
                        value, tag = int(answer.text.split()[1]), answer.headers["etag"]
                    assert value >= published
                    assert int(tag[3:].partition("-")[0]) == value
        assert writer.wait() == 0
        assert (published, kept > 40) == (40, True)
