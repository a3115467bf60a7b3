"""Adverse events per group: each term, and the totals, which are never to be added to the terms."""

import re
from collections.abc import Iterator

from loaders.readers.clinicaltrials.groups import cohorts, group_name
from loaders.readers.clinicaltrials.names import digest, named
from loaders.readers.clinicaltrials.plain import Json, at
from loaders.readers.numbers import number
from loaders.record import AdverseEvent, AdverseEventResult, Study

__all__ = ["events"]

_SCOPE = "event"
_KINDS = (("seriousEvents", "serious", True), ("otherEvents", "other", False))
_VERSION = re.compile(r"[0-9]+(?:\.[0-9]+)?")


def events(study: Study, record: Json, warnings: list[str]) -> None:
    """Fill in event groups, events and how many of each group had them."""
    module = at(record, "resultsSection.adverseEventsModule")
    if threshold := module.get("frequencyThreshold"):
        study.frequency_threshold = number(threshold)
    given = module.get("eventGroups", [])
    groups = cohorts(given, "EVENT_GROUP", _SCOPE)
    study.cohorts += groups
    for event, key in _totals():
        results = list(_total_results(event, key, given))
        if results:
            study.adverse_events.append(event)
            study.adverse_event_results += results
    ids = {group.source_group_id for group in groups}
    for key, kind, serious in _KINDS:
        for name, each in named(
            module.get(key, []),
            lambda each: digest(each.get("term"), each.get("organSystem"), each.get("sourceVocabulary")),
        ):
            event = _event(f"{kind}-{name}", each, serious=serious)
            study.adverse_events.append(event)
            unknown = len(study.adverse_event_results) + len(each.get("stats", ()))
            study.adverse_event_results += _results(event.name, each.get("stats", ()), ids)
            if len(study.adverse_event_results) < unknown:
                warnings.append(
                    f"a result of the event '{event.term[:60]}' is for a group that its table does not have"
                )


def _totals() -> Iterator[tuple[AdverseEvent, str]]:
    """Yield the totals, each with what its fields begin with."""
    yield AdverseEvent(name="all-cause-mortality", term="All-cause mortality", is_death=True), "deaths"
    yield AdverseEvent(name="any-serious", term="Any serious adverse event", serious=True, is_total=True), "serious"
    yield AdverseEvent(name="any-other", term="Any other adverse event", serious=False, is_total=True), "other"


def _total_results(event: AdverseEvent, key: str, groups: list[Json]) -> Iterator[AdverseEventResult]:
    for group in groups:
        affected, at_risk = group.get(f"{key}NumAffected"), group.get(f"{key}NumAtRisk")
        if affected is None and at_risk is None:
            continue
        yield AdverseEventResult(
            name=f"{event.name}-{group.get('id')}",
            event=event.name,
            cohort=group_name(_SCOPE, group.get("id")),
            affected=affected,
            at_risk=at_risk,
            missing_reason="OTHER" if affected is None else None,
        )


def _event(name: str, given: Json, *, serious: bool) -> AdverseEvent:
    vocabulary = given.get("sourceVocabulary")
    version = _VERSION.search(vocabulary) if vocabulary else None
    return AdverseEvent(
        name=name,
        term=given.get("term") or "unnamed event",
        serious=serious,
        organ_system=given.get("organSystem"),
        source_vocabulary=vocabulary,
        vocabulary_version=version[0] if version else None,
        assessment_type=given.get("assessmentType"),
        comment=given.get("notes"),
    )


def _results(event: str, stats: list[Json], groups: set[str | None]) -> Iterator[AdverseEventResult]:
    for each in stats:
        group = each.get("groupId")
        if group in groups:
            affected, occurred = each.get("numAffected"), each.get("numEvents")
            yield AdverseEventResult(
                name=f"{event}-{group}",
                event=event,
                cohort=f"{_SCOPE}-{group}",
                affected=affected,
                at_risk=each.get("numAtRisk"),
                events=occurred,
                missing_reason="OTHER" if affected is None and occurred is None else None,
            )
