"""What query editors and agents ask an endpoint about itself (sparql-editor, sparql-llm), in this project's words.

The shapes of the questions and their vocabulary are those of the tools; each is asked over HTTP as they ask it.
"""

from collections import defaultdict
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.ontology.test_examples import EXAMPLES, declared_prefixes

TW = "https://w3id.org/trialweave/ontology#"
XSD = "http://www.w3.org/2001/XMLSchema#"
SKOS_CONCEPT = "http://www.w3.org/2004/02/skos/core#Concept"

PREFIXES = """
PREFIX shacl: <http://www.w3.org/ns/shacl#>
SELECT DISTINCT ?prefix ?namespace WHERE { [] shacl:prefix ?prefix ; shacl:namespace ?namespace } ORDER BY ?prefix
"""
SCHEMA = """
PREFIX v: <http://rdfs.org/ns/void#>
PREFIX ext: <http://ldf.fi/void-ext#>
SELECT DISTINCT ?class ?property ?objectClass ?objectDatatype WHERE {
  {
    ?part v:class ?class ; v:propertyPartition ?inner .
    ?inner v:property ?property .
    OPTIONAL {
      { ?inner v:classPartition [ v:class ?objectClass ] }
      UNION
      { ?inner ext:datatypePartition [ ext:datatype ?objectDatatype ] }
    }
  } UNION {
    ?links v:subjectsTarget [ v:class ?class ] ; v:linkPredicate ?property ; v:objectsTarget [ v:class ?objectClass ]
  }
}
"""
DETAILED = """
PREFIX v: <http://rdfs.org/ns/void#>
PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#>
PREFIX sd: <http://www.w3.org/ns/sparql-service-description#>
SELECT DISTINCT ?graph ?class ?classLabel ?property ?propertyLabel ?triples WHERE {
  OPTIONAL { ?graph sd:graph ?described . ?described v:classPartition ?part }
  ?part v:class ?class ; v:propertyPartition ?inner .
  OPTIONAL { ?class rdfs:label ?classLabel }
  ?inner v:property ?property .
  OPTIONAL { ?inner v:triples ?triples }
  OPTIONAL { ?property rdfs:label ?propertyLabel }
} ORDER BY ?class ?triples
"""
EXAMPLE_QUERIES = """
PREFIX shacl: <http://www.w3.org/ns/shacl#>
PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#>
SELECT DISTINCT ?example ?question ?query WHERE {
  ?example a shacl:SPARQLExecutable ; rdfs:comment ?question .
  ?example shacl:select|shacl:ask|shacl:construct|shacl:describe ?query .
} ORDER BY ?example
"""
LABELS = f"""
PREFIX owl: <http://www.w3.org/2002/07/owl#>
PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#>
SELECT DISTINCT * WHERE {{
  ?class a owl:Class ; rdfs:label ?label . OPTIONAL {{ ?class rdfs:comment ?comment }}
  VALUES ?class {{ <{TW}Study> <{TW}EffectEstimate> }}
}}
"""


def ask(client: TestClient, query: str) -> list[dict[str, str]]:
    answer = client.get(
        "/sparql", params={"ac": "1", "query": query}, headers={"Accept": "application/sparql-results+json"}
    )
    assert answer.status_code == 200
    bindings: list[dict[str, Any]] = answer.json()["results"]["bindings"]
    return [{name: term["value"] for name, term in row.items()} for row in bindings]


@pytest.fixture(scope="module")
def schema(described: TestClient) -> dict[str, dict[str, set[str]]]:
    """Class, property and what the property's objects are, put together as the tools do it."""
    found: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for row in ask(described, SCHEMA):
        found[row["class"]][row["property"]] |= {row[name] for name in ("objectClass", "objectDatatype") if name in row}
    return found


def test_prefixes(described: TestClient) -> None:
    rows = ask(described, PREFIXES)
    assert {row["prefix"]: row["namespace"] for row in rows} == declared_prefixes()


def test_examples(described: TestClient) -> None:
    rows = ask(described, EXAMPLE_QUERIES)
    assert [row["example"].rpartition("/")[2] for row in rows] == [file.stem for file in EXAMPLES]
    assert all(row["question"].endswith("?") and "SELECT" in row["query"] for row in rows)


@pytest.mark.parametrize(
    ("class_name", "property_name", "kind"),
    [
        ("Study", "hasCohort", TW + "Cohort"),
        ("Study", "enrollmentCount", XSD + "integer"),
        ("Study", "phase", SKOS_CONCEPT),
        ("Cohort", "receives", TW + "Administration"),
        ("EffectEstimate", "ciLower", XSD + "decimal"),
        ("EffectEstimate", "comparedCohort", TW + "Cohort"),
        ("Outcome", "instrument", XSD + "string"),
    ],
)
def test_classes_and_properties_with_what_they_lead_to(
    schema: dict[str, dict[str, set[str]]], class_name: str, property_name: str, kind: str
) -> None:
    assert schema[TW + class_name][TW + property_name] == {kind}


def test_each_property_of_each_class_is_there(described: TestClient, schema: dict[str, dict[str, set[str]]]) -> None:
    rows = ask(
        described,
        "SELECT DISTINCT ?class ?property WHERE { ?s a ?class ; ?property ?o "
        "FILTER(!REGEX(STR(?class), '^http://rdfs.org/ns/void#|^http://www.w3.org/ns/dcat#')) }",
    )
    assert {(row["class"], row["property"]) for row in rows} == {
        (each, property_iri) for each, properties in schema.items() for property_iri in properties
    }


def test_the_detailed_question_has_labels_and_numbers(described: TestClient) -> None:
    rows = [row for row in ask(described, DETAILED) if row["class"] == TW + "EffectEstimate"]
    assert {row["classLabel"] for row in rows} == {"effect estimate"}
    (row,) = [row for row in rows if row["property"] == TW + "pValue"]
    assert (row["propertyLabel"], row["triples"]) == ("p value", "2")


def test_labels_of_classes(described: TestClient) -> None:
    assert {row["class"] for row in ask(described, LABELS) if row["label"] and row["comment"]} == {
        TW + "Study",
        TW + "EffectEstimate",
    }
