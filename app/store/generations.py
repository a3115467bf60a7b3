"""The data directory: immutable published generations, the pointer to the current one, and the locks that guard them.

    FORMAT               which layout and engine wrote this directory
    LOCK                 held (flock) by the one process that writes
    CURRENT              the number of the published generation; 0 until the first one
    generations/000007   one published generation: a checkpoint of the engine, never changed again
    generations/000007.lock       readers hold it shared, whoever removes the generation needs it alone
    generations/000007.withdrawn  rolled back: not to be returned to, and its number never given again
    generations/000007.written    made by writes over HTTP, and not by a load
    writer/              the writer's own copies; thrown away whenever a writer starts

A generation becomes visible by one atomic rename of CURRENT: a reader sees all of it or none, whatever is killed when.
"""

import errno
import fcntl
import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep

import pyoxigraph as ox

from app.errors import StoreDamaged, StoreError, StoreFull, StoreInUse, StoreUnreadable

__all__ = ["ENGINE", "KEEP", "LAYOUT", "DataDirectory", "Lease", "engine_errors"]

LAYOUT = 2
"""The version of the directory layout; a directory with another number is not opened.

In layout 1, the unnamed graph was empty; since 2 it holds the union of the named graphs.
"""

ENGINE = f"oxigraph {ox.__version__}"

KEEP = 3
"""Generations that stay on disk: the last ones, so that one can roll back, and as many of the last that loads made.

Otherwise three small writes over HTTP would make a load that was wrong, and the one before it, impossible to undo.
"""

_NUMBERED = re.compile(r"(\d{6,})(\.lock|\.withdrawn|\.written)?")
_AGAIN = 0.02
"""Seconds between attempts to get the writer's lock."""

# A writer makes these two before FORMAT is there; a mounted volume brings the third, a service that writes the next
# two, and a harvest the last one.
_HARMLESS = {"LOCK", "FORMAT.new", "lost+found", "audit.log", "api-keys.json", "harvests"}
_FULL = re.compile(r"no space left on device|disk quota exceeded|file too large", re.IGNORECASE)


@contextmanager
def engine_errors(doing: str) -> Iterator[None]:
    """Turn what the engine or the file system raises while `doing` something into one of the store's errors.

    The engine reports every failure as OSError with its own text and no errno, hence the look at the words.
    """
    try:
        yield
    except BrokenPipeError:
        raise  # Whoever reads our output has gone, which is no failure of the store.
    except OSError as error:
        text = str(error)
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) or _FULL.search(text):
            raise StoreFull(
                f"The disk is full while {doing}; make room and do it again. Nothing published is lost."
            ) from error
        if error.errno == errno.EROFS or "read-only file system" in text.lower():
            raise StoreError(
                f"The disk is read-only, seen while {doing}; make it writable, or name another folder."
            ) from error
        _raise_if_damaged(error, doing)
        raise StoreError(f"The store failed while {doing}: {text}.") from error
    except RuntimeError as error:
        # What the engine finds while it reads on is of this kind; so are faults of a query, which are not ours.
        _raise_if_damaged(error, doing)
        raise


def _raise_if_damaged(error: Exception, doing: str) -> None:
    if "Corruption" in str(error):
        raise StoreDamaged(f"The store is damaged, found while {doing}: {error}") from error


class Lease:
    """A reader's claim on one generation: while it is held, the generation is not removed. A context manager."""

    def __init__(self, number: int, path: Path, descriptor: int) -> None:
        self.number = number
        self.path = path
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the generation up; calling it again does nothing. The kernel does the same when the process dies."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> "Lease":
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


class DataDirectory:
    """One data directory, seen by a writer or a reader. Making the object touches nothing on disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.writer = path / "writer"
        self._generations = path / "generations"
        self._current = path / "CURRENT"
        self._lock = -1

    # What is there

    def check(self) -> None:
        """Raise StoreUnreadable unless the path is absent, empty, or a data directory of this layout."""
        if not self.path.exists():
            return
        if not self.path.is_dir():
            raise StoreUnreadable(f"{self.path} is a file; a data directory is needed.")
        try:
            names = {entry.name for entry in self.path.iterdir()}
            written = (self.path / "FORMAT").read_text(encoding="utf-8") if "FORMAT" in names else None
        except PermissionError as error:
            raise StoreUnreadable(f"{self.path} may not be read by this user: {error.strerror}.") from error
        if written is not None:
            self._check_format(written)
        elif names - _HARMLESS:
            raise StoreUnreadable(
                f"{self.path} holds other files and is not a data directory of Trialweave; name an empty or new one."
            )

    def _check_format(self, written: str) -> None:
        try:
            form = json.loads(written)
            layout, engine = int(form["layout"]), str(form["engine"])
        except (ValueError, KeyError, TypeError) as error:
            raise StoreUnreadable(
                f"{self.path / 'FORMAT'} cannot be read; load the sources into a new data directory."
            ) from error
        if layout != LAYOUT:
            raise StoreUnreadable(
                f"{self.path} has layout {layout} (written with {engine}), this version reads layout {LAYOUT}; "
                "use the version that wrote it, or load the sources into a new data directory."
            )

    def current(self) -> int:
        """The number of the published generation, 0 when nothing was published. Raises StoreDamaged."""
        try:
            text = self._current.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            if not self.kept():
                return 0
            raise self._damaged("is missing") from None
        except (UnicodeDecodeError, IsADirectoryError):
            raise self._damaged("is not a number") from None
        if not re.fullmatch(r"[0-9]+", text):
            raise self._damaged("is not a number")
        if int(text) and not self.generation(int(text)).is_dir():
            raise self._damaged(f"names generation {text}, which is gone")
        return int(text)

    def age(self) -> float:
        """Seconds since CURRENT was last set; 0 when nothing was published."""
        try:
            return max(0.0, time.time() - self._current.stat().st_mtime)
        except FileNotFoundError:
            return 0.0

    def _damaged(self, what: str) -> StoreDamaged:
        kept = ", ".join(map(str, self.kept()))
        way_out = f"roll back to a kept one ({kept})" if kept else "load the sources into a new data directory"
        return StoreDamaged(f"{self._current} {what}; {way_out}.")

    def kept(self) -> list[int]:
        """The generations on disk that can be current, oldest first."""
        names = self._names()
        return sorted(int(name) for name in names if name.isdigit() and f"{name}.withdrawn" not in names)

    def generation(self, number: int) -> Path:
        """Where the generation with that number is, or would be."""
        return self._generations / f"{number:06d}"

    def _on_disk(self) -> list[int]:
        return [int(name) for name in self._names() if name.isdigit()]

    def _names(self) -> set[str]:
        if not self._generations.is_dir():
            return set()
        return {entry.name for entry in self._generations.iterdir() if _NUMBERED.fullmatch(entry.name)}

    # Reading

    def lease(self, wanted: int = 0) -> Lease | None:
        """Claim the generation with that number, or the current one when that is gone or no number is given.

        None when nothing was published. Raises StoreUnreadable, StoreDamaged.
        """
        self.check()
        if wanted and (lease := self._lease(wanted)):
            return lease
        # A publisher may remove the generation between reading CURRENT and locking it; then CURRENT has moved on.
        for _ in range(5):
            number = self.current()
            if number == 0:
                return None
            if lease := self._lease(number):
                return lease
        raise self._damaged(f"names generation {number}, whose lock file is gone")

    def _lease(self, number: int) -> Lease | None:
        path = self.generation(number)
        try:
            descriptor = os.open(path.with_suffix(".lock"), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        if path.is_dir():
            return Lease(number, path, descriptor)
        os.close(descriptor)
        return None

    # Writing

    def lock(self, patience: float = 0) -> None:
        """Become the one writer: make the directory if it is new, and clear what a killed writer left.

        Raises StoreInUse when another writer is there for `patience` seconds, StoreUnreadable when the directory is not
        ours.
        """
        self.check()
        with engine_errors(f"opening {self.path}"):
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock = self._wait_for_lock(monotonic() + patience)
            form = self.path / "FORMAT"
            if not form.exists():
                _replace(form, json.dumps({"layout": LAYOUT, "engine": ENGINE}) + "\n")
            self._generations.mkdir(exist_ok=True)
            if not self._current.exists() and not self.kept():
                _replace(self._current, "0\n")
            self._clear_leftovers()

    def _wait_for_lock(self, end: float) -> int:
        while True:
            try:
                return self._take_lock()
            except StoreInUse:
                if monotonic() >= end:
                    raise
                sleep(_AGAIN)

    def _take_lock(self) -> int:
        descriptor = os.open(self.path / "LOCK", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 20).decode("ascii", "replace").strip()
            os.close(descriptor)
            who = f"process {holder}" if holder else "another process"
            raise StoreInUse(f"{self.path} is being written by {who}; wait for it, or stop it.") from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        return descriptor

    def _clear_leftovers(self) -> None:
        for orphan in list(self._leftovers()):
            if orphan.parent == self._generations and orphan.name.isdigit():
                self._remove_unless_held(orphan)
            else:
                _remove(orphan)

    def orphans(self) -> tuple[list[Path], bool]:
        """What a killed writer has left, and whether a writer is at work now, whose files would look the same."""
        if not self.path.is_dir():
            return [], False
        with suppress(OSError):
            descriptor = os.open(self.path / "LOCK", os.O_RDONLY | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return [], True
            finally:
                os.close(descriptor)
        # A generation that was rolled back from is to be removed as well, but somebody knows of it.
        return [path for path in self._leftovers() if not path.with_suffix(".withdrawn").exists()], False

    def _leftovers(self) -> Iterator[Path]:
        if self.writer.exists():
            yield self.writer
        if self._generations.is_dir():
            yield from (entry for entry in self._generations.iterdir() if not _NUMBERED.fullmatch(entry.name))
            yield from self._generations.glob("*/bulk-*.sst")
        yield from self.path.glob("*.new")
        with suppress(StoreDamaged):
            # Killed after the checkpoint or its marks got their names and before CURRENT did: it was never published.
            current, names = self.current(), self._names()
            for name in names:
                number, _, mark = name.partition(".")
                if int(number) > current and (not mark or (mark != "withdrawn" and number not in names)):
                    yield self._generations / name

    def unlock(self) -> None:
        """Stop being the writer and drop its unpublished copy. Does nothing without the lock."""
        if self._lock >= 0:
            shutil.rmtree(self.writer, ignore_errors=True)
            os.close(self._lock)
            self._lock = -1

    def publish(self, store: ox.Store, after: int = 0, *, written: bool = False) -> int:
        """Make the store's content the next generation and return its number, above `after`. The lock must be held.

        `written` says that writes over HTTP made it: see KEEP. Whatever fails or is killed on the way, the generation
        published before stays current. Raises StoreFull.
        """
        self._require_lock()
        number = self.upcoming(after)
        target = self.generation(number)
        temporary = target.with_name(f"new-{target.name}")
        with engine_errors(f"publishing generation {number}"):
            try:
                store.backup(temporary)
                _smoke(temporary, store)
                _sync_tree(temporary, self.published_files())
                target.with_suffix(".lock").touch()
                if written:
                    target.with_suffix(".written").touch()
                temporary.rename(target)
                _sync(self._generations)
                _replace(self._current, f"{number}\n")
            except BaseException:
                if not self._is_current(number):
                    _remove(temporary)
                    _remove(target)
                raise
        self._remove_old()
        return number

    def upcoming(self, after: int = 0) -> int:
        """The number that the next generation will have, above `after`."""
        return 1 + max((int(name.split(".")[0]) for name in self._names()), default=after)

    def published_files(self) -> set[int]:
        """The inodes of the current generation, which the next one shares and which were synced for this one."""
        with suppress(StoreDamaged, FileNotFoundError):
            return {entry.inode() for entry in os.scandir(self.generation(self.current())) if entry.is_file()}
        return set()

    def _is_current(self, number: int) -> bool:
        with suppress(StoreDamaged):
            return self.current() == number
        return False

    def rollback(self) -> int:
        """Go back to the generation before the current one and return its number. The lock must be held.

        The generation left behind is withdrawn for good. With a damaged CURRENT, the newest kept one becomes
        current. Raises StoreError when there is none to go back to.
        """
        self._require_lock()
        try:
            current = self.current()
        except StoreDamaged:
            current = 0
        earlier = [number for number in self.kept() if not current or number < current]
        if not earlier:
            raise StoreError(f"{self.path} keeps no generation before {current}, so there is nothing to roll back to.")
        with engine_errors("rolling back"):
            for number in self.kept():
                if number > earlier[-1]:
                    self.generation(number).with_suffix(".withdrawn").touch()
            _sync(self._generations)
            _replace(self._current, f"{earlier[-1]}\n")
        return earlier[-1]

    def _require_lock(self) -> None:
        if self._lock < 0:
            raise StoreError(f"{self.path} is not open for writing.")

    def _remove_old(self) -> None:
        """Remove generations beyond those kept, but none that a reader holds: the next publication tries again."""
        kept = self.kept()
        loaded = [number for number in kept if not self.generation(number).with_suffix(".written").exists()]
        for number in self._on_disk():
            if number not in kept[-KEEP:] + loaded[-KEEP:]:
                self._remove_unless_held(self.generation(number))

    def _remove_unless_held(self, generation: Path) -> None:
        lock = generation.with_suffix(".lock")
        try:
            descriptor = os.open(lock, os.O_RDONLY | os.O_CLOEXEC | os.O_CREAT, 0o644)
        except OSError:
            return
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove(generation)
            generation.with_suffix(".written").unlink(missing_ok=True)
            lock.unlink(missing_ok=True)
        except OSError:
            # Held by a reader, or not removable now; it costs disk, not correctness.
            pass
        finally:
            os.close(descriptor)


def _smoke(checkpoint: Path, store: ox.Store) -> None:
    """Open the checkpoint as a reader would and ask it one thing, so that nothing unreadable is published."""
    question = "ASK { ?s ?p ?o }"
    answers = [bool(one.query(question)) for one in (ox.Store.read_only(str(checkpoint)), store)]
    if answers[0] != answers[1]:
        raise StoreError("The checkpoint does not answer like the writer, so it was not published.")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _replace(path: Path, text: str) -> None:
    """Write a small file so that, even after a power cut, it has either the old text or the new."""
    temporary = path.with_name(f"{path.name}.new")
    with temporary.open("w", encoding="ascii") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(path)
    _sync(path.parent)


def _sync_tree(folder: Path, synced: set[int]) -> None:
    """Sync the files in a folder that are not among the inodes that were synced before."""
    for entry in os.scandir(folder):
        if entry.inode() not in synced:
            _sync(Path(entry.path))
    _sync(folder)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
