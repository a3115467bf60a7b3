"""Vocabularies in the store: MeSH as a whole under NLM's own graph IRI, and the index of its terms beside it.

A run names all the files that MeSH is to consist of. They take the place of what was there, in one generation, or
nothing changes: half a vocabulary is worse than last year's. The index of terms is a file in the data directory, named
by the version of MeSH it was made of; it is made while the files pass, and made again from the store if it is missing.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import file_digest
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from app.description import describe
from app.store.base import Query, ReplaceSubjects, Store
from app.store.generations import engine_errors
from app.store.opening import open_writer
from loaders.emit import PROVENANCE_GRAPH
from loaders.errors import SourceError
from loaders.link.identifiers import BASE
from loaders.link.mesh import MeshIndex, MeshIndexBuilder
from loaders.pipeline import LOADER_VERSION
from loaders.readers.mesh import MESH_GRAPH, VOCABULARY, provenance, triples, version_of

__all__ = ["VocabularySummary", "load_mesh", "mesh_index"]

_PART = 400_000
"""Triples loaded at a time: the engine holds a part in memory, about 1.4 kB a triple, and is slower with small ones."""
_SUBJECTS_AT_ONCE = 10_000


@dataclass(slots=True)
class VocabularySummary:
    """What became of a run: `problems` are for the user, and there are none when the vocabulary is in."""

    files: list[str]
    triples: int = 0
    concepts: int = 0
    generation: int = 0
    unchanged: bool = False
    problems: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Say whether the store now holds the vocabulary that was asked for."""
        return not self.problems

    def line(self) -> str:
        """Return the run in one line."""
        if self.problems:
            return f"MeSH stays as it was: {len(self.problems)} of {len(self.files)} files cannot be read."
        done = "unchanged" if self.unchanged else f"{self.triples:,} triples in <{MESH_GRAPH}>"
        return f"MeSH: {done}, {self.concepts:,} concepts; generation {self.generation} is current."


def load_mesh(
    data: Path, files: Sequence[str], progress: Callable[[int], None] = lambda triples: None
) -> VocabularySummary:
    """Replace MeSH in a data directory by what is in NLM's files, and publish it.

    `progress` is told the number of triples read so far. Raises StoreError: then nothing of the run is visible.
    """
    summary = VocabularySummary(list(dict.fromkeys(files)))
    digests = list(_digests(summary))
    if summary.problems:
        return summary
    version = version_of(digests)
    with open_writer(data) as store:
        if _stored_version(store) == (version, LOADER_VERSION) and (known := mesh_index(data, store)):
            summary.unchanged, summary.concepts = True, len(known)
            summary.generation = store.generation
            return summary
        try:
            index = _replace(store, data, summary, version, progress)
        except SourceError as error:
            summary.problems.append(str(error))
            return summary
        said = provenance(version, digests, LOADER_VERSION, datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
        store.apply([ReplaceSubjects(PROVENANCE_GRAPH, (MESH_GRAPH, f"{BASE}graph/mesh#load"), said)])
        summary.concepts = len(index)
        describe(store, written=1, graphs=1)
        summary.generation = store.publish()
    # After publishing: a run that fails before must leave the index of the MeSH that is still there.
    _save(index, _index_file(data, version))
    return summary


def mesh_index(data: Path, store: Store) -> MeshIndex | None:
    """Return the index of the MeSH that a store holds, None when it holds none.

    The file is made again from the store when it is missing or damaged. Raises StoreError when it cannot be written.
    """
    version, _ = _stored_version(store)
    if version is None:
        return None
    path = _index_file(data, version)
    try:
        return MeshIndex.open(path)
    except (OSError, ValueError):
        answer = store.query(Query(_TERMS, graph_type="application/n-triples"))
        index = MeshIndex.from_triples(answer.body.splitlines(keepends=True), version)
        _save(index, path)
        return index


_STORED_VERSION = f"""
PREFIX tw: <https://w3id.org/trialweave/ontology#>
SELECT ?version ?loader WHERE {{
  GRAPH <{PROVENANCE_GRAPH}> {{ <{MESH_GRAPH}> tw:contentSha256 ?version ; tw:loaderVersion ?loader }}
}}
"""
_SUBJECTS = f"SELECT DISTINCT ?s WHERE {{ GRAPH <{MESH_GRAPH}> {{ ?s ?p ?o }} }}"
_TERMS = f"""
PREFIX meshv: <{VOCABULARY}>
CONSTRUCT {{ ?s ?p ?o }} WHERE {{
  VALUES ?p {{
    meshv:active meshv:treeNumber meshv:preferredConcept meshv:concept meshv:preferredTerm meshv:term meshv:prefLabel
    meshv:altLabel <http://www.w3.org/1999/02/22-rdf-syntax-ns#type>
  }}
  GRAPH <{MESH_GRAPH}> {{ ?s ?p ?o }}
}}
"""


def _stored_version(store: Store) -> tuple[str | None, str | None]:
    """Return which MeSH the store holds, and which version of the program put it there."""
    row = next(iter(store.rows(_STORED_VERSION)), {})
    return row.get("version"), row.get("loader")


def _index_file(data: Path, version: str) -> Path:
    return data / f"mesh-{version[:16]}.index"


def _save(index: MeshIndex, path: Path) -> None:
    """Save the index of this MeSH and remove those of others."""
    with engine_errors(f"writing {path}"):
        index.save(path)
        for other in path.parent.glob("mesh-*.index"):
            if other != path:
                other.unlink(missing_ok=True)


def _digests(summary: VocabularySummary) -> Iterator[str]:
    """Yield the SHA-256 of each file; what cannot be read becomes a problem of the summary."""
    for name in summary.files:
        try:
            with Path(name).open("rb") as file:
                yield file_digest(file, "sha256").hexdigest()
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            summary.problems.append(str(SourceError(name, f"cannot be read: {reason}")))


def _replace(
    store: Store, data: Path, summary: VocabularySummary, version: str, progress: Callable[[int], None]
) -> MeshIndex:
    """Put the triples of all files in the place of MeSH, and return the index of their terms.

    Raises SourceError before anything is changed, and StoreError, after which the store is to be closed.
    """
    builder = MeshIndexBuilder()
    with engine_errors(f"writing to {data}"), TemporaryDirectory(prefix="mesh-", suffix=".part", dir=data) as folder:
        parts: list[Path] = []
        lines = (line for name in summary.files for line in triples(Path(name)))
        while part := list(islice(lines, _PART)):
            for line in part:
                builder.add(line)
            parts.append(Path(folder) / f"{len(parts)}.nq")
            parts[-1].write_bytes(b"".join(part).replace(b" .\n", f" <{MESH_GRAPH}> .\n".encode()))
            summary.triples += len(part)
            progress(summary.triples)
        part = []
        _empty(store)
        for quads in parts:
            store.bulk_load([quads])
    return builder.build(version)


def _empty(store: Store) -> None:
    """Take everything out of MeSH's graph, some subjects at a time: all at once needs 1.5 kB of memory a triple."""
    subjects = [row["s"] for row in store.rows(_SUBJECTS)]
    for start in range(0, len(subjects), _SUBJECTS_AT_ONCE):
        store.apply([ReplaceSubjects(MESH_GRAPH, tuple(subjects[start : start + _SUBJECTS_AT_ONCE]), b"")])
