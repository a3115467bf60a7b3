"""The groups and denominators of a results table. A group's id is good for its own table only."""

from collections.abc import Iterable

from loaders.readers.clinicaltrials.plain import Json
from loaders.readers.numbers import count
from loaders.record import Cohort, CohortKind

__all__ = ["cohorts", "denominators", "group_name"]

_PARTICIPANTS = "participants"


def group_name(scope: str, group: str | None) -> str:
    """Name a group of one table: its id, behind what tells the table from others."""
    return f"{scope}-{group}"


def cohorts(groups: Iterable[Json], kind: CohortKind, scope: str) -> list[Cohort]:
    """Return the groups of a table, each id once."""
    found = {
        group.get("id"): Cohort(
            name=group_name(scope, group.get("id")),
            label=group.get("title") or group.get("id") or "unnamed group",
            kind=kind,
            description=group.get("description"),
            source_group_id=group.get("id"),
        )
        for group in groups
    }
    return list(found.values())


def denominators(denoms: list[Json], units: str | None = None) -> dict[str, int]:
    """Return how many of each group were analysed, by group id: in the units named, else participants, else the first.

    A group whose count cannot be read is left out.
    """
    if not denoms:
        return {}
    by_units = {denom.get("units", "").lower(): denom for denom in reversed(denoms)}
    chosen = by_units.get((units or _PARTICIPANTS).lower()) or by_units.get(_PARTICIPANTS) or denoms[0]
    found = {each.get("groupId", ""): count(each.get("value", "")) for each in chosen.get("counts", ())}
    return {group: number for group, number in found.items() if number is not None}
