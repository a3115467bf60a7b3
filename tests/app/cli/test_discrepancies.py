"""Where sources disagree, and who says what: on the command line and by SPARQL."""

import json

from app.cli.discrepancies import read_discrepancies
from app.intake import load
from app.store.embedded import EmbeddedReader
from loaders.documents import Document
from tests.app.cli.test_commands import run
from tests.paths import STUDIES

OH = (STUDIES / "oh-2018.yaml").read_bytes()
KINDS = ("curated", "clinicaltrials.gov")
STUDY = "https://w3id.org/trialweave/study/NCT01363401"
REGISTRY = {
    "protocolSection": {
        "identificationModule": {"nctId": "NCT01363401", "briefTitle": "A made-up record of a real id"},
        "statusModule": {"startDateStruct": {"date": "2011-02"}},
        "sponsorCollaboratorsModule": {"leadSponsor": {"name": "Nobody", "class": "OTHER"}},
        "designModule": {
            "studyType": "INTERVENTIONAL",
            "phases": ["PHASE1", "PHASE2"],
            "enrollmentInfo": {"count": 72, "type": "ACTUAL"},
        },
    },
    "resultsSection": {
        "participantFlowModule": {
            "groups": [{"id": "FG000", "title": "RILUZOLE ALONE"}],
            "periods": [
                {
                    "title": "Overall Study",
                    "milestones": [
                        {"type": "STARTED", "achievements": [{"groupId": "FG000", "numSubjects": "35"}]},
                        {"type": "COMPLETED", "achievements": [{"groupId": "FG000", "numSubjects": "30"}]},
                    ],
                }
            ],
        }
    },
}


def loaded(folder):
    registry = Document("record.json", json.dumps(REGISTRY).encode())
    assert load(folder, [Document("oh.yaml", OH), registry]).complete
    return folder


def test_each_value_has_its_source(tmp_path):
    found = {each.property.partition("#")[2]: each for each in read_discrepancies(loaded(tmp_path / "data"))}
    said = {
        name: {(item.node.removeprefix(STUDY), item.value.rpartition("-")[2], item.sources) for item in each.said}
        for name, each in found.items()
    }
    curated, registry = (f"https://w3id.org/trialweave/graph/NCT01363401/{name}" for name in KINDS)
    assert said == {
        "enrollmentCount": {("", "64", (curated,)), ("", "72", (registry,))},
        "phase": {("", "PHASE2", (registry, curated)), ("", "PHASE1", (registry,))},
        "cohortSize": {("/cohort/control", "31", (curated,)), ("/cohort/flow-FG000", "35", (registry,))},
    }


def test_the_command_lists_them(tmp_path):
    data = str(loaded(tmp_path / "data"))
    done = run("discrepancies", "30048006", "--data", data)
    assert done.returncode == 0
    assert "  enrollmentCount: 64 (curated); 72 (clinicaltrials.gov)\n" in done.stdout
    assert "cohort/control cohortSize: 31 (curated); cohort/flow-FG000 35 (clinicaltrials.gov)\n" in done.stdout
    assert "3 discrepancies." in done.stderr
    (first, *_) = json.loads(run("discrepancies", "--data", data, "--json").stdout)
    assert first["study"] == STUDY and first["said"]
    missing = run("discrepancies", "NCT99999999", "--data", data)
    assert missing.returncode == 1 and "No study here is known" in missing.stderr


def test_who_says_what_can_be_asked_with_sparql(tmp_path):
    text = """
        PREFIX sh: <http://www.w3.org/ns/shacl#> PREFIX tw: <https://w3id.org/trialweave/ontology#>
        SELECT ?value ?source WHERE {
          GRAPH ?report { ?result a sh:ValidationResult ; sh:focusNode ?node ; sh:resultPath ?path ; sh:value ?value }
          FILTER (STRENDS(STR(?report), "/disagreements") && ?path = tw:enrollmentCount)
          GRAPH ?source { ?node ?path ?value }
        } ORDER BY ?value"""
    with EmbeddedReader(loaded(tmp_path / "data")) as reader:
        rows = [(row["value"], row["source"].rpartition("/")[2]) for row in reader.rows(text)]
    assert rows == [("64", "curated"), ("72", "clinicaltrials.gov")]


def test_sources_that_agree_are_not_listed(tmp_path):
    load(tmp_path / "data", [Document("oh.yaml", OH)])
    done = run("discrepancies", "--data", str(tmp_path / "data"), "--json")
    assert json.loads(done.stdout) == []
