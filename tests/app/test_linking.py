"""Study links in the store: proposed, judged by a person, and never judged anew by a machine."""

import json

import pytest

from app.errors import BadRequest, NotFound
from app.intake import load
from app.linking import accept, links, propose_links, reject
from app.store.embedded import EmbeddedReader
from loaders.documents import Document
from tests.app.cli.test_commands import run
from tests.paths import STUDIES

BASE = "https://w3id.org/trialweave/"
GRAFT = (STUDIES / "garcia-santos-2013.yaml").read_bytes()
UNLINKED = GRAFT[: GRAFT.index(b"\nlinks:")] + b"\n"
SOURCE, TARGET = "PMID23810205", "NCT00855400"
LINK = f"{BASE}study/{SOURCE}/link/{TARGET}"


def registry(nct: str = TARGET, enrolled: int = 11, condition: str = "D000690") -> Document:
    """Return a made-up record that is like the curated study in condition, treatment and size."""
    graft = "Autologous bone marrow stem cells"
    arm = {"label": "Graft", "type": "EXPERIMENTAL", "interventionNames": [f"Biological: {graft}"]}
    record = {
        "protocolSection": {
            "identificationModule": {"nctId": nct, "briefTitle": f"A made-up record, {nct}"},
            "statusModule": {"startDateStruct": {"date": "2009-02"}},
            "sponsorCollaboratorsModule": {"leadSponsor": {"name": "Nobody", "class": "OTHER"}},
            "designModule": {"studyType": "INTERVENTIONAL", "enrollmentInfo": {"count": enrolled, "type": "ACTUAL"}},
            "armsInterventionsModule": {
                "armGroups": [arm],
                "interventions": [{"type": "BIOLOGICAL", "name": graft}],
            },
        },
        "derivedSection": {"conditionBrowseModule": {"meshes": [{"id": condition, "term": "x"}]}},
    }
    return Document(f"{nct}.json", json.dumps(record).encode())


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    others = [registry("NCT00000011", 400), registry("NCT00000012", 11, "D006973")]
    assert load(folder, [Document("graft.yaml", UNLINKED), registry(), *others]).complete
    return folder


def ask(data, text: str) -> list[dict[str, str]]:
    with EmbeddedReader(data) as reader:
        return list(reader.rows(text))


def graphs_about(data, key: str) -> set[str]:
    text = f"SELECT DISTINCT ?g WHERE {{ GRAPH ?g {{ <{BASE}study/{key}> a <{BASE}ontology#Study> }} }}"
    return {row["g"].removeprefix(f"{BASE}graph/") for row in ask(data, text)}


def test_a_study_without_registry_id_is_proposed_as_the_one_it_is_like(data):
    proposed = propose_links(data)
    assert proposed.proposals == 1 and proposed.generation == 2
    (link,) = links(data)
    assert (link.link, link.target, link.status) == (LINK, f"{BASE}study/{TARGET}", "PROPOSED")
    assert "11 enrolled in both" in link.reason and "the same condition, MeSH D000690" in link.reason
    assert propose_links(data).generation == 2, "the same proposals are no new generation"


def test_a_link_that_a_source_claims_is_left_to_it(data):
    load(data, [Document("graft.yaml", GRAFT)])
    before = links(data)
    assert propose_links(data).proposals == 0 and links(data) == before
    assert before[0].graph == f"{BASE}graph/{SOURCE}/curated"


def test_an_accepted_link_brings_the_facts_under_the_target(data):
    propose_links(data)
    decision = accept(data, LINK)
    assert decision.status == "ACCEPTED" and decision.generation == 3
    assert graphs_about(data, TARGET) == {f"{TARGET}/clinicaltrials.gov", f"{TARGET}/curated"}
    assert not graphs_about(data, SOURCE)
    old = f"SELECT ?o WHERE {{ <{BASE}study/{SOURCE}> <http://purl.org/dc/terms/isReplacedBy> ?o }}"
    assert ask(data, old) == [{"o": f"{BASE}study/{TARGET}"}]
    (link,) = links(data)
    assert (link.link, link.status, link.source) == (LINK, "ACCEPTED", f"{BASE}study/{SOURCE}") and link.decided_at
    found = run("study", "23810205", "--data", str(data), "--json").stdout
    assert json.loads(found)["study"] == f"{BASE}study/{TARGET}"


def test_a_later_load_of_the_source_lands_under_the_accepted_identity(data):
    load(data, [Document("graft.yaml", GRAFT)])
    accept(data, SOURCE, TARGET)
    changed = GRAFT.replace(b"enrollment: 11", b"enrollment: 12")
    assert load(data, [Document("graft.yaml", changed)]).complete
    assert graphs_about(data, TARGET) == {f"{TARGET}/clinicaltrials.gov", f"{TARGET}/curated"}
    assert not graphs_about(data, SOURCE)
    assert [link.status for link in links(data)] == ["ACCEPTED"]


def test_a_study_that_is_not_loaded_can_be_accepted_as_the_identity(tmp_path):
    data = tmp_path / "data"
    load(data, [Document("graft.yaml", GRAFT)])
    accept(data, "10.1016/j.mri.2013.05.006", TARGET)
    assert graphs_about(data, TARGET) == {f"{TARGET}/curated"}
    load(data, [Document("graft.yaml", GRAFT.replace(b"enrollment: 11", b"enrollment: 12")), registry()])
    assert graphs_about(data, TARGET) == {f"{TARGET}/clinicaltrials.gov", f"{TARGET}/curated"}
    assert not graphs_about(data, SOURCE)


def test_a_rejected_link_stays_rejected(data):
    propose_links(data)
    assert reject(data, SOURCE, TARGET).generation == 3
    assert propose_links(data).proposals == 0
    load(data, [Document("graft.yaml", GRAFT)])  # The curated record proposes the same link.
    assert [(link.link, link.status, link.graph) for link in links(data)] == [(LINK, "REJECTED", None)]
    assert reject(data, LINK).generation == 4, "nothing new was decided"
    assert graphs_about(data, SOURCE) == {f"{SOURCE}/curated"}


def test_a_person_may_change_their_mind_about_a_rejection(data):
    reject(data, SOURCE, TARGET)
    accept(data, SOURCE, TARGET)
    assert [link.status for link in links(data)] == ["ACCEPTED"]


def test_a_decision_follows_a_study_to_a_better_key(tmp_path):
    data = tmp_path / "data"
    by_doi = UNLINKED.replace(b"- pmid: 23810205\n    doi", b"- doi").replace(b"\npmid: 23810205", b"")
    assert load(data, [Document("graft.yaml", by_doi), registry()]).complete
    assert not graphs_about(data, SOURCE)
    reject(data, "10.1016/j.mri.2013.05.006", TARGET)
    load(data, [Document("graft.yaml", GRAFT)])
    assert [(link.link, link.status) for link in links(data)] == [(LINK, "REJECTED")]


def test_what_cannot_be_decided_is_said_in_one_sentence(data):
    with pytest.raises(BadRequest, match="two registered studies stay two"):
        accept(data, "NCT00000011", TARGET)
    with pytest.raises(NotFound, match="There is no link"):
        accept(data, LINK)
    with pytest.raises(NotFound, match="No study here is known"):
        reject(data, "12345", TARGET)
    with pytest.raises(BadRequest, match="one study here already"):
        accept(data, "10.1016/j.mri.2013.05.006", "23810205")
    accept(data, SOURCE, TARGET)
    with pytest.raises(BadRequest, match="the facts have moved"):
        reject(data, LINK)


def test_the_commands(data):
    at = ("--data", str(data))
    assert run("link", "propose", *at).stdout.startswith("4 studies compared, 1 proposed; generation 2")
    listed = run("link", "list", "--status", "proposed", *at).stdout
    assert listed.startswith("PROPOSED 0.55") and f"{SOURCE} {TARGET}" in listed and "11 enrolled in both" in listed
    assert json.loads(run("link", "accept", SOURCE, TARGET, "--json", *at).stdout)["status"] == "ACCEPTED"
    assert json.loads(run("link", "list", "--json", *at).stdout)[0]["status"] == "ACCEPTED"
    refused = run("link", "reject", LINK, *at)
    assert refused.returncode == 1 and "the facts have moved" in refused.stderr and "Traceback" not in refused.stderr
    assert run("link", "list", "--status", "x", *at).returncode == 2
