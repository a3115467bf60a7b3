"""How fast registry records become a published generation, and where the time goes, by processes and amount of work.

Run with `python -m bench.registry [FOLDER] [TIMES]`: FOLDER has records of ClinicalTrials.gov as JSON files, and TIMES
says how often they are multiplied under fresh NCT ids. The first figures are of the gate as it is, the others without
it, to show what the pipeline itself takes. The stages are those of `app.expense`, in seconds of processor time; `cpu`
is all of it, with what starting takes, and tells more than the clock (`total`) on a machine that is busy with other
things. The peak is that of the memory of all processes together.
"""

import multiprocessing
import os
import resource
import subprocess
import sys
import threading
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson

from app.intake import Summary, load
from loaders import gate
from loaders.documents import documents

__all__ = ["HEADER", "STAGES", "Figures", "growth", "measure"]

Figures = dict[str, float]

GATE = "TRIALWEAVE_BENCH_GATE"
STAGES = ("read", "emit", "gate", "processes", "intake", "store", "merge", "describe")
HEADER = (
    f"gate  input           jobs  records     triples  triples/s{''.join(f'{stage:>10}' for stage in STAGES)}"
    "    total     cpu  us/triple  peak MB"
)
_RECORDS = Path(__file__).resolve().parents[2] / "shared" / "data" / "ctgov" / "studies"

# Here, because the processes that read documents come by this module too, and by no other line of the bench.
if os.environ.get(GATE) == "off":
    setattr(gate, "validate", lambda triples: gate.Report())  # noqa: B010
    setattr(gate, "validate_all", lambda graphs: [gate.Report() for _ in graphs])  # noqa: B010


def main() -> None:
    """Print the figures of every way to load the records, each in a process of its own."""
    if sys.argv[1:2] == ["--one"]:
        _one(sys.argv[2], int(sys.argv[3]))
        return
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else _RECORDS
    times = int(sys.argv[2]) if len(sys.argv) > 2 else 20
    print(HEADER)
    with TemporaryDirectory() as scratch:
        many = Path(scratch) / "many.jsonl"
        _multiply(folder, times, many)
        for switch in ("on", "off"):
            measure(folder, 1, switch)
            print(f"{times} times the work {growth(measure(folder, 2, switch), measure(many, 2, switch))}", flush=True)


def _multiply(folder: Path, times: int, target: Path) -> None:
    """Write the records, each `times` under other NCT ids, as JSON lines."""
    with target.open("wb") as output:
        for number, path in enumerate(sorted(folder.glob("*.json"))):
            record = path.read_bytes()
            nct = orjson.loads(record)["protocolSection"]["identificationModule"]["nctId"].encode()
            for copy in range(times):
                fresh = record.replace(nct, b"NCT%08d" % (90_000_000 + number * times + copy))
                output.write(orjson.dumps(orjson.loads(fresh)) + b"\n")


def growth(few: Figures, many: Figures) -> str:
    """Return how much longer many records take than few."""
    clock, cpu = (many[what] / few[what] for what in ("total", "cpu"))
    return f"takes {clock:.1f} times as long and {cpu:.1f} times the processor time"


def measure(source: Path, jobs: int, switch: str = "on") -> Figures:
    """Print one line, and return its figures: seconds by stage, on the clock (total) and of processor time (cpu)."""
    command = [sys.executable, "-m", "bench.registry", "--one", str(source), str(jobs)]
    done = subprocess.run(command, env={**os.environ, GATE: switch}, check=True, capture_output=True, text=True)
    figures: Figures = orjson.loads(done.stdout)
    stages = "".join(f"{figures[stage]:10.1f}" for stage in STAGES)
    records, triples, rate = figures["records"], figures["triples"], figures["triples"] / figures["total"]
    line = f"{switch:4}  {source.name:14}  {jobs:4}  {records:7,}  {triples:10,}  {rate:9,.0f}{stages}"
    each = figures["cpu"] / triples * 1e6
    print(f"{line} {figures['total']:8.1f}{figures['cpu']:8.1f}  {each:9.1f}  {figures['peak']:7,.0f}", flush=True)
    return figures


def _one(source: str, jobs: int) -> None:
    with TemporaryDirectory() as data, _Peak() as peak:
        summary: Summary = load(Path(data) / "data", documents([source]), jobs=jobs, key="bench")
    used = (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    figures = {
        "records": sum(summary.counts.values()),
        "triples": summary.triples,
        "peak": peak.bytes / 1024**2,
        "cpu": sum(part.ru_utime + part.ru_stime for part in used),
    }
    print(orjson.dumps({**figures, **summary.seconds}).decode())


class _Peak:
    """The most memory that this process and its children have had at a time, looked at ten times a second."""

    def __enter__(self) -> "_Peak":
        self.bytes = 0
        self._over = threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()

    def _watch(self) -> None:
        while not self._over.wait(0.1):
            children = [child.pid for child in multiprocessing.active_children()]
            self.bytes = max(self.bytes, sum(_resident(pid) for pid in (os.getpid(), *children)))


def _resident(pid: int | None) -> int:
    """Return the bytes of memory that a process has (proc(5), statm); none when it has ended."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except (OSError, IndexError):
        return 0
    return pages * resource.getpagesize()


if __name__ == "__main__":
    main()
