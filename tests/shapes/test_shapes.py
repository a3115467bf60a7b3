"""The shapes as documents: every one has a name, says what to do, and stands in the table of README.md."""

import re

import pytest
from rdflib import RDF, RDFS, SH, BNode, Graph, URIRef
from rdflib.collection import Collection
from rdflib.term import Node

from loaders import gate, shacl
from tests.shapes.rules import rules

README = (shacl.SHAPES / "README.md").read_text(encoding="utf-8")
TABLE = README.partition("## Table")[2]
ROW = re.compile(r"^\| (?P<rule>\S+) \| `(?P<shape>\w+)` \| (?P<severity>\w+) \| (?P<what>[^|]+) \|$", re.MULTILINE)

BOTH = pytest.mark.parametrize("profile", ["extracted", "registry", "union"])


def messages(graph: Graph, shape: Node) -> list[str]:
    query = graph.value(shape, SH.sparql)
    return [
        str(message) for message in [*graph.objects(shape, SH.message), *graph.objects(query or RDF.nil, SH.message)]
    ]


def said(graph: Graph) -> dict[str, tuple[str, str]]:
    """Return severity and message of each shape that can speak, as the table writes them."""
    return {
        str(shape).removeprefix(gate.SHAPE): (
            str(severity).removeprefix(str(SH)),
            re.sub(r"\{\?\w+\}", "…", messages(graph, shape)[0]),
        )
        for shape, severity in graph.subject_objects(SH.severity)
    }


@BOTH
def test_shapes_have_iris_and_labels(profile: shacl.Profile) -> None:
    graph = rules(profile)
    used = (
        set(graph.objects(None, SH.property)) | set(graph.objects(None, SH.node)) | set(graph.objects(None, SH["not"]))
    )
    for choices in [*graph.objects(None, SH["or"]), *graph.objects(None, SH["and"])]:
        used |= set(Collection(graph, choices))
    defined = set(graph.subjects(RDF.type, SH.NodeShape)) | set(graph.subjects(RDF.type, SH.PropertyShape))
    assert used <= defined
    for shape in defined:
        assert isinstance(shape, URIRef) and shape.startswith(gate.SHAPE)
        assert len(list(graph.objects(shape, RDFS.label))) == 1, shape


@BOTH
def test_what_speaks_says_what_to_do(profile: shacl.Profile) -> None:
    graph = rules(profile)
    for shape in graph.subjects(SH.severity):
        (message,) = messages(graph, shape)
        assert re.fullmatch(r"[A-Zp{].{20,}\.", message), message


@BOTH
def test_targeted_shapes_have_a_severity(profile: shacl.Profile) -> None:
    graph = rules(profile)
    targets = (SH.targetClass, SH.targetNode, SH.targetSubjectsOf)
    constrained = {
        *graph.objects(None, SH.property),
        *(shape for target in targets for shape in graph.subjects(target) if not graph.value(shape, SH.property)),
    }
    assert constrained == set(graph.subjects(SH.severity))


@BOTH
def test_blank_nodes_are_lists_and_paths_only(profile: shacl.Profile) -> None:
    graph = rules(profile)
    allowed = {RDF.first, RDF.rest, SH.inversePath, SH.alternativePath}
    for node in {subject for subject in graph.subjects() if isinstance(subject, BNode)}:
        assert set(graph.predicates(node)) <= allowed


def test_disagreements_are_only_information() -> None:
    assert {severity for severity, _ in said(rules("union")).values()} == {"Info"}


def test_the_table_is_complete_and_true() -> None:
    table = {match["shape"]: (match["severity"], match["what"]) for match in ROW.finditer(TABLE)}
    assert table == said(rules("extracted")) | said(rules("union"))


def test_every_rule_of_the_catalogue_is_there_or_said_to_be_missing() -> None:
    named = {match["rule"] for match in ROW.finditer(TABLE)} - {"–"}
    missing = set(re.findall(r"^- (\d+)\. ", README, re.MULTILINE))
    assert named | missing == {str(number) for number in range(1, 35)}
