"""Who the participants were at the start: baseline groups, variables and their values."""

from functools import partial

from loaders.readers.clinicaltrials import vocabulary
from loaders.readers.clinicaltrials.groups import cohorts, denominators, group_name
from loaders.readers.clinicaltrials.measures import Cells
from loaders.readers.clinicaltrials.names import digest, named
from loaders.readers.clinicaltrials.plain import Json, at
from loaders.readers.numbers import count
from loaders.record import BaselineResult, BaselineVariable, Cohort, Study

__all__ = ["baseline"]

_SCOPE = "baseline"


def baseline(study: Study, record: Json, warnings: list[str]) -> None:
    """Fill in baseline groups, variables and results."""
    module = at(record, "resultsSection.baselineCharacteristicsModule")
    groups = cohorts(module.get("groups", ()), "BASELINE_GROUP", _SCOPE)
    denoms = module.get("denoms", [])
    _size(groups, denoms)
    if len(groups) > 1:
        for group in groups:
            # The whole sample, which the registry adds as a group of its own: not to be added up once more.
            group.kind = "ALL" if group.label.casefold() in {"total", "total title"} else group.kind
    study.cohorts += groups
    ids = {group.source_group_id or "" for group in groups}
    for name, measure in named(module.get("measures", []), lambda each: digest(each.get("title"))):
        study.baseline_variables.append(_variable(name, measure))
        printed = measure.get("dispersionType")
        cells = Cells(
            measure,
            partial(BaselineResult, variable=name),
            scope=_SCOPE,
            name=f"baseline-{name}",
            groups=ids,
            denominators=denominators(denoms, measure.get("denomUnitsSelected")),
            warnings=warnings,
            timed=False,
            dispersion=printed,
            ci_level=vocabulary.confidence_level(printed) if printed else None,
        )
        study.baseline_results += cells.results()


def _variable(name: str, measure: Json) -> BaselineVariable:
    unit = measure.get("unitOfMeasure")
    return BaselineVariable(
        name=name,
        label=measure.get("title") or "unnamed variable",
        description=measure.get("description"),
        analysis_population=measure.get("populationDescription"),
        unit_text=unit,
        ucum_code=vocabulary.ucum(unit) if unit else None,
        calculate_pct=measure.get("calculatePct"),
        denom_units=measure.get("denomUnitsSelected"),
    )


def _size(groups: list[Cohort], denoms: list[Json]) -> None:
    """Note how many participants, or how many of another unit, each group has."""
    by_name = {group.name: group for group in groups}
    for denom in denoms:
        unit = denom.get("units", "")
        for each in denom.get("counts", ()):
            group = by_name.get(group_name(_SCOPE, each.get("groupId")))
            number = count(each.get("value", ""))
            if group is None or number is None:
                continue
            if unit.lower() == "participants":
                group.size = number
            else:
                group.unit_count, group.counted_unit = number, unit
