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
from typing import BinaryIO, cast
from xml.parsers import expat

from app.errors import NotAcceptable

__all__ = ["checked", "fitted"]

_RDF_XML, _XML = "application/rdf+xml", "application/sparql-results+xml"
_CSV, _TSV = "text/csv", "text/tab-separated-values"
_CONTROLS = bytes(code for code in range(32) if code not in b"\t\n\r")
_CONTROL = re.compile(b"[%s]" % re.escape(_CONTROLS))
_RETURN = b"&#xD;"
_NONCHARACTERS = (b"\xef\xbf\xbe", b"\xef\xbf\xbf")


def fitted(body: bytes, media_type: str) -> bytes:
    """The answer as it can be sent in this format. Raises NotAcceptable."""
    if media_type == _RDF_XML:
        output = io.BytesIO()
        _WellFormed(output).write(body)
        return output.getvalue()
    if media_type == _XML:
        if _has_controls(body) or any(each in body for each in _NONCHARACTERS):
            raise NotAcceptable("The answer has characters that XML cannot hold, such as U+0000; ask for JSON or TSV.")
        return body.replace(b"\r", _RETURN)
    if media_type == _TSV and _has_controls(body):
        return _CONTROL.sub(lambda found: b"\\u%04X" % found[0][0], body)
    if media_type == _CSV and _has_controls(body):
        return _CONTROL.sub("\ufffd".encode(), body)
    return body


def checked(output: BinaryIO, media_type: str) -> BinaryIO:
    """A file to write a graph into, which raises NotAcceptable before anything that its format cannot hold."""
    return cast(BinaryIO, _WellFormed(output)) if media_type == _RDF_XML else output


def _has_controls(body: bytes) -> bool:
    # A tenth of the time that a regular expression takes.
    return len(body.translate(None, _CONTROLS)) < len(body)


class _WellFormed:
    """Passes RDF/XML on to a file, and nothing that only looks like it."""

    def __init__(self, output: BinaryIO) -> None:
        self._output = output
        self._parser = expat.ParserCreate(namespace_separator=" ")

    def write(self, data: bytes) -> int:
        """Take the next bytes, and say how many they were. Raises NotAcceptable."""
        chunk = bytes(data)
        try:
            self._parser.Parse(chunk)
        except expat.ExpatError as error:
            raise NotAcceptable(
                "The answer cannot be RDF/XML: it has a character that XML cannot hold, such as U+0000, or a property "
                "whose IRI does not end in an XML name; ask for Turtle or JSON-LD."
            ) from error
        self._output.write(chunk.replace(b"\r", _RETURN))
        return len(chunk)

    def flush(self) -> None:
        """Have everything written."""
        self._output.flush()
