"""Answers as their formats can hold them: the engine writes what is stored, also where that breaks the format.

A literal may hold any character but surrogates (RDF 1.1 Concepts, section 3.3). XML 1.0 can hold neither most control
characters nor U+FFFE and U+FFFF (section 2.2), and its readers take a carriage return for a line feed (section 2.11).
RDF/XML has no way to write a property whose IRI does not end in an XML name. Such an answer in XML is refused, as JSON
and Turtle have it whole. TSV writes the characters as Turtle does, escaped. CSV has no escapes and keeps the texts
alone, without their datatypes and languages (SPARQL 1.1 Query Results CSV and TSV, section 3): there U+FFFD takes their
place.
"""

import io
import re
from collections.abc import Callable
from typing import BinaryIO, cast
from xml.parsers import expat

from app.errors import NotAcceptable

__all__ = ["checked", "fitted"]

_CONTROLS = bytes(code for code in range(32) if code not in b"\t\n\r")
_CONTROL = re.compile(b"[%s]" % re.escape(_CONTROLS))
_RETURN = b"&#xD;"
_NONCHARACTERS = (b"\xef\xbf\xbe", b"\xef\xbf\xbf")


def checked(output: BinaryIO, media_type: str) -> BinaryIO:
    """A file to write an answer into, piece by piece: what reaches `output` can be sent in this format.

    Its `write` raises NotAcceptable before anything that the format cannot hold.
    """
    match media_type:
        case "application/rdf+xml":
            return cast(BinaryIO, _WellFormed(output))
        case "application/sparql-results+xml":
            return cast(BinaryIO, _WithoutControls(output))
        case "text/tab-separated-values":
            return cast(BinaryIO, _Rewritten(output, lambda found: b"\\u%04X" % found[0][0]))
        case "text/csv":
            return cast(BinaryIO, _Rewritten(output, lambda _: "\ufffd".encode()))
    return output


def fitted(body: bytes, media_type: str) -> bytes:
    """A whole answer as it can be sent in this format. Raises NotAcceptable."""
    output = io.BytesIO()
    checked(output, media_type).write(body)
    return output.getvalue()


def _has_controls(body: bytes) -> bool:
    # A tenth of the time that a regular expression takes.
    return len(body.translate(None, _CONTROLS)) < len(body)


class _Passing:
    """The part of a file that passes what is written on to another, in `_output`."""

    def __init__(self, output: BinaryIO) -> None:
        self._output = output

    def flush(self) -> None:
        """Have everything written."""
        self._output.flush()


class _Rewritten(_Passing):
    """Passes solutions on to a file, with something else in place of each control character."""

    def __init__(self, output: BinaryIO, rewrite: Callable[[re.Match[bytes]], bytes]) -> None:
        super().__init__(output)
        self._rewrite = rewrite

    def write(self, data: bytes) -> int:
        """Take the next bytes, and say how many they were."""
        self._output.write(_CONTROL.sub(self._rewrite, data) if _has_controls(data) else data)
        return len(data)


class _WithoutControls(_Passing):
    """Passes solutions in XML on to a file, and no character that XML cannot hold."""

    def __init__(self, output: BinaryIO) -> None:
        super().__init__(output)
        self._last = b""

    def write(self, data: bytes) -> int:
        """Take the next bytes, and say how many they were. Raises NotAcceptable."""
        # The bytes of a character may come in two pieces.
        joined = self._last + data
        if _has_controls(data) or any(each in joined for each in _NONCHARACTERS):
            raise NotAcceptable("The answer has characters that XML cannot hold, such as U+0000; ask for JSON or TSV.")
        self._last = joined[-2:]
        self._output.write(data.replace(b"\r", _RETURN))
        return len(data)


class _WellFormed(_Passing):
    """Passes RDF/XML on to a file, and nothing that only looks like it."""

    def __init__(self, output: BinaryIO) -> None:
        super().__init__(output)
        self._parser = expat.ParserCreate(namespace_separator=" ")

    def write(self, data: bytes) -> int:
        """Take the next bytes, and say how many they were. Raises NotAcceptable."""
        try:
            self._parser.Parse(data)
        except expat.ExpatError as error:
            raise NotAcceptable(
                "The answer cannot be RDF/XML: it has a character that XML cannot hold, such as U+0000, or a property "
                "whose IRI does not end in an XML name; ask for Turtle or JSON-LD."
            ) from error
        self._output.write(data.replace(b"\r", _RETURN))
        return len(data)
