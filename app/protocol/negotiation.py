"""Which representation a client gets: Accept in, media type out (RFC 9110, section 12.5.1)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from app.errors import NotAcceptable

__all__ = ["GRAPH_FORMATS", "HTML", "QUAD_FORMATS", "SOLUTION_FORMATS", "SUFFIXES", "Chosen", "Format", "negotiate"]


@dataclass(frozen=True, slots=True)
class Format:
    """A representation: its own media type, the generic ones that clients also use for it, and its file suffix."""

    media_type: str
    suffix: str
    label: str
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Chosen:
    """The outcome: the format, and the name for it that the client asked for, to be sent back as Content-Type."""

    format: Format
    content_type: str


HTML = Format("text/html", "html", "HTML", ("application/xhtml+xml",))

SOLUTION_FORMATS = (
    Format("application/sparql-results+json", "json", "JSON", ("application/json",)),
    Format("application/sparql-results+xml", "xml", "XML", ("application/xml", "text/xml")),
    Format("text/csv", "csv", "CSV"),
    Format("text/tab-separated-values", "tsv", "TSV"),
)
"""For SELECT and ASK, in the order this service prefers."""

QUAD_FORMATS = (
    Format("application/trig", "trig", "TriG", ("application/x-trig",)),
    Format("application/n-quads", "nq", "N-Quads", ("text/x-nquads",)),
)
"""Graph formats that can also say in which named graph a triple stands."""

GRAPH_FORMATS = (
    Format("text/turtle", "ttl", "Turtle", ("application/x-turtle",)),
    Format("application/ld+json", "jsonld", "JSON-LD", ("application/json",)),
    Format("application/n-triples", "nt", "N-Triples", ("text/plain",)),
    Format("application/rdf+xml", "rdf", "RDF/XML", ("application/xml", "text/xml")),
    *QUAD_FORMATS,
)
"""For CONSTRUCT, DESCRIBE and resources, in the order this service prefers."""

SUFFIXES = {**{each.suffix: each for each in (*GRAPH_FORMATS, HTML)}, "json": GRAPH_FORMATS[1]}
"""What a resource's path may end with after a full stop; `.json` is JSON-LD."""

_MEMBER = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*")+')
_RANGE = re.compile(r"\s*([!#$%&'*+.^_`|~\w-]+/[!#$%&'*+.^_`|~\w-]+)\s*(;.*)?", re.ASCII | re.DOTALL)
_QUALITY = re.compile(r";\s*q\s*=\s*([01](?:\.[0-9]{0,3})?)\s*(?:;|$)", re.IGNORECASE)


def negotiate(accept: Sequence[str], offers: Sequence[Format]) -> Chosen:
    """Choose among `offers`, best first, for the values of the request's Accept headers (none: anything will do).

    The most specific range that matches a media type gives its quality; among equals the order of `offers` decides.
    Parameters other than q are ignored, as are ranges that are not well-formed. Raises NotAcceptable.
    """
    ranges = _ranges(",".join(accept))
    if not ranges:
        return Chosen(offers[0], offers[0].media_type)
    candidates = [Chosen(offer, name) for offer in offers for name in (offer.media_type, *offer.aliases)]
    best = max(candidates, key=lambda candidate: _quality(candidate.content_type, ranges))
    if _quality(best.content_type, ranges) == 0:
        available = ", ".join(offer.media_type for offer in offers)
        raise NotAcceptable(f"None of the media types in Accept is available here; there is {available}.")
    return best


def _ranges(accept: str) -> dict[str, float]:
    ranges: dict[str, float] = {}
    for member in _MEMBER.findall(accept):
        if found := _RANGE.fullmatch(member):
            parameters = found[2] or ""
            quality = _QUALITY.search(parameters)
            weight = min(1.0, float(quality[1])) if quality else 1.0
            name = found[1].lower()
            ranges[name] = max(weight, ranges.get(name, 0.0))
    return ranges


def _quality(media_type: str, ranges: dict[str, float]) -> float:
    for name in (media_type, media_type.partition("/")[0] + "/*", "*/*"):
        if name in ranges:
            return ranges[name]
    return 0.0
