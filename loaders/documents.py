"""The documents behind what a user names: files, folders, archives and standard input.

Nothing here knows what is in a document. A large file of many records comes as several documents of whole records
(`loaders.pieces`), so that memory stays bounded whatever the size of the input. What cannot be read is yielded as a
SourceError in its place, so that one bad file never costs the others.
"""

import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from loaders.archives import unpacked
from loaders.errors import SourceError
from loaders.pieces import MAX_BYTES, Document

__all__ = ["MAX_BYTES", "Document", "documents"]

Found = Iterator[Document | SourceError]


def documents(sources: Iterable[str]) -> Found:
    """Yield the documents of files, folders (with all folders below, in a fixed order) and `-` for standard input.

    gzip and zip are unpacked on the way, wherever they stand; they are told by their bytes, not by their names.
    """
    for source in sources:
        if source == "-":
            yield from _standard_input()
        else:
            yield from _at(source)


def _standard_input() -> Found:
    try:
        yield from unpacked("standard input", sys.stdin.buffer)
    except OSError as error:
        yield _unreadable("standard input", error)


def _at(source: str) -> Found:
    path = Path(source)
    try:
        kind = "folder" if path.is_dir() else "file" if path.is_file() else "neither" if path.exists() else None
    except (OSError, ValueError) as error:
        yield _unreadable(source, error)
        return
    if kind == "folder":
        yield from _below(path, above=())
    elif kind == "file":
        yield from _file(path, named=True)
    elif kind is None:
        yield SourceError(source, "there is no such file or folder")
    else:
        yield SourceError(source, "is neither a file nor a folder")


def _below(folder: Path, above: tuple[tuple[int, int], ...]) -> Found:
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
            yield from _file(Path(entry.path), named=False)
        elif entry.is_symlink():
            yield SourceError(entry.path, "is a link that leads nowhere")


def _kind(entry: os.DirEntry[str]) -> str | None:
    try:
        return "folder" if entry.is_dir() else "file" if entry.is_file() else None
    except OSError:  # a link that leads to itself
        return None


def _file(path: Path, *, named: bool) -> Found:
    try:
        with path.open("rb") as file:
            yield from unpacked(str(path), file, named=named)
    except OSError as error:
        yield _unreadable(str(path), error)


def _unreadable(name: str, error: OSError | ValueError) -> SourceError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return SourceError(name, f"cannot be read: {reason}")
