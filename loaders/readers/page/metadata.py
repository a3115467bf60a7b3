"""What a page's meta tags say of its article: Highwire Press tags (citation_…) and Dublin Core (DC.…, DCTERMS.…)."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, replace

from loaders.link.identifiers import normal_doi, normal_pmid
from loaders.readers.page.dates import iso_date
from loaders.record import Publication

__all__ = ["first", "first_valid", "merged", "normal_issn", "page_range", "separated", "tagged_publication"]

Meta = Mapping[str, tuple[str, ...]]

# Tags keep names apart and identifiers clean. The printed journal, volume, pages and dates come first all the same:
# tags pad dates, spell the journal in another way and never say "1298-308".
_TAGGED_FIRST = frozenset({"title", "doi", "pmid", "issn", "creators"})


def tagged_publication(meta: Meta) -> Publication:
    """Return what the tags say, leaving out what is not well-formed."""
    return Publication(
        title=first(meta, "citation_title", "dc.title", "dcterms.title"),
        doi=first_valid(normal_doi, _values(meta, "citation_doi", "dc.identifier", "dcterms.identifier")),
        pmid=first_valid(normal_pmid, _values(meta, "citation_pmid")),
        journal=first(meta, "citation_journal_title", "citation_journal_abbrev"),
        issn=first_valid(normal_issn, _values(meta, "citation_issn")),
        volume=first(meta, "citation_volume"),
        issue=first(meta, "citation_issue"),
        pages=page_range(first(meta, "citation_firstpage"), first(meta, "citation_lastpage")),
        issued=first_valid(iso_date, _values(meta, "citation_publication_date", "citation_date", "dcterms.issued")),
        available=first_valid(iso_date, _values(meta, "citation_online_date")),
        creators=_creators(meta),
    )


def merged(printed: Publication, tagged: Publication) -> Publication:
    """Return `printed` with what only the tags say, or say better."""
    values = {}
    for field in fields(Publication):
        ours, theirs = getattr(printed, field.name), getattr(tagged, field.name)
        values[field.name] = (theirs or ours) if field.name in _TAGGED_FIRST else (ours or theirs)
    return replace(printed, **values)


def first(meta: Meta, *names: str) -> str | None:
    """Return the first value of the first of these tags that is there."""
    return next(iter(_values(meta, *names)), None)


def first_valid(normal: Callable[[str], str | None], values: Iterable[str]) -> str | None:
    """Return the first value that `normal` does not answer None for, in its normal form."""
    return next(filter(None, map(normal, values)), None)


def separated(values: Iterable[str]) -> list[str]:
    """Return the parts of values that semicolons separate, each once and in order."""
    parts = (part.strip() for value in values for part in value.split(";"))
    return list(dict.fromkeys(part for part in parts if part))


def page_range(start: str | None, end: str | None) -> str | None:
    """Return "361-373", or one page when the article has no other."""
    if start and end and start != end:
        return f"{start}-{end}"
    return start or end


def normal_issn(text: str) -> str | None:
    """Return an ISSN, four digits, a hyphen and four more of which the last may be X; or None."""
    candidate = text.strip().upper()
    return candidate if re.fullmatch(r"[0-9]{4}-[0-9]{3}[0-9X]", candidate) else None


def _values(meta: Meta, *names: str) -> list[str]:
    return [value for name in names for value in meta.get(name, ())]


def _creators(meta: Meta) -> list[str]:
    for name in ("citation_author", "dc.creator", "dcterms.creator"):
        if name in meta:
            return list(dict.fromkeys(meta[name]))
    return separated(meta.get("citation_authors", ()))
