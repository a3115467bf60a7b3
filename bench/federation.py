"""How queries that ask other endpoints are answered: by our service, and by what people use instead.

    python -m bench.federation [DATA] --cache FOLDER [--delays 0,20,100] [--rounds N] [--seconds S] [--only NAME,…]

DATA has `ctgov/studies` and `mesh`: registry records, which make a local store of a million quads, and MeSH, which two
remote endpoints (`oxigraph serve`) hold. What is made of them is kept in FOLDER. A relay before each endpoint delays
every request by as many milliseconds as said, and counts requests, rows of solutions and bytes both ways.

rdflib holds only those triples of the local store that have a predicate of the queries, as loading all takes it
minutes. Whoever takes part is left out where not installed. A figure of time is the median of some rounds in which all
take turns; the rest is that of the last round, when what can be learnt of an endpoint has been. `right` is who has the
solutions that one store with all data has. Who is past the time is not asked again with more delay, and who is very
slow not in each round. "again" is our service where answers of endpoints are kept, which it is not made to do else.
"""

import argparse
import gzip
import re
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import median

import orjson
import pyoxigraph as ox

from bench.contestants import Answer, Contestant, Process, Service
from bench.relay import Counts, Relay, relaying
from bench.servers import do, find, running

__all__ = ["main"]

_ROOT = Path(__file__).resolve().parent.parent
_DATA = _ROOT.parent / "shared" / "data"
_CLIENTS, _COMUNICA, _FEDX = _ROOT / "tests" / "clients", _ROOT / ".comunica" / "node_modules", _ROOT / ".fedx"
_TERMS = 5_000
_MESH, _CODES = "urn:mesh", "urn:codes"
"""The endpoints in the queries below, and the graphs with their data in the store with all."""
_LABELLED = re.compile(r"(<http://id\.nlm\.nih\.gov/mesh/D\d+>) <http://www\.w3\.org/2000/01/rdf-schema#label> ")
_SLOW = 2
"""Who takes more than this part of the time is asked once for each delay."""
_HEADER = "   delay  who                requests      rows        bytes         time    ratio"

_PREFIXES = {
    "tw": "https://w3id.org/trialweave/ontology#",
    "mesh": "http://id.nlm.nih.gov/mesh/",
    "meshv": "http://id.nlm.nih.gov/mesh/vocab#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "skos": "http://www.w3.org/2004/02/skos/core#",
}

_NEEDED = {
    *(f"<{_PREFIXES['tw']}{name}>" for name in ("condition", "phase", "interventionConcept")),
    f"<{_PREFIXES['skos']}exactMatch>",
}
"""Predicates of the queries below, but for those inside SERVICE."""

QUERIES = {
    "ancestors of one study's conditions": """SELECT ?condition ?ancestor ?label {
        <https://w3id.org/trialweave/study/NCT04623593> tw:condition ?condition .
        SERVICE <urn:mesh> { ?condition meshv:broaderDescriptor+ ?ancestor . ?ancestor rdfs:label ?label } }""",
    "studies of a condition and all below it": """SELECT ?study ?condition {
        ?study tw:condition ?condition .
        SERVICE <urn:mesh> { ?condition meshv:broaderDescriptor* mesh:D009422 } }""",
    "labels of 5,000 concepts": """SELECT ?term ?concept ?label {
        ?term skos:exactMatch ?concept .
        SERVICE <urn:mesh> { ?concept rdfs:label ?label } }""",
    "two endpoints": """SELECT ?study ?broader ?code {
        ?study tw:condition ?condition ; tw:phase <https://w3id.org/trialweave/value/Phase-PHASE3> .
        SERVICE <urn:mesh> { ?condition meshv:broaderDescriptor ?broader }
        SERVICE <urn:codes> { ?broader skos:notation ?code } }""",
    "OPTIONAL": """SELECT ?study ?drug ?action ?label {
        ?study tw:condition mesh:D003920 ; tw:interventionConcept ?drug
        OPTIONAL { SERVICE <urn:mesh> { ?drug meshv:pharmacologicalAction ?action . ?action rdfs:label ?label } } }""",
}


Rows = Counter[tuple[tuple[str, ...], ...]]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.federation")
    parser.add_argument("data", nargs="?", type=Path, default=_DATA, help="a folder with ctgov/studies and mesh")
    parser.add_argument("--cache", type=Path, required=True, help="where the stores are kept from run to run")
    parser.add_argument("--delays", type=_numbers, default=[0, 20, 100], help="milliseconds of delay (0,20,100)")
    parser.add_argument("--queries", type=_numbers, default=[1, 2, 3, 4, 5], help="which of the queries (1,2,3,4,5)")
    parser.add_argument("--rounds", type=int, default=3, help="times that everything is asked (3)")
    parser.add_argument("--seconds", type=float, default=60.0, help="the most that an answer may take (60)")
    parser.add_argument("--only", default="", help="who is to take part, with commas between; all if left out")
    chosen = parser.parse_args()
    if not find("oxigraph"):
        print("bench.federation needs oxigraph, and measures nothing without.")
        return
    stores = _Stores(chosen.cache)
    stores.prepare(chosen.data)
    with ExitStack() as stack:
        remotes = [
            stack.enter_context(_endpoint(name, chosen.cache / folder))
            for name, folder in ((_MESH, "mesh"), (_CODES, "codes"))
        ]
        only = set(filter(None, chosen.only.split(",")))
        everybody = list(_contestants(stores, remotes, chosen.seconds, stack))
        for each in everybody:
            stack.callback(each.close)
        contestants = [each for each in everybody if not only or each.name in only]
        print(_HEADER)
        for number, (what, query) in enumerate(QUERIES.items(), 1):
            if number in chosen.queries:
                expected = stores.expected(query)
                print(f"{number}. {what}: {expected.total():,} solutions", flush=True)
                _Race(query, expected, contestants, remotes, chosen.rounds, chosen.seconds).run(chosen.delays)


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


# The data


@dataclass(frozen=True, slots=True)
class _Stores:
    """The stores in a folder, which are made once."""

    folder: Path

    @property
    def local(self) -> Path:
        """What queries are asked of: a generation of our store, which is a store of the engine by itself too."""
        return max(path for path in (self.folder / "data" / "generations").iterdir() if path.is_dir())

    def prepare(self, data: Path) -> None:
        """Make what is not there yet, each in one piece."""
        self.folder.mkdir(parents=True, exist_ok=True)
        mesh, codes, local = (self.folder / name for name in ("mesh.nt", "codes.nt", "local.nt"))
        _make(mesh, lambda made: _unpack(data / "mesh", made))
        _make(codes, lambda made: _write_codes(mesh, made))
        _make(self.folder / "data", lambda made: _load(data / "ctgov" / "studies", codes, made))
        export = ("trialweave", "export", "--format", "nt", "--data", self.folder / "data", "--output")
        _make(local, lambda made: do(*export, made))
        _make(self.folder / "needed.nt", lambda made: _write_needed(local, made))
        _make(self.folder / "mesh", lambda made: do("oxigraph", "load", "-l", made, "-f", mesh))
        _make(self.folder / "codes", lambda made: do("oxigraph", "load", "-l", made, "-f", codes))
        _make(self.folder / "all", lambda made: _load_all({"": local, _MESH: mesh, _CODES: codes}, made))

    def expected(self, query: str) -> Rows:
        """The solutions, as one store with all data has them: each endpoint is a graph there."""
        found = ox.Store.read_only(str(self.folder / "all")).query(_spelt_out(query).replace("SERVICE", "GRAPH"))
        assert isinstance(found, ox.QuerySolutions)
        return _rows((found.serialize(format=ox.QueryResultsFormat.JSON) or b"").decode())


def _make(path: Path, make: Callable[[Path], None]) -> None:
    """Have something made under another name, so that what is there is whole."""
    if path.exists():
        return
    print(f"making {path}", file=sys.stderr, flush=True)
    unfinished = path.with_name(f"unfinished-{path.name}")
    shutil.rmtree(unfinished, ignore_errors=True)
    make(unfinished)
    unfinished.rename(path)


def _unpack(folder: Path, target: Path) -> None:
    (packed,) = folder.glob("*.nt.gz")
    with gzip.open(packed) as source, target.open("wb") as output:
        shutil.copyfileobj(source, output)


def _write_codes(mesh: Path, target: Path) -> None:
    """Give each descriptor of MeSH a made-up code, as another vocabulary would."""
    with mesh.open(encoding="utf-8") as lines, target.open("w", encoding="utf-8") as output:
        for number, found in enumerate(filter(None, map(_LABELLED.match, lines))):
            output.write(f'{found[1]} <{_PREFIXES["skos"]}notation> "T{number}" .\n')


def _write_needed(local: Path, target: Path) -> None:
    """Write what the queries below need of the local store: all of it takes rdflib minutes to load."""
    with local.open(encoding="utf-8") as lines, target.open("w", encoding="utf-8") as output:
        output.writelines(line for line in lines if line.split(" ", 2)[1] in _NEEDED)


def _load(studies: Path, codes: Path, target: Path) -> None:
    """Load the records, a quarter of them once more under fresh NCT ids, and terms that stand for MeSH concepts."""
    more, terms = target.with_name("more.jsonl"), target.with_name("terms.nq")
    with more.open("wb") as output:
        for number, path in enumerate(sorted(studies.glob("*.json"))[::4]):
            nct = orjson.loads(record := path.read_bytes())["protocolSection"]["identificationModule"]["nctId"]
            fresh = record.replace(nct.encode(), b"NCT%08d" % (90_000_000 + number))
            output.write(orjson.dumps(orjson.loads(fresh)) + b"\n")
    with codes.open(encoding="utf-8") as lines, terms.open("w", encoding="utf-8") as output:
        for number, line in enumerate(islice(lines, 0, 6 * _TERMS, 6)):
            concept = line.partition(" ")[0]
            term, graph = f"<https://hospital.example/term/{number}>", "<https://hospital.example/terms>"
            output.write(f"{term} <{_PREFIXES['skos']}exactMatch> {concept} {graph} .\n")
    do("trialweave", "load", studies, more, "--data", target)
    do("trialweave", "load", terms, "--format", "rdf", "--data", target)


def _load_all(graphs: Mapping[str, Path], target: Path) -> None:
    for graph, path in graphs.items():
        do("oxigraph", "load", "-l", target, "-f", path, *(("--graph", graph) if graph else ()))


def _rows(body: str) -> Rows:
    """Solutions as a multiset of what is the same whoever writes it."""

    def term(found: dict[str, str]) -> tuple[str, ...]:
        datatype = found.get("datatype", "").removesuffix("http://www.w3.org/2001/XMLSchema#string")
        return found["type"], found["value"], found.get("xml:lang", "").lower(), datatype

    bindings = orjson.loads(body)["results"]["bindings"]
    return Counter(tuple((name, *term(row[name])) for name in sorted(row)) for row in bindings)


# Who takes part


class _Endpoint:
    """A remote endpoint behind its relay, which can be started anew."""

    def __init__(self, name: str, store: Path, relay: Relay) -> None:
        self.name, self.relay, self._store = name, relay, store
        self._stack = ExitStack()

    def start(self) -> None:
        """Start it, also when it runs: what it still works on for somebody who has gone is then over."""
        self._stack.close()
        self.relay.port = self._stack.enter_context(
            running("oxigraph", "/query", "serve-read-only", "-l", self._store, "-b")
        ).port

    def close(self) -> None:
        """End it."""
        self._stack.close()


@contextmanager
def _endpoint(name: str, store: Path) -> Iterator[_Endpoint]:
    with relaying(0, "/query") as relay:
        endpoint = _Endpoint(name, store, relay)
        endpoint.start()
        try:
            yield endpoint
        finally:
            endpoint.close()


def _contestants(
    stores: _Stores, endpoints: Sequence[_Endpoint], seconds: float, stack: ExitStack
) -> Iterator[Contestant]:
    """Everybody who is installed, ours first. The local store of those who take endpoints only is one too."""
    data, members = stores.folder / "data", [endpoint.relay.url for endpoint in endpoints]
    for name, kept in (("trialweave", "0"), ("trialweave, again", "3600")):
        settings = {"TRIALWEAVE_SERVICE_ALLOW": ",".join(members), "TRIALWEAVE_SERVICE_CACHE_SECONDS": kept}
        ours = running("trialweave", "/sparql", "serve", "--data", data, "--port", settings=settings)
        yield Service(name, stack.enter_context(ours).port)
    program = [sys.executable, "-m", "bench.contestants"]
    yield Process("pyoxigraph", [*program, "pyoxigraph", stores.local, f"{seconds}"])
    yield Process("rdflib", [*program, "rdflib", stores.folder / "needed.nt", f"{seconds}"])
    own = stack.enter_context(_endpoint("urn:local", stores.local)).relay.url
    if find("node") and _COMUNICA.is_dir():
        # With a SERVICE clause and one member, it would have that member do it all.
        ask = ["node", f"{_CLIENTS}/comunica/ask.cjs", *(f"sparql@{member}" for member in (own, *members))]
        yield Process("comunica, members", ask, {"NODE_PATH": f"{_COMUNICA}"}, clauses=False)
    if find("javac") and _FEDX.is_dir():
        ask = ["java", "-cp", f"{_FEDX}/*", f"{_CLIENTS}/fedx/Ask.java", own]
        yield Process("fedx", ask)
        yield Process("fedx, members", [*ask, *members], clauses=False)


# The figures


@dataclass(frozen=True, slots=True)
class _Race:
    """One query, asked of everybody in turns."""

    query: str
    expected: Rows
    contestants: Sequence[Contestant]
    endpoints: Sequence[_Endpoint]
    rounds: int
    seconds: float

    def run(self, delays: Sequence[int]) -> None:
        """Print a line for each contestant and delay."""
        late: set[str] = set()
        for delay in delays:
            for endpoint in self.endpoints:
                endpoint.relay.delay = delay / 1000
            figures: dict[str, list[_Figure]] = {each.name: [] for each in self.contestants}
            for _ in range(self.rounds):
                for each in self.contestants:
                    found = figures[each.name]
                    if each.name not in late and not (found and found[-1].answer.seconds > self.seconds / _SLOW):
                        figure = self._measure(each)
                        found.append(figure)
                        if figure.answer.is_late:
                            late.add(each.name)
            self._print(delay, figures)

    def _measure(self, contestant: Contestant) -> "_Figure":
        self._counted()
        text = self.query
        for endpoint in self.endpoints:
            text = text.replace(f"SERVICE <{endpoint.name}>", f"SERVICE <{endpoint.relay.url}>")
        if not contestant.clauses:
            text = re.sub("SERVICE <[^>]*>", "", text)
        answer = contestant.ask(_spelt_out(text), self.seconds)
        if answer.is_late:
            for endpoint in self.endpoints:
                endpoint.start()
        is_right = not answer.is_late and answer.error is None and _rows(answer.body) == self.expected
        return _Figure(answer, self._counted(), is_right)

    def _counted(self) -> Counts:
        return sum((endpoint.relay.counted() for endpoint in self.endpoints), Counts())

    def _print(self, delay: int, figures: Mapping[str, list["_Figure"]]) -> None:
        ours = median(figure.answer.seconds for figure in next(iter(figures.values())))
        for name, found in figures.items():
            print(f"{delay:>4} ms  {name:<18}{_line(found, ours, self.seconds)}", flush=True)


@dataclass(frozen=True, slots=True)
class _Figure:
    """How somebody did once."""

    answer: Answer
    counts: Counts
    is_right: bool


def _line(figures: Sequence[_Figure], ours: float, seconds: float) -> str:
    if not figures or figures[-1].answer.is_late:
        counts = figures[-1].counts if figures else None
        moved = f"{counts.requests:>9,}{counts.rows:>10,}{counts.bytes:>13,}" if counts else " " * 32
        return f"{moved}  past {seconds:g} s{' ' * 4}> {seconds / ours:,.0f}x"
    last = figures[-1]
    took = median(figure.answer.seconds for figure in figures)
    errors = [figure.answer.error for figure in figures if figure.answer.error]
    said = "right" if all(figure.is_right for figure in figures) else " ".join(["wrong", *errors])[:200]
    moved = f"{last.counts.requests:>9,}{last.counts.rows:>10,}{last.counts.bytes:>13,}"
    return f"{moved}{1000 * took:>10,.0f} ms{took / ours:>9.1f}x  {said}"


def _spelt_out(text: str) -> str:
    """The query without prefixes, which not everybody sends on with a clause."""
    return re.sub(r"\b(tw|mesh|meshv|rdfs|skos):(\w+)", lambda found: f"<{_PREFIXES[found[1]]}{found[2]}>", text)


if __name__ == "__main__":
    main()
