"""What holds for every record that is emitted, whatever a source put into it."""

import copy
import logging
from dataclasses import fields, is_dataclass
from typing import Any

import pyoxigraph as ox
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rdflib import BNode, Graph

from loaders import gate
from loaders import record as r
from loaders.emit import emit, emit_provenance
from tests.shapes.sample import triples
from tests.strategies import sound_studies, studies

examples = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
few_examples = settings(examples, max_examples=15)

# In these lists the order carries meaning: authors as printed, sections as they stand, the first publication is the one
# that a study is known by.
ORDERED = {"authors", "creators", "sections", "publications"}


def shuffled(part: Any, draw: st.DrawFn) -> Any:
    """Return a copy of a record with every list in another order, but for those whose order means something."""
    if not is_dataclass(part):
        return part
    changed = copy.copy(part)
    for field in fields(part):
        value = getattr(part, field.name)
        if isinstance(value, list):
            items = [shuffled(item, draw) for item in value]
            value = items if field.name in ORDERED else draw(st.permutations(items))
        setattr(changed, field.name, shuffled(value, draw))
    return changed


@st.composite
def pairs(draw: st.DrawFn) -> tuple[r.Study, r.Study]:
    study = draw(studies())
    return study, shuffled(study, draw)


@examples
@given(studies())
def test_the_engine_reads_every_line_as_one_quad(study: r.Study) -> None:
    quads = emit(study).nquads()
    read = list(ox.parse(quads, format=ox.RdfFormat.N_QUADS))
    assert len(read) == len(set(read)) == quads.count(b"\n")
    assert not [term for quad in read for term in quad.triple if isinstance(term, ox.BlankNode)]


@examples
@given(studies())
def test_rdflib_reads_the_same_triples(study: r.Study) -> None:
    logging.getLogger("rdflib.term").disabled = True
    emission = emit(study)
    graph = Graph().parse(data=emission.triples + emission.links, format="nt")
    assert len(graph) <= (emission.triples + emission.links).count(b"\n")
    assert not [term for triple in graph for term in triple if isinstance(term, BNode)]


@examples
@given(studies())
def test_the_same_record_gives_the_same_bytes(study: r.Study) -> None:
    assert emit(study) == emit(copy.deepcopy(study))


@examples
@given(studies())
def test_lines_are_sorted_by_their_bytes(study: r.Study) -> None:
    lines = emit(study).triples.splitlines(keepends=True)
    assert lines == sorted(set(lines))


@examples
@given(pairs())
def test_the_order_of_lists_does_not_matter(pair: tuple[r.Study, r.Study]) -> None:
    study, other = pair
    assert emit(study).nquads() == emit(other).nquads()


@examples
@given(studies())
def test_provenance_is_readable_whatever_the_document_was_called(study: r.Study) -> None:
    assert study.source is not None
    emission = emit(study)
    provenance = emit_provenance(study.source, emission.graph, emission.study, "0.1.0", "2021-02-01T00:00:00Z")
    assert len(list(ox.parse(provenance, format=ox.RdfFormat.N_TRIPLES))) == provenance.count(b"\n")


@few_examples
@given(sound_studies())
def test_sound_records_pass_the_gate(study: r.Study) -> None:
    report = gate.validate(triples(study))
    assert [finding.line for finding in report.findings if finding.severity == "Violation"] == []


@few_examples
@given(studies())
def test_the_gate_answers_whatever_it_is_shown(study: r.Study) -> None:
    report = gate.validate(triples(study))
    assert all(finding.rule != "Checkable" for finding in report.findings), report.text()
    list(ox.parse(report.triples("https://w3id.org/trialweave/graph/x#report"), format=ox.RdfFormat.N_TRIPLES))
