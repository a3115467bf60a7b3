"""Data directories to export: with the bundled studies, real registry records, or made-up ones."""

from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from app.intake import load
from app.store.embedded import EmbeddedStore
from loaders import readers
from loaders.documents import documents
from loaders.emit import PROVENANCE_GRAPH, emit, emit_provenance
from loaders.record import Source, Study
from tests.paths import SEEDS, SHARED, STUDIES

__all__ = ["bundled", "made_up", "real", "stored"]

_REAL = SHARED / "data" / "ctgov" / "studies"


def stored(data: Path, nquads: bytes) -> Path:
    """Return the data directory with these quads published in it."""
    file = data.with_suffix(".nq")
    file.write_bytes(nquads)
    with EmbeddedStore(data) as store:
        store.bulk_load([file])
        store.publish()
    return data


def bundled(data: Path) -> Path:
    """Return a data directory with the bundled studies, and the seed pages where they are there."""
    load(data, documents([str(STUDIES), *([str(SEEDS)] if SEEDS.is_dir() else [])]))
    return data


def real(data: Path, count: int = 30) -> Path:
    """Return a data directory with so many real registry records, every second one with results."""
    files = sorted(_REAL.glob("*.json"))
    texts = ((path, path.read_bytes()) for path in files)
    small = [(path, text) for path, text in texts if len(text) < 60_000]
    posted = islice((pair for pair in small if b'"resultsSection"' in pair[1]), count // 2)
    unposted = islice((pair for pair in small if b'"resultsSection"' not in pair[1]), count - count // 2)
    found = [record for path, text in (*posted, *unposted) for record in readers.read(text, path.name)]
    return stored(data, _nquads(record for record in found if isinstance(record, Study)))


def made_up(data: Path, *studies: Study) -> Path:
    """Return a data directory with records that a test has made."""
    for study in studies:
        study.source = study.source or Source(kind="CURATED", name="made-up.yaml", sha256="0" * 64)
    return stored(data, _nquads(studies))


def _nquads(studies: Iterable[Study]) -> bytes:
    """The quads of these records as a load stores them, but for the gate, which costs seconds."""
    parts = []
    for study in studies:
        assert study.source
        emission = emit(study)
        about = emit_provenance(study.source, emission.graph, emission.study, "0.1.0")
        parts += [emission.nquads(), about.replace(b" .\n", f" <{PROVENANCE_GRAPH}> .\n".encode())]
    return b"".join(parts)
