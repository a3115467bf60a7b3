"""What other graphs say is the same as a study, a publication or a concept: claims by a shared identifier.

A claim is a tw:ExternalMatch among the links, beside the skos:exactMatch that it stands for. It names the harvest that
brought it, so that the next harvest of the same kind from the same endpoint takes its place, and nothing else.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from hashlib import blake2b

from loaders.emit import LINKS_GRAPH
from loaders.record import SharedIdentifier
from loaders.terms import XSD, decimal, iri, literal, types, value

__all__ = ["CONFIDENCE", "ExternalMatch", "emit_harvest", "emit_match", "exact_match", "harvest_iri", "match_iri"]

CONFIDENCE = Decimal("0.95")
"""How sure a match is: both graphs give one identifier, but somebody has copied it into the other one."""

_ACTIVITY = types("prov:Activity")
_CONFIDENCE = iri("tw:confidence")
_ENDED_AT = iri("prov:endedAtTime")
_EXACT_MATCH = iri("skos:exactMatch")
_EXTERNAL_MATCH = types("tw:ExternalMatch")
_EXTERNAL_RESOURCE = iri("tw:externalResource")
_IDENTIFIER = value("SharedIdentifier")
_LABEL = iri("rdfs:label")
_LINK_SOURCE = iri("tw:linkSource")
_SHARED_IDENTIFIER = iri("tw:sharedIdentifier")
_USED = iri("prov:used")
_WAS_GENERATED_BY = iri("prov:wasGeneratedBy")


@dataclass(frozen=True, slots=True, order=True)
class ExternalMatch:
    """That `resource` here and `external` elsewhere are one thing. Both are IRIs."""

    resource: str
    external: str


def harvest_iri(endpoint: str, kind: str) -> str:
    """Return the IRI of what is harvested of one kind (a short word) from one endpoint, each time anew."""
    return f"{LINKS_GRAPH}#harvest-{kind}-{_digest(endpoint)}"


def match_iri(match: ExternalMatch, harvest: str) -> str:
    """Return the IRI of the claim that a harvest makes."""
    return f"{LINKS_GRAPH}#match-{_digest(f'{harvest} {match.resource} {match.external}')}"


def exact_match(match: ExternalMatch) -> bytes:
    """Return the link itself, as a line of N-Triples."""
    return f"<{match.resource}> {_EXACT_MATCH} <{match.external}> .\n".encode()


def emit_match(match: ExternalMatch, shared: SharedIdentifier, harvest: str) -> bytes:
    """Return the claim behind a link as N-Triples (sorted)."""
    pairs = [
        *_EXTERNAL_MATCH,
        f"{_LINK_SOURCE} <{match.resource}>",
        f"{_EXTERNAL_RESOURCE} <{match.external}>",
        f"{_SHARED_IDENTIFIER} {_IDENTIFIER(shared)}",
        f"{_CONFIDENCE} {decimal(CONFIDENCE)}",
        f"{_WAS_GENERATED_BY} <{harvest}>",
    ]
    return _lines(match_iri(match, harvest), pairs)


def emit_harvest(harvest: str, endpoint: str, label: str, ended_at: str) -> bytes:
    """Return what the provenance graph says of a harvest (N-Triples, sorted); `ended_at` is an xsd:dateTime in UTC."""
    pairs = [
        *_ACTIVITY,
        f"{_LABEL} {literal(label)}",
        f"{_USED} <{endpoint}>",
        f"{_ENDED_AT} {literal(ended_at)}^^<{XSD}dateTime>",
    ]
    return _lines(harvest, pairs)


def _lines(subject: str, pairs: Iterable[str]) -> bytes:
    return "".join(sorted(f"<{subject}> {pair} .\n" for pair in pairs)).encode()


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=8).hexdigest()
