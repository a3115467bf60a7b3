"""What people send to be validated: what comes back, what is refused, and that it costs nobody else anything."""

import asyncio
import json
import os
import signal
import time
from collections.abc import Iterator

import pyoxigraph as ox
import pytest
from fastapi.testclient import TestClient

from app.errors import AnswerTooLarge, Busy, DeadlineExceeded, UnreadableDocument, WorkerLost
from app.main import create_app
from app.settings import Settings
from app.store.nursery import Nursery
from app.validation.pool import ValidatorPool
from loaders.documents import Document
from loaders.pipeline import Ready, Run, take
from tests.loaders.readers.made_up import full_record
from tests.paths import SHARED, STUDIES, needs_shared
from tests.processes import workers

SH = "http://www.w3.org/ns/shacl#"
SOUND = (STUDIES / "oh-2018.yaml").read_text()
WRONG = SOUND.replace("p_value: 0.003", "p_value: 1.2")
JSON = {"Accept": "application/json"}


def quads(text: str) -> bytes:
    """A curated study as the N-Quads that a load would store of it, without its links."""
    (item,) = take(Document("study.yaml", text.encode()), Run()).items
    assert isinstance(item, Ready)
    emission = item.prepared.emission
    provenance = item.prepared.provenance.replace(b" .\n", b" <https://w3id.org/trialweave/graph/provenance> .\n")
    return emission.nquads() + provenance


def converted(nquads: bytes, syntax: ox.RdfFormat) -> bytes:
    """The same RDF in another syntax; all graphs as one where the syntax has no graphs."""
    parsed = list(ox.parse(nquads, format=ox.RdfFormat.N_QUADS))
    statements = parsed if syntax.supports_datasets else {quad.triple for quad in parsed}
    return ox.serialize(statements, format=syntax) or b""


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    settings = Settings(data=tmp_path_factory.mktemp("validate") / "none", workers=1, validate_bytes=300_000)
    with TestClient(create_app(settings)) as running:
        yield running


@pytest.mark.parametrize(
    "media_type",
    [
        "text/turtle",
        "application/n-triples",
        "application/rdf+xml",
        "application/ld+json",
        "application/trig",
        "application/n-quads",
        "text/n3",
    ],
)
@pytest.mark.parametrize(("text", "conforms"), [(SOUND, True), (WRONG, False)], ids=["sound", "wrong"])
def test_rdf_of_any_syntax_gets_the_verdict_of_a_load(
    client: TestClient, media_type: str, text: str, conforms: bool
) -> None:
    syntax = ox.RdfFormat.from_media_type(media_type) or ox.RdfFormat.N3
    body = converted(quads(text), syntax)
    answer = client.post("/validate", content=body, headers={"Content-Type": media_type, **JSON})
    assert answer.status_code == 200, answer.text
    assert answer.json()["conforms"] is conforms
    rules = {result["rule"] for graph in answer.json()["graphs"] for result in graph["results"]}
    assert conforms or "https://w3id.org/trialweave/shapes#PValue" in str(answer.json()), rules


def test_two_sources_that_disagree_are_both_sound(client: TestClient) -> None:
    curated = quads(SOUND)
    other = quads(SOUND.replace("enrollment: 64", "enrollment: 65")).replace(b"/curated", b"/pubmed")
    answer = client.post("/validate", content=curated + other, headers={"Content-Type": "application/n-quads", **JSON})
    assert answer.json()["conforms"], answer.text
    assert len(answer.json()["graphs"]) == 2
    merged = converted(curated + other, ox.RdfFormat.N_TRIPLES)
    answer = client.post("/validate", content=merged, headers={"Content-Type": "application/n-triples", **JSON})
    assert not answer.json()["conforms"], "one source that says both does break the rules"


@pytest.mark.parametrize("content_type", ["application/yaml", "text/yaml; charset=utf-8"])
def test_a_document_is_read_emitted_and_checked(client: TestClient, content_type: str) -> None:
    answer = client.post("/validate", content=WRONG, headers={"Content-Type": content_type, **JSON})
    (graph,) = answer.json()["graphs"]
    assert graph["graph"].endswith("graph/NCT01363401/curated")
    assert [r["severity"] for r in graph["results"] if r["value"] == "1.2"].count("Violation") == 1


@needs_shared
@pytest.mark.parametrize(
    ("folder", "content_type"), [("ctgov/studies/*.json", "application/json"), ("pubmed/**/*.xml", "application/xml")]
)
def test_records_of_the_registry_and_of_pubmed_are_validated(
    client: TestClient, folder: str, content_type: str
) -> None:
    path = min((SHARED / "data").glob(folder), key=lambda path: path.stat().st_size)
    answer = client.post("/validate", content=path.read_bytes(), headers={"Content-Type": content_type, **JSON})
    assert answer.status_code == 200, answer.text
    assert answer.json()["graphs"]


@pytest.mark.parametrize("media_type", ["text/turtle", "application/ld+json", "application/n-triples"])
def test_the_report_is_one_shacl_report(client: TestClient, media_type: str) -> None:
    headers = {"Content-Type": "application/yaml", "Accept": media_type}
    answer = client.post("/validate", content=WRONG, headers=headers)
    assert answer.headers["content-type"].partition(";")[0] == media_type
    store = ox.Store()
    store.load(answer.content, format=ox.RdfFormat.from_media_type(media_type))
    asked = f"SELECT ?c (COUNT(?x) AS ?n) {{ ?r a <{SH}ValidationReport> ; <{SH}conforms> ?c ; <{SH}result> ?x . \
?x <{SH}focusNode> ?f ; <{SH}resultMessage> ?m ; <{SH}resultSeverity> ?s ; <{SH}sourceShape> ?h }} GROUP BY ?c"
    ((conforms, results),) = [(row["c"].value, int(row["n"].value)) for row in store.query(asked)]  # type: ignore[union-attr,index]
    assert conforms == "false" and results >= 1


def test_no_preference_gets_turtle_and_a_browser_a_page(client: TestClient) -> None:
    headers = {"Content-Type": "application/yaml"}
    answer = client.post("/validate", content=SOUND, headers={**headers, "Accept": "*/*"})
    assert answer.headers["content-type"].startswith("text/turtle")
    page = client.post("/validate", content=WRONG, headers={**headers, "Accept": "text/html"})
    assert page.headers["content-type"].startswith("text/html")
    assert "Would be turned away" in page.text and "A p-value must be one number from 0 to 1" in page.text
    refused = client.post("/validate", content=SOUND, headers={**headers, "Accept": "image/png"})
    assert refused.status_code == 406


def test_people_paste_and_upload(client: TestClient) -> None:
    assert '<textarea id="text"' in client.get("/validate").text
    html = {"Accept": "text/html"}
    turtle = converted(quads(WRONG), ox.RdfFormat.TURTLE).decode()
    for sent in (
        {"data": {"text": turtle, "type": "text/turtle"}},
        {"data": {"text": turtle, "type": "application/octet-stream"}},
        {"files": {"file": ("study.yaml", WRONG)}, "data": {"type": "application/octet-stream", "text": ""}},
        {"files": {"file": ("study.ttl", turtle)}, "data": {"type": "application/octet-stream"}},
    ):
        page = client.post("/validate", headers=html, **sent)  # type: ignore[arg-type]
        assert page.status_code == 200 and "Would be turned away" in page.text, page.text


def test_rdf_of_other_vocabularies_is_told_to_be_beyond_the_rules(client: TestClient) -> None:
    answer = client.post("/validate", content="<x:a> <x:b> <x:c> .", headers={"Content-Type": "text/turtle", **JSON})
    (graph,) = answer.json()["graphs"]
    assert graph["conforms"] and graph["remarks"] == ["it uses no term of the ontology, so there is no rule for it"]


def test_what_was_sent_is_shown_as_text_never_as_markup(client: TestClient) -> None:
    text = SOUND.replace("p_value: 0.003", "p_value: 1.2").replace("label: Change", "label: <script>alert(1)</script>")
    page = client.post("/validate", content=text, headers={"Content-Type": "text/yaml", "Accept": "text/html"})
    assert "<script>" not in page.text


BOMB = b'<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;&b;&b;">]><a>&c;</a>'


@pytest.mark.parametrize(
    ("content_type", "body", "status", "line", "says"),
    [
        ("text/turtle", b"<a> <b>\n c .", 400, 2, "Not Turtle"),
        ("application/n-triples", b"<a:a> <a:b> <a:c> .\n<a:a> <a:b> .", 400, 2, "Not N-Triples"),
        ("application/ld+json", b'{\n"a":', 400, 2, "Not JSON"),
        ("application/rdf+xml", b"<a>\n</b>", 400, 2, "Not well-formed XML: mismatched tag"),
        ("application/json", b'{\n"protocolSection": ', 400, 2, "is cut off: the JSON ends"),
        ("application/json", b'{\n"protocolSection": ]}', 400, 2, "is not JSON"),
        ("application/xml", b"<a>\n</b>", 400, 2, "Not well-formed XML"),
        ("application/yaml", b"label: x\nnct: NCT1\n", 400, 2, "is not NCT and eight digits"),
        ("application/rdf+xml", BOMB, 400, None, "DOCTYPE"),
        ("application/rdf+xml", BOMB.replace(b"<!DOCTYPE", b"<!-- x --><!doctype"), 400, None, "DOCTYPE"),
        ("application/rdf+xml", BOMB.decode().encode("utf-16"), 400, None, "UTF-8"),
        ("application/xml", BOMB, 400, None, "DOCTYPE"),
        ("application/ld+json", b'{"@context": "http://127.0.0.1:9/c"}', 400, None, "nothing is fetched"),
        ("application/json", b'{"a": 1}', 400, None, "no document of a source"),
        ("text/plain", b"", 400, None, "no document of a source"),
        ("image/png", b"x", 415, None, "not image/png"),
        ("", b"x", 415, None, "states none"),
        ("text/turtle; charset=latin-1", b"", 415, None, "must be UTF-8"),
        ("text/turtle", b"#" * 300_001, 413, None, "over 300,000 bytes"),
        ("application/x-www-form-urlencoded", b"text=" + b"a" * 300_001, 413, None, "over 300,000 bytes"),
        ("application/x-www-form-urlencoded", b"text=", 400, None, "no text"),
        ("multipart/form-data", b"x", 400, None, "form cannot be read"),
    ],
)
def test_what_cannot_be_validated_is_a_problem_with_its_place(
    client: TestClient, content_type: str, body: bytes, status: int, line: int | None, says: str
) -> None:
    answer = client.post("/validate", content=body, headers={"Content-Type": content_type})
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert says in answer.json()["detail"]
    assert answer.json().get("line") == line


def test_nothing_is_fetched_executed_or_inferred(client: TestClient) -> None:
    body = (
        converted(quads(SOUND), ox.RdfFormat.TURTLE)
        + b"""
@prefix sh: <http://www.w3.org/ns/shacl#> . @prefix owl: <http://www.w3.org/2002/07/owl#> .
<x:o> a owl:Ontology ; owl:imports <http://127.0.0.1:9/evil.ttl> .
<x:s> a sh:NodeShape ; sh:targetSubjectsOf <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> ; sh:nodeKind sh:Literal ;
  sh:rule [ a sh:TripleRule ; sh:subject sh:this ; sh:predicate <x:p> ; sh:object 1 ] ;
  sh:js [ a sh:JSConstraint ; sh:jsFunctionName "f" ; sh:jsLibrary [ sh:jsLibraryURL "http://127.0.0.1:9/f.js" ] ] .
"""
    )
    answer = client.post("/validate", content=body, headers={"Content-Type": "text/turtle", **JSON})
    assert answer.status_code == 200 and answer.json()["conforms"], answer.text


def test_an_unreadable_record_among_readable_ones_is_part_of_the_report(client: TestClient) -> None:
    good = full_record()
    bad = full_record()
    bad["protocolSection"]["identificationModule"]["nctId"] = "x"
    body = json.dumps([good, bad])
    answer = client.post("/validate", content=body, headers={"Content-Type": "application/json", **JSON})
    assert answer.status_code == 200, answer.text
    assert not answer.json()["conforms"]
    assert any("A record cannot be read" in str(graph["results"]) for graph in answer.json()["graphs"])


# The pool

ENDLESS = b"".join(b'<x:s%d> <x:p> "%d" .\n' % (n, n) for n in range(400_000))
HUNGRY = b"@prefix : <x:" + b"a" * 60_000 + b"> ." + b"\n".join(b":%d :%d :%d ." % (n, n, n) for n in range(20_000))
DEEP = b"<x:a> <x:b> " + b"(" * 200_000
REPORT = b"focusNode"
TRIPLE = b"<x:a> a <https://w3id.org/trialweave/ontology#Cohort> ."


def validators() -> list[int]:
    """The validation processes that this process has started."""
    return workers("validation.worker")


def with_pool(scenario: object, **knobs: float) -> None:
    async def run() -> None:
        settings = Settings(**knobs)  # type: ignore[arg-type]
        nursery = Nursery(settings.worker_memory)
        pool = ValidatorPool(settings, nursery)
        try:
            await scenario(pool)  # type: ignore[operator]
        finally:
            pool.close()
            await nursery.close()

    before = set(validators())
    asyncio.run(run())
    assert set(validators()) <= before, "no process is left"


def test_a_validation_leaves_the_processor_to_queries() -> None:
    async def scenario(pool: ValidatorPool) -> None:
        others = set(validators())
        assert REPORT in await pool.run(TRIPLE, "text/turtle", "text/turtle")
        (pid,) = set(validators()) - others
        assert os.getpriority(os.PRIO_PROCESS, pid) == os.getpriority(os.PRIO_PROCESS, 0) + 10

    with_pool(scenario)


def test_a_validation_that_takes_too_long_is_stopped() -> None:
    async def scenario(pool: ValidatorPool) -> None:
        await pool.run(TRIPLE, "text/turtle", "application/json")
        began = time.monotonic()
        with pytest.raises(DeadlineExceeded, match=r"longer than 0\.4 seconds"):
            await pool.run(ENDLESS, "application/n-triples", "application/json")
        assert time.monotonic() - began < 5

    with_pool(scenario, query_timeout=0.4)


def test_a_validation_that_ends_its_process_costs_only_itself() -> None:
    async def scenario(pool: ValidatorPool) -> None:
        with pytest.raises(WorkerLost):
            await pool.run(HUNGRY, "text/turtle", "application/json")
        assert REPORT in await pool.run(TRIPLE, "text/turtle", "application/json")

    with_pool(scenario, worker_memory=256 * 1024**2)


def test_deep_nesting_is_survived() -> None:
    async def scenario(pool: ValidatorPool) -> None:
        with pytest.raises((UnreadableDocument, WorkerLost, DeadlineExceeded)):
            await pool.run(DEEP, "text/turtle", "application/json")
        assert REPORT in await pool.run(TRIPLE, "text/turtle", "application/json")

    with_pool(scenario, query_timeout=20, worker_memory=1024**3)


def test_the_queue_is_bounded_and_a_report_too() -> None:
    async def scenario(pool: ValidatorPool) -> None:
        slow = [asyncio.create_task(pool.run(ENDLESS, "application/n-triples", "text/turtle")) for _ in range(2)]
        await asyncio.sleep(0.1)
        with pytest.raises(Busy, match="1 validations are waiting"):
            await pool.run(TRIPLE, "text/turtle", "text/turtle")
        with pytest.raises(Busy, match=r"within 0\.3 seconds"):
            await slow[1]
        slow[0].cancel()
        with pytest.raises(asyncio.CancelledError):
            await slow[0]
        with pytest.raises(AnswerTooLarge):
            await pool.run(TRIPLE, "text/turtle", "text/turtle")

    with_pool(scenario, queue=1, queue_wait=0.3, answer_bytes=100)


def test_a_validator_that_was_killed_meanwhile_is_replaced() -> None:
    async def scenario(pool: ValidatorPool) -> None:
        before = set(validators())
        await pool.run(TRIPLE, "text/turtle", "application/json")
        (mine,) = set(validators()) - before
        os.kill(mine, signal.SIGKILL)
        await asyncio.sleep(0.2)
        assert REPORT in await pool.run(TRIPLE, "text/turtle", "application/json")

    with_pool(scenario)
