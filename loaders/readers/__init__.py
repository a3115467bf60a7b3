"""One module a source: a document goes in, records come out (`loaders.record`). Readers know nothing of RDF.

Every reader has `recognises(data, name)`, a cheap look that decides for `--format auto`, and `read(data, name)`. Where
a document holds one study, as a page does, it returns the Study or raises `loaders.errors.SourceError`. Where it can
hold many, as a page of the registry's API or a file of PubMed does, it is a generator: what is wrong with one record is
yielded in its place, and the rest goes on.
"""

from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator
from importlib import import_module
from typing import Protocol, cast

from loaders.errors import SourceError
from loaders.record import Article, Deleted, Study

__all__ = ["FORMATS", "VOCABULARIES", "Reader", "Record", "read", "reader_for"]

Record = Study | Article | Deleted
"""What a document can hold: a study, an article that reports none, or the notice that an article was withdrawn."""

_MODULES = {"ctgov": "clinicaltrials", "pubmed": "pubmed", "curated": "curated", "page": "page"}

FORMATS = tuple(_MODULES)
"""The formats there is a reader for, in the order in which they are asked whether they recognise a document."""


VOCABULARIES = ("mesh",)
"""The formats of vocabularies, which are no studies: they go into a graph of their own, as a whole."""


class Reader(Protocol):
    """What every reader module offers."""

    def recognises(self, data: bytes, name: str) -> bool:
        """Say whether this looks like a document of this reader's kind."""

    def read(self, data: bytes, name: str) -> Study | Iterator[Record | SourceError]:
        """Turn the document into a record, or into many one after the other. Raises SourceError."""


def _reader(format: str) -> Reader:
    # Imported when needed: a curated file must not wait for the HTML library.
    return cast(Reader, import_module(f"loaders.readers.{_MODULES[format]}"))


def reader_for(data: bytes, name: str) -> Reader | None:
    """Return the first reader that recognises a document, or None.

    One in UTF-16 is recognised too, so that `read` says what is wrong instead of passing over it.
    """
    texts = [data, data.decode(wide, "replace").encode()] if (wide := _wide(data)) else [data]
    found = (reader for text in texts for reader in map(_reader, FORMATS) if reader.recognises(text, name))
    return next(found, None)


def read(data: bytes, name: str, format: str = "auto") -> Iterator[Record | SourceError]:
    """Yield the records of a document, read by the reader of a format or by the first that recognises it.

    Nothing is raised: what cannot be read is yielded as a SourceError in its place.
    """
    if not data.strip():
        yield SourceError(name, "is empty")
        return
    reader = reader_for(data, name) if format == "auto" else _reader(format)
    if reader is None:
        known = " or ".join(FORMATS)
        yield SourceError(name, f"is not a document that is recognised here; if it is one, name its --format: {known}")
        return
    if _wide(data):
        yield SourceError(name, "is in UTF-16, which is not read here; save it again as UTF-8")
        return
    try:
        found = reader.read(data, name)
        yield from (found,) if isinstance(found, Study) else found
    except SourceError as error:
        yield error


def _wide(data: bytes) -> str | None:
    """Return the encoding of text with two bytes a character: by its mark, or by the zeros beside its first letters."""
    if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        return "utf-16"
    zeros = bytes(byte == 0 for byte in data[:4])
    return {b"\0\1\0\1": "utf-16-le", b"\1\0\1\0": "utf-16-be"}.get(zeros)
