"""How fast the gate checks studies with results, by each of its engines, on one core.

Run with `make bench` or `python -m bench.validation`. It takes real records of ClinicalTrials.gov from a folder
(../shared/data/ctgov/studies beside the project, or the first argument); where there is none, one made-up record.
"""

import sys
import time
from pathlib import Path
from statistics import median
from typing import get_args

from bench.emission import made_up_study
from loaders import gate
from loaders.emit import emit, emit_provenance
from loaders.readers import clinicaltrials
from loaders.record import Study

RECORDS = Path(__file__).resolve().parents[2] / "shared" / "data" / "ctgov" / "studies"
STUDIES = 24
ENGINES: tuple[gate.Engine, ...] = get_args(gate.Engine)


def main() -> None:
    """Print the median rate of each engine, and the ratio."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else RECORDS
    studies = [triples(study) for study in with_results(folder)] or [triples(made_up_study(20, 3, 50))]
    sizes = [study.count(b"\n") for study in studies]
    print(
        f"{len(studies)} studies with results, of {min(sizes):,} to {max(sizes):,} triples, median {median(sizes):,.0f}"
    )
    for engine in ENGINES:
        gate.validate(studies[0], engine)  # prepares the rules, once a process
    rates = {engine: median(rate(study, engine) for study in studies) for engine in ENGINES}
    for engine, each in rates.items():
        print(f"{engine:10} {each:10,.0f} triples/s (median)")
    fast, reference = rates.values()
    print(f"ratio      {fast / reference:10.1f}")


def with_results(folder: Path) -> list[Study]:
    """Return some records with results, spread evenly over their sizes; the largest tenth is left out."""
    paths = sorted(folder.glob("*.json"), key=lambda path: (path.stat().st_size, path.name))
    paths = [path for path in paths if b'"resultsSection"' in path.read_bytes()]
    some = paths[: len(paths) * 9 // 10]
    read = [next(clinicaltrials.read(path.read_bytes(), path.name)) for path in some[:: max(1, len(some) // STUDIES)]]
    return [study for study in read if isinstance(study, Study)]


def triples(study: Study) -> bytes:
    """Return a study as the gate gets it."""
    assert study.source
    emission = emit(study)
    return emission.triples + emit_provenance(study.source, emission.graph, emission.study, "0.1.0")


def rate(study: bytes, engine: gate.Engine) -> float:
    """Return how many triples an engine checks in a second."""
    started = time.perf_counter()
    gate.validate(study, engine)
    return study.count(b"\n") / (time.perf_counter() - started)


if __name__ == "__main__":
    main()
