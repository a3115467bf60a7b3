"""Which arm of the protocol a result group of a registry record is: claims, each with a method and a confidence.

The registry itself does not link the two. A group is mapped to an arm when exactly one arm fits by the surest method
that finds any, and by the weaker methods only when no other group of its table claims the same arm. What is ambiguous
is left unmapped.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from hashlib import blake2b

from loaders.link.claims import claim, derived_from
from loaders.link.words import words
from loaders.record import Cohort, CohortMappingMethod, Study
from loaders.terms import iri, name_segment, types, value

__all__ = ["ASSERTED", "CONFIDENCE", "CohortMapping", "cohort_mappings", "emit_cohort_mappings"]

CONFIDENCE: Mapping[CohortMappingMethod, Decimal] = {
    "SAME_TITLE": Decimal("0.95"),
    "SAME_WORDS": Decimal("0.85"),
    "SAME_INTERVENTIONS": Decimal("0.75"),
    "ONLY_ARM": Decimal("0.7"),
}
"""The methods in the order in which they are tried (docs/links.md)."""

ASSERTED = Decimal("0.75")
"""The confidence from which a group leads straight to its arm too. Below it, the group may be a part of the arm."""

_GENERIC = frozenset({"arm", "group", "cohort", "participant", "patient", "subject", "treatment", "with", "plus"})
# Who changes over is not who stays: what is named last need not be what the arm receives.
_SEQUENCE = re.compile(r"->|→|/|\b(?:then|followed by|to)\b", re.IGNORECASE)
_GROUPS = frozenset({"FLOW_GROUP", "BASELINE_GROUP", "OUTCOME_GROUP", "EVENT_GROUP"})
_COHORT_MAPPING = types("tw:CohortMapping")
_MAPPING_METHOD = iri("tw:cohortMappingMethod")
_MAPS_TO = iri("tw:mapsToCohort")
_METHOD = value("CohortMappingMethod")
_SOURCE_COHORT = iri("tw:sourceCohort")
_TARGET_COHORT = iri("tw:targetCohort")


@dataclass(frozen=True, slots=True)
class CohortMapping:
    """That the group named `group` is the arm named `arm`, and how that was found."""

    group: str
    arm: str
    method: CohortMappingMethod

    @property
    def confidence(self) -> Decimal:
        """How sure a mapping by this method is, from 0 to 1."""
        return CONFIDENCE[self.method]


def cohort_mappings(study: Study) -> list[CohortMapping]:
    """Return the arm of each result group that has one, in the order of the groups. Same record, same mappings."""
    arms = [cohort for cohort in study.cohorts if cohort.kind == "ARM"]
    if not arms:
        return []
    rules = _Rules(study, arms)
    tables: dict[str, list[Cohort]] = defaultdict(list)
    for cohort in study.cohorts:
        if cohort.kind in _GROUPS:
            tables[cohort.name.removesuffix(cohort.source_group_id or "")].append(cohort)
    return [mapping for groups in tables.values() for mapping in _in_table(groups, rules)]


def emit_cohort_mappings(mappings: Sequence[CohortMapping], study: str, graph: str) -> tuple[bytes, tuple[str, ...]]:
    """Return mappings as N-Triples for the graph of links (sorted, unique lines), and the subjects they speak about.

    A group leads to its arm by the claim and, from ASSERTED on, by one triple. The group names the assertion graph as
    the claim does, so that both go when that graph goes.

    `study` is the IRI of the study, `graph` that of the assertion graph with the cohorts.
    """
    lines: set[str] = set()
    subjects: set[str] = set()
    for mapping in mappings:
        digest = blake2b(mapping.group.encode("utf-8", "replace"), digest_size=8).hexdigest()
        subject = f"{study}/cohort-mapping/{digest}"
        group, arm = (f"{study}/cohort/{name_segment(name)}" for name in (mapping.group, mapping.arm))
        subjects.add(subject)
        pairs = (
            *_COHORT_MAPPING,
            f"{_SOURCE_COHORT} <{group}>",
            f"{_TARGET_COHORT} <{arm}>",
            f"{_MAPPING_METHOD} {_METHOD(mapping.method)}",
        )
        lines |= claim(subject, study, graph, mapping.confidence, *pairs)
        if mapping.confidence >= ASSERTED:
            subjects.add(group)
            lines |= {f"<{group}> {_MAPS_TO} <{arm}> .\n", derived_from(group, graph)}
    return "".join(sorted(lines)).encode(), tuple(sorted(subjects))


class _Rules:
    """What the groups of one study are held against: its arms by title, by words and by what they receive."""

    def __init__(self, study: Study, arms: Sequence[Cohort]) -> None:
        self.names = {each.name: [each.label, *each.other_names] for each in study.interventions}
        self.arms = [arm.name for arm in arms]
        self.by_title: dict[object, list[str]] = defaultdict(list)
        self.by_words: dict[object, list[str]] = defaultdict(list)
        self.by_interventions: dict[object, list[str]] = defaultdict(list)
        for arm in arms:
            self.by_title[words(arm.label)].append(arm.name)
            self.by_words[_bare(arm.label)].append(arm.name)
            self.by_interventions[frozenset(each.intervention for each in arm.receives)].append(arm.name)

    def fitting(self, group: Cohort, alone: bool) -> Iterator[tuple[CohortMappingMethod, list[str]]]:
        """Yield the arms that fit a group, method by method; `alone` when its table has no other group."""
        if title := words(group.label):
            yield "SAME_TITLE", self.by_title.get(title, [])
        if bare := _bare(group.label):
            yield "SAME_WORDS", self.by_words.get(bare, [])
        if not _SEQUENCE.search(group.label) and (named := self._interventions_in(group.label)):
            yield "SAME_INTERVENTIONS", self.by_interventions.get(named, [])
        if alone and len(self.arms) == 1:
            yield "ONLY_ARM", self.arms

    def _interventions_in(self, label: str) -> frozenset[str]:
        """Return the interventions that a title names."""
        title = words(label)
        return frozenset(
            name for name, labels in self.names.items() if any(_contains(title, words(each)) for each in labels)
        )


def _in_table(groups: Sequence[Cohort], rules: _Rules) -> Iterator[CohortMapping]:
    """Yield the mappings of one table's groups. No two groups of a table are one arm by guess."""
    found = [mapping for group in groups if (mapping := _mapping(group, rules, len(groups) == 1))]
    claimed = Counter(mapping.arm for mapping in found)
    for mapping in found:
        if claimed[mapping.arm] == 1 or mapping.method == "SAME_TITLE":
            yield mapping


def _mapping(group: Cohort, rules: _Rules, alone: bool) -> CohortMapping | None:
    for method, arms in rules.fitting(group, alone):
        if arms:
            return CohortMapping(group.name, arms[0], method) if len(arms) == 1 else None
    return None


def _bare(label: str) -> frozenset[str]:
    """Return the words of a title in any order, without those that any arm's title can have."""
    return frozenset(word for word in words(label) if word not in _GENERIC)


def _contains(title: tuple[str, ...], name: tuple[str, ...]) -> bool:
    size = len(name)
    return bool(name) and any(title[at : at + size] == name for at in range(len(title) - size + 1))
