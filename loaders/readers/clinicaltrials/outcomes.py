"""Posted outcomes: their definitions, groups, cells and analyses. Each outcome has groups of its own."""

from collections.abc import Mapping
from decimal import Decimal
from functools import partial

from loaders.readers.clinicaltrials import vocabulary
from loaders.readers.clinicaltrials.groups import cohorts, denominators, group_name
from loaders.readers.clinicaltrials.measures import Cells
from loaders.readers.clinicaltrials.names import digest, named
from loaders.readers.clinicaltrials.plain import Json, at, copy
from loaders.readers.numbers import number, p_value
from loaders.record import EffectEstimate, Outcome, OutcomeResult, Study

__all__ = ["outcomes"]

_OUTCOME = (
    ("type", "type"),
    ("description", "description"),
    ("timeFrame", "time_frame"),
    ("populationDescription", "analysis_population"),
    ("reportingStatus", "reporting_status"),
    ("anticipatedPostingDate", "anticipated_posting"),
    ("unitOfMeasure", "unit_text"),
    ("calculatePct", "calculate_pct"),
    ("typeUnitsAnalyzed", "type_units_analyzed"),
    ("denomUnitsSelected", "denom_units"),
)
_EFFECT = (
    ("paramType", "measure_text"),
    ("paramValue", "value_text"),
    ("pValue", "p_value_text"),
    ("statisticalMethod", "statistical_method"),
    ("nonInferiorityType", "hypothesis_type"),
    ("testedNonInferiority", "tested_non_inferiority"),
    ("nonInferiorityComment", "non_inferiority_comment"),
)
_DESCRIPTIONS = ("groupDescription", "otherAnalysisDescription")
_COMMENTS = ("estimateComment", "statisticalComment", "pValueComment", "ciLowerLimitComment", "ciUpperLimitComment")
_SIDES = {"ONE_SIDED": 1, "TWO_SIDED": 2}


def outcomes(study: Study, record: Json, warnings: list[str]) -> None:
    """Fill in posted outcomes, their groups, results and effects. The planned outcomes must be there already."""
    planned = _planned(study.outcomes)
    module = at(record, "resultsSection.outcomeMeasuresModule")
    for name, given in named(
        module.get("outcomeMeasures", []),
        lambda each: digest(each.get("type"), each.get("title"), each.get("timeFrame")),
    ):
        outcome = _outcome(f"posted-{name}", given, planned)
        groups = cohorts(given.get("groups", ()), "OUTCOME_GROUP", name)
        study.outcomes.append(outcome)
        study.cohorts += groups
        ids = {group.source_group_id or "" for group in groups}
        study.outcome_results += _cells(given, outcome, name, ids, warnings).results()
        for analysis, each in named(given.get("analyses", []), _analysis_name):
            effect = _effect(f"{name}-{analysis}", each, outcome, warnings)
            effect.involves = [group_name(name, group) for group in each.get("groupIds", ()) if group in ids]
            study.effects.append(effect)


Planned = Mapping[tuple[str | None, str], list[Outcome]]


def _planned(outcomes: list[Outcome]) -> Planned:
    found: dict[tuple[str | None, str], list[Outcome]] = {}
    for outcome in outcomes:
        found.setdefault((outcome.type, _words(outcome.label)), []).append(outcome)
    return found


def _words(title: str) -> str:
    return " ".join(title.casefold().split())


def _outcome(name: str, given: Json, planned: Planned) -> Outcome:
    label = given.get("title") or "unnamed outcome"
    found = planned.get((given.get("type"), _words(label)), [])
    if len(found) > 1:
        found = [each for each in found if each.time_frame == given.get("timeFrame")]
    outcome = Outcome(name=name, label=label, **copy(given, _OUTCOME))
    outcome.ucum_code = vocabulary.ucum(outcome.unit_text) if outcome.unit_text else None
    outcome.planned_as = found[0].name if len(found) == 1 else None
    return outcome


def _cells(given: Json, outcome: Outcome, scope: str, ids: set[str], warnings: list[str]) -> Cells[OutcomeResult]:
    printed = given.get("dispersionType")
    dispersion, level = vocabulary.dispersion(printed) if printed else (None, None)
    return Cells(
        given,
        partial(OutcomeResult, outcome=outcome.name),
        scope=scope,
        name=scope,
        groups=ids,
        denominators=denominators(given.get("denoms", []), given.get("denomUnitsSelected")),
        warnings=warnings,
        dispersion=dispersion,
        dispersion_text=printed if dispersion in (None, "CONFIDENCE_OTHER") else None,
        ci_level=level,
    )


def _analysis_name(given: Json) -> str:
    """Name an analysis by what is compared and how; the order of the groups is no part of it."""
    how = (given.get(key) for key in ("paramType", "statisticalMethod", "nonInferiorityType", *_DESCRIPTIONS))
    return digest(*sorted(given.get("groupIds", ())), *how)


def _effect(name: str, given: Json, outcome: Outcome, warnings: list[str]) -> EffectEstimate:
    """Return an analysis. The registry names its groups in no order, so it has no direction."""
    effect = EffectEstimate(
        name=name,
        outcome=outcome.name,
        contrast_unspecified=True,
        ci_sides=_SIDES.get(given.get("ciNumSides", "")),
        dispersion_type=vocabulary.ANALYSIS_DISPERSION.get(given.get("dispersionType", "")),
        descriptions=[given[key] for key in _DESCRIPTIONS if key in given],
        comments=[given[key] for key in _COMMENTS if key in given],
        **copy(given, _EFFECT),
    )
    read = partial(_number, given)
    effect.measure = vocabulary.EFFECT_MEASURES.get(_words(effect.measure_text or ""))
    effect.value, _ = read("paramValue")
    effect.spread, effect.spread_text = read("dispersionValue")
    effect.ci_level, _ = read("ciPctValue")
    effect.ci_lower, effect.ci_lower_text = read("ciLowerLimit")
    effect.ci_upper, effect.ci_upper_text = read("ciUpperLimit")
    if effect.measure == vocabulary.EFFECT_MEASURES["mean difference"] and effect.value is not None:
        effect.unit_text, effect.ucum_code = outcome.unit_text, outcome.ucum_code
    if found := p_value(effect.p_value_text) if effect.p_value_text else None:
        effect.p_value_operator, effect.p_value = found  # type: ignore[assignment]  # the pattern allows no other
    elif effect.p_value_text:
        warnings.append(f"the p value '{effect.p_value_text[:60]}' is no number and was kept as text")
    if effect.value is None and effect.p_value is None:
        effect.reporting = "QUALITATIVE_ONLY"
    return effect


def _number(given: Json, key: str) -> tuple[Decimal | None, str | None]:
    """Return the number of a field, or else the text it is printed as."""
    text = given.get(key)
    if text is None:
        return None, None
    found = number(text)
    return found, (text if found is None else None)
