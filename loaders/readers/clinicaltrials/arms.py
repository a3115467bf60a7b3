"""Arms, interventions, and which arm receives which: said twice in a record, and held against each other."""

from collections.abc import Iterable, Iterator

from loaders.readers.clinicaltrials.names import digest, named
from loaders.readers.clinicaltrials.plain import Json, at
from loaders.readers.clinicaltrials.schema import shown
from loaders.record import Administration, Cohort, Intervention, Study

__all__ = ["arms"]


def arms(study: Study, record: Json, concepts: dict[str, str]) -> Iterator[str]:
    """Fill in arms and interventions, and yield a warning where the two do not fit.

    `concepts` are MeSH ids by the names under which the registry found them, in lower case: an intervention of one of
    these names is that concept. The registry does not say it of any other.
    """
    module = at(record, "protocolSection.armsInterventionsModule")
    given = list(named(module.get("interventions", []), lambda each: digest(each.get("type"), each.get("name"))))
    groups = list(named(module.get("armGroups", []), lambda each: f"arm-{digest(each.get('label'))}"))
    study.interventions = [_intervention(name, each, concepts) for name, each in given]
    receives: dict[str, dict[str, None]] = {name: {} for name, _ in groups}
    yield from _receive_by_arm(groups, given, receives)
    yield from _receive_by_intervention(groups, given, receives)
    study.cohorts += [_arm(name, each, receives[name]) for name, each in groups]


def _intervention(name: str, given: Json, concepts: dict[str, str]) -> Intervention:
    label = given.get("name") or "unnamed intervention"
    others = given.get("otherNames", [])
    found = (concepts.get(each.casefold()) for each in (label, *others))
    return Intervention(
        name=name,
        label=label,
        type=given.get("type"),
        description=given.get("description"),
        other_names=others,
        concepts=list(dict.fromkeys(concept for concept in found if concept)),
    )


def _arm(name: str, given: Json, receives: Iterable[str]) -> Cohort:
    return Cohort(
        name=name,
        label=given.get("label") or "unnamed arm",
        kind="ARM",
        role=given.get("type"),
        description=given.get("description"),
        receives=[Administration(intervention=each) for each in receives],
    )


Named = list[tuple[str, Json]]
Receives = dict[str, dict[str, None]]


def _receive_by_arm(groups: Named, interventions: Named, receives: Receives) -> Iterator[str]:
    """Note what the arms name. They name an intervention by its type in words and its name: Drug: Riluzole."""
    known: dict[str, str] = {}
    for name, each in interventions:
        label = each.get("name", "")
        known.setdefault(label, name)
        known[f"{each.get('type', '').replace('_', ' ').title()}: {label}"] = name
    for arm, group in groups:
        printed = group.get("interventionNames", [])
        if len(printed) > 2 and all(len(each) <= 1 for each in printed):
            # An export that took a string for a list of letters: found again in what the letters spell.
            spelt = "".join(printed)
            printed = [each for each in known if ": " in each and each in spelt]
            yield f"armGroups.interventionNames: '{shown(spelt)}' stands there letter by letter and was put together"
        for each in printed:
            found = known.get(each) or known.get(each.partition(": ")[2])
            if found:
                receives[arm][found] = None
            else:
                yield f"armGroups.interventionNames: '{shown(each)}' is not one of the interventions"


def _receive_by_intervention(groups: Named, interventions: Named, receives: Receives) -> Iterator[str]:
    """Note which arms the interventions name, and compare. What either says is loaded; a difference is a warning."""
    arms_by_label = {group.get("label"): arm for arm, group in groups}
    by_arm = {(arm, name) for arm, names in receives.items() for name in names}
    by_intervention: set[tuple[str, str]] = set()
    for name, each in interventions:
        for label in each.get("armGroupLabels", ()):
            arm = arms_by_label.get(label)
            if arm is None:
                yield f"interventions.armGroupLabels: '{shown(label)}' is not one of the arms"
            else:
                by_intervention.add((arm, name))
                receives[arm][name] = None
    if by_arm and by_intervention and by_arm != by_intervention:
        one_sided = len(by_arm ^ by_intervention)
        yield (
            f"armsInterventionsModule: {one_sided} pairs of arm and intervention are named by one of the two only; "
            "they were loaded"
        )
