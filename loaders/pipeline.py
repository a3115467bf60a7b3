"""From a document to what the store should hold of it: read, emit, validate. Pure functions, no store in sight.

    document --read--> Study --emit--> triples --gate--> Prepared, or a SourceError

Whoever drives the pipeline decides where a record belongs (`loaders.catalogue`) between reading and preparing.
"""

from dataclasses import dataclass
from importlib.metadata import version

from loaders import gate
from loaders.emit import Emission, Identity, emit, emit_provenance
from loaders.record import Study

__all__ = ["LOADER_VERSION", "Prepared", "prepare"]

LOADER_VERSION = version("trialweave")
"""Stored with every assertion graph: a document read by another version of the loaders is read again."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A record as triples, with the gate's verdict on them. `provenance` goes into the provenance graph."""

    emission: Emission
    provenance: bytes
    report: gate.Report


def prepare(study: Study, identity: Identity, loaded_at: str | None = None) -> Prepared:
    """Emit and validate one record. The gate sees the graph together with its provenance and its links."""
    if study.source is None:
        raise ValueError("the study has no source, so nothing could be said of where its facts come from")
    emission = emit(study, identity)
    provenance = emit_provenance(study.source, emission.graph, emission.study, LOADER_VERSION, loaded_at)
    report = gate.validate(emission.triples + provenance + emission.links)
    return Prepared(emission, provenance, report)
