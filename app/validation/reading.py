"""What a client sends for validation: which media types there are, and how their bytes become RDF or records.

Nothing is ever fetched: contexts and imports are not followed, and a DOCTYPE is refused before a parser sees it.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from xml.parsers import expat

import pyoxigraph as ox

from app.errors import BadRequest, UnreadableDocument, UnsupportedMediaType
from loaders.link.identifiers import BASE

__all__ = ["AUTO", "DOCUMENT_TYPES", "RDF_TYPES", "Kind", "check_form", "guessed", "kind_of", "read_rdf", "type_of"]

RDF_TYPES: Mapping[str, ox.RdfFormat] = {
    "text/turtle": ox.RdfFormat.TURTLE,
    "application/x-turtle": ox.RdfFormat.TURTLE,
    "application/n-triples": ox.RdfFormat.N_TRIPLES,
    "application/ld+json": ox.RdfFormat.JSON_LD,
    "application/rdf+xml": ox.RdfFormat.RDF_XML,
    "application/trig": ox.RdfFormat.TRIG,
    "application/n-quads": ox.RdfFormat.N_QUADS,
    "text/n3": ox.RdfFormat.N3,
}
"""Media types of RDF, each with its syntax."""

DOCUMENT_TYPES: Mapping[str, str] = {
    "application/json": "json",
    "application/xml": "xml",
    "text/xml": "xml",
    "application/yaml": "yaml",
    "text/yaml": "yaml",
    "application/x-yaml": "yaml",
    "text/html": "html",
    "application/xhtml+xml": "html",
    "text/plain": "txt",
}
"""Media types of source documents, with what a file name would end in; which source it is, its content tells."""

AUTO = "application/octet-stream"
"""A file of which the client does not say what it is: told by its content."""

_SUFFIXES: Mapping[str, str] = {
    **{syntax.file_extension: name for name, syntax in RDF_TYPES.items()},
    **{suffix: name for name, suffix in DOCUMENT_TYPES.items()},
    "yml": "application/yaml",
}

_XML = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:\?xml|rdf:RDF)")
_CHARSET = re.compile(r";\s*charset\s*=\s*\"?([^\s;\"]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Kind:
    """What the client says it sends: the media type, without parameters."""

    media_type: str

    @property
    def syntax(self) -> ox.RdfFormat | None:
        """The RDF syntax, None for a document or where the content is to tell."""
        return RDF_TYPES.get(self.media_type)


def kind_of(content_type: str) -> Kind:
    """Read a Content-Type header. Raises UnsupportedMediaType."""
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type not in RDF_TYPES and media_type not in DOCUMENT_TYPES and media_type != AUTO:
        stated = f"not {media_type}" if media_type else "and the request states none"
        known = ", ".join((*RDF_TYPES, *DOCUMENT_TYPES))
        raise UnsupportedMediaType(f"The Content-Type of what is validated is one of {known}, {stated}.")
    charset = _CHARSET.search(content_type)
    if charset and media_type in RDF_TYPES and charset[1].lower() not in ("utf-8", "utf8"):
        raise UnsupportedMediaType(f"RDF must be UTF-8, not {charset[1]}.")
    return Kind(media_type)


def type_of(filename: str) -> str:
    """Return the media type that a file's name tells, or AUTO."""
    return _SUFFIXES.get(filename.rpartition(".")[2].lower(), AUTO)


def guessed(data: bytes) -> ox.RdfFormat:
    """Return the RDF syntax that data in no known source's form most likely have."""
    if _XML.match(data):
        return ox.RdfFormat.RDF_XML
    return ox.RdfFormat.JSON_LD if data.lstrip()[:1] in (b"{", b"[") else ox.RdfFormat.TRIG


def check_form(data: bytes, kind: Kind) -> None:
    """Say where a document that no reader knows is no JSON or XML, if it is sent as that. Raises UnreadableDocument."""
    form = DOCUMENT_TYPES.get(kind.media_type)
    if form == "json":
        _check_json(data)
    elif form == "xml":
        _check_xml(data)


def read_rdf(data: bytes, syntax: ox.RdfFormat) -> list[ox.Quad]:
    """Parse RDF; relative IRIs are below the project's base. Raises UnreadableDocument, BadRequest for a DOCTYPE."""
    if syntax == ox.RdfFormat.RDF_XML:
        _check_xml(data)
    elif syntax == ox.RdfFormat.JSON_LD:
        _check_json(data)
    try:
        return list(ox.parse(data, format=syntax, base_iri=BASE))
    except SyntaxError as error:
        if "remote contexts" in str(error):
            raise BadRequest(
                "The JSON-LD names a context by its address, and nothing is fetched here; write the context into it."
            ) from error
        raise UnreadableDocument(f"Not {syntax}: {_said(error)}.", error.lineno, error.offset) from error
    except ValueError as error:
        raise UnreadableDocument(f"Not {syntax}: {error}.") from error


def _said(error: SyntaxError) -> str:
    """What the parser says, without the position, which is told apart."""
    return re.sub(r"^Parser error at line \d+ (?:column \d+|between .*?): ", "", str(error.msg)).rstrip(".")


def _check_xml(data: bytes) -> None:
    """Refuse a DOCTYPE, and find the place of what is not well-formed, which the parser of RDF/XML does not tell.

    The word is refused wherever it stands: 529 bytes of entities become 100 MB in the parser.
    """
    if b"\0" in data[:4]:
        raise BadRequest("The XML is not in UTF-8; save it as UTF-8.")
    if re.search(rb"<!(?:DOCTYPE|ENTITY)", data, re.IGNORECASE):
        raise BadRequest("The XML has a DOCTYPE, which is refused, as entities can grow without end; take it out.")
    parser = expat.ParserCreate()
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        said = expat.ErrorString(error.code)
        raise UnreadableDocument(f"Not well-formed XML: {said}.", error.lineno, error.offset + 1) from error


def _check_json(data: bytes) -> None:
    try:
        json.loads(data)
    except json.JSONDecodeError as error:
        raise UnreadableDocument(f"Not JSON: {error.msg}.", error.lineno, error.colno) from error
    except (UnicodeDecodeError, RecursionError) as error:
        raise UnreadableDocument(f"Not JSON that can be read: {error}.") from error
