"""The fields of a registry record: what kind of value each has, and what becomes of it.

`fields.txt` is the one list. The reader takes the shape of a record from it (`schema`), and the documentation is made
of it: `python -m loaders.readers.clinicaltrials > docs/clinicaltrials-fields.md`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path

__all__ = ["Field", "document", "fields"]

_TABLE = Path(__file__).with_name("fields.txt")
_NOT_LOADED = "-"
_INTRODUCTION = """\
# ClinicalTrials.gov: what becomes of each field

Every field of a record of the registry's API (version 2) and the terms it is loaded as. A `/` leads from one node to
the next: `tw:hasSite / tw:city` is the city of a site of the study. `[]` marks lists. Kinds with a capital are
vocabularies, whose values are `twv:{vocabulary}-{code}`; a code that a vocabulary does not list is kept as text under
the property's name with `Text` behind it, and a warning is given.

This file is made by `python -m loaders.readers.clinicaltrials`.
"""


@dataclass(frozen=True, slots=True)
class Field:
    """One field: the module it is in (empty at the top), its path there, its kind, and its terms or why it has none."""

    module: str
    path: str
    kind: str
    terms: str | None = None
    reason: str | None = None

    @property
    def full_path(self) -> str:
        """The path from the top of the record, with [] after what is a list."""
        return f"{self.module}.{self.path}" if self.module else self.path


@cache
def fields() -> tuple[Field, ...]:
    """Return all fields, in the registry's order."""
    found: list[Field] = []
    module = ""
    for line in _TABLE.read_text(encoding="utf-8").splitlines():
        if line.startswith("    "):
            path, kind, meaning = line.split(maxsplit=2)
            loaded = not meaning.startswith(f"{_NOT_LOADED} ")
            given = {"terms": meaning} if loaded else {"reason": meaning.removeprefix(f"{_NOT_LOADED} ")}
            found.append(Field(module, path, kind, **given))
        elif line and not line.startswith("#"):
            module = "" if line == "top level" else line
    return tuple(found)


def document() -> str:
    """Return the documentation of all fields as Markdown."""
    left_out = [field for field in fields() if field.reason]
    parts = [
        _INTRODUCTION,
        f"{len(fields()) - len(left_out)} fields are loaded, {len(left_out)} are not: "
        "people to call or write to, and the menus of the registry's own site.",
    ]
    for module, rows in groupby(fields(), key=lambda field: field.module):
        parts.append(f"\n## {module.replace('[]', '') or 'top level'}\n\n{_table(rows)}")
    return "\n".join(parts)


def _table(rows: Iterable[Field]) -> str:
    lines = ["| field | kind | loaded as |", "|---|---|---|"]
    for field in rows:
        meaning = f"not loaded: {field.reason}" if field.reason else f"`{field.terms}`"
        lines.append(f"| `{field.path}` | {field.kind} | {meaning} |")
    return "\n".join(lines)
