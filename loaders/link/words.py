"""Keys of a medical text: what different wordings of one term have in common.

A key is compared, never shown. Terms of MeSH and texts of studies go through the same rules, so a rule may be crude
(both sides of a comparison turn "four" into "for") as long as terms of two concepts rarely meet; where they do, the
index sees two concepts and links neither.

>>> words("Tumours of the Oesophagus")
('tumor', 'esophagus')
>>> words("Alzheimer's Disease, Type II")
('alzheimer', 'disease', 'type', '2')
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

__all__ = ["folded", "is_acronym", "outside_brackets", "without_qualifiers", "words"]

_ACRONYM = re.compile(r"[A-Z0-9][A-Z0-9.&/+-]{1,4}")
_TOKEN = re.compile(r"[a-z]+|[0-9]+")
_POSSESSIVE = re.compile(r"['’`´]s?\b")
_BRACKETS = re.compile(r"\s*[(\[]([^()\[\]]*)[)\]]\s*")
_GREEK = str.maketrans(
    {
        "α": " alpha ", "β": " beta ", "γ": " gamma ", "δ": " delta ", "ε": " epsilon ", "κ": " kappa ",
        "λ": " lambda ", "μ": " mu ", "ω": " omega ", "ß": " beta ", "®": " ", "™": " ",
    }
)  # fmt: skip
_SMALL = frozenset({"of", "the", "and", "a", "an", "in", "nos"})
_NUMERALS = {"i": "1", "ii": "2", "iii": "3", "iv": "4"}
_NUMBERED = frozenset({"type", "stage", "grade", "class", "phase"})
_BRITISH = (
    ("ae", "e"), ("oe", "e"), ("our", "or"), ("isation", "ization"), ("ising", "izing"), ("sulph", "sulf"),
    ("fibre", "fiber"), ("centre", "center"),
)  # fmt: skip

_STAGE = re.compile(
    r"\b(?:(?:clinical |pathologic(?:al)? )?stages?|grades?|class|ecog|figo)\s+[0-9ivx]+[a-d]?[0-9]?"
    r"(?:\s*(?:[-/,&]|to|or|and)\s*[0-9ivx]+[a-d]?[0-9]?)*\b|\bajcc v\d+\b|\bfigo\b",
    re.IGNORECASE,
)
_DOSE = re.compile(
    r"(?<![\w-])\d[\d.,]*\s*(?:mcg|µg|ug|mg|g|kg|ml|iu|units?|%)(?:\s*/\s*(?:kg|m2|m\^2|ml|day|d|h))?(?!\w)",
    re.IGNORECASE,
)
_QUALIFIERS = {
    "CONDITION": """
        active acute adult advanced childhood chronic classic diagnosed early established incident inoperable late
        localized locally metastatic mild moderate newly nos onset or patient pediatric persistent previously
        progressive recurrent refractory relapsed relapsing resectable resistant severe sporadic stable subject
        suspected symptomatic uncontrolled unresectable unspecified untreated
    """,
    "INTERVENTION": """
        arm capsule cream daily dose extended gel generic group hcl high hydrochloride infusion injectable injection
        intravenous iv low ointment oral orally patch release solution standard subcutaneous suspension tablet
        topical treatment
    """,
    "BIOMARKER": "blood circulating concentration csf fasting level plasma serum total urinary urine",
}
_QUALIFIER_WORDS = {kind: frozenset(text.split()) for kind, text in _QUALIFIERS.items()}


def folded(text: str) -> str:
    """Return a text without what case, spacing and typographic variants add to it."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


@lru_cache(maxsize=4096)
def words(text: str) -> tuple[str, ...]:
    """Return the words of a text without case, punctuation, accents, plural, small words and British spelling."""
    text = _POSSESSIVE.sub("", text)
    tokens = _TOKEN.findall(text.lower() if text.isascii() else _in_ascii(text))
    return tuple(_numeral(tokens, at) or _stem(token) for at, token in enumerate(tokens) if token not in _SMALL)


def is_acronym(text: str) -> bool:
    """Say whether a text is so short that its capitals are part of it: AIDS is not aids."""
    return _ACRONYM.fullmatch(text) is not None


def outside_brackets(text: str) -> tuple[str, ...]:
    """Return a text without its brackets, and what stands in them; nothing when it has none."""
    inside = [part for part in _BRACKETS.findall(text) if part.strip()]
    return (_BRACKETS.sub(" ", text).strip(), *inside) if inside else ()


def without_qualifiers(text: str, kind: str) -> Iterator[list[tuple[str, ...]]]:
    """Yield what is left of a text's words when qualifiers are taken from its ends, those with most words first.

    `kind` is a `loaders.record.TextKind`.
    Qualifiers narrow a term in a way that MeSH does not: stages of a condition, doses and forms of an intervention.
    """
    bare = _DOSE.sub(" ", _STAGE.sub(" ", text))
    tokens = words(bare)
    qualifiers = _QUALIFIER_WORDS.get(kind, frozenset())
    front = next((at for at, token in enumerate(tokens) if token not in qualifiers), len(tokens))
    back = next((at for at, token in enumerate(reversed(tokens)) if token not in qualifiers), 0)
    for taken in range(0 if bare != text else 1, front + back + 1):
        starts = range(max(0, taken - back), min(front, taken) + 1)
        yield [rest for start in starts if (rest := tokens[start : len(tokens) - (taken - start)])]


def _in_ascii(text: str) -> str:
    """Return a text in small letters without accents, ligatures and Greek letters."""
    text = unicodedata.normalize("NFKD", text).casefold().translate(_GREEK)
    return "".join(character for character in text if not unicodedata.combining(character))


def _numeral(tokens: list[str], at: int) -> str | None:
    return _NUMERALS.get(tokens[at]) if at and tokens[at - 1] in _NUMBERED else None


@lru_cache(maxsize=1 << 16)
def _stem(token: str) -> str:
    for british, american in _BRITISH:
        token = token.replace(british, american)
    if len(token) > 4 and token.endswith("ies"):
        return token[:-3] + "y"
    if len(token) > 4 and token.endswith(("sses", "xes", "ches", "shes")):
        return token[:-2]
    if len(token) > 3 and token.endswith("s") and not token.endswith(("ss", "us", "is")):
        return token[:-1]
    return token
