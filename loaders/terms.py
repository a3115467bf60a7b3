"""How a value of a record becomes the text of an RDF term (N-Triples syntax), and which terms there are.

A `Term` takes the value and returns the term. Text is built directly, not through term objects: at registry scale the
text is what the store's loader and the validator both read, and building it is many times faster (`bench/emission.py`).
"""

import re
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Any

import orjson

from loaders.link.identifiers import BASE, curie_iri, mesh_iri, publication_key, segment
from loaders.record import SCHEMES

__all__ = [
    "ONTOLOGY",
    "PREFIXES",
    "TERMS",
    "VALUES",
    "XSD",
    "Coded",
    "Reference",
    "Term",
    "boolean",
    "curie",
    "date",
    "date_time",
    "decimal",
    "doi",
    "duration",
    "integer",
    "iri",
    "literal",
    "mesh",
    "name_segment",
    "orcid",
    "organization",
    "organization_iri",
    "publication",
    "publication_by_doi",
    "study",
    "text",
    "types",
    "uri",
    "value",
]

ONTOLOGY = "https://w3id.org/trialweave/ontology#"
VALUES = "https://w3id.org/trialweave/value/"
XSD = "http://www.w3.org/2001/XMLSchema#"
PREFIXES = {
    "tw": ONTOLOGY,
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "dcterms": "http://purl.org/dc/terms/",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "prov": "http://www.w3.org/ns/prov#",
    "schema": "http://schema.org/",
    "skos": "http://www.w3.org/2004/02/skos/core#",
}

TERMS: set[str] = set()
"""Every class and property the emitter can write, as IRIs: a test holds them equal to the ontology."""

Term = Callable[[Any], str]

_MUST_ESCAPE = re.compile('[\x00-\x1f\x7f"\\\\\ud800-\udfff]')
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}
_PLAIN_SEGMENT = re.compile(r"[A-Za-z0-9._~-]+").fullmatch
_DATE_TYPES = {4: "gYear", 7: "gYearMonth", 10: "date"}


def iri(name: str) -> str:
    """Return the bracketed IRI of a class or property named prefix:local, and note that the emitter uses it."""
    prefix, _, local = name.partition(":")
    full = PREFIXES[prefix] + local
    TERMS.add(full)
    return f"<{full}>"


def types(*names: str) -> tuple[str, ...]:
    """Return the predicate-object pairs that give a node these classes, super-classes spelled out."""
    return tuple(f"{iri('rdf:type')} {iri(name)}" for name in names)


def _escaped(value: str) -> str:
    return f'"{_MUST_ESCAPE.sub(_escape, value)}"'


def _escape(match: re.Match[str]) -> str:
    character = match.group()
    if "\ud800" <= character <= "\udfff":
        return "\ufffd"  # UTF-8 cannot hold a lone surrogate, and dropping it would join two words.
    return _ESCAPES.get(character) or f"\\u{ord(character):04X}"


def literal(value: str) -> str:
    """Return a plain literal, escaped as N-Triples demands (RDF 1.1 N-Triples, section 2.4)."""
    try:
        # JSON escapes what N-Triples escapes, and its writer is many times as fast on long texts as any pattern.
        written = orjson.dumps(value).decode()
    except orjson.JSONEncodeError:  # a lone surrogate
        return _escaped(value)
    # The rarest characters have other forms there, or stand as they are.
    return _escaped(value) if "\\u" in written or "\x7f" in written else written


def text(value: str) -> str:
    """A string as it is, of those that come again: a unit, a place, a category."""
    return literal(value)


def integer(value: int) -> str:
    """An xsd:integer."""
    return f'"{value}"^^<{XSD}integer>'


def decimal(value: Decimal) -> str:
    """An xsd:decimal in canonical form (no exponent, no closing zeros): how it was printed is its `valueText`."""
    digits = format(value, "f")
    if "." in digits:
        digits = digits.rstrip("0").rstrip(".")
    return f'"{"0" if digits == "-0" else digits}"^^<{XSD}decimal>'


def boolean(value: bool) -> str:
    """An xsd:boolean."""
    return f'"{"true" if value else "false"}"^^<{XSD}boolean>'


def duration(value: str) -> str:
    """An xsd:duration, as given."""
    return f"{literal(value)}^^<{XSD}duration>"


def date(value: str) -> str:
    """A date typed by its printed precision. Another length stays a string, which the shapes then report."""
    datatype = _DATE_TYPES.get(len(value))
    return f"{literal(value)}^^<{XSD}{datatype}>" if datatype else literal(value)


def date_time(value: str) -> str:
    """A date with the time of day in minutes; xsd:dateTime demands seconds. Without a time of day it is a date."""
    return f'{literal(value)[:-1]}:00"^^<{XSD}dateTime>' if len(value) == 16 else date(value)


def uri(value: str) -> str:
    """An address as it was printed, which need not be a valid IRI: xsd:anyURI."""
    return f"{literal(value)}^^<{XSD}anyURI>"


def doi(value: str) -> str:
    """A DOI in lower case, the form every IRI here uses."""
    return literal(value.lower())


def mesh(value: str) -> str:
    """A MeSH concept."""
    return f"<{mesh_iri(value)}>"


def curie(value: str) -> str:
    """A STATO or NCIT concept."""
    return f"<{curie_iri(value)}>"


def publication(pmid: str) -> str:
    """A publication by its PubMed id."""
    return f"<{BASE}publication/{publication_key(pmid, None)}>"


def publication_by_doi(doi: str) -> str:
    """A publication of which only the DOI is known."""
    return f"<{BASE}publication/{publication_key(None, doi)}>"


def orcid(identifier: str) -> str:
    """A person by their ORCID iD (support.orcid.org: the iD is an https address)."""
    return f"<https://orcid.org/{segment(identifier)}>"


def study(nct: str) -> str:
    """Another study, by its NCT id."""
    return f"<{BASE}study/{segment(nct)}>"


def value(scheme: str) -> Term:
    """Return the term for values of one controlled vocabulary."""
    known = {code: f"<{VALUES}{scheme}-{code}>" for code in SCHEMES[scheme]}
    return lambda code: known.get(code) or f"<{VALUES}{scheme}-{segment(code)}>"


class Coded:
    """The term for values of a registry's vocabulary, which may grow: a code that is not in the scheme stays text.

    Such a code is not written as a value, which would have no definition, but under the property of the same name with
    Text behind it (tw:phase, tw:phaseText).
    """

    def __init__(self, scheme: str) -> None:
        self.scheme = scheme

    def __call__(self, code: str) -> str:
        """Return the value, or the literal for an unlisted code."""
        return f"<{VALUES}{self.scheme}-{code}>" if code in SCHEMES[self.scheme] else literal(code)

    def pair(self, predicate: str) -> Term:
        """Return what gives predicate and object of a code in one; `predicate` is bracketed and ends with a space."""
        listed = {code: predicate + self(code) for code in SCHEMES[self.scheme]}
        unlisted = predicate.replace("> ", "Text> ")
        TERMS.add(unlisted.strip("<> "))
        return lambda code: listed.get(code) or unlisted + literal(code)


def name_segment(name: str) -> str:
    """Return a part's name as a path segment. Most names need no encoding, which is much slower than to see so."""
    return name if _PLAIN_SEGMENT(name) else segment(name)


class Reference:
    """The term that refers to a part of the same study by its name: another one for each study."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def within(self, study: str) -> Term:
        """Return the term within a study, given by its IRI."""
        parts = f"<{study}/{self.kind}/"
        return lambda name: f"{parts}{name_segment(name)}>"


def organization(value: Any) -> str:
    """An organization, by its label."""
    return f"<{organization_iri(value.label)}>"


@lru_cache(maxsize=4096)
def organization_iri(label: str) -> str:
    """Name an organization by its normalised label: case, punctuation and spacing do not make another one."""
    words = re.sub(r"\W+", "-", label.casefold()).strip("-")
    return f"{BASE}organization/{segment(words or label)}"
