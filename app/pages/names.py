"""Readable names and local addresses for IRIs."""

import re

from loaders.link.identifiers import BASE

__all__ = ["address", "readable", "short"]

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_DIGIT = re.compile(r"(?<=[a-z])(?=[0-9])")
_LOCAL = re.compile(r"[^#/:]+$")
_SERVED = re.compile(
    re.escape(BASE) + r"(?:study|publication|organization|graph|document|value|ontology|shapes|dataset|examples"
    r"|sparql-prefixes)(?=[/#]|$)"
)
_VALUE = BASE + "value/"


def readable(iri: str) -> str:
    """Name a term in words: `…#cohortSize` is "cohort size", the controlled value `…/Phase-PHASE2` is "phase 2"."""
    found = _LOCAL.search(iri)
    local = found[0] if found else iri
    if iri.startswith(_VALUE):
        return _DIGIT.sub(" ", local.partition("-")[2].replace("_", " ").lower())
    return _CAMEL.sub(" ", local).replace("_", " ").lower()


def short(iri: str) -> str:
    """An IRI as people want to see it when it has no label: without the part that is the same everywhere."""
    return iri.removeprefix(BASE) if iri.startswith(BASE) else iri


def address(iri: str) -> str:
    """Where to read about the IRI: on this host for our own resources, else the IRI itself; empty unless it is http."""
    if _SERVED.match(iri):
        return "/" + iri.removeprefix(BASE)
    return iri if iri.startswith(("http://", "https://")) else ""
