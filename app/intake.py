"""Loading: documents go through the pipeline and what passes the gate goes into the store, one generation a run.

Each (study, source) graph is replaced in one transaction together with its provenance, its links and its report. What
cannot be read or does not pass is reported and costs nothing else. Readers see the whole run at once, at its end.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Literal, get_args

from app.decisions import accepted, without_decided
from app.rehoming import moves, triples_of
from app.resources import ontology_triples
from app.store.base import Change, ReplaceGraph, ReplaceSubjects
from app.store.embedded import EmbeddedStore
from app.store.quarantine import Quarantine, Rejected
from loaders import readers
from loaders.catalogue import Catalogue, Identification, StoredGraph, document_key
from loaders.documents import Document
from loaders.emit import LINKS_GRAPH, ONTOLOGY_GRAPH, PROVENANCE_GRAPH, emit_alias, emit_tombstone, study_iri
from loaders.errors import SourceError
from loaders.link.identifiers import BASE, publication_key, study_identifier
from loaders.record import Article, Deleted, Source, Study

__all__ = ["Outcome", "Summary", "compare_sources", "load", "stored_catalogue"]

Status = Literal["loaded", "withdrawn", "unchanged", "quarantined", "unreadable", "ignored"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one document. `messages` are for the user; `triples` counts what was stored of it."""

    document: str
    status: Status
    study: str | None = None
    graph: str | None = None
    triples: int = 0
    messages: tuple[str, ...] = ()


@dataclass(slots=True)
class Summary:
    """What became of a run. `generation` is the published one when the run is over."""

    outcomes: list[Outcome] = field(default_factory=list)
    disagreements: int = 0
    generation: int = 0

    def count(self, status: Status) -> int:
        """Return how many documents had this outcome."""
        return sum(outcome.status == status for outcome in self.outcomes)

    def line(self) -> str:
        """Return the run in one line."""
        counts = [f"{self.count(status)} {status}" for status in get_args(Status) if self.count(status)]
        triples = sum(outcome.triples for outcome in self.outcomes)
        parts = [", ".join(counts) or "nothing to load", f"{triples:,} triples"]
        if self.disagreements:
            parts.append(f"{self.disagreements} disagreement{'s' * (self.disagreements > 1)} between sources")
        return f"{'; '.join(parts)}; generation {self.generation} is current."

    @property
    def complete(self) -> bool:
        """Say whether everything that was asked for is in."""
        return not (self.count("quarantined") or self.count("unreadable"))


def load(
    data: Path,
    found: Iterable[Document | SourceError],
    format: str = "auto",
    progress: Callable[[Outcome], None] = lambda outcome: None,
) -> Summary:
    """Load documents into a data directory and publish them as one generation, if anything changed.

    `progress` is told of each record when it is done. Raises StoreError: then nothing of the run is visible.
    """
    summary = Summary()
    with EmbeddedStore(data) as store:
        intake = _Intake(store, Quarantine(data), format)
        for document in found:
            for outcome in intake.take(document):
                summary.outcomes.append(outcome)
                progress(outcome)
        if intake.changed:
            summary.disagreements = intake.compare_sources()
            intake.describe_ontology()
            summary.generation = store.publish()
        else:
            summary.generation = store.info().generation
    return summary


class _Intake:
    """One run: the store, who is in it, and which studies were touched."""

    def __init__(self, store: EmbeddedStore, quarantine: Quarantine, format: str) -> None:
        from app.vocabulary import mesh_index
        from loaders.pipeline import loader_version

        self.store = store
        self.quarantine = quarantine
        self.format = format
        self.catalogue = stored_catalogue(store)
        # Texts are linked to MeSH when the data directory holds it; the version says to which.
        self.index = mesh_index(store.data.path, store)
        self.version = loader_version(self.index)
        self.touched: set[str] = set()
        self.changed = False

    def take(self, document: Document | SourceError) -> Iterator[Outcome]:
        """Bring the records of one document into the store, or say why not: one outcome a record."""
        if isinstance(document, SourceError):
            yield Outcome(document.source, "unreadable", messages=(str(document),))
            return
        if self.format == "auto" and not document.named and not readers.reader_for(document.data, document.name):
            yield Outcome(document.name, "ignored")
            return
        if self.catalogue.has(sha256(document.data).hexdigest(), self.version):
            yield Outcome(document.name, "unchanged")
            return
        for record in readers.read(document.data, document.name, self.format):
            yield self._take_record(document.name, record)

    def _take_record(self, name: str, record: readers.Record | SourceError) -> Outcome:
        if isinstance(record, SourceError):
            return Outcome(name, "unreadable", messages=tuple(str(record).split("\n")))
        if isinstance(record, Deleted):
            return self._withdraw(name, record)
        if record.source and self.catalogue.has(record.source.sha256, self.version):
            return Outcome(name, "unchanged")
        return self._store(name, record)

    def _store(self, name: str, record: Study | Article) -> Outcome:
        from loaders.pipeline import prepare  # brings the validator, which takes half a second

        source = record.source
        if source is None:
            raise ValueError("a reader must say which document it read")
        source.document = document_key(record)
        identification = self.catalogue.identify(record)
        key = identification.identity.study
        graph = self.catalogue.place(key, source.kind, source.document)
        prepared = prepare(record, replace(identification.identity, graph=graph), _now(), self.index)
        report = prepared.report
        emission = without_decided(self.store, prepared.emission, identification.moved_studies)
        messages = tuple(f"{name}: {line}" for line in (*source.warnings, *report.lines()))
        findings = report.triples(f"{graph}#report")
        if not report.conforms:
            rejected = Rejected(graph, emission.study, name, _now(), messages)
            self.quarantine.put(rejected, emission.nquads() + _in_graph(findings, f"{graph}/report"))
            self._apply([ReplaceGraph(f"{graph}/report", findings)])
            return Outcome(name, "quarantined", emission.study, graph, messages=messages)
        self._apply(
            [
                *moves(self.store, self.catalogue, identification, self.touched),
                *self._superseded(graph, source),
                ReplaceGraph(graph, emission.triples),
                ReplaceGraph(f"{graph}/report", findings),
                ReplaceSubjects(PROVENANCE_GRAPH, (graph, f"{graph}#load"), prepared.provenance),
                ReplaceSubjects(LINKS_GRAPH, self._links(graph, emission.link_subjects), emission.links),
                *_aliases(identification),
            ]
        )
        self.quarantine.remove(graph)
        stored = StoredGraph(key, source.document, source.sha256, self.version)
        self.catalogue.note(record, identification, graph, stored)
        self.touched.add(key)
        return Outcome(name, "loaded", emission.study, graph, emission.triples.count(b"\n"), messages)

    def _withdraw(self, name: str, deleted: Deleted) -> Outcome:
        """Empty the graph of an article that its source has withdrawn, and leave a tombstone in the provenance."""
        document = publication_key(deleted.pmid, None) or ""
        graphs = self.catalogue.graphs_from("PUBMED", document)
        if not graphs:
            return Outcome(name, "ignored")
        for graph in graphs:
            self._apply([*self._emptied(graph, emit_tombstone("PUBMED", graph, document))])
            self.quarantine.remove(graph)
        return Outcome(name, "withdrawn", graph=graphs[0])

    def _superseded(self, graph: str, source: Source) -> Iterator[Change]:
        """Empty the other graphs of the same article: what it reports may be told otherwise in its newer record."""
        if source.kind == "PUBMED" and source.document:
            for other in self.catalogue.graphs_from(source.kind, source.document):
                if other != graph:
                    yield from self._emptied(other, b"")

    def _emptied(self, graph: str, provenance: bytes) -> Iterator[Change]:
        self.touched.add(self.catalogue.graphs[graph].study)
        self.catalogue.drop_graph(graph)
        yield ReplaceGraph(graph, b"")
        yield ReplaceGraph(f"{graph}/report", b"")
        yield ReplaceSubjects(PROVENANCE_GRAPH, (graph, f"{graph}#load"), provenance)
        yield ReplaceSubjects(LINKS_GRAPH, self._links(graph, ()), b"")

    def compare_sources(self) -> int:
        """Look at the union of each touched study's graphs and store where sources disagree; return how often."""
        disagreements, changes = compare_sources(self.store, self.catalogue, self.touched)
        self._apply(changes)
        return disagreements

    def describe_ontology(self) -> None:
        """Keep the ontology's terms and the value schemes in the store, so that queries can show their labels."""
        self._apply([ReplaceGraph(ONTOLOGY_GRAPH, ontology_triples())])

    def _apply(self, changes: list[Change]) -> None:
        self.changed |= self.store.apply(changes)

    def _links(self, graph: str, subjects: tuple[str, ...]) -> tuple[str, ...]:
        """Return the links to replace: those of this version and those of the version before it."""
        return tuple({*subjects, *(row["link"] for row in self.store.rows(_LINKS_FROM, {"iri": graph}))})


_LINKS_FROM = f"""
SELECT ?iri ?link WHERE {{ GRAPH <{LINKS_GRAPH}> {{ ?link <http://www.w3.org/ns/prov#wasDerivedFrom> ?iri }} }}
"""
_STORED_GRAPHS = f"""
PREFIX tw: <https://w3id.org/trialweave/ontology#>
SELECT ?graph ?study ?sha256 ?version ?document WHERE {{
  GRAPH <{PROVENANCE_GRAPH}> {{
    ?graph tw:aboutStudy|tw:aboutPublication ?study ; tw:contentSha256 ?sha256 ; tw:loaderVersion ?version .
    OPTIONAL {{ ?graph tw:documentKey ?document }}
  }}
}}
"""
_STORED_STUDIES = """
PREFIX tw: <https://w3id.org/trialweave/ontology#>
SELECT DISTINCT ?study ?identifier WHERE { ?study a tw:Study ; <http://purl.org/dc/terms/identifier> ?identifier }
"""
_STORED_PUBLICATIONS = """
PREFIX tw: <https://w3id.org/trialweave/ontology#>
SELECT DISTINCT ?publication ?pmid ?doi WHERE {
  { ?publication tw:pmid ?pmid } UNION { ?publication tw:doi ?doi }
}
"""


def compare_sources(store: EmbeddedStore, catalogue: Catalogue, studies: Iterable[str]) -> tuple[int, list[Change]]:
    """Return how often the sources of these studies disagree, and the changes that store where they do."""
    from loaders.gate import validate_union

    disagreements = 0
    changes: list[Change] = []
    for key in sorted(studies):
        graphs = catalogue.graphs_of(key)
        target = f"{BASE}graph/{key}/disagreements"
        triples = b""
        if len(graphs) > 1:
            report = validate_union(b"".join(_in_graph(triples_of(store, graph), graph) for graph in graphs))
            disagreements += len(report.findings)
            triples = report.triples(f"{target}#report")
        changes.append(ReplaceGraph(target, triples))
    return disagreements, changes


def stored_catalogue(store: EmbeddedStore) -> Catalogue:
    """Read from the store who is in it, accepted identities included."""
    catalogue = Catalogue()
    for row in store.rows(_STORED_GRAPHS):
        key = row["study"].rpartition("/")[2]
        stored = StoredGraph(key, row.get("document", ""), row["sha256"], row["version"])
        catalogue.add_graph(row["graph"], stored)
    for row in store.rows(_STORED_STUDIES):
        identifier = _identifier(row["identifier"])
        if identifier:
            catalogue.add_study(row["study"].removeprefix(study_iri("")), [identifier])
    for row in store.rows(_STORED_PUBLICATIONS):
        key = row["publication"].removeprefix(f"{BASE}publication/")
        catalogue.add_publication(key, [(kind, row[kind]) for kind in ("pmid", "doi") if kind in row])
    for source, target in accepted(store):
        catalogue.add_study(target, [study_identifier(source), study_identifier(target)])
    return catalogue


def _identifier(text: str) -> tuple[str, str] | None:
    """Read back a dcterms:identifier of a study; other registries' ids are no identity here."""
    if text.startswith("NCT"):
        return ("nct", text)
    if text.startswith("PMID"):
        return ("pmid", text.removeprefix("PMID"))
    return ("doi", text.removeprefix("DOI:").lower()) if text.startswith("DOI:") else None


def _aliases(identification: Identification) -> Iterator[Change]:
    for alias, key in identification.study_aliases.items():
        iri = study_iri(alias)
        yield ReplaceSubjects(PROVENANCE_GRAPH, (iri,), emit_alias(iri, study_iri(key)) if key else b"")
    for old, new in identification.publication_aliases.items():
        iri = f"{BASE}publication/{old}"
        yield ReplaceSubjects(PROVENANCE_GRAPH, (iri,), emit_alias(iri, f"{BASE}publication/{new}"))


def _in_graph(triples: bytes, graph: str) -> bytes:
    return triples.replace(b" .\n", f" <{graph}> .\n".encode())


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
