"""Curated studies: one YAML file a study, facts only, each with the section of the paper it stands in.

A file is a `loaders.record.Study` written out: the keys are the record's fields and the values have its types, so
there is no second schema to learn or to keep equal. This reader adds what types cannot say: that names are unique, that
what is referred to exists, and where in the file each mistake is.
"""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from hashlib import sha256
from pathlib import PurePath
from types import NoneType
from typing import Any, get_args, get_type_hints

from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from loaders.errors import SourceError, SourceErrors
from loaders.plain_yaml import Location, parse
from loaders.record import Source, Study

__all__ = ["read", "recognises"]

_RESERVED = {
    "source": "is filled in when the file is read; leave it out",
    "page": "is for web pages that were read; leave it out",
}
# (list of parts, field, list of parts whose names it must name)
_REFERENCES = (
    ("cohorts", "subgroup_of", "cohorts"),
    ("baseline_results", "cohort", "cohorts"),
    ("baseline_results", "variable", "baseline_variables"),
    ("flow_results", "cohort", "cohorts"),
    ("outcome_results", "cohort", "cohorts"),
    ("outcome_results", "outcome", "outcomes"),
    ("adverse_event_results", "cohort", "cohorts"),
    ("adverse_event_results", "event", "adverse_events"),
    ("effects", "outcome", "outcomes"),
    ("effects", "compared", "cohorts"),
    ("effects", "reference", "cohorts"),
    ("effects", "involves", "cohorts"),
    ("associations", "cohort", "cohorts"),
    ("associations", "outcome", "outcomes"),
)
# Lists whose names share one namespace, because their IRIs do.
_NAMESPACES = (
    ("interventions",),
    ("cohorts",),
    ("outcomes",),
    ("baseline_variables",),
    ("adverse_events",),
    ("sites",),
    ("baseline_results", "flow_results", "outcome_results", "adverse_event_results"),
    ("effects",),
    ("associations",),
)


def recognises(data: bytes, name: str) -> bool:
    """Say whether a file is meant as a curated study: by its name, since any text is YAML of some kind."""
    return PurePath(name).suffix.lower() in {".yaml", ".yml"}


def read(data: bytes, name: str) -> Study:
    """Read one curated study.

    `name` is how the user named the file; messages start with it. Raises SourceError, or SourceErrors when several
    fields are wrong, each with its line.
    """
    document, lines = parse(data, name)
    for field, reason in _RESERVED.items():
        if field in document:
            raise SourceError(name, reason, line=lines[(field,)], field=field)
    try:
        study = _adapter().validate_python(document)
    except ValidationError as error:
        raise _combined([_explain(detail, name, lines) for detail in error.errors()]) from None
    problems = list(_identity_problems(study, name))
    for check in (_name_problems, _reference_problems, _evidence_problems, _text_problems):
        problems += check(study, name, lines)
    if problems:
        raise _combined(problems)
    study.source = Source(kind="CURATED", name=PurePath(name).name, sha256=sha256(data).hexdigest())
    return study


@cache
def _adapter() -> TypeAdapter[Study]:
    return TypeAdapter(Study)


def _combined(errors: list[SourceError]) -> SourceError:
    errors.sort(key=lambda error: error.line or 0)
    return errors[0] if len(errors) == 1 else SourceErrors(errors)


def _explain(detail: ErrorDetails, name: str, lines: Mapping[Location, int]) -> SourceError:
    at = tuple(detail["loc"])
    kind, given = detail["type"], detail.get("input")
    expected = _annotation(at)
    if kind in {"unexpected_keyword_argument", "extra_forbidden"}:
        problem = f"is not a field here; allowed are: {', '.join(_field_names(at[:-1]))}"
    elif kind in {"missing", "missing_argument", "missing_keyword_only_argument"}:
        problem = "is required and not given"
    elif kind == "literal_error":
        problem = f"'{_shown(given)}' is not allowed; use one of {detail['ctx']['expected']}"
    elif kind in {"string_pattern_mismatch", "string_too_short", "string_too_long"}:
        problem = f"'{_shown(given)}' is not {expected or 'of the expected form'}"
    elif kind in {"int_parsing", "int_type", "int_from_float"}:
        problem = f"'{_shown(given)}' is not a whole number"
    elif kind.startswith("decimal") or kind == "finite_number":
        problem = f"'{_shown(given)}' is not a number"
    elif kind.startswith("bool"):
        problem = f"'{_shown(given)}' is not true or false"
    elif kind == "list_type":
        problem = "must be a list: one item a line, each after '- '"
    elif kind.startswith("dataclass"):
        problem = f"must have fields of its own: {', '.join(_field_names(at))}"
    else:
        problem = f"'{_shown(given)}' cannot be read: {detail['msg']}"
    return SourceError(name, problem, line=_line(at, lines), field=_path(at))


def _shown(value: Any) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 60 else text[:57] + "…"


def _path(at: Location) -> str:
    """Write a location as effects[0].ci_lower."""
    path = ""
    for step in at:
        path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else step
    return path


def _line(at: Location, lines: Mapping[Location, int]) -> int | None:
    """Return the line of a field, or of the nearest part around it that is in the file."""
    while at not in lines and at:
        at = at[:-1]
    return lines.get(at)


def _steps(at: Location) -> Any:
    """Follow a location through the record's types and return the type there."""
    here: Any = Study
    for step in at:
        if isinstance(step, int):
            here = next(iter(get_args(here)), None)
        else:
            hints = get_type_hints(here, include_extras=True) if is_dataclass(here) else {}
            here = hints.get(step)
        options = [option for option in get_args(here) if option is not NoneType]
        if NoneType in get_args(here) and len(options) == 1:
            here = options[0]
    return here


def _annotation(at: Location) -> str | None:
    """Return the description that the record's type gives for a field, such as 'a DOI without a resolver's address'."""
    for extra in getattr(_steps(at), "__metadata__", ()):
        if isinstance(extra, FieldInfo) and extra.description:
            return extra.description
    return None


def _field_names(at: Location) -> list[str]:
    here = _steps(at)
    if not is_dataclass(here):
        return []
    return [field.name for field in fields(here) if here is not Study or field.name not in _RESERVED]


def _identity_problems(study: Study, name: str) -> Iterator[SourceError]:
    if not (study.nct or study.pmid or study.doi):
        yield SourceError(name, "a study needs at least one of nct, pmid and doi to have an identity", line=1)


def _name_problems(study: Study, name: str, lines: Mapping[Location, int]) -> Iterator[SourceError]:
    for namespace in _NAMESPACES:
        first: dict[str, str] = {}
        for attribute in namespace:
            for index, part in enumerate(getattr(study, attribute)):
                at = (attribute, index, "name")
                if part.name and part.name in first:
                    problem = f"'{part.name}' is already the name of {first[part.name]}; give each its own"
                    yield SourceError(name, problem, line=_line(at, lines), field=_path(at))
                elif part.name:
                    first[part.name] = _path(at[:-1])


def _reference_problems(study: Study, name: str, lines: Mapping[Location, int]) -> Iterator[SourceError]:
    names = {attribute: [part.name for part in getattr(study, attribute)] for attribute in _named_lists()}
    for attribute, field, target in _REFERENCES:
        for index, part in enumerate(getattr(study, attribute)):
            given = getattr(part, field)
            for reference in given if isinstance(given, list) else [given]:
                if reference is not None and reference not in names[target]:
                    yield _unknown(reference, target, names[target], (attribute, index, field), name, lines)
    for index, cohort in enumerate(study.cohorts):
        for position, administration in enumerate(cohort.receives):
            if administration.intervention not in names["interventions"]:
                at: Location = ("cohorts", index, "receives", position, "intervention")
                yield _unknown(administration.intervention, "interventions", names["interventions"], at, name, lines)


def _named_lists() -> list[str]:
    return [attribute for namespace in _NAMESPACES for attribute in namespace]


def _unknown(
    reference: str, target: str, known: list[str], at: Location, name: str, lines: Mapping[Location, int]
) -> SourceError:
    listed = ", ".join(known) or "none"
    problem = f"'{reference}' is not one of the {target.replace('_', ' ')} of this file: {listed}"
    return SourceError(name, problem, line=_line(at, lines), field=_path(at))


def _evidence_problems(study: Study, name: str, lines: Mapping[Location, int]) -> Iterator[SourceError]:
    """Check that evidence names a section its publication has, and that the characters lie inside that section."""
    sections = {section.label: section.length for article in study.publications for section in article.sections}
    for at, evidence in _evidence(study, ()):
        line = _line(at, lines)
        if evidence.section not in sections:
            problem = f"'{evidence.section}' is not a section of a publication here: {', '.join(sections) or 'none'}"
            yield SourceError(name, problem, line=line, field=_path((*at, "section")))
        elif evidence.end is not None and evidence.end > sections[evidence.section]:
            problem = f"{evidence.end} lies behind the section's end at character {sections[evidence.section]}"
            yield SourceError(name, problem, line=line, field=_path((*at, "end")))


def _text_problems(study: Study, name: str, lines: Mapping[Location, int]) -> Iterator[SourceError]:
    for article, publication in enumerate(study.publications):
        for index, section in enumerate(publication.sections):
            if section.text is not None:
                at = ("publications", article, "sections", index, "text")
                problem = "the words stay in the source document; give the section's sha256 and length only"
                yield SourceError(name, problem, line=_line(at, lines), field=_path(at))


def _evidence(part: Any, at: Location) -> Iterator[tuple[Location, Any]]:
    for field in fields(part):
        value = getattr(part, field.name)
        if not isinstance(value, list):
            continue
        for index, item in enumerate(value):
            here = (*at, field.name, index)
            if field.name in {"evidence", "registration_evidence"}:
                yield here, item
            elif is_dataclass(item):
                yield from _evidence(item, here)
