"""Numbers, p values, ages and times as registries print them, and what can be read out of them.

The registry holds all numbers of results as text: 12,345, NA, <0.001, &lt; 0.0001. Every function takes the text and
answers None for what is no such thing; nothing is guessed.

>>> number("12,345"), number("NA"), number("<0.1")
(Decimal('12345'), None, None)
>>> p_value("&lt; 0.0001")
('<', Decimal('0.0001'))
>>> time_offset("Week 24 (n=141)"), time_offset("6 months")
('P168D', 'P6M')
"""

import re
from decimal import Decimal
from functools import lru_cache
from html import unescape

__all__ = ["age", "count", "duration", "number", "p_value", "time_offset"]

_PLAIN = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,2})?").fullmatch
_GROUPED = re.compile(r"[+-]?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]*)?").fullmatch
_P_VALUE = re.compile(r"(?:p(?:-?value)?\s*)?(<=|>=|=<|=>|[<>=≤≥])?\s*([0-9.,eE+-]+)", re.IGNORECASE).fullmatch
_OPERATORS = {"≤": "<=", "≥": ">=", "=<": "<=", "=>": ">=", None: "="}
_LONGEST = 40
_AGE = re.compile(r"([0-9]+(?:\.[0-9]+)?) (Year|Month|Week|Day|Hour|Minute)s?", re.IGNORECASE).fullmatch
_UCUM = {"year": "a", "month": "mo", "week": "wk", "day": "d", "hour": "h", "minute": "min"}
_UNIT = r"(year|month|week|day|hour|minute|yr|mo|wk|hr|min)s?"
_TIME = re.compile(rf"\b(?:{_UNIT}[ -]?([0-9]{{1,4}})|([0-9]{{1,4}})[ -]?{_UNIT})\b(?![.,/-]?[0-9])", re.IGNORECASE)
_UNITS = {"yr": "year", "mo": "month", "wk": "week", "hr": "hour", "min": "minute"}
_DESIGNATORS = {"year": "P{}Y", "month": "P{}M", "day": "P{}D", "hour": "PT{}H", "minute": "PT{}M"}
# What may stand beside a time in a title that says nothing else: a sample size in brackets, and how it was looked at.
_ASIDE = re.compile(
    r"\((?:n ?= ?)?[n=0-9,;: ]*\)|\[(?:n ?= ?)?[n=0-9,;: ]*\]"
    r"|\b(?:change|changes|from|baseline|to|at|after|until|end of|visit|month|follow-up|follow up|post-treatment)\b",
    re.IGNORECASE,
)


@lru_cache(maxsize=65536)
def number(text: str) -> Decimal | None:
    """Return a number printed with or without grouping commas; None for NA, inequalities and all else."""
    text = text.strip()
    if len(text) > _LONGEST:
        return None
    if _PLAIN(text):
        return Decimal(text)
    if _GROUPED(text):
        return Decimal(text.replace(",", ""))
    if not text.isascii() or "&" in text:
        plain = unescape(text).replace("−", "-").replace("\xa0", " ").strip()
        return number(plain) if plain != text and plain.isascii() and "&" not in plain else None
    return None


def count(text: str) -> int | None:
    """Return a whole number of things; None for what is not one, or is below zero."""
    found = number(text)
    return int(found) if found is not None and found >= 0 and found == found.to_integral_value() else None


def p_value(text: str) -> tuple[str, Decimal] | None:
    """Return the operator and the number of a p value; a bare number is an equality."""
    match = _P_VALUE(unescape(text).strip())
    found = number(match[2]) if match else None
    if match is None or found is None:
        return None
    return _OPERATORS.get(match[1], match[1]), found


def age(text: str) -> tuple[Decimal, str] | None:
    """Return an age (18 Years) as a number and its UCUM unit: a, mo, wk, d, h or min."""
    match = _AGE(text.strip())
    return (Decimal(match[1]), _UCUM[match[2].lower()]) if match else None


def duration(text: str) -> str | None:
    """Return a length of time (12 Months) as an xsd:duration."""
    match = _AGE(text.strip())
    return _duration(match[2].lower(), int(match[1])) if match and "." not in match[1] else None


@lru_cache(maxsize=8192)
def time_offset(title: str) -> str | None:
    """Return the time that a row's title states (Week 24, 6 months) as an xsd:duration.

    Only where the title says one time and nothing else that could be the name of the row: "Week 24 (n=141)" and
    "Change from Baseline to Week 24" are times, "Fact-B 3-month total score" is a score.
    """
    times = list(_TIME.finditer(title))
    if len(times) != 1:
        return None
    time = times[0]
    rest = _ASIDE.sub("", title[: time.start()] + " " + title[time.end() :])
    if any(character.isalnum() or character in "<>≤≥=" for character in rest):
        return None
    unit = (time[1] or time[4]).lower()
    return _duration(_UNITS.get(unit, unit), int(time[2] or time[3]))


def _duration(unit: str, amount: int) -> str:
    # xsd:duration has no weeks.
    return f"P{7 * amount}D" if unit == "week" else _DESIGNATORS[unit].format(amount)
