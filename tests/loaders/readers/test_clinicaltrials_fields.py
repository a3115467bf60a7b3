"""Every field of the registry is loaded, or left out by name and with a reason; and what the list says is true."""

import json
import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import orjson
import pytest

from loaders.emit import emit, emit_provenance
from loaders.readers import clinicaltrials
from loaders.readers.clinicaltrials.fields import Field, document, fields
from loaders.record import Source, Study
from loaders.terms import PREFIXES, TERMS
from tests.loaders.readers.made_up import full_record, remove
from tests.paths import ROOT, SHARED, needs_shared

SCHEMA = SHARED / "data/ctgov/schema/metadata.json"
LOADED = [field for field in fields() if field.terms]
LEFT_OUT = [field for field in fields() if field.reason]
RESULTS = "resultsSection.outcomeMeasuresModule.outcomeMeasures[]"
BASELINE = "resultsSection.baselineCharacteristicsModule.measures[]"
# What else has to be missing for a field to be the one that counts: a nearer denominator, the other side of a link.
ALONE: dict[str, tuple[str, ...]] = {
    f"{RESULTS}.denoms[]": (f"{RESULTS}.classes[].denoms",),
    f"{BASELINE}.denoms[]": (f"{BASELINE}.classes[].denoms",),
    "protocolSection.armsInterventionsModule.armGroups[].interventionNames[]": (
        "protocolSection.armsInterventionsModule.interventions[].armGroupLabels",
    ),
    "protocolSection.armsInterventionsModule.interventions[].armGroupLabels[]": (
        "protocolSection.armsInterventionsModule.armGroups[].interventionNames",
    ),
}
# Denominators are chosen by their units only where there are several; see test_clinicaltrials.py.
CHOOSES = {f"{path}.denoms[].units" for path in (RESULTS, f"{RESULTS}.classes[]", BASELINE, f"{BASELINE}.classes[]")}


def triples(record: dict[str, Any]) -> bytes:
    """Return all that is said of a record, its provenance too; which file it came from is no part of that."""
    source = Source(kind="CTGOV", name="x.json", sha256="0" * 64)
    study = clinicaltrials.study_of(deepcopy(record), source)
    emission = emit(study)
    return emission.triples + emit_provenance(source, emission.graph, emission.study, "0.1.0")


def leaves(nodes: list[dict[str, Any]], above: str = "") -> Iterator[str]:
    for node in nodes:
        path = f"{above}{node['name']}{'[]' if node['type'].endswith('[]') else ''}"
        if node.get("children"):
            yield from leaves(node["children"], f"{path}.")
        else:
            yield path


@needs_shared
def test_every_field_of_the_registry_is_listed_and_no_other():
    known = set(leaves(json.loads(SCHEMA.read_text())))
    assert len(known) == 342
    # The registry's list has a point on the map as one field; records have its two numbers.
    place = "protocolSection.contactsLocationsModule.locations[].geoPoint"
    assert {field.full_path.replace(".lat", "").replace(".lon", "") for field in fields()} == known
    assert {f"{place}.lat", f"{place}.lon"} <= {field.full_path for field in fields()}


def test_only_contacts_and_the_sites_own_menus_are_left_out():
    contacts = re.compile(r"(?:locations\[\]\.contacts|centralContacts)\[\]\.\w+|pointOfContact\.(?!organization)\w+")
    menus = re.compile(r"browse(?:Leaves|Branches)\[\]\.\w+|(?:meshes|ancestors)\[\]\.term")
    assert all(contacts.fullmatch(field.path) or menus.fullmatch(field.path) for field in LEFT_OUT)


@pytest.mark.parametrize("field", LOADED, ids=lambda field: field.full_path)
def test_a_loaded_field_changes_what_is_said(field: Field):
    if field.full_path in CHOOSES or field.full_path.endswith("identificationModule.nctId"):
        return
    record = full_record()
    for path, others in ALONE.items():
        if field.full_path.startswith(path):
            for other in others:
                remove(record, other)
    whole = triples(record)
    remove(record, field.full_path)
    if field.full_path.endswith("studyType"):
        record["protocolSection"]["designModule"]["studyType"] = "OBSERVATIONAL"
    assert triples(record) != whole


@pytest.mark.parametrize("field", LEFT_OUT, ids=lambda field: field.full_path)
def test_a_field_that_is_left_out_leaves_no_trace(field: Field):
    record = full_record()
    whole = triples(record)
    assert f"the {field.full_path}" not in whole.decode()
    remove(record, field.full_path)
    assert triples(record) == whole


def test_the_terms_named_are_terms_that_can_be_written():
    named = {name for field in LOADED for name in re.findall(r"\w+:\w+", field.terms or "")}
    assert not {name for name in named if PREFIXES[name.partition(":")[0]] + name.partition(":")[2] not in TERMS}


def test_a_full_record_has_no_warnings():
    source = Source(kind="CTGOV", name="x.json", sha256="0" * 64)
    clinicaltrials.study_of(full_record(), source)
    assert source.warnings == []


def test_the_documentation_is_up_to_date():
    path = ROOT / "docs/clinicaltrials-fields.md"
    assert path.read_text(encoding="utf-8") == document() + "\n", "run python -m loaders.readers.clinicaltrials"


def shuffled(value: Any, order: Callable[[list[Any]], list[Any]]) -> Any:
    if isinstance(value, dict):
        return {key: shuffled(each, order) for key, each in value.items()}
    return [shuffled(each, order) for each in order(value)] if isinstance(value, list) else value


@needs_shared
@pytest.mark.parametrize("nct", ["NCT00006046", "NCT01874431", "NCT02036970", "NCT04435626"])
def test_names_do_not_move_when_lists_are_put_in_another_order(nct: str):
    data = (SHARED / f"data/ctgov/studies/{nct}.json").read_bytes()
    record = orjson.loads(data)
    record["resultsSection"].pop("participantFlowModule")  # The order of periods is a fact, and is stored.
    assert triples(shuffled(record, lambda items: items[::-1])) == triples(record)


def test_a_document_of_one_study_is_known_by_its_bytes():
    data = orjson.dumps(full_record())
    (study,) = clinicaltrials.read(data, "folder/x.json")
    assert isinstance(study, Study) and study.source
    assert (study.source.name, len(study.source.sha256)) == ("x.json", 64)
