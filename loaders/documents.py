"""The documents behind what a user names: files, folders, archives and standard input.

Nothing here knows what is in a document. A large file of many records comes as several documents of whole records
(`loaders.pieces`), so that memory stays bounded whatever the size of the input. What cannot be read is yielded as a
SourceError in its place, so that one bad file never costs the others.
"""

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from loaders.archives import unpacked
from loaders.errors import SourceError
from loaders.pieces import MAX_BYTES, Document

__all__ = ["MAX_BYTES", "Document", "Survey", "documents", "survey"]

Found = Iterator[Document | SourceError]


@dataclass(frozen=True, slots=True)
class Survey:
    """What there is to read: how many bytes, and a text that is another one when any file is another one.

    Files are told apart by name, size and time of change. Both are None where standard input is to be read.
    """

    size: int | None
    key: str | None


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    named: bool


def documents(sources: Iterable[str], read: Callable[[int], None] = lambda size: None) -> Found:
    """Yield the documents of files, folders (with all folders below, in a fixed order) and `-` for standard input.

    gzip and zip are unpacked on the way, wherever they stand; they are told by their bytes, not by their names.
    `read` is told how many more bytes of the files have been read.
    """
    for source in sources:
        if source == "-":
            yield from _standard_input()
            continue
        for found in _at(source):
            if isinstance(found, SourceError):
                yield found
            else:
                yield from _contents(found, read)


def survey(sources: Iterable[str]) -> Survey:
    """Look at the files that `documents` would read, without opening them."""
    size, digest = 0, sha256(str(Path.cwd()).encode("utf-8", "replace"))
    for source in sources:
        if source == "-":
            return Survey(None, None)
        for found in _at(source):
            try:
                status = found.path.stat() if isinstance(found, _File) else None
            except OSError:
                status = None  # Reading it will say so.
            size += status.st_size if status else 0
            changed = (status.st_size, status.st_mtime_ns) if status else None
            digest.update(f"{found} {changed}\n".encode("utf-8", "replace"))
    return Survey(size, digest.hexdigest())


def _standard_input() -> Found:
    try:
        yield from unpacked("standard input", sys.stdin.buffer)
    except OSError as error:
        yield _unreadable("standard input", error)


def _at(source: str) -> Iterator[_File | SourceError]:
    path = Path(source)
    try:
        kind = "folder" if path.is_dir() else "file" if path.is_file() else "neither" if path.exists() else None
    except (OSError, ValueError) as error:
        yield _unreadable(source, error)
        return
    if kind == "folder":
        yield from _below(path, above=())
    elif kind == "file":
        yield _File(path, named=True)
    elif kind is None:
        yield SourceError(source, "there is no such file or folder")
    else:
        yield SourceError(source, "is neither a file nor a folder")


def _below(folder: Path, above: tuple[tuple[int, int], ...]) -> Iterator[_File | SourceError]:
    """Yield what is in a folder, hidden names left out. `above` are the folders on the way here, as device and inode.

    Links to folders are followed, as links to files are; a link that leads back up would have no end.
    """
    try:
        status = folder.stat()
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        yield _unreadable(str(folder), error)
        return
    here = (status.st_dev, status.st_ino)
    if here in above:
        yield SourceError(str(folder), "is a link to a folder that it is in; it was not followed")
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        kind = _kind(entry)
        if kind == "folder":
            yield from _below(Path(entry.path), (*above, here))
        elif kind == "file":
            yield _File(Path(entry.path), named=False)
        elif entry.is_symlink():
            yield SourceError(entry.path, "is a link that leads nowhere")


def _kind(entry: os.DirEntry[str]) -> str | None:
    try:
        return "folder" if entry.is_dir() else "file" if entry.is_file() else None
    except OSError:  # a link that leads to itself
        return None


def _contents(found: _File, read: Callable[[int], None]) -> Found:
    at = 0
    try:
        with found.path.open("rb") as file:
            for document in unpacked(str(found.path), file, named=found.named):
                # In a zip file, reading goes back and forth.
                now = max(at, 0 if file.closed else file.tell())
                read(now - at)
                at = now
                yield document
            read(os.fstat(file.fileno()).st_size - at)
    except OSError as error:
        yield _unreadable(str(found.path), error)


def _unreadable(name: str, error: OSError | ValueError) -> SourceError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return SourceError(name, f"cannot be read: {reason}")
