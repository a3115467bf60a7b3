"""Changes: all or nothing, seen by the writer at once and by readers when published."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from app.errors import BadRequest, QuerySyntaxError, StoreError
from app.store.base import DEFAULT_GRAPH, Change, Query, ReplaceGraph, ReplaceSubjects
from app.store.embedded import EmbeddedReader, EmbeddedStore
from tests.app.store.conftest import Publish, graph, triples

EX = "http://example.org/"


def quads(store: EmbeddedStore | EmbeddedReader) -> list[str]:
    """Everything in named graphs, as `graph subject object`."""
    found = store.rows("SELECT ?g ?s ?o { GRAPH ?g { ?s ?p ?o } }")
    return sorted(" ".join(row[name].removeprefix(EX) for name in "gso") for row in found)


def test_a_new_directory_reads_as_an_empty_store(data: Path) -> None:
    with EmbeddedReader(data) as reader:
        assert (reader.generation, quads(reader)) == (0, [])
        assert reader.info().quads == 0
    assert not data.exists()


def test_what_was_written_comes_back_in_the_union_default_graph(data: Path, publish: Publish) -> None:
    publish(graph("g", 'a says "1"'), graph("h", 'b says "2"'))
    with EmbeddedReader(data) as reader:
        assert sorted(row["o"] for row in reader.rows("SELECT ?o { ?s ?p ?o }")) == ["1", "2"]
        assert reader.info().quads == 2
        answer = reader.query(Query("ASK { ?s ?p '1' . ?t ?p '2' }"))
        assert (answer.body, answer.generation) == (b'{"head":{},"boolean":true}', 1)


def test_unpublished_changes_are_for_the_writer_alone(data: Path, publish: Publish) -> None:
    publish(graph("g", 'a says "old"'))
    with EmbeddedStore(data) as store:
        store.apply([graph("g", 'a says "new"')])
        with EmbeddedReader(data) as reader:
            assert quads(reader) == ["g a old"]
        assert quads(store) == ["g a new"]
        assert b"new" in store.query(Query("SELECT * { ?s ?p ?o }")).body
        assert store.info().generation == 1
    with EmbeddedStore(data) as store:
        assert quads(store) == ["g a old"]


def test_replacing_a_graph_leaves_the_others(data: Path, publish: Publish) -> None:
    publish(graph("g", 'a says "1"', 'b says "2"'), graph("h", 'a says "1"'))
    with EmbeddedStore(data) as store:
        store.apply([graph("g", 'c says "3"')])
        assert quads(store) == ["g c 3", "h a 1"]
        store.apply([graph("g")])
        assert quads(store) == ["h a 1"]


def test_replacing_subjects_leaves_the_rest_of_the_graph(data: Path, publish: Publish) -> None:
    publish(graph("p", 'a says "1"', 'a says "2"', 'b says "3"'), graph("q", 'a says "4"'))
    with EmbeddedStore(data) as store:
        store.apply([ReplaceSubjects(f"{EX}p", (f"{EX}a", f"{EX}new"), triples('a says "5"', 'new says "6"'))])
        assert quads(store) == ["p a 5", "p b 3", "p new 6", "q a 4"]


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (ReplaceGraph(f"{EX}> {{}} }} ; DROP ALL #", b""), "is not an IRI"),
        (ReplaceGraph("no scheme", b""), "is not an IRI"),
        (ReplaceSubjects(f"{EX}g", (f"{EX}a> ?p ?o }} }} ; DROP ALL #",), b""), "is not an IRI"),
        (ReplaceGraph(f"{EX}h", b"} } ; DROP ALL ; INSERT DATA { GRAPH <x:g> { "), "are not N-Triples"),
        (ReplaceGraph(f"{EX}h", triples('a says "1"') + b"a b c ."), f"for graph {EX}h are not N-Triples"),
        (ReplaceGraph(f"{EX}h", b'<x:a> <x:b> "\xff" .'), "are not N-Triples"),
        (ReplaceGraph(f"{EX}h", b"<x:a> <x:b> _:c ."), f"for graph {EX}h have blank nodes"),
        (ReplaceSubjects(f"{EX}h", (), b"_:a <x:b> <x:c> ."), f"for graph {EX}h have blank nodes"),
        (ReplaceGraph(f"{EX}h", b"<x:a> <x:b> <<( _:a <x:b> 'c' )>> .".replace(b"'", b'"')), "have blank nodes"),
    ],
)
def test_one_bad_change_undoes_all(data: Path, bad: Change, says: str) -> None:
    with EmbeddedStore(data) as store:
        store.apply([graph("g", 'a says "kept"')])
        with pytest.raises(BadRequest, match=says):
            store.apply([graph("g", 'a says "lost"'), bad])
        assert quads(store) == ["g a kept"]


def test_odd_texts_survive_the_way_in(data: Path) -> None:
    text = r'"} }; DROP ALL # \"quoted\" \\ \n \u00e9 é 𝄞 {"'
    with EmbeddedStore(data) as store:
        store.apply([graph("g", f"a says {text}")])
        assert quads(store) == ['g a } }; DROP ALL # "quoted" \\ \n é é 𝄞 {']


def test_a_graph_larger_than_one_operation_arrives_whole(data: Path) -> None:
    lines = "".join(f'<{EX}s{n}> <{EX}p> "{n}" .\n' for n in range(12_000))
    with EmbeddedStore(data) as store:
        store.apply([ReplaceGraph(f"{EX}g", lines.encode())])
        assert list(store.rows("SELECT (COUNT(*) AS ?n) { ?s ?p ?o }")) == [{"n": "12000"}]


def test_an_update_is_one_transaction(data: Path) -> None:
    with EmbeddedStore(data) as store:
        store.update(f'INSERT DATA {{ GRAPH <{EX}g> {{ <{EX}a> <{EX}p> "kept" }} }}')
        with pytest.raises(BadRequest, match="nothing was changed"):
            store.update(f"CLEAR GRAPH <{EX}g> ; DROP GRAPH <{EX}missing>")
        with pytest.raises(QuerySyntaxError) as caught:
            store.update(f"DROP GRAPH <{EX}g> ;\nINSERT DATA (")
        assert caught.value.line == 2
        assert quads(store) == ["g a kept"]


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("INSERT DATA { GRAPH :h { :b :p 2 } }", ["g a 1", "h b 2"]),
        ("WITH :h INSERT { ?s :p ?o } WHERE { ?s ?q ?o }", ["g a 1"]),
        ("INSERT { GRAPH :h { ?s :q ?o } } WHERE { ?s :p ?o } # the union", ["g a 1", "h a 1"]),
        ("DROP ALL ; INSERT DATA { GRAPH :h { :a :p 1 } }", ["h a 1"]),
        ("CLEAR ALL ;", []),
        ("DROP GRAPH :g", []),
        ("MOVE :g TO :h", ["h a 1"]),
        ("DELETE WHERE { ?s ?p ?o }", ["g a 1"]),
        ("DROP DEFAULT", ["g a 1"]),
        ("INSERT DATA { :a :p 1 }", ["g a 1", f"{DEFAULT_GRAPH} a 1"]),
        ("INSERT DATA { :a :p 1 } ; DELETE DATA { GRAPH :g { :a :p 1 } }", [f"{DEFAULT_GRAPH} a 1"]),
        ("INSERT { :b :p ?o } WHERE { GRAPH :g { ?s :p ?o } } ; CLEAR NAMED", [f"{DEFAULT_GRAPH} b 1"]),
        ("COPY :g TO DEFAULT ; DROP GRAPH :g ; ADD DEFAULT TO :h", ["h a 1", f"{DEFAULT_GRAPH} a 1"]),
        ("INSERT DATA { :b :p 2 } ; DROP DEFAULT", ["g a 1"]),
        ("", ["g a 1"]),
    ],
)
def test_after_an_update_the_default_graph_is_the_union(data: Path, text: str, left: list[str]) -> None:
    with EmbeddedStore(data) as store:
        store.update(f"PREFIX : <{EX}> INSERT DATA {{ GRAPH :g {{ :a :p 1 }} }}")
        store.update(f"PREFIX : <{EX}> {text}")
        assert quads(store) == left
        default = store.rows("SELECT ?s ?p ?o { ?s ?p ?o }")
        named = store.rows("SELECT DISTINCT ?s ?p ?o { GRAPH ?g { ?s ?p ?o } }")
        assert sorted(map(str, default)) == sorted(map(str, named))


def test_blank_nodes_that_an_update_made_are_told_of(data: Path) -> None:
    with EmbeddedStore(data) as store:
        store.update(f"INSERT DATA {{ GRAPH <{EX}g> {{ [] <{EX}p> 1 }} }}")
        assert list(store.rows("SELECT ?o { ?s ?p ?o }")) == [{"o": "1"}]
        with pytest.raises(BadRequest, match=f"Graph {EX}g holds blank nodes"):
            store.apply([graph("g", 'a says "1"')])
        store.update(f"DROP GRAPH <{EX}g>")
        store.apply([graph("g", 'a says "1"')])
        assert quads(store) == ["g a 1"]


def test_files_are_loaded_all_or_none(data: Path, tmp_path: Path) -> None:
    good, other = tmp_path / "good.nq", tmp_path / "other.nq"
    good.write_text(f'<{EX}a> <{EX}p> "1" <{EX}g> .')
    other.write_text(f'<{EX}c> <{EX}p> "3" <{EX}h> .\n')
    with EmbeddedStore(data) as store:
        store.bulk_load([good, other])
        assert quads(store) == ["g a 1", "h c 3"]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("nonsense", r"nothing was loaded from good\.nq, bad\.nq"),
        (f'<{EX}b> <{EX}p> "2" .', "stands in no named graph"),
        (f'<{EX}b> <{EX}p> "2" _:g .', "stands in no named graph"),
        (f"<{EX}b> <{EX}p> _:c <{EX}g> .", "has a blank node"),
    ],
)
def test_a_bad_line_undoes_the_load_and_nothing_else(data: Path, tmp_path: Path, line: str, says: str) -> None:
    good, bad = tmp_path / "good.nq", tmp_path / "bad.nq"
    good.write_text(f'<{EX}a> <{EX}p> "1" <{EX}g> .')
    bad.write_text(f'<{EX}b> <{EX}p> "2" <{EX}g> .\n{line}\n')
    with EmbeddedStore(data) as store:
        store.apply([graph("g", 'a says "before"')])
        with pytest.raises(BadRequest, match=says):
            store.bulk_load([good, bad])
        assert quads(store) == ["g a before"]
        assert list(store.rows("SELECT ?o { ?s ?p ?o }")) == [{"o": "before"}]
        store.publish()
    with EmbeddedReader(data) as reader:
        assert quads(reader) == ["g a before"]


def test_what_much_was_loaded_into_is_merged_before_it_is_published(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def published(name: str, loads: int) -> int:
        """The files of the engine after so many loads."""
        with EmbeddedStore(data) as store:
            for number in range(loads):
                file = tmp_path / "load.nq"
                lines = (f"<{EX}{name}{number}s{n}> <{EX}p> <{EX}o{n}> <{EX}g{n % 7}> .\n" for n in range(1000))
                file.write_text("".join(lines))
                store.bulk_load([file])
            generation = store.publish()
        return len(list((data / "generations" / f"{generation:06}").glob("*.sst")))

    # The engine may merge some by itself meanwhile, and leave them beside the rest.
    one, few = published("a", 1), 4
    assert published("b", 2) > one
    monkeypatch.setattr("app.store.embedded._MUCH", 1)
    assert published("c", 3) <= one + few
    assert published("d", 1) > one, "little of that was new"
    full = SimpleNamespace(free=1_000)
    with monkeypatch.context() as patch:
        patch.setattr("app.store.embedded.shutil.disk_usage", lambda _: full)
        assert published("e", 9) > one + few, "there is no room to write all of it again"
    assert published("f", 16) <= one + few
    monkeypatch.setattr("app.store.embedded._TOO_MUCH", 1)
    assert published("g", 30) > one + few, "the store is large"
    with EmbeddedReader(data) as reader:
        assert reader.info().quads == 62_000


def test_a_writer_that_cannot_undo_a_change_does_not_publish_it(
    data: Path, tmp_path: Path, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(graph("g", 'a says "published"'))
    bad = tmp_path / "bad.nq"
    bad.write_text(f'<{EX}b> <{EX}p> "2" <{EX}g> .\nnonsense\n')
    with EmbeddedStore(data) as store:
        store.apply([graph("h", 'a says "unpublished"')])
        folders = iter([str(data / "writer" / "checkpoint"), str(data / "missing" / "folder")])
        monkeypatch.setattr(store, "_new_folder", lambda: next(folders))
        with pytest.raises(StoreError, match="undoing a change"):
            store.bulk_load([bad])
        with pytest.raises(StoreError, match="not open for writing"):
            store.publish()
    with EmbeddedReader(data) as reader:
        assert quads(reader) == ["g a published"]


def test_a_backup_is_a_data_directory_of_its_own(data: Path, publish: Publish, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    with EmbeddedStore(data) as store, pytest.raises(StoreError, match="published nothing yet"):
        store.backup(copy)
    publish()
    publish(graph("g", 'a says "1"'))
    with EmbeddedStore(data) as store:
        store.apply([graph("g", 'a says "unpublished"')])
        store.backup(copy)
        with pytest.raises(StoreError, match="exists; a backup needs a new folder"):
            store.backup(copy)
    with EmbeddedReader(copy) as reader:
        assert (reader.generation, quads(reader)) == (2, ["g a 1"])
    with EmbeddedStore(copy) as store:
        store.apply([graph("g", 'a says "elsewhere"')])
        store.publish()
    with EmbeddedReader(data) as reader:
        assert quads(reader) == ["g a 1"]
