"""The example queries: each is well formed and gives exactly the rows that the bundled studies hold for its question.

The rows in `expected/` were worked out by hand from the studies. That the queries name defined terms only is tested in
`test_terms.py`, with everything else that uses the vocabulary.
"""

import csv
import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from rdflib import RDF, RDFS, Graph, Literal, Namespace, URIRef
from rdflib.namespace import SH
from rdflib.plugins.sparql import prepareQuery

from app.cli.ask import ask_directory
from app.intake import load
from app.main import create_app
from app.settings import Settings
from app.store.base import Query, ReplaceGraph, ReplaceSubjects
from app.store.embedded import EmbeddedReader, EmbeddedStore
from loaders.documents import documents
from loaders.emit import PROVENANCE_GRAPH
from tests.app.federation.stub import Stub
from tests.ontology.conftest import ENDPOINTS
from tests.ontology.files import FOLDER
from tests.paths import STUDIES, needs_shared

EXAMPLES = sorted((FOLDER / "examples").glob("[0-9]*.ttl"))
EXPECTED = Path(__file__).parent / "expected"
BASE = "https://w3id.org/trialweave/"
PREFIXES = URIRef(BASE + "sparql-prefixes")
SCHEMA = Namespace("https://schema.org/")

ABOUT_SOURCES = {
    "022-where-sources-differ": "a page is a second source, and prints the first author's family name first",
}
"""Examples whose rows the two pages change, and why: their rows with the pages are in `expected/with-pages`."""

SPEX = Namespace("https://purl.expasy.org/sparql-examples/ontology#")
FEDERATED = [file for file in EXAMPLES if "spex:federatesWith" in file.read_text("utf-8")]

each_example = pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
each_local = pytest.mark.parametrize("file", [each for each in EXAMPLES if each not in FEDERATED], ids=lambda f: f.stem)
each_federated = pytest.mark.parametrize("file", FEDERATED, ids=lambda file: file.stem)


def example(file: Path) -> tuple[URIRef, Graph]:
    graph = Graph().parse(file, format="turtle")
    (subject,) = set(graph.subjects())
    assert isinstance(subject, URIRef)
    return subject, graph


def query_text(file: Path) -> str:
    subject, graph = example(file)
    return str(graph.value(subject, SH.select, any=False))


def answer(reader: EmbeddedReader, file: Path) -> list[list[str]]:
    body = reader.query(Query(query_text(file), solutions_type="text/csv")).body
    return list(csv.reader(body.decode().splitlines()))


def expected(folder: Path, file: Path) -> list[list[str]]:
    with (folder / f"{file.stem}.csv").open(newline="") as rows:
        return list(csv.reader(rows))


def declared_prefixes() -> dict[str, str]:
    graph = Graph().parse(FOLDER / "examples" / "prefixes.ttl", format="turtle")
    return {
        str(graph.value(node, SH.prefix)): str(graph.value(node, SH.namespace))
        for node in graph.objects(PREFIXES, SH.declare)
    }


def readdressed(text: str, remotes: dict[str, Stub]) -> str:
    """Return a query with the addresses of the endpoints that run here, and nothing else changed."""
    for endpoint, stub in remotes.items():
        text = text.replace(f"SERVICE <{endpoint}>", f"SERVICE <{stub.url}>")
    return text


def answer_with_remotes(data: Path, file: Path, remotes: dict[str, Stub]) -> list[list[str]]:
    """Ask as `trialweave query` does, where the operator allows these endpoints."""
    settings = Settings(data=data, service_allow=",".join(stub.url for stub in remotes.values()))
    body = ask_directory(settings, readdressed(query_text(file), remotes), "csv").body
    return list(csv.reader(body.decode().splitlines()))


@each_local
def test_the_rows_are_those_of_the_bundled_studies(file: Path, bundled: EmbeddedReader) -> None:
    assert answer(bundled, file) == expected(EXPECTED, file)


@each_federated
def test_the_rows_are_those_of_the_bundled_studies_and_of_the_other_endpoint(
    file: Path, bundled_data: Path, remotes: dict[str, Stub]
) -> None:
    assert answer_with_remotes(bundled_data, file, remotes) == expected(EXPECTED, file)


@needs_shared
@each_federated
def test_pages_change_nothing_that_is_asked_with_another_endpoint(
    file: Path, data_with_pages: Path, remotes: dict[str, Stub]
) -> None:
    assert answer_with_remotes(data_with_pages, file, remotes) == expected(EXPECTED, file)


def test_the_service_answers_the_federated_examples_that_it_lists(bundled_data: Path, remotes: dict[str, Stub]) -> None:
    settings = Settings(data=bundled_data, workers=1, service_allow=",".join(stub.url for stub in remotes.values()))
    asked = {endpoint: len(stub.queries) for endpoint, stub in remotes.items()}
    with TestClient(create_app(settings), base_url="http://127.0.0.1") as service:
        listed = Graph().parse(
            data=service.get("/.well-known/sparql-examples", headers={"Accept": "text/turtle"}).text, format="turtle"
        )
        assert set(listed.objects(None, SPEX.federatesWith)) == set(map(URIRef, remotes))
        page = service.get("/.well-known/sparql-examples", headers={"Accept": "text/html"}).text
        for file in FEDERATED:
            subject = URIRef(f"{BASE}examples/{file.stem}")
            (endpoint,) = map(str, listed.objects(subject, SPEX.federatesWith))
            assert f'id="{file.stem}"' in page and f"Also asks <code>{endpoint}</code>" in page
            text = str(listed.value(subject, SH.select))
            refused = service.get("/sparql", params={"query": text}, headers={"Accept": "text/csv"})
            assert refused.status_code == 403 and endpoint in refused.text  # The public one is on no list here.
            found = service.get("/sparql", params={"query": readdressed(text, remotes)}, headers={"Accept": "text/csv"})
            assert list(csv.reader(found.text.splitlines())) == expected(EXPECTED, file)
            # It was asked for what the studies name, and not for all that it has.
            assert len(remotes[endpoint].queries) == asked[endpoint] + 1
            assert "D000690" in remotes[endpoint].queries[-1]


@needs_shared
@each_local
def test_pages_about_the_same_studies_change_only_what_is_about_sources(file: Path, with_pages: EmbeddedReader) -> None:
    folder = EXPECTED / "with-pages" if file.stem in ABOUT_SOURCES else EXPECTED
    assert answer(with_pages, file) == expected(folder, file)


def test_each_example_has_its_rows_and_all_rows_have_an_example() -> None:
    stems = {file.stem for file in EXAMPLES}
    assert {file.stem for file in EXPECTED.glob("*.csv")} == stems
    assert {file.stem for file in (EXPECTED / "with-pages").glob("*.csv")} == set(ABOUT_SOURCES) <= stems


@each_example
def test_an_example_has_the_form_that_query_editors_read(file: Path) -> None:
    subject, graph = example(file)
    assert subject == URIRef(f"{BASE}examples/{file.stem}")
    assert set(graph.objects(subject, RDF.type)) == {SH.SPARQLExecutable, SH.SPARQLSelectExecutable}
    (question,) = graph.objects(subject, RDFS.comment)
    assert isinstance(question, Literal)
    assert question.language == "en"
    assert question.endswith("?")
    assert list(graph.objects(subject, SH.prefixes)) == [PREFIXES]
    assert list(graph.objects(subject, SCHEMA.target)) == [URIRef(BASE + "sparql")]
    assert list(graph.objects(subject, SCHEMA.keywords))
    assert set(graph.predicates()) - {SPEX.federatesWith} == {
        RDF.type, RDFS.comment, SH.prefixes, SH.select, SCHEMA.target, SCHEMA.keywords,
    }  # fmt: skip
    asked = set(map(URIRef, re.findall(r"SERVICE <([^>]*)>", query_text(file))))
    assert set(graph.objects(subject, SPEX.federatesWith)) == asked <= set(map(URIRef, ENDPOINTS))


@each_example
def test_a_query_can_be_pasted_anywhere(file: Path) -> None:
    text = query_text(file)
    prepareQuery(text)  # another engine reads it too, with no prefix but its own
    prologue = [line.split() for line in text.splitlines() if line.startswith("PREFIX ")]
    own = {name.removesuffix(":"): iri.strip("<>") for _, name, iri in prologue}
    assert own.items() <= declared_prefixes().items()
    assert [name for name in own if text.count(f"{name}:") < 2] == []
    assert "ORDER BY" in text


def test_a_registry_that_says_72_differs_from_the_paper_that_says_64(tmp_path: Path) -> None:
    study, registry = f"{BASE}study/NCT01363401", f"{BASE}graph/NCT01363401/clinicaltrials.gov"
    enrolment = f"{BASE}ontology#enrollmentCount"
    says = f'<{study}> <{enrolment}> "72"^^<http://www.w3.org/2001/XMLSchema#integer> .\n'
    about = f"<{registry}> <{BASE}ontology#aboutStudy> <{study}> .\n"
    load(tmp_path / "data", documents([str(STUDIES)]))
    with EmbeddedStore(tmp_path / "data") as store:
        store.apply(
            [
                ReplaceGraph(registry, says.encode()),
                ReplaceSubjects(PROVENANCE_GRAPH, (registry,), about.encode()),
            ]
        )
        store.publish()
    (file,) = (file for file in EXAMPLES if file.stem == "022-where-sources-differ")
    with EmbeddedReader(tmp_path / "data") as reader:
        (_, row) = answer(reader, file)
    curated = f"{BASE}graph/NCT01363401/curated"
    assert row == [study, study, enrolment, "enrolment count", "72", registry, "64", curated]


def rows_of(stem: str, tmp_path: Path, graphs: dict[str, bytes]) -> list[list[str]]:
    """Return the rows of an example without its header, asked of a store with these graphs."""
    with EmbeddedStore(tmp_path / "data") as store:
        store.apply([ReplaceGraph(graph, triples) for graph, triples in graphs.items()])
        store.publish()
    with EmbeddedReader(tmp_path / "data") as reader:
        return answer(reader, FOLDER / "examples" / f"{stem}.ttl")[1:]


def test_a_condition_is_found_from_each_place_above_it_in_mesh_and_from_no_other(tmp_path: Path) -> None:
    mesh, vocabulary = "http://id.nlm.nih.gov/mesh/", "http://id.nlm.nih.gov/mesh/vocab#"
    places = {"D019636": ["C10.574"], "D000690": ["C10.574.562", "C18.1"], "D900001": ["C18.1.5"], "D900002": ["C09"]}
    lines = [f"<{mesh}{d}> <{vocabulary}treeNumber> <{mesh}{t}> .\n" for d, trees in places.items() for t in trees]
    lines += [
        f"<{mesh}{tree}> <{vocabulary}parentTreeNumber> <{mesh}{above}> .\n"
        for tree, above in (("C10.574.562", "C10.574"), ("C18.1.5", "C18.1"))
    ]
    said = "".join(
        f"<{BASE}study/{key}> <{BASE}ontology#condition> <{mesh}{condition}> .\n"
        f'<{BASE}study/{key}> <http://www.w3.org/2000/01/rdf-schema#label> "{key}" .\n'
        for key, condition in (("A", "D019636"), ("B", "D000690"), ("C", "D900001"), ("D", "D900002"))
    )
    found = rows_of(
        "001-this-condition-or-a-narrower-one",
        tmp_path,
        {"http://id.nlm.nih.gov/mesh": "".join(lines).encode(), f"{BASE}graph/x": said.encode()},
    )
    assert [row[2] for row in found] == ["B", "A"]


def test_the_events_of_a_registry_s_group_are_those_of_the_arm_it_is_mapped_to(tmp_path: Path) -> None:
    arm, group, event = (
        f"{BASE}study/NCT00000001/{part}" for part in ("cohort/arm-1", "cohort/event-EG000", "event/1")
    )
    number, label = "http://www.w3.org/2001/XMLSchema#integer", "http://www.w3.org/2000/01/rdf-schema#label"
    said = [
        (arm, label, '"Lamp"'),
        (event, label, '"Fall"'),
        (event, f"{BASE}ontology#serious", '"true"^^<http://www.w3.org/2001/XMLSchema#boolean>'),
        (f"{BASE}study/NCT00000001", f"{BASE}ontology#hasAdverseEvent", f"<{event}>"),
        *((f"{event}/r", f"{BASE}ontology#{name}", value) for name, value in (
            ("forCohort", f"<{group}>"), ("forAdverseEvent", f"<{event}>"),
            ("countAffected", f'"2"^^<{number}>'), ("countAtRisk", f'"20"^^<{number}>'),
        )),
    ]  # fmt: skip
    registry = "".join(f"<{s}> <{p}> {o} .\n" for s, p, o in said).encode()
    links = f"<{group}> <{BASE}ontology#mapsToCohort> <{arm}> .\n".encode()
    found = rows_of(
        "018-serious-events-by-arm", tmp_path, {f"{BASE}graph/registry": registry, f"{BASE}graph/links": links}
    )
    assert found == [[f"{BASE}study/NCT00000001", arm, "Lamp", "Fall", "2", "20"]]
