"""Participant flow: who started each period, who finished it, and why others left."""

from collections.abc import Iterator

from loaders.readers.clinicaltrials import vocabulary
from loaders.readers.clinicaltrials.groups import cohorts, group_name
from loaders.readers.clinicaltrials.names import digest, named
from loaders.readers.clinicaltrials.plain import Json, at
from loaders.readers.numbers import count
from loaders.record import FlowResult, Study

__all__ = ["flow"]

_SCOPE = "flow"


def flow(study: Study, record: Json, warnings: list[str]) -> None:
    """Fill in flow groups and results."""
    module = at(record, "resultsSection.participantFlowModule")
    groups = cohorts(module.get("groups", ()), "FLOW_GROUP", _SCOPE)
    study.cohorts += groups
    ids = {group.source_group_id for group in groups}
    periods = named(module.get("periods", []), lambda each: digest(each.get("title")))
    for number, (name, period) in enumerate(periods, 1):
        for result in (*_milestones(name, period), *_drop_outs(name, period)):
            if result.cohort.removeprefix(f"{_SCOPE}-") not in ids:
                warnings.append(f"a result of the participant flow is for the unknown group '{result.cohort}'")
                continue
            if result.count is None and result.unit_count is None:
                if result.value_text:
                    warnings.append(f"'{result.value_text[:60]}' of the participant flow is no number")
                result.missing_reason = "OTHER"
            result.period, result.period_number = period.get("title"), number
            study.flow_results.append(result)


def _milestones(period: str, given: Json) -> Iterator[FlowResult]:
    for name, milestone in named(given.get("milestones", []), lambda each: digest(each.get("type"))):
        printed = milestone.get("type")
        known = vocabulary.MILESTONES.get(printed or "")
        for each in milestone.get("achievements", ()):
            units = each.get("numUnits")
            result = _result(f"{period}-{name}", milestone, each)
            result.milestone, result.milestone_text = known, None if known else printed
            result.unit_count = count(units) if units else None
            yield result


def _drop_outs(period: str, given: Json) -> Iterator[FlowResult]:
    for name, reason in named(given.get("dropWithdraws", []), lambda each: digest(each.get("type"))):
        printed = reason.get("type")
        for each in reason.get("reasons", ()):
            result = _result(f"{period}-left-{name}", reason, each)
            result.drop_reason = vocabulary.DROP_REASONS.get((printed or "").lower(), "OTHER")
            result.drop_reason_text = printed
            yield result


def _result(name: str, row: Json, cell: Json) -> FlowResult:
    text = cell.get("numSubjects")
    people = count(text) if text else None
    return FlowResult(
        name=f"{_SCOPE}-{name}-{cell.get('groupId')}",
        cohort=group_name(_SCOPE, cell.get("groupId")),
        count=people,
        value_text=text if people is None else None,
        comments=[each["comment"] for each in (row, cell) if "comment" in each],
    )
