"""What a study is planned to do and for whom: design, ages, eligibility, conditions, and planned outcomes."""

import re
from collections.abc import Container, Iterator
from functools import partial

from loaders.link.identifiers import normal_mesh, normal_nct
from loaders.readers.clinicaltrials.names import digest, named
from loaders.readers.clinicaltrials.plain import Json, at
from loaders.readers.numbers import age, duration
from loaders.record import Criterion, CriterionKind, Outcome, OutcomeType, Study

__all__ = ["criteria", "design", "mesh_ids", "planned_outcomes"]

_EXPANDED_ACCESS = (("individual", "INDIVIDUAL"), ("intermediate", "INTERMEDIATE"), ("treatment", "TREATMENT"))
_PLANNED: tuple[tuple[str, OutcomeType], ...] = (
    ("primaryOutcomes", "PRIMARY"),
    ("secondaryOutcomes", "SECONDARY"),
    ("otherOutcomes", "OTHER_PRE_SPECIFIED"),
)
# A line that says which kind of criteria follows: "Inclusion Criteria:", "**Key Exclusion Criteria**", "Exclusion:".
_HEADING = re.compile(
    r"\W*(?:[\w /-]{0,40}\b)?(inclusion|exclusion)(?: criteria| criterion)?(?: for [\w /-]{1,60}| \([^)]{0,60}\))?\W*",
    re.IGNORECASE,
).fullmatch
_LONGEST_HEADING = 160
_IN_HEADINGS = "clusion"  # Few lines have it, and the pattern takes long to see that one is no heading.
_BULLET = re.compile(r"(\s*)(?:[*•·‣▪–-]|\(?[0-9]{1,3}[.):]|\(?[a-zA-Z][.)])\s+(.*)").fullmatch


def design(study: Study, record: Json) -> None:
    """Fill in what the plain fields leave to be read: durations, ages, expanded access."""
    module = at(record, "protocolSection.designModule")
    if study.target_duration_text:
        study.target_duration = duration(study.target_duration_text)
    types = module.get("expandedAccessTypes", {})
    study.expanded_access_types = [code for key, code in _EXPANDED_ACCESS if types.get(key)]  # type: ignore[misc]
    study.expanded_access_study = normal_nct(
        at(record, "protocolSection.statusModule.expandedAccessInfo").get("nctId", "")
    )
    lowest = age(study.min_age_text) if study.min_age_text else None
    highest = age(study.max_age_text) if study.max_age_text else None
    if lowest:
        study.min_age, study.min_age_unit = lowest
    if highest:
        study.max_age, study.max_age_unit = highest
    units = {unit for _, unit in filter(None, (lowest, highest))}
    study.age_unit = units.pop() if len(units) == 1 else None
    for label in ("participantFlowModule", "baselineCharacteristicsModule"):
        unit = at(record, f"resultsSection.{label}").get("typeUnitsAnalyzed")
        if unit and unit not in study.types_units_analyzed:
            study.types_units_analyzed.append(unit)


def mesh_ids(nodes: list[Json], known: Container[str] | None) -> list[str]:
    """Return the MeSH ids of nodes, as NLM writes them and each once."""
    found = (normal_mesh(node.get("id", ""), known) for node in nodes)
    return list(dict.fromkeys(identifier for identifier in found if identifier))


def planned_outcomes(record: Json) -> list[Outcome]:
    """Return the outcomes of the protocol, in its order."""
    module = at(record, "protocolSection.outcomesModule")
    return [
        Outcome(
            name=f"planned-{name}",
            label=given.get("measure") or "unnamed outcome",
            type=kind,
            description=given.get("description"),
            time_frame=given.get("timeFrame"),
        )
        for key, kind in _PLANNED
        for name, given in named(module.get(key, []), partial(_outcome_name, kind))
    ]


def _outcome_name(kind: OutcomeType, given: Json) -> str:
    return digest(kind, given.get("measure"), given.get("timeFrame"))


def criteria(text: str) -> list[Criterion]:
    """Return the single criteria of an eligibility text, split at its headings and bullets.

    Text before the first heading belongs to neither kind, and nested bullets stay with the criterion they explain.
    """
    return [Criterion(kind=kind, text=words, method="RULE") for kind, words in _split(text)]


def _split(text: str) -> Iterator[tuple[CriterionKind, str]]:
    kind: CriterionKind | None = None
    words: list[str] = []
    outer: int | None = None
    for line in [*text.splitlines(), "Inclusion Criteria"]:  # The last heading ends the last criterion.
        heading = _HEADING(line) if len(line) <= _LONGEST_HEADING and _IN_HEADINGS in line.casefold() else None
        bullet = _BULLET(line)
        if bullet and outer is not None and len(bullet[1]) > outer:
            bullet = None
        if words and (heading or bullet or (outer is None and not line.strip())):
            if kind:
                yield kind, " ".join(words)
            words = []
        if heading:
            kind, outer = ("INCLUSION" if heading[1].lower() == "inclusion" else "EXCLUSION"), None
        elif bullet:
            outer = len(bullet[1])
            words.append(bullet[2].strip())
        elif line.strip():
            words.append(line.strip())
