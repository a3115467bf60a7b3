"""The gate's reports: what they let in, how they read, and how they are stored. The rules are in tests/shapes."""

import logging
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pyoxigraph as ox
import pytest

from loaders import gate
from loaders.link.identifiers import BASE
from loaders.readers import curated
from loaders.terms import ONTOLOGY, XSD
from tests.shapes.sample import sound_study, triples

STUDIES = Path(__file__).resolve().parents[2] / "studies"
SH = "http://www.w3.org/ns/shacl#"


def faulty() -> bytes:
    """Return a study with an interval upside down, a warning and a note."""
    study = sound_study()
    study.effects[0].ci_lower = Decimal("5.6")
    study.conditions = []
    study.baseline_results[0].upper_limit = Decimal(45)
    return triples(study)


def about(*statements: str) -> bytes:
    """Return statements about a study as N-Triples: predicate and object each."""
    return "".join(f"<{BASE}study/NCT00000001> <{ONTOLOGY}{s} .\n" for s in statements).encode()


@pytest.mark.parametrize("path", sorted(STUDIES.glob("*.yaml")), ids=lambda path: path.stem)
def test_bundled_studies_pass(path: Path) -> None:
    report = gate.validate(triples(curated.read(path.read_bytes(), path.name)))
    assert report.lines() == ()


def test_warnings_do_not_keep_a_study_out() -> None:
    study = sound_study()
    study.conditions = []
    report = gate.validate(triples(study))
    assert report.conforms and [finding.severity for finding in report.findings] == ["Warning"]


def test_a_violation_keeps_a_study_out() -> None:
    assert not gate.validate(faulty()).conforms


def test_the_text_groups_findings_by_node_the_worst_first() -> None:
    assert gate.validate(faulty()).text().splitlines() == [
        "study/NCT00000001",
        "  Warning: The study has no condition concept, so it is not found by condition: "
        "add the MeSH id of what it is about.",
        "effect/score-month-4",
        "  Violation: ciLower (5.6): The lower limit of the interval must be one number and not above the upper limit: "
        "check their order in the source.",
        "  Warning: value (2.98): The estimate 2.98 is outside its interval, 5.6 to 4.47: check the three numbers, "
        "and that they are of the same analysis.",
        "result/age",
        "  Info: value (46): The value 46 is outside its limits: check whether they are limits or a spread.",
    ]


def test_a_line_stands_alone() -> None:
    assert gate.validate(faulty()).lines()[1].startswith("effect/score-month-4: Violation: ciLower (5.6): The lower")


def test_a_line_has_prefixes_for_the_namespaces_of_others() -> None:
    data = triples(sound_study()) + about("masking> <http://id.nlm.nih.gov/mesh/D000690>")
    lines = [line for line in gate.validate(data).lines() if "masking" in line]
    assert lines and all("mesh:D000690" in line and "http" not in line for line in lines)


def test_a_finding_names_its_rule() -> None:
    finding = next(finding for finding in gate.validate(faulty()).findings if finding.severity == "Violation")
    assert (finding.focus, finding.path) == (f"{BASE}study/NCT00000001/effect/score-month-4", f"{ONTOLOGY}ciLower")
    assert (finding.shape, finding.rule) == (f"{gate.SHAPE}CiLower", "Lower limit of the interval")


def test_too_many_values_are_all_shown() -> None:
    data = triples(sound_study()) + about(f'enrollmentCount> "65"^^<{XSD}integer>')
    values = [finding.value for finding in gate.validate(data).findings if finding.rule == "Enrolment"]
    assert values == ["64; 65"]


def test_a_line_from_a_source_cannot_command_a_terminal() -> None:
    study = sound_study()
    study.keywords = ["\x1b[2J\nred" + "x" * 200]
    (line,) = gate.validate(triples(study)).lines()
    assert "\x1b" not in line and "\n" not in line and len(line) < 400


def test_the_report_is_the_same_twice_and_without_blank_nodes() -> None:
    first, second = (gate.validate(faulty()).triples(f"{BASE}graph/x#report") for _ in range(2))
    assert first == second
    assert not any(isinstance(quad.subject, ox.BlankNode) for quad in ox.parse(first, format=ox.RdfFormat.N_TRIPLES))


def test_the_stored_report_answers_queries() -> None:
    store = ox.Store()
    store.load(gate.validate(faulty()).triples(f"{BASE}graph/x#report"), format=ox.RdfFormat.N_TRIPLES)
    rows = store.query(
        f"PREFIX sh: <{SH}> SELECT ?focus ?value WHERE {{ <{BASE}graph/x#report> sh:conforms false ; sh:result ?r ."
        " ?r sh:resultSeverity sh:Violation ; sh:focusNode ?focus ; sh:value ?value ; sh:resultMessage ?message }"
    )
    assert isinstance(rows, ox.QuerySolutions)
    assert [(row["focus"].value, row["value"].value) for row in rows] == [
        (f"{BASE}study/NCT00000001/effect/score-month-4", "5.6")
    ]


def test_an_empty_report_says_that_the_data_conform() -> None:
    assert b'conforms> "true"' in gate.Report().triples(f"{BASE}graph/x#report")
    assert gate.Report().text() == ""


@pytest.mark.parametrize(
    "data",
    [b"<a> <b> <c> .", b"this is not RDF", b'<http://a> <http://b> "\xff" .', b"<http://a> <http://b> "],
    ids=["relative IRIs", "prose", "not UTF-8", "cut off"],
)
def test_what_is_not_rdf_is_a_violation(data: bytes) -> None:
    (finding,) = gate.validate(data).findings
    assert finding.severity == "Violation" and "not readable" in finding.message


ODD = {
    "nothing": b"",
    "no study": b"<http://a> <http://b> <http://c> .\n",
    "a blank node": f"_:x <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> <{ONTOLOGY}Study> .\n".encode(),
    "a number that is none": triples(sound_study()) + about(f'enrollmentCount> "many"^^<{XSD}integer>'),
    "text for a node": triples(sound_study()) + about('hasCohort> "sun\\\\d"'),
    "an unknown datatype": triples(sound_study()) + about('multicenter> "x"^^<http://example.org/type>'),
    "a language": triples(sound_study()) + about('overallStatus> "done"@en'),
    "infinity": triples(sound_study()) + about(f'enrollmentCount> "INF"^^<{XSD}double>'),
    "a loop of links": triples(sound_study()) + about(f"hasCohort> <{BASE}study/NCT00000001>"),
}


@pytest.mark.parametrize("data", ODD.values(), ids=ODD.keys())
def test_odd_data_are_reported_in_the_words_of_a_rule(data: bytes, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        report = gate.validate(data)
    assert not report.conforms
    assert all("could not be checked" not in finding.message for finding in report.findings)
    assert not [record for record in caplog.records if record.name.startswith("rdflib")]
    list(ox.parse(report.triples(f"{BASE}graph/x#report"), format=ox.RdfFormat.N_TRIPLES))


def test_importing_the_gate_does_not_import_the_validator() -> None:
    code = "import sys, loaders.gate; sys.exit(any(name in sys.modules for name in ('rdflib', 'pyshacl', 'shifty')))"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
