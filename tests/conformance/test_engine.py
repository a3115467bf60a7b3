"""What fails here for the engine's sake fails on the engine alone, too: none of it is ours to mend."""

import pyoxigraph as ox
import pytest

from tests.conformance.exceptions import EXCEPTIONS
from tests.conformance.manifest import MF, QT, Entry, address
from tests.conformance.results import canonical_graph, expected_result, parse_rows
from tests.conformance.suites import ACCEPT, text_of
from tests.conformance.test_queries import TESTS, chosen, files, quads
from tests.paths import needs_shared

pytestmark = needs_shared


def store(entry: Entry) -> ox.Store:
    """The data of a query as the engine itself would be given them, with a default graph that is no union."""
    default, named = files(entry)
    data = ox.Store()
    for file in (*named, *chosen(entry)):
        data.add_graph(ox.NamedNode(address(file)))
        data.extend(quads(file))
    for file in default:
        here = ox.NamedNode(address(file))
        data.extend(ox.Quad(*quad.triple) if quad.graph_name == here else quad for quad in quads(file))
    return data


def passes(entry: Entry) -> bool:
    """Whether the engine alone does what the test wants."""
    manifest, action = entry.manifest, entry.manifest.one(entry.node, MF + "action")
    evaluated = manifest.one(action, QT + "query")
    text = text_of(manifest.file(evaluated or action))
    try:
        found = (store(entry) if evaluated else ox.Store()).query(text)
    except SyntaxError:
        return entry.kind.startswith("Negative")
    if not evaluated:
        return not entry.kind.startswith("Negative")
    form, expected = expected_result(manifest.file(manifest.one(entry.node, MF + "result")))
    if form == "graph":
        return canonical_graph(found) == expected
    written = found.serialize(format=ox.QueryResultsFormat.from_media_type(ACCEPT[form]))
    return parse_rows(written, form) == expected


@pytest.mark.parametrize("entry", [pytest.param(*t.values, id=t.id) for t in TESTS if t.id in EXCEPTIONS])
def test_the_engine_alone_fails_too(entry: Entry) -> None:
    assert not passes(entry)


def test_what_passes_here_passes_on_the_engine_alone() -> None:
    """So the comparison above is a fair one."""
    others = [test.values[0] for test in TESTS if test.id not in EXCEPTIONS]
    failed = [entry.name for entry in others if entry.kind == "QueryEvaluationTest" and not passes(entry)]
    assert not failed
