"""Hypothesis strategies for records: `studies()` are any, sound or not; `sound_studies()` respect the rules.

Any study's text may hold whatever a reader could hand over: quotes, line ends, NULs, lone surrogates, characters
beyond the basic plane. A sound study has real numbers for real cohorts and nothing that a shape would keep out.
"""

from dataclasses import MISSING, fields
from decimal import Decimal
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from loaders import record as r

__all__ = ["any_text", "printable_text", "sound_studies", "studies"]

any_text = st.one_of(
    st.sampled_from(["", " ", '"', "\\", "\n", "a\r\nb", "\x00", "\ud800", "\U0001f701", "\\u0041", '" .\n<x>', "é"]),
    st.text(st.characters(), max_size=20),
)
printable_text = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=20).filter(str.strip)

_numbers = st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**9), max_value=10**9)
_integers = st.integers(-(10**12), 10**12)
_names = st.one_of(st.sampled_from(["a", "b", "all", "arm-1"]), any_text)


def _of_type(annotation: Any) -> st.SearchStrategy[Any]:
    """Return a strategy for a field's annotation. Patterns are left aside: a record does not enforce them."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _of_type(arguments[0])
    if origin in (Union, UnionType):
        choices = [st.none() if argument is NoneType else _of_type(argument) for argument in arguments]
        return st.one_of(choices)
    if origin is list:
        return st.lists(_of_type(arguments[0]), max_size=2)
    if origin is Literal:
        return st.sampled_from(arguments)
    if isinstance(annotation, type) and issubclass(annotation, r.Part):
        return st.deferred(lambda: _parts(annotation))
    return {str: any_text, int: _integers, bool: st.booleans(), Decimal: _numbers}[annotation]


@cache
def _parts(kind: type[r.Part]) -> st.SearchStrategy[Any]:
    """Return a strategy for records of a class, each field filled or, where it may be, left out."""
    hints = get_type_hints(kind, include_extras=True)
    hints.pop("__pydantic_config__", None)
    special: dict[str, st.SearchStrategy[Any]] = {
        # Curies are resolved by a table of prefixes, which no reader hands over unchecked.
        "measure": st.sampled_from([None, "STATO:0000457", "STATO:0000201", "NCIT:C93150"]),
        "name": _names,
    }
    required, optional = {}, {}
    for field in fields(kind):
        strategy = special.get(field.name, _of_type(hints[field.name]))
        known = field.default is not MISSING or field.default_factory is not MISSING
        (optional if known else required)[field.name] = strategy
    return st.fixed_dictionaries(required, optional=optional).map(lambda values: kind(**values))


@st.composite
def studies(draw: st.DrawFn) -> r.Study:
    """Draw a study of any content. It has an identifier and a source, without which it has no place to be stored."""
    study: r.Study = draw(_parts(r.Study))
    study.source = draw(_parts(r.Source))
    if not (study.nct or study.pmid or study.doi):
        study.pmid = "1"
    return study


_counts = st.integers(0, 500)
_evidence = st.builds(
    lambda start, length: r.Evidence(section="Results", start=start, end=start + length),
    st.integers(0, 400),
    st.integers(1, 100),
)
_supported = st.lists(_evidence, min_size=1, max_size=2)


@st.composite
def sound_studies(draw: st.DrawFn) -> r.Study:
    """Draw a curated study that respects the rules whose breach keeps a graph out."""
    sizes = draw(st.lists(_counts, min_size=2, max_size=3))
    cohorts = [
        r.Cohort(name=f"arm-{number}", label=draw(printable_text), kind="ARM", size=size)
        for number, size in enumerate(sizes)
    ]
    return r.Study(
        label=draw(printable_text),
        nct=f"NCT{draw(st.integers(0, 99_999_999)):08}",
        phases=draw(st.sampled_from([[], ["NA"], ["PHASE1", "PHASE2"], ["PHASE3"]])),
        enrollment=sum(sizes),
        start_date=draw(st.none() | st.dates().map(str) | st.integers(1990, 2030).map(str)),
        publications=[
            r.Publication(
                pmid=str(draw(st.integers(1, 10**9 - 1))),
                title=draw(printable_text),
                sections=[r.TextSection(label="Results", sha256="b" * 64, length=500)],
            )
        ],
        interventions=[r.Intervention(name="drug", label=draw(printable_text))],
        cohorts=cohorts,
        outcomes=[r.Outcome(name="outcome", label=draw(printable_text), type="PRIMARY", time_frame="Week 4")],
        adverse_events=[r.AdverseEvent(name="event", term=draw(printable_text))],
        outcome_results=draw(st.lists(_outcome_results(cohorts), max_size=3)),
        adverse_event_results=draw(st.lists(_event_results(cohorts), max_size=2)),
        effects=draw(st.lists(_effects(), max_size=2)),
        associations=draw(st.lists(_associations(), max_size=2)),
        source=r.Source(kind="CURATED", name=draw(printable_text), sha256="c" * 64),
    )


@st.composite
def _outcome_results(draw: st.DrawFn, cohorts: list[r.Cohort]) -> r.OutcomeResult:
    cohort = draw(st.sampled_from(cohorts))
    count = draw(st.integers(0, cohort.size or 0))
    return r.OutcomeResult(
        outcome="outcome",
        cohort=cohort.name,
        count=count,
        denominator=cohort.size,
        percentage=Decimal(100 * count) / cohort.size if cohort.size else None,
        time_text=draw(printable_text),
        evidence=draw(_supported),
    )


@st.composite
def _event_results(draw: st.DrawFn, cohorts: list[r.Cohort]) -> r.AdverseEventResult:
    cohort = draw(st.sampled_from(cohorts))
    affected = draw(st.integers(0, cohort.size or 0))
    return r.AdverseEventResult(
        event="event",
        cohort=cohort.name,
        affected=affected,
        at_risk=cohort.size,
        events=affected + draw(_counts),
        evidence=draw(_supported),
    )


@st.composite
def _effects(draw: st.DrawFn) -> r.EffectEstimate:
    lower, value, upper = sorted(draw(st.lists(_numbers, min_size=3, max_size=3)))
    return r.EffectEstimate(
        outcome="outcome",
        compared="arm-0",
        reference="arm-1",
        measure="STATO:0000457",
        value=value,
        unit_text="points",
        ci_level=draw(st.sampled_from([Decimal(90), Decimal(95), Decimal("99.5")])),
        ci_lower=lower,
        ci_upper=upper,
        p_value=draw(st.decimals(Decimal("0.0001"), 1, places=4)),
        p_value_operator=draw(st.sampled_from(["=", "<", ">"])),
        evidence=draw(_supported),
    )


@st.composite
def _associations(draw: st.DrawFn) -> r.Association:
    value = draw(st.decimals(-1, 1, places=3))
    return r.Association(
        cohort="arm-0",
        variable1_text=draw(printable_text),
        variable2_text=draw(printable_text),
        value=value,
        sign="NEGATIVE" if value < 0 else "POSITIVE",
        evidence=draw(_supported),
    )
