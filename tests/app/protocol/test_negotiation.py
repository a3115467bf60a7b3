import pytest

from app.errors import NotAcceptable
from app.protocol.negotiation import GRAPH_FORMATS, HTML, SOLUTION_FORMATS, negotiate

JSON, XML, CSV, TSV = (each.media_type for each in SOLUTION_FORMATS)
TURTLE, JSON_LD, N_TRIPLES, RDF_XML, TRIG, N_QUADS = (each.media_type for each in GRAPH_FORMATS)
FIREFOX = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

SOLUTIONS = [
    ([], JSON),
    ([""], JSON),
    (["*/*"], JSON),
    ([JSON], JSON),
    ([XML], XML),
    ([CSV], CSV),
    ([TSV], TSV),
    (["application/json"], "application/json"),
    (["application/xml"], "application/xml"),
    (["text/xml"], "text/xml"),
    (["text/*"], "text/xml"),
    (["text/csv;q=0.5, text/tab-separated-values"], TSV),
    (["text/csv", "text/tab-separated-values;q=0.9"], CSV),
    ([f"{JSON};q=0, */*"], "application/json"),
    ([f"*/*;q=0.1, {XML};q=0.2"], XML),
    ([f"application/*;q=0.9, {JSON};q=0.1, application/json;q=0.1"], XML),
    (["TEXT/CSV"], CSV),
    (["text/csv; charset=utf-8"], CSV),
    (["text/csv;Q=0.5;header=present, text/tab-separated-values;q=0.4"], CSV),
    (['text/csv;note="a,b;q=0.1"'], CSV),
    ([FIREFOX], "text/html"),
    (["text/html"], "text/html"),
    (["nonsense, text/csv"], CSV),
    (["nonsense"], JSON),
    (["text/csv;q=0.123, text/tab-separated-values;q=0.124"], TSV),
]

GRAPHS = [
    ([], TURTLE),
    (["*/*"], TURTLE),
    ([TURTLE], TURTLE),
    ([JSON_LD], JSON_LD),
    ([N_TRIPLES], N_TRIPLES),
    ([RDF_XML], RDF_XML),
    ([TRIG], TRIG),
    ([N_QUADS], N_QUADS),
    (["application/json"], "application/json"),
    (["text/plain"], "text/plain"),
    (["application/x-turtle"], "application/x-turtle"),
    (['application/ld+json;profile="http://www.w3.org/ns/json-ld#compacted"'], JSON_LD),
    (["application/rdf+xml, text/turtle;q=0.9"], RDF_XML),
    ([f"{TURTLE};q=0.5, {N_TRIPLES};q=0.5"], TURTLE),
    ([FIREFOX], "text/html"),
]


@pytest.mark.parametrize(("accept", "expected"), SOLUTIONS)
def test_solutions_come_in_the_type_that_accept_prefers(accept: list[str], expected: str) -> None:
    assert negotiate(accept, (*SOLUTION_FORMATS, HTML)).content_type == expected


@pytest.mark.parametrize(("accept", "expected"), GRAPHS)
def test_graphs_come_in_the_type_that_accept_prefers(accept: list[str], expected: str) -> None:
    assert negotiate(accept, (*GRAPH_FORMATS, HTML)).content_type == expected


@pytest.mark.parametrize("accept", ["image/png", "text/turtle", "*/*;q=0", "application/pdf, image/*", f"{JSON};q=0"])
def test_an_impossible_accept_is_refused_with_what_there_is(accept: str) -> None:
    with pytest.raises(NotAcceptable, match=r"application/sparql-results\+json, application/sparql-results\+xml"):
        negotiate([accept], SOLUTION_FORMATS)


def test_a_generic_name_is_answered_under_that_name_with_the_format_behind_it() -> None:
    chosen = negotiate(["application/json"], SOLUTION_FORMATS)
    assert (chosen.content_type, chosen.format.media_type) == ("application/json", JSON)


@pytest.mark.timeout(5)
@pytest.mark.parametrize("accept", ["," * 60_000, 'a/b;c="' * 8_000, "a/b;q=" * 10_000, ";" * 60_000, " " * 60_000])
def test_a_hostile_accept_takes_no_time(accept: str) -> None:
    assert negotiate([accept + ", text/csv"], SOLUTION_FORMATS) is not None
