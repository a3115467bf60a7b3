"""Which attribute of a record becomes which property: one table a class, read by `loaders.emit`.

A row is (attribute, predicate, how the value becomes a term). None is left out, and a list, whose attribute is marked
with [], gives one pair an item. Most values come again, and what is made of them is kept: those of a `text`, but not
those of a `literal`, of which hardly two are alike.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import cache, cached_property, lru_cache
from operator import attrgetter, itemgetter
from typing import Any, Self

from loaders.terms import (
    Coded,
    Reference,
    Term,
    boolean,
    curie,
    date,
    date_time,
    decimal,
    doi,
    duration,
    integer,
    iri,
    literal,
    mesh,
    orcid,
    organization,
    publication,
    publication_by_doi,
    study,
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
    "LINK",
    "NAMED_PARTS",
    "ORGANIZATION",
    "PAGE",
    "PUBLICATION",
    "PUBLICATION_RELATIONS",
    "REGISTRY_EVENT",
    "REGISTRY_EVENTS",
    "REGISTRY_RECORD",
    "SECTION",
    "SOURCE",
    "STUDY",
    "STUDY_TYPES",
    "UNNAMED_PARTS",
    "Row",
    "Table",
]

Row = tuple[str, str, Term | Coded | Reference]

_Maker = Callable[[Any], str]
_MOST_KEPT = 512
_LONGEST_KEPT = 200  # characters of predicate and object
# An organization is no key for a dictionary, and of the others hardly two are alike.
_NOT_KEPT = frozenset({organization, literal, doi, orcid, publication, publication_by_doi})


class _Kept(dict[Any, str]):
    """The pairs of one property by value, made when first asked for: most values of a registry come again.

    Their number and length have bounds, so memory does not grow with what is read.
    """

    __slots__ = ("_make",)

    def __init__(self, make: _Maker) -> None:
        self._make = make

    def __missing__(self, value: Any) -> str:
        pair = self._make(value)
        if len(pair) <= _LONGEST_KEPT:
            if len(self) >= _MOST_KEPT:
                self.clear()
            self[value] = pair
        return pair


def _maker(before: str, term: Term | Coded) -> _Maker:
    """Return what makes predicate and object of a value in one; `before` is the predicate and a space."""
    if isinstance(term, Coded):
        return _Kept(term.pair(before)).__getitem__

    def make(value: Any) -> str:
        return before + term(value)

    return make if term in _NOT_KEPT else _Kept(make).__getitem__


_shared_maker = cache(_maker)
_IDENTIFYING = frozenset(
    iri(name) + " "
    for name in (
        "tw:forOutcome", "tw:forVariable", "tw:forAdverseEvent", "tw:forCohort", "tw:comparedCohort",
        "tw:referenceCohort", "tw:involvesCohort", "tw:timeOffset", "tw:timeAnchor", "tw:timeText", "tw:category",
        "tw:classTitle", "tw:statistic", "tw:derivation", "tw:periodTitle", "tw:milestone", "tw:dropReason",
        "tw:dropReasonText", "tw:effectMeasure", "tw:effectMeasureText", "tw:associationMeasure", "tw:variable1Text",
        "tw:variable2Text",
    )
)  # fmt: skip


class Table(tuple[Row, ...]):
    """The rows of one class, in the order of their predicates, so that what they give is nearly sorted already."""

    def __new__(cls, rows: Iterable[Row]) -> Self:
        """Put the rows in order."""
        return super().__new__(cls, sorted(rows, key=itemgetter(1)))

    def __init__(self, rows: Iterable[Row]) -> None:
        self._single = _Columns([row for row in self if not row[0].endswith("[]")])
        lists = [(name.removesuffix("[]"), before, term) for name, before, term in self if name.endswith("[]")]
        self._lists = _Columns(lists) if lists else None

    @cached_property
    def identity(self) -> "Table":
        """The rows whose values tell one finding of a study from another."""
        return Table(row for row in self if row[1] in _IDENTIFYING)

    def pairs(self, part: Any, study: str) -> list[str]:
        """Return the predicate-object pairs of one part of a study, which is given by its IRI."""
        found = zip(self._single.values(part), self._single.makers(study), strict=True)
        pairs = [make(value) for value, make in found if value is not None]
        if self._lists:
            for values, make in zip(self._lists.values(part), self._lists.makers(study), strict=True):
                pairs += map(make, values)
        return pairs


class _Columns:
    """Some rows made ready: `values` takes all their attributes of a part, `makers` are what makes pairs of them."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.values = _getter(*(attribute for attribute, _, _ in rows))
        self._shared = [str if isinstance(term, Reference) else _shared_maker(before, term) for _, before, term in rows]
        self._references = [
            (at, before, term) for at, (_, before, term) in enumerate(rows) if isinstance(term, Reference)
        ]
        # Studies are emitted one after the other, and each has many parts.
        self.makers = lru_cache(maxsize=1)(self._makers_within)

    def _makers_within(self, study: str) -> list[_Maker]:
        """Return the makers for one study: only what refers to its parts is not the same for all."""
        makers = self._shared.copy()
        for at, before, term in self._references:
            makers[at] = _maker(before, term.within(study))
        return makers


def _getter(*attributes: str) -> Callable[[Any], tuple[Any, ...]]:
    """Return what takes these attributes of a part as a tuple, which attrgetter does for two or more."""
    get = attrgetter(*attributes)
    return get if len(attributes) > 1 else lambda part: (get(part),)


def _rows(*rows: tuple[str, str, Term | Coded | Reference]) -> Table:
    return Table((attribute, iri(name) + " ", term) for attribute, name, term in rows)


STUDY = _rows(
    ("label", "rdfs:label", literal),
    ("other_ids[]", "dcterms:identifier", text),
    ("brief_title", "tw:briefTitle", literal),
    ("official_title", "tw:officialTitle", literal),
    ("acronym", "tw:acronym", text),
    ("phases[]", "tw:phase", Coded("Phase")),
    ("overall_status", "tw:overallStatus", Coded("Status")),
    ("allocation", "tw:allocation", Coded("Allocation")),
    ("intervention_model", "tw:interventionModel", Coded("InterventionModel")),
    ("masking", "tw:masking", Coded("Masking")),
    ("primary_purpose", "tw:primaryPurpose", Coded("PrimaryPurpose")),
    ("observational_model", "tw:observationalModel", Coded("ObservationalModel")),
    ("time_perspective", "tw:timePerspective", Coded("TimePerspective")),
    ("multicenter", "tw:multicenter", boolean),
    ("enrollment", "tw:enrollmentCount", integer),
    ("enrollment_type", "tw:enrollmentType", Coded("EnrollmentType")),
    ("start_date", "tw:startDate", date),
    ("primary_completion_date", "tw:primaryCompletionDate", date),
    ("completion_date", "tw:completionDate", date),
    ("lead_sponsor", "tw:leadSponsor", organization),
    ("collaborators[]", "tw:collaborator", organization),
    ("conditions[]", "tw:condition", mesh),
    ("condition_texts[]", "tw:conditionText", text),
    ("keywords[]", "tw:keyword", text),
    ("study_type", "tw:studyType", Coded("StudyType")),
    ("has_results", "tw:hasResults", boolean),
    ("last_known_status", "tw:lastKnownStatus", Coded("Status")),
    ("why_stopped", "tw:whyStopped", literal),
    ("has_expanded_access", "tw:hasExpandedAccess", boolean),
    ("expanded_access_study", "tw:expandedAccessStudy", study),
    ("expanded_access_status", "tw:expandedAccessStatus", Coded("ExpandedAccessStatus")),
    ("expanded_access_types[]", "tw:expandedAccessType", value("ExpandedAccessType")),
    ("expanded_access_pointers", "tw:expandedAccessPointerCount", integer),
    ("start_date_type", "tw:startDateType", Coded("DateType")),
    ("primary_completion_date_type", "tw:primaryCompletionDateType", Coded("DateType")),
    ("completion_date_type", "tw:completionDateType", Coded("DateType")),
    ("responsible_party_type", "tw:responsiblePartyType", Coded("ResponsiblePartyType")),
    ("responsible_party_texts[]", "tw:responsiblePartyText", text),
    ("has_dmc", "tw:hasDmc", boolean),
    ("fda_regulated_drug", "tw:fdaRegulatedDrug", boolean),
    ("fda_regulated_device", "tw:fdaRegulatedDevice", boolean),
    ("unapproved_device", "tw:unapprovedDevice", boolean),
    ("pediatric_postmarket_surveillance", "tw:pediatricPostmarketSurveillance", boolean),
    ("us_export", "tw:usExport", boolean),
    ("fdaaa801_violation", "tw:fdaaa801Violation", boolean),
    ("brief_summary", "tw:briefSummary", literal),
    ("detailed_description", "tw:detailedDescription", literal),
    ("patient_registry", "tw:patientRegistry", boolean),
    ("target_duration", "tw:targetDuration", duration),
    ("target_duration_text", "tw:targetDurationText", literal),
    ("intervention_model_description", "tw:interventionModelDescription", literal),
    ("masking_description", "tw:maskingDescription", literal),
    ("who_masked[]", "tw:whoMasked", Coded("WhoMasked")),
    ("biospecimen_retention", "tw:biospecimenRetention", Coded("BioSpecRetention")),
    ("biospecimen_description", "tw:biospecimenDescription", literal),
    ("eligibility_text", "tw:eligibilityText", literal),
    ("healthy_volunteers", "tw:healthyVolunteers", boolean),
    ("sex", "tw:sexEligible", Coded("Sex")),
    ("gender_based", "tw:genderBased", boolean),
    ("gender_description", "tw:genderDescription", literal),
    ("min_age", "tw:minAge", decimal),
    ("min_age_unit", "tw:minAgeUnit", text),
    ("min_age_text", "tw:minAgeText", text),
    ("max_age", "tw:maxAge", decimal),
    ("max_age_unit", "tw:maxAgeUnit", text),
    ("max_age_text", "tw:maxAgeText", text),
    ("age_unit", "tw:ageUnit", text),
    ("standard_ages[]", "tw:standardAge", Coded("StandardAge")),
    ("study_population", "tw:studyPopulation", literal),
    ("sampling_method", "tw:samplingMethod", Coded("SamplingMethod")),
    ("ipd_sharing", "tw:ipdSharing", Coded("IpdSharing")),
    ("ipd_description", "tw:ipdDescription", literal),
    ("ipd_info_types[]", "tw:ipdInfoType", Coded("InfoType")),
    ("ipd_time_frame", "tw:ipdTimeFrame", literal),
    ("ipd_access_criteria", "tw:ipdAccessCriteria", literal),
    ("ipd_url", "tw:ipdUrl", uri),
    ("intervention_concepts[]", "tw:interventionConcept", mesh),
    ("condition_ancestors[]", "tw:conditionAncestor", mesh),
    ("intervention_ancestors[]", "tw:interventionAncestor", mesh),
    ("removed_countries[]", "tw:removedCountry", text),
    ("pre_assignment_details", "tw:preAssignmentDetails", literal),
    ("recruitment_details", "tw:recruitmentDetails", literal),
    ("types_units_analyzed[]", "tw:typeUnitsAnalyzed", text),
    ("baseline_population", "tw:baselinePopulation", literal),
    ("frequency_threshold", "tw:frequencyThreshold", decimal),
    ("ae_time_frame", "tw:aeTimeFrame", literal),
    ("ae_description", "tw:aeDescription", literal),
    ("mortality_comment", "tw:mortalityComment", literal),
    ("limitations", "tw:limitations", literal),
    ("pi_sponsor_employee", "tw:piSponsorEmployee", boolean),
    ("restrictive_agreement", "tw:restrictiveAgreement", boolean),
    ("restriction_type", "tw:restrictionType", Coded("RestrictionType")),
    ("restriction_details", "tw:restrictionDetails", literal),
    ("point_of_contact", "tw:pointOfContact", organization),
)
STUDY_TYPES = {
    None: types("tw:Study"),
    "INTERVENTIONAL": types("tw:Study", "tw:InterventionalStudy"),
    "OBSERVATIONAL": types("tw:Study", "tw:ObservationalStudy"),
    "EXPANDED_ACCESS": types("tw:Study", "tw:ExpandedAccessStudy"),
}
ORGANIZATION = _rows(
    ("label", "rdfs:label", text),
    ("agency_class", "tw:agencyClass", Coded("AgencyClass")),
)
SITE = _rows(
    ("facility", "rdfs:label", literal),
    ("city", "tw:city", text),
    ("state", "tw:state", text),
    ("country", "tw:country", text),
    ("postal_code", "tw:postalCode", literal),
    ("status", "tw:recruitmentStatus", Coded("RecruitmentStatus")),
    ("latitude", "schema:latitude", decimal),
    ("longitude", "schema:longitude", decimal),
)
CRITERION = _rows(
    ("kind", "tw:criterionKind", value("CriterionKind")),
    ("text", "rdfs:label", literal),
    ("method", "tw:extractionMethod", value("Method")),
)
IDENTIFIER = _rows(
    ("value", "rdfs:label", literal),
    ("type", "tw:identifierType", Coded("SecondaryIdType")),
    ("domain", "tw:identifierDomain", text),
    ("link", "tw:identifierLink", uri),
)
PERSON = _rows(
    ("label", "rdfs:label", literal),
    ("title", "tw:title", text),
    ("affiliation", "tw:affiliationText", text),
    ("role", "tw:officialRole", Coded("OfficialRole")),
)
DOCUMENT = _rows(
    ("label", "rdfs:label", literal),
    ("identifier", "tw:documentId", literal),
    ("type", "tw:documentType", text),
    ("has_protocol", "tw:hasProtocol", boolean),
    ("has_sap", "tw:hasSap", boolean),
    ("has_icf", "tw:hasIcf", boolean),
    ("date", "tw:documentDate", date),
    ("uploaded", "tw:uploadDate", date_time),
    ("file_name", "tw:fileName", literal),
    ("size", "tw:fileSize", integer),
    ("url", "schema:contentUrl", uri),
    ("comment", "tw:comment", literal),
)
REGISTRY_RECORD = _rows(
    ("publisher", "dcterms:publisher", organization),
    ("status_verified", "tw:statusVerifiedDate", date),
    ("delayed_posting", "tw:delayedPosting", boolean),
    ("first_submitted", "tw:firstSubmitDate", date),
    ("first_submitted_qc", "tw:firstSubmitQcDate", date),
    ("first_posted", "tw:firstPostDate", date),
    ("first_posted", "dcterms:issued", date),
    ("first_posted_type", "tw:firstPostDateType", Coded("DateType")),
    ("results_waived", "tw:resultsWaived", boolean),
    ("results_first_submitted", "tw:resultsFirstSubmitDate", date),
    ("results_first_submitted_qc", "tw:resultsFirstSubmitQcDate", date),
    ("results_first_posted", "tw:resultsFirstPostDate", date),
    ("results_first_posted_type", "tw:resultsFirstPostDateType", Coded("DateType")),
    ("delay_certificate_submitted", "tw:delayCertificateSubmitDate", date),
    ("delay_certificate_submitted_qc", "tw:delayCertificateSubmitQcDate", date),
    ("delay_certificate_posted", "tw:delayCertificatePostDate", date),
    ("delay_certificate_posted_type", "tw:delayCertificatePostDateType", Coded("DateType")),
    ("last_update_submitted", "tw:lastUpdateSubmitDate", date),
    ("last_update_posted", "tw:lastUpdatePostDate", date),
    ("last_update_posted", "dcterms:modified", date),
    ("last_update_posted_type", "tw:lastUpdatePostDateType", Coded("DateType")),
    ("results_estimated", "tw:estimatedResultsFirstSubmitDate", date),
    ("first_mcp_posted", "tw:firstMcpPostDate", date),
    ("first_mcp_posted_type", "tw:firstMcpPostDateType", Coded("DateType")),
    ("no_sap", "tw:noSap", boolean),
    ("unposted_responsible_party", "tw:unpostedResponsibleParty", text),
)
REGISTRY_EVENT = _rows(
    ("unposted_type", "tw:unpostedEventType", Coded("UnpostedEventType")),
    ("violation_type", "tw:violationEventType", Coded("ViolationEventType")),
    ("description", "dcterms:description", text),
    ("date", "tw:eventDate", date),
    ("date_unknown", "tw:eventDateUnknown", boolean),
    ("created", "tw:creationDate", date),
    ("issued", "tw:issuedDate", date),
    ("released", "tw:releaseDate", date),
    ("unreleased", "tw:unreleaseDate", date),
    ("unreleased_unknown", "tw:unreleaseDateUnknown", boolean),
    ("reset", "tw:resetDate", date),
    ("posted", "tw:postedDate", date),
    ("release_number", "tw:mcpReleaseNumber", integer),
)
# (attribute of RegistryRecord, property from the record)
REGISTRY_EVENTS = (
    ("unposted_events", iri("tw:unpostedEvent")),
    ("violation_events", iri("tw:violationEvent")),
    ("submission_events", iri("tw:submissionEvent")),
)
PUBLICATION = _rows(
    ("pmid", "tw:pmid", literal),
    ("doi", "tw:doi", doi),
    ("pmcid", "tw:pmcid", literal),
    ("handle", "tw:handle", literal),
    ("citation", "tw:citation", literal),
    ("title", "dcterms:title", literal),
    ("title", "rdfs:label", literal),
    ("journal", "tw:journal", text),
    ("issn", "tw:issn", text),
    ("volume", "tw:volume", text),
    ("issue", "tw:issue", text),
    ("pages", "tw:pages", literal),
    ("issued", "dcterms:issued", date),
    ("available", "dcterms:available", date),
    ("publisher", "dcterms:publisher", text),
    ("creators[]", "dcterms:creator", literal),
    ("creator_line", "tw:creatorLine", literal),
    ("publication_types[]", "tw:publicationType", mesh),
    ("publication_type_texts[]", "tw:publicationTypeText", text),
    ("mesh_headings[]", "tw:meshHeading", mesh),
    ("mesh_major[]", "tw:meshMajor", mesh),
    ("indexed_in[]", "tw:indexedIn", text),
    ("retracted_by[]", "tw:retractedBy", publication),
    ("pii", "tw:pii", literal),
    ("source_version", "tw:sourceVersion", text),
    ("indexing_status", "tw:indexingStatus", text),
    ("indexing_method", "tw:indexingMethod", text),
    ("vernacular_title", "dcterms:alternative", literal),
    ("journal_abbrev", "tw:journalAbbrev", text),
    ("issued_text", "tw:issuedText", text),
    ("accessions[]", "tw:accession", literal),
    ("keywords[]", "tw:keyword", text),
    ("mesh_heading_texts[]", "tw:meshHeadingText", text),
    ("mesh_qualified[]", "tw:meshQualified", mesh),
    ("chemicals[]", "tw:chemical", mesh),
    ("chemical_texts[]", "tw:chemicalText", text),
    ("supplementary_mesh[]", "tw:supplementaryMesh", mesh),
    ("corrected_by[]", "tw:correctedBy", publication),
    ("expression_of_concern[]", "tw:expressionOfConcern", publication),
    ("updated_by[]", "tw:updatedBy", publication),
    ("retracts[]", "tw:retracts", publication),
    ("references[]", "dcterms:references", publication),
    ("references_doi[]", "dcterms:references", publication_by_doi),
    ("conflict_of_interest", "tw:conflictOfInterest", literal),
    ("history_received", "tw:historyReceived", date),
    ("history_revised", "tw:historyRevised", date),
    ("history_accepted", "tw:historyAccepted", date),
    ("history_entrez", "tw:historyEntrez", date),
    ("history_pubmed", "tw:historyPubmed", date),
    ("history_medline", "tw:historyMedline", date),
)
AUTHOR = _rows(
    ("name", "rdfs:label", literal),
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
    # Named by what is said of another publication, such as the notice that retracts it.
    "MENTIONED": (),
}
SECTION = _rows(
    ("label", "rdfs:label", text),
    ("sha256", "tw:sectionSha256", literal),
    ("length", "tw:charLength", integer),
)
PAGE = _rows(
    ("title", "dcterms:title", literal),
    ("title", "rdfs:label", literal),
    ("url", "tw:pageUrl", uri),
    ("encoding", "tw:characterEncoding", text),
)
SOURCE = _rows(
    ("name", "tw:fileName", literal),
    ("sha256", "tw:contentSha256", literal),
)
INTERVENTION = _rows(
    ("label", "rdfs:label", literal),
    ("type", "tw:interventionType", Coded("InterventionType")),
    ("description", "dcterms:description", literal),
    ("other_names[]", "skos:altLabel", literal),
    ("concepts[]", "tw:interventionConcept", mesh),
)
COHORT = _rows(
    ("label", "rdfs:label", text),
    ("kind", "tw:cohortKind", value("CohortKind")),
    ("role", "tw:cohortRole", Coded("ArmGroupType")),
    ("size", "tw:cohortSize", integer),
    ("description", "dcterms:description", literal),
    ("subgroup_of", "tw:subgroupOf", Reference("cohort")),
    ("source_group_id", "tw:sourceGroupId", text),
    ("unit_count", "tw:unitCount", integer),
    ("counted_unit", "tw:countedUnit", text),
)
ADMINISTRATION = _rows(
    ("intervention", "tw:ofIntervention", Reference("intervention")),
    ("route", "tw:route", value("Route")),
    ("number_of_doses", "tw:numberOfDoses", integer),
    ("dose_value", "tw:doseValue", decimal),
    ("dose_unit_text", "tw:doseUnitText", text),
    ("dose_interval", "tw:doseInterval", duration),
    ("dose_text", "tw:doseText", text),
)
OUTCOME = _rows(
    ("label", "rdfs:label", literal),
    ("type", "tw:outcomeType", Coded("OutcomeType")),
    ("domain", "tw:outcomeDomain", value("OutcomeDomain")),
    ("description", "dcterms:description", literal),
    ("instrument", "tw:instrument", text),
    ("scale_min", "tw:scaleMin", decimal),
    ("scale_max", "tw:scaleMax", decimal),
    ("time_frame", "tw:timeFrameText", text),
    ("is_safety", "tw:isSafetyOutcome", boolean),
    ("planned_as", "tw:plannedAs", Reference("outcome")),
    ("reporting_status", "tw:reportingStatus", Coded("ReportingStatus")),
    ("anticipated_posting", "tw:anticipatedPostingDate", date),
    ("analysis_population", "tw:analysisPopulationText", text),
    ("unit_text", "tw:unitText", text),
    ("ucum_code", "tw:ucumCode", text),
    ("calculate_pct", "tw:calculatePct", boolean),
    ("type_units_analyzed", "tw:typeUnitsAnalyzed", text),
    ("denom_units", "tw:denomUnits", text),
)
BASELINE_VARIABLE = _rows(
    ("label", "rdfs:label", text),
    ("description", "dcterms:description", literal),
    ("analysis_population", "tw:analysisPopulationText", text),
    ("unit_text", "tw:unitText", text),
    ("ucum_code", "tw:ucumCode", text),
    ("calculate_pct", "tw:calculatePct", boolean),
    ("denom_units", "tw:denomUnits", text),
)
ADVERSE_EVENT = _rows(
    ("term", "rdfs:label", literal),
    ("term", "tw:aeTerm", literal),
    ("serious", "tw:serious", boolean),
    ("treatment_related", "tw:treatmentRelated", boolean),
    ("severity", "tw:severity", value("Severity")),
    ("organ_system", "tw:organSystem", text),
    ("source_vocabulary", "tw:sourceVocabulary", text),
    ("vocabulary_version", "tw:vocabularyVersion", text),
    ("assessment_type", "tw:assessmentType", Coded("EventAssessment")),
    ("is_total", "tw:isTotal", boolean),
    ("is_death", "tw:isDeath", boolean),
    ("comment", "tw:comment", text),
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
    ("time_method", "tw:timeMethod", value("Method")),
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
RESULT = Table(
    (
        *FINDING,
        *INTERVAL,
        *_rows(
            ("cohort", "tw:forCohort", Reference("cohort")),
            ("derivation", "tw:derivation", value("Derivation")),
            ("count", "tw:count", integer),
            ("denominator", "tw:denominator", integer),
            ("percentage", "tw:percentage", decimal),
            ("statistic", "tw:statistic", Coded("Statistic")),
            ("dispersion_type", "tw:dispersionType", Coded("DispersionType")),
            ("dispersion_type_text", "tw:dispersionTypeText", text),
            ("spread", "tw:spread", decimal),
            ("spread_text", "tw:spreadText", text),
            ("lower_limit", "tw:lowerLimit", decimal),
            ("lower_limit_text", "tw:lowerLimitText", text),
            ("upper_limit", "tw:upperLimit", decimal),
            ("upper_limit_text", "tw:upperLimitText", text),
            ("category", "tw:category", text),
            ("class_title", "tw:classTitle", text),
            ("change_direction", "tw:changeDirection", value("Change")),
            ("missing_reason", "tw:missingReason", value("MissingReason")),
        ),
    )
)
OUTCOME_RESULT = Table((*RESULT, *_rows(("outcome", "tw:forOutcome", Reference("outcome")))))
BASELINE_RESULT = Table((*RESULT, *_rows(("variable", "tw:forVariable", Reference("variable")))))
ADVERSE_EVENT_RESULT = Table(
    (
        *RESULT,
        *_rows(
            ("event", "tw:forAdverseEvent", Reference("event")),
            ("affected", "tw:countAffected", integer),
            ("at_risk", "tw:countAtRisk", integer),
            ("events", "tw:countEvents", integer),
        ),
    )
)
FLOW_RESULT = Table(
    (
        *RESULT,
        *_rows(
            ("period", "tw:periodTitle", text),
            ("period_number", "tw:periodNumber", integer),
            ("milestone_text", "tw:milestoneText", text),
            ("unit_count", "tw:unitCount", integer),
            ("comments[]", "tw:comment", text),
            ("milestone", "tw:milestone", value("Milestone")),
            ("drop_reason", "tw:dropReason", value("DropReason")),
            ("drop_reason_text", "tw:dropReasonText", text),
        ),
    )
)
EFFECT = Table(
    (
        *FINDING,
        *INTERVAL,
        *P_VALUE,
        *_rows(
            ("outcome", "tw:forOutcome", Reference("outcome")),
            ("compared", "tw:comparedCohort", Reference("cohort")),
            ("reference", "tw:referenceCohort", Reference("cohort")),
            ("involves[]", "tw:involvesCohort", Reference("cohort")),
            ("contrast_unspecified", "tw:contrastUnspecified", boolean),
            ("measure", "tw:effectMeasure", curie),
            ("measure_text", "tw:effectMeasureText", text),
            ("direction", "tw:effectDirection", value("Direction")),
            ("ci_lower_text", "tw:ciLowerText", text),
            ("ci_upper_text", "tw:ciUpperText", text),
            ("dispersion_type", "tw:dispersionType", Coded("DispersionType")),
            ("spread", "tw:spread", decimal),
            ("spread_text", "tw:spreadText", text),
            ("statistical_method", "tw:statisticalMethod", text),
            ("hypothesis_type", "tw:hypothesisType", Coded("NonInferiorityType")),
            ("tested_non_inferiority", "tw:testedNonInferiority", boolean),
            ("non_inferiority_comment", "tw:nonInferiorityComment", text),
            ("descriptions[]", "dcterms:description", text),
            ("comments[]", "tw:comment", text),
        ),
    )
)
ASSOCIATION = Table(
    (
        *FINDING,
        *P_VALUE,
        *_rows(
            ("cohort", "tw:forCohort", Reference("cohort")),
            ("outcome", "tw:forOutcome", Reference("outcome")),
            ("variable1_text", "tw:variable1Text", text),
            ("variable2_text", "tw:variable2Text", text),
            ("variable1", "tw:variable1", mesh),
            ("variable2", "tw:variable2", mesh),
            ("measure", "tw:associationMeasure", curie),
            ("sign", "tw:associationSign", value("Sign")),
        ),
    )
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


# (attribute of Study, path segment, property from the study, table, class)
NAMED_PARTS = (
    ("interventions", "intervention", iri("tw:hasIntervention"), INTERVENTION, types("tw:Intervention")),
    ("outcomes", "outcome", iri("tw:hasOutcome"), OUTCOME, types("tw:Outcome")),
    ("baseline_variables", "variable", iri("tw:hasBaselineVariable"), BASELINE_VARIABLE, types("tw:BaselineVariable")),
    ("cohorts", "cohort", iri("tw:hasCohort"), COHORT, types("tw:Cohort")),
    ("adverse_events", "event", iri("tw:hasAdverseEvent"), ADVERSE_EVENT, types("tw:AdverseEvent")),
    ("sites", "site", iri("tw:hasSite"), SITE, types("tw:Site")),
)
# Nothing refers to these, so their content names them.
UNNAMED_PARTS = (
    ("criteria", "criterion", iri("tw:hasCriterion"), CRITERION, types("tw:EligibilityCriterion")),
    ("org_study_id", "identifier", iri("tw:orgStudyId"), IDENTIFIER, types("tw:Identifier")),
    ("secondary_ids", "identifier", iri("tw:secondaryId"), IDENTIFIER, types("tw:Identifier")),
    ("responsible_party", "person", iri("tw:responsibleParty"), PERSON, types("tw:Person")),
    ("officials", "person", iri("tw:official"), PERSON, types("tw:Person")),
    ("available_ipd", "document", iri("tw:availableIpd"), DOCUMENT, types("tw:Document")),
    ("documents", "document", iri("tw:hasDocument"), DOCUMENT, types("tw:Document")),
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
