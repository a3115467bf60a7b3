"""What the two bundled studies say, fact by fact: each is asked of the store in SPARQL, and holds.

The facts are those of the two abstracts, written down independently of the curated files. Numbers and dates are asked
for with their datatype: a decimal that became a double, or a month that became a day, is not the same fact.
"""

import json

import pytest

from app.store.base import Query
from app.store.embedded import EmbeddedReader

PROLOGUE = """
BASE <https://w3id.org/trialweave/>
PREFIX dcterms: <http://purl.org/dc/terms/>
PREFIX mesh: <http://id.nlm.nih.gov/mesh/>
PREFIX obo: <http://purl.obolibrary.org/obo/>
PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#>
PREFIX skos: <http://www.w3.org/2004/02/skos/core#>
PREFIX tw: <https://w3id.org/trialweave/ontology#>
PREFIX twv: <https://w3id.org/trialweave/value/>
PREFIX xsd: <http://www.w3.org/2001/XMLSchema#>
"""

A, A_PAPER = "<study/PMID23810205>", "<publication/pmid-23810205>"
B, B_PAPER = "<study/NCT01363401>", "<publication/pmid-30048006>"
A_ALL = "<study/PMID23810205/cohort/all>"
MSC, CONTROL = "<study/NCT01363401/cohort/msc>", "<study/NCT01363401/cohort/control>"
MSC_AGAINST_CONTROL = f"a tw:EffectEstimate ; tw:comparedCohort {MSC} ; tw:referenceCohort {CONTROL}"
CHANGE_OF_ALSFRS_R = """
    ?effect tw:forOutcome ?outcome .
    ?outcome tw:outcomeType twv:OutcomeType-PRIMARY ; tw:outcomeDomain twv:OutcomeDomain-EFFICACY ; tw:instrument ?scale
    FILTER (CONTAINS(?scale, "ALSFRS-R"))
"""


def lesion(label: str, finding: str) -> str:
    """A safety finding of the imaging in study A, for all its patients."""
    return f"""
        {A} tw:hasOutcome ?lesion .
        ?lesion tw:outcomeDomain twv:OutcomeDomain-IMAGING ; tw:isSafetyOutcome true ; rdfs:label ?label
        FILTER (CONTAINS(LCASE(?label), "{label}"))
        ?result a tw:OutcomeResult ; tw:forOutcome ?lesion ; tw:forCohort {A_ALL} ; {finding} .
    """


def share(percentage: str) -> str:
    return f"tw:percentage {percentage} ; tw:derivation twv:Derivation-REPORTED"


def counted(count: int, derivation: str) -> str:
    return f"tw:count {count} ; tw:denominator 11 ; tw:derivation twv:Derivation-{derivation}"


def correlation(first: str, second: str, finding: str) -> str:
    """A Spearman correlation in study A, for all its patients."""
    return f"""
        ?correlation a tw:Association ; tw:forCohort {A_ALL} ; tw:associationMeasure obo:STATO_0000201 ;
            tw:variable1Text "{first}" ; tw:variable2Text "{second}" ; {finding} .
    """


STUDY_A = [
    ("its DOI", f'{A_PAPER} tw:doi "10.1016/j.mri.2013.05.006"'),
    ("its PubMed id", f'{A_PAPER} tw:pmid "23810205"'),
    ("the study is known by both", f'{A} dcterms:identifier "PMID23810205", "DOI:10.1016/J.MRI.2013.05.006"'),
    ("the study is reported in the paper", f"{A} tw:reportedIn {A_PAPER}"),
    ("its journal", f'{A_PAPER} tw:journal "Magn Reson Imaging"'),
    ("volume, issue and pages", f'{A_PAPER} tw:volume "31" ; tw:issue "8" ; tw:pages "1298-308"'),
    ("published in October 2013, day unknown", f'{A_PAPER} dcterms:issued "2013-10"^^xsd:gYearMonth'),
    ("on line since 28 June 2013", f'{A_PAPER} dcterms:available "2013-06-28"^^xsd:date'),
    ("its first author", f'{A_PAPER} tw:firstCreator "José M García Santos"'),
    ("a multicentre study", f"{A} tw:multicenter true . {A_PAPER} tw:publicationType mesh:D016448"),
    ("of amyotrophic lateral sclerosis", f"{A} tw:condition mesh:D000690"),
    ("in definite patients", f'{A} tw:conditionText ?text FILTER (CONTAINS(?text, "Definite"))'),
    ("one cohort of 11", f"{A} tw:hasCohort {A_ALL} . {A_ALL} tw:cohortKind twv:CohortKind-ALL ; tw:cohortSize 11"),
    ("11 enrolled", f"{A} tw:enrollmentCount 11"),
    (
        "6 of 11 male",
        f'?r a tw:BaselineResult ; tw:forCohort {A_ALL} ; tw:category "Male" ; tw:count 6 ; tw:denominator 11',
    ),
    (
        "5 of 11 female",
        f'?r a tw:BaselineResult ; tw:forCohort {A_ALL} ; tw:category "Female" ; tw:count 5 ; tw:denominator 11',
    ),
    (
        "median age 46 years",
        f"""?r tw:forVariable/rdfs:label "Age" ; tw:forCohort {A_ALL} ; tw:statistic twv:Statistic-MEDIAN ;
            tw:value 46.0 ; tw:unitText "years" ; tw:ucumCode "a" ; tw:derivation twv:Derivation-REPORTED""",
    ),
    ("bone marrow stem cells", f'{A} tw:hasIntervention ?i . ?i rdfs:label "Bone marrow stem cells"'),
    (
        "injected by surgery into the thoracic cord",
        f"""{A_ALL} tw:receives ?given . ?given tw:route twv:Route-INTRASPINAL ; tw:doseText ?how
            FILTER (CONTAINS(?how, "surgery") && CONTAINS(?how, "thoracic spinal cord"))""",
    ),
    (
        "imaging in the first week and at months 3, 6, 9 and 12",
        f"""{A} tw:hasOutcome/tw:timeFrameText ?when
            FILTER (CONTAINS(?when, "First week") && CONTAINS(?when, "months 3, 6, 9 and 12"))""",
    ),
    ("extradural fluid collections in 100 %", lesion("extradural fluid collection", share("100.0"))),
    ("which is all 11", lesion("extradural fluid collection", counted(11, "COMPUTED"))),
    ("they were transient", lesion("transient extradural fluid collection", share("100.0"))),
    ("T2 hyperintensity of the cord in 81.8 %", lesion("transient spinal cord t2 hyperintensity", share("81.8"))),
    ("which is 9 of 11", lesion("t2 hyperintensity", counted(9, "COMPUTED"))),
    ("chronic cord deformities in 63.6 %", lesion("chronic spinal cord deformit", share("63.6"))),
    ("which is 7 of 11", lesion("spinal cord deformit", counted(7, "COMPUTED"))),
    ("cord haemorrhages in 27.3 %", lesion("spinal cord haemorrhage", share("27.3"))),
    ("which is 3 of 11", lesion("spinal cord haemorrhage", counted(3, "COMPUTED"))),
    ("cystic myelomalacia in 1 of 11, as printed", lesion("cystic myelomalacia", counted(1, "REPORTED"))),
    (
        "minor adverse events, mild to moderate",
        f"""{A} tw:hasAdverseEvent ?event . ?event tw:severity twv:Severity-MILD_TO_MODERATE ; rdfs:label ?term
            FILTER (CONTAINS(?term, "Minor"))
            ?r tw:forAdverseEvent ?event ; tw:reportingCompleteness twv:Reporting-QUALITATIVE_ONLY""",
    ),
    (
        "which eventually improved",
        f"{A} tw:hasAdverseEvent/dcterms:description ?text FILTER (CONTAINS(LCASE(?text), 'eventually improved'))",
    ),
    (
        "imaging scores correlate: r = 0.879, p < 0.001",
        correlation(
            "Initial imaging score",
            "Follow-up imaging score",
            'tw:value 0.879 ; tw:pValue 0.001 ; tw:pValueOperator "<" ; tw:associationSign twv:Sign-POSITIVE',
        ),
    ),
    (
        "clinical scores do not",
        correlation(
            "Initial clinical score",
            "Delayed clinical score",
            "tw:reportingCompleteness twv:Reporting-QUALITATIVE_ONLY",
        ),
    ),
    (
        "imaging scores with clinical data: none significant",
        correlation("Imaging scores", "Clinical data", "tw:significance twv:Significance-NOT_SIGNIFICANT"),
    ),
    (
        "perhaps the study NCT00855400",
        f"""GRAPH <graph/links> {{
              ?link a tw:StudyLink ; tw:linkSource {A} ; tw:linkTarget <study/NCT00855400> ;
                tw:linkStatus twv:LinkStatus-PROPOSED ; tw:confidence 0.9 ; rdfs:comment ?reason .
            }}""",
    ),
]

STUDY_B = [
    ("its DOI", f'{B_PAPER} tw:doi "10.1002/ana.25302"'),
    ("its PubMed id", f'{B_PAPER} tw:pmid "30048006"'),
    ("its registry record", f"{B} tw:registeredAs <https://clinicaltrials.gov/study/NCT01363401>"),
    (
        "the study is known by all three",
        f'{B} dcterms:identifier "NCT01363401", "PMID30048006", "DOI:10.1002/ANA.25302"',
    ),
    (
        "and elsewhere by other names",
        f"""{B} skos:exactMatch <https://identifiers.org/clinicaltrials:NCT01363401> .
            {B_PAPER} skos:exactMatch <https://doi.org/10.1002/ana.25302>, <https://pubmed.ncbi.nlm.nih.gov/30048006>""",
    ),
    ("the study is reported in the paper", f"{B} tw:reportedIn {B_PAPER}"),
    ("its journal", f'{B_PAPER} tw:journal "Annals of Neurology" ; tw:issn "0364-5134"'),
    ("volume, issue and pages", f'{B_PAPER} tw:volume "84" ; tw:issue "3" ; tw:pages "361-373"'),
    ("published in September 2018, day unknown", f'{B_PAPER} dcterms:issued "2018-09"^^xsd:gYearMonth'),
    ("its first author", f'{B_PAPER} tw:firstCreator "Ki-Wook Oh"'),
    ("its publisher", f'{B_PAPER} dcterms:publisher "Wiley"'),
    ("indexed in SCIE and SCOPUS", f'{B_PAPER} tw:indexedIn "SCIE", "SCOPUS"'),
    ("its repository handle", f'{B_PAPER} tw:handle "2021.sw.hanyang/149393"'),
    ("phase 2", f"{B} tw:phase twv:Phase-PHASE2"),
    ("randomised", f"{B} a tw:InterventionalStudy ; tw:allocation twv:Allocation-RANDOMIZED"),
    ("64 participants", f"{B} tw:enrollmentCount 64"),
    ("of amyotrophic lateral sclerosis", f"{B} tw:condition mesh:D000690"),
    ("an arm of 31", f"{B} tw:hasCohort {CONTROL} . {CONTROL} tw:cohortKind twv:CohortKind-ARM ; tw:cohortSize 31"),
    ("an arm of 33", f"{B} tw:hasCohort {MSC} . {MSC} tw:cohortKind twv:CohortKind-ARM ; tw:cohortSize 33"),
    (
        "riluzole in both arms",
        f"""{CONTROL} tw:receives/tw:ofIntervention/tw:interventionConcept mesh:D019782 .
            {MSC} tw:receives/tw:ofIntervention/tw:interventionConcept mesh:D019782""",
    ),
    (
        "two intrathecal injections of the patient's own mesenchymal stem cells",
        f"""{MSC} tw:receives ?given .
            ?given tw:route twv:Route-INTRATHECAL ; tw:numberOfDoses 2 ; tw:ofIntervention ?cells .
            ?cells tw:interventionConcept mesh:D045164 ; rdfs:label ?name FILTER (STRSTARTS(?name, "Autologous"))""",
    ),
    (
        "month 4: 2.98 (95 % CI 1.48 to 4.47), p < 0.001",
        f"""?effect {MSC_AGAINST_CONTROL} ; tw:timeOffset "P4M"^^xsd:duration ; tw:value 2.98 ; tw:ciLevel 95.0 ;
              tw:ciLower 1.48 ; tw:ciUpper 4.47 ; tw:pValue 0.001 ; tw:pValueOperator "<" . {CHANGE_OF_ALSFRS_R}""",
    ),
    (
        "month 6: 3.38 (95 % CI 1.23 to 5.54), p = 0.003",
        f"""?effect {MSC_AGAINST_CONTROL} ; tw:timeOffset "P6M"^^xsd:duration ; tw:value 3.38 ; tw:ciLevel 95.0 ;
              tw:ciLower 1.23 ; tw:ciUpper 5.54 ; tw:pValue 0.003 ; tw:pValueOperator "=" . {CHANGE_OF_ALSFRS_R}""",
    ),
    (
        "both counted from the injection, both with less decline after the cells",
        f"""{{ SELECT (COUNT(DISTINCT ?effect) AS ?effects) {{
              ?effect {MSC_AGAINST_CONTROL} ; tw:timeAnchor twv:Anchor-POST_INJECTION ;
                tw:effectDirection twv:Direction-FAVOURS_COMPARED . {CHANGE_OF_ALSFRS_R}
            }} }} FILTER (?effects = 2)""",
    ),
    (
        "safety: no difference between the groups",
        f"""?effect {MSC_AGAINST_CONTROL} ; tw:forOutcome/tw:outcomeDomain twv:OutcomeDomain-SAFETY ;
              tw:significance twv:Significance-NO_DIFFERENCE_REPORTED""",
    ),
    (
        "no serious treatment-related event, read as 0 of 33",
        f"""{B} tw:hasAdverseEvent ?event . ?event tw:serious true ; tw:treatmentRelated true .
            ?r tw:forAdverseEvent ?event ; tw:forCohort {MSC} ; tw:countAffected 0 ; tw:countAtRisk 33 ;
              tw:derivation twv:Derivation-INTERPRETED""",
    ),
    *(
        (
            f"post hoc: {kind} cytokines in cerebrospinal fluid {change.lower()}",
            f"""{B} tw:hasOutcome ?o . ?o tw:outcomeType twv:OutcomeType-POST_HOC ; rdfs:label ?name
                FILTER (STRSTARTS(LCASE(?name), "{kind}") && CONTAINS(?name, "cerebrospinal fluid"))
                ?r tw:forOutcome ?o ; tw:forCohort {MSC} ; tw:changeDirection twv:Change-{change}""",
        )
        for kind, change in (("pro-inflammatory", "DECREASED"), ("anti-inflammatory", "INCREASED"))
    ),
    (
        "in good responders TGF beta 1 falls as MCP-1 rises, significantly",
        f"""?association a tw:Association ; tw:variable1 mesh:D053773 ; tw:variable2 mesh:D018932 ;
              tw:associationSign twv:Sign-NEGATIVE ; tw:significance twv:Significance-SIGNIFICANT ;
              tw:forCohort ?responders ; tw:forOutcome/tw:outcomeType twv:OutcomeType-POST_HOC .
            ?responders tw:cohortKind twv:CohortKind-SUBGROUP ; tw:subgroupOf {MSC}""",
    ),
    (
        "post hoc: no significant difference in long-term survival",
        f"""?effect {MSC_AGAINST_CONTROL} ; tw:significance twv:Significance-NOT_SIGNIFICANT ; tw:forOutcome ?survival .
            ?survival tw:outcomeDomain twv:OutcomeDomain-SURVIVAL ; tw:outcomeType twv:OutcomeType-POST_HOC""",
    ),
]

NOT_SAID = [
    ("study A has no registry id", f"{A} tw:registeredAs ?record"),
    ("study A has no phase", f"{A} tw:phase ?phase"),
    ("study A has one cohort", f"{A} tw:hasCohort ?cohort FILTER (?cohort != {A_ALL})"),
    ("study A gives no spread of the age", '?r tw:forVariable/rdfs:label "Age" ; tw:spread|tw:lowerLimit ?spread'),
    ("9 of 11 is not printed", "?r tw:count 9 ; tw:denominator 11 ; tw:derivation twv:Derivation-REPORTED"),
    (
        "minor events are not counted",
        f"{A} tw:hasAdverseEvent ?e . ?r tw:forAdverseEvent ?e ; tw:countAffected|tw:count ?n",
    ),
    (
        "one coefficient is printed",
        "?a a tw:Association ; tw:value ?r FILTER (?r != 0.879)",
    ),
    ("p < 0.001 is no equality", '?effect tw:pValue 0.001 ; tw:pValueOperator "="'),
    ("nobody says that the intervals are two-sided", "?effect a tw:EffectEstimate ; tw:ciSides ?sides"),
    (
        "no value per arm is printed for a primary outcome",
        "?r a tw:OutcomeResult ; tw:forOutcome/tw:outcomeType twv:OutcomeType-PRIMARY",
    ),
    ("control patients are not said to have had no serious event", f"?r tw:countAffected ?n ; tw:forCohort {CONTROL}"),
    ("good responders are not counted", "?cohort tw:cohortKind twv:CohortKind-SUBGROUP ; tw:cohortSize ?size"),
    ("the interval between the injections is not said", "?given tw:doseInterval ?interval"),
    ("no two studies are said to be one", f"{A} skos:exactMatch <study/NCT00855400>"),
]


def holds(reader: EmbeddedReader, pattern: str) -> bool:
    return bool(json.loads(reader.query(Query(f"{PROLOGUE} ASK {{ {pattern} }}")).body)["boolean"])


def table(name: str, facts: list[tuple[str, str]]) -> list[object]:
    return [pytest.param(pattern, id=f"{name}: {fact}") for fact, pattern in facts]


@pytest.mark.parametrize("pattern", [*table("A", STUDY_A), *table("B", STUDY_B)])
def test_the_store_holds_the_fact(pattern: str, bundled: EmbeddedReader) -> None:
    assert holds(bundled, pattern)


@pytest.mark.parametrize("pattern", table("not said", NOT_SAID))
def test_the_store_does_not_hold_what_no_paper_says(pattern: str, bundled: EmbeddedReader) -> None:
    assert not holds(bundled, pattern)


@pytest.mark.parametrize(
    "class_",
    ["Result", "EffectEstimate", "Association", "AdverseEvent"],
)
def test_every_finding_says_where_it_stands(class_: str, bundled: EmbeddedReader) -> None:
    placed = "tw:supportedBy ?s . ?s tw:inDocument ?d ; tw:sectionSha256 ?h ; tw:charStart ?b ; tw:charEnd ?e"
    assert holds(bundled, f"?f a tw:{class_}")
    assert not holds(bundled, f"?f a tw:{class_} FILTER NOT EXISTS {{ ?f {placed} FILTER (?b < ?e) }}")
