"""Loading: all or nothing for each document, everything else untouched, and the run visible at once."""

import os
import signal
import subprocess
import sys

import pytest

from app.errors import StoreError, StoreFull
from app.intake import load
from app.store.embedded import EmbeddedReader, EmbeddedStore
from app.store.quarantine import Quarantine
from loaders.documents import Document, documents
from loaders.errors import SourceError
from loaders.pipeline import LOADER_VERSION
from tests.paths import ROOT, SEEDS, STUDIES, needs_shared

OH = (STUDIES / "oh-2018.yaml").read_bytes()
GRAPH = "https://w3id.org/trialweave/graph/NCT01363401/curated"
COUNT = "PREFIX tw: <https://w3id.org/trialweave/ontology#> SELECT (COUNT(*) AS ?n) WHERE { ?s a tw:Study }"


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


def bundled():
    return documents([str(STUDIES)])


def everything(data) -> list[str]:
    """All quads of the published generation but the times of loading and the counts, which tell when they were made."""
    import io

    with EmbeddedReader(data) as reader:
        output = io.BytesIO()
        reader.dump(output, "application/n-quads")
    lines = output.getvalue().decode().splitlines()
    return sorted(line for line in lines if "endedAtTime" not in line and not line.endswith("/graph/void> ."))


def ask(data, text: str) -> list[dict[str, str]]:
    with EmbeddedReader(data) as reader:
        return list(reader.rows(text))


def test_the_bundled_studies_load_and_conform(data):
    summary = load(data, bundled())
    assert summary.complete and summary.count("loaded") == 2 and summary.generation == 1
    assert ask(data, COUNT) == [{"n": "2"}]


def test_a_second_load_changes_nothing(data):
    load(data, bundled())
    summary = load(data, bundled())
    assert summary.count("unchanged") == 2 and summary.generation == 1


@needs_shared
def test_pages_and_curated_records_meet_in_either_order(tmp_path):
    curated, pages = [str(STUDIES)], [str(path) for path in sorted(SEEDS.glob("*.txt"))]
    for name, runs in {"a": [curated, pages], "b": [pages, curated], "c": [[*pages, *curated]]}.items():
        for sources in runs:
            assert load(tmp_path / name, documents(sources)).complete
    assert ask(tmp_path / "a", COUNT) == [{"n": "2"}], "four documents, two studies"
    assert everything(tmp_path / "a") == everything(tmp_path / "b") == everything(tmp_path / "c")


@needs_shared
def test_the_former_iri_of_a_page_leads_to_the_study(data):
    load(data, documents([str(SEEDS)]))
    old = "https://w3id.org/trialweave/study/DOI-10.1016%2Fj.mri.2013.05.006"
    assert ask(data, f"SELECT ?p WHERE {{ <{old}> a ?p }}")
    load(data, bundled())
    assert ask(data, f"SELECT ?p ?o WHERE {{ <{old}> ?p ?o }}") == [
        {"p": "http://purl.org/dc/terms/isReplacedBy", "o": "https://w3id.org/trialweave/study/PMID23810205"}
    ]


def test_one_bad_document_does_not_cost_the_others(data):
    found = [SourceError("gone.txt", "there is no such file"), Document("bad.yaml", b"label: x"), *bundled()]
    summary = load(data, found)
    assert [outcome.status for outcome in summary.outcomes] == ["unreadable", "unreadable", "loaded", "loaded"]
    assert not summary.complete
    assert "2 loaded, 2 unreadable" in summary.line()


UNSOUND = {
    "a negative n": (b"size: 33", b"size: -33"),
    "p above 1": (b"p_value: 0.003", b"p_value: 1.2"),
    "an interval upside down": (b"ci_lower: 1.48\n    ci_upper: 4.47", b"ci_lower: 4.47\n    ci_upper: 1.48"),
    "an arm bigger than the study": (b"size: 31", b"size: 65"),
}


@pytest.mark.parametrize(("old", "new"), UNSOUND.values(), ids=UNSOUND.keys())
def test_an_unsound_study_is_kept_apart_with_its_reasons(data, old, new):
    assert OH.count(old) == 1
    load(data, bundled())
    before = everything(data)
    summary = load(data, [Document("oh.yaml", OH.replace(old, new))])
    (outcome,) = summary.outcomes
    assert outcome.status == "quarantined" and outcome.messages
    assert [line for line in everything(data) if "/curated/report>" not in line] == [
        line for line in before if "/curated/report>" not in line
    ], "the sound version before it stays"
    (entry,) = Quarantine(data).entries()
    assert entry.graph == GRAPH and entry.reasons == outcome.messages
    report = ask(data, f"SELECT ?c WHERE {{ <{GRAPH}#report> <http://www.w3.org/ns/shacl#conforms> ?c }}")
    assert report == [{"c": "false"}]
    rows = Quarantine(data).open().query(f"SELECT (COUNT(*) AS ?n) WHERE {{ GRAPH <{GRAPH}> {{ ?s ?p ?o }} }}")
    assert next(iter(rows))["n"].value != "0"


def test_a_sound_version_takes_its_graph_out_of_quarantine(data):
    load(data, [Document("oh.yaml", OH.replace(b"size: 33", b"size: -33"))])
    assert len(list(Quarantine(data).entries())) == 1
    assert load(data, [Document("oh.yaml", OH)]).complete
    assert list(Quarantine(data).entries()) == []


def test_a_changed_document_replaces_its_graph_alone(data):
    load(data, bundled())
    before = everything(data)
    load(data, [Document("oh.yaml", OH.replace(b"size: 31", b"size: 30"))])
    changed = set(before) ^ set(everything(data))
    assert changed and all("NCT01363401/curated" in line for line in changed)


def test_a_link_that_is_withdrawn_is_gone(data):
    load(data, bundled())
    links = "SELECT ?l WHERE { ?l a <https://w3id.org/trialweave/ontology#StudyLink> }"
    assert len(ask(data, links)) == 1
    text = (STUDIES / "garcia-santos-2013.yaml").read_bytes()
    load(data, [Document("a.yaml", text[: text.index(b"links:")])])
    assert ask(data, links) == []


def test_the_loaders_version_is_part_of_what_was_loaded(data, monkeypatch):
    load(data, bundled())
    monkeypatch.setattr("loaders.pipeline.LOADER_VERSION", LOADER_VERSION + ".1")
    assert load(data, bundled()).count("loaded") == 2


def test_a_full_disk_leaves_the_last_generation(data, monkeypatch):
    load(data, bundled())
    before = everything(data)
    monkeypatch.setattr(EmbeddedStore, "publish", lambda self: (_ for _ in ()).throw(StoreFull("The disk is full.")))
    with pytest.raises(StoreFull):
        load(data, [Document("oh.yaml", OH.replace(b"size: 31", b"size: 30"))])
    assert everything(data) == before


def test_a_killed_load_leaves_the_last_generation(data, tmp_path):
    load(data, bundled())
    before = everything(data)
    for number in range(20):
        text = OH.replace(b"NCT01363401", b"NCT%08d" % number).replace(b"30048006", b"%d" % (number + 1))
        (tmp_path / f"{number}.yaml").write_bytes(text.replace(b"10.1002/ana.25302", b"10.1000/%d" % number))
    script = f"from app.intake import load; from loaders.documents import documents; import pathlib;\
load(pathlib.Path({str(data)!r}), documents([{str(tmp_path)!r}]), progress=lambda o: print(o.status, flush=True))"
    child = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE)
    assert child.stdout.readline().strip() == b"loaded"
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    child.stdout.close()
    assert everything(data) == before
    assert load(data, bundled()).count("unchanged") == 2, "the next load finds nothing half done"


def test_two_loads_at_once_are_refused_with_one_sentence(data):
    with EmbeddedStore(data), pytest.raises(StoreError, match="process"):
        load(data, bundled())


def test_the_ontology_is_there_to_label_values(data):
    load(data, bundled())
    text = 'SELECT ?v WHERE { ?v <http://www.w3.org/2004/02/skos/core#notation> "INTRATHECAL" }'
    assert ask(data, text) == [{"v": "https://w3id.org/trialweave/value/Route-INTRATHECAL"}]


def test_there_are_no_blank_nodes_anywhere(data):
    load(data, bundled())
    assert not [line for line in everything(data) if "_:" in line.split('"')[0]]


@needs_shared
def test_where_sources_differ_is_said_with_each_source(data):
    page = next(SEEDS.glob("001_*"))
    found = [Document("oh.yaml", OH.replace(b"issue: 3", b"issue: 4")), Document(page.name, page.read_bytes())]
    summary = load(data, found)
    assert summary.complete and summary.disagreements == 1
    text = """
        PREFIX sh: <http://www.w3.org/ns/shacl#>
        SELECT ?path ?value WHERE {
          GRAPH <https://w3id.org/trialweave/graph/NCT01363401/disagreements> {
            ?finding sh:resultSeverity sh:Info ; sh:resultPath ?path ; sh:value ?value
          }
        } ORDER BY ?value
    """
    issue = "https://w3id.org/trialweave/ontology#issue"
    assert ask(data, text) == [{"path": issue, "value": "3"}, {"path": issue, "value": "4"}]
    load(data, [Document("oh.yaml", OH)])
    assert ask(data, text) == []
