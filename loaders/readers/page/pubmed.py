"""The PubMed abstract page: a source line, the title, the authors, identifiers, then the abstract and its appendices.

    Magn Reson Imaging                                    (journal; absent when the page was saved as bare text)
    . 2013 Oct;31(8):1298-308. doi: 10.…  Epub 2013 Jun 28.
    <title>
    <name> 1, <name> 2 3, …                               (affiliation numbers; absent likewise)
    PMID: …  PMCID: …  DOI: …
    <first author> et al. Magn Reson Imaging. 2013 Oct.   (a second, short citation)
    Abstract / <paragraphs> / Keywords: …; …. / Publication types / <types> / …

Similar articles, references and citing articles follow on the same page: nothing is read after they begin.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from loaders.link.identifiers import normal_doi, normal_pmid
from loaders.readers.page.abstract import sections
from loaders.readers.page.article import Article, Layout
from loaders.readers.page.citation import LONGEST_LINE, NOTES, Citation, ShortCitation, citation, short_citation
from loaders.readers.page.dates import iso_date
from loaders.readers.page.document import Document
from loaders.readers.page.metadata import first_valid, merged, separated, tagged_publication
from loaders.record import Publication

__all__ = ["PUBMED"]

PUBLICATION_TYPES = {
    "Case Reports": "D002363",
    "Clinical Study": "D000068397",
    "Clinical Trial": "D016430",
    "Clinical Trial, Phase I": "D017426",
    "Clinical Trial, Phase II": "D017427",
    "Clinical Trial, Phase III": "D017428",
    "Clinical Trial, Phase IV": "D017429",
    "Comment": "D016420",
    "Comparative Study": "D003160",
    "Controlled Clinical Trial": "D018848",
    "Editorial": "D016421",
    "Equivalence Trial": "D000073843",
    "Guideline": "D016431",
    "Journal Article": "D016428",
    "Letter": "D016422",
    "Meta-Analysis": "D017418",
    "Multicenter Study": "D016448",
    "Observational Study": "D064888",
    "Practice Guideline": "D017065",
    "Pragmatic Clinical Trial": "D065007",
    "Preprint": "D000076942",
    "Published Erratum": "D016425",
    "Randomized Controlled Trial": "D016449",
    "Research Support, N.I.H., Extramural": "D052061",
    "Research Support, Non-U.S. Gov't": "D013485",
    "Research Support, U.S. Gov't, Non-P.H.S.": "D013486",
    "Research Support, U.S. Gov't, P.H.S.": "D013487",
    "Retracted Publication": "D016441",
    "Review": "D016454",
    "Systematic Review": "D000078182",
    "Twin Study": "D018486",
    "Validation Study": "D023361",
}
"""MeSH's publication types by their printed name. Another name is kept as text, without an id."""

# Buttons and notes that stand between the fields when a page is saved or copied from a browser.
_FURNITURE = frozenset(
    {
        "actions", "add to search", "authors", "author", "cite", "collections", "display options", "expand", "format",
        "free article", "free article.", "free pmc article", "free pmc article.", "full text links",
        "online ahead of print.", "page navigation", "permalink", "search in mesh", "search in nlm catalog",
        "search in pubmed", "share",
    }
)  # fmt: skip
_HEADINGS = frozenset(
    {
        "abstract", "abbreviations", "associated data", "cited by", "comment in", "comment on", "conflict of interest",
        "conflict of interest statement", "copyright", "erratum in", "figures", "full text links",
        "grants and funding", "grant support", "linkout - more resources", "mesh terms", "no abstract available",
        "personal name as subject", "plain language summary", "publication types", "pubmed disclaimer",
        "related information", "retraction in", "secondary source id", "substances", "supplementary concepts",
        "supplementary info", "update in", "update of",
    }
)  # fmt: skip
_ABSTRACT_HEADINGS = frozenset({"abstract", "no abstract available"})
_OTHER_ARTICLES = frozenset({"similar articles", "cited by", "references", "see all similar articles"})
_NOTICES = ("©", "copyright ", "published by ", "keywords:")
_AFFILIATIONS = ("affiliation", "collaborators", "pmid:", "pmcid:", "doi:")

_EPUB = re.compile(r"\bEpub ([0-9]{4}(?: [A-Z][a-z]{2,8}(?: [0-9]{1,2})?)?)")
_DOI = re.compile(r"\bdoi:\s{0,3}(\S{1,300})", re.IGNORECASE)
_PMID = re.compile(r"\bPMID:\s{0,3}([0-9]{1,9})\b")
_PMCID = re.compile(r"\bPMCID:\s{0,3}(PMC[0-9]{1,12})\b")
_ADDRESS = re.compile(r"https?://pubmed\.ncbi\.nlm\.nih\.gov/([0-9]{1,9})/?", re.IGNORECASE)
_AFFILIATION_MARKS = " \u00a0\t0123456789#*†‡§¶"


@dataclass(frozen=True, slots=True)
class _Head:
    """The part of a page before its abstract: its lines, and where the source line and the title stand in them."""

    lines: Sequence[str]
    source: int
    citation: Citation | None
    title: int | None
    short: ShortCitation | None


def _matches(document: Document) -> bool:
    # A PubMed Central page prints the same identifiers before a full text, which is another kind of page.
    if "PMC Disclaimer" in document.lines or "pmc" in document.meta.get("ncbi_db", ()):
        return False
    if "citation_pmid" in document.meta or "PubMed Disclaimer" in document.lines:
        return True
    if any(line.startswith("Access keys NCBI Homepage") for line in document.lines):
        return True
    return _source_line(document.lines)[1] is not None


def _read(document: Document) -> Article:
    lines = _own_lines(document.lines)
    end = next((i for i, line in enumerate(lines) if line.casefold() in _ABSTRACT_HEADINGS), len(lines))
    head = _head(lines[:end])
    printed = _publication(head)
    address = next(filter(_ADDRESS.fullmatch, [document.address or "", *lines]), None)
    if address and (match := _ADDRESS.fullmatch(address)):
        printed.pmid = printed.pmid or normal_pmid(match[1])
    types = _publication_types(head.lines, lines)
    printed.publication_type_texts = types
    printed.publication_types = [PUBLICATION_TYPES[name] for name in types if name in PUBLICATION_TYPES]
    printed.sections = sections(list(_abstract(lines[end:])), document.sub_titles)
    publication = merged(printed, tagged_publication(document.meta))
    keywords = _keywords(lines)
    statements = [("Title", publication.title or ""), ("Keywords", "; ".join(keywords))]
    statements += [("Associated data", line) for line in _under("associated data", lines)]
    return Article(publication, keywords, address, statements)


def _own_lines(lines: Sequence[str]) -> Sequence[str]:
    """Return the lines about this article: those before the lists of other articles."""
    start, _ = _source_line(lines)
    end = next((i for i in range(start, len(lines)) if lines[i].casefold() in _OTHER_ARTICLES), len(lines))
    return lines[:end]


def _source_line(lines: Sequence[str]) -> tuple[int, Citation | None]:
    """Find the line that says date, volume, issue and pages; without one, the page is looked at from its beginning."""
    for index, line in enumerate(lines):
        following = lines[index + 1] if index + 1 < len(lines) else ""
        if found := citation(line, following):
            return index, found
    return 0, None


def _head(lines: Sequence[str]) -> _Head:
    source, found = _source_line(lines)
    shorts = ((index, short_citation(line)) for index, line in enumerate(lines) if index > source)
    short_at, short = next((pair for pair in shorts if pair[1]), (0, None))
    title = _title_after(lines, source) if found else None
    if title is None and short_at:
        title = short_at - 1
    return _Head(lines, source, found, title, short)


def _title_after(lines: Sequence[str], source: int) -> int | None:
    """Find the title: the first line after the source line that is no note, button or heading."""
    for index in range(source + 1, len(lines)):
        line = lines[index].casefold()
        if line in _HEADINGS or line.startswith(_AFFILIATIONS[:2]):
            return None
        if line not in _FURNITURE and lines[index] not in PUBLICATION_TYPES and not line.startswith(NOTES):
            return index
    return None


def _publication(head: _Head) -> Publication:
    publication = Publication()
    if head.title is not None:
        publication.title = head.lines[head.title]
        publication.creators, publication.creator_line = _authors(head, head.title)
    if head.citation:
        notes = " ".join([head.citation.notes, *head.lines[head.source + 1 : head.title]])
        epub = _EPUB.search(notes[:LONGEST_LINE])
        publication.journal = head.citation.journal or _journal_before(head.lines, head.source)
        publication.issued = head.citation.issued
        publication.available = iso_date(epub[1]) if epub else None
        publication.volume, publication.issue = head.citation.volume, head.citation.issue
        publication.pages = head.citation.pages
    if head.short:
        publication.journal = publication.journal or head.short.journal
    fields = [line for line in head.lines[head.source :] if len(line) <= LONGEST_LINE]
    publication.doi = first_valid(normal_doi, (match[1] for line in fields for match in _DOI.finditer(line)))
    publication.pmid = first_valid(normal_pmid, (match[1] for line in fields for match in _PMID.finditer(line)))
    publication.pmcid = next((match[1] for line in fields for match in _PMCID.finditer(line)), None)
    return publication


def _journal_before(lines: Sequence[str], source: int) -> str | None:
    """Return the journal's line before the source line, as browsers copy it; not a publication type or a menu."""
    for line in reversed(lines[:source]):
        if line.casefold() not in _FURNITURE:
            is_name = len(line) <= 100 and not set(line) & set(".;!?") and "NCBI" not in line
            return line if is_name and line not in PUBLICATION_TYPES else None
    return None


def _authors(head: _Head, title: int) -> tuple[list[str], str | None]:
    """Return the names and their line: the full list under the title, else the first author of the short citation."""
    line = _author_line(head.lines[title + 1 :])
    if line and (names := _names(line)):
        return names, line
    return (_names(head.short.names), head.short.line) if head.short else ([], None)


def _author_line(lines: Sequence[str]) -> str | None:
    """Return the line after the title, if its heading or what follows it shows that it holds the authors."""
    headed, candidate = False, None
    for line in lines:
        text = line.casefold()
        if candidate is not None:
            return candidate if headed or text.startswith(_AFFILIATIONS) else None
        if text in {"author", "authors"}:
            headed = True
        elif text in _HEADINGS or text.startswith(_AFFILIATIONS):
            return None
        elif text not in _FURNITURE and not text.startswith("[article in "):
            candidate = line
    return candidate if headed else None


def _names(line: str) -> list[str]:
    """Split "Jane Doe 1, John Roe 1 2"; empty when a part cannot be a name."""
    names = [part.strip().rstrip(_AFFILIATION_MARKS) for part in line.rstrip(".").split(",")]
    names = [name for name in names if name]
    return names if all(len(name) <= 120 and name[0].isalpha() for name in names) else []


def _publication_types(head: Sequence[str], lines: Sequence[str]) -> list[str]:
    listed = [line for line in _under("publication types", lines) if len(line) <= 100]
    return list(dict.fromkeys([line for line in head if line in PUBLICATION_TYPES] + listed))


def _under(heading: str, lines: Sequence[str]) -> Iterator[str]:
    """Give the lines under a heading, without buttons."""
    start = next((i for i, line in enumerate(lines) if line.casefold() == heading), len(lines))
    for line in lines[start + 1 :]:
        if line.casefold() in _HEADINGS:
            return
        if line.casefold() not in _FURNITURE:
            yield line


def _abstract(body: Sequence[str]) -> Iterator[str]:
    if body and body[0].casefold() != "abstract":
        return
    for line in body[1:]:
        text = line[:100].casefold()
        if text in _HEADINGS or text.startswith(_NOTICES):
            return
        if text not in _FURNITURE:
            yield line


def _keywords(lines: Sequence[str]) -> list[str]:
    line = next((line for line in lines if line[:9].casefold() == "keywords:"), "")
    return separated([line[9:].strip().removesuffix(".")])


PUBMED = Layout("a PubMed abstract page", _matches, _read)
