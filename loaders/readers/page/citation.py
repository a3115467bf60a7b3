"""The two citations a PubMed page prints: the source line over the title, and a short one under it."""

import re
from typing import NamedTuple

from loaders.readers.page.dates import iso_date

__all__ = ["LONGEST_LINE", "NOTES", "Citation", "ShortCitation", "citation", "short_citation"]

LONGEST_LINE = 2000
"""Characters of the longest line that is looked at as a citation."""

NOTES = ("doi:", "epub ", "print ", "ecollection ", "online ahead of print")
"""How the notes after a citation begin, in lower case."""

_DATE = r"(?:18|19|20)[0-9]{2}[A-Za-z0-9 /-]{0,24}"
_CITATION = re.compile(
    rf"(?:(?P<journal>[^.;:]{{2,160}}?)\s?)?\.\s?(?P<date>{_DATE})(?P<mark>[;:.])(?P<rest>.*)", re.DOTALL
)
_SHORT_CITATION = re.compile(rf"(?P<names>.{{2,300}}?)(?:\set al)?\.\s(?P<journal>[^.;:]{{2,160}})\.\s{_DATE}\.?")


class Citation(NamedTuple):
    """Where an article appeared. `notes` is the text after the pages: DOI and further dates."""

    journal: str | None
    issued: str | None
    volume: str | None
    issue: str | None
    pages: str | None
    notes: str


class ShortCitation(NamedTuple):
    """The first author (or the few there are) and the journal; `line` is the whole of it verbatim."""

    names: str
    journal: str
    line: str


def citation(line: str, following: str = "") -> Citation | None:
    """Read ". 2013 Oct;31(8):1298-308. doi: … Epub 2013 Jun 28.", with or without a journal before the first full stop.

    `following` is the next line of the page: a date between full stops ("Nature. 2013. …") is a citation only when a
    DOI or the like follows.
    """
    match = _CITATION.fullmatch(line) if len(line) <= LONGEST_LINE else None
    if match is None:
        return None
    place, _, notes = match["rest"].strip().partition(". ")
    if match["mark"] == ".":
        place, notes = "", match["rest"].strip()
        if not (notes or following).lower().startswith(NOTES):
            return None
    volume, issue, pages = _place(place.rstrip("."), match["mark"])
    return Citation(match["journal"], iso_date(match["date"]), volume, issue, pages, notes)


def short_citation(line: str) -> ShortCitation | None:
    """Read "Jane Doe et al. Ann Neurol. 2018 Sep."."""
    match = _SHORT_CITATION.fullmatch(line) if len(line) <= LONGEST_LINE else None
    return ShortCitation(match["names"], match["journal"], line) if match else None


def _place(place: str, mark: str) -> tuple[str | None, str | None, str | None]:
    """Read "31(8):1298-308" into volume, issue and pages.

    Newer pages have a colon where the semicolon was ("2022 Oct 13:13:1008490"); then a part that stands alone is pages.
    """
    volume, colon, pages = place.partition(":")
    if mark == ":" and not colon:
        volume, pages = "", place
    volume, _, issue = volume.partition("(")
    return volume.strip() or None, issue.rstrip(" )") or None, pages.strip() or None
