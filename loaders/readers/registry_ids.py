"""NCT ids in running text, and what can only be meant as one: one rule for abstracts and for pages."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from loaders.link.identifiers import normal_nct

__all__ = ["Mention", "mentions"]

# "NCT" also stands for neoadjuvant chemotherapy: only enough digits after it make it an attempt at an id. The letter O
# is a zero that was misread. A glued word may follow, on pages that lost their separators.
_CANDIDATE = re.compile(
    r"(?:(?<![A-Z0-9])NCT|(?<![A-Za-z0-9])nct)(?P<gap>[ \u00a0:#\u2010\u2011-]{0,2})(?P<number>O?[0-9]++)"
    r"(?P<tail>(?:(?![A-Z][a-z])[A-Za-z0-9]+)?)"
)
_ACCEPTED_GAPS = frozenset({"", " ", "\u00a0", "-", "\u2010", "\u2011"})


class Mention(NamedTuple):
    """A place in a text: `nct` is the id in its normal form, or None where what stands there is meant as one."""

    nct: str | None
    text: str
    start: int
    end: int


def mentions(text: str) -> Iterator[Mention]:
    """Yield the NCT ids of a text, and the attempts at one, in their order."""
    if "NCT" not in text and "nct" not in text:
        return
    for match in _CANDIDATE.finditer(text):
        nct = normal_nct(f"NCT{match['number']}") if not match["tail"] and match["gap"] in _ACCEPTED_GAPS else None
        if nct or _is_meant(match):
            yield Mention(nct, match[0], *match.span())


def _is_meant(match: re.Match[str]) -> bool:
    """Say whether an unusual form can only be an attempt at a registry id, and not another use of three letters."""
    return len(match["number"]) >= (6 if match["gap"] else 4)
