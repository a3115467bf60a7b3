"""The registry id a page prints, and where: a claim by rule, so it says its place and is never repaired silently."""

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple

from loaders.errors import SourceError
from loaders.readers.registry_ids import mentions
from loaders.record import Evidence, TextSection

__all__ = ["Registration", "find"]

_CONFIDENCE = Decimal("0.95")
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
    texts = [(section.label, section.text or "", True) for section in sections]
    texts += [(place, text, False) for place, text in statements]
    found = [mention for place, text, offsets in texts for mention in _mentions(place, text, name, offsets=offsets)]
    candidates = {mention.nct for mention in found}
    if len(candidates) > 1:
        candidates = {mention.nct for mention in found if mention.in_registration}
    if len(candidates) != 1:
        return None
    mention = next(mention for mention in found if mention.nct in candidates)
    evidence = Evidence(
        section=mention.section, start=mention.start, end=mention.end, method="RULE", confidence=_CONFIDENCE
    )
    return Registration(mention.nct, evidence)


def _mentions(section: str, text: str, name: str, *, offsets: bool) -> Iterator[_Mention]:
    for found in mentions(text):
        if found.nct is None:
            raise SourceError(
                name,
                f'"{found.text[:40]}" is not an NCT id, which is NCT and eight digits (NCT01234567); '
                "look the study up at clinicaltrials.gov and correct the page",
                field=section,
            )
        start, end = (found.start, found.end) if offsets else (None, None)
        yield _Mention(found.nct, section, start, end, _in_registration(text, found.start))


def _in_registration(text: str, start: int) -> bool:
    """Say whether `start` is inside a bracket that stands after, or contains before it, words of registration."""
    before = text[max(0, start - _CONTEXT) : start]
    opening = max(before.rfind("("), before.rfind("["))
    if opening < 0 or ")" in before[opening:] or "]" in before[opening:]:
        return False
    return _REGISTRATION_WORD.search(before) is not None
