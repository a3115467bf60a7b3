"""Other people's engines join their data with ours: our service as it runs, each engine as it is installed.

Every engine has patients, each with a MeSH concept; the service has the bundled studies, and a code for each concept.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pyoxigraph as ox
import pytest
import rdflib

from app.intake import load
from app.store.base import ReplaceGraph
from app.store.embedded import EmbeddedStore
from loaders.documents import documents
from tests.app.store.servers import ENGINES, server
from tests.attack.live import serving
from tests.clients.federators import FEDERATORS, Rows, federator
from tests.paths import STUDIES

MESH = "http://id.nlm.nih.gov/mesh/"
EX = "http://example.org/"
# One declaration a line: rdflib takes what follows the # of an IRI on the same line for a comment.
PREFIXES = f"PREFIX tw: <https://w3id.org/trialweave/ontology#>\nPREFIX ex: <{EX}>\nPREFIX mesh: <{MESH}>\n"
CONCEPTS = 10_000
ALS = 690

Ask = Callable[[str], Rows]


def concept(number: int) -> str:
    return f"{MESH}D{number:06}"


def patients(numbers: range) -> str:
    """N-Triples of patients, numbered as the concepts that they have."""
    return "".join(f"<{EX}patient/{number}> <{EX}has> <{concept(number)}> .\n" for number in numbers)


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The service's address, with the bundled studies and 10,000 codes."""
    data = tmp_path_factory.mktemp("clients") / "data"
    codes = "".join(f'<{concept(number)}> <{EX}code> "{number}" .\n' for number in range(CONCEPTS))
    load(data, documents([str(STUDIES)]))
    with EmbeddedStore(data) as store:
        store.apply([ReplaceGraph(f"{EX}codes", codes.encode())])
        store.publish()
    with serving(data) as live:
        yield f"http://127.0.0.1:{live.port}/sparql"


@contextmanager
def in_process(engine: str, facts: str) -> Iterator[Ask]:
    """rdflib or pyoxigraph with these facts."""
    if engine == "rdflib":
        graph = rdflib.Graph().parse(data=facts, format="nt")
        yield lambda text: [{name: str(term) for name, term in row.asdict().items()} for row in graph.query(text)]
        return
    store = ox.Store()
    store.load(facts, format=ox.RdfFormat.N_TRIPLES)

    def ask(text: str) -> Rows:
        solutions = store.query(text)
        names = [variable.value for variable in solutions.variables]
        return [{name: row[name].value for name in names} for row in solutions]

    yield ask


@contextmanager
def in_server(engine: str, folder: Path, facts: str) -> Iterator[Ask]:
    """A SPARQL server with these facts."""
    with server(engine, folder) as settings:
        address = settings["TRIALWEAVE_STORE_URL"]
        signed = httpx.DigestAuth("dba", "dba") if engine == "virtuoso" else None
        queries = f"{address}-auth" if engine == "virtuoso" else address
        updates = queries if engine == "virtuoso" else f"{address.rpartition('/')[0]}/update"
        with httpx.Client(trust_env=False, timeout=60, auth=signed) as client:

            def send(url: str, kind: str, text: str) -> httpx.Response:
                if engine == "virtuoso":  # A SERVICE in a query that is the body itself never ends there.
                    return client.post(url, data={"query": text, "format": "json"}).raise_for_status()
                types = {"Content-Type": f"application/sparql-{kind}", "Accept": "application/sparql-results+json"}
                return client.post(url, content=text, headers=types).raise_for_status()

            def ask(text: str) -> Rows:
                rows = send(queries, "query", text).json()["results"]["bindings"]
                return [{name: term["value"] for name, term in row.items()} for row in rows]

            send(updates, "update", f"INSERT DATA {{ GRAPH <{EX}patients> {{ {facts} }} }}")
            yield ask


@contextmanager
def joining(engine: str, folder: Path, numbers: range, *others: str) -> Iterator[Ask]:
    """An engine with these patients; a federating one also has other members, by their addresses."""
    facts = patients(numbers)
    if engine in FEDERATORS:
        file = folder / "patients.nt"
        file.write_text(facts)
        opened = federator(engine, file, *others)
    elif engine in ENGINES:
        opened = in_server(engine, folder, facts)
    else:
        opened = in_process(engine, facts)
    with opened as ask:
        yield ask


def in_order(rows: Rows) -> list[tuple[tuple[str, str], ...]]:
    return sorted(tuple(sorted(row.items())) for row in rows)


STUDIED = [
    {"patient": f"{EX}patient/{ALS}", "study": f"https://w3id.org/trialweave/study/{name}"}
    for name in ("NCT01363401", "PMID23810205")
]


def coded(numbers: range) -> Rows:
    return [{"patient": f"{EX}patient/{number}", "code": str(number)} for number in numbers]


@pytest.mark.parametrize("engine", ["rdflib", "pyoxigraph", *ENGINES, *FEDERATORS])
def test_service_joins_their_patients_with_our_studies(engine: str, endpoint: str, tmp_path: Path) -> None:
    with joining(engine, tmp_path, range(ALS - 10, ALS + 10)) as ask:
        clause = f"SERVICE <{endpoint}> {{ ?study tw:condition ?c }}"
        rows = ask(f"{PREFIXES}SELECT ?patient ?study WHERE {{ ?patient ex:has ?c . {clause} }}")
        assert in_order(rows) == in_order(STUDIED)


BLOCKS = {"rdflib": CONCEPTS, "pyoxigraph": CONCEPTS, "oxigraph": CONCEPTS, "fuseki": CONCEPTS, "virtuoso": 100}
"""Rows of VALUES. Virtuoso itself takes no more in a query of its own ("Too many arguments")."""


@pytest.mark.parametrize("engine", BLOCKS)
def test_ten_thousand_rows_of_values_come_through_service(engine: str, endpoint: str, tmp_path: Path) -> None:
    sent = " ".join(f"<{concept(number)}>" for number in range(BLOCKS[engine]))
    theirs = range(BLOCKS[engine] - 20, BLOCKS[engine] + 20)
    with joining(engine, tmp_path, theirs) as ask:
        clause = f"SERVICE <{endpoint}> {{ VALUES ?c {{ {sent} }} ?c ex:code ?code }}"
        rows = ask(f"{PREFIXES}SELECT ?patient ?code WHERE {{ {clause} ?patient ex:has ?c }}")
        assert in_order(rows) == in_order(coded(theirs[:20]))


@pytest.mark.parametrize("engine", FEDERATORS)
def test_a_federation_finds_out_itself_what_is_ours(engine: str, endpoint: str, tmp_path: Path) -> None:
    theirs = range(2_000)
    with joining(engine, tmp_path, theirs, endpoint) as ask:
        rows = ask(f"{PREFIXES}SELECT ?patient ?study WHERE {{ ?patient ex:has ?c . ?study tw:condition ?c }}")
        assert in_order(rows) == in_order(STUDIED)
        rows = ask(f"{PREFIXES}SELECT ?patient ?code WHERE {{ ?patient ex:has ?c . ?c ex:code ?code }}")
        assert in_order(rows) == in_order(coded(theirs))
