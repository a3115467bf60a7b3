"""One vocabulary: emitter, ontology, shapes and example queries use the same terms, and no other."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from rdflib import RDF, Graph, Literal, URIRef

import loaders.emit  # fills TERMS
from loaders.record import SCHEMES
from loaders.terms import ONTOLOGY, TERMS, VALUES
from tests.ontology.files import ROOT, TW, parsed
from tests.ontology.full_record import emitted

assert loaders.emit

NOT_EMITTED = {
    str(TW.valueScheme): "the ontology says with it where the values of a property come from",
}
_PREFIXED = re.compile(r"\b(twv?):([A-Za-z][\w-]*)")
_FULL = re.compile(f"({re.escape(ONTOLOGY)}|{re.escape(VALUES)})([A-Za-z][\\w-]*)")
_NAMESPACES = {"tw": ONTOLOGY, "twv": VALUES}


def readers_of_terms() -> list[Path]:
    """Return the files that use the vocabulary without defining it."""
    return sorted([*(ROOT / "shapes").glob("*.ttl"), *(ROOT / "ontology/examples").glob("*.ttl")])


def defined() -> set[str]:
    return {str(term) for term in parsed("trialweave.ttl", "values.ttl").subjects(RDF.type) if isinstance(term, URIRef)}


def used(file: Path) -> Iterator[str]:
    """Yield the terms and values a file names, in its triples and inside its query texts."""
    for term in {term for triple in Graph().parse(file, format="turtle") for term in triple}:
        if isinstance(term, Literal):
            yield from (_NAMESPACES[prefix] + name for prefix, name in _PREFIXED.findall(term))
            yield from (namespace + name for namespace, name in _FULL.findall(term))
        elif str(term).startswith((ONTOLOGY, VALUES)):
            yield str(term)


def is_defined(term: str) -> bool:
    """Say whether a term is defined; a query may also name the stem that all values of a scheme share (Phase-)."""
    stem = term.removeprefix(VALUES).removesuffix("-")
    return term in defined() or (term == f"{VALUES}{stem}-" and stem in SCHEMES)


def test_the_ontology_defines_what_the_emitter_can_write() -> None:
    assert not TERMS - defined() - {str(RDF.type)}


def test_the_ontology_defines_nothing_that_the_emitter_cannot_write() -> None:
    own = {term for term in defined() if term.startswith(ONTOLOGY)}
    assert own - TERMS == set(NOT_EMITTED)


def test_a_full_record_uses_every_term() -> None:
    graph = emitted()
    written = {str(term) for term in (*graph.predicates(), *graph.objects(None, RDF.type))}
    assert written == TERMS


@pytest.mark.parametrize("file", readers_of_terms(), ids=lambda file: f"{file.parent.name}/{file.name}")
def test_shapes_and_example_queries_name_defined_terms_only(file: Path) -> None:
    assert sorted({term for term in used(file) if not is_defined(term)}) == []


def test_an_undefined_term_in_a_query_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "bad.ttl"
    query = "SELECT * { ?s tw:fase twv:Phase-PHASE9 ; a tw:Study }"
    file.write_text(f'<http://example.org/q> <http://example.org/select> "{query}" ; a <{ONTOLOGY}Query> .')
    undefined = sorted(term for term in used(file) if not is_defined(term))
    assert undefined == [ONTOLOGY + "Query", ONTOLOGY + "fase", VALUES + "Phase-PHASE9"]
