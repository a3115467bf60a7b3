"""What the registry's free words mean where a table knows it: units, dispersions, effect measures, reasons.

The words themselves are always kept. What is not in a table stays words: nothing is guessed.
"""

import re
from decimal import Decimal
from functools import lru_cache
from html import unescape

from loaders.record import DispersionType, DropReason, Milestone, MissingReason

__all__ = [
    "ANALYSIS_DISPERSION",
    "DROP_REASONS",
    "EFFECT_MEASURES",
    "MILESTONES",
    "confidence_level",
    "dispersion",
    "is_share_of_participants",
    "missing_reason",
    "ucum",
]

MILESTONES: dict[str, Milestone] = {
    "STARTED": "STARTED",
    "COMPLETED": "COMPLETED",
    "NOT COMPLETED": "NOT_COMPLETED",
}
DROP_REASONS: dict[str, DropReason] = {
    "withdrawal by subject": "WITHDRAWAL_BY_SUBJECT",
    "lost to follow-up": "LOST_TO_FOLLOW_UP",
    "adverse event": "ADVERSE_EVENT",
    "protocol violation": "PROTOCOL_VIOLATION",
    "physician decision": "PHYSICIAN_DECISION",
    "lack of efficacy": "LACK_OF_EFFICACY",
    "death": "DEATH",
}
ANALYSIS_DISPERSION: dict[str, DispersionType] = {
    "STANDARD_DEVIATION": "STANDARD_DEVIATION",
    "STANDARD_ERROR_OF_MEAN": "STANDARD_ERROR",
}
_DISPERSIONS: dict[str, DispersionType] = {
    "standard deviation": "STANDARD_DEVIATION",
    "standard error": "STANDARD_ERROR",
    "standard error of the mean": "STANDARD_ERROR",
    "inter-quartile range": "INTER_QUARTILE_RANGE",
    "full range": "FULL_RANGE",
    "geometric coefficient of variation": "GEOMETRIC_COEFFICIENT",
}
_CONFIDENCE: dict[Decimal, DispersionType] = {
    Decimal(80): "CONFIDENCE_80",
    Decimal(90): "CONFIDENCE_90",
    Decimal(95): "CONFIDENCE_95",
    Decimal("97.5"): "CONFIDENCE_975",
    Decimal(99): "CONFIDENCE_99",
}
_LEVEL = re.compile(r"([0-9]{1,2}(?:\.[0-9]+)?) ?% ?Confidence Interval", re.IGNORECASE).fullmatch

_SHARES = frozenset(
    f"{share} of {people}"
    for share in ("percentage", "percent", "%")
    for people in ("participants", "participant", "patients", "subjects")
)
_PERCENT = re.compile(r"(?:percent|percentage|%)(?:\W.*)?", re.IGNORECASE | re.DOTALL).fullmatch
_UCUM = {
    "participants": "{participants}",
    "subjects": "{participants}",
    "patients": "{participants}",
    "units on a scale": "{score}",
    "score on a scale": "{score}",
    "scores on a scale": "{score}",
    "score on scale": "{score}",
    "score": "{score}",
    "scores": "{score}",
    "points": "{score}",
    "years": "a",
    "months": "mo",
    "weeks": "wk",
    "days": "d",
    "hours": "h",
    "minutes": "min",
    "seconds": "s",
    "pg/ml": "pg/mL",
    "ng/ml": "ng/mL",
    "nanograms per milliliter (ng/ml)": "ng/mL",
    "µg/ml": "ug/mL",
    "μg/ml": "ug/mL",
    "ug/ml": "ug/mL",
    "mcg/ml": "ug/mL",
    "mg/dl": "mg/dL",
    "mg/l": "mg/L",
    "g/dl": "g/dL",
    "mmol/l": "mmol/L",
    "mmhg": "mm[Hg]",
    "kg": "kg",
    "kilograms": "kg",
    "kg/m^2": "kg/m2",
    "kg/m2": "kg/m2",
    "kg/m²": "kg/m2",
    "kilograms per square meter (kg/m^2)": "kg/m2",
    "meters": "m",
    "cm": "cm",
    "mm": "mm",
    "liters": "L",
    "l": "L",
    "ml": "mL",
    "ml/min": "mL/min",
    "events": "{events}",
    "number of lesions": "{lesions}",
    "ratio": "1",
}

_MEAN_DIFFERENCE = "STATO:0000457"
EFFECT_MEASURES: dict[str, str] = {
    "mean difference (net)": _MEAN_DIFFERENCE,
    "mean difference (final values)": _MEAN_DIFFERENCE,
    "mean difference": _MEAN_DIFFERENCE,
    "difference in ls means": _MEAN_DIFFERENCE,
    "difference in ls mean": _MEAN_DIFFERENCE,
    "difference of ls mean": _MEAN_DIFFERENCE,
    "difference of ls means": _MEAN_DIFFERENCE,
    "difference of least squares (ls) mean": _MEAN_DIFFERENCE,
    "difference in least squares means": _MEAN_DIFFERENCE,
    "ls mean difference": _MEAN_DIFFERENCE,
    "lsmean difference": _MEAN_DIFFERENCE,
    "ls mean of treatment difference": _MEAN_DIFFERENCE,
    "ls mean treatment difference": _MEAN_DIFFERENCE,
    "least square mean difference": _MEAN_DIFFERENCE,
    "least squares mean difference": _MEAN_DIFFERENCE,
    "least square (ls) mean difference": _MEAN_DIFFERENCE,
    "least squares (ls) mean difference": _MEAN_DIFFERENCE,
    "odds ratio (or)": "STATO:0000182",
    "odds ratio": "STATO:0000182",
    "risk ratio (rr)": "STATO:0000245",
    "risk ratio": "STATO:0000245",
    "relative risk": "STATO:0000245",
    "risk difference (rd)": "STATO:0000424",
    "risk difference": "STATO:0000424",
    "hazard ratio (hr)": "NCIT:C93150",
    "hazard ratio": "NCIT:C93150",
    "standardized mean difference": "STATO:0000100",
}
"""The statistic by the words for it, in lower case. A difference of least squares means is adjusted: keep the words."""

_REASONS: tuple[tuple[MissingReason, re.Pattern[str]], ...] = (
    ("NOT_REACHED", re.compile(r"\bnot (?:been |yet )?(?:reached|attained|met)\b|\bunreached\b", re.IGNORECASE)),
    (
        "BELOW_LOQ",
        re.compile(r"\bbelow (?:the )?(?:lower )?(?:limits?|level)\b|\bb?lloq\b|\bblq\b|quantifi", re.IGNORECASE),
    ),
    (
        "NOT_COLLECTED",
        re.compile(r"\bnot (?:been )?(?:collected|analy[sz]ed|assessed|measured|done|performed|recorded)\b", re.I),
    ),
    (
        "NOT_ESTIMABLE",
        re.compile(
            r"estima[tb]|evaluable|calculat|comput|determined|insufficient|too few|not available"
            r"|\b(?:one|1) (?:participant|subject|patient)",
            re.IGNORECASE,
        ),
    ),
)
_TIMES = frozenset({"years", "months", "weeks", "days", "hours"})


@lru_cache(maxsize=8192)
def ucum(unit: str) -> str | None:
    """Return the UCUM code of a printed unit, where the table knows it."""
    key = _key(unit)
    return _UCUM.get(key) or ("%" if _PERCENT(key) else None)


@lru_cache(maxsize=8192)
def is_share_of_participants(unit: str) -> bool:
    """Say whether a unit is a percentage of participants: a percentage of something else is only a value in %."""
    return _key(unit) in _SHARES


def dispersion(printed: str) -> tuple[DispersionType | None, Decimal | None]:
    """Return what a label or code of a dispersion stands for, and the level of a confidence interval in percent."""
    if level := _LEVEL(printed):
        percent = Decimal(level[1])
        return _CONFIDENCE.get(percent, "CONFIDENCE_OTHER"), percent
    return _DISPERSIONS.get(printed.lower()), None


def confidence_level(code: DispersionType) -> Decimal | None:
    """Return the level in percent of a dispersion that is a confidence interval."""
    return next((level for level, each in _CONFIDENCE.items() if each == code), None)


def missing_reason(value: str, comment: str | None, statistic: str | None, unit: str | None) -> MissingReason:
    """Say why a cell holds no number: by its comment; without one, a median time that is NA was not reached."""
    for reason, words in _REASONS:
        if comment and words.search(comment):
            return reason
    if unescape(value).strip().startswith("<"):
        return "BELOW_LOQ"
    if statistic == "MEDIAN" and unit and _key(unit) in _TIMES:
        return "NOT_REACHED"
    return "OTHER"


def _key(unit: str) -> str:
    return " ".join(unescape(unit).lower().split())
