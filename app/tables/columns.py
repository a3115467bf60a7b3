"""Which tables there are, and which property of the graph each column holds: what is written, and what is documented.

A row is one thing as one source tells it. Every table begins with the columns of `Table.frame` (the thing, its study,
the graph, the source), then come those declared here. A column without a description of its own has that of its
property in the ontology.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["ANY", "TABLES", "Column", "Kind", "Table"]

ANY = "*"
"""In place of a property: whichever there is."""


class Kind(StrEnum):
    """What a cell holds. The value is how the documentation calls it."""

    IRI = "IRI"
    TEXT = "text"
    CODE = "code"
    INTEGER = "integer"
    NUMBER = "double"
    BOOLEAN = "boolean"
    DATE = "date"
    DURATION = "duration"
    CLASS = "class"
    PROPERTY = "property"


IRI, TEXT, CODE, INTEGER, NUMBER = Kind.IRI, Kind.TEXT, Kind.CODE, Kind.INTEGER, Kind.NUMBER
BOOLEAN, DATE, DURATION, CLASS, PROPERTY = Kind.BOOLEAN, Kind.DATE, Kind.DURATION, Kind.CLASS, Kind.PROPERTY


@dataclass(frozen=True, slots=True)
class Column:
    """One column: the property whose value it holds, and in which unit.

    `path` is a property, prefix:name; `a/b` is property b of what a leads to, and `^a` what leads here by a.
    `many` makes each cell a list of all values; any other column holds one.
    A date is written as a date where day, month and year are known; `<name>_text` has it as it was printed.
    """

    name: str
    path: str
    kind: Kind
    unit: str = ""
    about: str = ""
    many: bool = False

    @property
    def inverse(self) -> bool:
        """Say whether the column holds what leads to the thing, not what the thing leads to."""
        return self.path.startswith("^")

    @property
    def steps(self) -> list[str]:
        """The properties on the way from the thing to the value: one or two."""
        return self.path.removeprefix("^").split("/")


@dataclass(frozen=True, slots=True)
class Table:
    """One table: the things of one class. `key` names the column with their IRIs."""

    name: str
    of: str
    key: str
    about: str
    declared: tuple[Column, ...]

    @property
    def frame(self) -> tuple[Column, ...]:
        """The columns every table begins with. They are no property of the thing, but where it was found."""
        key = Column(self.key, "", IRI, about=f"The {self.key.replace('_', ' ')}. With `graph`, the key of the row.")
        study = Column("study", "", IRI, about="The study it belongs to.")
        graph = Column("graph", "", IRI, about="The named graph: what one source says about one study.")
        source = Column("source", "", CODE, about="The kind of source: CTGOV, PUBMED, PAGE or CURATED.")
        return (key, graph, source) if self.key == "study" else (key, study, graph, source)

    @property
    def columns(self) -> tuple[Column, ...]:
        """All columns as they are written, the printed text of a date after the date."""
        return (*self.frame, *(written for column in self.declared for written in _written(column)))


def _written(column: Column) -> Iterator[Column]:
    yield column
    if column.kind is DATE:
        about = f"`{column.name}` as printed: a year, a month or a day."
        yield Column(f"{column.name}_text", column.path, TEXT, about=about)


_LABEL = "Its name, as the source gives it."
_DESCRIPTION = "Its description, as the source gives it."
_PEOPLE = "participants"
_PERCENT = "percent"
_IN_UNIT = "as `unit_text`"

_STUDY = (
    Column("label", "rdfs:label", TEXT, about="The name the study is shown by."),
    Column("identifiers", "dcterms:identifier", TEXT, many=True, about="Its NCT id, PubMed id, DOI and other ids."),
    Column("registry_record", "tw:registeredAs", IRI),
    Column("study_type", "tw:studyType", CODE),
    Column("brief_title", "tw:briefTitle", TEXT),
    Column("official_title", "tw:officialTitle", TEXT),
    Column("acronym", "tw:acronym", TEXT),
    Column("phases", "tw:phase", CODE, many=True),
    Column("overall_status", "tw:overallStatus", CODE),
    Column("last_known_status", "tw:lastKnownStatus", CODE),
    Column("why_stopped", "tw:whyStopped", TEXT),
    Column("has_results", "tw:hasResults", BOOLEAN),
    Column("allocation", "tw:allocation", CODE),
    Column("intervention_model", "tw:interventionModel", CODE),
    Column("intervention_model_description", "tw:interventionModelDescription", TEXT),
    Column("masking", "tw:masking", CODE),
    Column("masking_description", "tw:maskingDescription", TEXT),
    Column("who_masked", "tw:whoMasked", CODE, many=True),
    Column("primary_purpose", "tw:primaryPurpose", CODE),
    Column("observational_model", "tw:observationalModel", CODE),
    Column("time_perspective", "tw:timePerspective", CODE),
    Column("target_duration", "tw:targetDuration", DURATION),
    Column("target_duration_text", "tw:targetDurationText", TEXT),
    Column("patient_registry", "tw:patientRegistry", BOOLEAN),
    Column("multicenter", "tw:multicenter", BOOLEAN),
    Column("enrollment", "tw:enrollmentCount", INTEGER, _PEOPLE),
    Column("enrollment_type", "tw:enrollmentType", CODE),
    Column("start_date", "tw:startDate", DATE),
    Column("start_date_type", "tw:startDateType", CODE),
    Column("primary_completion_date", "tw:primaryCompletionDate", DATE),
    Column("primary_completion_date_type", "tw:primaryCompletionDateType", CODE),
    Column("completion_date", "tw:completionDate", DATE),
    Column("completion_date_type", "tw:completionDateType", CODE),
    Column("first_posted", "tw:registeredAs/tw:firstPostDate", DATE),
    Column("results_first_posted", "tw:registeredAs/tw:resultsFirstPostDate", DATE),
    Column("last_update_posted", "tw:registeredAs/tw:lastUpdatePostDate", DATE),
    Column("lead_sponsor", "tw:leadSponsor", IRI),
    Column("lead_sponsor_name", "tw:leadSponsor/rdfs:label", TEXT, about="The name of the lead sponsor."),
    Column("lead_sponsor_class", "tw:leadSponsor/tw:agencyClass", CODE),
    Column("collaborators", "tw:collaborator", IRI, many=True),
    Column("collaborator_names", "tw:collaborator/rdfs:label", TEXT, many=True, about="Names of the collaborators."),
    Column("responsible_party_type", "tw:responsiblePartyType", CODE),
    Column("conditions", "tw:condition", IRI, many=True),
    Column("condition_texts", "tw:conditionText", TEXT, many=True),
    Column("keywords", "tw:keyword", TEXT, many=True),
    Column("intervention_concepts", "tw:interventionConcept", IRI, many=True),
    Column("brief_summary", "tw:briefSummary", TEXT),
    Column("detailed_description", "tw:detailedDescription", TEXT),
    Column("eligibility_text", "tw:eligibilityText", TEXT),
    Column("healthy_volunteers", "tw:healthyVolunteers", BOOLEAN),
    Column("sex", "tw:sexEligible", CODE),
    Column("gender_based", "tw:genderBased", BOOLEAN),
    Column("min_age", "tw:minAge", NUMBER, "as `min_age_unit`"),
    Column("min_age_unit", "tw:minAgeUnit", TEXT, "UCUM"),
    Column("min_age_text", "tw:minAgeText", TEXT),
    Column("max_age", "tw:maxAge", NUMBER, "as `max_age_unit`"),
    Column("max_age_unit", "tw:maxAgeUnit", TEXT, "UCUM"),
    Column("max_age_text", "tw:maxAgeText", TEXT),
    Column("standard_ages", "tw:standardAge", CODE, many=True),
    Column("study_population", "tw:studyPopulation", TEXT),
    Column("sampling_method", "tw:samplingMethod", CODE),
    Column("has_dmc", "tw:hasDmc", BOOLEAN),
    Column("fda_regulated_drug", "tw:fdaRegulatedDrug", BOOLEAN),
    Column("fda_regulated_device", "tw:fdaRegulatedDevice", BOOLEAN),
    Column("ipd_sharing", "tw:ipdSharing", CODE),
    Column("ipd_description", "tw:ipdDescription", TEXT),
    Column("frequency_threshold", "tw:frequencyThreshold", NUMBER, _PERCENT),
    Column("ae_time_frame", "tw:aeTimeFrame", TEXT),
    Column("limitations", "tw:limitations", TEXT),
)
_COHORT = (
    Column("label", "rdfs:label", TEXT, about=_LABEL),
    Column("kind", "tw:cohortKind", CODE),
    Column("role", "tw:cohortRole", CODE),
    Column("size", "tw:cohortSize", INTEGER, _PEOPLE),
    Column("unit_count", "tw:unitCount", INTEGER, "as `counted_unit`"),
    Column("counted_unit", "tw:countedUnit", TEXT),
    Column("description", "dcterms:description", TEXT, about=_DESCRIPTION),
    Column("subgroup_of", "tw:subgroupOf", IRI),
    Column("source_group_id", "tw:sourceGroupId", TEXT),
)
_INTERVENTION = (
    Column("label", "rdfs:label", TEXT, about=_LABEL),
    Column("type", "tw:interventionType", CODE),
    Column("description", "dcterms:description", TEXT, about=_DESCRIPTION),
    Column("other_names", "skos:altLabel", TEXT, many=True, about="Other names the source gives."),
    Column("concepts", "tw:interventionConcept", IRI, many=True),
)
_ADMINISTRATION = (
    Column("cohort", "^tw:receives", IRI, about="The cohort that receives it."),
    Column("intervention", "tw:ofIntervention", IRI),
    Column("route", "tw:route", CODE),
    Column("number_of_doses", "tw:numberOfDoses", INTEGER, "doses"),
    Column("dose_value", "tw:doseValue", NUMBER, "as `dose_unit_text`"),
    Column("dose_unit_text", "tw:doseUnitText", TEXT),
    Column("dose_interval", "tw:doseInterval", DURATION),
    Column("dose_text", "tw:doseText", TEXT),
)
_OUTCOME = (
    Column("label", "rdfs:label", TEXT, about=_LABEL),
    Column("type", "tw:outcomeType", CODE),
    Column("domain", "tw:outcomeDomain", CODE),
    Column("description", "dcterms:description", TEXT, about=_DESCRIPTION),
    Column("instrument", "tw:instrument", TEXT),
    Column("scale_min", "tw:scaleMin", NUMBER, "points of the scale"),
    Column("scale_max", "tw:scaleMax", NUMBER, "points of the scale"),
    Column("time_frame", "tw:timeFrameText", TEXT),
    Column("is_safety", "tw:isSafetyOutcome", BOOLEAN),
    Column("planned_as", "tw:plannedAs", IRI),
    Column("reporting_status", "tw:reportingStatus", CODE),
    Column("anticipated_posting", "tw:anticipatedPostingDate", DATE),
    Column("analysis_population", "tw:analysisPopulationText", TEXT),
    Column("unit_text", "tw:unitText", TEXT),
    Column("ucum_code", "tw:ucumCode", TEXT, "UCUM"),
    Column("calculate_pct", "tw:calculatePct", BOOLEAN),
    Column("type_units_analyzed", "tw:typeUnitsAnalyzed", TEXT),
    Column("denom_units", "tw:denomUnits", TEXT),
)
_VARIABLE = (
    Column("label", "rdfs:label", TEXT, about=_LABEL),
    Column("description", "dcterms:description", TEXT, about=_DESCRIPTION),
    Column("analysis_population", "tw:analysisPopulationText", TEXT),
    Column("unit_text", "tw:unitText", TEXT),
    Column("ucum_code", "tw:ucumCode", TEXT, "UCUM"),
    Column("calculate_pct", "tw:calculatePct", BOOLEAN),
    Column("denom_units", "tw:denomUnits", TEXT),
)
_FINDING = (
    Column("value", "tw:value", NUMBER, _IN_UNIT),
    Column("value_text", "tw:valueText", TEXT),
    Column("unit_text", "tw:unitText", TEXT),
    Column("ucum_code", "tw:ucumCode", TEXT, "UCUM"),
    Column("time_offset", "tw:timeOffset", DURATION),
    Column("time_anchor", "tw:timeAnchor", CODE),
    Column("time_text", "tw:timeText", TEXT),
    Column("time_method", "tw:timeMethod", CODE),
    Column("reporting", "tw:reportingCompleteness", CODE),
    Column("comments", "tw:comment", TEXT, many=True),
)
_INTERVAL = (
    Column("ci_level", "tw:ciLevel", NUMBER, _PERCENT),
    Column("ci_sides", "tw:ciSides", INTEGER, "1 or 2"),
    Column("ci_lower", "tw:ciLower", NUMBER, _IN_UNIT),
    Column("ci_upper", "tw:ciUpper", NUMBER, _IN_UNIT),
)
_P_VALUE = (
    Column("p_value", "tw:pValue", NUMBER, "0 to 1"),
    Column("p_value_operator", "tw:pValueOperator", TEXT),
    Column("p_value_text", "tw:pValueText", TEXT),
    Column("significance", "tw:significance", CODE),
)
_RESULT = (
    Column("kind", "rdf:type", CLASS, about="OutcomeResult, BaselineResult, AdverseEventResult or FlowResult."),
    Column("cohort", "tw:forCohort", IRI),
    Column("outcome", "tw:forOutcome", IRI),
    Column("variable", "tw:forVariable", IRI),
    Column("event", "tw:forAdverseEvent", IRI),
    *_FINDING,
    Column("count", "tw:count", INTEGER, _PEOPLE),
    Column("denominator", "tw:denominator", INTEGER, _PEOPLE),
    Column("percentage", "tw:percentage", NUMBER, _PERCENT),
    Column("affected", "tw:countAffected", INTEGER, _PEOPLE),
    Column("at_risk", "tw:countAtRisk", INTEGER, _PEOPLE),
    Column("events", "tw:countEvents", INTEGER, "events"),
    Column("derivation", "tw:derivation", CODE),
    Column("statistic", "tw:statistic", CODE),
    Column("dispersion_type", "tw:dispersionType", CODE),
    Column("dispersion_type_text", "tw:dispersionTypeText", TEXT),
    Column("spread", "tw:spread", NUMBER, _IN_UNIT),
    Column("spread_text", "tw:spreadText", TEXT),
    Column("lower_limit", "tw:lowerLimit", NUMBER, _IN_UNIT),
    Column("lower_limit_text", "tw:lowerLimitText", TEXT),
    Column("upper_limit", "tw:upperLimit", NUMBER, _IN_UNIT),
    Column("upper_limit_text", "tw:upperLimitText", TEXT),
    *_INTERVAL,
    Column("class_title", "tw:classTitle", TEXT),
    Column("category", "tw:category", TEXT),
    Column("change_direction", "tw:changeDirection", CODE),
    Column("missing_reason", "tw:missingReason", CODE),
    Column("period", "tw:periodTitle", TEXT),
    Column("period_number", "tw:periodNumber", INTEGER, "from 1"),
    Column("milestone", "tw:milestone", CODE),
    Column("milestone_text", "tw:milestoneText", TEXT),
    Column("drop_reason", "tw:dropReason", CODE),
    Column("drop_reason_text", "tw:dropReasonText", TEXT),
    Column("unit_count", "tw:unitCount", INTEGER, "what is counted instead of participants"),
)
_EFFECT = (
    Column("outcome", "tw:forOutcome", IRI),
    Column("compared", "tw:comparedCohort", IRI),
    Column("reference", "tw:referenceCohort", IRI),
    Column("involves", "tw:involvesCohort", IRI, many=True),
    Column("contrast_unspecified", "tw:contrastUnspecified", BOOLEAN),
    Column("measure", "tw:effectMeasure", IRI),
    Column("measure_text", "tw:effectMeasureText", TEXT),
    *_FINDING,
    *_INTERVAL,
    Column("ci_lower_text", "tw:ciLowerText", TEXT),
    Column("ci_upper_text", "tw:ciUpperText", TEXT),
    *_P_VALUE,
    Column("direction", "tw:effectDirection", CODE),
    Column("dispersion_type", "tw:dispersionType", CODE),
    Column("dispersion_type_text", "tw:dispersionTypeText", TEXT),
    Column("spread", "tw:spread", NUMBER, _IN_UNIT),
    Column("spread_text", "tw:spreadText", TEXT),
    Column("statistical_method", "tw:statisticalMethod", TEXT),
    Column("hypothesis_type", "tw:hypothesisType", CODE),
    Column("tested_non_inferiority", "tw:testedNonInferiority", BOOLEAN),
    Column("non_inferiority_comment", "tw:nonInferiorityComment", TEXT),
    Column("descriptions", "dcterms:description", TEXT, many=True, about="What the source says about the analysis."),
)
_ASSOCIATION = (
    Column("cohort", "tw:forCohort", IRI),
    Column("outcome", "tw:forOutcome", IRI),
    Column("variable1_text", "tw:variable1Text", TEXT),
    Column("variable2_text", "tw:variable2Text", TEXT),
    Column("variable1", "tw:variable1", IRI),
    Column("variable2", "tw:variable2", IRI),
    Column("measure", "tw:associationMeasure", IRI),
    Column("sign", "tw:associationSign", CODE),
    *_FINDING,
    *_P_VALUE,
)
_EVENT = (
    Column("term", "tw:aeTerm", TEXT),
    Column("organ_system", "tw:organSystem", TEXT),
    Column("serious", "tw:serious", BOOLEAN),
    Column("treatment_related", "tw:treatmentRelated", BOOLEAN),
    Column("severity", "tw:severity", CODE),
    Column("is_total", "tw:isTotal", BOOLEAN),
    Column("is_death", "tw:isDeath", BOOLEAN),
    Column("assessment_type", "tw:assessmentType", CODE),
    Column("source_vocabulary", "tw:sourceVocabulary", TEXT),
    Column("vocabulary_version", "tw:vocabularyVersion", TEXT),
    Column("comment", "tw:comment", TEXT),
    Column("description", "dcterms:description", TEXT, about=_DESCRIPTION),
)
_PUBLICATION = (
    Column(
        "relations",
        f"^{ANY}",
        PROPERTY,
        many=True,
        about="How the study refers to it: reportedIn, referenceResult, referenceDerived, referenceBackground.",
    ),
    Column("pmid", "tw:pmid", TEXT),
    Column("doi", "tw:doi", TEXT),
    Column("pmcid", "tw:pmcid", TEXT),
    Column("title", "dcterms:title", TEXT, about="The title of the article."),
    Column("citation", "tw:citation", TEXT),
    Column("journal", "tw:journal", TEXT),
    Column("journal_abbrev", "tw:journalAbbrev", TEXT),
    Column("issn", "tw:issn", TEXT),
    Column("volume", "tw:volume", TEXT),
    Column("issue", "tw:issue", TEXT),
    Column("pages", "tw:pages", TEXT),
    Column("issued", "dcterms:issued", DATE, about="When it was published."),
    Column("available", "dcterms:available", DATE, about="When it was there to read, in print or ahead of it."),
    Column("publisher", "dcterms:publisher", TEXT, about="Who published it."),
    Column("first_creator", "tw:firstCreator", TEXT),
    Column("creators", "dcterms:creator", TEXT, many=True, about="The authors' names, in no order."),
    Column("creator_line", "tw:creatorLine", TEXT),
    Column("publication_types", "tw:publicationType", IRI, many=True),
    Column("publication_type_texts", "tw:publicationTypeText", TEXT, many=True),
    Column("mesh_headings", "tw:meshHeading", IRI, many=True),
    Column("mesh_major", "tw:meshMajor", IRI, many=True),
    Column("chemicals", "tw:chemical", IRI, many=True),
    Column("keywords", "tw:keyword", TEXT, many=True),
    Column("accessions", "tw:accession", TEXT, many=True),
    Column("cited", "dcterms:references", IRI, many=True, about="The publications that it cites."),
    Column("retracted_by", "tw:retractedBy", IRI, many=True),
    Column("corrected_by", "tw:correctedBy", IRI, many=True),
    Column("expression_of_concern", "tw:expressionOfConcern", IRI, many=True),
)
_SITE = (
    Column("facility", "rdfs:label", TEXT, about="The name of the place."),
    Column("city", "tw:city", TEXT),
    Column("state", "tw:state", TEXT),
    Column("country", "tw:country", TEXT),
    Column("postal_code", "tw:postalCode", TEXT),
    Column("status", "tw:recruitmentStatus", CODE),
    Column("latitude", "schema:latitude", NUMBER, "degrees, WGS 84", "How far north it lies."),
    Column("longitude", "schema:longitude", NUMBER, "degrees, WGS 84", "How far east it lies."),
)
_CRITERION = (
    Column("kind", "tw:criterionKind", CODE),
    Column("text", "rdfs:label", TEXT, about="The criterion, word for word."),
    Column("method", "tw:extractionMethod", CODE),
)
_LINK = (
    Column("target", "tw:linkTarget", IRI),
    Column("status", "tw:linkStatus", CODE),
    Column("confidence", "tw:confidence", NUMBER, "0 to 1"),
    Column("reason", "rdfs:comment", TEXT, about="Why the two may be the same study."),
)
_CONCEPT_LINK = (
    Column("concept", "tw:linkedConcept", IRI),
    Column("text", "tw:linkedText", TEXT),
    Column("text_kind", "tw:textKind", CODE),
    Column("part", "tw:linkedPart", IRI),
    Column("method", "tw:matchMethod", CODE),
    Column("confidence", "tw:confidence", NUMBER, "0 to 1"),
)

TABLES = (
    Table("studies", "tw:Study", "study", "The studies.", _STUDY),
    Table("cohorts", "tw:Cohort", "cohort", "Any group that a number is reported for.", _COHORT),
    Table("interventions", "tw:Intervention", "intervention", "What is given, once per study.", _INTERVENTION),
    Table(
        "administrations",
        "tw:Administration",
        "administration",
        "How a cohort receives an intervention.",
        _ADMINISTRATION,
    ),
    Table("outcomes", "tw:Outcome", "outcome", "The definitions of measures, planned or posted.", _OUTCOME),
    Table("variables", "tw:BaselineVariable", "variable", "The definitions of baseline characteristics.", _VARIABLE),
    Table(
        "results",
        "tw:Result",
        "result",
        "One number or stated finding for one cohort: of an outcome, a baseline variable, an adverse event, or the"
        " participant flow. `kind` says which, and `outcome`, `variable` and `event` of what.",
        _RESULT,
    ),
    Table(
        "effects", "tw:EffectEstimate", "effect", "Comparisons of cohorts: compared minus, or over, reference.", _EFFECT
    ),
    Table("associations", "tw:Association", "association", "Relations of two variables in one cohort.", _ASSOCIATION),
    Table(
        "events",
        "tw:AdverseEvent",
        "event",
        "Kinds of adverse events. Their numbers for each cohort are the rows of `results` with that `event`.",
        _EVENT,
    ),
    Table(
        "publications",
        "tw:Publication",
        "publication",
        "Articles, once for each source that speaks of them. `study` is empty where an article reports no one study.",
        _PUBLICATION,
    ),
    Table("sites", "tw:Site", "site", "Places where participants are seen.", _SITE),
    Table("criteria", "tw:EligibilityCriterion", "criterion", "Eligibility criteria.", _CRITERION),
    Table("links", "tw:StudyLink", "link", "Proposed identities of studies; `graph` is where each was read.", _LINK),
    Table(
        "concept_links",
        "tw:ConceptLink",
        "concept_link",
        "Texts of studies that name a concept of MeSH: claims with a method, not facts of the source.",
        _CONCEPT_LINK,
    ),
)
