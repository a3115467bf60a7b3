"""RDF files are loaded as they are: graphs keep their names, and the gate sees them as it sees those of the loaders."""

from collections.abc import Callable
from pathlib import Path

import pyoxigraph as ox
import pytest
from typer.testing import CliRunner

from app.cli import commands
from app.description import VOID_GRAPH
from app.graphs import load_graphs
from app.intake import load
from app.store.embedded import EmbeddedReader
from loaders.documents import documents
from loaders.link.identifiers import BASE
from tests.paths import STUDIES

STUDY = "<https://example.org/s> a <https://w3id.org/trialweave/ontology#Study> .\n"


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], str]:
    def write(name: str, text: str) -> str:
        path = tmp_path / name
        path.write_text(text)
        return str(path)

    return write


def quads(data: Path) -> set[str]:
    with EmbeddedReader(data) as reader:
        return {
            str(quad)
            for quad in reader.quads()
            if isinstance(quad.graph_name, ox.NamedNode) and quad.graph_name.value != VOID_GRAPH  # It tells a time.
        }


def test_what_was_exported_from_one_store_makes_another_just_like_it(tmp_path: Path) -> None:
    first, second, file = tmp_path / "first", tmp_path / "second", tmp_path / "all.nq"
    load(first, documents([str(STUDIES)]))
    with EmbeddedReader(first) as reader, file.open("wb") as output:
        reader.dump(output, "application/n-quads")
    assert load_graphs(second, documents([str(file)])).complete
    assert quads(second) == quads(first)
    again = load_graphs(second, documents([str(file)]))
    assert (again.count("loaded"), again.generation) == (0, 1)


def test_triples_make_a_graph_named_by_the_file_with_its_origin(
    tmp_path: Path, write: Callable[[str, str], str]
) -> None:
    file = write("my terms.ttl", "@prefix e: <https://example.org/> . e:a e:b [ e:c 1 ], <x> .")
    summary = load_graphs(tmp_path / "data", documents([file]))
    graph = f"{BASE}graph/rdf/my-terms"
    assert [(outcome.status, outcome.graph, outcome.triples) for outcome in summary.outcomes] == [("loaded", graph, 3)]
    found = quads(tmp_path / "data")
    assert sum(quad.endswith(f"<{graph}>") for quad in found) == 3 and not any("_:" in quad for quad in found)
    assert any(f"<{graph}> <https://w3id.org/trialweave/ontology#contentSha256>" in quad for quad in found)
    assert load_graphs(tmp_path / "data", documents([file])).count("unchanged") == 1


def test_a_graph_that_breaks_a_rule_is_quarantined_and_the_others_are_in(
    tmp_path: Path, write: Callable[[str, str], str]
) -> None:
    good = "<https://example.org/a> <https://example.org/b> 1 ."
    file = write("two.trig", f"<https://example.org/bad> {{ {STUDY} }} <https://example.org/good> {{ {good} }}")
    summary = load_graphs(tmp_path / "data", documents([file]))
    assert (summary.counts, summary.complete) == ({"quarantined": 1, "loaded": 1}, False)
    assert not any(quad.endswith("<https://example.org/bad>") for quad in quads(tmp_path / "data"))


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.ttl", "<a> <b> ", "is not Turtle:"),
        ("a.rdf", '<!DOCTYPE a [<!ENTITY x "y">]><a/>', "has a DOCTYPE"),
        ("a.txt", "<a> <b> <c> .", "does not tell which RDF"),
        ("a.jsonld", '{"@context": "https://example.org/context", "@id": "a", "b": 1}', "is not JSON-LD:"),
    ],
)
def test_what_cannot_be_read_costs_one_clear_line(
    tmp_path: Path, write: Callable[[str, str], str], name: str, text: str, said: str
) -> None:
    summary = load_graphs(tmp_path / "data", documents([write(name, text)]))
    (outcome,) = summary.outcomes
    assert outcome.status == "unreadable" and said in outcome.messages[0] and name in outcome.messages[0]


def test_the_command_loads_rdf_and_fails_with_1_for_what_is_not_in(
    tmp_path: Path, write: Callable[[str, str], str]
) -> None:
    arguments = ["load", "--format", "rdf", "--data", str(tmp_path / "data")]
    good, bad = write("good.nt", "<https://example.org/a> <https://example.org/b> <https://example.org/c> .\n"), "no.nt"
    assert CliRunner().invoke(commands.cli, [*arguments, good]).exit_code == 0
    assert CliRunner().invoke(commands.cli, [*arguments, bad]).exit_code == 1
