"""The W3C's query tests over HTTP, driven from their manifests.

Data files are graphs under their own addresses, all loaded once, and a query names its dataset by the protocol.
"""

import re
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
    dataset = {"default-graph-uri": list(map(address, default)), "named-graph-uri": list(map(address, named))}
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

    graphs = [(f"<{address(file)}>", n_triples(file).decode()) for file in sorted(wanted)]
    creating = " ; ".join(f"CREATE GRAPH {graph}" for graph, _ in graphs)
    inserting = " ".join(f"GRAPH {graph} {{ {triples} }}" for graph, triples in graphs)
    answer = service.post("/update", data={"update": f"{creating} ; INSERT DATA {{ {inserting} }}"})
    assert answer.is_success, answer.text
    return service


def n_triples(file: Path) -> bytes:
    form = ox.RdfFormat.from_extension("ttl" if file.suffix == ".n3" else file.suffix[1:])
    quads = ox.parse(path=str(file), format=form, base_iri=address(file), rename_blank_nodes=True)
    return ox.serialize((quad.triple for quad in quads), format=ox.RdfFormat.N_TRIPLES) or b""


@pytest.mark.parametrize("entry", TESTS)
def test_query(entry: Entry, loaded: httpx.Client) -> None:
    RUNNERS[entry.kind](entry, loaded)
