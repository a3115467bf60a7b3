"""How fast the gate checks real records, and how many times as fast as pySHACL on the same studies, on one core.

Run with `make bench` or `python -m bench.validation`. It takes real records of ClinicalTrials.gov and PubMed from a
folder with `ctgov/studies` and `pubmed/articles` (../shared/data beside the project, or the first argument); where
there is none, one made-up record. All times are processor time.
"""

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

from bench.emission import made_up_study
from loaders import gate, readers, shacl_fast
from loaders.emit import emit, emit_article, emit_provenance
from loaders.record import Article, Study
from loaders.shacl import shapes
from loaders.shacl_screen import screen

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
WARM_UP = 40
BESIDE = 24
"""How many studies with results are given to pySHACL too; it takes seconds for each."""
RUNS = 5
"""How often the gate looks at them: it is done before a busy machine evens out, so the median counts."""


def main() -> None:
    """Print what each kind of record costs, where that goes, and the ratio to pySHACL."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else DATA
    records = graphs(folder / "ctgov" / "studies", "*.json") or [triples(made_up_study(20, 3, 50))]
    articles = graphs(folder / "pubmed" / "articles", "*.xml")
    report("registry records", records)
    if articles:
        report("articles", articles)
    where_time_goes(records)
    beside_pyshacl(records)


def report(name: str, data: Sequence[bytes]) -> None:
    """Print how many graphs and triples pass the gate in a second."""
    gate.validate_all(data[:WARM_UP])  # prepares the rules, once a process
    taken = seconds(lambda: gate.validate_all(data))
    size = count(data)
    print(f"{name:22} {len(data):7,} graphs {size:11,} triples {size / taken:11,.0f} triples/s "
          f"{len(data) / taken:9,.0f} graphs/s")  # fmt: skip


def where_time_goes(data: Sequence[bytes]) -> None:
    """Print the share of the quick look in the gate's time; the rest is the engine on what it leaves."""
    rules = shapes("registry")
    parts = [part for each in data for part in screen(rules).parts(each)]
    whole = seconds(lambda: gate.validate_all(data))
    look = seconds(lambda: [screen(rules).parts(each) for each in data])
    engine = seconds(lambda: [shacl_fast.run(triples, shape) for shape, triples in parts])
    left = sum(triples.count(b"\n") for _, triples in parts)
    print(f"  of {whole:.2f} s: quick look {look:.2f} s, reports {max(0.0, whole - look - engine):.2f} s, ", end="")
    print(f"engine {engine:.2f} s ({len(parts):,} rules that may fail, on {left:,} triples)")


def beside_pyshacl(data: Sequence[bytes]) -> None:
    """Print both engines' rates over studies with results of all sizes, and whether they find the same."""
    with_results = sorted((each for each in data if b"ontology#forCohort>" in each), key=len)
    some = with_results[: len(with_results) * 9 // 10 + 1][:: max(1, len(with_results) // BESIDE)]
    gate.validate_all(some)  # parses the queries of results, once a process
    gate.validate(some[0], "pyshacl")
    reports: dict[str, list[gate.Report]] = {}
    fast = median(seconds(lambda: reports.update(fast=gate.validate_all(some))) for _ in range(RUNS))
    slow = seconds(lambda: reports.update(slow=gate.validate_all(some, "pyshacl")))
    size = count(some)
    same = "the same reports" if reports["fast"] == reports["slow"] else "REPORTS DIFFER"
    print(f"beside pySHACL, {len(some)} studies of {size:,} triples: gate {size / fast:,.0f} triples/s, "
          f"pySHACL {size / slow:,.0f} triples/s, {same}")  # fmt: skip
    print(f"ratio                  {slow / fast:.1f}")


def graphs(folder: Path, pattern: str) -> list[bytes]:
    """Return what the gate gets of each record in a folder."""
    documents = ((path.name, path.read_bytes()) for path in sorted(folder.glob(pattern)))
    records = (record for name, data in documents for record in readers.read(data, name, "auto"))
    return [triples(record) for record in records if isinstance(record, Study | Article)]


def triples(record: Study | Article) -> bytes:
    """Return a record as the gate gets it."""
    assert record.source
    emission = emit_article(record) if isinstance(record, Article) else emit(record)
    provenance = emit_provenance(record.source, emission.graph, emission.study, "0.1.0")
    return emission.triples + provenance + emission.links


def count(data: Sequence[bytes]) -> int:
    """Return how many triples some graphs have."""
    return sum(each.count(b"\n") for each in data)


def seconds(work: Callable[[], object]) -> float:
    """Return the processor time that some work takes."""
    started = time.process_time()
    work()
    return time.process_time() - started


if __name__ == "__main__":
    main()
