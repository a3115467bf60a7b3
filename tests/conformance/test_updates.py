"""The W3C's update tests over HTTP, driven from their manifests.

The default graph of a test is the graph that is it for writing here. It is named by the protocol where the test's own
text has no WITH or USING: without a dataset, the default graph of a WHERE is the union of all graphs here.
"""

import re

import httpx
import pyoxigraph as ox
import pytest

from app.store.base import DEFAULT_GRAPH
from tests.conformance.manifest import MF, UT, Entry, address
from tests.conformance.results import canonical_quads
from tests.conformance.suites import ACCEPT, parameters, syntax, text_of
from tests.paths import needs_shared

pytestmark = needs_shared

LABEL = "http://www.w3.org/2000/01/rdf-schema#label"


def update_evaluation(entry: Entry, service: httpx.Client) -> None:
    manifest = entry.manifest
    action, result = (manifest.one(entry.node, MF + name) for name in ("action", "result"))
    request = manifest.file(manifest.one(action, UT + "request"))
    before, after = dataset(entry, action), dataset(entry, result)
    send(service, f"DROP ALL ; {inserting(before)}")
    text = text_of(request)
    graphs = {graph.value for graph in (*before, *after)} | mentioned(text)
    names = {"using-graph-uri": DEFAULT_GRAPH, "using-named-graph-uri": sorted(graphs - {DEFAULT_GRAPH})}
    has_own = any(word in text.upper().split() for word in ("WITH", "USING"))
    answer = service.post("/update", data={"update": text, **({} if has_own else names)})
    assert answer.status_code == 204, answer.text
    assert stored(service) == canonical_quads(quad for quads in after.values() for quad in quads)


def dataset(entry: Entry, node: object) -> dict[ox.NamedNode, list[ox.Quad]]:
    """The graphs that a test of an update begins or ends with."""
    manifest = entry.manifest
    found = [(ox.NamedNode(DEFAULT_GRAPH), file) for file in manifest.all(node, UT + "data")]
    for named in manifest.all(node, UT + "graphData"):
        file = manifest.one(named, UT + "graph") or manifest.one(named, UT + "data")
        found.append((ox.NamedNode(manifest.text(named, LABEL)), file))
    graphs: dict[ox.NamedNode, list[ox.Quad]] = {}
    for graph, file in found:
        path = manifest.file(file)
        graphs.setdefault(graph, [])
        for quad in ox.parse(path=str(path), base_iri=address(path), rename_blank_nodes=True):
            name = graph if quad.graph_name == ox.DefaultGraph() else quad.graph_name
            graphs.setdefault(name, []).append(ox.Quad(quad.subject, quad.predicate, quad.object, name))
    return graphs


def mentioned(text: str) -> set[str]:
    """The named graphs that an update writes to, which are neither before nor after it if it drops them again."""
    prefixes = dict(re.findall(r"PREFIX\s+(\w*):\s*<([^>]*)>", text, re.IGNORECASE))
    return {prefixes[prefix] + name for prefix, name in re.findall(r"GRAPH\s+(\w*):(\w+)", text) if prefix in prefixes}


def inserting(graphs: dict[ox.NamedNode, list[ox.Quad]]) -> str:
    blocks = [f"GRAPH {graph} {{ {' '.join(f'{q.triple} .' for q in quads)} }}" for graph, quads in graphs.items()]
    return f"INSERT DATA {{ {' '.join(blocks)} }}" if blocks else ""


def stored(service: httpx.Client) -> frozenset[object]:
    """Everything in the store, once it is sure that the default graph is the union."""
    accept = {"Accept": ACCEPT[".srj"]}
    named = service.post("/sparql", data={"query": "SELECT * { GRAPH ?g { ?s ?p ?o } }"}, headers=accept)
    union = service.post("/sparql", data={"query": "SELECT * { ?s ?p ?o }"}, headers=accept)
    form = ox.QueryResultsFormat.JSON
    rows = ox.parse_query_results(named.content, format=form)
    quads = [ox.Quad(row["s"], row["p"], row["o"], row["g"]) for row in rows]
    triples = [(row["s"], row["p"], row["o"]) for row in ox.parse_query_results(union.content, format=form)]
    assert len(triples) == len(set(triples)) == len({tuple(quad.triple) for quad in quads})
    return canonical_quads(quads)


def send(service: httpx.Client, update: str) -> None:
    answer = service.post("/update", data={"update": update})
    assert answer.status_code == 204, answer.text


RUNNERS = {
    "UpdateEvaluationTest": update_evaluation,
    "PositiveUpdateSyntaxTest": syntax,
    "PositiveUpdateSyntaxTest11": syntax,
    "NegativeUpdateSyntaxTest": syntax,
    "NegativeUpdateSyntaxTest11": syntax,
    "PositiveSyntaxTest11": syntax,
    "NegativeSyntaxTest11": syntax,
}


@pytest.mark.parametrize("entry", list(parameters(RUNNERS, updates=True)))
def test_update(entry: Entry, service: httpx.Client) -> None:
    RUNNERS[entry.kind](entry, service)
