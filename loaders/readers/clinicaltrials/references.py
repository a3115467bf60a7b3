"""What a record points to: articles, pages, documents and sites."""

from collections.abc import Iterator
from decimal import Decimal

from loaders.link.identifiers import normal_pmid
from loaders.readers.clinicaltrials.names import digest, named
from loaders.readers.clinicaltrials.plain import NOTHING, Json, at, copy
from loaders.record import Publication, PublicationRelation, Site, Study, StudyDocument, WebLink

__all__ = ["point"]

_RELATIONS: dict[str, PublicationRelation] = {"RESULT": "RESULT", "DERIVED": "DERIVED", "BACKGROUND": "BACKGROUND"}
_DATA = (("id", "identifier"), ("type", "type"), ("url", "url"), ("comment", "comment"))
_DOCUMENT = (
    ("typeAbbrev", "type"),
    ("hasProtocol", "has_protocol"),
    ("hasSap", "has_sap"),
    ("hasIcf", "has_icf"),
    ("label", "label"),
    ("date", "date"),
    ("uploadDate", "uploaded"),
    ("filename", "file_name"),
    ("size", "size"),
)
_SITE = (
    ("facility", "facility"),
    ("status", "status"),
    ("city", "city"),
    ("state", "state"),
    ("zip", "postal_code"),
    ("country", "country"),
)


def point(study: Study, record: Json) -> None:
    """Fill in publications, links, documents and sites."""
    module = at(record, "protocolSection.referencesModule")
    for reference in module.get("references", ()):
        study.publications += _publications(reference)
    links = module.get("seeAlsoLinks", ())
    study.see_also = [WebLink(url=each["url"].strip(), label=each.get("label")) for each in links if each.get("url")]
    study.available_ipd = [StudyDocument(**copy(each, _DATA)) for each in module.get("availIpds", ())]
    documents = at(record, "documentSection.largeDocumentModule").get("largeDocs", ())
    study.documents = [_document(each, study.nct or "") for each in documents]
    study.sites = [*_sites(at(record, "protocolSection.contactsLocationsModule").get("locations", []))]


def _publications(reference: Json) -> Iterator[Publication]:
    """Yield the article a reference names, and the notices that retract it."""
    pmid = normal_pmid(reference.get("pmid", ""))
    notices = [(normal_pmid(each.get("pmid", "")), each.get("source")) for each in reference.get("retractions", ())]
    if pmid or reference.get("citation"):
        yield Publication(
            pmid=pmid,
            citation=reference.get("citation"),
            # A reference whose type is missing or new is only known to be cited.
            relation=_RELATIONS.get(reference.get("type", ""), "BACKGROUND"),
            retracted_by=[notice for notice, _ in notices if notice],
        )
    for notice, source in notices:
        if notice:
            yield Publication(pmid=notice, citation=source, relation="MENTIONED")


def _document(given: Json, nct: str) -> StudyDocument:
    document = StudyDocument(**copy(given, _DOCUMENT))
    if document.file_name:
        document.url = f"https://cdn.clinicaltrials.gov/large-docs/{nct[-2:]}/{nct}/{document.file_name}"
    return document


def _sites(locations: list[Json]) -> Iterator[Site]:
    for name, location in named(
        locations, lambda each: digest(*(each.get(key) for key, _ in _SITE if key != "status"))
    ):
        site = Site(name=name, **copy(location, _SITE))
        point = location.get("geoPoint", NOTHING)
        if "lat" in point and "lon" in point:
            site.latitude, site.longitude = Decimal(repr(point["lat"])), Decimal(repr(point["lon"]))
        yield site
