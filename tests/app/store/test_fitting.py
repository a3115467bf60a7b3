"""No answer breaks its own format, whatever the literals hold that are in it."""

import csv
import io
import json
from xml.etree import ElementTree

import pyoxigraph as ox
import pytest

from app.errors import NotAcceptable
from app.store.base import Query
from app.store.evaluation import dump, evaluate
from app.store.fitting import checked, fitted
from app.store.union import align

CODES = [*range(32), 0x7F, 0x85, 0x2028, 0xFFFD, 0xFFFE, 0xFFFF, 0x10FFFF]
XML_HOLDS = [9, 10, 13, 0x7F, 0x85, 0x2028, 0xFFFD, 0x10FFFF]
SELECT = "SELECT ?o { ?s ?p ?o }"
XML, JSON = "application/sparql-results+xml", "application/sparql-results+json"
CSV, TSV = "text/csv", "text/tab-separated-values"
RDF_XML = "application/rdf+xml"


def holding(text: str, property: str = "http://example.org/p") -> ox.Store:
    store = ox.Store()
    s, g = ox.NamedNode("http://example.org/s"), ox.NamedNode("http://example.org/g")
    store.add(ox.Quad(s, ox.NamedNode(property), ox.Literal(text), g))
    align(store)
    return store


@pytest.mark.parametrize("code", CODES, ids=hex)
def test_solutions_keep_the_text_or_are_refused(code: int) -> None:
    text = f"a{chr(code)}b"
    store = holding(text)
    answers = {each: evaluate(store, Query(SELECT, solutions_type=each))[0] for each in (JSON, CSV, TSV)}
    assert json.loads(answers[JSON])["results"]["bindings"][0]["o"]["value"] == text
    (row,) = ox.parse_query_results(answers[TSV], format=ox.QueryResultsFormat.TSV)
    assert row[0].value == text
    (_, (cell,)) = csv.reader(io.StringIO(answers[CSV].decode(), newline=""))
    assert cell == (text if code in XML_HOLDS or code > 31 else "a\ufffdb")
    assert not set(answers[CSV] + answers[TSV]) & set(range(32)) - {9, 10, 13}

    if code in XML_HOLDS:
        body, _ = evaluate(store, Query(SELECT, solutions_type=XML))
        assert "".join(ElementTree.fromstring(body).itertext()) == text
    else:
        with pytest.raises(NotAcceptable, match=r"U\+0000; ask for JSON or TSV"):
            evaluate(store, Query(SELECT, solutions_type=XML))


@pytest.mark.parametrize("code", CODES, ids=hex)
def test_graphs_keep_the_text_or_are_refused(code: int) -> None:
    text = f"a{chr(code)}b"
    store, query = holding(text), Query("CONSTRUCT WHERE { ?s ?p ?o }", graph_type=RDF_XML)
    if code in XML_HOLDS:
        out = io.BytesIO()
        dump(store, out, RDF_XML)
        for body in (evaluate(store, query)[0], out.getvalue()):
            assert "".join(ElementTree.fromstring(body).itertext()).strip() == text
    else:
        for write in (lambda: evaluate(store, query), lambda: dump(store, io.BytesIO(), RDF_XML)):
            with pytest.raises(NotAcceptable, match="ask for Turtle or JSON-LD"):
                write()


@pytest.mark.parametrize("property", ["http://example.org/1", "http://example.org/", "urn:x:1"])
def test_rdf_xml_with_a_property_that_has_no_xml_name_is_refused(property: str) -> None:
    with pytest.raises(NotAcceptable, match="does not end in an XML name"):
        evaluate(holding("a", property), Query("CONSTRUCT WHERE { ?s ?p ?o }", graph_type=RDF_XML))


@pytest.mark.parametrize("media_type", [XML, CSV, TSV])
def test_where_an_answer_is_cut_into_pieces_makes_no_difference(media_type: str) -> None:
    text = "a\r\n\U0010ffff\ufffd" + ("" if media_type == XML else "\0\x1f")
    body, _ = evaluate(holding(text), Query(SELECT, solutions_type=JSON))
    assert json.loads(body)["results"]["bindings"][0]["o"]["value"] == text
    for cut in range(len(body)):
        out = io.BytesIO()
        fitting = checked(out, media_type)
        assert fitting.write(body[:cut]) + fitting.write(body[cut:]) == len(body)
        assert out.getvalue() == fitted(body, media_type)


@pytest.mark.parametrize("cut", range(4))
def test_a_character_that_comes_in_two_pieces_is_refused_like_any_other(cut: int) -> None:
    fitting = checked(io.BytesIO(), XML)
    body = "\uffff".encode()
    with pytest.raises(NotAcceptable):
        for piece in (body[:cut], body[cut:]):
            fitting.write(piece)
