"""The store in this machine's own files: one Oxigraph writer on a private copy, and readers of what it published."""

import io
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Self

import pyoxigraph as ox

from app.errors import BadRequest, QuerySyntaxError, StoreDamaged, StoreError
from app.store.base import Answer, Change, Query, StoreInfo
from app.store.changes import as_update
from app.store.evaluation import dump, evaluate, evaluate_into, select
from app.store.generations import ENGINE, DataDirectory, engine_errors
from app.store.union import count_named, with_union, without_graphs

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["PATIENCE", "Check", "EmbeddedReader", "EmbeddedStore", "copy_published", "rollback"]

PATIENCE = 10.0
"""Seconds that loading and the service wait for each other: a write over HTTP holds the directory for a moment."""

Check = Callable[[frozenset[str]], None]
"""Looks at a change before it counts, given the names of the graphs that were written to; it raises to undo it."""

_BLOCK = 1024 * 1024
"""Bytes of N-Quads looked at together."""

_MUCH, _SHARE = 32 * 1024 * 1024, 1 / 4
"""Bytes of new files, and their share of the store, from which on these are merged before they are published."""

_TOO_MUCH = 1024 * 1024 * 1024
"""Bytes of a store from which on it is left to the engine, which merges most of it while it is loaded: the rest of 17
million quads keeps one core busy for minutes."""


def _unchecked(graphs: frozenset[str]) -> None:
    """Let every change pass."""


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
        except (OSError, RuntimeError) as error:
            self.close()
            raise StoreDamaged(
                f"Generation {self.generation} in {data} does not open ({error}); roll back to the one before."
            ) from error

    def query(self, query: Query, limit: int | None = None) -> Answer:
        """Answer the query; errors as in `evaluation.evaluate`. `limit` is in bytes."""
        body, media_type = evaluate(self._store, query, limit)
        return Answer(body, media_type, self.generation)

    def write_answer(self, output: BinaryIO, query: Query, limit: int | None = None) -> str:
        """Write the answer into a file while it is made, and return its media type; errors as those of `query`.

        After an error there may be a part of the answer in the file.
        """
        return evaluate_into(output, self._store, query, limit)

    def rows(self, text: str, substitutions: Mapping[str, str] | None = None) -> Iterator[dict[str, str]]:
        """Rows of a SELECT query as plain strings; unbound variables are absent from a row."""
        return select(self._store, Query(text, substitutions=substitutions or {}))

    def quads(
        self,
        subject: ox.NamedNode | None = None,
        predicate: ox.NamedNode | None = None,
        object: ox.NamedNode | None = None,
        graph: ox.NamedNode | None = None,
    ) -> Iterator[ox.Quad]:
        """Yield the quads that match, as the engine finds them; None matches anything.

        Those of a graph come together, and in there those of a subject. Use the iterator on one thread.
        """
        with engine_errors("reading the store"):
            yield from self._store.quads_for_pattern(subject, predicate, object, graph)

    def dump(self, output: BinaryIO, media_type: str) -> None:
        """Write everything; a format without named graphs gets the union of all graphs. Raises NotAcceptable."""
        dump(self._store, output, media_type)

    def info(self) -> StoreInfo:
        """What this generation holds. Counting reads the whole generation: about 1 s a million quads."""
        return StoreInfo(ENGINE, self.generation, count_named(self._store), str(self.data.path))

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
    it is closed or killed: what was not published never happened. Another writer is waited for `patience` seconds.
    Raises StoreInUse, StoreUnreadable, StoreDamaged.
    """

    is_private = True

    def __init__(self, data: Path, patience: float = 0) -> None:
        self.data = DataDirectory(data)
        self.data.lock(patience)
        self._numbers = count()
        self._changed = False
        try:
            self._store = self._open_copy()
        except BaseException:
            self.data.unlock()
            raise

    def _open_copy(self) -> ox.Store:
        with self.data.lease() or nullcontext() as lease, engine_errors(f"opening {self.data.path}"):
            folder = self._new_folder()
            if lease:
                ox.Store.read_only(str(lease.path)).backup(folder)
            return self._open(folder)

    def _open(self, folder: str) -> ox.Store:
        self._folder = folder
        return ox.Store(folder)

    def _new_folder(self) -> str:
        """Where a private copy can go: never where one was, as the engine may not have let go of that yet."""
        self.data.writer.mkdir(exist_ok=True)
        return str(self.data.writer / str(next(self._numbers)))

    @contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        """Go back to what the writer holds now when what is done meanwhile fails."""
        if not self._changed:
            with self._from_published():
                yield
            return
        checkpoint = self._new_folder()
        with engine_errors("keeping what to go back to"):
            self._store.backup(checkpoint)
            before = ox.Store.read_only(checkpoint)
        try:
            yield
        except BaseException:
            self._go_back(before)
            raise
        finally:
            shutil.rmtree(checkpoint, ignore_errors=True)

    @contextmanager
    def _from_published(self) -> Iterator[None]:
        """Go back to the published generation, which holds what this store does as long as nothing was changed."""
        self._changed = True
        try:
            yield
        except BaseException:
            try:
                self._store = self._open_copy()
            except BaseException:
                self.close()
                raise
            self._changed = False
            raise

    def _go_back(self, before: ox.Store) -> None:
        folder = self._new_folder()
        try:
            with engine_errors("undoing a change"):
                before.backup(folder)
                self._store = self._open(folder)
        except BaseException:
            # Rather no writer than one that could publish half a change.
            self.close()
            raise

    def query(self, query: Query) -> Answer:
        """Answer from what this writer has changed so far, published or not. Errors as in `evaluation.evaluate`."""
        body, media_type = evaluate(self._store, query)
        return Answer(body, media_type, self.data.current())

    def rows(self, text: str, substitutions: Mapping[str, str] | None = None) -> Iterator[dict[str, str]]:
        """Rows of a SELECT query as plain strings; unbound variables are absent from a row."""
        return select(self._store, Query(text, substitutions=substitutions or {}))

    def apply(self, changes: Sequence[Change]) -> bool:
        """Make all the changes, or none of them, and say whether the store is any different now.

        Raises BadRequest for what is no IRI or no N-Triples and for blank nodes, StoreFull.
        """
        with engine_errors("comparing with the store"):
            update = as_update(self._store, changes)
        if update:
            self._changed = True
            with engine_errors("changing the store"):
                self._store.update(update)
        return bool(update)

    def update(
        self,
        text: str,
        using: tuple[str, ...] | None = None,
        using_named: tuple[str, ...] | None = None,
        *,
        base_iri: str | None = None,
        check: Check = _unchecked,
    ) -> None:
        """Run a SPARQL 1.1 update as one transaction. Raises QuerySyntaxError, BadRequest, StoreFull.

        See `updating` for what it means here, and for `using` and `using_named`. `check` gets the names of the graphs
        that were written to; what it raises undoes the update. The caller has refused LOAD and SERVICE before.
        """
        from app.store.updating import run_update  # brings a parser, which query workers must not wait for

        with self._changing():
            check(run_update(self._store, text, using, using_named, base_iri))

    def put(
        self, graph: str, documents: Sequence[tuple[str, bytes]], *, replace: bool, check: Check = _unchecked
    ) -> bool:
        """Make the documents the graph's content, or add them to that; say whether the graph is new.

        A document is a media type and its bytes. Its blank nodes become new ones, and its relative IRIs are relative to
        the graph's. Raises BadRequest, StoreFull.
        """
        from app.store.updating import read_graph, write

        with self._changing():
            name = ox.NamedNode(graph)
            new = not self._store.contains_named_graph(name)
            before = set(self._store.quads_for_pattern(None, None, None, name)) if replace else set()
            quads = (read_graph(body, media_type, name) for media_type, body in documents)
            write(self._store, before, set().union(*quads))
            self._store.add_graph(name)
            check(frozenset({graph}))
        return new

    def holds(self, graph: str) -> bool:
        """Say whether there is a named graph of that name, be it an empty one."""
        return self._store.contains_named_graph(ox.NamedNode(graph))

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Change the store all or nothing, with the engine's errors in our words."""
        try:
            with self._all_or_nothing(), engine_errors("changing the store"):
                yield
        except SyntaxError as error:
            raise QuerySyntaxError(f"The update is not SPARQL: {error}.") from error
        except (RuntimeError, ValueError) as error:
            raise BadRequest(f"The update cannot be done, so nothing was changed: {error}.") from error

    def bulk_load(self, files: Sequence[Path]) -> None:
        """Add N-Quads files, faster than `apply`, all of them or none.

        Raises BadRequest for what is no N-Quads, has blank nodes or names no graph.
        """
        self.data.writer.mkdir(exist_ok=True)
        union = self.data.writer / "union.nt"
        try:
            with self._all_or_nothing(), engine_errors("loading files"):
                if _write_union(files, union):
                    self._load_side_by_side(files, union)
                else:
                    quads = ox.parse(io.BufferedReader(_Concatenated(files)), format=ox.RdfFormat.N_QUADS)
                    self._store.bulk_extend(with_union(quads))
        except SyntaxError as error:
            names = ", ".join(path.name for path in files)
            raise BadRequest(f"Not N-Quads, so nothing was loaded from {names}: {error}.") from error
        finally:
            union.unlink(missing_ok=True)

    def _load_side_by_side(self, quads: Sequence[Path], union: Path) -> None:
        """Load files of quads while the triples of their union are loaded: the engine uses one core for each."""
        inputs = [*((file, ox.RdfFormat.N_QUADS) for file in quads), (union, ox.RdfFormat.N_TRIPLES)]
        from concurrent.futures import ThreadPoolExecutor  # brings logging, which no query worker needs

        with ThreadPoolExecutor(2) as threads:
            loads = [threads.submit(self._store.bulk_load, path=str(path), format=form) for path, form in inputs]
        for load in loads:
            load.result()

    @property
    def generation(self) -> int:
        """The number of the published generation, 0 when there is none."""
        return self.data.current()

    def upcoming(self) -> int:
        """The number that the next generation will have."""
        return self.data.upcoming()

    def load_sound(self, file: Path) -> None:
        """Add an N-Quads file whose lines are known to be sound: each triple once in its graph and once in none.

        The engine does not check the IRIs again, which takes a tenth of the time that loading takes. Whatever goes
        wrong, half of the file may be in: the store is closed then. Raises StoreError.
        """
        try:
            with engine_errors("loading new graphs"):
                self._store.bulk_load(path=str(file), format=ox.RdfFormat.N_QUADS, lenient=True)
        except BaseException as error:
            self.close()
            if isinstance(error, SyntaxError):
                raise StoreError(f"Not N-Quads, so nothing was loaded: {error}; please report this.") from error
            raise

    def checkpoint(self, folder: Path) -> None:
        """Keep what this writer holds now, published or not, in a new folder: hard links, made in milliseconds."""
        with engine_errors(f"writing {folder}"):
            self._store.backup(str(folder))

    def restore(self, folder: Path) -> None:
        """Hold what a checkpoint holds, and nothing else. Raises StoreError; then nothing has changed."""
        with engine_errors(f"opening {folder}"):
            copy = self._new_folder()
            ox.Store.read_only(str(folder)).backup(copy)
            self._store = self._open(copy)

    def publish(self, *, written: bool = False) -> int:
        """Make every change so far visible as a new generation, and return its number. Raises StoreFull.

        `written` says that writes over HTTP made the changes, which push no load out of reach of a rollback.
        """
        if not written and self._is_to_be_merged():
            with engine_errors("merging the store's files"):
                self._store.optimize()
        return self.data.publish(self._store, written=written)

    def _is_to_be_merged(self) -> bool:
        """Whether much of the store came in with what is not published yet, and there is room on the disk.

        A bulk load leaves files side by side that queries have to look into one by one. To merge them takes a tenth of
        the time that the load took, and everything is written again; so it must be worth it. No load may fail of it.
        """
        tables: dict[int, int] = {}
        for path in Path(self._folder).glob("*.sst"):
            with suppress(FileNotFoundError):  # The engine merges some by itself, meanwhile.
                status = path.stat()
                tables[status.st_ino] = status.st_size
        published = self.data.published_files()
        new = sum(size for inode, size in tables.items() if inode not in published)
        size = sum(tables.values())
        is_worth_it = size <= _TOO_MUCH and new >= max(_MUCH, _SHARE * size)
        return is_worth_it and shutil.disk_usage(self._folder).free > 2 * size

    def backup(self, target: Path) -> None:
        """Write the published generation into `target` as a data directory of its own, with the same number.

        Raises StoreError when `target` exists or nothing was published, StoreFull.
        """
        copy_published(self.data, target)

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


def copy_published(data: DataDirectory, target: Path) -> int:
    """Write the published generation into `target` as a data directory of its own; return its number, which it keeps.

    No lock is needed: readers and a writer go on. Raises StoreError when `target` exists or nothing was published,
    StoreFull.
    """
    if target.exists():
        raise StoreError(f"{target} exists; a backup needs a new folder.")
    with data.lease() or nullcontext() as lease:
        if not lease:
            raise StoreError(f"{data.path} has published nothing yet, so there is nothing to back up.")
        copy = DataDirectory(target)
        copy.lock()
        try:
            with engine_errors(f"reading generation {lease.number}"):
                store = ox.Store.read_only(str(lease.path))
            return copy.publish(store, after=lease.number - 1)
        except BaseException:
            shutil.rmtree(target, ignore_errors=True)
            raise
        finally:
            copy.unlock()


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


def _write_union(files: Sequence[Path], target: Path) -> bool:
    """Write the triples of plainly written N-Quads files as N-Triples; False for files that take a parser.

    The engine then reads both without making an object of Python for each quad, and other threads go on meanwhile.
    """
    with target.open("wb") as output:
        for file in files:
            with file.open("rb") as quads:
                while lines := quads.read(_BLOCK):
                    triples = without_graphs(lines + quads.readline())
                    if triples is None:
                        return False
                    output.write(triples)
    return True


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
