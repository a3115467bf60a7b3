"""MEDLINE text (.nbib): the same publications as tagged lines, with less about them.

Each field is a tag, a hyphen and text that goes on in lines indented by six spaces; a blank line ends a record. MeSH
headings, chemicals and publication types have names but no ids here, and references are not given.
"""

import re
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from loaders.errors import SourceError
from loaders.link.identifiers import normal_doi, normal_pmid
from loaders.readers import characters
from loaders.readers.pubmed.citation import ABSTRACT, NOT_AVAILABLE, orcid, pmcid
from loaders.readers.pubmed.records import record
from loaders.readers.pubmed.text import iso_date, label, label_twice, nfc, printed_date, section
from loaders.record import Article, Author, Grant, Publication, Study, TextSection

__all__ = ["MAX_RECORD", "read"]

MAX_RECORD = 16 * 1024 * 1024
"""Bytes of one record; the cap of XML articles."""

_FIELD = re.compile(r"([A-Z][A-Z0-9]{1,3}) {0,2}- ?(.*)")
_INDENT = " " * 6
_LOCATION = re.compile(r"(.*?)\s*\[(doi|pii)\]")
_SUFFIX = re.compile(r"(.*) (Jr|Sr|[2-9](?:nd|rd|th))")
_SUBSTANCE = re.compile(r"\S+ \((.*)\)")
_HISTORY = re.compile(r"([0-9]{4})/([0-9]{2})/([0-9]{2})\b.*\[(received|revised|accepted|entrez|pubmed|medline)\]")
_PMID_AT_END = re.compile(r"PMID: ([0-9]{1,9})\b")
_ISSN = re.compile(r"([0-9]{4}-[0-9]{3}[0-9X])(?: \((\w+)\))?")
# A label in running text: capitals and a colon, at the beginning or after a sentence.
_LABEL = re.compile(r"(?:^|(?<=[.!?)\]%\"”’] ))([A-Z][A-Z0-9 ,&/()'’-]{2,99}): ")

_ACRONYM = re.compile(r"[A-Z][A-Z_]{1,5}")

Fields = dict[str, list[str]]
Pairs = list[tuple[str, str]]


def read(stream: BinaryIO, name: str) -> Iterator[Study | Article | SourceError]:
    """Yield the records of MEDLINE text; a record that cannot be read gives a SourceError and the rest goes on."""
    found = False
    for line, data in _chunks(stream):
        found = True
        try:
            yield _record(data, name)
        except SourceError as error:
            yield SourceError(name, error.problem, line=line)
    if not found:
        yield SourceError(name, "is empty; expected MEDLINE text, which begins with PMID-")


def _chunks(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield each record's first line, counted from 1, and its bytes, of one too large a little more than the cap."""
    lines: list[bytes] = []
    size = first = number = 0
    while line := stream.readline(MAX_RECORD):
        number += 1
        # A record may also follow the one before it without a blank line.
        if lines and (not line.strip() or line.startswith(b"PMID")):
            yield first, b"".join(lines)
            lines, size = [], 0
        if line.strip() and size <= MAX_RECORD:
            first = first if lines else number
            size += len(line)
            lines.append(line)
    if lines:
        yield first, b"".join(lines)


def _record(data: bytes, name: str) -> Study | Article:
    if len(data) > MAX_RECORD:
        raise SourceError(name, f"the record has more than {MAX_RECORD // 1024**2} MiB; it was left out")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SourceError(name, f"the record is not UTF-8 at its byte {error.start + 1}; save it again") from None
    text, replaced = characters.replaced(text)
    pairs = list(_pairs(nfc(text)))
    fields: Fields = {}
    for tag, words in pairs:
        fields.setdefault(tag, []).append(words)
    pmid = normal_pmid(fields.get("PMID", [""])[0])
    if pmid is None:
        raise SourceError(name, "the record has no PubMed id (PMID- and one to nine digits); it was left out")
    if "BTI" in fields:
        raise SourceError(name, f"the book or chapter with PubMed id {pmid} is skipped: only journal articles are read")
    found = _publication(fields, pairs)
    found.pmid = pmid
    made = record(found, data, name, _day(fields.get("LR", [""])[0]))
    if replaced and made.source:
        made.source.warnings.append(f"the article with PubMed id {pmid}: {characters.warning(replaced)}")
    return made


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    """Yield tags and their words, lines that go on joined by a space."""
    tag = ""
    words: list[str] = []
    for line in text.split("\n"):
        match = _FIELD.fullmatch(line.rstrip())
        if match and not line.startswith(_INDENT):
            if tag:
                yield tag, " ".join(words)
            tag, words = match[1], [match[2]]
        elif line.strip():
            words.append(line.strip())
    if tag:
        yield tag, " ".join(words)


def _publication(fields: Fields, pairs: Pairs) -> Publication:
    def first(tag: str) -> str | None:
        return next((words for words in fields.get(tag, ()) if words), None)

    found = Publication(
        pmcid=pmcid(first("PMC") or ""),
        indexing_status=first("STAT"),
        title=first("TI"),
        vernacular_title=first("TT"),
        journal=first("JT"),
        journal_abbrev=first("TA"),
        volume=first("VI"),
        issue=first("IP"),
        pages=first("PG"),
        available=_day(first("DEP") or ""),
        issn=_issn(fields),
        authors=list(_authors(pairs)),
        accessions=fields.get("SI", []),
        publication_type_texts=fields.get("PT", []),
        mesh_heading_texts=fields.get("MH", []),
        chemical_texts=[match[1] for words in fields.get("RN", ()) if (match := _SUBSTANCE.fullmatch(words))],
        keywords=list(dict.fromkeys(words.removeprefix("*") for words in fields.get("OT", ()))),
        conflict_of_interest=first("COIS"),
        funding=[grant for words in dict.fromkeys(fields.get("GR", ())) if (grant := _grant(words))],
        sections=[*_sections(fields, "AB", ""), *_sections(fields, "OAB", " (other)")],
    )
    found.issued, found.issued_text = printed_date(first("DP") or "")
    if found.vernacular_title and found.title in {None, NOT_AVAILABLE}:
        found.title = found.vernacular_title
    found.creators = [author.name for author in found.authors]
    label_twice(found.sections)
    for tag in ("LID", "AID"):
        _identify(fields.get(tag, ()), found)
    for tag, attribute in _CORRECTIONS.items():
        getattr(found, attribute).extend(_noticed(fields.get(tag, ())))
    for match in filter(None, map(_HISTORY.fullmatch, fields.get("PHST", ()))):
        setattr(found, f"history_{match[4]}", iso_date(match[1], match[2], match[3]))
    return found


def _day(text: str) -> str | None:
    """Return the date of eight digits, 20180831, as a date."""
    return iso_date(text[:4], text[4:6], text[6:8])


def _issn(fields: Fields) -> str | None:
    """Return the first ISSN that is not only the one by which a journal's editions are linked."""
    matches = list(filter(None, map(_ISSN.match, fields.get("IS", ()))))
    own = [match[1] for match in matches if match[2] != "Linking"]
    return next(iter(own or [match[1] for match in matches]), None)


def _identify(entries: Iterable[str], found: Publication) -> None:
    for match in filter(None, map(_LOCATION.fullmatch, entries)):
        if match[2] == "doi":
            found.doi = found.doi or normal_doi(match[1])
        else:
            found.pii = found.pii or match[1]


def _authors(pairs: Pairs) -> Iterator[Author]:
    """Yield persons and groups in their order; the full name (FAU) stands before the short one (AU) of a person."""
    author: Author | None = None
    full = False
    for tag, words in pairs:
        if tag == "AUID":
            if author and words.upper().startswith("ORCID"):
                author.orcid = author.orcid or orcid(words.partition(":")[2])
        elif (tag in {"FAU", "CN"} or (tag == "AU" and not full)) and words:
            if author:
                yield author
            author = Author(name=words if tag == "CN" else _name(words, full=tag == "FAU"))
        full = tag == "FAU" or (full and tag in {"AUID", "AD"})
    if author:
        yield author


def _name(words: str, *, full: bool) -> str:
    """Return "Roe, Jane A Jr" or "Roe JA" as the name is spoken: Jane A Roe Jr, JA Roe."""
    last, _, given = words.partition(", ") if full else words.rpartition(" ")
    if not given or not last:
        return words
    suffix = _SUFFIX.fullmatch(given)
    return f"{suffix[1]} {last} {suffix[2]}" if suffix else f"{given} {last}"


def _grant(words: str) -> Grant | None:
    """Return a grant from number/acronym/agency/country, in which the number may hold a slash or be missing."""
    parts = words.split("/")
    if len(parts) < 2:
        return Grant(number=words) if words else None
    number = parts[:-2]
    if len(number) > 1 and _ACRONYM.fullmatch(number[-1]):
        number.pop()
    return Grant(number="/".join(number) or None, agency=parts[-2] or None, country=parts[-1] or None)


def _noticed(entries: Iterable[str]) -> list[str]:
    """Return the PubMed ids at the end of notes on other articles, each once."""
    matches = filter(None, map(_PMID_AT_END.search, entries))
    return list(dict.fromkeys(pmid for match in matches if (pmid := normal_pmid(match[1]))))


def _sections(fields: Fields, tag: str, suffix: str) -> Iterator[TextSection]:
    """Cut an abstract at its labels. Without one at its very beginning it has none, whatever capitals it holds."""
    for text in fields.get(tag, ()):
        cuts = list(_LABEL.finditer(text))
        if not cuts or cuts[0].start() > 0:
            yield section(ABSTRACT + suffix, text)
            continue
        ends = [*(cut.start() for cut in cuts[1:]), len(text)]
        for cut, end in zip(cuts, ends, strict=True):
            each = section(label(cut[1]) + suffix, text[cut.end() : end])
            if each.length:
                yield each


_CORRECTIONS = {
    "RIN": "retracted_by",
    "RRI": "retracted_by",
    "ROF": "retracts",
    "EIN": "corrected_by",
    "ECI": "expression_of_concern",
    "UIN": "updated_by",
}
