"""From a document to what the store should hold of it: read, emit, validate. Pure functions, no store in sight.

    document --read--> Study --emit--> triples --gate--> Prepared, or a SourceError

Whoever drives the pipeline decides where a record belongs (`loaders.catalogue`) between reading and preparing.
"""

from dataclasses import dataclass, replace
from importlib.metadata import version

from loaders import gate
from loaders.emit import Emission, Identity, emit, emit_article, emit_provenance
from loaders.link.concepts import concept_links, emit_concept_links
from loaders.link.mesh import MeshIndex
from loaders.record import Article, Study

__all__ = ["LOADER_VERSION", "Prepared", "loader_version", "prepare"]

LOADER_VERSION = version("trialweave")
"""The version of this program."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A record as triples, with the gate's verdict on them. `provenance` goes into the provenance graph."""

    emission: Emission
    provenance: bytes
    report: gate.Report


def loader_version(index: MeshIndex | None) -> str:
    """Return what is stored with every assertion graph: a document read by another version is read again.

    The MeSH that texts are linked to is part of it, as build metadata (0.1.0+mesh.4f3c…): another MeSH, other links.
    """
    return f"{LOADER_VERSION}+mesh.{index.version[:16]}" if index else LOADER_VERSION


def prepare(
    record: Study | Article, identity: Identity, loaded_at: str | None = None, index: MeshIndex | None = None
) -> Prepared:
    """Emit and validate one record. The gate sees the graph together with its provenance and its links.

    With an index of MeSH, the texts of a study are linked to its concepts.
    """
    if record.source is None:
        raise ValueError("the record has no source, so nothing could be said of where its facts come from")
    if isinstance(record, Article):
        emission = emit_article(record, identity)
    else:
        emission = emit(record, identity)
        if index:
            emission = _with_concept_links(emission, record, index)
    provenance = emit_provenance(record.source, emission.graph, emission.study, loader_version(index), loaded_at)
    report = gate.validate(emission.triples + provenance + emission.links)
    return Prepared(emission, provenance, report)


def _with_concept_links(emission: Emission, study: Study, index: MeshIndex) -> Emission:
    links, subjects = emit_concept_links(concept_links(study, index), emission.study, emission.graph)
    return replace(emission, links=emission.links + links, link_subjects=(*emission.link_subjects, *subjects))
