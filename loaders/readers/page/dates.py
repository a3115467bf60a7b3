"""Dates as pages print them, in the precision they print: 2018 Sep 14, Sep-2018, 2018/09, 2021 Jan-Feb."""

import re
from datetime import date

__all__ = ["iso_date"]

_MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
_FORMS = tuple(
    re.compile(form)
    for form in (
        r"(?P<year>[0-9]{4})(?:[-/.](?P<month>[0-9]{1,2})(?:[-/.](?P<day>[0-9]{1,2})(?:T.*)?)?)?",
        r"(?P<year>[0-9]{4})[ -](?P<month>[A-Za-z]{3,9})\.?(?:[ -](?P<day>[0-9]{1,2}))?",
        r"(?:(?P<day>[0-9]{1,2})[ -])?(?P<month>[A-Za-z]{3,9})[ -](?P<year>[0-9]{4})",
        # A season or a range of months has no date of its own, and 09/10/2007 is read in two ways: the year is sure.
        r"(?P<year>[0-9]{4})[ -].*",
        r"[0-9]{1,2}/(?:[0-9]{1,2}/)?(?P<year>[0-9]{4})",
    )
)


def iso_date(text: str) -> str | None:
    """Return yyyy, yyyy-MM or yyyy-MM-dd, as precise as `text` is; None when it is no date.

    A day or month that does not exist is left out.

    >>> iso_date("Sep-2018"), iso_date("2013 Jun 28"), iso_date("2021 Jan-Feb")
    ('2018-09', '2013-06-28', '2021')
    """
    text = text.strip().rstrip(".")
    if len(text) > 40:
        return None
    for form in _FORMS:
        match = form.fullmatch(text)
        if match is None:
            continue
        parts = match.groupdict()
        year, month = int(parts["year"]), _month(parts.get("month") or "")
        if not 1000 <= year <= 2999:
            return None
        if month:
            return _precise(year, month, parts.get("day"))
        if not parts.get("month"):
            return f"{year}"
    return None


def _month(text: str) -> int:
    """Return 1 to 12, or 0 for what is no month."""
    if text.isdigit():
        return int(text) if 1 <= int(text) <= 12 else 0
    names = [number for number, name in enumerate(_MONTHS, 1) if len(text) >= 3 and name.startswith(text.lower())]
    return names[0] if names else 0


def _precise(year: int, month: int, day: str | None) -> str:
    if day:
        try:
            return date(year, month, int(day)).isoformat()
        except ValueError:
            pass
    return f"{year}-{month:02}"
