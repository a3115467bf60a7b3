"""Each cell holds what the graph says, and nothing is read before its turn."""

from datetime import date
from decimal import Decimal

import pyoxigraph as ox
import pytest

from app.store.embedded import EmbeddedReader
from app.tables.columns import TABLES, Kind
from app.tables.rows import table_rows
from loaders import tables as emitted_tables
from loaders.emit import LINKS_GRAPH, PROVENANCE_GRAPH
from loaders.record import Administration, Cohort, EffectEstimate, Intervention, Outcome, OutcomeResult, Study
from loaders.terms import TERMS
from tests.app.tables.samples import made_up, stored
from tests.ontology.full_record import emitted_by_kind

GRAPH = "https://w3id.org/trialweave/graph/NCT01234567/clinicaltrials.gov"


def rows(data) -> dict[str, list[dict]]:
    found: dict[str, list[dict]] = {table.name: [] for table in TABLES}
    with EmbeddedReader(data) as reader:
        for table, row in table_rows(reader):
            found[table.name].append(dict(row))
    return found


def study(**fields) -> Study:
    return Study(label="A study", nct="NCT01234567", **fields)


def result(**fields) -> Study:
    fields = {"value": None, "value_text": None, **fields}
    return study(
        cohorts=[Cohort(name="all", label="All", kind="ALL")],
        outcomes=[Outcome(name="pain", label="Pain")],
        outcome_results=[OutcomeResult(cohort="all", outcome="pain", **fields)],
    )


@pytest.mark.parametrize(
    ("fields", "cells"),
    [
        ({"phases": ["PHASE2", "PHASE1"]}, {"phases": ["PHASE1", "PHASE2"]}),
        ({"overall_status": "NOT_IN_ANY_SCHEME"}, {"overall_status": "NOT_IN_ANY_SCHEME"}),
        ({"start_date": "2012-03-05"}, {"start_date": date(2012, 3, 5), "start_date_text": "2012-03-05"}),
        ({"start_date": "2012-03"}, {"start_date": None, "start_date_text": "2012-03"}),
        ({"start_date": "2012"}, {"start_date": None, "start_date_text": "2012"}),
        ({"start_date": "2012-02-31"}, {"start_date": None, "start_date_text": "2012-02-31"}),
        ({"enrollment": 0}, {"enrollment": 0}),
        ({"enrollment": 2**63}, {"enrollment": None}),
        ({"multicenter": False}, {"multicenter": False}),
        ({"min_age": Decimal("0.5"), "min_age_text": "6 Months"}, {"min_age": 0.5, "min_age_text": "6 Months"}),
        ({"target_duration": "P4M"}, {"target_duration": "P4M"}),
        ({}, {"phases": None, "multicenter": None, "enrollment": None, "start_date_text": None, "source": "CURATED"}),
    ],
)
def test_a_cell_of_a_study(tmp_path, fields, cells):
    (row,) = rows(made_up(tmp_path / "data", study(**fields)))["studies"]
    assert {name: row.get(name) for name in cells} == cells


@pytest.mark.parametrize(
    ("fields", "cells"),
    [
        ({"value": Decimal("0.50"), "value_text": "0.50"}, {"value": 0.5, "value_text": "0.50"}),
        ({"value_text": "NA", "missing_reason": "NOT_REACHED"}, {"value": None, "value_text": "NA"}),
        ({"dispersion_type": "STANDARD_DEVIATION"}, {"dispersion_type": "STANDARD_DEVIATION"}),
        ({"dispersion_type_text": "IQR"}, {"dispersion_type": None, "dispersion_type_text": "IQR"}),
    ],
)
def test_a_cell_of_a_result(tmp_path, fields, cells):
    (row,) = rows(made_up(tmp_path / "data", result(**fields)))["results"]
    assert {name: row.get(name) for name in cells} == cells
    assert row["kind"] == "OutcomeResult"


def test_an_administration_names_both_of_its_ends(tmp_path):
    arm = Cohort(name="arm", label="Arm", kind="ARM", receives=[Administration(intervention="x", number_of_doses=2)])
    found = rows(made_up(tmp_path / "data", study(cohorts=[arm], interventions=[Intervention(name="x", label="X")])))
    (row,) = found["administrations"]
    assert row["cohort"] == found["cohorts"][0]["cohort"]
    assert row["intervention"] == found["interventions"][0]["intervention"]
    assert row["number_of_doses"] == 2


def test_an_unordered_pair_keeps_no_direction(tmp_path):
    cohorts = [Cohort(name=name, label=name, kind="ARM") for name in ("b", "a")]
    effect = EffectEstimate(outcome="pain", involves=["b", "a"], contrast_unspecified=True)
    outcome = Outcome(name="pain", label="Pain")
    found = rows(made_up(tmp_path / "data", study(cohorts=cohorts, outcomes=[outcome], effects=[effect])))
    (row,) = found["effects"]
    assert row["involves"] == sorted(row["cohort"] for row in found["cohorts"])
    assert row["contrast_unspecified"] is True and "compared" not in row


@pytest.fixture(scope="module")
def full(tmp_path_factory) -> dict[str, list[dict]]:
    """All rows of a record that says all that a record can say."""
    triples = emitted_by_kind("CTGOV").serialize(format="nt", encoding="utf-8")
    quads = [
        ox.Quad(*quad.triple, ox.NamedNode(graph))
        for graph in (GRAPH, LINKS_GRAPH, PROVENANCE_GRAPH)
        for quad in ox.parse(triples, format=ox.RdfFormat.N_TRIPLES)
    ]
    nquads = ox.serialize(quads, format=ox.RdfFormat.N_QUADS)
    return rows(stored(tmp_path_factory.mktemp("full") / "data", nquads))


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_column_has_something_to_hold(full, table):
    filled = {name for row in full[table.name] for name in row}
    # The sample prints some dates as a year or a month only, and then there is the text alone.
    dates = {column.name for column in table.columns if column.kind is Kind.DATE}
    assert filled - dates == {column.name for column in table.columns} - dates


# What a record says and no table holds: by the record's own attribute names.
LEFT_OUT = {
    "STUDY": {
        "has_expanded_access", "expanded_access_study", "expanded_access_status", "expanded_access_types",
        "expanded_access_pointers", "responsible_party_texts", "unapproved_device",
        "pediatric_postmarket_surveillance", "us_export", "fdaaa801_violation", "biospecimen_retention",
        "biospecimen_description", "gender_description", "age_unit", "ipd_info_types", "ipd_time_frame",
        "ipd_access_criteria", "ipd_url", "condition_ancestors", "intervention_ancestors", "removed_countries",
        "pre_assignment_details", "recruitment_details", "types_units_analyzed", "baseline_population",
        "ae_description", "mortality_comment", "pi_sponsor_employee", "restrictive_agreement", "restriction_type",
        "restriction_details", "point_of_contact",
    },
    "PUBLICATION": {
        "handle", "indexed_in", "pii", "source_version", "indexing_status", "indexing_method", "vernacular_title",
        "issued_text", "mesh_heading_texts", "mesh_qualified", "chemical_texts", "supplementary_mesh", "updated_by",
        "retracts", "conflict_of_interest", "history_received", "history_revised", "history_accepted",
        "history_entrez", "history_pubmed", "history_medline",
    },
}  # fmt: skip
RECORDS = {
    "studies": ["STUDY"],
    "cohorts": ["COHORT"],
    "interventions": ["INTERVENTION"],
    "administrations": ["ADMINISTRATION"],
    "outcomes": ["OUTCOME"],
    "variables": ["BASELINE_VARIABLE"],
    "results": ["OUTCOME_RESULT", "BASELINE_RESULT", "ADVERSE_EVENT_RESULT", "FLOW_RESULT"],
    "effects": ["EFFECT"],
    "associations": ["ASSOCIATION"],
    "events": ["ADVERSE_EVENT"],
    "publications": ["PUBLICATION"],
    "sites": ["SITE"],
    "criteria": ["CRITERION"],
    "links": ["LINK"],
}
KINDS = {
    "integer": Kind.INTEGER, "decimal": Kind.NUMBER, "boolean": Kind.BOOLEAN, "date": Kind.DATE,
    "duration": Kind.DURATION, "text": Kind.TEXT, "literal": Kind.TEXT, "doi": Kind.TEXT,
    "mesh": Kind.IRI, "curie": Kind.IRI, "publication": Kind.IRI, "publication_by_doi": Kind.IRI,
    "organization": Kind.IRI, "Reference": Kind.IRI, "<lambda>": None,
}  # fmt: skip


@pytest.mark.parametrize(("name", "record"), [(name, record) for name, all_ in RECORDS.items() for record in all_])
def test_a_table_holds_all_of_its_record_with_the_right_types(name, record):
    (table,) = (table for table in TABLES if table.name == name)
    columns = {f"<{_iri(column.path)}>": column for column in table.declared if "/" not in column.path}
    left_out = set()
    for attribute, predicate, term in getattr(emitted_tables, record):
        column = columns.get(predicate.strip())
        if column is None:
            left_out.add(attribute.removesuffix("[]"))
        elif expected := KINDS.get(getattr(term, "__name__", type(term).__name__), Kind.CODE):
            assert column.kind is expected, attribute
        else:
            assert column.kind in (Kind.CODE, Kind.IRI), attribute
    # A label that repeats another attribute is no loss.
    assert left_out - {"title", "term"} == LEFT_OUT.get(record, set())


def _iri(path: str) -> str:
    from app.tables.rows import expanded

    return expanded(path).value if not path.startswith("^") else path


def test_every_property_of_a_column_is_one_that_is_written():
    steps = {step for table in TABLES for column in table.declared for step in column.steps if step != "*"}
    written = {_iri(step) for step in steps} | {_iri(table.of) for table in TABLES}
    assert written <= TERMS


def test_rows_come_one_by_one(tmp_path):
    many = [Cohort(name=f"c{number}", label="x", kind="ARM") for number in range(500)]
    data = made_up(tmp_path / "data", study(cohorts=many))
    with EmbeddedReader(data) as reader:
        counting = _Counting(reader)
        next(table_rows(counting))
        assert 0 < counting.read < 100


class _Counting:
    """A store that counts the quads which are taken from it."""

    def __init__(self, reader: EmbeddedReader) -> None:
        self.reader = reader
        self.read = 0

    def quads(self, *pattern):
        for quad in self.reader.quads(*pattern):
            self.read += 1
            yield quad
