"""Loading at scale: the same store from any number of processes, versions within a run, bounded reports, a manifest."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app import intake
from app.intake import Summary, load
from app.store import spool
from loaders import gate, pool
from loaders.documents import Document
from loaders.errors import SourceError
from tests.app.test_intake import OH, ask, bundled, everything
from tests.loaders.readers.pubmed_sample import article, article_set
from tests.paths import ROOT

TITLES = """
PREFIX tw: <https://w3id.org/trialweave/ontology#> PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#>
SELECT ?title { ?s a tw:Study ; rdfs:label ?title } ORDER BY ?title
"""


def record(number: int, title: str = "A trial", version: str = "2024-01-01") -> bytes:
    """A made-up registry record with the modules that every record has, and an article of another source."""
    return json.dumps(
        {
            "protocolSection": {
                "identificationModule": {"nctId": f"NCT{number:08d}", "briefTitle": title},
                "statusModule": {"overallStatus": "COMPLETED"},
                "sponsorCollaboratorsModule": {"leadSponsor": {"name": "A sponsor", "class": "OTHER"}},
                "descriptionModule": {"briefSummary": "Said in short."},
                "conditionsModule": {"conditions": ["Sunburn"]},
                "designModule": {"studyType": "OBSERVATIONAL"},
                "eligibilityModule": {"sex": "ALL"},
            },
            "derivedSection": {"miscInfoModule": {"versionHolder": version}},
        }
    ).encode()


def lines(*records: bytes) -> Document:
    return Document("records.jsonl", b"\n".join(records) + b"\n")


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "BATCH_BYTES", 1_000)
    monkeypatch.setattr(spool, "SPOOLED_BYTES", 20_000)


def some_of_everything() -> Iterator[Document | SourceError]:
    """Records that come alone, that meet, that change their key, that are turned away, and that are none."""
    yield from bundled()
    yield lines(*(record(number) for number in range(1, 9)))
    yield SourceError("gone.txt", "there is no such file")
    bank = "<DataBankList><DataBank><DataBankName>ClinicalTrials.gov</DataBankName><AccessionNumberList>\
<AccessionNumber>NCT00000003</AccessionNumber></AccessionNumberList></DataBank></DataBankList>"
    title = "<ArticleTitle>Sunshine.</ArticleTitle>"
    yield Document("set.xml", article_set(article(title + bank, "Clinical Trial"), article(title + bank, pmid="2")))
    yield Document("new.xml", article_set(article(title, "Clinical Trial", pmid="7")))
    yield Document("newer.xml", article_set(article(title + bank, "Clinical Trial", pmid="7")))
    yield Document("oh.yaml", OH.replace(b"size: 33", b"size: -33"))
    yield lines(record(3, "A trial with a new title", "2024-02-02"), record(4), record(11))


def test_two_processes_make_the_store_that_one_makes(tmp_path: Path, small_batches: None) -> None:
    one, two = (load(tmp_path / str(jobs), some_of_everything(), jobs=jobs) for jobs in (1, 2))
    assert one.counts == two.counts and one.outcomes == two.outcomes
    assert {"loaded", "unreadable", "quarantined", "unchanged"} <= set(one.counts)
    assert everything(tmp_path / "1") == everything(tmp_path / "2")


def test_one_run_makes_the_store_that_a_run_for_each_document_makes(tmp_path: Path, small_batches: None) -> None:
    load(tmp_path / "one", some_of_everything(), jobs=2)
    for document in some_of_everything():
        load(tmp_path / "many", [document])
    assert everything(tmp_path / "one") == everything(tmp_path / "many")


VERSIONS = {"old": record(1, "Old", "2023-01-01"), "new": record(1, "New", "2024-01-01")}


@pytest.mark.parametrize("before", [None, "Before"])
@pytest.mark.parametrize("flushed", [False, True])
@pytest.mark.parametrize("order", [("old", "new"), ("new", "old"), ("old", "new", "old"), ("new", "new", "old")])
def test_of_versions_in_one_run_the_newest_wins(tmp_path, monkeypatch, before, flushed, order):
    if flushed:
        monkeypatch.setattr(spool, "SPOOLED_BYTES", 1)
    if before:
        load(tmp_path, [lines(record(1, before, "2022-01-01"))])
    summary = load(tmp_path, [lines(record(2, "Other"), *(VERSIONS[name] for name in order))])
    assert summary.complete and summary.duplicates == len(order) - 1
    assert [row["title"] for row in ask(tmp_path, TITLES)] == ["New", "Other"]
    graphs = "SELECT (COUNT(*) AS ?n) { GRAPH <https://w3id.org/trialweave/graph/provenance> { ?g \
<https://w3id.org/trialweave/ontology#contentSha256> ?sha } }"
    assert ask(tmp_path, graphs) == [{"n": "2"}]


def test_the_stored_version_comes_back_when_it_is_the_newer_one(tmp_path: Path) -> None:
    load(tmp_path, [lines(VERSIONS["new"])])
    summary = load(tmp_path, [lines(VERSIONS["old"], VERSIONS["new"])])
    assert summary.count("loaded") == 2
    assert [row["title"] for row in ask(tmp_path, TITLES)] == ["New"]


def test_a_version_without_a_date_gives_way_to_the_later_one(tmp_path: Path) -> None:
    summary = load(tmp_path, [Document("a.yaml", OH.replace(b"size: 31", b"size: 30")), Document("b.yaml", OH)])
    assert (summary.count("loaded"), summary.duplicates) == (2, 1)
    assert "1 duplicate within the run" in summary.line()


def test_a_killed_load_leaves_the_last_generation_and_no_process(tmp_path: Path) -> None:
    load(tmp_path / "data", [lines(record(1))])
    before = everything(tmp_path / "data")
    (tmp_path / "many").mkdir()
    for number in range(2, 100):
        (tmp_path / "many" / f"{number}.json").write_bytes(record(number))
    script = f"""if True:
        import pathlib
        from app.intake import load
        from loaders import documents, pool
        pool.BATCH_BYTES = 1
        found = documents.documents([{str(tmp_path / "many")!r}])
        load(pathlib.Path({str(tmp_path / "data")!r}), found, jobs=2, progress=lambda o: print(o.status, flush=True))
    """
    child = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE)
    assert child.stdout and child.stdout.readline().strip() == b"loaded"
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    child.stdout.read()  # ends when the last of its processes has let go of the pipe
    child.stdout.close()
    assert everything(tmp_path / "data") == before
    assert load(tmp_path / "data", [lines(record(1))]).count("unchanged") == 1


def test_a_summary_lists_few_outcomes_and_counts_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "KEPT_OUTCOMES", 3)
    summary = Summary()
    for number in range(20):
        summary.add(intake.Outcome(str(number), "unreadable" if number % 4 == 3 else "loaded", triples=1))
    assert [outcome.document for outcome in summary.outcomes] == ["0", "1", "2", "3", "7", "11"]
    assert (summary.counts, summary.triples) == ({"loaded": 15, "unreadable": 5}, 20)


def test_the_manifest_says_what_went_in_and_what_became_of_it(tmp_path: Path) -> None:
    load(tmp_path, [lines(record(1), b"{}"), SourceError("gone.txt", "there is no such file")])
    (path,) = (tmp_path / "runs").iterdir()
    document, gone, run = map(json.loads, path.read_text().splitlines())
    assert document["document"] == "records.jsonl" and len(document["sha256"]) == 64
    assert (document["loaded"], document["unreadable"]) == (1, 1)
    assert gone == {"document": "gone.txt", "problem": "gone.txt: there is no such file", "unreadable": 1}
    assert run["counts"] == {"loaded": 1, "unreadable": 2} and run["generation"] == 1
    assert set(run["seconds"]) == {
        *("read", "emit", "gate", "processes", "intake", "store", "merge", "describe", "total"),
    }


@pytest.mark.parametrize("iri", ["http://example.org/a b", "http://example.org/%zz", "a"])
def test_what_is_no_iri_does_not_pass_the_gate_for_the_store_does_not_look_again(iri: str) -> None:
    subject = "https://w3id.org/trialweave/study/NCT00000001"
    triple = f"<{subject}> <http://www.w3.org/2000/01/rdf-schema#seeAlso> <{iri}> .\n"
    (finding,) = gate.validate(triple.encode()).findings
    assert (finding.rule, finding.severity) == ("Checkable", "Violation")
