"""The registry id a page prints, and where: a claim by rule, so it says its place and is never repaired silently."""

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple

from loaders.errors import SourceError
from loaders.link.identifiers import normal_nct
from loaders.record import Evidence, TextSection

__all__ = ["Registration", "find"]

_CONFIDENCE = Decimal("0.95")
# "NCT" also stands for neoadjuvant chemotherapy: only enough digits after it make it an attempt at an id. The letter O
# is a zero that was misread. A glued word may follow, on pages that lost their separators.
_CANDIDATE = re.compile(
    r"(?:(?<![A-Z0-9])NCT|(?<![A-Za-z0-9])nct)(?P<gap>[ \u00a0:#\u2010\u2011-]{0,2})(?P<number>O?[0-9]++)"
    r"(?P<tail>(?:(?![A-Z][a-z])[A-Za-z0-9]+)?)"
)
_ACCEPTED_GAPS = frozenset({"", " ", "\u00a0", "-", "\u2010", "\u2011"})
_REGISTRATION_WORD = re.compile(r"\btrial|regist|clinicaltrials\.gov", re.IGNORECASE)
_CONTEXT = 80


class Registration(NamedTuple):
    """A study's registry id and the places that say so."""

    nct: str
    evidence: Evidence


class _Mention(NamedTuple):
    nct: str
    section: str
    start: int | None
    end: int | None
    in_registration: bool


def find(sections: Sequence[TextSection], statements: Sequence[tuple[str, str]], name: str) -> Registration | None:
    """Return the one registry id of a page's study, or None.

    `statements` are other texts of the page with the name of their place (Title, Associated data). Raises SourceError
    for what is meant as an NCT id and is none.

    A page may name other trials too (an extension, the studies of a review). When it prints several ids, only the one
    that alone stands in brackets after words of registration is the study's own; otherwise none is taken.
    """
    mentions = [
        mention for section in sections for mention in _mentions(section.label, section.text or "", name, offsets=True)
    ]
    mentions += [mention for place, text in statements for mention in _mentions(place, text, name, offsets=False)]
    candidates = {mention.nct for mention in mentions}
    if len(candidates) > 1:
        candidates = {mention.nct for mention in mentions if mention.in_registration}
    if len(candidates) != 1:
        return None
    mention = next(mention for mention in mentions if mention.nct in candidates)
    evidence = Evidence(
        section=mention.section, start=mention.start, end=mention.end, method="RULE", confidence=_CONFIDENCE
    )
    return Registration(mention.nct, evidence)


def _mentions(section: str, text: str, name: str, *, offsets: bool) -> Iterator[_Mention]:
    for match in _CANDIDATE.finditer(text):
        nct = normal_nct(f"NCT{match['number']}") if not match["tail"] and match["gap"] in _ACCEPTED_GAPS else None
        if nct:
            start, end = match.span()
            inside = _in_registration(text, start)
            yield _Mention(nct, section, start if offsets else None, end if offsets else None, inside)
        elif _is_meant(match):
            raise SourceError(
                name,
                f'"{match[0][:40]}" is not an NCT id, which is NCT and eight digits (NCT01234567); '
                "look the study up at clinicaltrials.gov and correct the page",
                field=section,
            )


def _is_meant(match: re.Match[str]) -> bool:
    """Say whether an unusual form can only be an attempt at a registry id, and not another use of three letters."""
    return len(match["number"]) >= (6 if match["gap"] else 4)


def _in_registration(text: str, start: int) -> bool:
    """Say whether `start` is inside a bracket that stands after, or contains before it, words of registration."""
    before = text[max(0, start - _CONTEXT) : start]
    opening = max(before.rfind("("), before.rfind("["))
    if opening < 0 or ")" in before[opening:] or "]" in before[opening:]:
        return False
    return _REGISTRATION_WORD.search(before) is not None
