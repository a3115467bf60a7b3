"""Web pages about an article, saved as text or HTML: bibliographic and identifying facts, and the abstract's sections.

Two layouts are read, the PubMed abstract page and the DSpace repository page: which article a page shows, of which
registered study, and what the abstract's sections are, so that evidence can point into them. Numbers in its prose are
not read. A page that is cut off gives what is printed, as long as it says what it is about; one that stops inside its
abstract is refused.
"""

from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from hashlib import sha256
from pathlib import PurePath

from loaders.errors import SourceError
from loaders.readers.page import registration
from loaders.readers.page.article import Layout
from loaders.readers.page.document import Document, is_html, parse, text_lines
from loaders.readers.page.dspace import DSPACE
from loaders.readers.page.pubmed import PUBMED
from loaders.record import Publication, Source, Study, WebPage

__all__ = ["read", "recognises"]

# A repository may quote a PubMed citation; a PubMed page never has a repository's labels.
_LAYOUTS = (DSPACE, PUBMED)
_SUFFIXES = frozenset({"", ".txt", ".text", ".html", ".htm", ".xhtml"})
_LOOKED_AT = 64 * 1024
_SENTENCE_ENDS = (".", "!", "?", ".)", ".”", '."')


def recognises(data: bytes, name: str) -> bool:
    """Say whether a file is a page: HTML of any kind, or text in one of the layouts. Looks at the first 64 kB."""
    if PurePath(name).suffix.lower() not in _SUFFIXES:
        return False
    if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        return True  # Nothing else that is text has this name and this beginning; `read` says what to do about it.
    head = data[:_LOOKED_AT].decode("utf-8-sig", errors="replace")
    if is_html(head):
        return True
    return _layout(Document(lines=text_lines(head))) is not None


def read(data: bytes, name: str) -> Study:
    """Read one page.

    `name` is how the user named the file; messages start with it. Raises SourceError with one sentence when the page
    cannot be decoded, is of another kind, or does not say what article it shows.
    """
    document = parse(data, name)
    layout = _layout(document)
    if layout is None:
        known = " nor ".join(layout.name for layout in reversed(_LAYOUTS))
        raise SourceError(
            name, f"this is neither {known}, the two kinds that are read; save one of these as text or HTML"
        )
    article = layout.read(document)
    publication = article.publication
    if not publication.title:
        raise SourceError(name, f"no title was found on what looks like {layout.name}; save the whole page again")
    if _stops_inside_abstract(document, publication):
        words = publication.sections[-1].text or ""
        raise SourceError(
            name, f'the page stops in the middle of its abstract, after "…{words[-40:]}"; save the whole page again'
        )
    registered = registration.find(publication.sections, article.statements, name)
    nct = registered.nct if registered else None
    if not (nct or publication.pmid or publication.doi):
        raise SourceError(
            name,
            'no identifier was found: neither a DOI, nor "PMID:" with a number, nor NCT with eight digits; '
            "save the whole page again",
        )
    return Study(
        label=publication.title,
        nct=nct,
        pmid=publication.pmid,
        doi=publication.doi,
        keywords=article.keywords,
        registration_evidence=[registered.evidence] if registered else [],
        publications=[publication],
        page=WebPage(url=article.address, title=publication.title, encoding=document.encoding),
        source=Source(kind="PAGE", name=PurePath(name).name, sha256=sha256(data).hexdigest()),
    )


def _stops_inside_abstract(document: Document, publication: Publication) -> bool:
    """Say whether the abstract is the last thing on the page and ends without the end of a sentence.

    Evidence is counted in a section's text, so half a section must not pass for a whole one.
    """
    last_line = next((line.strip() for line in reversed(document.lines) if line.strip()), "")
    text = (publication.sections[-1].text or "") if publication.sections else ""
    # Either may be the shorter one: a line can begin with the section's label, a section can have several lines.
    length = min(len(text), len(last_line), 40)
    return length > 0 and text[-length:] == last_line[-length:] and not text.endswith(_SENTENCE_ENDS)


def _layout(document: Document) -> Layout | None:
    return next((layout for layout in _LAYOUTS if layout.matches(document)), None)
