"""How fast records become quads, on one core, beside the same mapping into an rdflib graph.

Run with `make bench` or `python -m bench.emission`. The record is made up, in the proportions of a registry study with
results: mostly outcome results, each with about a dozen facts. Both walk the same tables; one ends with sorted lines of
N-Quads, the other with a graph of rdflib's terms. All times are processor time.
"""

import time
from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import cache
from statistics import median
from unittest.mock import patch

from rdflib import Graph, Literal, URIRef

import loaders.emit
from loaders.emit import emit
from loaders.record import (
    Administration,
    AdverseEvent,
    AdverseEventResult,
    Cohort,
    Intervention,
    Outcome,
    OutcomeResult,
    Source,
    Study,
)

RUNS = 7


def main() -> None:
    """Print the rates and their ratio."""
    study = made_up_study(outcomes=60, cohorts=4, events=150)
    quads = emit(study).nquads().count(b"\n")
    assert len(graph_of(study)) == quads, "the two do not say the same"
    ours = _rate(lambda: emit(study).nquads(), quads)
    theirs = _rate(lambda: graph_of(study), quads)
    print(f"record to N-Quads, one core     {ours:10,.0f} quads/s   ({quads:,} quads a study)")
    print(f"record to an rdflib graph       {theirs:10,.0f} triples/s")
    print(f"ratio                           {ours / theirs:10.1f}")


def made_up_study(outcomes: int, cohorts: int, events: int) -> Study:
    """Return a study with `outcomes` outcomes and `events` adverse events, each with a result for each cohort."""
    names = [f"arm-{number}" for number in range(cohorts)]
    return Study(
        label="A made-up trial",
        nct="NCT00000001",
        enrollment=30 * cohorts,
        interventions=[Intervention(name="drug", label="Drug", type="DRUG")],
        cohorts=[
            Cohort(name=name, label=name, kind="ARM", size=30, receives=[Administration(intervention="drug")])
            for name in names
        ],
        outcomes=[Outcome(name=f"outcome-{number}", label="Score", type="SECONDARY") for number in range(outcomes)],
        outcome_results=[_result(f"outcome-{number}", name) for number in range(outcomes) for name in names],
        adverse_events=[AdverseEvent(name=f"event-{n}", term="Headache", serious=False) for n in range(events)],
        adverse_event_results=[
            AdverseEventResult(event=f"event-{number}", cohort=name, affected=number % 30, at_risk=30)
            for number in range(events)
            for name in names
        ],
        source=Source(kind="CTGOV", name="NCT00000001.json", sha256="0" * 64),
    )


def _result(outcome: str, cohort: str) -> OutcomeResult:
    return OutcomeResult(
        outcome=outcome,
        cohort=cohort,
        value=Decimal("12.50"),
        value_text="12.50",
        statistic="MEAN",
        dispersion_type="STANDARD_DEVIATION",
        spread=Decimal("3.1"),
        denominator=30,
        unit_text="score on a scale",
        derivation="REPORTED",
        reporting="FULL",
    )


def graph_of(study: Study) -> Graph:
    """Return what a record says as an rdflib graph: the same mapping, with terms and `add` where it has lines."""
    graph = Graph()

    def add(lines: Iterable[str]) -> bytes:
        for line in lines:
            subject, predicate, value = line.removesuffix(" .\n").split(" ", 2)
            graph.add((_resource(subject), _property(predicate), _node(value)))
        return b""

    with patch.object(loaders.emit, "_join", add):
        emit(study)
    return graph


def _resource(term: str) -> URIRef:
    return URIRef(term[1:-1])


_property = cache(_resource)


def _node(term: str) -> URIRef | Literal:
    if term.startswith("<"):
        return _resource(term)
    text, _, datatype = term.rpartition('"')
    return Literal(text[1:], datatype=_property(datatype[2:]) if datatype else None)


def _rate(work: Callable[[], object], size: int) -> float:
    times = []
    for _ in range(RUNS):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return size / median(times)


if __name__ == "__main__":
    main()
