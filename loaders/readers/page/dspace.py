"""The DSpace repository page: the title, then labels, each with its value on the lines after it (or after a colon).

<title>open access            (a badge that the saved text glues to the title)
Authors
Oh, Ki-WookNoh, Min-Young     (links that lost what separated them)
Issue Date
Sep-2018
…
"""

import re
from collections.abc import Mapping, Sequence

from loaders.link.identifiers import normal_doi, normal_pmid
from loaders.readers.page.abstract import sections
from loaders.readers.page.article import Article, Layout, web_address
from loaders.readers.page.dates import iso_date
from loaders.readers.page.document import Document
from loaders.readers.page.metadata import (
    first,
    first_valid,
    merged,
    normal_issn,
    page_range,
    separated,
    tagged_publication,
)
from loaders.record import Publication

__all__ = ["DSPACE"]

_LABELS = {
    "title": "title",
    "author": "authors",
    "authors": "authors",
    "author(s)": "authors",
    "issue date": "issued",
    "issued date": "issued",
    "date issued": "issued",
    "publication date": "issued",
    "publisher": "publisher",
    "citation": "citation",
    "indexed": "indexed",
    "journal title": "journal",
    "journal": "journal",
    "volume": "volume",
    "number": "issue",
    "issue": "issue",
    "start page": "start page",
    "end page": "end page",
    "uri": "uri",
    "permalink": "uri",
    "please use this identifier to cite or link to this item": "uri",
    "doi": "doi",
    "pmid": "pmid",
    "pubmed id": "pmid",
    "issn": "issn",
    "abstract": "abstract",
    "keyword": "keywords",
    "keywords": "keywords",
    "author keywords": "keywords",
    "subject": "keywords",
    "subjects": "keywords",
}
# Labels and headings that are not read; they end the value before them.
_OTHER_LABELS = frozenset(
    {
        "access type", "alternative title", "altmetrics", "appears in", "appears in collections", "browse",
        "collections", "detailed information", "eissn", "export", "file", "files", "files in this item", "fulltext",
        "funding", "isbn", "language", "license", "metadata downloads", "project", "publication status", "qrcode",
        "related researcher", "relation", "rights", "scopus id", "series/report no.", "show full item record",
        "show simple item record", "sponsor", "total views & downloads", "type", "wos id",
    }
)  # fmt: skip
_TELLING = frozenset(
    {
        "appears in", "appears in collections", "date issued", "detailed information", "end page",
        "files in this item", "issue date", "issued date", "journal title", "metadata downloads",
        "please use this identifier to cite or link to this item", "show full item record", "start page", "uri",
    }
)  # fmt: skip
_LONGEST_LABEL = 60

_CITED = re.compile(r"Cited \d+ times? in\b", re.IGNORECASE)
_BADGE = re.compile(r"\s?[Oo]pen [Aa]ccess$")
# "… a step towards open access" is a title; after such a word no badge begins.
_BEFORE_NO_BADGE = re.compile(
    r"\b(?:of|to|towards?|for|and|or|on|in|into|with|by|the|an|via|through|from|under|as) $", re.I
)
_HANDLE = re.compile(r"(?:/handle/|//hdl\.handle\.net/)([^\s?#]{1,300})", re.IGNORECASE)
_CITATION = re.compile(
    r"(?P<journal>[^,]{2,200}), v\.\s?(?P<volume>[^,]{1,30})(?:, no\.\s?(?P<issue>[^,]{1,30}))?"
    r"(?:, pp?\.\s?(?P<pages>.{1,40}))?"
)
_INDEX_NAME = re.compile(r"[A-Z][A-Z0-9&_ -]{1,19}")


def _matches(document: Document) -> bool:
    if any(value.startswith("DSpace") for value in document.meta.get("generator", ())):
        return True
    return len({_label_and_value(line)[0] for line in document.lines} & _TELLING) >= 2


def _read(document: Document) -> Article:
    fields, before = _fields(document.lines)
    printed = _publication(fields)
    printed.title = next(iter(fields.get("title", ())), None) or _title(before)
    printed.sections = sections(fields.get("abstract") or document.meta.get("dcterms.abstract", ()))
    publication = merged(printed, tagged_publication(document.meta))
    publication.publisher = publication.publisher or first(document.meta, "citation_publisher", "dc.publisher")
    address = _address(fields.get("uri", ()), document)
    handle = _HANDLE.search(address or "")
    publication.handle = handle[1].rstrip("/") if handle else None
    keywords = separated(document.meta.get("dc.subject", ()) or fields.get("keywords", ()))
    statements = [("Title", publication.title or ""), ("Keywords", "; ".join(keywords))]
    return Article(publication, keywords, address, statements)


def _label_and_value(line: str) -> tuple[str, str]:
    """Return the label that a line is, or begins with before a colon or a tab, in lower case; and what follows it."""
    start = line[: _LONGEST_LABEL + 1]
    head, _, rest = start.partition("\t" if "\t" in start else ":")
    label = head.casefold().rstrip(" :\t\u00a0")
    if label not in _LABELS and label not in _OTHER_LABELS:
        return "", ""
    return label, line[len(start) - len(rest) :].strip()


def _fields(lines: Sequence[str]) -> tuple[dict[str, list[str]], list[str]]:
    """Return the values of each label, the first time it stands there, and the lines before any label that is read."""
    fields: dict[str, list[str]] = {}
    before: list[str] = []
    current: list[str] = before
    for line in lines:
        label, value = _label_and_value(line)
        if not label:
            current.append(line)
        elif label in _LABELS:
            # A label that comes again heads a menu or another list: what stands there is nobody's value.
            name = _LABELS[label]
            current = [] if name in fields else fields.setdefault(name, [])
            if value:
                current.append(value)
        elif fields:
            current = []
    return fields, before


def _title(before: Sequence[str]) -> str | None:
    """Return the line that stands directly before the first label, without its badge."""
    lines = [line for line in before if not _CITED.match(line) and line.casefold() != "open access"]
    if not lines:
        return None
    title = lines[-1]
    badge = _BADGE.search(title[-20:])
    if badge is None:
        return title
    kept = title[: len(title) - len(badge[0])]
    if _BEFORE_NO_BADGE.search(kept[-20:] + badge[0][:1]):
        return title
    return kept.rstrip() or None


def _publication(fields: Mapping[str, list[str]]) -> Publication:
    def value(name: str) -> str | None:
        return next(iter(fields.get(name, ())), None)

    citation = _CITATION.fullmatch(value("citation") or "")
    parts = citation.groupdict() if citation else {}
    pages = page_range(value("start page"), value("end page"))
    creators, creator_line = _authors(fields.get("authors", ()))
    return Publication(
        doi=first_valid(normal_doi, [*fields.get("doi", ()), *fields.get("uri", ())]),
        pmid=first_valid(normal_pmid, fields.get("pmid", ())),
        journal=value("journal") or parts.get("journal"),
        issn=first_valid(normal_issn, fields.get("issn", ())),
        volume=value("volume") or parts.get("volume"),
        issue=value("issue") or parts.get("issue"),
        pages=pages or (parts.get("pages") or "").replace(" - ", "-") or None,
        issued=first_valid(iso_date, fields.get("issued", ())),
        publisher=value("publisher"),
        creators=creators,
        creator_line=creator_line,
        indexed_in=[line for line in fields.get("indexed", ()) if _INDEX_NAME.fullmatch(line)],
    )


def _address(uris: Sequence[str], document: Document) -> str | None:
    """Return the page's own address: a printed one, best with a handle; a DOI's address is the article's."""
    printed = [address for address in map(web_address, uris) if address and not normal_doi(address)]
    tagged = first(document.meta, "citation_abstract_html_url") or document.address or ""
    printed += [address for address in [web_address(tagged)] if address]
    return next((address for address in printed if _HANDLE.search(address)), next(iter(printed), None))


def _authors(lines: Sequence[str]) -> tuple[list[str], str | None]:
    """Return the names and their line as printed. Names that cannot be told apart with certainty are not named."""
    if not lines:
        return [], None
    names = separated(lines)
    if len(names) == 1:
        names = _unglued(names[0])
    elif any(name.count(",") > 1 for name in names):
        names = []
    return names, "\n".join(lines)


def _unglued(line: str) -> list[str]:
    """Split "Oh, Ki-WookNoh, Min-Young" into names; empty when it is not certain where one ends.

    Between two commas stand a given name and the next family name, so exactly one place there may be a border.
    """
    first_family, *chunks = line.split(",")
    if not chunks or not first_family.strip():
        return []
    names = []
    family = first_family
    for chunk in chunks[:-1]:
        borders = [i for i in range(1, len(chunk)) if _is_border(chunk, i)]
        if len(borders) != 1:
            return []
        names.append(f"{family.strip()}, {chunk[: borders[0]].strip()}")
        family = chunk[borders[0] :]
    names.append(f"{family.strip()}, {chunks[-1].strip()}")
    return names if all(not name.endswith(", ") for name in names) else []


def _is_border(text: str, index: int) -> bool:
    """Say whether a family name may begin at `index`: a capital and a small letter after the end of a given name."""
    if not text[index].isupper() or not text[index + 1 : index + 2].islower():
        return False
    # McDonald is one name.
    return (text[index - 1].islower() or text[index - 1] == ".") and text[max(0, index - 2) : index] != "Mc"


DSPACE = Layout("a DSpace repository page", _matches, _read)
