"""The store in this machine's own files: one Oxigraph writer on a private copy, and readers of what it published."""

import io
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Self

import pyoxigraph as ox

from app.errors import BadRequest, StoreDamaged, StoreError
from app.store.base import Answer, Change, Query, ReplaceSubjects, StoreInfo
from app.store.evaluation import dump, evaluate, select, syntax_error
from app.store.generations import ENGINE, DataDirectory, engine_errors

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["EmbeddedReader", "EmbeddedStore", "rollback"]

_CHUNK = 5_000
"""Triples in one INSERT DATA: one huge operation takes the engine 1.5 times as long as many small ones."""


class EmbeddedReader:
    """One published generation of a data directory, read-only, and kept from removal until `close`.

    It is the one with the number `generation`, or the current one when that is gone or no number is given. A directory
    that is absent or holds nothing published yet reads as an empty store with generation 0.
    Raises StoreUnreadable when the directory is not ours, StoreDamaged when its generation does not open.
    """

    def __init__(self, data: Path, generation: int = 0) -> None:
        self.data = DataDirectory(data)
        self._lease = self.data.lease(generation)
        self.generation = self._lease.number if self._lease else 0
        try:
            self._store = ox.Store.read_only(str(self._lease.path)) if self._lease else ox.Store()
        except OSError as error:
            self.close()
            raise StoreDamaged(
                f"Generation {self.generation} in {data} does not open ({error}); roll back to the one before."
            ) from error

    def query(self, query: Query, limit: int | None = None) -> Answer:
        """Answer the query; errors as in `evaluation.evaluate`. `limit` is in bytes."""
        body, media_type = evaluate(self._store, query, limit)
        return Answer(body, media_type, self.generation)

    def rows(self, text: str, substitutions: Mapping[str, str] | None = None) -> Iterator[dict[str, str]]:
        """Rows of a SELECT query as plain strings; unbound variables are absent from a row."""
        return select(self._store, Query(text, substitutions=substitutions or {}))

    def dump(self, output: BinaryIO, media_type: str) -> None:
        """Write everything; a format without named graphs gets the union of all graphs. Raises NotAcceptable."""
        dump(self._store, output, media_type)

    def info(self) -> StoreInfo:
        """What this generation holds. Counting reads the whole generation: about 0.6 s a million quads."""
        return StoreInfo(ENGINE, self.generation, len(self._store), str(self.data.path))

    def close(self) -> None:
        """Give the generation up, so that a publisher may remove it."""
        self._store = ox.Store()
        if self._lease:
            self._lease.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class EmbeddedStore:
    """The one writer of a data directory (see `base.Store`).

    It works on a private copy of the published generation, made of hard links in a millisecond and thrown away when
    it is closed or killed: what was not published never happened. Raises StoreInUse, StoreUnreadable, StoreDamaged.
    """

    def __init__(self, data: Path) -> None:
        self.data = DataDirectory(data)
        self.data.lock()
        try:
            self._store = self._open_copy()
        except BaseException:
            self.data.unlock()
            raise

    def _open_copy(self) -> ox.Store:
        with self.data.lease() or nullcontext() as lease, engine_errors(f"opening {self.data.path}"):
            if lease:
                ox.Store.read_only(str(lease.path)).backup(str(self.data.writer))
            return ox.Store(str(self.data.writer))

    def query(self, query: Query) -> Answer:
        """Answer from what this writer has changed so far, published or not. Errors as in `evaluation.evaluate`."""
        body, media_type = evaluate(self._store, query)
        return Answer(body, media_type, self.data.current())

    def rows(self, text: str, substitutions: Mapping[str, str] | None = None) -> Iterator[dict[str, str]]:
        """Rows of a SELECT query as plain strings; unbound variables are absent from a row."""
        return select(self._store, Query(text, substitutions=substitutions or {}))

    def apply(self, changes: Sequence[Change]) -> None:
        """Make all the changes, or none of them. Raises BadRequest for what is no IRI or no N-Triples, StoreFull."""
        if operations := [operation for change in changes for operation in _operations(change)]:
            self.update(";\n".join(operations))

    def update(self, text: str) -> None:
        """Run a SPARQL 1.1 update as one transaction. Raises QuerySyntaxError, BadRequest, StoreFull.

        The default graph of its WHERE is the unnamed graph, not the union: an update says which graphs it reads
        (SPARQL 1.1 Update, section 3.1.3). The caller has refused LOAD and SERVICE before.
        """
        try:
            with engine_errors("changing the store"):
                self._store.update(text)
        except SyntaxError as error:
            raise syntax_error(text, str(error)) from error
        except RuntimeError as error:
            raise BadRequest(f"The update cannot be done, so nothing was changed: {error}.") from error

    def bulk_load(self, files: Sequence[Path]) -> None:
        """Add N-Quads files, faster than `apply`, all of them or none. Raises BadRequest for what is no N-Quads."""
        try:
            with engine_errors("loading files"):
                self._store.bulk_load(io.BufferedReader(_Concatenated(files)), format=ox.RdfFormat.N_QUADS)
        except SyntaxError as error:
            names = ", ".join(path.name for path in files)
            raise BadRequest(f"Not N-Quads, so nothing was loaded from {names}: {error}.") from error

    def publish(self) -> int:
        """Make every change so far visible as a new generation, and return its number. Raises StoreFull."""
        return self.data.publish(self._store)

    def backup(self, target: Path) -> None:
        """Write the published generation into `target` as a data directory of its own, with the same number.

        Raises StoreError when `target` exists or nothing was published, StoreFull.
        """
        if target.exists():
            raise StoreError(f"{target} exists; a backup needs a new folder.")
        with self.data.lease() or nullcontext() as lease:
            if not lease:
                raise StoreError(f"{self.data.path} has published nothing yet, so there is nothing to back up.")
            copy = DataDirectory(target)
            copy.lock()
            try:
                copy.publish(ox.Store.read_only(str(lease.path)), after=lease.number - 1)
            except BaseException:
                shutil.rmtree(target, ignore_errors=True)
                raise
            finally:
                copy.unlock()

    def info(self) -> StoreInfo:
        """What is published; `quads` does not count unpublished changes."""
        with EmbeddedReader(self.data.path) as reader:
            return reader.info()

    def close(self) -> None:
        """Let go of the data directory. Changes that were not published are dropped. Closing again does nothing."""
        self._store = ox.Store()
        self.data.unlock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def rollback(data: Path) -> int:
    """Make the generation before the current one current again and return its number.

    Readers follow within a second. Raises StoreInUse while a writer is open, StoreError when there is none before.
    """
    directory = DataDirectory(data)
    directory.lock()
    try:
        return directory.rollback()
    finally:
        directory.unlock()


def _operations(change: Change) -> Iterator[str]:
    """The change in SPARQL Update. Names go through the engine's own terms, so that no text can break out of them."""
    graph = _iri(change.graph)
    if isinstance(change, ReplaceSubjects):
        yield from (f"DELETE WHERE {{ GRAPH {graph} {{ {_iri(subject)} ?p ?o }} }}" for subject in change.subjects)
    else:
        yield f"DROP SILENT GRAPH {graph}"
    lines = _checked(change).split("\n")
    # Blank node labels mean the same node only within one operation.
    size = len(lines) if "_:" in change.triples.decode() else _CHUNK
    for start in range(0, len(lines), size):
        if block := "\n".join(lines[start : start + size]).strip():
            yield f"INSERT DATA {{ GRAPH {graph} {{\n{block}\n}} }}"


def _checked(change: Change) -> str:
    """The triples as text, which goes into an update as it is: so it has to be N-Triples and nothing else."""
    try:
        for _ in ox.parse(change.triples, format=ox.RdfFormat.N_TRIPLES):
            pass
        return change.triples.decode()
    except (SyntaxError, UnicodeDecodeError) as error:
        raise BadRequest(f"The triples for graph {change.graph} are not N-Triples: {error}.") from error


def _iri(text: str) -> str:
    try:
        return str(ox.NamedNode(text))
    except ValueError as error:
        raise BadRequest(f"{text!r} is not an IRI: {error}.") from error


class _Concatenated(io.RawIOBase):
    """Files read as one, a line break between them: the engine loads one input all or nothing, but not several."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._waiting = iter(files)
        self._open: io.FileIO | None = None

    def readable(self) -> bool:
        """True, as for any input."""
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """Fill the buffer as far as the next file's end; 0 when there is no more."""
        while True:
            if self._open and (size := self._open.readinto(buffer)):
                return size
            ended, self._open = self._open, next(map(io.FileIO, self._waiting), None)
            if ended:
                ended.close()
                memoryview(buffer)[:1] = b"\n"
                return 1
            if not self._open:
                return 0
