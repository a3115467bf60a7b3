"""The numbers of the VoID description are those that counting by hand gives."""

from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import pyoxigraph as ox
import pytest

import app.description
import app.description.counts as counts
from app.description import VOID_GRAPH, describe
from app.description.counts import Kind, LinkCount, count
from app.description.void import as_triples
from app.store.base import ReplaceGraph
from app.store.embedded import EmbeddedStore
from loaders.emit import LINKS_GRAPH

A = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"
INTEGER = "http://www.w3.org/2001/XMLSchema#integer"
STRING = "http://www.w3.org/2001/XMLSchema#string"
TRIPLES = f"""<urn:a> <{A}> <urn:Cat> .
<urn:b> <{A}> <urn:Cat> .
<urn:a> <urn:age> "3"^^<{INTEGER}> .
<urn:b> <urn:age> "old" .
<urn:a> <urn:eats> <urn:m> .
<urn:m> <{A}> <urn:Mouse> .
<urn:b> <urn:page> <http://example.org/pages/b> .
<urn:nothing> <urn:known> "of it" .
""".encode()


@pytest.fixture
def store(tmp_path: Path):
    with EmbeddedStore(tmp_path / "data") as store:
        store.apply([ReplaceGraph("urn:one", TRIPLES), ReplaceGraph("urn:two", TRIPLES.splitlines(True)[0])])
        yield store


def test_a_triple_of_two_graphs_counts_once(store: EmbeddedStore) -> None:
    found = count(store)
    assert (found.triples, found.properties[A]) == (8, 3)


def test_classes_have_entities_and_properties_with_the_kinds_of_their_objects(store: EmbeddedStore) -> None:
    cat, mouse = count(store).classes
    assert (cat.iri, cat.entities, mouse.entities) == ("urn:Cat", 2, 1)
    said = {each.iri: (each.triples, each.kinds) for each in cat.properties if each.iri != A}
    assert said == {
        "urn:age": (2, (Kind("datatype", INTEGER, 1), Kind("datatype", STRING, 1))),
        "urn:eats": (1, (Kind("class", "urn:Mouse", 1),)),
        "urn:page": (1, (Kind("space", "http://example.org/pages/", 1),)),
    }


def test_a_large_class_has_its_rare_properties_too_and_no_number_that_was_not_counted(tmp_path: Path) -> None:
    many = range(10 * counts.LOOKED_AT)
    lines = [f'<urn:{n}> <{A}> <urn:Cat> .\n<urn:{n}> <urn:name> "{n}" .\n' for n in many]
    rare = f'<urn:{many[-1]}> <urn:age> "3"^^<{INTEGER}> .\n'
    with EmbeddedStore(tmp_path / "data") as store:
        store.apply([ReplaceGraph("urn:g", ("".join(lines) + rare).encode())])
        (cat,) = count(store).classes
    said = {each.iri: (each.triples, each.kinds) for each in cat.properties}
    assert said["urn:name"] == (len(many), (Kind("datatype", STRING, None),))
    assert said["urn:age"] == (1, (Kind("datatype", INTEGER, 1),))


def test_all_exact_matches_are_counted_by_target(tmp_path: Path) -> None:
    many, match = range(10 * counts.LOOKED_AT), f"<{counts.EXACT_MATCH}>"
    lines = [f"<urn:{n}> <{A}> <urn:Cat> .\n<urn:{n}> {match} <http://example.org/cat/{n}> .\n" for n in many]
    rare = [f"<urn:{n}> {match} <http://example.net/Q{n}> .\n" for n in many[-3:]]
    loose = f"<http://example.com/mouse/1> {match} <http://example.net/Q9> .\n"
    with EmbeddedStore(tmp_path / "data") as store:
        store.apply(
            [
                ReplaceGraph("urn:g", "".join([*lines, *rare]).encode()),
                ReplaceGraph(LINKS_GRAPH, "".join([*rare, loose]).encode()),
            ]
        )
        found = count(store)
    (said,) = (each for each in found.classes[0].properties if each.iri == counts.EXACT_MATCH)
    spaces = (Kind("space", "http://example.net/", 3), Kind("space", "http://example.org/cat/", len(many)))
    assert (said.triples, said.kinds) == (len(many) + 3, spaces)
    assert found.links == (LinkCount("http://example.com/mouse/", "http://example.net/", 1),)


def test_matches_with_dois_are_of_one_kind_whoever_registered_them_and_however_they_go_on(tmp_path: Path) -> None:
    dois = ("10.1234/a", "10.1002/(SICI)1097(19)17:15/16<1>3.0", "10.1/x#y")
    lines = [
        f"<urn:{n}> <{A}> <urn:Paper> .\n<urn:{n}> <{counts.EXACT_MATCH}> <https://doi.org/{quote(doi, '/:#()')}> .\n"
        for n, doi in enumerate(dois)
    ]
    with EmbeddedStore(tmp_path / "data") as store:
        store.apply([ReplaceGraph("urn:g", "".join(lines).encode())])
        (paper,) = count(store).classes
    matches = next(each for each in paper.properties if each.iri == counts.EXACT_MATCH)
    assert matches.kinds == (Kind("space", "https://doi.org/", 3),)


def test_of_very_many_kinds_of_links_those_with_the_most_are_told_of(tmp_path: Path) -> None:
    many = range(counts._SPACES + 100)
    lines = [
        f"<urn:{n}> <{A}> <urn:Cat> .\n<urn:{n}> <{counts.EXACT_MATCH}> <http://example.org/{n}/a> .\n" for n in many
    ]
    lines.append(f"<urn:0> <{counts.EXACT_MATCH}> <http://example.org/7/b> .\n")
    with EmbeddedStore(tmp_path / "data") as store:
        store.apply([ReplaceGraph("urn:g", "".join(lines).encode())])
        (cat,) = count(store).classes
    matches = next(each for each in cat.properties if each.iri == counts.EXACT_MATCH)
    assert (matches.triples, len(matches.kinds)) == (len(many) + 1, counts._SPACES)
    assert Kind("space", "http://example.org/7/", 2) in matches.kinds


def test_the_description_has_no_blank_node_and_is_the_same_each_time(store: EmbeddedStore) -> None:
    when = datetime(2026, 1, 1, tzinfo=UTC)
    text = as_triples(count(store), 7, when)
    assert text == as_triples(count(store), 7, when)
    assert b"_:" not in text
    assert b'"generation 7"' in text
    assert list(ox.parse(text, format=ox.RdfFormat.N_TRIPLES))


def counted(store: EmbeddedStore) -> str:
    (row,) = store.rows(f"SELECT ?n {{ GRAPH <{VOID_GRAPH}> {{ ?d <http://rdfs.org/ns/void#triples> ?n ; a ?any . "
                        "?d <http://rdfs.org/ns/void#classes> ?m } } LIMIT 1")  # fmt: skip
    return row["n"]


def test_the_counts_do_not_count_themselves(store: EmbeddedStore) -> None:
    describe(store, 1, 1)
    first = counted(store)
    describe(store, 1, 1)
    assert counted(store) == first


def test_a_large_store_keeps_its_counts_while_little_changes(
    store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    describe(store, 1, 1)
    first = counted(store)
    monkeypatch.setattr(app.description, "_ALWAYS", 1)
    store.apply([ReplaceGraph("urn:three", b"<urn:x> <urn:y> <urn:z> .\n")])
    describe(store, 1, 1000)
    assert counted(store) == first
    describe(store, 100, 1000)
    assert int(counted(store)) == int(first) + 1
