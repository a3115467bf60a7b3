"""How the service compares with `oxigraph serve` and rdflib-endpoint, which answer from the same quads.

    python -m bench.service [DATA] [--seconds SECONDS]

DATA is a data directory that `trialweave load` has filled; without one, the bundled studies are loaded. Each figure is
the median of several rounds in which the servers take turns, so that ratios hold on a busy machine too. `wrk` sends the
requests. rdflib-endpoint is left out where loading would take it minutes.
"""

import argparse
import http.client
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from statistics import median
from urllib.parse import quote, urlencode

from bench.servers import Server, do, find, running

__all__ = ["main"]

_BIN = Path(sys.executable).parent
_ROOT = Path(__file__).resolve().parent.parent
_ROUNDS, _ROUND_SECONDS, _CLIENTS = 3, 3, 16
_START = 60.0
_RDFLIB_BYTES = 5_000_000

_POINT = "SELECT ?p ?o WHERE { <https://w3id.org/trialweave/study/NCT01363401> ?p ?o }"
_ROWS = "SELECT ?s ?p ?o WHERE { ?s ?p ?o . ?a a ?b } LIMIT 100000"
_MIXED = (
    _POINT,
    "ASK { ?s a <https://w3id.org/trialweave/ontology#Study> }",
    "SELECT ?s ?l { ?s <http://www.w3.org/2000/01/rdf-schema#label> ?l } LIMIT 100",
    "SELECT ?p (COUNT(*) AS ?n) { <https://w3id.org/trialweave/study/NCT01363401> ?p ?o } GROUP BY ?p",
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
    parser.add_argument("data", nargs="?", type=Path, help="a data directory; without it, the bundled studies")
    parser.add_argument("--seconds", type=int, default=60, help="how long the mixed clients ask (60)")
    chosen = parser.parse_args()
    if missing := [name for name in ("wrk", "oxigraph", "rdflib-endpoint") if not find(name)]:
        print(f"bench.service needs {' and '.join(missing)}, and measures nothing without.")
        return
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        servers = [stack.enter_context(each) for each in _servers(Path(folder), chosen.data)]
        _compare("repeated query", "requests/s", servers, lambda server, _: _rate(_wrk(server.url(_POINT))))
        _compare("new point query", "requests/s", servers, lambda server, turn: _new(server, turn, [_POINT]))
        _compare("100,000 rows", "answers/s", servers[:2], _rows)
        for server in servers[:2]:
            _print_mix(server, chosen.seconds)
        for server in servers:
            print(f"{'memory, MiB':<18}{server.name:<18}{', '.join(_memory(server))}")


# The servers


def _servers(folder: Path, data: Path | None) -> Iterator[AbstractContextManager[Server]]:
    quads, store = folder / "quads.nq", folder / "oxigraph"
    if data is None:
        data = folder / "data"
        do("trialweave", "load", _ROOT / "studies", "--data", data)
    do("trialweave", "export", "--data", data, "--output", quads)
    do("oxigraph", "load", "-l", store, "-f", quads)
    yield running("trialweave", "/sparql", "serve", "--data", data, "--port")
    # Without that option its default graph would be empty.
    yield running("oxigraph", "/query", "serve", "-l", store, "--union-default-graph", "-b")
    if quads.stat().st_size < _RDFLIB_BYTES:
        yield running("rdflib-endpoint", "/", "serve", quads, "--port")


# The figures


def _compare(what: str, unit: str, servers: Sequence[Server], measure: Callable[[Server, int], float]) -> None:
    """Measure all servers in turns, and print the medians and what ours is to the others."""
    rounds = [[measure(server, turn) for server in servers] for turn in range(_ROUNDS)]
    figures = [median(each) for each in zip(*rounds, strict=True)]
    for server, figure in zip(servers, figures, strict=True):
        ratio = "" if server is servers[0] else f"   trialweave has {figures[0] / figure:.2f} times that"
        print(f"{what:<18}{server.name:<18}{figure:>10,.1f} {unit}{ratio}", flush=True)


def _wrk(url: str, *options: str, seconds: int = _ROUND_SECONDS) -> str:
    accept = ("-H", "Accept: application/sparql-results+json, text/turtle;q=0.5")
    command = ["wrk", "-t1", f"-c{_CLIENTS}", f"-d{seconds}s", *accept, *options, url]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _rate(said: str) -> float:
    if "Non-2xx" in said:
        sys.exit(f"bench.service: {_errors(said)}")
    return float(re.findall(r"Requests/sec:\s+([\d.]+)", said)[0])


def _errors(said: str) -> str:
    return "; ".join(re.findall(r"(?:Non-2xx|Socket errors).*", said))


def _new(server: Server, turn: int, queries: Sequence[str]) -> float:
    with _script(server, turn, queries) as script:
        return _rate(_wrk(server.url(""), "-s", script))


@contextmanager
def _script(server: Server, turn: int, queries: Sequence[str]) -> Iterator[str]:
    listed = ", ".join(f'"{quote(query)}"' for query in queries)
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(_NEW_TEXTS % (listed, turn * 10_000_000, server.path))
        script.flush()
        yield script.name


def _rows(server: Server, turn: int) -> float:
    """Whole answers a second, for one client after the other."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    began = time.perf_counter()
    for number in range(3):
        query = urlencode({"query": f"{_ROWS} #{turn} {number}"})
        connection.request("GET", f"{server.path}?{query}", headers={"Accept": "application/sparql-results+json"})
        body = connection.getresponse().read()
        if body.count(b'"s":') != 100_000:
            sys.exit(f"bench.service: {server.name} did not answer with 100,000 rows but with {body[:200]!r}")
    return 3 / (time.perf_counter() - began)


def _print_mix(server: Server, seconds: int) -> None:
    """Have clients ask several kinds of new queries, and print how long they waited."""
    with _script(server, _ROUNDS, _MIXED) as script:
        said = _wrk(server.url(""), "--latency", "-s", script, seconds=seconds)
    slowest = re.findall(r"99%\s+(\S+)", said)[0]
    total = int(re.findall(r"(\d+) requests in", said)[0])
    mix = f"{_CLIENTS} mixed clients"
    print(
        f"{mix:<18}{server.name:<18}{total:>10,} requests in {seconds} s, p99 {slowest}, {_errors(said) or 'no error'}"
    )


def _memory(server: Server) -> Iterator[str]:
    """The memory of the process and of each process below it, shared pages counted in part (Linux)."""
    for pid in (server.pid, *_below(server.pid)):
        with suppress(OSError):
            pss = re.findall(r"Pss:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text())
            name = "server" if pid == server.pid else Path(f"/proc/{pid}/comm").read_text().strip()
            yield f"{name} {int(pss[0]) / 1024:.0f}"


def _below(pid: int) -> Iterator[int]:
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            yield child
            yield from _below(child)


if __name__ == "__main__":
    main()
