"""A running service over a small made-up store: two studies, one of them under a DOI, and one that has moved."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from app.store.base import ReplaceGraph
from app.store.embedded import EmbeddedStore

BASE = "https://w3id.org/trialweave/"
TW = BASE + "ontology#"
NCT, DOI = BASE + "study/NCT00000001", BASE + "study/DOI-10.1000%2Fabc.def"
OLD = BASE + "study/PMID11111111"

_TRIALWEAVE = {
    "graph/NCT00000001/clinicaltrials.gov": f"""
<{NCT}> <rdf:type> <{TW}Study> .
<{NCT}> <rdfs:label> "Leeches <b>against</b> placebo" .
<{NCT}> <dct:identifier> "NCT00000001" .
<{NCT}> <dct:identifier> "2010-012345-67" .
<{NCT}> <{TW}enrollmentCount> "72"^^<xsd:integer> .
<{NCT}> <{TW}phase> <{BASE}value/Phase-PHASE2> .
<{NCT}> <{TW}leadSponsor> <{BASE}organization/example-clinic> .
<{NCT}> <{TW}hasCohort> <{NCT}/cohort/a> .
<{NCT}> <{TW}reportedIn> <{BASE}publication/pmid-22222222> .
<{NCT}/cohort/a> <rdf:type> <{TW}Cohort> .
<{NCT}/cohort/a> <rdfs:label> "Leeches" .
<{NCT}/cohort/a> <{TW}cohortKind> <{BASE}value/CohortKind-ARM> .
<{NCT}/cohort/a> <{TW}cohortSize> "36"^^<xsd:integer> .
<{NCT}/cohort/b> <rdf:type> <{TW}Cohort> .
<{NCT}/cohort/b> <rdfs:label> "Placebo" .
<{NCT}/cohort/b> <{TW}cohortKind> <{BASE}value/CohortKind-ARM> .
<{NCT}/outcome/pain> <rdf:type> <{TW}Outcome> .
<{NCT}/outcome/pain> <rdfs:label> "Pain" .
<{NCT}/outcome/pain> <{TW}outcomeType> <{BASE}value/OutcomeType-PRIMARY> .
<{NCT}/effect/pain> <rdf:type> <{TW}EffectEstimate> .
<{NCT}/effect/pain> <{TW}forOutcome> <{NCT}/outcome/pain> .
<{NCT}/effect/pain> <{TW}comparedCohort> <{NCT}/cohort/a> .
<{NCT}/effect/pain> <{TW}referenceCohort> <{NCT}/cohort/b> .
<{NCT}/effect/pain> <{TW}value> "-1.5"^^<xsd:decimal> .
<{NCT}/effect/pain> <{TW}ciLower> "-2.5"^^<xsd:decimal> .
<{NCT}/effect/pain> <{TW}ciUpper> "-0.5"^^<xsd:decimal> .
<{NCT}/effect/pain> <{TW}ciLevel> "95"^^<xsd:decimal> .
<{NCT}/effect/pain> <{TW}pValue> "0.001"^^<xsd:decimal> .
<{NCT}/effect/pain> <{TW}pValueOperator> "<" .
<{NCT}/effect/pain> <{TW}effectDirection> <{BASE}value/Direction-FAVOURS_COMPARED> .
<{NCT}/event/bleeding> <rdf:type> <{TW}AdverseEvent> .
<{NCT}/event/bleeding> <rdfs:label> "Bleeding" .
<{NCT}/event/bleeding> <{TW}serious> "true"^^<xsd:boolean> .
<{NCT}/result/bleeding-a> <rdf:type> <{TW}AdverseEventResult> .
<{NCT}/result/bleeding-a> <{TW}forAdverseEvent> <{NCT}/event/bleeding> .
<{NCT}/result/bleeding-a> <{TW}forCohort> <{NCT}/cohort/a> .
<{NCT}/result/bleeding-a> <{TW}countAffected> "4"^^<xsd:integer> .
<{NCT}/result/bleeding-a> <{TW}countAtRisk> "36"^^<xsd:integer> .
<{BASE}organization/example-clinic> <rdfs:label> "Example Clinic" .
<{BASE}publication/pmid-22222222> <{TW}pmid> "22222222" .
<{BASE}publication/pmid-22222222> <{TW}doi> "10.1000/leech" .
<{BASE}publication/pmid-22222222> <dct:title> "On leeches" .
""",
    "graph/NCT00000001/pubmed": f"""
<{NCT}> <rdf:type> <{TW}Study> .
<{NCT}> <{TW}enrollmentCount> "64"^^<xsd:integer> .
""",
    "graph/DOI-10.1000%2Fabc.def/page": f"""
<{DOI}> <rdf:type> <{TW}Study> .
<{DOI}> <rdfs:label> "A study without a registry record" .
<{DOI}> <dct:identifier> "DOI:10.1000/ABC.DEF" .
<{BASE}study/DOI-10.1000%2Fends-in.html> <rdfs:label> "A DOI that ends in what looks like a suffix" .
""",
    "graph/provenance": f"""
<{BASE}graph/NCT00000001/clinicaltrials.gov> <{TW}aboutStudy> <{NCT}> .
<{BASE}graph/NCT00000001/pubmed> <{TW}aboutStudy> <{NCT}> .
<{BASE}graph/DOI-10.1000%2Fabc.def/page> <{TW}aboutStudy> <{DOI}> .
<{OLD}> <dct:isReplacedBy> <{NCT}> .
""",
}
_NAMESPACES = {
    "rdf:": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "rdfs:": "http://www.w3.org/2000/01/rdf-schema#",
    "dct:": "http://purl.org/dc/terms/",
    "xsd:": "http://www.w3.org/2001/XMLSchema#",
}


@pytest.fixture(scope="package")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with one published generation."""
    path = tmp_path_factory.mktemp("service") / "data"
    with EmbeddedStore(path) as store:
        store.apply([ReplaceGraph(BASE + graph, _n_triples(text)) for graph, text in _TRIALWEAVE.items()])
        store.publish()
    return path


def _n_triples(text: str) -> bytes:
    for prefix, namespace in _NAMESPACES.items():
        text = text.replace("<" + prefix, "<" + namespace)
    return text.lstrip().encode()


@pytest.fixture(scope="package")
def client(data: Path) -> Iterator[TestClient]:
    """The service as a client sees it; redirects are not followed."""
    app = create_app(Settings(data=data, workers=1))
    with TestClient(app, base_url="http://127.0.0.1", follow_redirects=False) as running:
        yield running
