"""What every claim that is found by comparing says: of which study, from which assertion graph, and how sure it is."""

from decimal import Decimal

from loaders.terms import decimal, iri

__all__ = ["claim", "derived_from"]

_CONFIDENCE = iri("tw:confidence")
_LINK_SOURCE = iri("tw:linkSource")
_WAS_DERIVED_FROM = iri("prov:wasDerivedFrom")


def claim(subject: str, study: str, graph: str, confidence: Decimal, *pairs: str) -> set[str]:
    """Return a claim about a study as N-Triples lines; `pairs` are what else it says, as predicates with objects.

    It names the assertion graph it was made from, so that it goes when that graph goes, and the study, so that it
    moves when the study moves.
    """
    common = (f"{_LINK_SOURCE} <{study}>", f"{_CONFIDENCE} {decimal(confidence)}")
    return {derived_from(subject, graph), *(f"<{subject}> {pair} .\n" for pair in (*common, *pairs))}


def derived_from(subject: str, graph: str) -> str:
    """Return the line by which something among the links goes when an assertion graph goes."""
    return f"<{subject}> {_WAS_DERIVED_FROM} <{graph}> .\n"
