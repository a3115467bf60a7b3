"""The shape of a record, held against what is really there: once, at the door.

`conform` walks a parsed record and leaves in it only what has the shape of `fields.txt`: the modules behind it can rely
on the types and need no checks of their own. What has another shape is put right where it is clear what is meant (one
value in place of a list of one) and left out where it is not. Either way, and for keys and codes that are not known,
a warning says so.
"""

import re
from collections import Counter
from collections.abc import Callable
from datetime import date
from functools import cache
from typing import Any

from loaders.readers.characters import on_one_line
from loaders.readers.clinicaltrials.fields import fields
from loaders.record import SCHEMES

__all__ = ["CODES", "conform", "shown"]

CODES = {
    **{scheme: frozenset(codes) for scheme, codes in SCHEMES.items()},
    "AnalysisDispersionType": frozenset({"STANDARD_DEVIATION", "STANDARD_ERROR_OF_MEAN"}),
    "CiSides": frozenset({"ONE_SIDED", "TWO_SIDED"}),
    "ReferenceType": frozenset({"BACKGROUND", "RESULT", "DERIVED"}),
}
"""The codes of each vocabulary, those included that are put into other terms and have no scheme of their own."""

# Real records have it, the registry's list of fields has not, and it says nothing about the study.
_IGNORED = frozenset({"derivedSection.miscInfoModule.modelPredictions"})
_BOOLEANS = {"true": True, "yes": True, "false": False, "no": False}
_SHOWN = 60
_DATE = re.compile(r"[0-9]{4}(-[0-9]{2}(-[0-9]{2}(T([01][0-9]|2[0-3]):[0-5][0-9])?)?)?").fullmatch

Check = Callable[[Any], Any]


class _UnfitError(Exception):
    """A value has not the type of its field."""


class Date(str):
    """The type of date fields: no string is of this class, so that every date is looked at."""

    __slots__ = ()


class _Node:
    """The fields of one object: for each key a type, a vocabulary, a node, or a list of one of these."""

    __slots__ = ("checks", "path")

    def __init__(self, path: str) -> None:
        self.path = path
        self.checks: dict[str, Any] = {}

    def at(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key


class _List:
    """A list whose items are all checked in one way."""

    __slots__ = ("check",)

    def __init__(self, check: Any) -> None:
        self.check = check


def conform(record: dict[str, Any]) -> list[str]:
    """Bring a record into the shape of the schema, in place, and return one warning for each kind of misfit."""
    found: Counter[str] = Counter()
    _conform(record, _tree(), found)
    return [text if times == 1 else f"{text} ({times} times)" for text, times in sorted(found.items())]


@cache
def _tree() -> _Node:
    root = _Node("")
    for field in fields():
        node = root
        *above, leaf = field.full_path.split(".")
        for step in above:
            key = step.removesuffix("[]")
            if key not in node.checks:
                child = _Node(node.at(key))
                node.checks[key] = _List(child) if step.endswith("[]") else child
            found = node.checks[key]
            node = found.check if isinstance(found, _List) else found
        check = _SCALARS.get(field.kind) or CODES[field.kind]
        node.checks[leaf.removesuffix("[]")] = _List(check) if leaf.endswith("[]") else check
    return root


def _conform(data: dict[str, Any], node: _Node, found: Counter[str]) -> None:
    checks = node.checks
    unfit: list[str] = []
    unknown: list[str] = []
    for key, value in data.items():
        check: Any = checks.get(key)
        kind = check.__class__
        if kind is type:
            if value.__class__ is check:
                continue
        elif kind is frozenset:
            if value.__class__ is str:
                if value not in check:
                    found[f"{node.at(key)}: the code '{shown(value)}' is not known and was kept as text"] += 1
                continue
        elif kind is _List:
            if value.__class__ is list and _items(value, check.check, found):
                continue
        elif kind is _Node:
            if value.__class__ is dict:
                _conform(value, check, found)
                continue
        elif check is None:
            unknown.append(key)
            if node.at(key) not in _IGNORED:
                found[f"{node.at(key)}: is not a field of the registry; it was passed over"] += 1
            continue
        unfit.append(key)
    for key in unknown:
        del data[key]
    for key in unfit:
        _repair(data, key, checks[key], node.at(key), found)


def _items(values: list[Any], check: Any, found: Counter[str]) -> bool:
    """Check the items of a list in place, and say whether all of them fit."""
    if check.__class__ is _Node:
        for value in values:
            if value.__class__ is not dict:
                return False
        for value in values:
            _conform(value, check, found)
        return True
    if check.__class__ is frozenset:
        return all(value.__class__ is str and value in check for value in values)
    return all(value.__class__ is check for value in values)


def _repair(data: dict[str, Any], key: str, check: Any, path: str, found: Counter[str]) -> None:
    """Put a misfit right, or take it out."""
    value = data.pop(key)
    if value is None or value == {} or value == []:
        return  # Some exports write these where the registry leaves a field out.
    try:
        data[key] = _list(value, check.check, path, found) if isinstance(check, _List) else _one(value, check, found)
    except _UnfitError:
        found[f"{path}: '{shown(value)}' is not {_expected(check)}; it was left out"] += 1


def _list(value: Any, check: Any, path: str, found: Counter[str]) -> list[Any]:
    """Return a list of what fits: a single value is a list of one, and items that do not fit are left out."""
    if value.__class__ is not list:
        fitting = [_one(value, check, found)]
        found[f"{path}: holds a single value where a list is expected; it was read as a list of one"] += 1
        return fitting
    fitting = []
    for item in value:
        try:
            fitting.append(_one(item, check, found))
        except _UnfitError:
            found[f"{path}: '{shown(item)}' is not {_expected(check)}; it was left out"] += 1
            continue
        if check.__class__ is frozenset and item not in check:
            found[f"{path}: the code '{shown(item)}' is not known and was kept as text"] += 1
    return fitting


def _one(value: Any, check: Any, found: Counter[str]) -> Any:
    """Return a single value in the type of its field. Raises _UnfitError."""
    if check.__class__ is _Node:
        if value.__class__ is not dict:
            raise _UnfitError
        _conform(value, check, found)
        return value
    if check.__class__ is frozenset:
        return _text(value)
    return value if value.__class__ is check else _CONVERSIONS[check](value)


def _text(value: Any) -> str:
    if value.__class__ is str:
        return str(value)
    if value.__class__ in (int, float):
        return repr(value)
    raise _UnfitError


def _bool(value: Any) -> bool:
    found = _BOOLEANS.get(value.strip().lower()) if value.__class__ is str else None
    if found is None:
        raise _UnfitError
    return found


def _int(value: Any) -> int:
    if value.__class__ is float and value.is_integer() and abs(value) < 2**53:
        return int(value)
    if value.__class__ is str and value.isascii() and value.isdigit() and len(value) <= 15:
        return int(value)
    raise _UnfitError


def _number(value: Any) -> float:
    if value.__class__ is int:
        return float(value)
    raise _UnfitError


def _date(value: Any) -> str:
    """Return a date in the precision it has: yyyy, yyyy-MM, yyyy-MM-dd or, to the minute, yyyy-MM-ddTHH:mm."""
    if value.__class__ is not str or not _DATE(value):
        raise _UnfitError
    try:
        date.fromisoformat((value + "-01-01")[:10] if len(value) < 10 else value[:10])
    except ValueError:
        raise _UnfitError from None
    return str(value)


_SCALARS: dict[str, Any] = {"text": str, "bool": bool, "int": int, "number": float, "date": Date}
_CONVERSIONS: dict[type, Check] = {str: _text, bool: _bool, int: _int, float: _number, Date: _date}
_NAMES = {str: "text", bool: "true or false", int: "a whole number", float: "a number", Date: "a date"}


def _expected(check: Any) -> str:
    if isinstance(check, _List | _Node):
        return "a list" if isinstance(check, _List) else "an object"
    return _NAMES.get(check, "a code")


def shown(value: Any) -> str:
    """Return a value as a warning shows it: on one line, and shortened."""
    return on_one_line(str(value), _SHOWN)
