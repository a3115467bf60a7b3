"""Every number is right when sources share facts: a fact counts once, however many graphs hold it."""

import io
from pathlib import Path
from tempfile import TemporaryDirectory

import pyoxigraph as ox
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.store.base import Change, Query, ReplaceGraph, ReplaceSubjects
from app.store.embedded import EmbeddedReader, EmbeddedStore
from app.store.evaluation import GRAPH_TYPES, evaluate
from app.store.quarantine import Quarantine, Rejected
from app.store.union import named_quads, without_graphs
from tests.app.store.conftest import Publish, graph

EX = "http://example.org/"
SHARED = ("s a Study", "s part c", "c part d", "s enrolled 40", "c enrolled 2")
NUMBERS = {
    "studies": "SELECT (COUNT(?s) AS ?n) { ?s :a :Study }",
    "triples": "SELECT (COUNT(*) AS ?n) { ?s ?p ?o }",
    "sum": "SELECT (SUM(?e) AS ?n) { ?s :enrolled ?e }",
    "group": "SELECT (SUM(?m) AS ?n) { { SELECT ?s (COUNT(?e) AS ?m) { ?s :enrolled ?e } GROUP BY ?s } }",
    "join": "SELECT (COUNT(*) AS ?n) { ?s :a :Study ; :part ?c . ?c :part ?d ; :enrolled ?e }",
    "path": "SELECT (COUNT(*) AS ?n) { :s :part+ ?c }",
    "sequence": "SELECT (COUNT(*) AS ?n) { :s :part/:part ?d }",
    "inverse": "SELECT (COUNT(*) AS ?n) { :d ^:part/^:part ?s }",
    "optional": "SELECT (COUNT(*) AS ?n) { ?s :enrolled ?e OPTIONAL { ?s :part ?c } }",
}
RIGHT = {
    "studies": "1",
    "triples": "5",
    "sum": "42",
    "group": "2",
    "join": "1",
    "path": "2",
    "sequence": "1",
    "inverse": "1",
    "optional": "2",
}


def shared(name: str) -> ReplaceGraph:
    """The facts that all graphs share, as what one graph says."""
    integer = "http://www.w3.org/2001/XMLSchema#integer"
    terms = (fact.split() for fact in SHARED)
    lines = (f"<{EX}{s}> <{EX}{p}> " + (f'"{o}"^^<{integer}>' if o.isdigit() else f"<{EX}{o}>") for s, p, o in terms)
    return ReplaceGraph(f"{EX}{name}", " .\n".join([*lines, ""]).encode())


def numbers(store: EmbeddedStore | EmbeddedReader) -> dict[str, str]:
    """What the queries count."""
    return {name: next(store.rows(f"PREFIX : <{EX}> {text}"))["n"] for name, text in NUMBERS.items()}


def test_facts_in_three_graphs_count_once_until_the_last_graph_goes(data: Path) -> None:
    with EmbeddedStore(data) as store:
        store.apply([shared(name) for name in "ghi"])
        assert numbers(store) == RIGHT
        for again in "gh":
            store.apply([shared(again)])
        assert numbers(store) == RIGHT
        for gone in "gh":
            store.apply([graph(gone)])
            assert numbers(store) == RIGHT
        store.publish()
        store.apply([graph("i")])
        assert numbers(store)["triples"] == "0"
    with EmbeddedReader(data) as reader:
        assert numbers(reader) == RIGHT


def test_a_bulk_load_of_shared_facts_counts_them_once(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "shared.nq"
    file.write_bytes(b"".join(shared("g").triples.replace(b" .\n", f" <{EX}{name}> .\n".encode()) for name in "ghi"))
    with EmbeddedStore(data) as store:
        store.apply([shared("a")])
        store.bulk_load([file])
        store.bulk_load([file])
        assert numbers(store) == RIGHT
        store.apply([graph(name) for name in "aghi"])
        assert numbers(store)["triples"] == "0"


IRI, PLAIN = f"<{EX}x>", f'<{EX}x> <{EX}p> "a _:b . # c \\\\" <{EX}g> .\n'


@pytest.mark.parametrize(
    ("line", "triple"),
    [
        (PLAIN, PLAIN.replace(f" <{EX}g>", "")),
        (f'{IRI} {IRI} "a \\" <{EX}o> ."@en-GB <{EX}g> .\n', f'{IRI} {IRI} "a \\" <{EX}o> ."@en-GB .\n'),
        (f"{IRI} {IRI} {IRI} .\n", f"{IRI} {IRI} .\n"),  # which no parser takes
        (f'{IRI} {IRI} "no graph" .\n', None),
        (f"{IRI} {IRI} {IRI} . # <{EX}g> .\n", None),
        (f"{IRI} {IRI} _:b <{EX}g> .\n", None),
        (f"{IRI} {IRI} {IRI} _:g .\n", None),
        (f"{IRI} {IRI} {IRI} <{EX}g>.\n", None),
        (f"{IRI} {IRI} {IRI} <{EX}g> .", None),
    ],
)
def test_a_graph_is_cut_off_its_line_only_where_that_is_plain(line: str, triple: str | None) -> None:
    assert without_graphs(line.encode()) == (None if triple is None else triple.encode())
    wanted = None if triple is None else (PLAIN.replace(f" <{EX}g>", "") + triple).encode()
    assert without_graphs((PLAIN + line).encode()) == wanted


def test_graphs_that_share_facts_are_counted_and_written_out_as_they_are(data: Path, publish: Publish) -> None:
    publish(*(shared(name) for name in "ghi"))
    with EmbeddedReader(data) as reader:
        assert reader.info().quads == 15
        for media_type, form in GRAPH_TYPES.items():
            output = io.BytesIO()
            reader.dump(output, media_type)
            quads = list(ox.parse(output.getvalue(), format=form))
            assert len(quads) == (15 if form.supports_datasets else 5), media_type
            assert form.supports_datasets == all(isinstance(quad.graph_name, ox.NamedNode) for quad in quads)


def test_several_graphs_named_in_a_query_count_what_they_share_once(data: Path, publish: Publish) -> None:
    publish(*(shared(name) for name in "ghi"))
    text = f"PREFIX : <{EX}> " + NUMBERS["sum"].replace("{", "FROM :g FROM :h {", 1)
    with EmbeddedReader(data) as reader:
        assert next(reader.rows(text))["n"] == "42"
        protocol = Query(f"PREFIX : <{EX}> {NUMBERS['join']}", "text/csv", default_graphs=(f"{EX}g", f"{EX}i"))
        assert reader.query(protocol).body == b"n\r\n1\r\n"


def test_rejected_graphs_that_share_facts_count_them_once(tmp_path: Path) -> None:
    quarantine = Quarantine(tmp_path)
    for name in "gh":
        quads = shared(name).triples.replace(b" .\n", f" <{EX}{name}> .\n".encode())
        quarantine.put(Rejected(f"{EX}{name}", f"{EX}s", name, "2024-01-01T00:00:00Z", ()), quads)
    query = Query(f"PREFIX : <{EX}> {NUMBERS['sum']}", "text/csv")
    assert evaluate(quarantine.open(), query)[0] == b"n\r\n42\r\n"


# Random histories against a plain model

GRAPHS = ("g", "h", "i")
SUBJECTS = ("a", "b")
OBJECTS = {
    "<x:o>": "<x:o>",
    '"1"^^<http://www.w3.org/2001/XMLSchema#integer>': '"1"^^<http://www.w3.org/2001/XMLSchema#integer>',
    '"01"^^<http://www.w3.org/2001/XMLSchema#integer>': '"1"^^<http://www.w3.org/2001/XMLSchema#integer>',
    '"1.50"^^<http://www.w3.org/2001/XMLSchema#decimal>': '"1.5"^^<http://www.w3.org/2001/XMLSchema#decimal>',
    '"01"': '"01"',
}
"""Objects as they are written, and as the engine gives them back."""

Fact = tuple[str, str]
Model = dict[str, set[Fact]]

facts = st.frozensets(st.tuples(st.sampled_from(SUBJECTS), st.sampled_from(sorted(OBJECTS))), max_size=4)
names = st.sampled_from(GRAPHS)
change = st.one_of(
    st.tuples(st.just("graph"), names, facts),
    st.tuples(st.just("subjects"), names, facts, st.frozensets(st.sampled_from(SUBJECTS))),
)
step = st.one_of(
    st.tuples(st.just("apply"), st.lists(change, max_size=4)),
    st.tuples(st.just("load"), st.lists(st.tuples(names, facts), max_size=2)),
)


def text(stated: frozenset[Fact], name: str = "") -> bytes:
    return "".join(f"<x:{s}> <x:p> {o} {name} .\n" for s, o in sorted(stated)).encode()


def canonical(stated: frozenset[Fact]) -> set[Fact]:
    return {(subject, OBJECTS[written]) for subject, written in stated}


def as_change(kind: str, name: str, stated: frozenset[Fact], *subjects: frozenset[str]) -> Change:
    if kind == "graph":
        return ReplaceGraph(f"x:{name}", text(stated))
    return ReplaceSubjects(f"x:{name}", tuple(f"x:{subject}" for subject in sorted(subjects[0])), text(stated))


def in_model(model: Model, kind: str, name: str, stated: frozenset[Fact], *subjects: frozenset[str]) -> None:
    kept = set() if kind == "graph" else {fact for fact in model[name] if fact[0] not in subjects[0]}
    model[name] = kept | canonical(stated)


def held(store: ox.Store) -> tuple[Model, set[Fact], set[str]]:
    """What is stored: the named graphs, the unnamed one, and the names of graphs."""
    named: Model = {name: set() for name in GRAPHS}
    for quad in named_quads(store):
        named[str(quad.graph_name)[3:-1]].add((str(quad.subject)[3:-1], str(quad.object)))
    unnamed = store.quads_for_pattern(None, None, None, ox.DefaultGraph())
    graphs = {str(name)[3:-1] for name in store.named_graphs()}
    return named, {(str(quad.subject)[3:-1], str(quad.object)) for quad in unnamed}, graphs


@settings(max_examples=60, deadline=None)
@given(st.lists(step, max_size=6))
def test_whatever_happens_the_default_graph_is_the_union(history: list[tuple[str, list]]) -> None:  # type: ignore[type-arg]
    model: Model = {name: set() for name in GRAPHS}
    with TemporaryDirectory() as folder, EmbeddedStore(Path(folder) / "data") as store:
        for number, (kind, parts) in enumerate(history):
            before = {name: set(stated) for name, stated in model.items()}
            if kind == "apply":
                changed = store.apply([as_change(*part) for part in parts])
                for part in parts:
                    in_model(model, *part)
                assert changed == (model != before)
            else:
                file = Path(folder) / f"{number}.nq"
                file.write_bytes(b"".join(text(stated, f"<x:{name}>") for name, stated in parts))
                store.bulk_load([file])
                for name, stated in parts:
                    model[name] |= canonical(stated)
            expected = (model, set().union(*model.values()), {name for name in GRAPHS if model[name]})
            assert held(store._store) == expected


@pytest.mark.parametrize(
    ("changes", "changed"),
    [
        ([], False),
        ([graph("g", 'a says "1"', 'b says "2"')], False),
        ([ReplaceSubjects(f"{EX}g", (f"{EX}a",), graph("g", 'a says "1"').triples)], False),
        ([graph("g"), graph("g", 'b says "2"', 'a says "1"')], False),
        ([graph("missing")], False),
        ([graph("g", 'a says "1"')], True),
        ([graph("h", 'a says "1"')], True),
    ],
)
def test_changes_that_change_nothing_are_told_apart(data: Path, changes: list[Change], changed: bool) -> None:
    with EmbeddedStore(data) as store:
        assert store.apply([graph("g", 'a says "1"', 'b says "2"')])
        assert store.apply(changes) is changed
