"""How fast registry records become a published generation, and where the time goes, by processes and amount of work.

Run with `python -m bench.registry [FOLDER] [TIMES]`: FOLDER has records of ClinicalTrials.gov as JSON files, and TIMES
says how often they are multiplied under fresh NCT ids. The first figures are of the gate as it is, the others without
it, to show what the pipeline itself takes. Seconds of read, emit and gate are summed over processes; `cpu` is the
processor time of all of them, which tells more than the clock on a machine that is busy with other things.
"""

import os
import resource
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson

from app.intake import Summary, load
from loaders import gate
from loaders.documents import documents

_GATE = "TRIALWEAVE_BENCH_GATE"
_RECORDS = Path(__file__).resolve().parents[2] / "shared" / "data" / "ctgov" / "studies"

# Here, because the processes that read documents come by this module too, and by no other line of the bench.
if os.environ.get(_GATE) == "off":
    gate.validate = lambda triples: gate.Report()


def main() -> None:
    """Print the figures of every way to load the records, each in a process of its own."""
    if sys.argv[1:2] == ["--one"]:
        _one(Path(sys.argv[2]), int(sys.argv[3]))
        return
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else _RECORDS
    times = int(sys.argv[2]) if len(sys.argv) > 2 else 20
    print("gate  records         jobs     quads     quads/s    read    emit    gate   store   total     cpu   peak MB")
    with TemporaryDirectory() as scratch:
        many = Path(scratch) / "many.jsonl"
        _multiply(folder, times, many)
        for switch in ("on", "off"):
            for jobs in (1, 2):
                _measure(folder, jobs, switch)
        once = _measure(folder, 2, "off")
        print(f"{times} times the work takes {_measure(many, 2, 'off') / once:.1f} times as long")


def _multiply(folder: Path, times: int, target: Path) -> None:
    """Write the records, each `times` under other NCT ids, as JSON lines."""
    with target.open("wb") as output:
        for number, path in enumerate(sorted(folder.glob("*.json"))):
            record = path.read_bytes()
            nct = orjson.loads(record)["protocolSection"]["identificationModule"]["nctId"].encode()
            for copy in range(times):
                fresh = record.replace(nct, b"NCT%08d" % (90_000_000 + number * times + copy))
                output.write(orjson.dumps(orjson.loads(fresh)) + b"\n")


def _measure(source: Path, jobs: int, switch: str) -> float:
    """Print one line, and return the seconds it took."""
    command = [sys.executable, "-m", "bench.registry", "--one", str(source), str(jobs)]
    done = subprocess.run(command, env={**os.environ, _GATE: switch}, check=True, capture_output=True, text=True)
    figures = orjson.loads(done.stdout)
    stages = "".join(f"{figures[stage]:8.1f}" for stage in ("read", "emit", "gate", "store", "total", "cpu"))
    quads, peak, rate = figures["quads"], figures["peak"], figures["quads"] / figures["total"]
    print(f"{switch:4}  {source.name:14}  {jobs:4}  {quads:9,}  {rate:10,.0f}{stages}  {peak:8,.0f}", flush=True)
    return float(figures["total"])


def _one(source: Path, jobs: int) -> None:
    with TemporaryDirectory() as data:
        summary: Summary = load(Path(data) / "data", documents([str(source)]), jobs=jobs)
    own, others = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = sum(used.ru_utime + used.ru_stime for used in (own, others))
    # Of this process, and of the largest of those that read documents, in kB (getrusage(2)).
    peak = own.ru_maxrss + jobs * others.ru_maxrss
    print(orjson.dumps({"quads": summary.triples, "peak": peak / 1024, "cpu": cpu, **summary.seconds}).decode())


if __name__ == "__main__":
    main()
