"""The JSON-LD context names every term, types it as the ontology does, and loses nothing."""

import json
from typing import Any, get_origin, get_type_hints

import pytest
from rdflib import OWL, RDF, RDFS, XSD, Graph, URIRef

import loaders.emit  # fills TERMS
from loaders import record, tables
from loaders.terms import PREFIXES, TERMS
from tests.ontology.files import FOLDER, parsed
from tests.ontology.full_record import KINDS, emitted_by_kind

assert loaders.emit

CONTEXT: dict[str, Any] = json.loads((FOLDER / "context.jsonld").read_text())["@context"]
NOT_NAMED = {
    str(RDF.type): "is the keyword @type, here `type`",
    str(RDFS.comment): "is written rdfs:comment, because `comment` is tw:comment",
}
NO_NAMES = {"@version", "id", "type"}


def expanded(name: str) -> str:
    """Return the IRI that a name, or a prefixed name, of the context stands for."""
    definition = CONTEXT[name]
    iri = definition if isinstance(definition, str) else definition["@id"]
    prefix, _, local = iri.partition(":")
    return iri if local.startswith("//") else CONTEXT[prefix] + local


def named() -> dict[str, str]:
    """Return the names of classes and properties: what is not a prefix or a keyword."""
    return {expanded(name): name for name in CONTEXT if name not in NO_NAMES and expanded(name) in TERMS}


def test_every_term_has_one_name() -> None:
    assert set(named()) == TERMS - set(NOT_NAMED)
    others = set(CONTEXT) - set(named().values()) - NO_NAMES
    assert others == {*PREFIXES, "twv", "xsd", "mesh", "STATO", "NCIT"}


def test_nothing_is_fetched() -> None:
    text = (FOLDER / "context.jsonld").read_text()
    assert "@import" not in text
    assert isinstance(CONTEXT, dict)
    assert not any(isinstance(definition, dict) and "@context" in definition for definition in CONTEXT.values())


def test_types_are_those_of_the_ontology() -> None:
    graph = parsed("trialweave.ttl")
    for iri, name in named().items():
        definition = CONTEXT[name]
        given = definition.get("@type") if isinstance(definition, dict) else None
        term, found = URIRef(iri), graph.value(URIRef(iri), RDFS.range)
        if (term, RDF.type, OWL.ObjectProperty) in graph or name == "exactMatch":
            assert given == "@id", name
        elif found is not None and found not in (XSD.string, RDFS.Literal):
            assert given == found.replace(str(XSD), "xsd:"), name
        else:
            # Only what can have no other type: a date may be a day, a month or a year.
            assert given == {"timeOffset": "xsd:duration", "doseInterval": "xsd:duration"}.get(
                name, "xsd:dateTime" if name == "endedAtTime" else None
            ), name


@pytest.mark.parametrize(
    ("part", "rows"),
    [
        (record.Study, tables.STUDY),
        (record.Publication, tables.PUBLICATION),
        (record.Intervention, tables.INTERVENTION),
        (record.EffectEstimate, tables.EFFECT),
    ],
)
def test_what_is_a_list_in_the_record_is_a_list_in_json(part: type, rows: tuple[tables.Row, ...]) -> None:
    hints = get_type_hints(part)
    assert all((get_origin(hints[name.removesuffix("[]")]) is list) == name.endswith("[]") for name, _, _ in rows)
    lists = [predicate.strip(" <>") for attribute, predicate, _ in rows if attribute.endswith("[]")]
    assert lists
    for predicate in lists:
        assert CONTEXT[named()[predicate]]["@container"] == "@set", predicate


@pytest.mark.parametrize("kind", KINDS)
def test_json_and_back_without_loss(kind: str) -> None:
    turtle = emitted_by_kind(kind).serialize(format="turtle")
    graph = Graph().parse(data=turtle, format="turtle")
    text = graph.serialize(format="json-ld", context=CONTEXT)
    document = json.loads(text)
    assert document["@context"] == CONTEXT
    back = Graph().parse(data=text, format="json-ld")
    assert lines(back) == lines(graph)


def test_json_is_clean() -> None:
    """No address where a name will do, and no wrapper where the type is known."""
    document = json.loads(emitted_by_kind("CURATED").serialize(format="json-ld", context=CONTEXT))
    nodes = document["@graph"]
    assert {key for node in nodes for key in node} - set(CONTEXT) <= {"@id", "@type", "rdfs:comment"}
    (study,) = [node for node in nodes if "hasCohort" in node]
    assert study["condition"] == ["mesh:D000690"]
    assert study["masking"] == "twv:Masking-NONE"
    assert study["enrollmentCount"] == "1"
    assert study["multicenter"] == "true"
    assert study["acronym"] == "x"


def lines(graph: Graph) -> set[str]:
    return {" ".join(term.n3() for term in triple) for triple in graph}
