"""What one source says about one study, as plain typed records: the middle of everything.

Readers fill these, `loaders.emit` turns them into quads, and the curated YAML files are these records written out:
a field's name and type here is the schema there. Nothing in this module knows about RDF or about any source.

Conventions
    Parts of a study refer to each other by `name`, a short stable word that is unique among the parts of its kind.
    A number is a `Decimal` or an `int` and stands beside the text it was printed as (`value_text`, `p_value_text`).
    Dates keep the precision they were printed with: yyyy, yyyy-MM or yyyy-MM-dd. Durations are xsd:duration (P4M, P7D).
    MeSH concepts are descriptor or supplementary ids (D000690); statistics are CURIEs (STATO:0000201).
    None and the empty list mean "the source does not say".

Ranges (a probability lies in 0..1, a count is not negative) are not checked here: the SHACL shapes are the one place
that decides which facts are sound, for every source alike.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, ClassVar, Literal, get_args

from pydantic import Field

__all__ = [
    "SCHEMES",
    "Administration",
    "AdverseEvent",
    "AdverseEventResult",
    "Article",
    "Association",
    "Author",
    "BaselineResult",
    "BaselineVariable",
    "Cohort",
    "Criterion",
    "Deleted",
    "EffectEstimate",
    "Evidence",
    "Finding",
    "FlowResult",
    "Grant",
    "Identifier",
    "Intervention",
    "Organization",
    "Outcome",
    "OutcomeResult",
    "Person",
    "Publication",
    "RegistryEvent",
    "RegistryRecord",
    "Result",
    "Site",
    "Source",
    "Study",
    "StudyDocument",
    "StudyLink",
    "TextSection",
    "WebLink",
    "WebPage",
]

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=120)]
NctId = Annotated[str, Field(pattern=r"^NCT[0-9]{8}$", description="NCT and eight digits, upper case")]
Pmid = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,8}$", description="a PubMed id: digits only")]
Doi = Annotated[
    str, Field(pattern=r"^10\.[0-9]{4,9}/\S+$", description="a DOI without a resolver's address: 10.1002/ana.25302")
]
Date = Annotated[
    str,
    Field(
        pattern=r"^[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?$", description="yyyy, yyyy-MM or yyyy-MM-dd, as precise as printed"
    ),
]
Duration = Annotated[
    str,
    Field(
        pattern=r"^P([0-9]+Y)?([0-9]+M)?([0-9]+D)?(T([0-9]+H)?([0-9]+M)?)?$",
        min_length=3,
        description="an xsd:duration, which has no weeks: P4M, P7D",
    ),
]
MeshId = Annotated[
    str, Field(pattern=r"^[CD][0-9]{6,9}$", description="a MeSH descriptor or supplementary id: D000690")
]
MeshQualified = Annotated[
    str,
    Field(pattern=r"^D[0-9]{6,9}Q[0-9]{6,9}$", description="a MeSH descriptor with a qualifier: D000690Q000188"),
]
Orcid = Annotated[
    str,
    Field(
        pattern=r"^[0-9]{4}-[0-9]{4}-[0-9]{4}-[0-9]{3}[0-9X]$", description="an ORCID iD with its hyphens, no address"
    ),
]
Curie = Annotated[
    str, Field(pattern=r"^(STATO:[0-9]{7}|NCIT:C[0-9]+)$", description="a STATO or NCIT CURIE: STATO:0000201")
]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="a SHA-256 in lower-case hexadecimal")]

StudyType = Literal["INTERVENTIONAL", "OBSERVATIONAL", "EXPANDED_ACCESS"]
Phase = Literal["NA", "EARLY_PHASE1", "PHASE1", "PHASE2", "PHASE3", "PHASE4"]
Status = Literal[
    "ACTIVE_NOT_RECRUITING", "COMPLETED", "ENROLLING_BY_INVITATION", "NOT_YET_RECRUITING", "RECRUITING", "SUSPENDED",
    "TERMINATED", "WITHDRAWN", "AVAILABLE", "NO_LONGER_AVAILABLE", "TEMPORARILY_NOT_AVAILABLE",
    "APPROVED_FOR_MARKETING", "WITHHELD", "UNKNOWN",
]  # fmt: skip
Allocation = Literal["RANDOMIZED", "NON_RANDOMIZED", "NA"]
InterventionModel = Literal["SINGLE_GROUP", "PARALLEL", "CROSSOVER", "FACTORIAL", "SEQUENTIAL"]
Masking = Literal["NONE", "SINGLE", "DOUBLE", "TRIPLE", "QUADRUPLE"]
PrimaryPurpose = Literal[
    "TREATMENT", "PREVENTION", "DIAGNOSTIC", "ECT", "SUPPORTIVE_CARE", "SCREENING", "HEALTH_SERVICES_RESEARCH",
    "BASIC_SCIENCE", "DEVICE_FEASIBILITY", "OTHER",
]  # fmt: skip
ObservationalModel = Literal[
    "COHORT", "CASE_CONTROL", "CASE_ONLY", "CASE_CROSSOVER", "ECOLOGIC_OR_COMMUNITY", "FAMILY_BASED",
    "DEFINED_POPULATION", "NATURAL_HISTORY", "OTHER",
]  # fmt: skip
TimePerspective = Literal["RETROSPECTIVE", "PROSPECTIVE", "CROSS_SECTIONAL", "OTHER"]
WhoMasked = Literal["PARTICIPANT", "CARE_PROVIDER", "INVESTIGATOR", "OUTCOMES_ASSESSOR"]
Sex = Literal["FEMALE", "MALE", "ALL"]
StandardAge = Literal["CHILD", "ADULT", "OLDER_ADULT"]
SamplingMethod = Literal["PROBABILITY_SAMPLE", "NON_PROBABILITY_SAMPLE"]
BioSpecRetention = Literal["NONE_RETAINED", "SAMPLES_WITH_DNA", "SAMPLES_WITHOUT_DNA"]
ExpandedAccessStatus = Literal[
    "AVAILABLE", "NO_LONGER_AVAILABLE", "TEMPORARILY_NOT_AVAILABLE", "APPROVED_FOR_MARKETING",
]  # fmt: skip
ExpandedAccessType = Literal["INDIVIDUAL", "INTERMEDIATE", "TREATMENT"]
RecruitmentStatus = Literal[
    "ACTIVE_NOT_RECRUITING", "COMPLETED", "ENROLLING_BY_INVITATION", "NOT_YET_RECRUITING", "RECRUITING", "SUSPENDED",
    "TERMINATED", "WITHDRAWN", "AVAILABLE",
]  # fmt: skip
DateType = Literal["ACTUAL", "ESTIMATED"]
ResponsiblePartyType = Literal["SPONSOR", "PRINCIPAL_INVESTIGATOR", "SPONSOR_INVESTIGATOR"]
OfficialRole = Literal["STUDY_CHAIR", "STUDY_DIRECTOR", "PRINCIPAL_INVESTIGATOR", "SUB_INVESTIGATOR"]
SecondaryIdType = Literal[
    "NIH", "FDA", "VA", "CDC", "AHRQ", "SAMHSA", "OTHER_GRANT", "EUDRACT_NUMBER", "CTIS", "REGISTRY", "OTHER",
    "NCT_ALIAS",
]  # fmt: skip
IpdSharing = Literal["YES", "NO", "UNDECIDED"]
InfoType = Literal["STUDY_PROTOCOL", "SAP", "ICF", "CSR", "ANALYTIC_CODE"]
ReportingStatus = Literal["NOT_POSTED", "POSTED"]
NonInferiorityType = Literal[
    "SUPERIORITY", "NON_INFERIORITY", "EQUIVALENCE", "OTHER", "NON_INFERIORITY_OR_EQUIVALENCE", "SUPERIORITY_OR_OTHER",
    "NON_INFERIORITY_OR_EQUIVALENCE_LEGACY", "SUPERIORITY_OR_OTHER_LEGACY",
]  # fmt: skip
EventAssessment = Literal["NON_SYSTEMATIC_ASSESSMENT", "SYSTEMATIC_ASSESSMENT"]
RestrictionType = Literal["LTE60", "GT60", "OTHER"]
UnpostedEventType = Literal["RESET", "RELEASE", "UNRELEASE"]
ViolationEventType = Literal[
    "VIOLATION_IDENTIFIED", "CORRECTION_CONFIRMED", "PENALTY_IMPOSED", "ISSUES_IN_LETTER_ADDRESSED_CONFIRMED",
]  # fmt: skip
EnrollmentType = Literal["ACTUAL", "ESTIMATED"]
AgencyClass = Literal["NIH", "FED", "OTHER_GOV", "INDIV", "INDUSTRY", "NETWORK", "AMBIG", "OTHER", "UNKNOWN"]
CohortKind = Literal["ARM", "ALL", "SUBGROUP", "FLOW_GROUP", "BASELINE_GROUP", "OUTCOME_GROUP", "EVENT_GROUP"]
ArmGroupType = Literal[
    "EXPERIMENTAL", "ACTIVE_COMPARATOR", "PLACEBO_COMPARATOR", "SHAM_COMPARATOR", "NO_INTERVENTION", "OTHER",
]  # fmt: skip
InterventionType = Literal[
    "BEHAVIORAL", "BIOLOGICAL", "COMBINATION_PRODUCT", "DEVICE", "DIAGNOSTIC_TEST", "DIETARY_SUPPLEMENT", "DRUG",
    "GENETIC", "PROCEDURE", "RADIATION", "OTHER",
]  # fmt: skip
Route = Literal[
    "INTRATHECAL", "INTRASPINAL", "INTRACEREBROVENTRICULAR", "INTRAVENOUS", "INTRAARTERIAL", "INTRAMUSCULAR",
    "SUBCUTANEOUS", "INTRADERMAL", "ORAL", "SUBLINGUAL", "NASAL", "INHALED", "OPHTHALMIC", "OTIC", "RECTAL", "VAGINAL",
    "TOPICAL", "TRANSDERMAL", "OTHER",
]  # fmt: skip
OutcomeType = Literal["PRIMARY", "SECONDARY", "OTHER_PRE_SPECIFIED", "POST_HOC"]
OutcomeDomain = Literal["EFFICACY", "SAFETY", "IMAGING", "BIOMARKER", "PATIENT_REPORTED", "SURVIVAL", "OTHER"]
Statistic = Literal[
    "GEOMETRIC_MEAN", "GEOMETRIC_LEAST_SQUARES_MEAN", "LEAST_SQUARES_MEAN", "LOG_MEAN", "MEAN", "MEDIAN", "NUMBER",
    "COUNT_OF_PARTICIPANTS", "COUNT_OF_UNITS",
]  # fmt: skip
DispersionType = Literal[
    "NA", "STANDARD_DEVIATION", "STANDARD_ERROR", "INTER_QUARTILE_RANGE", "FULL_RANGE", "CONFIDENCE_80",
    "CONFIDENCE_90", "CONFIDENCE_95", "CONFIDENCE_975", "CONFIDENCE_99", "CONFIDENCE_OTHER", "GEOMETRIC_COEFFICIENT",
]  # fmt: skip
Anchor = Literal["BASELINE", "RANDOMIZATION", "FIRST_DOSE", "LAST_DOSE", "POST_INJECTION", "POST_SURGERY", "UNKNOWN"]
Derivation = Literal["REPORTED", "COMPUTED", "INTERPRETED"]
MissingReason = Literal["NOT_REACHED", "NOT_ESTIMABLE", "BELOW_LOQ", "NOT_COLLECTED", "OTHER"]
Change = Literal["INCREASED", "DECREASED", "UNCHANGED"]
Direction = Literal["FAVOURS_COMPARED", "FAVOURS_REFERENCE", "NEITHER"]
Significance = Literal["SIGNIFICANT", "NOT_SIGNIFICANT", "NO_DIFFERENCE_REPORTED"]
Sign = Literal["POSITIVE", "NEGATIVE"]
Reporting = Literal["FULL", "PARTIAL", "QUALITATIVE_ONLY"]
Severity = Literal["MILD", "MODERATE", "SEVERE", "MILD_TO_MODERATE"]
Milestone = Literal["STARTED", "COMPLETED", "NOT_COMPLETED"]
DropReason = Literal[
    "WITHDRAWAL_BY_SUBJECT", "LOST_TO_FOLLOW_UP", "ADVERSE_EVENT", "PROTOCOL_VIOLATION", "PHYSICIAN_DECISION",
    "LACK_OF_EFFICACY", "DEATH", "OTHER",
]  # fmt: skip
CriterionKind = Literal["INCLUSION", "EXCLUSION"]
Method = Literal["REGISTRY_FIELD", "PUBMED_FIELD", "RULE", "MODEL", "MANUAL_CURATION"]
SourceKind = Literal["CTGOV", "PUBMED", "PAGE", "CURATED"]
LinkStatus = Literal["PROPOSED", "ACCEPTED", "REJECTED"]
MatchMethod = Literal["EXACT", "ENTRY_TERM", "INVERTED", "NORMALIZED", "BRACKETED", "QUALIFIED"]
CohortMappingMethod = Literal["SAME_TITLE", "SAME_WORDS", "SAME_INTERVENTIONS", "ONLY_ARM"]
SharedIdentifier = Literal["NCT_ID", "PMID", "DOI", "MESH_ID"]
TextKind = Literal["CONDITION", "KEYWORD", "INTERVENTION", "BIOMARKER"]
PublicationRelation = Literal["REPORTED_IN", "RESULT", "DERIVED", "BACKGROUND", "MENTIONED"]
PValueOperator = Literal["=", "<", "<=", ">", ">="]

SCHEMES: Mapping[str, tuple[str, ...]] = {
    scheme: get_args(values)
    for scheme, values in {
        "Phase": Phase,
        "Status": Status,
        "Allocation": Allocation,
        "InterventionModel": InterventionModel,
        "Masking": Masking,
        "PrimaryPurpose": PrimaryPurpose,
        "ObservationalModel": ObservationalModel,
        "TimePerspective": TimePerspective,
        "EnrollmentType": EnrollmentType,
        "AgencyClass": AgencyClass,
        "CohortKind": CohortKind,
        "ArmGroupType": ArmGroupType,
        "InterventionType": InterventionType,
        "Route": Route,
        "OutcomeType": OutcomeType,
        "OutcomeDomain": OutcomeDomain,
        "Statistic": Statistic,
        "DispersionType": DispersionType,
        "Anchor": Anchor,
        "Derivation": Derivation,
        "MissingReason": MissingReason,
        "Change": Change,
        "Direction": Direction,
        "Significance": Significance,
        "Sign": Sign,
        "Reporting": Reporting,
        "Severity": Severity,
        "Milestone": Milestone,
        "DropReason": DropReason,
        "CriterionKind": CriterionKind,
        "Method": Method,
        "SourceKind": SourceKind,
        "LinkStatus": LinkStatus,
        "MatchMethod": MatchMethod,
        "CohortMappingMethod": CohortMappingMethod,
        "SharedIdentifier": SharedIdentifier,
        "TextKind": TextKind,
        "StudyType": StudyType,
        "WhoMasked": WhoMasked,
        "Sex": Sex,
        "StandardAge": StandardAge,
        "SamplingMethod": SamplingMethod,
        "BioSpecRetention": BioSpecRetention,
        "ExpandedAccessStatus": ExpandedAccessStatus,
        "ExpandedAccessType": ExpandedAccessType,
        "RecruitmentStatus": RecruitmentStatus,
        "DateType": DateType,
        "ResponsiblePartyType": ResponsiblePartyType,
        "OfficialRole": OfficialRole,
        "SecondaryIdType": SecondaryIdType,
        "IpdSharing": IpdSharing,
        "InfoType": InfoType,
        "ReportingStatus": ReportingStatus,
        "NonInferiorityType": NonInferiorityType,
        "EventAssessment": EventAssessment,
        "RestrictionType": RestrictionType,
        "UnpostedEventType": UnpostedEventType,
        "ViolationEventType": ViolationEventType,
    }.items()
}
"""The controlled vocabularies by scheme name: `ontology/values.ttl` defines the same values, held equal by a test."""


@dataclass(slots=True, kw_only=True)
class Part:
    """The base of all records. The configuration is pydantic's: a key that is not a field is an error."""

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}


@dataclass(slots=True, kw_only=True)
class Evidence(Part):
    """Where in a document a fact stands (tw:EvidenceSpan).

    `start` and `end` count characters from 0 in the NFC text of the section, end exclusive. `document` is the name of
    one of the study's publications (pmid-30048006); None means the study's first one.
    """

    section: str
    start: int | None = None
    end: int | None = None
    document: str | None = None
    method: Method = "MANUAL_CURATION"
    confidence: Decimal = Decimal(1)


@dataclass(slots=True, kw_only=True)
class TextSection(Part):
    """One labelled section of a document's text. `sha256` and `length` are those of its NFC text, length in characters.

    `text` is there while a document is being read and is never stored: the words stay in the source document.
    """

    label: str
    sha256: Sha256
    length: int
    text: str | None = field(default=None, repr=False, compare=False)


@dataclass(slots=True, kw_only=True)
class Organization(Part):
    """A sponsor, collaborator or publisher (tw:Organization)."""

    label: str
    agency_class: AgencyClass | None = None


@dataclass(slots=True, kw_only=True)
class Site(Part):
    """A place where participants are seen (tw:Site). Latitude and longitude are WGS 84 degrees.

    Without a `name`, the content names it; a name is needed where two places are described alike.
    """

    facility: str | None = None
    city: str | None = None
    state: str | None = None
    country: str | None = None
    postal_code: str | None = None
    status: RecruitmentStatus | None = None
    latitude: Decimal | None = None
    longitude: Decimal | None = None
    name: Name | None = None


@dataclass(slots=True, kw_only=True)
class Criterion(Part):
    """One eligibility criterion (tw:EligibilityCriterion). `method` says how it was told apart from its neighbours."""

    kind: CriterionKind
    text: str
    method: Method | None = None


@dataclass(slots=True, kw_only=True)
class Author(Part):
    """One author of a publication (tw:Author), a person or a group, by the name it gives them."""

    name: str
    orcid: Orcid | None = None


@dataclass(slots=True, kw_only=True)
class Grant(Part):
    """A grant that paid for the work a publication reports (tw:Grant), as the publication states it."""

    number: str | None = None
    agency: str | None = None
    country: str | None = None


@dataclass(slots=True, kw_only=True)
class Identifier(Part):
    """Another identifier of a study (tw:Identifier): who gave it (`type`, `domain`) and where it leads (`link`)."""

    value: str
    type: SecondaryIdType | None = None
    domain: str | None = None
    link: str | None = None


@dataclass(slots=True, kw_only=True)
class Person(Part):
    """A person with a public role in a study (tw:Person): an official or the responsible party, never a contact."""

    label: str
    title: str | None = None
    affiliation: str | None = None
    role: OfficialRole | None = None


@dataclass(slots=True, kw_only=True)
class WebLink(Part):
    """A page that a source points to (rdfs:seeAlso), with the words of the link."""

    url: str
    label: str | None = None


@dataclass(slots=True, kw_only=True)
class StudyDocument(Part):
    """A document that belongs to a study (tw:Document): its protocol, its analysis plan, a data set that can be had.

    `size` counts bytes. `uploaded` is a date with a time of day in minutes (2019-04-03T12:15), or a date.
    """

    label: str | None = None
    identifier: str | None = None
    type: str | None = None
    has_protocol: bool | None = None
    has_sap: bool | None = None
    has_icf: bool | None = None
    date: Date | None = None
    uploaded: Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2})?$")] | None = None
    file_name: str | None = None
    size: int | None = None
    url: str | None = None
    comment: str | None = None


@dataclass(slots=True, kw_only=True)
class RegistryEvent(Part):
    """Something that happened to a registry record (tw:RegistryEvent): results sent in or back, a notice of the FDA."""

    unposted_type: UnpostedEventType | None = None
    violation_type: ViolationEventType | None = None
    description: str | None = None
    date: Date | None = None
    date_unknown: bool | None = None
    created: Date | None = None
    issued: Date | None = None
    released: Date | None = None
    unreleased: Date | None = None
    unreleased_unknown: bool | None = None
    reset: Date | None = None
    posted: Date | None = None
    release_number: int | None = None


@dataclass(slots=True, kw_only=True)
class RegistryRecord(Part):
    """What the registry says about its record of a study (tw:RegistryRecord), as distinct from the study itself."""

    publisher: Organization | None = None
    status_verified: Date | None = None
    delayed_posting: bool | None = None
    first_submitted: Date | None = None
    first_submitted_qc: Date | None = None
    first_posted: Date | None = None
    first_posted_type: DateType | None = None
    results_waived: bool | None = None
    results_first_submitted: Date | None = None
    results_first_submitted_qc: Date | None = None
    results_first_posted: Date | None = None
    results_first_posted_type: DateType | None = None
    delay_certificate_submitted: Date | None = None
    delay_certificate_submitted_qc: Date | None = None
    delay_certificate_posted: Date | None = None
    delay_certificate_posted_type: DateType | None = None
    last_update_submitted: Date | None = None
    last_update_posted: Date | None = None
    last_update_posted_type: DateType | None = None
    results_estimated: Date | None = None
    first_mcp_posted: Date | None = None
    first_mcp_posted_type: DateType | None = None
    no_sap: bool | None = None
    unposted_responsible_party: str | None = None
    unposted_events: list[RegistryEvent] = field(default_factory=list)
    violation_events: list[RegistryEvent] = field(default_factory=list)
    submission_events: list[RegistryEvent] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Publication(Part):
    """An article (tw:Publication). `creators` are names in printed order; `creator_line` is that line verbatim.

    `issued_text` is the printed date where it has parts that are no date (2016 Winter). The `…_texts` of MeSH headings
    and chemicals hold the names of those that the source gives without an id. `accessions` are entries of data banks
    and registries as MEDLINE writes them, bank/number. The `history_…` dates are those of the record's way through
    journal and PubMed.
    """

    pmid: Pmid | None = None
    doi: Doi | None = None
    pmcid: Annotated[str, Field(pattern=r"^PMC[0-9]+$")] | None = None
    handle: str | None = None
    relation: PublicationRelation = "REPORTED_IN"
    citation: str | None = None
    title: str | None = None
    journal: str | None = None
    issn: str | None = None
    volume: str | None = None
    issue: str | None = None
    pages: str | None = None
    issued: Date | None = None
    available: Date | None = None
    publisher: str | None = None
    creators: list[str] = field(default_factory=list)
    creator_line: str | None = None
    publication_types: list[MeshId] = field(default_factory=list)
    publication_type_texts: list[str] = field(default_factory=list)
    mesh_headings: list[MeshId] = field(default_factory=list)
    mesh_major: list[MeshId] = field(default_factory=list)
    indexed_in: list[str] = field(default_factory=list)
    retracted_by: list[Pmid] = field(default_factory=list)
    sections: list[TextSection] = field(default_factory=list)
    pii: str | None = None
    source_version: str | None = None
    indexing_status: str | None = None
    indexing_method: str | None = None
    vernacular_title: str | None = None
    journal_abbrev: str | None = None
    issued_text: str | None = None
    authors: list[Author] = field(default_factory=list)
    funding: list[Grant] = field(default_factory=list)
    accessions: list[str] = field(default_factory=list)
    keywords: list[str] = field(default_factory=list)
    mesh_heading_texts: list[str] = field(default_factory=list)
    mesh_qualified: list[MeshQualified] = field(default_factory=list)
    chemicals: list[MeshId] = field(default_factory=list)
    chemical_texts: list[str] = field(default_factory=list)
    supplementary_mesh: list[MeshId] = field(default_factory=list)
    corrected_by: list[Pmid] = field(default_factory=list)
    expression_of_concern: list[Pmid] = field(default_factory=list)
    updated_by: list[Pmid] = field(default_factory=list)
    retracts: list[Pmid] = field(default_factory=list)
    references: list[Pmid] = field(default_factory=list)
    references_doi: list[Doi] = field(default_factory=list)
    conflict_of_interest: str | None = None
    history_received: Date | None = None
    history_revised: Date | None = None
    history_accepted: Date | None = None
    history_entrez: Date | None = None
    history_pubmed: Date | None = None
    history_medline: Date | None = None


@dataclass(slots=True, kw_only=True)
class WebPage(Part):
    """A page that was read (tw:WebPage): its address when it prints one, its title and its character encoding."""

    url: str | None = None
    title: str | None = None
    encoding: str | None = None


@dataclass(slots=True, kw_only=True)
class Intervention(Part):
    """What is given, once per study (tw:Intervention)."""

    name: Name
    label: str
    type: InterventionType | None = None
    description: str | None = None
    other_names: list[str] = field(default_factory=list)
    concepts: list[MeshId] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Administration(Part):
    """How one cohort receives one intervention (tw:Administration). `dose_interval` is the time between two doses."""

    intervention: Name
    route: Route | None = None
    number_of_doses: int | None = None
    dose_value: Decimal | None = None
    dose_unit_text: str | None = None
    dose_interval: Duration | None = None
    dose_text: str | None = None
    evidence: list[Evidence] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Cohort(Part):
    """Any group a number is reported for (tw:Cohort). `size` counts participants."""

    name: Name
    label: str
    kind: CohortKind
    role: ArmGroupType | None = None
    size: int | None = None
    description: str | None = None
    subgroup_of: Name | None = None
    source_group_id: str | None = None
    unit_count: int | None = None
    counted_unit: str | None = None
    receives: list[Administration] = field(default_factory=list)
    evidence: list[Evidence] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Outcome(Part):
    """The definition of a measure (tw:Outcome). `scale_min` and `scale_max` bound the instrument's total score.

    An outcome with a `reporting_status` is one of the results of a registry record; `planned_as` names the outcome of
    the protocol that it is.
    """

    name: Name
    label: str
    type: OutcomeType | None = None
    domain: OutcomeDomain | None = None
    description: str | None = None
    instrument: str | None = None
    scale_min: Decimal | None = None
    scale_max: Decimal | None = None
    time_frame: str | None = None
    is_safety: bool | None = None
    planned_as: Name | None = None
    reporting_status: ReportingStatus | None = None
    anticipated_posting: Date | None = None
    analysis_population: str | None = None
    unit_text: str | None = None
    ucum_code: str | None = None
    calculate_pct: bool | None = None
    type_units_analyzed: str | None = None
    denom_units: str | None = None


@dataclass(slots=True, kw_only=True)
class BaselineVariable(Part):
    """The definition of a baseline characteristic (tw:BaselineVariable)."""

    name: Name
    label: str
    description: str | None = None
    analysis_population: str | None = None
    unit_text: str | None = None
    ucum_code: str | None = None
    calculate_pct: bool | None = None
    denom_units: str | None = None


@dataclass(slots=True, kw_only=True)
class AdverseEvent(Part):
    """A kind of adverse event in a study (tw:AdverseEvent). `term` is the source's wording or its MedDRA string.

    `is_total` marks "any serious event" and the like, `is_death` death of any cause: never add them to the terms.
    """

    name: Name
    term: str
    serious: bool | None = None
    treatment_related: bool | None = None
    severity: Severity | None = None
    organ_system: str | None = None
    source_vocabulary: str | None = None
    vocabulary_version: str | None = None
    assessment_type: EventAssessment | None = None
    is_total: bool | None = None
    is_death: bool | None = None
    comment: str | None = None
    description: str | None = None
    evidence: list[Evidence] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Finding(Part):
    """What results, effects and associations share. Without a `name`, the content names the finding.

    `time_method` says how the time was read where it is not a field of the source.
    """

    name: Name | None = None
    value: Decimal | None = None
    value_text: str | None = None
    unit_text: str | None = None
    ucum_code: str | None = None
    time_offset: Duration | None = None
    time_anchor: Anchor | None = None
    time_text: str | None = None
    time_method: Method | None = None
    reporting: Reporting | None = None
    comment: str | None = None
    evidence: list[Evidence] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Result(Finding):
    """One number or stated finding for one cohort (tw:Result). `percentage` is a share of participants, 0..100.

    The `…_text` of spread and limits is there only where what is printed is no number (NA, <0.1).
    """

    cohort: Name
    derivation: Derivation | None = None
    count: int | None = None
    denominator: int | None = None
    percentage: Decimal | None = None
    statistic: Statistic | None = None
    dispersion_type: DispersionType | None = None
    dispersion_type_text: str | None = None
    spread: Decimal | None = None
    spread_text: str | None = None
    lower_limit: Decimal | None = None
    lower_limit_text: str | None = None
    upper_limit: Decimal | None = None
    upper_limit_text: str | None = None
    ci_level: Decimal | None = None
    ci_sides: int | None = None
    ci_lower: Decimal | None = None
    ci_upper: Decimal | None = None
    category: str | None = None
    class_title: str | None = None
    change_direction: Change | None = None
    missing_reason: MissingReason | None = None


@dataclass(slots=True, kw_only=True)
class OutcomeResult(Result):
    """A result for an outcome."""

    outcome: Name


@dataclass(slots=True, kw_only=True)
class BaselineResult(Result):
    """A result for a baseline variable."""

    variable: Name


@dataclass(slots=True, kw_only=True)
class AdverseEventResult(Result):
    """How many of a cohort had an adverse event: `affected` and `at_risk` count participants, `events` occurrences."""

    event: Name
    affected: int | None = None
    at_risk: int | None = None
    events: int | None = None


@dataclass(slots=True, kw_only=True)
class FlowResult(Result):
    """How many of a cohort passed a milestone of a period, or left it for a reason.

    Periods may share a title: `period_number` counts them from 1. `unit_count` counts what is not a participant (eyes).
    """

    period: str | None = None
    period_number: int | None = None
    milestone: Milestone | None = None
    milestone_text: str | None = None
    drop_reason: DropReason | None = None
    drop_reason_text: str | None = None
    unit_count: int | None = None
    comments: list[str] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class EffectEstimate(Finding):
    """A comparison of cohorts (tw:EffectEstimate): the value is compared minus reference, or compared over reference.

    When the source does not say which cohort is compared with which, `involves` names them all and
    `contrast_unspecified` is True: an unordered pair never gets a direction.
    """

    outcome: Name
    compared: Name | None = None
    reference: Name | None = None
    involves: list[Name] = field(default_factory=list)
    contrast_unspecified: bool | None = None
    measure: Curie | None = None
    measure_text: str | None = None
    direction: Direction | None = None
    significance: Significance | None = None
    ci_level: Decimal | None = None
    ci_sides: int | None = None
    ci_lower: Decimal | None = None
    ci_lower_text: str | None = None
    ci_upper: Decimal | None = None
    ci_upper_text: str | None = None
    p_value: Decimal | None = None
    p_value_operator: PValueOperator | None = None
    p_value_text: str | None = None
    dispersion_type: DispersionType | None = None
    spread: Decimal | None = None
    spread_text: str | None = None
    statistical_method: str | None = None
    hypothesis_type: NonInferiorityType | None = None
    tested_non_inferiority: bool | None = None
    non_inferiority_comment: str | None = None
    descriptions: list[str] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Association(Finding):
    """The relation of two variables in one cohort: a coefficient, only its sign, or the statement of its absence."""

    cohort: Name
    outcome: Name | None = None
    variable1_text: str
    variable2_text: str
    variable1: MeshId | None = None
    variable2: MeshId | None = None
    measure: Curie | None = None
    sign: Sign | None = None
    significance: Significance | None = None
    p_value: Decimal | None = None
    p_value_operator: PValueOperator | None = None
    p_value_text: str | None = None


@dataclass(slots=True, kw_only=True)
class StudyLink(Part):
    """A proposed identity of this study with another study (tw:StudyLink); `target` is an NCT id or a PubMed id."""

    target: NctId | Pmid
    status: LinkStatus = "PROPOSED"
    confidence: Decimal | None = None
    reason: str | None = None


@dataclass(slots=True, kw_only=True)
class Source(Part):
    """Which document this record was read from: its kind, file name, the SHA-256 of its bytes and its own date.

    `document` tells it from other documents of its kind about the same study: the site and the article. `warnings` are
    for the person who loads it, one sentence each: what the reader kept but could not make sense of. They are not facts
    about the study and are never emitted.
    """

    kind: SourceKind
    name: str
    sha256: Sha256
    version_date: Date | None = None
    document: str | None = None
    warnings: list[str] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Study(Part):
    """Everything one source says about one study.

    `nct`, `pmid` and `doi` identify the study, in that order of preference; `pmid` and `doi` are those of the article
    that the study is known by. `source` is filled by the reader. Ages are in the unit beside them, a UCUM code (a, mo,
    wk, d, h, min); `age_unit` is the unit of both where they share it. `registry` is about the record, not the study.
    """

    label: str
    nct: NctId | None = None
    pmid: Pmid | None = None
    doi: Doi | None = None
    other_ids: list[str] = field(default_factory=list)
    study_type: StudyType | None = None
    brief_title: str | None = None
    official_title: str | None = None
    acronym: str | None = None
    phases: list[Phase] = field(default_factory=list)
    overall_status: Status | None = None
    allocation: Allocation | None = None
    intervention_model: InterventionModel | None = None
    masking: Masking | None = None
    primary_purpose: PrimaryPurpose | None = None
    observational_model: ObservationalModel | None = None
    time_perspective: TimePerspective | None = None
    multicenter: bool | None = None
    enrollment: int | None = None
    enrollment_type: EnrollmentType | None = None
    start_date: Date | None = None
    primary_completion_date: Date | None = None
    completion_date: Date | None = None
    lead_sponsor: Organization | None = None
    collaborators: list[Organization] = field(default_factory=list)
    conditions: list[MeshId] = field(default_factory=list)
    condition_texts: list[str] = field(default_factory=list)
    keywords: list[str] = field(default_factory=list)
    registration_evidence: list[Evidence] = field(default_factory=list)
    publications: list[Publication] = field(default_factory=list)
    page: WebPage | None = None
    interventions: list[Intervention] = field(default_factory=list)
    cohorts: list[Cohort] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    baseline_variables: list[BaselineVariable] = field(default_factory=list)
    adverse_events: list[AdverseEvent] = field(default_factory=list)
    sites: list[Site] = field(default_factory=list)
    criteria: list[Criterion] = field(default_factory=list)
    baseline_results: list[BaselineResult] = field(default_factory=list)
    flow_results: list[FlowResult] = field(default_factory=list)
    outcome_results: list[OutcomeResult] = field(default_factory=list)
    adverse_event_results: list[AdverseEventResult] = field(default_factory=list)
    effects: list[EffectEstimate] = field(default_factory=list)
    associations: list[Association] = field(default_factory=list)
    links: list[StudyLink] = field(default_factory=list)
    source: Source | None = None
    # What registries say beyond the design.
    aliases: list[NctId] = field(default_factory=list)
    org_study_id: Identifier | None = None
    secondary_ids: list[Identifier] = field(default_factory=list)
    registry: RegistryRecord | None = None
    has_results: bool | None = None
    last_known_status: Status | None = None
    why_stopped: str | None = None
    has_expanded_access: bool | None = None
    expanded_access_study: NctId | None = None
    expanded_access_status: ExpandedAccessStatus | None = None
    expanded_access_types: list[ExpandedAccessType] = field(default_factory=list)
    expanded_access_pointers: int | None = None
    start_date_type: DateType | None = None
    primary_completion_date_type: DateType | None = None
    completion_date_type: DateType | None = None
    responsible_party_type: ResponsiblePartyType | None = None
    responsible_party: Person | None = None
    responsible_party_texts: list[str] = field(default_factory=list)
    officials: list[Person] = field(default_factory=list)
    has_dmc: bool | None = None
    fda_regulated_drug: bool | None = None
    fda_regulated_device: bool | None = None
    unapproved_device: bool | None = None
    pediatric_postmarket_surveillance: bool | None = None
    us_export: bool | None = None
    fdaaa801_violation: bool | None = None
    brief_summary: str | None = None
    detailed_description: str | None = None
    patient_registry: bool | None = None
    target_duration: Duration | None = None
    target_duration_text: str | None = None
    intervention_model_description: str | None = None
    masking_description: str | None = None
    who_masked: list[WhoMasked] = field(default_factory=list)
    biospecimen_retention: BioSpecRetention | None = None
    biospecimen_description: str | None = None
    eligibility_text: str | None = None
    healthy_volunteers: bool | None = None
    sex: Sex | None = None
    gender_based: bool | None = None
    gender_description: str | None = None
    min_age: Decimal | None = None
    min_age_unit: str | None = None
    min_age_text: str | None = None
    max_age: Decimal | None = None
    max_age_unit: str | None = None
    max_age_text: str | None = None
    age_unit: str | None = None
    standard_ages: list[StandardAge] = field(default_factory=list)
    study_population: str | None = None
    sampling_method: SamplingMethod | None = None
    ipd_sharing: IpdSharing | None = None
    ipd_description: str | None = None
    ipd_info_types: list[InfoType] = field(default_factory=list)
    ipd_time_frame: str | None = None
    ipd_access_criteria: str | None = None
    ipd_url: str | None = None
    see_also: list[WebLink] = field(default_factory=list)
    available_ipd: list[StudyDocument] = field(default_factory=list)
    documents: list[StudyDocument] = field(default_factory=list)
    intervention_concepts: list[MeshId] = field(default_factory=list)
    condition_ancestors: list[MeshId] = field(default_factory=list)
    intervention_ancestors: list[MeshId] = field(default_factory=list)
    removed_countries: list[str] = field(default_factory=list)
    pre_assignment_details: str | None = None
    recruitment_details: str | None = None
    types_units_analyzed: list[str] = field(default_factory=list)
    baseline_population: str | None = None
    frequency_threshold: Decimal | None = None
    ae_time_frame: str | None = None
    ae_description: str | None = None
    mortality_comment: str | None = None
    limitations: str | None = None
    pi_sponsor_employee: bool | None = None
    restrictive_agreement: bool | None = None
    restriction_type: RestrictionType | None = None
    restriction_details: str | None = None
    point_of_contact: Organization | None = None


@dataclass(slots=True, kw_only=True)
class Article(Part):
    """What a source says about a publication that is not the report of one study: a review, an editorial, a comment.

    It is stored as a publication, and no study is claimed. `source` is filled by the reader.
    """

    publication: Publication
    source: Source | None = None


@dataclass(slots=True, kw_only=True)
class Deleted(Part):
    """The statement of a source that it has withdrawn its record of an article: what it said before is to go."""

    pmid: Pmid
