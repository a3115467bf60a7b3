"""The registry's profile: what is an error in a fact read from text may be ordinary in a registry's field."""

import re
from typing import Any

import pyoxigraph as ox
import pytest
from rdflib import SH, URIRef

from loaders import gate, shacl
from loaders import record as r
from loaders.terms import ONTOLOGY, VALUES
from tests.shapes.rules import rules
from tests.shapes.sample import sound_study, triples
from tests.shapes.test_rules import ENUMERATIONS, FAULTS_OF_RECORDS, NEAR_MISSES, assign, names, speaking_shapes
from tests.shapes.test_shapes import README

STATEMENTS = [quad.triple for quad in ox.parse(path=shacl.SHAPES / "registry.ttl", format=ox.RdfFormat.TURTLE)]
CHANGED = {str(triple.subject)[1:-1].removeprefix(gate.SHAPE): triple.object.value for triple in STATEMENTS}
OFF = {shape for shape, value in CHANGED.items() if value == "true"}
MILDER = {shape: value.rpartition("#")[2] for shape, value in CHANGED.items() if shape not in OFF}


def usual_severity(shape: str) -> str:
    """Return how bad a rule's finding is in a fact read from text."""
    return str(rules("extracted").value(URIRef(gate.SHAPE + shape), SH.severity)).removeprefix(str(SH))


def registered(changes: dict[str, Any]) -> r.Study:
    """Return the sound study as the registry's, with some of its attributes changed."""
    study = sound_study()
    study.source = r.Source(kind="CTGOV", name="NCT00000001.json", sha256="c" * 64)
    for path, value in changes.items():
        assign(study, path, value)
    return study


@pytest.mark.parametrize("changes", [{}, *NEAR_MISSES], ids=lambda changes: next(iter(changes), "sound"))
def test_a_sound_record_gives_no_finding(changes: dict[str, Any]) -> None:
    assert gate.validate(triples(registered(changes))).lines() == ()


def test_no_evidence_is_asked_for() -> None:
    study = registered({})
    for finding in (*study.outcome_results, *study.baseline_results, *study.effects, *study.adverse_event_results):
        finding.evidence = []
    assert gate.validate(triples(study)).lines() == ()


@pytest.mark.parametrize(("changes", "expected"), FAULTS_OF_RECORDS, ids=lambda value: str(value)[:60])
def test_the_other_rules_hold_and_some_are_milder(changes: dict[str, Any], expected: str) -> None:
    report = gate.validate(triples(registered(changes)))
    assert names(report) == set(expected.split()) - OFF
    for finding in report.findings:
        shape = finding.shape.removeprefix(gate.SHAPE)
        assert finding.severity == MILDER.get(shape, usual_severity(shape))


def test_a_value_new_to_a_vocabulary_does_not_cost_a_study() -> None:
    data = triples(registered({})).replace(f"<{VALUES}Phase-PHASE2>".encode(), f"<{VALUES}Phase-PHASE5>".encode())
    report = gate.validate(data)
    assert report.conforms and names(report) == {"Phase"}


def test_only_provenance_says_that_a_source_is_the_registry() -> None:
    study = sound_study()
    study.keywords = [f"\n<http://a> <{ONTOLOGY}sourceKind> <{VALUES}SourceKind-CTGOV> .\n"]
    study.effects[0].evidence = []
    assert not gate.validate(triples(study)).conforms


def test_two_kinds_of_source_are_held_to_the_stricter_rules() -> None:
    study = sound_study()
    study.effects[0].evidence = []
    other = f"<http://a> <{ONTOLOGY}sourceKind> <{VALUES}SourceKind-CTGOV> .\n".encode()
    assert not gate.validate(triples(study) + other).conforms


def test_what_differs_is_the_severity_of_rules_that_exist() -> None:
    assert set(CHANGED) <= speaking_shapes("extracted")
    assert {triple.predicate.value.removeprefix(str(SH)) for triple in STATEMENTS} == {"severity", "deactivated"}
    assert set(MILDER.values()) == {"Warning"}
    assert {usual_severity(shape) for shape in MILDER} == {"Violation"}


def test_the_readme_names_what_differs() -> None:
    section = README.partition("## Facts from text")[2].partition("## Engines")[0]
    vocabularies = set(ENUMERATIONS) & set(CHANGED)
    assert set(re.findall(r"`([A-Z]\w+)`", section)) | vocabularies == set(CHANGED)
