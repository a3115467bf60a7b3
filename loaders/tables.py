"""Which attribute of a record becomes which property: one table a class, read by `loaders.emit`.

A row is (attribute, predicate, how the value becomes a term). None is left out and a list gives one pair an item.
"""

from loaders.terms import (
    Term,
    boolean,
    curie,
    date,
    decimal,
    doi,
    duration,
    integer,
    iri,
    mesh,
    orcid,
    organization,
    part,
    publication,
    publication_by_doi,
    text,
    types,
    uri,
    value,
)

__all__ = [
    "ADMINISTRATION",
    "AUTHOR",
    "DOCUMENT_TYPES",
    "EVIDENCE",
    "FINDINGS",
    "GRANT",
    "IDENTIFYING",
    "LINK",
    "NAMED_PARTS",
    "ORGANIZATION",
    "PAGE",
    "PUBLICATION",
    "PUBLICATION_RELATIONS",
    "SECTION",
    "SOURCE",
    "STUDY",
    "STUDY_TYPES",
    "UNNAMED_PARTS",
    "Row",
]

Row = tuple[str, str, Term]


def _rows(*rows: tuple[str, str, Term]) -> tuple[Row, ...]:
    return tuple((attribute, iri(name) + " ", term) for attribute, name, term in rows)


STUDY = _rows(
    ("label", "rdfs:label", text),
    ("other_ids", "dcterms:identifier", text),
    ("brief_title", "tw:briefTitle", text),
    ("official_title", "tw:officialTitle", text),
    ("acronym", "tw:acronym", text),
    ("phases", "tw:phase", value("Phase")),
    ("overall_status", "tw:overallStatus", value("Status")),
    ("allocation", "tw:allocation", value("Allocation")),
    ("intervention_model", "tw:interventionModel", value("InterventionModel")),
    ("masking", "tw:masking", value("Masking")),
    ("primary_purpose", "tw:primaryPurpose", value("PrimaryPurpose")),
    ("observational_model", "tw:observationalModel", value("ObservationalModel")),
    ("time_perspective", "tw:timePerspective", value("TimePerspective")),
    ("multicenter", "tw:multicenter", boolean),
    ("enrollment", "tw:enrollmentCount", integer),
    ("enrollment_type", "tw:enrollmentType", value("EnrollmentType")),
    ("start_date", "tw:startDate", date),
    ("primary_completion_date", "tw:primaryCompletionDate", date),
    ("completion_date", "tw:completionDate", date),
    ("lead_sponsor", "tw:leadSponsor", organization),
    ("collaborators", "tw:collaborator", organization),
    ("conditions", "tw:condition", mesh),
    ("condition_texts", "tw:conditionText", text),
    ("keywords", "tw:keyword", text),
)
STUDY_TYPES = {
    None: types("tw:Study"),
    "INTERVENTIONAL": types("tw:Study", "tw:InterventionalStudy"),
    "OBSERVATIONAL": types("tw:Study", "tw:ObservationalStudy"),
    "EXPANDED_ACCESS": types("tw:Study", "tw:ExpandedAccessStudy"),
}
ORGANIZATION = _rows(
    ("label", "rdfs:label", text),
    ("agency_class", "tw:agencyClass", value("AgencyClass")),
)
SITE = _rows(
    ("facility", "rdfs:label", text),
    ("city", "tw:city", text),
    ("state", "tw:state", text),
    ("country", "tw:country", text),
)
CRITERION = _rows(
    ("kind", "tw:criterionKind", value("CriterionKind")),
    ("text", "rdfs:label", text),
)
PUBLICATION = _rows(
    ("pmid", "tw:pmid", text),
    ("doi", "tw:doi", doi),
    ("pmcid", "tw:pmcid", text),
    ("handle", "tw:handle", text),
    ("title", "dcterms:title", text),
    ("title", "rdfs:label", text),
    ("journal", "tw:journal", text),
    ("issn", "tw:issn", text),
    ("volume", "tw:volume", text),
    ("issue", "tw:issue", text),
    ("pages", "tw:pages", text),
    ("issued", "dcterms:issued", date),
    ("available", "dcterms:available", date),
    ("publisher", "dcterms:publisher", text),
    ("creators", "dcterms:creator", text),
    ("creator_line", "tw:creatorLine", text),
    ("publication_types", "tw:publicationType", mesh),
    ("publication_type_texts", "tw:publicationTypeText", text),
    ("mesh_headings", "tw:meshHeading", mesh),
    ("mesh_major", "tw:meshMajor", mesh),
    ("indexed_in", "tw:indexedIn", text),
    ("retracted_by", "tw:retractedBy", publication),
    ("pii", "tw:pii", text),
    ("source_version", "tw:sourceVersion", text),
    ("indexing_status", "tw:indexingStatus", text),
    ("indexing_method", "tw:indexingMethod", text),
    ("vernacular_title", "dcterms:alternative", text),
    ("journal_abbrev", "tw:journalAbbrev", text),
    ("issued_text", "tw:issuedText", text),
    ("accessions", "tw:accession", text),
    ("keywords", "tw:keyword", text),
    ("mesh_heading_texts", "tw:meshHeadingText", text),
    ("mesh_qualified", "tw:meshQualified", mesh),
    ("chemicals", "tw:chemical", mesh),
    ("chemical_texts", "tw:chemicalText", text),
    ("supplementary_mesh", "tw:supplementaryMesh", mesh),
    ("corrected_by", "tw:correctedBy", publication),
    ("expression_of_concern", "tw:expressionOfConcern", publication),
    ("updated_by", "tw:updatedBy", publication),
    ("retracts", "tw:retracts", publication),
    ("references", "dcterms:references", publication),
    ("references_doi", "dcterms:references", publication_by_doi),
    ("conflict_of_interest", "tw:conflictOfInterest", text),
    ("history_received", "tw:historyReceived", date),
    ("history_revised", "tw:historyRevised", date),
    ("history_accepted", "tw:historyAccepted", date),
    ("history_entrez", "tw:historyEntrez", date),
    ("history_pubmed", "tw:historyPubmed", date),
    ("history_medline", "tw:historyMedline", date),
)
AUTHOR = _rows(
    ("name", "rdfs:label", text),
    ("orcid", "skos:exactMatch", orcid),
)
GRANT = _rows(
    ("number", "tw:grantId", text),
    ("agency", "tw:agency", text),
    ("country", "tw:country", text),
)
PUBLICATION_RELATIONS = {
    # The sub-property is written together with tw:reportedIn where it implies it, so that no query needs inference.
    # A BACKGROUND reference is only cited: the study is not reported there.
    "REPORTED_IN": (iri("tw:reportedIn"),),
    "RESULT": (iri("tw:reportedIn"), iri("tw:referenceResult")),
    "DERIVED": (iri("tw:reportedIn"), iri("tw:referenceDerived")),
    "BACKGROUND": (iri("tw:referenceBackground"),),
}
SECTION = _rows(
    ("label", "rdfs:label", text),
    ("sha256", "tw:sectionSha256", text),
    ("length", "tw:charLength", integer),
)
PAGE = _rows(
    ("title", "dcterms:title", text),
    ("title", "rdfs:label", text),
    ("url", "tw:pageUrl", uri),
    ("encoding", "tw:characterEncoding", text),
)
SOURCE = _rows(
    ("name", "tw:fileName", text),
    ("sha256", "tw:contentSha256", text),
)
INTERVENTION = _rows(
    ("label", "rdfs:label", text),
    ("type", "tw:interventionType", value("InterventionType")),
    ("description", "dcterms:description", text),
    ("other_names", "skos:altLabel", text),
    ("concepts", "tw:interventionConcept", mesh),
)
COHORT = _rows(
    ("label", "rdfs:label", text),
    ("kind", "tw:cohortKind", value("CohortKind")),
    ("role", "tw:cohortRole", value("ArmGroupType")),
    ("size", "tw:cohortSize", integer),
    ("description", "dcterms:description", text),
    ("subgroup_of", "tw:subgroupOf", part("cohort")),
)
ADMINISTRATION = _rows(
    ("intervention", "tw:ofIntervention", part("intervention")),
    ("route", "tw:route", value("Route")),
    ("number_of_doses", "tw:numberOfDoses", integer),
    ("dose_value", "tw:doseValue", decimal),
    ("dose_unit_text", "tw:doseUnitText", text),
    ("dose_interval", "tw:doseInterval", duration),
    ("dose_text", "tw:doseText", text),
)
OUTCOME = _rows(
    ("label", "rdfs:label", text),
    ("type", "tw:outcomeType", value("OutcomeType")),
    ("domain", "tw:outcomeDomain", value("OutcomeDomain")),
    ("description", "dcterms:description", text),
    ("instrument", "tw:instrument", text),
    ("scale_min", "tw:scaleMin", decimal),
    ("scale_max", "tw:scaleMax", decimal),
    ("time_frame", "tw:timeFrameText", text),
    ("is_safety", "tw:isSafetyOutcome", boolean),
)
BASELINE_VARIABLE = _rows(
    ("label", "rdfs:label", text),
    ("description", "dcterms:description", text),
)
ADVERSE_EVENT = _rows(
    ("term", "rdfs:label", text),
    ("term", "tw:aeTerm", text),
    ("serious", "tw:serious", boolean),
    ("treatment_related", "tw:treatmentRelated", boolean),
    ("severity", "tw:severity", value("Severity")),
    ("organ_system", "tw:organSystem", text),
    ("source_vocabulary", "tw:sourceVocabulary", text),
    ("description", "dcterms:description", text),
)
FINDING = _rows(
    ("value", "tw:value", decimal),
    ("value_text", "tw:valueText", text),
    ("unit_text", "tw:unitText", text),
    ("ucum_code", "tw:ucumCode", text),
    ("time_offset", "tw:timeOffset", duration),
    ("time_anchor", "tw:timeAnchor", value("Anchor")),
    ("time_text", "tw:timeText", text),
    ("reporting", "tw:reportingCompleteness", value("Reporting")),
    ("comment", "tw:comment", text),
)
INTERVAL = _rows(
    ("ci_level", "tw:ciLevel", decimal),
    ("ci_sides", "tw:ciSides", integer),
    ("ci_lower", "tw:ciLower", decimal),
    ("ci_upper", "tw:ciUpper", decimal),
)
P_VALUE = _rows(
    ("p_value", "tw:pValue", decimal),
    ("p_value_operator", "tw:pValueOperator", text),
    ("p_value_text", "tw:pValueText", text),
    ("significance", "tw:significance", value("Significance")),
)
RESULT = (
    *FINDING,
    *INTERVAL,
    *_rows(
        ("cohort", "tw:forCohort", part("cohort")),
        ("derivation", "tw:derivation", value("Derivation")),
        ("count", "tw:count", integer),
        ("denominator", "tw:denominator", integer),
        ("percentage", "tw:percentage", decimal),
        ("statistic", "tw:statistic", value("Statistic")),
        ("dispersion_type", "tw:dispersionType", value("DispersionType")),
        ("spread", "tw:spread", decimal),
        ("lower_limit", "tw:lowerLimit", decimal),
        ("upper_limit", "tw:upperLimit", decimal),
        ("category", "tw:category", text),
        ("class_title", "tw:classTitle", text),
        ("change_direction", "tw:changeDirection", value("Change")),
        ("missing_reason", "tw:missingReason", value("MissingReason")),
    ),
)
OUTCOME_RESULT = (*RESULT, *_rows(("outcome", "tw:forOutcome", part("outcome"))))
BASELINE_RESULT = (*RESULT, *_rows(("variable", "tw:forVariable", part("variable"))))
ADVERSE_EVENT_RESULT = (
    *RESULT,
    *_rows(
        ("event", "tw:forAdverseEvent", part("event")),
        ("affected", "tw:countAffected", integer),
        ("at_risk", "tw:countAtRisk", integer),
        ("events", "tw:countEvents", integer),
    ),
)
FLOW_RESULT = (
    *RESULT,
    *_rows(
        ("period", "tw:periodTitle", text),
        ("milestone", "tw:milestone", value("Milestone")),
        ("drop_reason", "tw:dropReason", value("DropReason")),
        ("drop_reason_text", "tw:dropReasonText", text),
    ),
)
EFFECT = (
    *FINDING,
    *INTERVAL,
    *P_VALUE,
    *_rows(
        ("outcome", "tw:forOutcome", part("outcome")),
        ("compared", "tw:comparedCohort", part("cohort")),
        ("reference", "tw:referenceCohort", part("cohort")),
        ("involves", "tw:involvesCohort", part("cohort")),
        ("contrast_unspecified", "tw:contrastUnspecified", boolean),
        ("measure", "tw:effectMeasure", curie),
        ("measure_text", "tw:effectMeasureText", text),
        ("direction", "tw:effectDirection", value("Direction")),
    ),
)
ASSOCIATION = (
    *FINDING,
    *P_VALUE,
    *_rows(
        ("cohort", "tw:forCohort", part("cohort")),
        ("outcome", "tw:forOutcome", part("outcome")),
        ("variable1_text", "tw:variable1Text", text),
        ("variable2_text", "tw:variable2Text", text),
        ("variable1", "tw:variable1", mesh),
        ("variable2", "tw:variable2", mesh),
        ("measure", "tw:associationMeasure", curie),
        ("sign", "tw:associationSign", value("Sign")),
    ),
)
EVIDENCE = _rows(
    ("section", "tw:section", text),
    ("start", "tw:charStart", integer),
    ("end", "tw:charEnd", integer),
    ("method", "tw:extractionMethod", value("Method")),
    ("confidence", "tw:confidence", decimal),
)
LINK = _rows(
    ("status", "tw:linkStatus", value("LinkStatus")),
    ("confidence", "tw:confidence", decimal),
    ("reason", "rdfs:comment", text),
)


IDENTIFYING = tuple(
    iri(name) + " "
    for name in (
        "tw:forOutcome", "tw:forVariable", "tw:forAdverseEvent", "tw:forCohort", "tw:comparedCohort",
        "tw:referenceCohort", "tw:involvesCohort", "tw:timeOffset", "tw:timeAnchor", "tw:timeText", "tw:category",
        "tw:classTitle", "tw:statistic", "tw:derivation", "tw:periodTitle", "tw:milestone", "tw:dropReason",
        "tw:dropReasonText", "tw:effectMeasure", "tw:effectMeasureText", "tw:associationMeasure", "tw:variable1Text",
        "tw:variable2Text",
    )
)  # fmt: skip
"""The predicates whose objects tell one finding of a study from another: what a digest name is made of."""

# (attribute of Study, path segment, property from the study, table, class)
NAMED_PARTS = (
    ("interventions", "intervention", iri("tw:hasIntervention"), INTERVENTION, types("tw:Intervention")),
    ("outcomes", "outcome", iri("tw:hasOutcome"), OUTCOME, types("tw:Outcome")),
    ("baseline_variables", "variable", iri("tw:hasBaselineVariable"), BASELINE_VARIABLE, types("tw:BaselineVariable")),
    ("cohorts", "cohort", iri("tw:hasCohort"), COHORT, types("tw:Cohort")),
    ("adverse_events", "event", iri("tw:hasAdverseEvent"), ADVERSE_EVENT, types("tw:AdverseEvent")),
)
# Nothing refers to these, so their content names them.
UNNAMED_PARTS = (
    ("sites", "site", iri("tw:hasSite"), SITE, types("tw:Site")),
    ("criteria", "criterion", iri("tw:hasCriterion"), CRITERION, types("tw:EligibilityCriterion")),
)
# Findings that share a path segment share its names: they are named together.
FINDINGS = (
    (
        "result",
        (
            ("baseline_results", BASELINE_RESULT, types("tw:Result", "tw:BaselineResult")),
            ("flow_results", FLOW_RESULT, types("tw:Result", "tw:FlowResult")),
            ("outcome_results", OUTCOME_RESULT, types("tw:Result", "tw:OutcomeResult")),
            ("adverse_event_results", ADVERSE_EVENT_RESULT, types("tw:Result", "tw:AdverseEventResult")),
        ),
    ),
    ("effect", (("effects", EFFECT, types("tw:EffectEstimate")),)),
    ("association", (("associations", ASSOCIATION, types("tw:Association")),)),
)
DOCUMENT_TYPES = {
    "CTGOV": types("tw:SourceDocument", "tw:RegistryRecord"),
    "PUBMED": types("tw:SourceDocument"),
    "PAGE": types("tw:SourceDocument", "tw:WebPage"),
    "CURATED": types("tw:SourceDocument", "tw:CuratedRecord"),
}
