"""Who a study is and who stands for it: identifiers, organisations, people, and the record in the registry."""

import re
from collections.abc import Iterator

from loaders.link.identifiers import normal_nct
from loaders.readers.clinicaltrials.plain import NOTHING, Json, at, copy, registry_record
from loaders.record import Identifier, Organization, Person, RegistryEvent, RegistryRecord, Study

__all__ = ["identify", "registry"]

_IDENTIFIER = (("id", "value"), ("type", "type"), ("domain", "domain"), ("link", "link"))
_OFFICIAL = (("name", "label"), ("affiliation", "affiliation"), ("role", "role"))
_PARTY = (("investigatorFullName", "label"), ("investigatorTitle", "title"), ("investigatorAffiliation", "affiliation"))
_UNPOSTED = (("type", "unposted_type"), ("date", "date"), ("dateUnknown", "date_unknown"))
_VIOLATION = (
    ("type", "violation_type"),
    ("description", "description"),
    ("creationDate", "created"),
    ("issuedDate", "issued"),
    ("releaseDate", "released"),
    ("postedDate", "posted"),
)
_SUBMISSION = (
    ("releaseDate", "released"),
    ("unreleaseDate", "unreleased"),
    ("unreleaseDateUnknown", "unreleased_unknown"),
    ("resetDate", "reset"),
    ("mcpReleaseN", "release_number"),
)
# The registers of the European Union, whose numbers name a study as the registry's own do.
_EUROPEAN = {
    "EUDRACT_NUMBER": re.compile(r"[0-9]{4}-[0-9]{6}-[0-9]{2}").fullmatch,
    "CTIS": re.compile(r"[0-9]{4}-5[0-9]{5}-[0-9]{2}(?:-[0-9]{2})?").fullmatch,
}


def identify(study: Study, record: Json) -> None:
    """Fill in the study's other identifiers, its sponsors and the people who answer for it."""
    module = at(record, "protocolSection.identificationModule")
    study.aliases = [alias for alias in map(normal_nct, module.get("nctIdAliases", ())) if alias]
    study.org_study_id = next(_identifiers([module.get("orgStudyIdInfo", NOTHING)]), None)
    study.secondary_ids = [*_identifiers(module.get("secondaryIdInfos", ()))]
    study.secondary_ids += [Identifier(value=alias, type="NCT_ALIAS") for alias in study.aliases]
    study.other_ids = [*_european(study.secondary_ids)]
    sponsors = at(record, "protocolSection.sponsorCollaboratorsModule")
    study.lead_sponsor = _organization(sponsors.get("leadSponsor", NOTHING), "name")
    found = (_organization(each, "name") for each in sponsors.get("collaborators", ()))
    study.collaborators = [each for each in found if each]
    party = sponsors.get("responsibleParty", NOTHING)
    study.responsible_party = _person(party, _PARTY)
    study.responsible_party_texts = [party[key] for key in ("oldNameTitle", "oldOrganization") if key in party]
    officials = at(record, "protocolSection.contactsLocationsModule").get("overallOfficials", ())
    study.officials = [person for person in (_person(each, _OFFICIAL) for each in officials) if person]
    contact = at(record, "resultsSection.moreInfoModule.pointOfContact").get("organization")
    study.point_of_contact = Organization(label=contact) if contact else None


def registry(record: Json) -> RegistryRecord:
    """Return what the registry says about its record."""
    found = registry_record(record)
    module = at(record, "protocolSection.identificationModule")
    found.publisher = _organization(module.get("organization", NOTHING), "fullName")
    annotation = at(record, "annotationSection.annotationModule")
    unposted = at(annotation, "unpostedAnnotation").get("unpostedEvents", ())
    violations = at(annotation, "violationAnnotation").get("violationEvents", ())
    submissions = at(record, "derivedSection.miscInfoModule.submissionTracking").get("submissionInfos", ())
    found.unposted_events = [RegistryEvent(**copy(event, _UNPOSTED)) for event in unposted]
    found.violation_events = [RegistryEvent(**copy(event, _VIOLATION)) for event in violations]
    found.submission_events = [RegistryEvent(**copy(event, _SUBMISSION)) for event in submissions]
    return found


def _identifiers(given: list[Json]) -> Iterator[Identifier]:
    for each in given:
        if each.get("id"):
            yield Identifier(**copy(each, _IDENTIFIER))


def _european(identifiers: list[Identifier]) -> Iterator[str]:
    for identifier in identifiers:
        matches = _EUROPEAN.get(identifier.type or "")
        if matches and matches(identifier.value.strip()):
            yield identifier.value.strip()


def _organization(given: Json, key: str) -> Organization | None:
    return Organization(label=given[key], agency_class=given.get("class")) if given.get(key) else None


def _person(given: Json, names: tuple[tuple[str, str], ...]) -> Person | None:
    found = copy(given, names)
    return Person(**found) if found.get("label") else None
