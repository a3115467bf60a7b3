"""Which article reports a study and which is only cited, from a registry record to the answer of a query."""

import json

import pytest

from app.intake import load
from app.store.embedded import EmbeddedReader
from loaders.documents import documents
from tests.paths import SHARED, needs_shared

RECORD = SHARED / "data/ctgov/studies/NCT01468519.json"
TYPES = ("RESULT", "DERIVED", "BACKGROUND")
LINKS = """
PREFIX tw: <https://w3id.org/trialweave/ontology#>
SELECT ?property ?publication WHERE {
  VALUES ?property { tw:reportedIn tw:referenceResult tw:referenceDerived tw:referenceBackground }
  <https://w3id.org/trialweave/study/NCT01468519> ?property ?publication
}
"""
SUB_PROPERTIES = """
PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#>
SELECT ?p WHERE { ?p rdfs:subPropertyOf <https://w3id.org/trialweave/ontology#reportedIn> }
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("publications") / "data"
    load(folder, documents([str(RECORD)]))
    return folder


@needs_shared
def test_a_background_reference_is_cited_and_never_reported(data):
    references = json.loads(RECORD.read_text())["protocolSection"]["referencesModule"]["references"]
    by_type = {kind: {each["pmid"] for each in references if each["type"] == kind} for kind in TYPES}
    assert all(by_type.values()), "the record has a reference of each type"
    with EmbeddedReader(data) as reader:
        found: dict[str, set[str]] = {}
        for row in reader.rows(LINKS):
            property, pmid = row["property"].partition("#")[2], row["publication"].rpartition("-")[2]
            found.setdefault(property, set()).add(pmid)
    assert found == {
        "referenceResult": by_type["RESULT"],
        "referenceDerived": by_type["DERIVED"],
        "referenceBackground": by_type["BACKGROUND"],
        "reportedIn": by_type["RESULT"] | by_type["DERIVED"],
    }


@needs_shared
def test_result_and_derived_are_kinds_of_reporting(data):
    with EmbeddedReader(data) as reader:
        names = {row["p"].partition("#")[2] for row in reader.rows(SUB_PROPERTIES)}
    assert names == {"referenceResult", "referenceDerived"}
