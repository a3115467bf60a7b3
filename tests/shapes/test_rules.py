"""Each rule against one planted fault in an otherwise sound study: that rule speaks, and no other does."""

import re
from decimal import Decimal
from typing import Any

import pyoxigraph as ox
import pytest
from rdflib import SH, BNode
from rdflib.collection import Collection

from loaders import gate, shacl
from loaders import record as r
from loaders.emit import Identity
from loaders.link.identifiers import BASE
from loaders.terms import PREFIXES, VALUES
from tests.shapes.rules import rules
from tests.shapes.sample import LABEL, emitted, sound_study, triples

D = Decimal
STUDY = f"{BASE}study/NCT00000001"

TURTLE = "".join(f"@prefix {name}: <{iri}> .\n" for name, iri in PREFIXES.items()) + (
    f"@prefix twv: <{VALUES}> .\n@prefix mesh: <http://id.nlm.nih.gov/mesh/> .\n"
    "@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .\n"
)

# A link is named by a digest of what it says.
COHORT_MAPPING = next(iter(re.findall(rf"{STUDY}/cohort-mapping/\w+", triples(sound_study()).decode())))
CONCEPT_LINK = next(iter(re.findall(rf"{STUDY}/concept/\w+", triples(sound_study()).decode())))

# What is wrong, in the record: attributes with their values, and the shapes that must speak.
FAULTS_OF_RECORDS: list[tuple[dict[str, Any], str]] = [
    # the study
    ({"label": " "}, "Label"),
    ({"other_ids": ["NCT1234"]}, "StudyNctId"),
    ({"other_ids": ["nct00000001"]}, "StudyNctId"),
    ({"conditions": ["D000000690"]}, "Condition"),
    ({"conditions": ["C000012345"]}, "Condition"),
    ({"conditions": []}, "StudyCondition"),
    ({"phases": ["PHASE1", "PHASE2", "PHASE3"]}, "Phase"),
    ({"enrollment": -1}, "EnrollmentCount CohortWithinEnrollment ArmSum"),
    ({"enrollment": 60}, "CohortWithinEnrollment ArmSum"),
    ({"enrollment": 72}, "ArmSum"),
    ({"start_date": "2018-13"}, "StartDate"),
    ({"start_date": "18 March 2018"}, "StartDate"),
    ({"primary_completion_date": "2019-02-30"}, "PrimaryCompletionDate"),
    ({"completion_date": "2019-1-30"}, "CompletionDate"),
    ({"start_date": "2020"}, "DateOrder"),
    ({"primary_completion_date": "2019-12"}, "DateOrder"),
    ({"completion_date": "2018-02-28"}, "DateOrder"),
    # interventions and cohorts
    ({"interventions.0.concepts": ["d013472"]}, "InterventionConcept LinkedConcept"),
    ({"cohorts.0.receives.0.intervention": "moonshine"}, "OfIntervention"),
    ({"cohorts.0.receives.0.number_of_doses": 0}, "NumberOfDoses"),
    ({"cohorts.0.receives.0.dose_value": D(-1)}, "DoseValue"),
    ({"cohorts.0.receives.0.dose_interval": "P2W"}, "DoseInterval"),
    ({"cohorts.3.size": -64}, "CohortSize"),
    ({"cohorts.3.size": 65}, "CohortWithinEnrollment"),
    ({"cohorts.4.size": 34}, "SubgroupSize"),
    ({"cohorts.4.subgroup_of": "nobody"}, "SubgroupOf"),
    ({"cohorts.4.subgroup_of": "responders"}, "SubgroupCycle"),
    ({"cohorts.1.label": "SUNSHINE"}, "ArmLabel"),
    ({"cohorts.1.receives": []}, "ArmIntervention"),
    # outcomes
    ({"outcomes.0.scale_min": D(48)}, "ScaleMin ValueWithinScale"),
    ({"outcomes.0.time_frame": None}, "PrimaryTimeFrame"),
    # results
    ({"outcome_results.0.cohort": "nobody"}, "ForCohort SameStudy"),
    ({"outcome_results.0.outcome": "nothing"}, "ForOutcome"),
    ({"baseline_results.0.variable": "nothing"}, "ForVariable"),
    ({"adverse_event_results.0.event": "nothing"}, "ForAdverseEvent"),
    ({"flow_results.0.milestone": None}, "FlowDefinition"),
    ({"outcome_results.2.missing_reason": None}, "ResultContent"),
    ({"outcome_results.0.missing_reason": "NOT_REACHED"}, "MissingValue"),
    ({"outcome_results.0.time_offset": "four months"}, "TimeOffset"),
    ({"outcome_results.1.count": 34}, "Count PercentageOfCount CountWithinCohort"),
    ({"outcome_results.1.denominator": 30}, "PercentageOfCount"),
    ({"outcome_results.1.denominator": -1}, "Count Denominator"),
    ({"outcome_results.1.percentage": D("27.2")}, "PercentageOfCount"),
    ({"outcome_results.1.percentage": D("127.3")}, "Percentage PercentageOfCount"),
    ({"flow_results.0.count": 34}, "CountWithinCohort"),
    ({"flow_results.0.count": -1}, "Count"),
    ({"outcome_results.0.spread": D("-4.1")}, "Spread"),
    ({"baseline_results.0.lower_limit": D(53)}, "LowerLimit ValueWithinLimits"),
    ({"baseline_results.0.lower_limit": D(47)}, "ValueWithinLimits"),
    ({"baseline_results.0.upper_limit": D("45.5")}, "ValueWithinLimits"),
    ({"outcome_results.0.unit_text": None}, "Unit"),
    ({"effects.0.unit_text": None}, "EffectUnit"),
    ({"outcomes.0.scale_max": D(30)}, "ValueWithinScale"),
    # intervals and p-values
    ({"effects.0.ci_lower": D("5.6")}, "CiLower EstimateWithinInterval"),
    ({"outcome_results.0.ci_lower": D("32.2")}, "CiLower EstimateWithinInterval"),
    ({"effects.0.value": D("4.48")}, "EstimateWithinInterval"),
    (
        {"effects.0.value": D("4.48"), "effects.0.evidence.0.method": "RULE"},
        "ExtractedEstimateWithinInterval",
    ),
    ({"effects.0.ci_sides": 3}, "CiSides"),
    ({"effects.0.ci_level": D(100)}, "CiLevel"),
    ({"effects.0.ci_level": D(0)}, "CiLevel"),
    ({"effects.0.ci_level": None}, "CiLevelExpected"),
    ({"effects.0.p_value": D("1.2")}, "PValue"),
    ({"effects.0.p_value": D("-0.1")}, "PValue"),
    ({"effects.0.p_value": D("0.000")}, "PValueNotZero"),
    ({"effects.0.p_value_operator": "≤"}, "PValueOperator"),
    ({"effects.0.ci_lower": D("-1.48")}, "PValueFitsInterval"),
    # effects
    ({"effects.2.involves": []}, "EffectCohort"),
    ({"effects.2.involves": ["sun", "nobody"]}, "InvolvesCohort SameStudy"),
    ({"effects.2.contrast_unspecified": None}, "Contrast"),
    ({"effects.2.contrast_unspecified": False}, "Contrast"),
    ({"effects.2.direction": "NEITHER"}, "DirectionOfContrast"),
    ({"effects.0.reference": "sun"}, "ComparedCohort"),
    ({"effects.0.compared": "nobody"}, "ComparedCohort SameStudy"),
    ({"effects.0.reference": "nobody"}, "ReferenceCohort SameStudy"),
    ({"effects.0.reference": None}, "Contrast"),
    ({"effects.1.value": None}, "EffectContent"),
    ({"effects.1.value": D("-0.2")}, "RatioPositive"),
    ({"effects.1.ci_lower": D(0)}, "RatioPositive CiLevelExpected"),
    ({"effects.0.outcome": "nothing"}, "ForOutcome"),
    # associations
    (
        {"associations.0.value": None, "associations.0.p_value": None, "associations.0.sign": None},
        "AssociationContent",
    ),
    ({"associations.0.value": D("8.79")}, "Correlation"),
    ({"associations.0.sign": "NEGATIVE"}, "SignOfValue"),
    ({"associations.0.value": D("-0.879")}, "SignOfValue"),
    ({"associations.0.cohort": "nobody"}, "ForCohort SameStudy"),
    ({"associations.0.outcome": "nothing"}, "AssociationOutcome"),
    ({"associations.0.variable1_text": " "}, "Variable1Text"),
    ({"associations.0.variable2_text": ""}, "Variable2Text"),
    ({"associations.0.variable1": "D0537"}, "Variable1"),
    ({"associations.0.variable2": "D000018932"}, "Variable2"),
    # adverse events
    ({"adverse_event_results.0.affected": 34}, "CountAffected AffectedWithinEvents CountWithinCohort"),
    ({"adverse_event_results.0.affected": -1}, "CountAffected"),
    ({"adverse_event_results.0.at_risk": -1}, "CountAffected CountAtRisk"),
    ({"adverse_event_results.0.events": 1}, "AffectedWithinEvents"),
    ({"adverse_event_results.0.events": -3}, "CountEvents AffectedWithinEvents"),
    # evidence
    ({"outcome_results.0.evidence": []}, "Supported"),
    ({"effects.0.evidence": []}, "Supported"),
    ({"associations.0.evidence": []}, "Supported"),
    ({"baseline_results.0.evidence": []}, "SupportExpected"),
    ({"adverse_event_results.0.evidence": []}, "SupportExpected"),
    ({"registration_evidence.0.document": "pmid-5"}, "InDocument"),
    ({"registration_evidence.0.section": "Discussion"}, "KnownSection"),
    ({"registration_evidence.0.start": 20}, "CharStart"),
    ({"registration_evidence.0.start": -1}, "CharStart"),
    ({"registration_evidence.0.start": None}, "BothEnds"),
    ({"registration_evidence.0.end": 0}, "CharStart CharEnd"),
    ({"registration_evidence.0.end": 401}, "SpanWithinSection"),
    ({"registration_evidence.0.confidence": D("1.1")}, "Confidence"),
    ({"effects.2.evidence.0.confidence": D(1)}, "ModelConfidence"),
    # documents and links
    ({"publications.0.pmid": "0990"}, "Pmid"),
    ({"publications.0.doi": "doi.org/10.1234/x"}, "Doi"),
    ({"publications.0.pmcid": "9900001"}, "Pmcid"),
    ({"publications.0.title": "x" * 1001}, "Title"),
    ({"publications.0.issued": "2020-00"}, "Issued"),
    ({"publications.0.available": "next year"}, "Available"),
    ({"publications.0.publication_types": ["D000016449"]}, "PublicationType"),
    ({"publications.0.mesh_headings": ["X000690"]}, "MeshHeading"),
    ({"publications.0.mesh_major": ["D0"]}, "MeshMajor"),
    ({"publications.0.sections.0.sha256": "ab" * 31}, "SectionSha256"),
    ({"publications.0.sections.0.length": -1}, "CharLength SpanWithinSection"),
    ({"source.sha256": "C" * 64}, "GraphSha256 DocumentSha256"),
    ({"source.version_date": "2021-15"}, "SourceVersionDate"),
    ({"links.0.target": "0"}, "LinkTarget"),
    ({"links.0.confidence": D("1.5")}, "LinkConfidence"),
    # text
    ({"condition_texts": ["bell\x07"]}, "Text"),
    ({"condition_texts": ["lost \ud800"]}, "Text"),
    ({"keywords": ["x" * 32_001]}, "Text"),
    ({"eligibility_text": "lost \ufffd"}, "Text"),
    ({"cohorts.0.description": "bell\x07"}, "PartText"),
    ({"outcome_results.0.comment": "bell\x07"}, "FindingText"),
]

# What is wrong, in the graph (~ is the study): statements to take away and to add, and the shapes that must speak.
FAULTS_OF_GRAPHS: list[tuple[str, str, str]] = [
    ("", "<study/PMID9> a tw:Study ; rdfs:label 'x' ; dcterms:identifier 'x' ; tw:condition mesh:D000690 .",
     "OneStudy"),
    ("<~> rdf:type", "", "OneStudy AboutStudy ConceptLinkStudy"),
    ("<~> dcterms:identifier", "", "StudyIdentifier"),
    ("<~> tw:registeredAs", "<~> tw:registeredAs <http://clinicaltrials.gov/ct2/show/NCT00000001> .", "RegistryPage"),
    ("<~> tw:phase", "<~> tw:phase twv:Phase-PHASE5 .", "Phase"),
    ("<~> tw:sexEligible", "<~> tw:sexEligible 'ALL' .", "SexEligible"),
    ("<~> tw:multicenter", "<~> tw:multicenter 'yes' .", "Multicenter"),
    ("<~> tw:enrollmentCount", "<~> tw:enrollmentCount 64.5 .", "EnrollmentCount ArmSum"),
    ("", "<~> tw:enrollmentCount 65 .", "EnrollmentCount ArmSum"),
    ("", "<~> tw:startDate '2018-03-01T00:00:00Z'^^xsd:dateTime .", "StartDate"),
    ("", "<~> tw:leadSponsor <~/none> .", "LeadSponsor"),
    ("", "<~> tw:collaborator <~/none> .", "Collaborator"),
    ("", "<~> tw:hasCohort <~/none> .", "HasCohort"),
    ("", "<~> tw:hasIntervention <~/none> .", "HasIntervention"),
    ("", "<~> tw:hasOutcome <~/none> .", "HasOutcome"),
    ("", "<~> tw:hasBaselineVariable <~/none> .", "HasBaselineVariable"),
    ("", "<~> tw:hasAdverseEvent <~/none> .", "HasAdverseEvent"),
    ("<~> tw:hasBaselineVariable", "", "PartOfStudy"),
    ("<~/cohort/sun> rdfs:label", "", "Label"),
    ("", "<~/outcome/score> rdfs:label 'Another' .", "Label"),
    ("", "<~/cohort/sun> tw:receives <~/none> .", "Receives"),
    ("<~/outcome/burns> tw:isSafetyOutcome", "<~/outcome/burns> tw:isSafetyOutcome 1 .", "IsSafetyOutcome"),
    ("", "<~/outcome/score> tw:scaleMax 50.0 .", "ScaleMax"),
    ("", "<~/result/score-sun> tw:forVariable <~/variable/age> .", "OneDefinition"),
    ("<~/effect/score-month-4> tw:value", "<~/effect/score-month-4> tw:value 2.98e0 .", "Value"),
    ("", "<~/result/age> tw:upperLimit 53.0 .", "UpperLimit"),
    ("", "<~/effect/score-month-4> tw:ciUpper 4.5 .", "CiUpper"),
    ("<~> tw:hasOutcome <~/outcome/burns>", "<~/other> tw:hasOutcome <~/outcome/burns> .", "SameStudy"),
    ("", "<~/effect/survival> tw:contrastUnspecified 'true' .", "ContrastUnspecified"),
    ("", "<~/effect/survival> tw:effectMeasure <http://example.org/OR> .", "EffectMeasure"),
    ("tw:associationMeasure", "<~/association/sun-mood> tw:associationMeasure 'r' .", "AssociationMeasure"),
    ("<~/event/fever> tw:aeTerm", "", "AeTerm"),
    ("", "<~/event/fever> tw:serious true .", "Serious"),
    ("<~/event/fever> tw:treatmentRelated", "<~/event/fever> tw:treatmentRelated 'no' .", "TreatmentRelated"),
    ("", "<~/cohort/sun> tw:supportedBy <~/none> .", "SupportedBySpan"),
    ("tw:section", "", "Section"),
    ("tw:charStart", "", "BothEnds"),
    ("tw:aboutStudy", "", "AboutStudy"),
    ("", "<graph/NCT00000001/curated> tw:aboutPublication <~/none> .", "AboutPublication"),
    ("tw:sourceKind", "", "SourceKind"),
    ("<graph/NCT00000001/curated> prov:wasDerivedFrom", "", "GraphDerivedFrom"),
    ("prov:wasGeneratedBy", "", "GeneratedBy"),
    ("tw:loaderVersion", "", "LoaderVersion"),
    ("tw:contentSha256", "", "GraphSha256"),
    ("", "<publication/pmid-99000001> tw:hasSection <~/none> .", "HasSection"),
    ("<publication/pmid-99000001/section/results> rdfs:label", "", "SectionLabel"),
    ("tw:ordinal", "", "Ordinal"),
    ("", "<document/page> a tw:WebPage .", "PageAbstract"),
    ("tw:linkTarget", "", "LinkTarget"),
    ("tw:linkTarget", "<~/link/NCT00000002> tw:linkTarget <~> .", "LinkSource"),
    ("tw:linkStatus", "", "LinkStatus"),
    ("tw:linkSource", "", "LinkSource ConceptLinkStudy"),
    (f"<{CONCEPT_LINK}> prov:wasDerivedFrom", "", "ConceptLinkGraph"),
    ("tw:linkedText", "", "LinkedText"),
    ("tw:linkedConcept", "", "LinkedConcept"),
    ("tw:linkedConcept", f"<{CONCEPT_LINK}> tw:linkedConcept mesh:D000013472 .", "LinkedConcept"),
    ("", f"<{CONCEPT_LINK}> tw:linkedPart <~/outcome/score> .", "LinkedPart"),
    ("tw:linkedPart", f"<{CONCEPT_LINK}> tw:linkedPart <~/cohort/sun> .", "LinkedPart"),
    ("tw:textKind", "", "TextKind"),
    ("tw:matchMethod", "", "MatchMethod"),
    (f"<{CONCEPT_LINK}> tw:confidence", "", "ConceptLinkConfidence"),
    ("tw:sourceCohort", "", "CohortMappingGroup"),
    ("tw:targetCohort", "", "CohortMappingArm"),
    ("tw:cohortMappingMethod", "", "CohortMappingMethod"),
    (f"<{COHORT_MAPPING}> tw:confidence", "", "CohortMappingConfidence"),
]  # fmt: skip

# What looks odd and is right, a few at a time.
NEAR_MISSES: list[dict[str, Any]] = [
    {
        "conditions": ["D000066388", "C000589132", "C012345"],
        "other_ids": ["2008-001234-56", "N", "NC", "KCT0000001"],
        "phases": ["NA"],
        "start_date": "2019-11",
        "completion_date": "2019",
        "publications.0.issued": "2020",
        "outcome_results.1.percentage": D(27),
        "outcome_results.0.value": D(150),
        "outcome_results.0.unit_text": "percent change",
        "outcome_results.0.ucum_code": "%",
        "outcome_results.0.ci_lower": D(140),
        "outcome_results.0.ci_upper": D(160),
        "effects.0.ci_sides": None,
        "effects.0.p_value": D("0.05"),
        "effects.0.p_value_operator": ">",
        "effects.0.ci_lower": D(0),
        "effects.1.p_value": D(1),
        "associations.0.value": D(1),
        "adverse_event_results.0.at_risk": None,
        "registration_evidence.0.end": 400,
        "links.0.target": "12345",
        "condition_texts": ["two\nlines\tand a tab", "Ångström ≤ 5 µm 🜁", "x" * 32_000],
    },
    {
        "conditions": ["D000097911"],
        "start_date": "2019-11-30",
        "primary_completion_date": "2019-11",
        "publications.0.issued": None,
        "outcome_results.1.percentage": D("27.27"),
        "outcome_results.1.denominator": None,
        "outcome_results.0.unit_text": None,
        "outcome_results.0.ucum_code": "{score}",
        "effects.0.ci_sides": 1,
        "effects.0.ci_upper": None,
        "effects.0.value": D(1),
        "effects.0.p_value_text": "p<0.001",
        "associations.0.value": None,
        "associations.0.significance": "NOT_SIGNIFICANT",
        "flow_results.0.milestone": None,
        "flow_results.0.milestone_text": "Treated",
        "adverse_event_results.0.affected": 0,
        "adverse_event_results.0.events": None,
        "registration_evidence.0.start": None,
        "registration_evidence.0.end": None,
    },
    {
        "intervention_model": "CROSSOVER",
        "cohorts.1.size": 64,
        "cohorts.2.role": "NO_INTERVENTION",
        "outcomes.0.label": "Change of the well-being score",
        "outcome_results.0.value": D("-3.1"),
        "outcome_results.0.ci_lower": D("-4.2"),
        "outcome_results.0.ci_upper": D("-2.0"),
        "effects.0.value": D("-2.98"),
        "effects.0.ci_lower": D("-4.47"),
        "effects.0.ci_upper": D("-1.48"),
    },
    {"cohorts.1.size": None, "flow_results.0.count": 0},
    {"study_type": "OBSERVATIONAL", "cohorts.1.receives": []},
]


def assign(study: r.Study, path: str, value: Any) -> None:
    """Set the attribute at a dotted path of names and list positions."""
    target: Any = study
    *steps, last = path.split(".")
    for step in steps:
        target = target[int(step)] if step.isdigit() else getattr(target, step)
    setattr(target, last, value)


def edited(data: bytes, drop: str, add: str) -> bytes:
    """Return N-Triples without the lines that begin with, or have, the terms of `drop`, and with the Turtle `add`."""
    if drop:
        pattern = "".join(f"{re.escape(expanded(term))} " for term in drop.split())
        lines = data.decode().splitlines(keepends=True)
        kept = [line for line in lines if not re.search(f"^(<[^>]*> )?{pattern}", line)]
        assert len(kept) < len(lines), drop
        data = "".join(kept).encode()
    quads = ox.parse(TURTLE + add.replace("~", STUDY), format=ox.RdfFormat.TURTLE, base_iri=BASE)
    return data + (ox.serialize((quad.triple for quad in quads), format=ox.RdfFormat.N_TRIPLES) or b"")


def expanded(term: str) -> str:
    """Return a prefixed name or a relative IRI as N-Triples write it."""
    if term.startswith("<"):
        iri = term[1:-1].replace("~", STUDY)
        return f"<{iri if iri.startswith('https:') else BASE + iri}>"
    prefix, _, local = term.partition(":")
    return f"<{PREFIXES[prefix]}{local}>"


def names(report: gate.Report) -> set[str]:
    """Return the local names of the shapes that speak."""
    return {finding.shape.removeprefix(gate.SHAPE) for finding in report.findings}


def enumerations() -> dict[str, tuple[list[str], list[str]]]:
    """Return, for each shape with a closed list of our values, its properties and the values."""
    graph = rules("extracted")
    found = {}
    for shape, _, members in graph.triples((None, SH["in"], None)):
        values = [str(member) for member in Collection(graph, members)]
        if graph.value(shape, SH.severity) and values[0].startswith(VALUES):
            path = graph.value(shape, SH.path)
            paths = Collection(graph, graph.value(path, SH.alternativePath)) if isinstance(path, BNode) else [path]
            found[str(shape).removeprefix(gate.SHAPE)] = ([str(path) for path in paths], values)
    return found


def speaking_shapes(profile: shacl.Profile) -> set[str]:
    """Return the local names of the shapes that can be the source of a finding."""
    graph = rules(profile)
    return {str(shape).removeprefix(gate.SHAPE) for shape in graph.subjects(SH.severity)}


ENUMERATIONS = enumerations()


def changed(changes: dict[str, Any]) -> r.Study:
    """Return the sound study with some of its attributes changed."""
    study = sound_study()
    for path, value in changes.items():
        assign(study, path, value)
    return study


def with_bogus_values(data: bytes) -> bytes:
    """Return the data with every value of a vocabulary replaced by one that no vocabulary has."""
    scheme_values = re.compile(f"<{re.escape(VALUES)}([A-Za-z]+)-[A-Z0-9_]+>")
    return scheme_values.sub(rf"<{VALUES}\1-BOGUS>", data.decode()).encode()


def test_a_sound_study_gives_no_finding() -> None:
    assert gate.validate(triples(sound_study())).lines() == ()


@pytest.mark.parametrize(("changes", "expected"), FAULTS_OF_RECORDS, ids=lambda value: str(value)[:60])
def test_fault_in_a_record(changes: dict[str, Any], expected: str) -> None:
    assert names(gate.validate(triples(changed(changes)))) == set(expected.split())


@pytest.mark.parametrize(("drop", "add", "expected"), FAULTS_OF_GRAPHS, ids=lambda value: str(value)[:60])
def test_fault_in_a_graph(drop: str, add: str, expected: str) -> None:
    assert names(gate.validate(edited(triples(sound_study()), drop, add))) == set(expected.split())


@pytest.mark.parametrize("changes", NEAR_MISSES, ids=lambda value: next(iter(value)))
def test_what_looks_odd_and_is_right(changes: dict[str, Any]) -> None:
    assert gate.validate(triples(changed(changes))).lines() == ()


def test_nobody_enrolled_is_legal() -> None:
    study = sound_study()
    study.enrollment, study.overall_status = 0, "WITHDRAWN"
    study.cohorts = [cohort for cohort in study.cohorts if cohort.name == "watched"]
    study.baseline_results, study.flow_results, study.outcome_results, study.adverse_event_results = [], [], [], []
    study.effects, study.associations = [], []
    assert gate.validate(triples(study)).lines() == ()


def test_a_study_iri_must_hold_an_identifier() -> None:
    study = sound_study()
    study.links = []
    assert names(gate.validate(emitted(study, Identity("NCT123"))[1])) == {"StudyIri"}


def test_a_page_is_not_asked_for_what_only_curators_know() -> None:
    page = r.Study(
        label=LABEL,
        doi="10.1234/sunshine.1",
        publications=sound_study().publications,
        page=r.WebPage(title=LABEL, url="https://example.org/1", encoding="utf-8"),
        source=r.Source(kind="PAGE", name="page.html", sha256="d" * 64),
    )
    assert gate.validate(triples(page)).lines() == ()


def test_values_outside_their_vocabulary() -> None:
    data = triples(sound_study()).decode()
    for paths, values in ENUMERATIONS.values():
        for path in paths:
            assert f"<{path}> <{values[0].partition('-')[0]}" in data, f"the sample says nothing with {path}"
    report = gate.validate(with_bogus_values(data.encode()))
    assert set(ENUMERATIONS) <= names(report)


def test_vocabularies_are_those_of_the_record() -> None:
    listed = {values[0].removeprefix(VALUES).partition("-")[0]: values for _, values in ENUMERATIONS.values()}
    # External matches are made by `trialweave link harvest` alone, which checks them itself; no source states any.
    judged = {scheme: codes for scheme, codes in r.SCHEMES.items() if scheme != "SharedIdentifier"}
    for scheme, codes in judged.items():
        assert sorted(listed[scheme]) == sorted(f"{VALUES}{scheme}-{code}" for code in codes)


def test_every_shape_has_a_fault() -> None:
    rows = " ".join(row[-1] for row in [*FAULTS_OF_RECORDS, *FAULTS_OF_GRAPHS])
    assert {*rows.split(), *ENUMERATIONS, "StudyIri"} == speaking_shapes("extracted")
