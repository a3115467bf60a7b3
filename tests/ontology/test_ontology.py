"""The ontology says what the emitter writes, says it in OWL 2 DL, and says it for people too."""

import json
import re
from collections.abc import Iterator
from itertools import combinations

import pytest
from rdflib import OWL, RDF, RDFS, SKOS, XSD, BNode, Graph, Literal, URIRef
from rdflib.collection import Collection
from rdflib.namespace import DCTERMS
from rdflib.term import Node

from loaders.record import SCHEMES
from loaders.terms import ONTOLOGY
from tests.ontology.files import ROOT, TW, TWV, parsed
from tests.ontology.full_record import emitted
from tests.paths import SHARED, needs_shared

IRI = URIRef("https://w3id.org/trialweave/ontology")
PROPERTY_KINDS = (OWL.ObjectProperty, OWL.DatatypeProperty, OWL.AnnotationProperty)
MERGES = (("trialweave.ttl",), ("trialweave.ttl", "values.ttl"), ("trialweave.ttl", "values.ttl", "align.ttl"))
BUILT_IN = (str(RDF), str(RDFS), str(OWL))
# OWL 2 Structural Specification, section 4: the datatype map, as far as ranges here use it.
DATATYPE_MAP = {XSD.string, XSD.integer, XSD.decimal, XSD.boolean, XSD.anyURI, XSD.dateTime, RDFS.Literal}
NO_RANGE = {
    TW.effectMeasure: "points to a class of STATO or NCIT",
    TW.associationMeasure: "points to a class of STATO or NCIT",
    TW.externalResource: "points to whatever the other graph has",
}
OWN_SCHEMES = (
    "CohortKind", "Route", "OutcomeDomain", "Anchor", "Derivation", "Direction", "Significance", "Sign", "Change",
    "Reporting", "Method", "SourceKind", "LinkStatus", "MissingReason", "Severity", "Milestone", "DropReason",
    "CriterionKind", "MatchMethod", "SharedIdentifier", "TextKind",
)  # fmt: skip


def ontology() -> Graph:
    return parsed("trialweave.ttl")


def of_kind(graph: Graph, kind: URIRef) -> set[Node]:
    return {term for term in graph.subjects(RDF.type, kind) if isinstance(term, URIRef)}


def properties(graph: Graph) -> set[Node]:
    return {term for kind in PROPERTY_KINDS for term in of_kind(graph, kind)}


def own_terms() -> list[URIRef]:
    return sorted({term for term in ontology().subjects() if isinstance(term, URIRef) and term.startswith(ONTOLOGY)})


def members(graph: Graph, expression: Node) -> set[Node]:
    """Return the named classes of a class expression: itself, or those of its union."""
    if isinstance(expression, URIRef):
        return {expression}
    assert (expression, RDF.type, OWL.Class) in graph
    union = graph.value(expression, OWL.unionOf)
    assert union is not None, "a class expression here is a union"
    return set(Collection(graph, union))


def domain(term: Node) -> set[Node]:
    expression = ontology().value(term, RDFS.domain)
    return members(ontology(), expression) if expression is not None else set()


def range_(term: Node) -> set[Node]:
    expression = ontology().value(term, RDFS.range)
    return members(ontology(), expression) if expression is not None else set()


def superclasses(term: Node) -> set[Node]:
    return {found for found in ontology().transitive_objects(term, RDFS.subClassOf) if isinstance(found, URIRef)}


class TestForPeople:
    def test_names_its_version_licence_and_maker(self) -> None:
        graph = ontology()
        assert (IRI, RDF.type, OWL.Ontology) in graph
        assert graph.value(IRI, OWL.versionIRI) == URIRef(f"{IRI}/{graph.value(IRI, OWL.versionInfo)}")
        for predicate in (DCTERMS.title, DCTERMS.description, DCTERMS.creator, DCTERMS.license):
            assert graph.value(IRI, predicate) is not None, predicate

    @pytest.mark.parametrize("term", own_terms(), ids=lambda term: term.removeprefix(ONTOLOGY))
    def test_every_term_is_explained(self, term: URIRef) -> None:
        graph = ontology()
        (label,) = graph.objects(term, RDFS.label)
        (comment,) = graph.objects(term, RDFS.comment)
        assert label.language == comment.language == "en"
        assert comment.endswith(".")
        assert len(list(graph.objects(term, DCTERMS.source))) == 1
        assert graph.value(term, RDFS.isDefinedBy) == IRI

    def test_no_two_terms_share_a_definition(self) -> None:
        comments = [str(comment) for comment in ontology().objects(None, RDFS.comment)]
        assert len(comments) == len(set(comments))

    @needs_shared
    def test_registry_fields_named_as_sources_exist(self) -> None:
        metadata = SHARED / "data/ctgov/schema/metadata.json"
        known = set(_paths(json.loads(metadata.read_text()), ""))
        sources = " ".join(ontology().objects(None, DCTERMS.source))
        named = re.findall(r"ClinicalTrials\.gov API v2: ([\w.]+)", sources)
        assert len(named) > 50
        assert not set(named) - known


def _paths(fields: list[dict], parent: str) -> Iterator[str]:
    for field in fields:
        path = parent + field["name"]
        yield path
        yield from _paths(field.get("children", []), path + ".")


class TestOwl2Dl:
    """The restrictions of OWL 2 DL that a hand-written ontology can break (Structural Specification, 3 and 5.8)."""

    @pytest.mark.parametrize("files", MERGES, ids="+".join)
    def test_every_property_is_of_one_kind_and_nothing_else(self, files: tuple[str, ...]) -> None:
        graph = parsed(*files)
        kinds = [of_kind(graph, kind) for kind in PROPERTY_KINDS]
        classes, datatypes = of_kind(graph, OWL.Class), of_kind(graph, RDFS.Datatype)
        for one, other in combinations([*kinds, classes, datatypes], 2):
            assert not one & other

    @pytest.mark.parametrize("files", MERGES, ids="+".join)
    def test_every_predicate_is_declared(self, files: tuple[str, ...]) -> None:
        graph = parsed(*files)
        used = {predicate for predicate in graph.predicates() if not str(predicate).startswith(BUILT_IN)}
        assert not used - properties(graph)

    @pytest.mark.parametrize("files", MERGES, ids="+".join)
    def test_every_type_is_declared_or_built_in(self, files: tuple[str, ...]) -> None:
        graph = parsed(*files)
        used = {kind for kind in graph.objects(None, RDF.type) if not str(kind).startswith(BUILT_IN)}
        assert not used - of_kind(graph, OWL.Class)

    @pytest.mark.parametrize("file", ["trialweave.ttl", "values.ttl", "align.ttl"])
    def test_nothing_is_imported(self, file: str) -> None:
        assert not list(parsed(file).triples((None, OWL.imports, None)))

    def test_domains_and_ranges_are_defined(self) -> None:
        graph = ontology()
        classes = of_kind(graph, OWL.Class)
        for term in of_kind(graph, OWL.ObjectProperty) | of_kind(graph, OWL.DatatypeProperty):
            if not str(term).startswith(ONTOLOGY):
                continue
            assert domain(term) and domain(term) <= classes, term
            if (term, RDF.type, OWL.DatatypeProperty) in graph:
                assert len(range_(term)) == 1 and range_(term) <= DATATYPE_MAP, term
            else:
                assert (bool(range_(term)) and range_(term) <= classes) or term in NO_RANGE, term

    def test_annotation_properties_have_no_axioms(self) -> None:
        graph = ontology()
        for term in of_kind(graph, OWL.AnnotationProperty):
            assert not domain(term) and not range_(term), term
            assert (term, RDF.type, OWL.FunctionalProperty) not in graph, term

    def test_unions_have_two_classes_or_more_and_stand_once(self) -> None:
        graph = ontology()
        for expression, union in graph.subject_objects(OWL.unionOf):
            named = list(Collection(graph, union))
            assert len(named) == len(set(named)) >= 2
            assert set(named) <= of_kind(graph, OWL.Class)
            assert isinstance(expression, BNode) and len(list(graph.subjects(None, expression))) == 1

    def test_sub_properties_are_of_the_kind_of_their_super_property(self) -> None:
        graph = ontology()
        for sub, sup in graph.subject_objects(RDFS.subPropertyOf):
            assert set(graph.objects(sub, RDF.type)) & set(PROPERTY_KINDS) <= set(graph.objects(sup, RDF.type))

    def test_functional_properties_are_object_or_datatype_properties(self) -> None:
        graph = ontology()
        allowed = of_kind(graph, OWL.ObjectProperty) | of_kind(graph, OWL.DatatypeProperty)
        assert of_kind(graph, OWL.FunctionalProperty) <= allowed


class TestHierarchy:
    @pytest.mark.parametrize(
        ("sub", "sup"),
        [
            ("InterventionalStudy", "Study"),
            ("ObservationalStudy", "Study"),
            ("ExpandedAccessStudy", "Study"),
            ("OutcomeResult", "Result"),
            ("AdverseEventResult", "Result"),
            ("BaselineResult", "Result"),
            ("FlowResult", "Result"),
            ("RegistryRecord", "SourceDocument"),
            ("Publication", "SourceDocument"),
            ("WebPage", "SourceDocument"),
            ("CuratedRecord", "SourceDocument"),
        ],
    )
    def test_classes(self, sub: str, sup: str) -> None:
        assert (TW[sub], RDFS.subClassOf, TW[sup]) in ontology()

    def test_a_cited_background_article_does_not_report_the_study(self) -> None:
        assert set(ontology().subjects(RDFS.subPropertyOf, TW.reportedIn)) == {TW.referenceResult, TW.referenceDerived}


class TestEmission:
    """What a record with every field filled gives, held against the ontology."""

    def test_every_predicate_and_class_is_defined(self) -> None:
        graph = emitted()
        assert not set(graph.predicates()) - properties(ontology()) - {RDF.type}
        assert not set(graph.objects(None, RDF.type)) - of_kind(ontology(), OWL.Class)

    def test_super_classes_and_super_properties_are_spelled_out(self) -> None:
        graph = emitted()
        for node, kind in graph.subject_objects(RDF.type):
            assert superclasses(kind) <= set(graph.objects(node, RDF.type)), node
        for sub, sup in ontology().subject_objects(RDFS.subPropertyOf):
            for subject, value in graph.subject_objects(sub):
                assert (subject, sup, value) in graph

    def test_every_subject_is_in_the_domain(self) -> None:
        graph = emitted()
        for predicate in set(graph.predicates()):
            allowed = domain(predicate)
            for subject in graph.subjects(predicate) if allowed else ():
                assert allowed & classes_of(graph, subject), (subject, predicate)

    def test_every_object_is_in_the_range(self) -> None:
        graph = emitted()
        for predicate in set(graph.predicates()):
            for value in graph.objects(None, predicate):
                assert in_range(graph, predicate, value), (predicate, value)

    def test_values_come_from_the_scheme_of_their_property(self) -> None:
        schemes = dict(ontology().subject_objects(TW.valueScheme))
        values = parsed("values.ttl")
        for predicate, scheme in schemes.items():
            found = list(emitted().objects(None, predicate))
            assert found, predicate
            assert all((value, SKOS.inScheme, scheme) in values for value in found), predicate
        assert set(schemes.values()) == {TWV[name] for name in SCHEMES}
        assert set(schemes) == {term for term in properties(ontology()) if SKOS.Concept in range_(term)}

    def test_a_functional_property_has_one_value_whatever_the_source(self) -> None:
        for predicate in of_kind(ontology(), OWL.FunctionalProperty):
            for subject in emitted().subjects(predicate):
                assert len(list(emitted().objects(subject, predicate))) == 1, (subject, predicate)

    def test_nothing_is_in_two_disjoint_classes(self) -> None:
        graph, axioms = emitted(), ontology()
        for axiom in axioms.subjects(RDF.type, OWL.AllDisjointClasses):
            disjoint = set(Collection(axioms, axioms.value(axiom, OWL.members)))
            assert len(disjoint) > 2
            for node in set(graph.subjects()):
                assert len(disjoint & classes_of(graph, node)) <= 1, node


def classes_of(graph: Graph, node: Node) -> set[Node]:
    """Return the classes of a node, by its types or, for what another graph describes, by the form of its IRI."""
    found = {up for kind in graph.objects(node, RDF.type) for up in superclasses(kind)}
    if found:
        return found
    if (node, RDF.type, SKOS.Concept) in parsed("values.ttl"):
        return {SKOS.Concept}
    forms = {
        r"http://id\.nlm\.nih\.gov/mesh/D[0-9]+": "http://id.nlm.nih.gov/mesh/vocab#Descriptor",
        r"http://id\.nlm\.nih\.gov/mesh/D[0-9]+Q[0-9]+": "http://id.nlm.nih.gov/mesh/vocab#AllowedDescriptorQualifierPair",
        r"https://w3id\.org/trialweave/publication/[^/]+": TW.Publication,
        r"https://w3id\.org/trialweave/study/[^/]+": TW.Study,
    }
    named = {URIRef(kind) for form, kind in forms.items() if re.fullmatch(form, str(node))}
    return {up for kind in named for up in superclasses(kind)}


def in_range(graph: Graph, predicate: Node, value: Node) -> bool:
    kinds = set(ontology().objects(predicate, RDF.type))
    if OWL.DatatypeProperty in kinds:
        allowed = range_(predicate)
        if not isinstance(value, Literal):
            return False
        return not allowed or RDFS.Literal in allowed or (value.datatype or XSD.string) in allowed
    if OWL.ObjectProperty in kinds:
        allowed = range_(predicate)
        return isinstance(value, URIRef) and (not allowed or bool(allowed & classes_of(graph, value)))
    return predicate == RDF.type or OWL.AnnotationProperty in kinds


class TestValues:
    def test_schemes_and_codes_are_those_of_the_record(self) -> None:
        graph = parsed("values.ttl")
        defined = {
            (str(graph.value(concept, SKOS.inScheme)), str(code)): concept
            for concept, code in graph.subject_objects(SKOS.notation)
        }
        expected = {(str(TWV[name]), code): TWV[f"{name}-{code}"] for name, codes in SCHEMES.items() for code in codes}
        assert defined == expected
        assert set(graph.subjects(RDF.type, SKOS.Concept)) == set(expected.values())
        assert set(graph.subjects(RDF.type, SKOS.ConceptScheme)) == {TWV[name] for name in SCHEMES}

    @pytest.mark.parametrize("name", SCHEMES)
    def test_every_value_can_be_read(self, name: str) -> None:
        graph = parsed("values.ttl")
        labels = []
        for code in SCHEMES[name]:
            concept = TWV[f"{name}-{code}"]
            (label,) = graph.objects(concept, SKOS.prefLabel)
            assert label.language == "en" and "_" not in label
            assert list(graph.objects(concept, SKOS.topConceptOf)) == [TWV[name]]
            labels.append(str(label))
        assert len(labels) == len(set(labels))

    @pytest.mark.parametrize("name", OWN_SCHEMES)
    def test_own_values_are_defined(self, name: str) -> None:
        graph = parsed("values.ttl")
        for code in SCHEMES[name]:
            (definition,) = graph.objects(TWV[f"{name}-{code}"], SKOS.definition)
            assert definition.language == "en" and definition.endswith("."), code

    def test_the_file_is_sorted(self) -> None:
        text = (ROOT / "ontology/values.ttl").read_text()
        subjects = re.findall(r"^twv:(\w+)(?:-(\w+))? a ", text, re.MULTILINE)
        assert subjects == sorted(subjects)


class TestAlignments:
    def test_only_defined_terms_are_aligned(self) -> None:
        subjects = {term for term in parsed("align.ttl").subjects() if str(term).startswith(ONTOLOGY)}
        assert subjects and subjects <= set(own_terms())

    def test_only_other_vocabularies_are_targets(self) -> None:
        for subject, _, target in parsed("align.ttl"):
            if str(subject).startswith(ONTOLOGY):
                assert isinstance(target, URIRef) and not target.startswith(ONTOLOGY)

    def test_every_class_people_ask_for_is_aligned(self) -> None:
        aligned = set(parsed("align.ttl").subjects())
        assert {TW.Study, TW.Cohort, TW.Intervention, TW.Outcome, TW.AdverseEvent} <= aligned

    def test_they_are_a_file_apart(self) -> None:
        assert (IRI, RDF.type, OWL.Ontology) not in parsed("align.ttl")
