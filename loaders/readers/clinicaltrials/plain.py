"""The fields of a record that are taken over as they are: from where, and into which attribute.

What needs a thought has a module of its own.
"""

from typing import Any

from loaders.record import RegistryRecord

__all__ = ["NOTHING", "Json", "at", "copy", "registry_record", "study_fields"]

Json = dict[str, Any]

NOTHING: Json = {}
"""Stands for an object that is not there; never written to."""

Rows = tuple[tuple[str, tuple[tuple[str, str], ...]], ...]

_STUDY: Rows = (
    ("", (("hasResults", "has_results"),)),
    (
        "protocolSection.identificationModule",
        (("briefTitle", "brief_title"), ("officialTitle", "official_title"), ("acronym", "acronym")),
    ),
    (
        "protocolSection.statusModule",
        (("overallStatus", "overall_status"), ("lastKnownStatus", "last_known_status"), ("whyStopped", "why_stopped")),
    ),
    (
        "protocolSection.statusModule.expandedAccessInfo",
        (("hasExpandedAccess", "has_expanded_access"), ("statusForNctId", "expanded_access_status")),
    ),
    ("protocolSection.statusModule.startDateStruct", (("date", "start_date"), ("type", "start_date_type"))),
    (
        "protocolSection.statusModule.primaryCompletionDateStruct",
        (("date", "primary_completion_date"), ("type", "primary_completion_date_type")),
    ),
    (
        "protocolSection.statusModule.completionDateStruct",
        (("date", "completion_date"), ("type", "completion_date_type")),
    ),
    ("protocolSection.sponsorCollaboratorsModule.responsibleParty", (("type", "responsible_party_type"),)),
    (
        "protocolSection.oversightModule",
        (
            ("oversightHasDmc", "has_dmc"),
            ("isFdaRegulatedDrug", "fda_regulated_drug"),
            ("isFdaRegulatedDevice", "fda_regulated_device"),
            ("isUnapprovedDevice", "unapproved_device"),
            ("isPpsd", "pediatric_postmarket_surveillance"),
            ("isUsExport", "us_export"),
            ("fdaaa801Violation", "fdaaa801_violation"),
        ),
    ),
    (
        "protocolSection.descriptionModule",
        (("briefSummary", "brief_summary"), ("detailedDescription", "detailed_description")),
    ),
    ("protocolSection.conditionsModule", (("conditions", "condition_texts"), ("keywords", "keywords"))),
    (
        "protocolSection.designModule",
        (
            ("studyType", "study_type"),
            ("nPtrsToThisExpAccNctId", "expanded_access_pointers"),
            ("patientRegistry", "patient_registry"),
            ("targetDuration", "target_duration_text"),
            ("phases", "phases"),
        ),
    ),
    (
        "protocolSection.designModule.designInfo",
        (
            ("allocation", "allocation"),
            ("interventionModel", "intervention_model"),
            ("interventionModelDescription", "intervention_model_description"),
            ("primaryPurpose", "primary_purpose"),
            ("observationalModel", "observational_model"),
            ("timePerspective", "time_perspective"),
        ),
    ),
    (
        "protocolSection.designModule.designInfo.maskingInfo",
        (("masking", "masking"), ("maskingDescription", "masking_description"), ("whoMasked", "who_masked")),
    ),
    (
        "protocolSection.designModule.bioSpec",
        (("retention", "biospecimen_retention"), ("description", "biospecimen_description")),
    ),
    ("protocolSection.designModule.enrollmentInfo", (("count", "enrollment"), ("type", "enrollment_type"))),
    (
        "protocolSection.eligibilityModule",
        (
            ("eligibilityCriteria", "eligibility_text"),
            ("healthyVolunteers", "healthy_volunteers"),
            ("sex", "sex"),
            ("genderBased", "gender_based"),
            ("genderDescription", "gender_description"),
            ("minimumAge", "min_age_text"),
            ("maximumAge", "max_age_text"),
            ("stdAges", "standard_ages"),
            ("studyPopulation", "study_population"),
            ("samplingMethod", "sampling_method"),
        ),
    ),
    (
        "protocolSection.ipdSharingStatementModule",
        (
            ("ipdSharing", "ipd_sharing"),
            ("description", "ipd_description"),
            ("infoTypes", "ipd_info_types"),
            ("timeFrame", "ipd_time_frame"),
            ("accessCriteria", "ipd_access_criteria"),
            ("url", "ipd_url"),
        ),
    ),
    (
        "resultsSection.participantFlowModule",
        (("preAssignmentDetails", "pre_assignment_details"), ("recruitmentDetails", "recruitment_details")),
    ),
    ("resultsSection.baselineCharacteristicsModule", (("populationDescription", "baseline_population"),)),
    (
        "resultsSection.adverseEventsModule",
        (
            ("timeFrame", "ae_time_frame"),
            ("description", "ae_description"),
            ("allCauseMortalityComment", "mortality_comment"),
        ),
    ),
    ("resultsSection.moreInfoModule.limitationsAndCaveats", (("description", "limitations"),)),
    (
        "resultsSection.moreInfoModule.certainAgreement",
        (
            ("piSponsorEmployee", "pi_sponsor_employee"),
            ("restrictionType", "restriction_type"),
            ("restrictiveAgreement", "restrictive_agreement"),
            ("otherDetails", "restriction_details"),
        ),
    ),
    ("derivedSection.miscInfoModule", (("removedCountries", "removed_countries"),)),
)
_REGISTRY: Rows = (
    (
        "protocolSection.statusModule",
        (
            ("statusVerifiedDate", "status_verified"),
            ("delayedPosting", "delayed_posting"),
            ("studyFirstSubmitDate", "first_submitted"),
            ("studyFirstSubmitQcDate", "first_submitted_qc"),
            ("resultsWaived", "results_waived"),
            ("resultsFirstSubmitDate", "results_first_submitted"),
            ("resultsFirstSubmitQcDate", "results_first_submitted_qc"),
            ("dispFirstSubmitDate", "delay_certificate_submitted"),
            ("dispFirstSubmitQcDate", "delay_certificate_submitted_qc"),
            ("lastUpdateSubmitDate", "last_update_submitted"),
        ),
    ),
    (
        "protocolSection.statusModule.studyFirstPostDateStruct",
        (("date", "first_posted"), ("type", "first_posted_type")),
    ),
    (
        "protocolSection.statusModule.resultsFirstPostDateStruct",
        (("date", "results_first_posted"), ("type", "results_first_posted_type")),
    ),
    (
        "protocolSection.statusModule.dispFirstPostDateStruct",
        (("date", "delay_certificate_posted"), ("type", "delay_certificate_posted_type")),
    ),
    (
        "protocolSection.statusModule.lastUpdatePostDateStruct",
        (("date", "last_update_posted"), ("type", "last_update_posted_type")),
    ),
    ("documentSection.largeDocumentModule", (("noSap", "no_sap"),)),
    (
        "annotationSection.annotationModule.unpostedAnnotation",
        (("unpostedResponsibleParty", "unposted_responsible_party"),),
    ),
    (
        "derivedSection.miscInfoModule.submissionTracking",
        (("estimatedResultsFirstSubmitDate", "results_estimated"),),
    ),
    (
        "derivedSection.miscInfoModule.submissionTracking.firstMcpInfo.postDateStruct",
        (("date", "first_mcp_posted"), ("type", "first_mcp_posted_type")),
    ),
)


def at(record: Json, path: str) -> Json:
    """Return the object at a path of keys, or nothing when it is not there."""
    found: Json = record
    for key in path.split("."):
        found = found.get(key, NOTHING)
    return found


def study_fields(record: Json) -> Json:
    """Return what goes into a Study as it is, by attribute."""
    return _fields(record, _STUDY)


def registry_record(record: Json) -> RegistryRecord:
    """Return what goes into a RegistryRecord as it is."""
    return RegistryRecord(**_fields(record, _REGISTRY))


def copy(source: Json, names: tuple[tuple[str, str], ...]) -> Json:
    """Return the values of some keys under other names; those that are not there are left out."""
    return {attribute: source[key] for key, attribute in names if key in source}


def _fields(record: Json, rows: Rows) -> Json:
    found: Json = {}
    for path, names in rows:
        source = at(record, path) if path else record
        if source:
            found.update(copy(source, names))
    return found
