"""The W3C's query tests over HTTP, driven from their manifests.

Data files are graphs under their own addresses, all loaded once, and a query names its dataset by the protocol. Of a
file with several graphs that holds for the default one; the others keep their names.
"""

import re
from functools import cache
from pathlib import Path

import httpx
import pyoxigraph as ox
import pytest

from tests.conformance.manifest import MF, QT, Entry, address
from tests.conformance.results import expected_result, parse_graph, parse_rows
from tests.conformance.suites import ACCEPT, NOTHING, parameters, syntax, text_of
from tests.paths import needs_shared

pytestmark = needs_shared


def files(entry: Entry) -> tuple[list[Path], list[Path]]:
    """The data files of a query test: those of the default graph, and named ones."""
    manifest, action = entry.manifest, entry.manifest.one(entry.node, MF + "action")
    default, named = manifest.all(action, QT + "data"), manifest.all(action, QT + "graphData")
    return [manifest.file(node) for node in default], [manifest.file(node) for node in named]


def chosen(entry: Entry) -> list[Path]:
    """The data files that the query itself names with FROM."""
    query = entry.manifest.file(entry.manifest.one(entry.manifest.one(entry.node, MF + "action"), QT + "query"))
    names = re.findall(r"FROM\s+(?:NAMED\s+)?<([^>:]+)>", query.read_bytes().decode(), re.IGNORECASE)
    return [query.with_name(name) for name in names]


def query_evaluation(entry: Entry, service: httpx.Client) -> None:
    manifest, action = entry.manifest, entry.manifest.one(entry.node, MF + "action")
    query = manifest.file(manifest.one(action, QT + "query"))
    form, expected = expected_result(manifest.file(manifest.one(entry.node, MF + "result")))
    default, named = files(entry)
    within = {quad.graph_name.value for file in default for quad in quads(file)} - set(map(address, default))
    dataset = {"default-graph-uri": list(map(address, default)), "named-graph-uri": [*map(address, named), *within]}
    text = text_of(query)
    if "FROM" in text.upper():
        dataset = {}
    elif not default and not named:
        dataset["default-graph-uri"] = [NOTHING]
    answer = service.post("/sparql", data={"query": text, **dataset}, headers={"Accept": ACCEPT[form]})
    assert answer.status_code == 200, answer.text
    if form == "graph":
        assert parse_graph(answer.content, ACCEPT[form], address(query)) == expected
    else:
        assert parse_rows(answer.content, form) == expected


RUNNERS = {
    "QueryEvaluationTest": query_evaluation,
    "CSVResultFormatTest": query_evaluation,
    "PositiveSyntaxTest": syntax,
    "PositiveSyntaxTest11": syntax,
    "NegativeSyntaxTest": syntax,
    "NegativeSyntaxTest11": syntax,
}
TESTS = list(parameters(RUNNERS, updates=False))


@pytest.fixture(scope="module")
def loaded(service: httpx.Client) -> httpx.Client:
    """The service, with the data of all queries in it."""
    entries = [test.values[0] for test in TESTS]
    wanted = {file for entry in entries for group in files(entry) for file in group}
    wanted |= {file for entry in entries if entry.kind == "QueryEvaluationTest" for file in chosen(entry)}

    everything = sorted((quad for file in wanted for quad in quads(file)), key=lambda quad: quad.graph_name.value)
    names = {ox.NamedNode(address(file)) for file in wanted} | {quad.graph_name for quad in everything}
    creating = " ; ".join(f"CREATE GRAPH {name}" for name in names)
    inserting = " ".join(f"GRAPH {quad.graph_name} {{ {quad.triple} }}" for quad in everything)
    answer = service.post("/update", data={"update": f"{creating} ; INSERT DATA {{ {inserting} }}"})
    assert answer.is_success, answer.text
    return service


@cache
def quads(file: Path) -> tuple[ox.Quad, ...]:
    """What a data file says, its default graph under the file's address."""
    form = ox.RdfFormat.from_extension("ttl" if file.suffix == ".n3" else file.suffix[1:])
    found = ox.parse(path=str(file), format=form, base_iri=address(file), rename_blank_nodes=True)
    here = ox.NamedNode(address(file))
    return tuple(ox.Quad(*q.triple, here) if q.graph_name == ox.DefaultGraph() else q for q in found)


@pytest.mark.parametrize("entry", TESTS)
def test_query(entry: Entry, loaded: httpx.Client) -> None:
    RUNNERS[entry.kind](entry, loaded)
