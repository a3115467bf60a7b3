"""How fast records become triples, on one core, beside the same mapping into an rdflib graph.

Run with `make bench` or `python -m bench.emission`. The record is made up, in the proportions of a registry study with
results: mostly results of outcomes and events, named as the registry's reader names them. Both mappings walk the same
tables. One ends with sorted lines of N-Triples and the name of their graph, which is what the store is given; the other
is written as one writes it with rdflib, a term for each value and `add` for each statement. What is the same for all
records is prepared beforehand by both, and both say the same. They take turns, all times are processor time, and as
with `timeit` garbage is not collected meanwhile.
"""

import gc
import time
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from functools import cache
from statistics import median
from typing import Any

from rdflib import Graph, Literal, URIRef
from rdflib.term import Node

from loaders import tables
from loaders.emit import Emission, emit
from loaders.link.identifiers import BASE, study_matches
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
from loaders.tables import Table
from loaders.terms import Coded, Reference, Term, boolean, decimal, integer, iri, literal, text, types

RUNS = 9


def main() -> None:
    """Print the rates and their ratio."""
    study = made_up_study(outcomes=60, cohorts=4, events=150)
    emission = emit(study)
    mapping = _Mapping(emission.study)
    graph = graph_of(study, mapping)
    assert set(graph) == set(Graph().parse(data=emission.triples, format="nt")), "the two do not say the same"
    ours, theirs = _rates(len(graph), lambda: emit(study), lambda: graph_of(study, mapping))
    print(f"record to N-Triples, one core   {ours:10,.0f} triples/s   ({len(graph):,} triples a study)")
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
            AdverseEventResult(
                name=f"event-{number}-{name}",
                event=f"event-{number}",
                cohort=name,
                affected=number % 30,
                at_risk=30,
            )
            for number in range(events)
            for name in names
        ],
        source=Source(kind="CTGOV", name="NCT00000001.json", sha256="0" * 64),
    )


def _result(outcome: str, cohort: str) -> OutcomeResult:
    return OutcomeResult(
        name=f"{outcome}-{cohort}",
        outcome=outcome,
        cohort=cohort,
        value=Decimal("12.5"),
        value_text="12.50",
        statistic="MEAN",
        dispersion_type="STANDARD_DEVIATION",
        spread=Decimal("3.1"),
        denominator=30,
        unit_text="score on a scale",
        derivation="REPORTED",
        reporting="FULL",
    )


_Pair = tuple[URIRef, Node]
_Statement = tuple[URIRef, URIRef, Node]
_Maker = Callable[[Any], Node]
_Column = tuple[str, bool, URIRef, _Maker]


def _resource(term: str) -> URIRef:
    return URIRef(term[1:-1])


def _classes(names: Iterable[str]) -> list[_Pair]:
    return [(_resource(predicate), _resource(name)) for predicate, name in (pair.split(" ") for pair in names)]


_TYPE = _resource(iri("rdf:type"))
_ADMINISTRATION = _classes(types("tw:Administration"))
_EXACT_MATCH = _resource(iri("skos:exactMatch"))
_IDENTIFIER = _resource(iri("dcterms:identifier"))
_PRIMARY_TOPIC = _resource(iri("foaf:primaryTopic"))
_RECEIVES = _resource(iri("tw:receives"))
_REGISTERED_AS = _resource(iri("tw:registeredAs"))
_STUDY = _classes(tables.STUDY_TYPES[None])
_DOCUMENT = _classes(tables.DOCUMENT_TYPES["CTGOV"])
_LITERALS = (boolean, decimal, integer, literal, text)


class _Mapping:
    """How the parts of one study become statements: what a table says, as functions of rdflib's terms."""

    def __init__(self, study: str) -> None:
        self.study = URIRef(study)
        self.parts = [
            (attribute, kind, _resource(has), self._columns(table), _classes(classes))
            for attribute, kind, has, table, classes in tables.NAMED_PARTS
        ]
        self.findings = [
            (attribute, kind, self._columns(table), _classes(classes))
            for kind, groups in tables.FINDINGS
            for attribute, table, classes in groups
        ]
        self.administration = self._columns(tables.ADMINISTRATION)
        self.source = self._columns(tables.SOURCE)
        self.columns = self._columns(tables.STUDY)

    def statements(self, study: Study) -> Iterator[_Statement]:
        """Yield what the made-up record says."""
        yield from self._identity(study)
        for attribute, kind, has, columns, classes in self.parts:
            for part in getattr(study, attribute):
                node = URIRef(f"{self.study}/{kind}/{part.name}")
                yield self.study, has, node
                yield from _about(node, classes, part, columns)
        for cohort in study.cohorts:
            for each in cohort.receives:
                node = URIRef(f"{self.study}/administration/{cohort.name}/{each.intervention}")
                yield URIRef(f"{self.study}/cohort/{cohort.name}"), _RECEIVES, node
                yield from _about(node, _ADMINISTRATION, each, self.administration)
        for attribute, kind, columns, classes in self.findings:
            for finding in getattr(study, attribute):
                yield from _about(URIRef(f"{self.study}/{kind}/{finding.name}"), classes, finding, columns)

    def _identity(self, study: Study) -> Iterator[_Statement]:
        assert study.source
        assert study.nct
        page = URIRef(f"https://clinicaltrials.gov/study/{study.nct}")
        document = URIRef(f"{BASE}document/sha256-{study.source.sha256}")
        yield from _about(self.study, _STUDY, study, self.columns)
        yield self.study, _IDENTIFIER, Literal(study.nct)
        yield self.study, _REGISTERED_AS, page
        for match in study_matches(study.nct):
            yield self.study, _EXACT_MATCH, URIRef(match)
        for predicate, value in _DOCUMENT:
            yield page, predicate, value
        yield from _about(document, _DOCUMENT, study.source, self.source)
        yield document, _PRIMARY_TOPIC, self.study

    def _columns(self, table: Table) -> list[_Column]:
        return [
            (attribute.removesuffix("[]"), attribute.endswith("[]"), _resource(predicate.strip()), self._maker(term))
            for attribute, predicate, term in table
        ]

    def _maker(self, term: Term | Coded | Reference) -> _Maker:
        if isinstance(term, Reference):
            parts = f"{self.study}/{term.kind}/"
            return lambda name: URIRef(parts + name)
        return Literal if term in _LITERALS else cache(lambda value: _resource(term(value)))


def _about(subject: URIRef, classes: Iterable[_Pair], part: Any, columns: Iterable[_Column]) -> Iterator[_Statement]:
    for predicate, value in classes:
        yield subject, predicate, value
    for attribute, is_list, predicate, make in columns:
        value = getattr(part, attribute)
        if is_list:
            for item in value:
                yield subject, predicate, make(item)
        elif value is not None:
            yield subject, predicate, make(value)


def graph_of(study: Study, mapping: _Mapping) -> Graph:
    """Return what the made-up record says as an rdflib graph."""
    graph = Graph()
    for statement in mapping.statements(study):
        graph.add(statement)
    return graph


def _rates(size: int, *mappings: Callable[[], Emission | Graph]) -> list[float]:
    times: list[list[float]] = [[] for _ in mappings]
    gc.disable()
    for _ in range(RUNS):
        for mapping, took in zip(mappings, times, strict=True):
            started = time.process_time()
            mapping()
            took.append(time.process_time() - started)
            gc.collect()
    return [size / median(took) for took in times]


if __name__ == "__main__":
    main()
