"""The cells of a results table, baseline and outcomes alike: every class, category and group."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import Generic, TypeVar

from loaders.readers.clinicaltrials import vocabulary
from loaders.readers.clinicaltrials.groups import denominators, group_name
from loaders.readers.clinicaltrials.names import digest, named
from loaders.readers.clinicaltrials.plain import Json
from loaders.readers.numbers import count, number, time_offset
from loaders.record import BaselineResult, DispersionType, OutcomeResult

__all__ = ["Cells"]

R = TypeVar("R", OutcomeResult, BaselineResult)


@dataclass(slots=True)
class Cells(Generic[R]):
    """The cells of one measure. `make` makes a result for its outcome or variable.

    `scope` is what the names of its groups begin with, `name` what the names of its results begin with. `denominators`
    are those of the table, which a measure and a class may state more closely. Warnings are put into `warnings`.
    """

    measure: Json
    make: Callable[..., R]
    scope: str
    name: str
    groups: Collection[str]
    denominators: Mapping[str, int]
    warnings: list[str]
    timed: bool = True
    dispersion: DispersionType | None = None
    dispersion_text: str | None = None
    ci_level: Decimal | None = None
    unit: str | None = field(init=False)
    statistic: str | None = field(init=False)

    def __post_init__(self) -> None:
        self.unit = self.measure.get("unitOfMeasure")
        self.statistic = self.measure.get("paramType")
        self.make = partial(
            self.make,
            statistic=self.statistic,
            dispersion_type=self.dispersion,
            dispersion_type_text=self.dispersion_text,
            ci_level=self.ci_level,
            unit_text=self.unit,
            ucum_code=vocabulary.ucum(self.unit) if self.unit else None,
        )

    def results(self) -> Iterator[R]:
        """Yield one result for each cell that has a value or says why it has none."""
        units = self.measure.get("denomUnitsSelected")
        outer = {**self.denominators, **denominators(self.measure.get("denoms", []), units)}
        for row, each in named(self.measure.get("classes", []), _title):
            title = each.get("title")
            inner = {**outer, **denominators(each["denoms"], units)} if "denoms" in each else outer
            make = partial(self.make, class_title=title) if title else self.make
            offset = time_offset(title) if title and self.timed else None
            if offset:
                make = partial(make, time_offset=offset, time_text=title, time_method="RULE")
            for column, category in named(each.get("categories", []), _title):
                where = (f"-r{row}" if row else "") + (f"-c{column}" if column else "")
                yield from self._cells(category, make, where, inner)

    def _cells(self, category: Json, make: Callable[..., R], where: str, inner: Mapping[str, int]) -> Iterator[R]:
        label = category.get("title")
        for cell in category.get("measurements", ()):
            group = cell.get("groupId")
            if group not in self.groups:
                self.warnings.append(
                    f"a result of {self.name} is for the group '{group}', which its table does not have"
                )
                continue
            result = make(
                name=f"{self.name}-{group}{where}",
                cohort=group_name(self.scope, group),
                category=label,
                denominator=inner.get(group),
                value_text=cell.get("value"),
                comment=cell.get("comment"),
            )
            self._read_value(result)
            if len(cell) > 2:
                _read_dispersion(result, cell)
            yield result

    def _read_value(self, result: R) -> None:
        text = result.value_text
        if text is None:
            result.missing_reason = vocabulary.missing_reason("", result.comment, self.statistic, self.unit)
            return
        value = number(text)
        if value is None:
            result.missing_reason = vocabulary.missing_reason(text, result.comment, self.statistic, self.unit)
            if text.strip() != "NA":
                self.warnings.append(f"'{text[:60]}' of {self.name} is no number and was kept as text")
        elif self.statistic == "COUNT_OF_PARTICIPANTS" and (people := count(text)) is not None:
            result.count = people
        else:
            result.value = value
            if self.unit and self.statistic == "NUMBER" and vocabulary.is_share_of_participants(self.unit):
                result.percentage = self._share(value)

    def _share(self, value: Decimal) -> Decimal | None:
        """Return a percentage of participants; what is outside 0..100 is none, whatever the unit says."""
        if 0 <= value <= 100:
            return value
        self.warnings.append(f"{value} of {self.name} is in {self.unit}, but cannot be a share; it was kept as a value")
        return None


def _read_dispersion(result: OutcomeResult | BaselineResult, cell: Json) -> None:
    """Read spread and limits; where what is printed is no number, the text is kept."""
    if (text := cell.get("spread")) is not None:
        result.spread = number(text)
        result.spread_text = text if result.spread is None else None
    if (text := cell.get("lowerLimit")) is not None:
        result.lower_limit = number(text)
        result.lower_limit_text = text if result.lower_limit is None else None
    if (text := cell.get("upperLimit")) is not None:
        result.upper_limit = number(text)
        result.upper_limit_text = text if result.upper_limit is None else None


def _title(part: Json) -> str:
    """Name a row or a column by its title. A table with only one of them often gives it none."""
    title = part.get("title")
    return digest(title) if title else ""
