"""Words and dates as PubMed prints them, in the forms that records have."""

import re
from calendar import monthrange
from functools import lru_cache
from hashlib import sha256
from unicodedata import combining, normalize

from loaders.errors import SourceError
from loaders.record import TextSection

__all__ = ["iso_date", "label", "label_twice", "nfc", "printed_date", "section"]

# Normalising takes time quadratic in the number of combining marks on one letter. No script needs more than 30 (Unicode
# Standard Annex 15, section 13: Stream-Safe Text Format).
_MOST_MARKS = 30
_MAYBE_MARKS = re.compile(f"[^\x00-\u02ff]{{{_MOST_MARKS + 1},}}")

_LONGEST_LABEL = 200

_MONTHS = {
    name[:length]: number
    for number, name in enumerate(
        (
            "january", "february", "march", "april", "may", "june",
            "july", "august", "september", "october", "november", "december",
        ),
        start=1,
    )
    for length in range(3, len(name) + 1)
}  # fmt: skip
_MONTHS |= {f"{number}": number for number in range(1, 13)} | {f"{number:02}": number for number in range(1, 10)}
_YEAR = re.compile(r"(?<![0-9])(?:1[0-9]|20)[0-9]{2}(?![0-9])")
_DAY = re.compile(r"[0-9]{1,2}")
_DATE_WORDS = re.compile(r"(?P<year>[0-9]{4})(?: (?P<month>[A-Za-z]+|[0-9]{1,2})(?: (?P<day>[0-9]{1,2}))?)?")


def nfc(text: str) -> str:
    """Return text in Unicode's NFC, in which offsets are counted.

    Raises SourceError, without a place, for what would take minutes to normalise and is no language.
    """
    if text.isascii():
        return text
    for run in _MAYBE_MARKS.finditer(text):
        marks = length = 0
        for character in run[0]:
            length = length + 1 if combining(character) else 0
            marks = max(marks, length)
        if marks > _MOST_MARKS:
            raise SourceError("", f"more than {_MOST_MARKS} accents stand on one letter, so this is no text")
    return normalize("NFC", text)


def section(name: str, text: str) -> TextSection:
    """Return a labelled section. Its text, in NFC, is without space at either end and otherwise verbatim.

    The label becomes a part of its IRI, so what is too long for a label is cut.
    """
    text = text.strip()
    return TextSection(
        label=name[:_LONGEST_LABEL], sha256=sha256(text.encode()).hexdigest(), length=len(text), text=text
    )


def label(printed: str) -> str:
    """Return a section's label in the usual spelling: MATERIALS & METHODS is Materials and methods.

    >>> label("RESULTS"), label("Data Sources")
    ('Results', 'Data Sources')
    """
    words = " ".join(printed.split())
    return words.replace(" & ", " and ").capitalize() if words.isupper() else words


def label_twice(sections: list[TextSection]) -> None:
    """Give the second section of one label its ordinal (Methods 2), so that evidence can tell the two apart."""
    seen: dict[str, int] = {}
    for each in sections:
        seen[each.label] = count = seen.get(each.label, 0) + 1
        if count > 1:
            each.label = f"{each.label} {count}"


@lru_cache(maxsize=10_000)  # the days of thirty years: a record has half a dozen, and most come again
def iso_date(year: str | None, month: str | None = None, day: str | None = None) -> str | None:
    """Return yyyy, yyyy-MM or yyyy-MM-dd, as precise as the parts that are there and real; None without a year.

    >>> iso_date("2018", "Sep", "14"), iso_date("2018", "09"), iso_date("2018", "Feb", "30")
    ('2018-09-14', '2018-09', '2018-02')
    """
    year = (year or "").strip()
    if not _YEAR.fullmatch(year):
        return None
    number = _MONTHS.get((month or "").strip().lower())
    if not number:
        return year
    day = (day or "").strip()
    if _DAY.fullmatch(day) and 1 <= int(day) <= monthrange(int(year), number)[1]:
        return f"{year}-{number:02}-{int(day):02}"
    return f"{year}-{number:02}"


@lru_cache(maxsize=10_000)
def printed_date(text: str) -> tuple[str | None, str | None]:
    """Return a printed date as a date, and its words where they say something that no date can.

    A season or a range of months leaves the year; two years leave nothing sure.

    >>> printed_date("2018 Sep 14"), printed_date("2016 Nov-Dec"), printed_date("1998 Dec-1999 Jan")
    (('2018-09-14', None), ('2016', '2016 Nov-Dec'), (None, '1998 Dec-1999 Jan'))
    """
    words = " ".join(text.split())
    if match := _DATE_WORDS.fullmatch(words):
        date = iso_date(match["year"], match["month"], match["day"])
        precise = 4 if not match["month"] else 7 if not match["day"] else 10
        return date, None if date and len(date) == precise else words
    years = set(_YEAR.findall(words))
    return (years.pop() if len(years) == 1 else None), words or None
