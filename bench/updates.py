"""How long a small update takes until it is acknowledged, beside a small store and beside a large one.

    python -m bench.updates [QUADS] [UPDATES]

It writes over HTTP, one update after the other, into a store with a few quads and into one with QUADS (1,000,000), and
prints the median and the slowest of both, and how much the larger store costs.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter

import httpx

from app.store.embedded import EmbeddedStore

__all__ = ["main"]

_QUAD = '<http://example.org/s{n}> <http://example.org/p{p}> "{n}" <http://example.org/g{g}> .\n'


def main() -> None:
    """Measure and print."""
    quads, updates = (int(text) for text in [*sys.argv[1:], "1000000", "100"][:2])
    medians = []
    for size in (1_000, quads):
        with tempfile.TemporaryDirectory() as folder, _serving(_filled(Path(folder), size)) as client:
            seconds = [_update(client, number) for number in range(updates)]
        medians.append(median(seconds))
        print(f"{size:>9,} quads: median {medians[-1] * 1000:.0f} ms, slowest {max(seconds) * 1000:.0f} ms")
    print(f"{quads:,} quads cost {medians[1] / medians[0]:.2f} times what 1,000 do")


def _filled(folder: Path, size: int) -> Path:
    file, data = folder / "quads.nq", folder / "data"
    with file.open("w") as lines:
        lines.writelines(_QUAD.format(n=n, p=n % 50, g=n % 500) for n in range(size))
    with EmbeddedStore(data) as store:
        store.bulk_load([file])
        store.publish()
    file.unlink()
    return data


@contextmanager
def _serving(data: Path) -> Iterator[httpx.Client]:
    command = [sys.executable, "-c", "from app.cli import main; main()", "serve", "--port", "0"]
    environment = {**os.environ, "TRIALWEAVE_DATA": str(data), "TRIALWEAVE_WRITE": "open", "NO_COLOR": "1"}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        try:
            with httpx.Client(base_url=server.stderr.readline().split()[-1], timeout=60) as client:
                yield client
        finally:
            server.terminate()


def _update(client: httpx.Client, number: int) -> float:
    kinds = (
        "INSERT DATA {{ ex:new{n} ex:p 1 GRAPH ex:g7 {{ ex:new{n} ex:p 1 }} }}",
        "DELETE {{ ?s ?p ?o }} INSERT {{ ?s ex:changed ?o }} WHERE {{ VALUES ?s {{ ex:new{n} }} ?s ?p ?o }}",
        "WITH ex:g{n} DELETE {{ ex:s{n} ?p ?o }} WHERE {{ ex:s{n} ?p ?o }}",
    )
    text = "PREFIX ex: <http://example.org/> " + kinds[number % len(kinds)].format(n=number)
    started = perf_counter()
    client.post("/update", data={"update": text}).raise_for_status()
    return perf_counter() - started


if __name__ == "__main__":
    main()
