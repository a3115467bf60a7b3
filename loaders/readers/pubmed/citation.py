"""One PubmedArticle element as a publication: which element becomes which field (sources.md, section 2).

A function an element, looked up by tag, each going once over its children: a baseline file has thirty thousand articles
of two hundred elements.
"""

import re
from collections.abc import Callable, Iterator

from lxml import etree

from loaders.link.identifiers import normal_doi, normal_pmid
from loaders.readers.pubmed.text import iso_date, label, label_twice, nfc, printed_date, section
from loaders.record import Author, Grant, Publication, TextSection

__all__ = ["ABSTRACT", "NOT_AVAILABLE", "orcid", "pmcid", "publication"]

ABSTRACT = "Abstract"
"""The label of text that stands under no label of its own."""

NOT_AVAILABLE = "[Not Available]."
"""What NLM writes for a title that it has in the article's own language only."""

_MESH = re.compile(r"[CD][0-9]{6,9}")
_QUALIFIER = re.compile(r"Q[0-9]{6,9}")
_PMCID = re.compile(r"PMC[0-9]+")
_ORCID = re.compile(r"(?:^|/)([0-9]{4})-?([0-9]{4})-?([0-9]{4})-?([0-9]{3}[0-9Xx])/?$")
_LINE_BREAKS = re.compile(r"[ \t]*[\r\n]\s*")
_CORRECTIONS = {
    "RetractionIn": "retracted_by",
    "RetractedandRepublishedIn": "retracted_by",
    "RetractionOf": "retracts",
    "ErratumIn": "corrected_by",
    "ExpressionOfConcernIn": "expression_of_concern",
    "UpdateIn": "updated_by",
    "Cites": "references",
}
_HISTORY = frozenset({"received", "revised", "accepted", "entrez", "pubmed", "medline"})
# A cited article goes by its PubMed id, else by its DOI.
Element = etree._Element
Fill = Callable[[Element, Publication], None]


def publication(article: Element) -> tuple[Publication, str | None]:
    """Return the publication that a PubmedArticle describes, and when the record was last revised.

    Raises SourceError, without a place, for text that is none.
    """
    found = Publication()
    revised = None
    for part in article:
        if part.tag == "MedlineCitation":
            found.indexing_status = part.get("Status")
            found.indexing_method = part.get("IndexingMethod")
        elif part.tag != "PubmedData":
            continue
        for child in part:
            fill = _FILLS.get(child.tag)
            if fill:
                fill(child, found)
            elif child.tag == "DateRevised":
                revised = _date(child)
    label_twice(found.sections)
    found.creators = [author.name for author in found.authors]
    found.references = [pmid for pmid in dict.fromkeys(found.references) if pmid != found.pmid]
    return found, revised


def orcid(text: str) -> str | None:
    """Return an ORCID iD with its hyphens from the forms in use: bare, without hyphens, or as an address."""
    match = _ORCID.search(text.strip())
    return "-".join(match.groups()).upper() if match else None


def pmcid(text: str) -> str | None:
    """Return a PubMed Central id in its normal form, or None."""
    candidate = text.strip().upper()
    return candidate if _PMCID.fullmatch(candidate) else None


def _text(element: Element) -> str:
    """Return the words of an element without their markup, in NFC, verbatim."""
    text = "".join(map(str, element.itertext())) if len(element) else element.text or ""
    return text if text.isascii() else nfc(text)


def _line(element: Element) -> str | None:
    """Return the words of an element as one line; a file's own line breaks are no part of them."""
    text = _text(element).strip()
    if "\n" in text or "\r" in text:
        text = _LINE_BREAKS.sub(" ", text)
    return text or None


def _lines(parent: Element) -> dict[str, str]:
    """Return the words of the children by tag, the last of each that has any."""
    return {child.tag: text for child in parent if (text := _line(child))}


def _date(element: Element) -> str | None:
    parts = {child.tag: child.text for child in element}
    return iso_date(parts.get("Year"), parts.get("Month"), parts.get("Day"))


def _mesh(element: Element) -> str | None:
    identifier = element.get("UI", "")
    return identifier if _MESH.fullmatch(identifier) else None


def _pmid(element: Element, found: Publication) -> None:
    found.pmid = normal_pmid(element.text or "")
    found.source_version = element.get("Version")


def _article(element: Element, found: Publication) -> None:
    for child in element:
        fill = _ARTICLE_FILLS.get(child.tag)
        if fill:
            fill(child, found)
    if found.vernacular_title and found.title in {None, NOT_AVAILABLE}:
        found.title = found.vernacular_title


def _title(element: Element, found: Publication) -> None:
    found.title = _line(element)


def _vernacular_title(element: Element, found: Publication) -> None:
    found.vernacular_title = _line(element)


def _journal(element: Element, found: Publication) -> None:
    for child in element:
        if child.tag == "JournalIssue":
            _issue(child, found)
    parts = _lines(element)
    found.issn = parts.get("ISSN")
    found.journal = parts.get("Title")
    found.journal_abbrev = parts.get("ISOAbbreviation")


def _issue(element: Element, found: Publication) -> None:
    for child in element:
        if child.tag == "PubDate":
            words = " ".join((part.text or "").strip() for part in child)
            found.issued, found.issued_text = printed_date(words)
    parts = _lines(element)
    found.volume, found.issue = parts.get("Volume"), parts.get("Issue")


def _pagination(element: Element, found: Publication) -> None:
    parts = _lines(element)
    ends = (parts.get("StartPage"), parts.get("EndPage"))
    found.pages = parts.get("MedlinePgn") or "-".join(end for end in ends if end) or None


def _location(element: Element, found: Publication) -> None:
    if element.get("ValidYN", "Y") == "Y":
        _identifier(element.get("EIdType"), element, found)


def _identifiers(element: Element, found: Publication) -> None:
    for child in element:
        _identifier(child.get("IdType"), child, found)


def _identifier(kind: str | None, element: Element, found: Publication) -> None:
    """Note one of the article's own ids; what the publisher says in the article itself comes first and stands."""
    text = element.text or ""
    if kind == "doi":
        found.doi = found.doi or normal_doi(text)
    elif kind == "pii":
        found.pii = found.pii or text.strip() or None
    elif kind == "pmc":
        found.pmcid = found.pmcid or pmcid(text)


def _abstract(element: Element, found: Publication) -> None:
    found.sections += _sections(element, "")


def _other_abstract(element: Element, found: Publication) -> None:
    kinds = [kind for kind in (element.get("Type"), element.get("Language")) if kind]
    found.sections += _sections(element, f" ({', '.join(kinds)})" if kinds else "")


def _sections(element: Element, suffix: str) -> Iterator[TextSection]:
    for child in element:
        if child.tag == "AbstractText":
            each = section((label(child.get("Label", "")) or ABSTRACT) + suffix, _text(child))
            if each.length:
                yield each


def _authors(element: Element, found: Publication) -> None:
    for child in element:
        # A name that is not valid is one that a correction has replaced by the next.
        if child.tag == "Author" and child.get("ValidYN", "Y") == "Y" and (author := _author(child)):
            found.authors.append(author)


def _author(element: Element) -> Author | None:
    parts: dict[str, str] = {}
    identifier = None
    for child in element:
        if child.tag == "Identifier":
            if child.get("Source") == "ORCID":
                identifier = orcid(child.text or "")
        elif child.tag != "AffiliationInfo" and (text := _line(child)):
            parts[child.tag] = text
    given = parts.get("ForeName") or parts.get("Initials")
    name = " ".join(filter(None, (given, parts.get("LastName"), parts.get("Suffix")))) or parts.get("CollectiveName")
    return Author(name=name, orcid=identifier) if name else None


def _data_banks(element: Element, found: Publication) -> None:
    for bank in element:
        name = _lines(bank).get("DataBankName")
        for number in bank.iter("AccessionNumber"):
            if name and (text := _line(number)):
                found.accessions.append(f"{name}/{text}")


def _grants(element: Element, found: Publication) -> None:
    for child in element:
        parts = _lines(child)
        grant = Grant(number=parts.get("GrantID"), agency=parts.get("Agency"), country=parts.get("Country"))
        if parts and grant not in found.funding:
            found.funding.append(grant)


def _publication_types(element: Element, found: Publication) -> None:
    for child in element:
        if text := _line(child):
            found.publication_type_texts.append(text)
        if identifier := _mesh(child):
            found.publication_types.append(identifier)


def _electronic_date(element: Element, found: Publication) -> None:
    if element.get("DateType", "Electronic") == "Electronic":
        found.available = _date(element)


def _chemicals(element: Element, found: Publication) -> None:
    for child in element.iter("NameOfSubstance"):
        if identifier := _mesh(child):
            found.chemicals.append(identifier)
        elif text := _line(child):
            found.chemical_texts.append(text)


def _supplementary(element: Element, found: Publication) -> None:
    found.supplementary_mesh += [identifier for child in element if (identifier := _mesh(child))]


def _headings(element: Element, found: Publication) -> None:
    """Note the headings. One is a main topic when it or any of its qualifiers is marked, as PubMed's search has it."""
    for heading in element:
        descriptor = None
        major = False
        for child in heading:
            identifier = child.get("UI", "")
            if child.tag == "DescriptorName":
                if _MESH.fullmatch(identifier):
                    descriptor = identifier
                    found.mesh_headings.append(identifier)
                elif text := _line(child):
                    found.mesh_heading_texts.append(text)
            elif descriptor and _QUALIFIER.fullmatch(identifier):
                found.mesh_qualified.append(descriptor + identifier)
            major = major or child.get("MajorTopicYN") == "Y"
        if descriptor and major:
            found.mesh_major.append(descriptor)


def _keywords(element: Element, found: Publication) -> None:
    found.keywords += [text for child in element if (text := _line(child)) and text not in found.keywords]


def _corrections(element: Element, found: Publication) -> None:
    for child in element:
        attribute = _CORRECTIONS.get(child.get("RefType", ""))
        if attribute:
            for part in child:
                if part.tag == "PMID" and (pmid := normal_pmid(part.text or "")):
                    getattr(found, attribute).append(pmid)


def _conflict_of_interest(element: Element, found: Publication) -> None:
    found.conflict_of_interest = _line(element)


def _history(element: Element, found: Publication) -> None:
    for child in element:
        status = child.get("PubStatus", "")
        if status in _HISTORY and (date := _date(child)):
            setattr(found, f"history_{status}", date)


def _references(element: Element, found: Publication) -> None:
    """Note the cited articles: each by its PubMed id, else by its DOI."""
    for identifiers in element.iter("ArticleIdList"):
        doi = None
        for child in identifiers:
            kind = child.get("IdType")
            if kind == "pubmed" and (pmid := normal_pmid(child.text or "")):
                found.references.append(pmid)
                break
            if kind == "doi":
                doi = normal_doi(child.text or "")
        else:
            if doi:
                found.references_doi.append(doi)


_FILLS: dict[str, Fill] = {
    "PMID": _pmid,
    "Article": _article,
    "OtherAbstract": _other_abstract,
    "ChemicalList": _chemicals,
    "SupplMeshList": _supplementary,
    "MeshHeadingList": _headings,
    "KeywordList": _keywords,
    "CommentsCorrectionsList": _corrections,
    "CoiStatement": _conflict_of_interest,
    "History": _history,
    "ArticleIdList": _identifiers,
    "ReferenceList": _references,
}
_ARTICLE_FILLS: dict[str, Fill] = {
    "ArticleTitle": _title,
    "VernacularTitle": _vernacular_title,
    "Journal": _journal,
    "Pagination": _pagination,
    "ELocationID": _location,
    "Abstract": _abstract,
    "AuthorList": _authors,
    "DataBankList": _data_banks,
    "GrantList": _grants,
    "PublicationTypeList": _publication_types,
    "ArticleDate": _electronic_date,
}
