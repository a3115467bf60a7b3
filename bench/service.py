"""How the service compares with `oxigraph serve` and rdflib-endpoint, which answer from the same quads.

    python -m bench.service [SOURCE] [--keep FOLDER] [--seconds SECONDS]

SOURCE is what `trialweave load` is to load, by default the bundled studies. What is prepared from it, our data
directory and the store of `oxigraph serve`, is kept in FOLDER for the next time, if one is given. Each figure is the
median of several rounds in which the servers take turns, so that ratios hold on a busy machine too, and comes with the
processor time that a request takes the server and its workers. `wrk` sends the requests. rdflib-endpoint is left out
where loading would take it minutes.
"""

import argparse
import http.client
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from urllib.parse import quote, urlencode

from bench.servers import Server, do, find, running

__all__ = ["main"]

_BIN = Path(sys.executable).parent
_ROOT = Path(__file__).resolve().parent.parent
_ROUNDS, _ROUND_SECONDS, _CLIENTS = 3, 3, 16
_START = 60.0
_RDFLIB_BYTES = 500_000_000
_TICK = os.sysconf("SC_CLK_TCK")

_DATA, _QUADS, _OXIGRAPH = "data", "quads.nq", "oxigraph"
_STUDY = re.compile(r"<https://w3id\.org/trialweave/study/[^/>]+>")

_POINT = "SELECT ?p ?o WHERE { %s ?p ?o }"
_ROW = re.compile(rb'"s" ?: ?\{')
# The bundled studies have fewer triples. With any other product of patterns, an engine may repeat one triple 100,000
# times, and how long the rows are would be up to which one that is.
_ROWS = "SELECT ?s ?p ?o WHERE { VALUES ?turn { 1 2 3 4 5 6 7 8 9 10 11 12 } ?s ?p ?o } LIMIT 100000"
_MIXED = (
    _POINT,
    "ASK { ?s a <https://w3id.org/trialweave/ontology#Study> }",
    "SELECT ?s ?l { ?s <http://www.w3.org/2000/01/rdf-schema#label> ?l } LIMIT 100",
    "SELECT ?p (COUNT(*) AS ?n) { %s ?p ?o } GROUP BY ?p",
    "CONSTRUCT { ?s ?p ?o } WHERE { ?s a <https://w3id.org/trialweave/ontology#Cohort> ; ?p ?o } LIMIT 200",
)

# A comment at its end makes each text a new one, which no cache has seen.
_NEW_TEXTS = """
local queries = { %s }
local number = %d
request = function()
  number = number + 1
  return wrk.format("GET", "%s?query=" .. queries[number %% #queries + 1] .. "%%23" .. number)
end
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.service")
    parser.add_argument("source", nargs="?", default=_ROOT / "studies", type=Path, help="what to load; bundled studies")
    parser.add_argument("--keep", type=Path, help="a folder for what is prepared, to be used again")
    parser.add_argument("--seconds", type=int, default=60, help="how long the mixed clients ask (60)")
    chosen = parser.parse_args()
    if missing := [name for name in ("wrk", "oxigraph", "rdflib-endpoint") if not find(name)]:
        print(f"bench.service needs {' and '.join(missing)}, and measures nothing without.")
        return
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        prepared = chosen.keep or Path(folder)
        _prepare(prepared, chosen.source)
        study = _study(prepared / _QUADS)
        point, mixed = _POINT % study, [query.replace("%s", study) for query in _MIXED]
        servers = [stack.enter_context(each) for each in _servers(prepared)]
        _compare("repeated query", "requests/s", servers, lambda server, _: _rate(server, _wrk(server.url(point))))
        _compare("new point query", "requests/s", servers, lambda server, turn: _new(server, turn, [point]))
        _compare("100,000 rows", "answers/s", servers, _rows)
        for server in servers:
            _print_mix(server, mixed, chosen.seconds)
        for server in servers:
            print(f"{'memory, MiB':<18}{server.name:<18}{', '.join(_memory(server))}")


# The servers


def _prepare(folder: Path, source: Path) -> None:
    """Load the source, and make of its quads what the other servers need; what is there already is left as it is."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / _DATA / "CURRENT").exists():
        do("trialweave", "load", source, "--data", folder / _DATA)
    if not (folder / _OXIGRAPH).exists():
        do("trialweave", "export", "--data", folder / _DATA, "--output", folder / _QUADS)
        do("oxigraph", "load", "-l", folder / _OXIGRAPH, "-f", folder / _QUADS)


def _study(quads: Path) -> str:
    """The first study that is spoken of, as it stands in a query."""
    with quads.open() as lines:
        return next(found[0] for line in lines if (found := _STUDY.match(line)))


def _servers(folder: Path) -> Iterator[AbstractContextManager[Server]]:
    yield running("trialweave", "/sparql", "serve", "--data", folder / _DATA, "--port")
    # Without that option its default graph would be empty.
    yield running("oxigraph", "/query", "serve", "-l", folder / _OXIGRAPH, "--union-default-graph", "-b")
    if (folder / _QUADS).stat().st_size < _RDFLIB_BYTES:
        yield running("rdflib-endpoint", "/", "serve", folder / _QUADS, "--port")


# The figures


@dataclass(frozen=True, slots=True)
class _Figure:
    """How often a second, and how many seconds of processor time each time took the server."""

    rate: float
    seconds: float


def _compare(what: str, unit: str, servers: Sequence[Server], measure: Callable[[Server, int], int]) -> None:
    """Measure all servers in turns, and print the medians and what ours is to the others.

    `measure` asks for some seconds, and returns how many answers there were.
    """
    rounds = [[_measured(server, turn, measure) for server in servers] for turn in range(_ROUNDS)]
    columns = list(zip(*rounds, strict=True))
    ours = columns[0]
    for server, figures in zip(servers, columns, strict=True):
        rate, cost = median(each.rate for each in figures), median(each.seconds for each in figures)
        ratio = ""
        if server is not servers[0]:
            times = median(mine.rate / theirs.rate for mine, theirs in zip(ours, figures, strict=True))
            ratio = f"   trialweave has {times:.2f} times that"
        print(
            f"{what:<18}{server.name:<18}{rate:>10,.1f} {unit}, {1000 * cost:,.2f} ms of processor{ratio}", flush=True
        )


def _measured(server: Server, turn: int, measure: Callable[[Server, int], int]) -> _Figure:
    spent, began = _processor(server), time.perf_counter()
    answers = measure(server, turn)
    seconds = time.perf_counter() - began
    return _Figure(answers / seconds, (_processor(server) - spent) / answers)


def _processor(server: Server) -> float:
    """Seconds of processor time that the server and its children have taken, also those that have ended (Linux)."""
    total = 0
    for pid in (server.pid, *_children(server)):
        with suppress(OSError):
            times = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:15]
            total += sum(map(int, times))
    return total / _TICK


def _wrk(url: str, *options: str, seconds: int = _ROUND_SECONDS) -> str:
    accept = ("-H", "Accept: application/sparql-results+json, text/turtle;q=0.5")
    command = ["wrk", "-t1", f"-c{_CLIENTS}", f"-d{seconds}s", "--timeout", "30s", *accept, *options, url]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _rate(server: Server, said: str) -> int:
    if "Non-2xx" in said:
        sys.exit(f"bench.service: {server.name}: {_errors(said)}")
    return max(1, int(re.findall(r"(\d+) requests in", said)[0]))


def _errors(said: str) -> str:
    return "; ".join(re.findall(r"(?:Non-2xx|Socket errors).*", said))


def _new(server: Server, turn: int, queries: Sequence[str]) -> int:
    with _script(server, turn, queries) as script:
        return _rate(server, _wrk(server.url(""), "-s", script))


@contextmanager
def _script(server: Server, turn: int, queries: Sequence[str]) -> Iterator[str]:
    listed = ", ".join(f'"{quote(query)}"' for query in queries)
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(_NEW_TEXTS % (listed, turn * 10_000_000, server.path))
        script.flush()
        yield script.name


def _rows(server: Server, turn: int) -> int:
    """One whole answer, for one client."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=_START)
    query = urlencode({"query": f"{_ROWS} #{turn}"})
    connection.request("GET", f"{server.path}?{query}", headers={"Accept": "application/sparql-results+json"})
    body = connection.getresponse().read()
    if len(_ROW.findall(body)) != 100_000:
        sys.exit(f"bench.service: {server.name} did not answer with 100,000 rows but with {body[:200]!r}")
    return 1


def _print_mix(server: Server, queries: Sequence[str], seconds: int) -> None:
    """Have clients ask several kinds of new queries, and print how long they waited."""
    with _script(server, _ROUNDS, queries) as script:
        said = _wrk(server.url(""), "--latency", "-s", script, seconds=seconds)
    waits = ", ".join(f"p{percent} {wait}" for percent, wait in re.findall(r"^\s+(50|99)%\s+(\S+)", said, re.MULTILINE))
    total = int(re.findall(r"(\d+) requests in", said)[0])
    mix = f"{_CLIENTS} mixed clients"
    print(
        f"{mix:<18}{server.name:<18}{total:>10,} requests in {seconds} s, {waits}, {_errors(said) or 'no error'}",
        flush=True,
    )


def _memory(server: Server) -> Iterator[str]:
    """The memory of the process and of each of its children, shared pages counted in part (Linux)."""
    for pid in (server.pid, *_children(server)):
        with suppress(OSError):
            pss = re.findall(r"Pss:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text())
            name = "server" if pid == server.pid else Path(f"/proc/{pid}/comm").read_text().strip()
            yield f"{name} {int(pss[0]) / 1024:.0f}"


def _children(server: Server) -> list[int]:
    """The processes that the server has started, and those that they have."""
    listed = subprocess.run(["ps", "-e", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    parents = dict(tuple(map(int, line.split())) for line in listed.splitlines())
    found = [server.pid]
    for parent in found:
        found += [pid for pid, above in parents.items() if above == parent]
    return found[1:]


if __name__ == "__main__":
    main()
