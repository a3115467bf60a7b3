"""Both engines find the same: verdict, severity, shape, node, path, values and words."""

import os
from pathlib import Path

import pytest

from loaders import gate
from loaders.emit import emit, emit_provenance
from loaders.readers import clinicaltrials, curated
from loaders.record import Study
from tests.paths import SHARED, STUDIES, needs_shared
from tests.shapes.sample import sound_study, triples
from tests.shapes.test_registry import registered
from tests.shapes.test_rules import FAULTS_OF_GRAPHS, FAULTS_OF_RECORDS, NEAR_MISSES, changed, edited, with_bogus_values
from tests.shapes.test_union import DISAGREEMENTS, union

RECORDS = SHARED / "data" / "ctgov" / "studies"
ALL_RECORDS = "TRIALWEAVE_TEST_ALL_RECORDS"
"""Set this variable to compare the engines on every record, which takes minutes."""


def same(data: bytes) -> bool:
    """Say whether the engines agree, and fail where they do not."""
    assert gate.validate(data) == gate.validate(data, engine="pyshacl")
    return True


@pytest.mark.parametrize("position", range(len(FAULTS_OF_RECORDS)))
def test_faults_of_records(position: int) -> None:
    changes, _ = FAULTS_OF_RECORDS[position]
    make = registered if position % 3 == 0 else changed
    assert same(triples(make(changes)))


@pytest.mark.parametrize("position", range(len(FAULTS_OF_GRAPHS)))
def test_faults_of_graphs(position: int) -> None:
    drop, add, _ = FAULTS_OF_GRAPHS[position]
    assert same(edited(triples(sound_study()), drop, add))


def test_values_outside_their_vocabulary() -> None:
    assert same(with_bogus_values(triples(sound_study())))


def test_sound_studies() -> None:
    assert same(triples(sound_study())) and same(triples(registered({})))
    assert all(same(triples(changed(changes))) for changes in NEAR_MISSES)


@pytest.mark.parametrize("path", sorted(STUDIES.glob("*.yaml")), ids=lambda path: path.stem)
def test_bundled_studies(path: Path) -> None:
    assert same(triples(curated.read(path.read_bytes(), path.name)))


def test_disagreements_of_sources() -> None:
    for path, value, _, _ in DISAGREEMENTS:
        quads = union(path, value)
        assert gate.validate_union(quads) == gate.validate_union(quads, engine="pyshacl")


def real_records() -> list[Path]:
    """Return records of the registry: one of every eighteen by size, the largest left out."""
    paths = sorted(RECORDS.glob("*.json"), key=lambda path: (path.stat().st_size, path.name))
    return paths if os.environ.get(ALL_RECORDS) else paths[: len(paths) * 94 // 100 : 18]


@needs_shared
@pytest.mark.parametrize("path", real_records(), ids=lambda path: path.stem)
def test_real_records(path: Path) -> None:
    (study,) = clinicaltrials.read(path.read_bytes(), path.name)
    assert isinstance(study, Study) and study.source
    emission = emit(study)
    data = emission.triples + emit_provenance(study.source, emission.graph, emission.study, "0.1.0")
    assert same(data)
    # As if it were read from text, so that there is more to find.
    assert same(data.replace(b"SourceKind-CTGOV", b"SourceKind-CURATED"))
