"""Where two sources of one study disagree, and where they only seem to."""

from typing import Any

import pytest

from loaders import gate
from loaders import record as r
from loaders.link.identifiers import BASE
from tests.shapes.sample import emitted, sound_study
from tests.shapes.test_rules import assign, names, speaking_shapes

# What the page says differently, the shape that must speak, and what it must show.
DISAGREEMENTS: list[tuple[str, Any, str, str]] = [
    ("enrollment", 72, "EnrollmentCountDiffers", "64 (curated); 72 (page)"),
    ("masking", "NONE", "MaskingDiffers", "DOUBLE (curated); NONE (page)"),
    ("allocation", "NON_RANDOMIZED", "AllocationDiffers", "NON_RANDOMIZED (page); RANDOMIZED (curated)"),
    ("phases", ["PHASE2"], "PhaseDiffers", "PHASE1 and PHASE2 (curated); PHASE2 (page)"),
    ("overall_status", "TERMINATED", "StatusDiffers", "COMPLETED (curated); TERMINATED (page)"),
    ("multicenter", False, "MulticenterDiffers", "false (page); true (curated)"),
    ("start_date", "2018-04-01", "DateDiffers", "2018-03 (curated); 2018-04-01 (page)"),
    ("primary_completion_date", "2018", "DateDiffers", "2018 (page); 2019 (curated)"),
    ("completion_date", "2019-11-29", "DateDiffers", "2019-11-29 (page); 2019-11-30 (curated)"),
    ("cohorts.0.size", 32, "CohortSizeDiffers", "32 (page); 33 (curated)"),
    ("publications.0.doi", "10.1234/other", "DoiDiffers", "10.1234/other (page); 10.1234/sunshine.1 (curated)"),
    ("publications.0.volume", "13", "VolumeDiffers", "12 (curated); 13 (page)"),
    ("publications.0.issue", "4", "IssueDiffers", "3 (curated); 4 (page)"),
    ("publications.0.pages", "100-110", "PagesDiffers", "100-10 (curated); 100-110 (page)"),
    ("publications.0.issued", "2020-10", "DateDiffers", "2020-09 (curated); 2020-10 (page)"),
    ("publications.0.sections.1.sha256", "e" * 64, "SectionDiffers", f"{'b' * 64} (curated); {'e' * 64} (page)"),
]

AGREEMENTS: list[tuple[str, Any]] = [
    ("start_date", "2018"),
    ("start_date", "2018-03-15"),
    ("publications.0.issued", "2020"),
    ("phases", ["PHASE2", "PHASE1"]),
    ("phases", []),
    ("enrollment", None),
    ("publications.0.doi", "10.1234/SUNSHINE.1"),
]


def union(path: str, value: Any) -> bytes:
    """Return the quads of the sound study, as curated, and of a page that says one thing differently."""
    page = sound_study()
    page.source = r.Source(kind="PAGE", name="page.html", sha256="d" * 64)
    assign(page, path, value)
    return emitted(sound_study())[0].nquads() + emitted(page)[0].nquads()


@pytest.mark.parametrize(("path", "value", "shape", "shown"), DISAGREEMENTS)
def test_disagreement(path: str, value: Any, shape: str, shown: str) -> None:
    report = gate.validate_union(union(path, value))
    assert [(finding.shape, finding.severity, finding.value) for finding in report.findings] == [
        (gate.SHAPE + shape, "Info", shown)
    ]
    assert report.conforms


@pytest.mark.parametrize(("path", "value"), AGREEMENTS)
def test_agreement(path: str, value: Any) -> None:
    assert gate.validate_union(union(path, value)).findings == ()


def registry(label: str, started: list[int]) -> bytes:
    """Return the quads of a registry record with one flow group, and how many started each of its periods."""
    study = r.Study(
        label="Sunshine", nct=sound_study().nct, cohorts=[r.Cohort(name="g", label=label, kind="FLOW_GROUP")]
    )
    study.flow_results = [
        r.FlowResult(name=f"period-{number}", cohort="g", milestone="STARTED", period_number=number, count=count)
        for number, count in enumerate(started, 1)
    ]
    study.source = r.Source(kind="CTGOV", name="record.json", sha256="d" * 64)
    return emitted(study)[0].nquads()


@pytest.mark.parametrize(
    ("label", "started", "differs"),
    [
        ("Sunshine", [33], False),
        ("SUNSHINE arm", [34], True),
        ("Sunshine group", [34, 33], True),
        ("Sunshine", [33, 30], False),  # who starts a later period is not the size of the group
        ("Sunshine and shade", [34], False),  # another label is another cohort, as far as a rule can tell
        ("Arm", [34], False),
    ],
)
def test_cohorts_of_two_sources_with_one_label(label: str, started: list[int], differs: bool) -> None:
    report = gate.validate_union(emitted(sound_study())[0].nquads() + registry(label, started))
    assert names(report) == ({"ArmSizeDiffers"} if differs else set())
    assert all(finding.node == "cohort/sun" and finding.value == "cohort/g" for finding in report.findings)


def test_two_pubmed_ids_of_one_publication() -> None:
    publication = f"{BASE}publication/pmid-99000001"
    other = f'<{publication}> <https://w3id.org/trialweave/ontology#pmid> "99000002" .\n'
    report = gate.validate_union(emitted(sound_study())[0].nquads() + other.encode())
    assert names(report) == {"PmidDiffers"}


def test_each_value_is_in_the_stored_report() -> None:
    stored = gate.validate_union(union("enrollment", 72)).triples(f"{BASE}graph/NCT00000001/disagreements#report")
    for value in (b'"64"', b'"72"'):
        assert b"<http://www.w3.org/ns/shacl#value> " + value in stored


def test_every_shape_has_a_disagreement() -> None:
    assert {shape for _, _, shape, _ in DISAGREEMENTS} | {"PmidDiffers", "ArmSizeDiffers"} == speaking_shapes("union")
