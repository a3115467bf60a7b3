"""One module a source: a document goes in, a `loaders.record.Study` comes out. Readers know nothing of RDF.

Every reader has `recognises(data, name)`, a cheap look that decides for `--format auto`, and `read(data, name)`, which
raises `loaders.errors.SourceError`.
"""

from importlib import import_module
from typing import Protocol, cast

from loaders.errors import SourceError
from loaders.record import Study

__all__ = ["FORMATS", "Reader", "read", "reader_for"]

FORMATS = ("curated", "page")
"""The formats there is a reader for, in the order in which they are asked whether they recognise a document."""


class Reader(Protocol):
    """What every reader module offers."""

    def recognises(self, data: bytes, name: str) -> bool:
        """Say whether this looks like a document of this reader's kind."""

    def read(self, data: bytes, name: str) -> Study:
        """Turn the document into a record. Raises SourceError."""


def _reader(format: str) -> Reader:
    # Imported when needed: a curated file must not wait for the HTML library.
    return cast(Reader, import_module(f"loaders.readers.{format}"))


def reader_for(data: bytes, name: str) -> Reader | None:
    """Return the first reader that recognises a document, or None."""
    return next((reader for reader in map(_reader, FORMATS) if reader.recognises(data, name)), None)


def read(data: bytes, name: str, format: str = "auto") -> Study:
    """Read a document with the reader of a format, or with the first that recognises it. Raises SourceError."""
    if not data.strip():
        raise SourceError(name, "is empty")
    reader = reader_for(data, name) if format == "auto" else _reader(format)
    if reader is None:
        known = " or ".join(FORMATS)
        raise SourceError(name, f"is not a document that is recognised here; if it is one, name its --format: {known}")
    return reader.read(data, name)
