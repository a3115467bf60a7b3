"""How long until the bundled studies answer: loading, first answer after start, a point query over HTTP, peak memory.

Run with `make bench` or `python -m bench.first_light`. Times are medians of several runs on the machine at hand.
"""

import http.client
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from urllib.parse import urlencode

ROOT = Path(__file__).resolve().parent.parent
COMMAND = str(Path(sys.executable).parent / "trialweave")
POINT_QUERY = """
PREFIX tw: <https://w3id.org/trialweave/ontology#>
SELECT ?value ?lower ?upper WHERE {
  <https://w3id.org/trialweave/study/NCT01363401/effect/alsfrs-r-month-4>
    tw:value ?value ; tw:ciLower ?lower ; tw:ciUpper ?upper .
}
"""
RUNS = 5
QUERIES = 500


def main() -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as folder:
        loads = [_timed_load(Path(folder) / str(run)) for run in range(RUNS)]
        data = Path(folder) / "0"
        starts, latencies, memory = [], [], 0
        for run in range(RUNS):
            with _server(data) as (process, connection, first_answer):
                starts.append(first_answer)
                if run == 0:
                    latencies = [_ask(connection) for _ in range(QUERIES)]
                memory = max(memory, _peak_memory(process.pid))
    print(f"load and validate the bundled studies   {median(loads):8.2f} s    (median of {RUNS}, process start to end)")
    print(f"process start to first answer           {median(starts):8.2f} s    (median of {RUNS})")
    print(f"point query over HTTP                   {median(latencies) * 1000:8.2f} ms   (median of {QUERIES})")
    print(f"peak memory, server and its workers     {memory / 1024**2:8.0f} MiB  (sum of the processes' peaks)")


def _timed_load(data: Path) -> float:
    started = time.perf_counter()
    subprocess.run([COMMAND, "load", "studies", "--data", str(data)], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


@contextmanager
def _server(data: Path) -> Iterator[tuple[subprocess.Popen[str], http.client.HTTPConnection, float]]:
    """Start a server and yield it, a connection to it, and the seconds until it gave its first answer."""
    started = time.perf_counter()
    command = [COMMAND, "serve", "--data", str(data), "--port", "0"]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        port = int(process.stderr.readline().rstrip("/\n").rpartition(":")[2])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        _ask(connection)
        yield process, connection, time.perf_counter() - started
    finally:
        process.terminate()
        process.wait(timeout=10)
        if process.stderr:
            process.stderr.close()


def _ask(connection: http.client.HTTPConnection) -> float:
    started = time.perf_counter()
    connection.request("GET", "/sparql?" + urlencode({"query": POINT_QUERY}), headers={"Accept": "application/json"})
    answer = json.loads(connection.getresponse().read())
    took = time.perf_counter() - started
    assert answer["results"]["bindings"][0]["value"]["value"] == "2.98"
    return took


def _peak_memory(pid: int) -> int:
    """Return the sum of the peak resident sizes, in bytes, of a process and those below it (Linux only, else 0)."""
    total = 0
    for process in [pid, *_children(pid)]:
        status = Path(f"/proc/{process}/status")
        if status.exists():
            peak = next((line for line in status.read_text().splitlines() if line.startswith("VmHWM")), "VmHWM: 0 kB")
            total += int(peak.split()[1]) * 1024
    return total


def _children(pid: int) -> list[int]:
    below: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            below += [child, *_children(child)]
    return below


if __name__ == "__main__":
    main()
