"""What other graphs call our studies, publications and concepts: asked once, checked, stored, and kept."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.errors import BadRequest, ServiceFailed, StoreInUse
from app.harvest import KINDS, Harvested, harvest
from app.harvest.progress import Progress
from app.intake import load
from app.linking import accept, links, reject
from app.main import create_app
from app.settings import Settings
from app.store.base import ReplaceGraph, ReplaceSubjects
from app.store.embedded import EmbeddedReader, EmbeddedStore
from app.vocabulary import load_mesh
from loaders.documents import Document, documents
from loaders.emit import LINKS_GRAPH, PROVENANCE_GRAPH
from tests.app.cli.test_commands import run
from tests.app.federation.stub import Stub, send, serving
from tests.app.harvest.endpoints import MESH, WIKIDATA, Time, binding, first, items, store_of, table
from tests.app.test_linking import GRAFT, SOURCE, TARGET, registry
from tests.paths import ROOT, STUDIES

BASE = "https://w3id.org/trialweave/"
WD = "http://www.wikidata.org/entity/"
STUDY, PAPER, ALS = f"{BASE}study/NCT01363401", f"{BASE}publication/pmid-30048006", "http://id.nlm.nih.gov/mesh/D000690"
MESH_GRAPH = "http://id.nlm.nih.gov/mesh"
PREFIXES = f"""
PREFIX prov: <http://www.w3.org/ns/prov#> PREFIX skos: <http://www.w3.org/2004/02/skos/core#>
PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#> PREFIX void: <http://rdfs.org/ns/void#>
PREFIX tw: <{BASE}ontology#> PREFIX twv: <{BASE}value/>
PREFIX mesh: <http://id.nlm.nih.gov/mesh/> PREFIX meshv: <http://id.nlm.nih.gov/mesh/vocab#>
"""


@pytest.fixture
def wikidata() -> Iterator[Stub]:
    with serving(items(WIKIDATA)) as stub:
        yield stub


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled studies, of which each test gets a copy: loading takes a second."""
    data = tmp_path_factory.mktemp("loaded") / "data"
    assert load(data, documents([str(STUDIES)])).complete
    return data


@pytest.fixture
def data(loaded: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(loaded, tmp_path / "data"))


def harvested(data: Path, stub: Stub, kind: str, **settings: object) -> Harvested:
    chosen = Settings.model_validate({"data": data, "harvest_pause": 0, **settings})
    return harvest(chosen, stub.url, kind, clock=Time().clock())


def rows(data: Path, text: str) -> list[tuple[str, ...]]:
    with EmbeddedReader(data) as reader:
        return sorted(tuple(row[name] for name in sorted(row)) for row in reader.rows(PREFIXES + text))


def matches(data: Path) -> list[tuple[str, ...]]:
    """The links that were harvested, as resource and item."""
    return rows(data, f"SELECT ?a ?b {{ GRAPH <{LINKS_GRAPH}> {{ ?a skos:exactMatch ?b }} }}")


@pytest.mark.parametrize(
    ("kind", "resource", "item", "shared"),
    [
        ("nct", STUDY, "Q900001", "NCT_ID"),
        ("pmid", PAPER, "Q900002", "PMID"),
        ("doi", PAPER, "Q900002", "DOI"),
        ("mesh", ALS, "Q900003", "MESH_ID"),
    ],
)
def test_what_has_our_identifier_is_linked_with_where_that_is_from(
    data: Path, wikidata: Stub, kind: str, resource: str, item: str, shared: str
) -> None:
    done = harvested(data, wikidata, kind)
    assert (resource, WD + item) in matches(data)
    assert done.links == len(matches(data)) == (2 if kind == "mesh" else 1)
    assert "999999" not in "".join(wikidata.queries)  # Only what is in the store is asked for.
    assert rows(
        data,
        f"""SELECT ?a ?b ?c ?d {{
          GRAPH <{LINKS_GRAPH}> {{
            ?claim a tw:ExternalMatch ; tw:linkSource <{resource}> ; tw:externalResource <{WD}{item}> ;
              tw:sharedIdentifier ?a ; tw:confidence ?b ; prov:wasGeneratedBy ?harvest }}
          GRAPH <{PROVENANCE_GRAPH}> {{ ?harvest a prov:Activity ; prov:used ?c ; prov:endedAtTime ?time }}
          BIND (DATATYPE(?time) AS ?d) }}""",
    ) == [(f"{BASE}value/SharedIdentifier-{shared}", "0.95", wikidata.url, "http://www.w3.org/2001/XMLSchema#dateTime")]


def test_the_same_again_is_no_new_generation(data: Path, wikidata: Stub) -> None:
    first_time = harvested(data, wikidata, "nct")
    assert harvested(data, wikidata, "nct").generation == first_time.generation
    assert len(wikidata.queries) == 2  # It was asked all the same.


def test_it_takes_the_place_of_what_the_same_endpoint_said_before_and_of_nothing_else(
    data: Path, wikidata: Stub
) -> None:
    with serving(items(WIKIDATA)) as copy:
        harvested(data, copy, "pmid")
    harvested(data, wikidata, "pmid")
    harvested(data, wikidata, "doi")
    harvested(data, wikidata, "nct")
    both = [(PAPER, f"{WD}Q900002"), (STUDY, f"{WD}Q900001")]
    assert matches(data) == both
    wikidata.store = items('wd:Q7 wdt:P698 "30048006" .')
    harvested(data, wikidata, "pmid")
    assert matches(data) == sorted([*both, (PAPER, f"{WD}Q7")])  # By DOI, and at the copy, it is the former item.
    wikidata.store.clear()
    harvested(data, wikidata, "doi")
    harvested(data, wikidata, "nct")
    assert matches(data) == [(PAPER, f"{WD}Q7"), (PAPER, f"{WD}Q900002")]
    claims = f"SELECT ?claim {{ GRAPH <{LINKS_GRAPH}> {{ ?claim a tw:ExternalMatch }} }}"
    assert len(rows(data, claims)) == 2


def test_links_survive_loads_and_what_others_say_of_the_same_stays(data: Path, wikidata: Stub) -> None:
    own = f"<{STUDY}> <http://www.w3.org/2004/02/skos/core#exactMatch> <http://example.org/own> .\n"
    with EmbeddedStore(data) as store:
        store.apply([ReplaceSubjects(LINKS_GRAPH, (), own.encode())])
        store.publish()
    harvested(data, wikidata, "nct")
    both = sorted([(STUDY, "http://example.org/own"), (STUDY, f"{WD}Q900001")])
    assert matches(data) == both
    changed = (STUDIES / "oh-2018.yaml").read_bytes().replace(b"enrollment: 64", b"enrollment: 65")
    assert load(data, [Document("oh-2018.yaml", changed)]).complete
    assert rows(data, f"SELECT ?n {{ <{STUDY}> tw:enrollmentCount ?n }}") == [("65",)]
    assert matches(data) == both
    wikidata.store.clear()
    harvested(data, wikidata, "nct")
    assert matches(data) == [(STUDY, "http://example.org/own")]


def test_a_person_s_decision_stays_and_links_move_with_the_study(tmp_path: Path) -> None:
    data = tmp_path / "data"
    load(data, [Document("graft.yaml", GRAFT), registry(), registry("NCT00000011", 400)])
    reject(data, SOURCE, TARGET)
    decided = links(data)
    with serving(items(f'wd:Q1 wdt:P698 "{SOURCE[4:]}" ; wdt:P3098 "{TARGET}" .')) as stub:
        harvested(data, stub, "pmid")
        harvested(data, stub, "nct")
        assert links(data) == decided and decided[0].status == "REJECTED"
        study, paper = f"{BASE}study/{TARGET}", f"{BASE}publication/pmid-{SOURCE[4:]}"
        assert matches(data) == [(paper, f"{WD}Q1"), (study, f"{WD}Q1")]
    accept(data, SOURCE, TARGET)
    assert [link.status for link in links(data)] == ["ACCEPTED"]
    assert matches(data) == [(paper, f"{WD}Q1"), (study, f"{WD}Q1")]


def test_links_follow_a_publication_to_a_better_key(tmp_path: Path) -> None:
    data, doi = tmp_path / "data", "10.1016/j.mri.2013.05.006"
    by_doi = GRAFT.replace(b"- pmid: 23810205\n    doi", b"- doi").replace(b"\npmid: 23810205", b"")
    assert load(data, [Document("graft.yaml", by_doi)]).complete
    with serving(items(f'wd:Q1 wdt:P356 "{doi.upper()}" .')) as stub:
        harvested(data, stub, "doi")
        assert matches(data) == [(f"{BASE}publication/doi-{doi.replace('/', '%2F')}", f"{WD}Q1")]
        load(data, [Document("graft.yaml", GRAFT)])
        moved = [(f"{BASE}publication/pmid-23810205", f"{WD}Q1")]
        assert matches(data) == moved
        harvested(data, stub, "doi")
        assert matches(data) == moved
    claims = f"SELECT ?source {{ GRAPH <{LINKS_GRAPH}> {{ ?claim a tw:ExternalMatch ; tw:linkSource ?source }} }}"
    assert rows(data, claims) == [(moved[0][0],)]


HOSTILE = [
    binding(id="NCT01363401", item="https://evil.example/Q1"),
    binding(id="NCT01363401", item=f"{WD}Q1> <urn:p> <urn:o"),
    binding(id="NCT01363401", item=f"{WD}Q0"),
    binding(id="NCT01363401", item=f"{WD}Q1/../../x"),
    binding(id="NCT01363401", item=f"{WD}Q1\n"),
    binding(id="NCT01363401", item="Q1"),
    binding(id="NCT99999999", item=f"{WD}Q1"),
    binding(id='NCT01363401" } DROP ALL #', item=f"{WD}Q1"),
    {"id": {"type": "bnode", "value": "NCT01363401"}, "item": {"type": "uri", "value": f"{WD}Q1"}},
    {"id": {"type": "literal", "value": "NCT01363401"}, "item": {"type": "literal", "value": f"{WD}Q1"}},
    binding(id="NCT01363401"),
    {},
]


def test_values_that_are_not_what_was_asked_for_are_left_out_and_counted(data: Path, wikidata: Stub) -> None:
    answer = table(*HOSTILE, binding(id=" nct01363401", item=f"{WD}Q42"))
    wikidata.behave = first(1, 200, answer)
    done = harvested(data, wikidata, "nct")
    assert (done.links, done.unusable) == (1, len(HOSTILE))
    assert matches(data) == [(STUDY, f"{WD}Q42")]


def test_what_would_make_two_things_one_is_left_out(tmp_path: Path) -> None:
    data = tmp_path / "data"
    load(data, [registry("NCT00000011"), registry("NCT00000012"), registry("NCT00000013"), registry("NCT00000014")])
    two_of_ours = 'wd:Q1 wdt:P3098 "NCT00000011", "NCT00000012" .'
    two_items = 'wd:Q2 wdt:P3098 "NCT00000013" . wd:Q3 wdt:P3098 "NCT00000013" .'
    with serving(items(f'{two_of_ours} {two_items} wd:Q4 wdt:P3098 "NCT00000014" .')) as stub:
        done = harvested(data, stub, "nct")
    assert (done.links, done.ambiguous) == (1, 4)
    assert matches(data) == [(f"{BASE}study/NCT00000014", f"{WD}Q4")]


def odd(data: Path, dois: Sequence[str]) -> None:
    """Store publications with these DOIs."""
    lines = (f"<{BASE}publication/{n}> <{BASE}ontology#doi> {json.dumps(doi)} .\n" for n, doi in enumerate(dois))
    with EmbeddedStore(data) as store:
        store.apply([ReplaceGraph(f"{BASE}graph/odd", "".join(lines).encode())])
        store.publish()


def test_an_identifier_cannot_end_the_query(tmp_path: Path) -> None:
    data, dois = tmp_path / "data", ['10.1000/"}#', "10.1000/\\", "10.1000/a'b{c}", "10.1000/ä€", "no doi", "10.1/x y"]
    odd(data, dois)
    with serving(
        items("".join(f"wd:Q{n} wdt:P356 {json.dumps(doi.upper())} ." for n, doi in enumerate(dois, 1)))
    ) as stub:
        done = harvested(data, stub, "doi")
    assert (done.asked, done.unusable, len(stub.queries)) == (4, 0, 1)
    assert matches(data) == [(f"{BASE}publication/{n}", f"{WD}Q{n + 1}") for n in range(4)]


def many(data: Path, number: int) -> None:
    odd(data, [f"10.1000/{n}" for n in range(number)])


def asked(stub: Stub) -> list[str]:
    """The DOIs in capitals that were asked for, in their order."""
    return [word.strip('"') for query in stub.queries for word in query.split() if word.startswith('"10.')]


def test_an_interrupted_harvest_goes_on_and_asks_nothing_twice(tmp_path: Path, wikidata: Stub) -> None:
    data = tmp_path / "data"
    many(data, 10)
    wikidata.store.extend(items("".join(f'wd:Q{n + 1} wdt:P356 "10.1000/{n}" .' for n in range(10))))

    def dies(handler: BaseHTTPRequestHandler, query: str) -> bool:
        return len(wikidata.queries) > 3 and send(handler, 403, "text/plain", b"enough for today")

    wikidata.behave = dies
    with pytest.raises(ServiceFailed, match=r"says 'enough for today'. What it has said of 6 identifiers is kept"):
        harvested(data, wikidata, "doi", harvest_batch=2)
    assert matches(data) == []
    wikidata.behave = lambda handler, query: False
    before = asked(wikidata)[:-2]
    wikidata.queries.clear()
    done = harvested(data, wikidata, "doi", harvest_batch=2)
    assert (done.asked, done.resumed, done.links) == (10, 6, 10) and len(matches(data)) == 10
    assert not set(before) & set(asked(wikidata)) and len(wikidata.queries) == 2
    assert not list((data / "harvests").iterdir())


def test_progress_that_is_cut_off_or_old_is_asked_for_again(tmp_path: Path) -> None:
    with Progress(tmp_path, "x") as kept:
        kept.add(["a"], [("a", "1")])
        kept.add(["b"], [("b", "2")])
    whole = kept.path.read_bytes()
    for cut in (1, 5, len(whole.splitlines()[-1])):
        kept.path.write_bytes(whole[:-cut])
        with Progress(tmp_path, "x") as again:
            assert (again.asked, again.found) == ({"a"}, [["a", "1"]])
            again.add(["c"], [])
        with Progress(tmp_path, "x") as again:
            assert again.asked == {"a", "c"}
    kept.path.write_bytes(whole.replace(b'"started": "20', b'"started": "19'))
    with Progress(tmp_path, "x") as again:
        assert not again.asked and not again.found
        with pytest.raises(StoreInUse, match="Another process is harvesting the same"), Progress(tmp_path, "x"):
            pass


def test_an_answer_that_may_be_cut_is_asked_for_in_halves(tmp_path: Path) -> None:
    data = tmp_path / "data"
    many(data, 300)
    with serving(items("".join(f'wd:Q{n + 1} wdt:P356 "10.1000/{n}" .' for n in range(290))), cap=100) as stub:
        done = harvested(data, stub, "doi", harvest_batch=300)
    assert done.links == len(matches(data)) == 290


def test_a_batch_that_is_too_large_is_asked_for_in_halves(tmp_path: Path) -> None:
    data = tmp_path / "data"
    many(data, 8)
    with serving(items('wd:Q1 wdt:P356 "10.1000/3" .')) as stub:
        stub.behave = lambda handler, query: query.count('"10.') > 4 and send(handler, 413, "text/plain", b"")
        assert harvested(data, stub, "doi").links == 1
        stub.behave = lambda handler, query: send(handler, 413, "text/plain", b"")
        with pytest.raises(ServiceFailed, match=f"The endpoint {stub.url} says that the request is too large"):
            harvested(data, stub, "doi")


@pytest.mark.parametrize("graph", [None, MESH_GRAPH])
def test_labels_and_hierarchy_of_mesh_are_taken_up_to_the_top(data: Path, graph: str | None) -> None:
    with serving(store_of(MESH, graph)) as stub:
        done = harvested(data, stub, "mesh-terms")
        assert harvested(data, stub, "mesh-terms").generation == done.generation
    labels = rows(data, f"SELECT ?a ?b {{ GRAPH <{MESH_GRAPH}> {{ ?a rdfs:label ?b }} FILTER (LANG(?b) = 'en') }}")
    assert [label for _, label in labels] == ["Made-up motor disease", "Made-up nerve diseases", "All made-up diseases"]
    above = """SELECT ?d {
      mesh:D000690 meshv:treeNumber ?place . ?place meshv:parentTreeNumber* ?root . ?d meshv:treeNumber ?root }"""
    assert [iri.rpartition("/")[2] for (iri,) in rows(data, above)] == ["D000690", "D900100", "D900101"]
    assert rows(data, f"SELECT ?o {{ GRAPH <{MESH_GRAPH}> {{ ?s meshv:active ?o }} }}") == []
    origin = f"SELECT ?e {{ GRAPH <{PROVENANCE_GRAPH}> {{ <{MESH_GRAPH}> prov:wasGeneratedBy/prov:used ?e }} }}"
    assert rows(data, origin) == [(stub.url,)]


def test_triples_that_were_not_asked_for_do_not_get_into_mesh(data: Path, wikidata: Stub) -> None:
    label, type_ = "http://www.w3.org/2000/01/rdf-schema#label", "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"
    vocabulary = "http://id.nlm.nih.gov/mesh/vocab#"
    bad = [
        binding(s=STUDY, p=label, o="A study is no concept"),
        binding(s="http://id.nlm.nih.gov/mesh/D900999", p=label, o="Not asked for"),
        binding(s=ALS, p=f"{BASE}ontology#acronym", o="Not this property"),
        binding(s=ALS, p=type_, o=f"{BASE}ontology#Study"),
        binding(s=ALS, p=f"{vocabulary}broaderDescriptor", o=f"{ALS}> <urn:p> <urn:o"),
        binding(s=ALS, p=f"{vocabulary}broaderDescriptor", o="http://169.254.169.254/D900100"),
        binding(s=ALS, p=f"{vocabulary}treeNumber", o="C10.574"),
        binding(s=ALS, p=label, o="A" * 2000),
        binding(s=ALS, p=label, o="bell\a"),
        binding(s=ALS, p=label, o=""),
        {},
    ]
    good = binding(s=ALS, p=label, o='A "quoted" \\ label')
    wikidata.behave = first(1, 200, table(*bad, good))
    done = harvested(data, wikidata, "mesh-terms")
    assert (done.links, done.unusable) == (1, len(bad))
    assert rows(data, f"SELECT ?s ?p ?o {{ GRAPH <{MESH_GRAPH}> {{ ?s ?p ?o }} }}") == [
        ('A "quoted" \\ label', label, ALS)
    ]


def test_mesh_that_was_loaded_is_not_touched_and_takes_the_place_of_what_was_harvested(data: Path) -> None:
    file = data.parent / "mesh.nt"
    file.write_text(
        f"<{ALS}> <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> <{MESH_GRAPH}/vocab#TopicalDescriptor> .\n"
        f'<{ALS}> <http://www.w3.org/2000/01/rdf-schema#label> "As loaded"@en .\n'
    )
    label = f"SELECT ?o {{ GRAPH <{MESH_GRAPH}> {{ ?s rdfs:label ?o }} }}"
    with serving(store_of(MESH)) as stub:
        harvested(data, stub, "mesh-terms")
        assert load_mesh(data, [str(file)]).complete
        assert rows(data, label) == [("As loaded",)]
        with pytest.raises(BadRequest, match="MeSH is loaded here"):
            harvested(data, stub, "mesh-terms")
    assert rows(data, label) == [("As loaded",)]


def test_the_linksets_of_the_description_count_them(data: Path, wikidata: Stub) -> None:
    for kind in KINDS[:4]:
        harvested(data, wikidata, kind)
    counted = """SELECT ?class ?n ?space {
      ?set a void:Linkset ; void:linkPredicate skos:exactMatch ; void:objectsTarget/void:uriSpace ?space ;
        void:subjectsTarget ?from ; void:triples ?n .
      OPTIONAL { ?from void:class ?known } OPTIONAL { ?from void:uriSpace ?begins }
      BIND (STR(COALESCE(?known, ?begins)) AS ?class) FILTER (CONTAINS(STR(?space), "wikidata")) }"""
    assert rows(data, counted) == [
        ("http://id.nlm.nih.gov/mesh/", "2", WD),
        (f"{BASE}ontology#InterventionalStudy", "1", WD),
        (f"{BASE}ontology#Publication", "1", WD),
        (f"{BASE}ontology#SourceDocument", "1", WD),
        (f"{BASE}ontology#Study", "1", WD),
    ]


def test_who_reads_of_a_study_gets_its_links(data: Path, wikidata: Stub) -> None:
    harvested(data, wikidata, "nct")
    with TestClient(create_app(Settings(data=data, workers=1)), base_url="http://127.0.0.1") as service:
        link = f"<{STUDY}> <http://www.w3.org/2004/02/skos/core#exactMatch> <{WD}Q900001> "
        assert f"{link}." in service.get("/study/NCT01363401.nt").text
        assert f"{link}<{LINKS_GRAPH}> ." in service.get("/study/NCT01363401.nq").text
        assert f'<a href="{WD}Q900001">www.wikidata.org</a>' in service.get("/study/NCT01363401.html").text


def test_a_new_directory_stays_one_that_can_be_loaded_into(tmp_path: Path) -> None:
    with serving() as stub:
        assert harvested(tmp_path / "data", stub, "nct").asked == 0 and not stub.queries
        (tmp_path / "other" / "harvests").mkdir(parents=True)
    assert load(tmp_path / "data", [registry()]).complete and load(tmp_path / "other", [registry()]).complete


def test_the_command(data: Path, wikidata: Stub) -> None:
    at = ("--data", str(data))
    quick = {"TRIALWEAVE_HARVEST_PAUSE": "0"}
    done = run("link", "harvest", wikidata.url, "nct", "mesh", *at, **quick)
    assert done.returncode == 0 and done.stderr == ""
    one, other = done.stdout.splitlines()
    assert one.startswith(f"nct: 1 asked of {wikidata.url}, 1 link; generation ")
    assert ", 2 links; generation " in other
    (told,) = json.loads(run("link", "harvest", wikidata.url, "doi", "--json", *at, **quick).stdout)
    assert (told["kind"], told["endpoint"], told["links"]) == ("doi", wikidata.url, 1)
    assert run("link", "harvest", wikidata.url, "qid", *at).returncode == 2
    wikidata.behave = first(99, 401, b"who are you?", "text/plain")
    refused = run("link", "harvest", wikidata.url, "nct", *at, **quick)
    assert refused.returncode == 1
    assert (
        refused.stderr
        == f"trialweave: The endpoint {wikidata.url} refused the request (status 401) and says 'who are you?'.\n"
    )


def test_a_killed_command_goes_on_where_it_was(tmp_path: Path, wikidata: Stub) -> None:
    data = tmp_path / "data"
    many(data, 6)
    wikidata.behave = lambda handler, query: len(wikidata.queries) == 3 and bool(time.sleep(20))
    command = [str(Path(sys.executable).parent / "trialweave"), "link", "harvest", wikidata.url, "doi"]
    quick = {"TRIALWEAVE_HARVEST_PAUSE": "0", "TRIALWEAVE_HARVEST_BATCH": "2"}
    with subprocess.Popen([*command, "--data", str(data)], cwd=ROOT, env={**os.environ, **quick}) as process:
        deadline = time.monotonic() + 30
        while len(wikidata.queries) < 3 and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    wikidata.behave = lambda handler, query: False
    done = run(*command[1:], "--data", str(data), **quick)
    assert done.stdout.startswith(f"doi: 6 asked of {wikidata.url} (4 before), 0 links"), done.stderr
    assert len(wikidata.queries) == 4
