"""Binding variables inside the text: what is replaced, and what only looks like it."""

import pytest

from app.errors import BadRequest
from app.store.substitution import substituted

IRI = "http://e/x"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT ?r ?o { ?r ?p ?o }", "SELECT (<http://e/x> AS ?r) ?o { <http://e/x> ?p ?o }"),
        ("SELECT (STR(?r) AS ?t) { ?r ?p $r }", "SELECT (STR(<http://e/x>) AS ?t) { <http://e/x> ?p <http://e/x> }"),
        ("SELECT ?o { ?r ?p ?o } ORDER BY ?r ?o", "SELECT ?o { <http://e/x> ?p ?o } ORDER BY (<http://e/x>) ?o"),
        ("ASK { ?rest ?p '?r' } # ?r", "ASK { ?rest ?p '?r' } # ?r"),
        ("ASK { BIND(?n-?r-1 AS ?m) }", "ASK { BIND(?n-<http://e/x>-1 AS ?m) }"),
        ("CONSTRUCT { ?r ?p ?o } WHERE { ?r ?p ?o }", "CONSTRUCT { <http://e/x> ?p ?o } WHERE { <http://e/x> ?p ?o }"),
    ],
)
def test_only_the_variable_itself_becomes_the_iri(text: str, expected: str) -> None:
    assert substituted(text, {"r": IRI}) == expected


def test_what_is_no_iri_cannot_break_out() -> None:
    with pytest.raises(BadRequest, match="not an IRI"):
        substituted("ASK { ?r ?p ?o }", {"r": "http://e/> ?p ?o } #"})
