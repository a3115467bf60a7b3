"""The documents behind what a user names: files, folders and standard input.

Nothing here knows what is in a document. What cannot be read is yielded as a SourceError in its place, so that one bad
file never costs the others.
"""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from loaders.errors import SourceError

__all__ = ["MAX_BYTES", "Document", "documents"]

MAX_BYTES = 64 * 1024 * 1024
"""Bytes of one document. The largest real page or record is far below; what is larger is not a document."""


@dataclass(frozen=True, slots=True)
class Document:
    """The bytes of one document and the name the user knows it by. `named` is False for files found in a folder."""

    name: str
    data: bytes
    named: bool = True


def documents(sources: Iterable[str]) -> Iterator[Document | SourceError]:
    """Yield the documents of files, folders (with all folders below, in a fixed order) and `-` for standard input."""
    for source in sources:
        if source == "-":
            yield _bounded("standard input", sys.stdin.buffer.read(MAX_BYTES + 1))
            continue
        path = Path(source)
        try:
            found = _below(path) if path.is_dir() else None
        except OSError as error:
            yield SourceError(source, f"cannot be read: {error.strerror}")
            continue
        if found is None:
            yield _read(path, named=True)
        else:
            yield from (_read(file, named=False) for file in found)


def _below(folder: Path) -> list[Path]:
    return sorted(file for file in folder.rglob("*") if file.is_file() and not _hidden(file, folder))


def _hidden(file: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in file.relative_to(folder).parts)


def _read(path: Path, *, named: bool) -> Document | SourceError:
    name = str(path)
    try:
        if not path.exists():
            return SourceError(name, "there is no such file or folder")
        if not path.is_file():
            return SourceError(name, "is neither a file nor a folder")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return SourceError(name, f"cannot be read: {reason}")
    return _bounded(name, data, named=named)


def _bounded(name: str, data: bytes, *, named: bool = True) -> Document | SourceError:
    if len(data) > MAX_BYTES:
        return SourceError(
            name, f"has more than {MAX_BYTES // 1024**2} MiB, which is no document; nothing of it was read"
        )
    return Document(name, data, named)
