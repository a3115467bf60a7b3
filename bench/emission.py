"""How fast records become quads, on one core, beside building the same triples with rdflib.

Run with `make bench` or `python -m bench.emission`. The record is made up, in the proportions of a registry study with
results: mostly outcome results, each with about a dozen facts.
"""

import time
from collections.abc import Callable
from decimal import Decimal
from statistics import median

import pyoxigraph as ox
from rdflib import Graph, Literal, URIRef

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
    ours = _rate(lambda: emit(study).nquads(), quads)
    terms = list(ox.parse(emit(study).triples, format=ox.RdfFormat.N_TRIPLES))
    theirs = _rate(lambda: _with_rdflib(terms), len(terms))
    print(f"record to N-Quads, one core             {ours:10,.0f} quads/s   ({quads:,} quads a study)")
    print(f"the same triples into an rdflib graph   {theirs:10,.0f} triples/s")
    print(f"ratio                                   {ours / theirs:10.1f}")


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


def _with_rdflib(triples: list[ox.Triple]) -> Graph:
    graph = Graph()
    for triple in triples:
        value = triple.object
        node = (
            Literal(value.value, datatype=URIRef(value.datatype.value))
            if isinstance(value, ox.Literal)
            else URIRef(str(value)[1:-1])
        )
        graph.add((URIRef(str(triple.subject)[1:-1]), URIRef(triple.predicate.value), node))
    return graph


def _rate(work: Callable[[], object], size: int) -> float:
    times = []
    for _ in range(RUNS):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return size / median(times)


if __name__ == "__main__":
    main()
