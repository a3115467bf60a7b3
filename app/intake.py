"""Loading: documents go through the pipeline and what passes the gate goes into the store, one generation a run.

Processes prepare the records (`loaders.pool`); here it is decided where each belongs, in the order of the input, and
what is written. Each (study, source) graph comes in together with its provenance, its links and its report. What cannot
be read or does not pass is reported and costs nothing else. Readers see the whole run at once, at its end.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from app.decisions import accepted, without_decided
from app.description import describe
from app.journal import Journal, Stored
from app.manifest import Manifest
from app.rehoming import moves, triples_of
from app.resources import ontology_triples
from app.store.base import Change, ReplaceGraph, ReplaceSubjects, Store
from app.store.generations import engine_errors
from app.store.opening import Writer, open_writer
from app.store.quarantine import Quarantine, Rejected
from app.store.spool import Spool
from loaders.catalogue import Catalogue, Identification, StoredGraph, document_key
from loaders.documents import Document
from loaders.emit import (
    LINKS_GRAPH,
    ONTOLOGY_GRAPH,
    PROVENANCE_GRAPH,
    Identity,
    emit_alias,
    emit_tombstone,
    study_iri,
)
from loaders.errors import SourceError
from loaders.link.identifiers import BASE, publication_key, study_identifier
from loaders.record import Article, Deleted, Source, Study
from loaders.shelf import Dates, Shelf

if TYPE_CHECKING:  # brings the readers, which `trialweave --help` must not wait for
    from app.expense import Expense
    from loaders.pipeline import Item, Prepared, Ready, Taken
    from loaders.readers import Record

__all__ = ["KEPT_OUTCOMES", "Outcome", "Summary", "compare_sources", "load", "stored_catalogue"]

Status = Literal["loaded", "withdrawn", "superseded", "resumed", "unchanged", "quarantined", "unreadable", "ignored"]

KEPT_OUTCOMES = 1_000
"""Outcomes that a summary lists, and as many problems besides: a run can have half a million of them."""

JOURNALED = 5_000
"""Records after which what is stored is kept against an interruption, if they are too small to fill the spool."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one document. `messages` are for the user; `triples` counts what was stored of it."""

    document: str
    status: Status
    study: str | None = None
    graph: str | None = None
    triples: int = 0
    messages: tuple[str, ...] = ()

    @property
    def problem(self) -> bool:
        """Say whether something that was asked for is not in."""
        return self.status in ("quarantined", "unreadable")


@dataclass(slots=True)
class Summary:
    """What became of a run. `generation` is the published one when the run is over.

    `outcomes` are the first KEPT_OUTCOMES, and as many problems of those after them; `counts` counts all.
    `duplicates` counts records of a study and source that the run had brought already; `seconds` says where the
    processor time went (`app.expense`), and the total on the clock.
    """

    outcomes: list[Outcome] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    triples: int = 0
    duplicates: int = 0
    disagreements: int = 0
    generation: int = 0
    seconds: dict[str, float] = field(default_factory=dict)

    def add(self, outcome: Outcome) -> None:
        """Take note of an outcome."""
        self.counts[outcome.status] = self.count(outcome.status) + 1
        self.triples += outcome.triples
        if len(self.outcomes) < (2 if outcome.problem else 1) * KEPT_OUTCOMES:
            self.outcomes.append(outcome)

    def count(self, status: Status) -> int:
        """Return how many documents had this outcome."""
        return self.counts.get(status, 0)

    def line(self) -> str:
        """Return the run in one line."""
        counts = [f"{self.count(status)} {status}" for status in get_args(Status) if self.count(status)]
        parts = [", ".join(counts) or "nothing to load", f"{self.triples:,} triples"]
        if self.duplicates:
            parts.append(f"{self.duplicates} duplicate{'s' * (self.duplicates > 1)} within the run")
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
    jobs: int = 1,
    key: str | None = None,
    runner: str | None = None,
) -> Summary:
    """Load documents into a data directory and publish them as one generation, if anything changed.

    `progress` is told of each record when it is done; `jobs` processes prepare the records. A run that is stopped goes
    on where it was when one with the same `key` is started, which therefore says all that names the input. `runner` is
    the address of a cluster that prepares them instead (`loaders.cluster`); SourceError says when it cannot.
    Raises StoreError: then nothing of the run is visible.
    """
    from app.expense import Expense
    from loaders import cluster, pool
    from loaders.heap import return_freed_memory

    return_freed_memory()
    summary, expense = Summary(), Expense()
    with (
        _shelf_errors(),
        open_writer(data) as store,
        Spool(store, store.data.writer) as spool,
        Manifest(data, format) as manifest,
    ):
        intake = _Intake(store, spool, Quarantine(data), format, key)
        if runner:
            results = cluster.taken(found, intake.run, runner, intake.index_file())
        else:
            results = pool.taken(found, intake.run, jobs, intake.index_file() if jobs > 1 else None)
        for document, result in results:
            outcomes = list(intake.take(document, result))
            manifest.add(document, (outcome.status for outcome in outcomes))
            for outcome in outcomes:
                summary.add(outcome)
                progress(outcome)
        summary.disagreements, summary.generation = intake.finish(expense)
        summary.duplicates = intake.duplicates
        summary.seconds = expense.stages(intake.seconds)
        manifest.finish(summary.counts, summary.seconds, summary.generation, intake.run.version)
    return summary


@contextmanager
def _shelf_errors() -> Iterator[None]:
    """Say what it means that the shelf cannot be written to, which is that the disk is full."""
    try:
        yield
    except sqlite3.Error as error:
        with engine_errors("keeping what a run remembers"):
            raise OSError(str(error)) from error


class _Intake:
    """One run: the store, who is in it, and which studies were touched."""

    def __init__(self, store: Writer, spool: Spool, quarantine: Quarantine, format: str, key: str | None) -> None:
        from app.vocabulary import mesh_index
        from loaders.pipeline import Run, Seconds, loader_version

        self.store = store
        self.spool = spool
        self.quarantine = quarantine
        # Texts are linked to MeSH when the data directory holds it; the version says to which.
        index = mesh_index(store.data.path, store)
        version = loader_version(index)
        self.journal = Journal(store, key and f"{version} {format} {key}")
        resumed = self.journal.resume()
        shelf = Shelf(store.data.writer / "catalogue")
        self.catalogue = stored_catalogue(store, shelf)
        self.leftovers = {row["graph"] for text in _LEFTOVERS for row in store.rows(text)}
        self.run = Run(format, version, _now(), index, self.catalogue.loaded_by(version))
        self.seconds = Seconds()
        self.touched = set(self.journal.touched)
        self.duplicates = 0
        self._dates = Dates(shelf)
        for stored in resumed:
            self._dates[stored.graph] = stored.date
        self._resumed = {bytes.fromhex(stored.sha256) for stored in resumed}
        self._again: tuple[Document, Taken] | None = None
        self._read: tuple[Document, list[Record | SourceError]] | None = None

    def index_file(self) -> Path | None:
        """Return a file with the index of MeSH for other processes, if there is one."""
        if self.run.index is None:
            return None
        path = self.store.data.writer / "mesh.index"
        self.run.index.save(path)
        return path

    def take(self, document: Document | SourceError, taken: "Taken") -> Iterator[Outcome]:
        """Bring the records of one document into the store, or say why not: one outcome a record."""
        from loaders.pipeline import Unchanged

        name = document.name if isinstance(document, Document) else document.source
        self.seconds.add(taken.seconds)
        if not taken.items:
            yield Outcome(name, "ignored")
        whole = len(taken.items) == 1
        for position, item in enumerate(taken.items):
            if isinstance(item, Unchanged) and not self.catalogue.has(item.sha256, self.run.version):
                # Another version of it took its place in this very run, while this one was on its way.
                again = enumerate(self._retaken(document).items)
                yield from (self._take_item(name, document, *one) for one in again if whole or one[0] == position)
            else:
                yield self._take_item(name, document, position, item)

    def _take_item(self, name: str, document: Document | SourceError, position: int, item: "Item") -> Outcome:
        from loaders.pipeline import Unchanged, Unreadable

        if isinstance(item, Unreadable):
            return Outcome(name, "unreadable", messages=item.messages)
        if isinstance(item, Unchanged):
            return Outcome(name, "resumed" if bytes.fromhex(item.sha256) in self._resumed else "unchanged")
        if isinstance(item, Deleted):
            return self._withdraw(name, item)
        return self._take_record(name, document, position, item)

    def _retaken(self, document: Document | SourceError) -> "Taken":
        """Return what becomes of a document when nothing of it counts as known. The last one is remembered."""
        from loaders.pipeline import take

        assert isinstance(document, Document)  # what was not found has no records
        if self._again is None or self._again[0] is not document:
            self._again = (document, take(document, replace(self.run, known=())))
        return self._again[1]

    def _record(self, document: Document | SourceError, position: int) -> Study | Article:
        """Return a record of a document, which is read again for it. The last document's are remembered."""
        from loaders.pipeline import records

        assert isinstance(document, Document)
        if self._read is None or self._read[0] is not document:
            self._read = (document, list(records(document, self.run.format)))
        record = self._read[1][position]
        assert isinstance(record, Study | Article) and record.source  # it was prepared before
        record.source.document = document_key(record)
        return record

    def _take_record(self, name: str, document: Document | SourceError, position: int, ready: "Ready") -> Outcome:
        source = ready.source
        if self.catalogue.has(source.sha256, self.run.version):
            self.duplicates += ready.prepared.emission.graph in self._dates
            return Outcome(name, "unchanged")
        identification = self.catalogue.identify(ready.identifiers)
        key = identification.identity.study
        graph = self.catalogue.place(key, source.kind, source.document or "")
        if graph in self._dates:
            self.duplicates += 1
            if _is_older(source.version_date, self._dates[graph]):
                said = f"{name}: is of {source.version_date}, older than what this run has brought of {key} already"
                return Outcome(name, "superseded", study_iri(key), graph, messages=(said,))
        prepared = ready.prepared
        if ready.identity != identification.identity or graph != prepared.emission.graph:
            prepared = self._prepared_again(document, position, replace(identification.identity, graph=graph))
        return self._store(name, ready, prepared, identification, graph)

    def _prepared_again(self, document: Document | SourceError, position: int, identity: Identity) -> "Prepared":
        """Prepare a record under the identity that the store gives it."""
        from loaders.pipeline import prepare

        return prepare(self._record(document, position), identity, self.run, self.seconds)

    def _store(
        self, name: str, ready: "Ready", prepared: "Prepared", identification: Identification, graph: str
    ) -> Outcome:
        emission = without_decided(self.store, prepared.emission, identification.moved_studies)
        prepared = replace(prepared, emission=emission)
        source, report = ready.source, prepared.report
        messages = tuple(f"{name}: {line}" for line in (*source.warnings, *report.lines()))
        findings = report.triples(f"{graph}#report")
        if not report.conforms:
            rejected = Rejected(graph, emission.study, name, _now(), messages)
            self.quarantine.put(rejected, emission.nquads() + _in_graph(findings, f"{graph}/report"))
            self.leftovers.add(graph)
            self.spool.change([ReplaceGraph(f"{graph}/report", findings)])
            return Outcome(name, "quarantined", emission.study, graph, messages=messages)
        self._write(prepared, findings, identification, graph, source)
        self.quarantine.remove(graph)
        key = identification.identity.study
        stored = StoredGraph(key, source.document or "", source.sha256, self.run.version)
        self.catalogue.note(ready.identifiers, identification, graph, stored)
        self._dates[graph] = source.version_date
        self._hand_over_if_due(Stored(source.sha256, graph, source.version_date))
        return Outcome(name, "loaded", emission.study, graph, emission.triples.count(b"\n"), messages)

    def _hand_over_if_due(self, stored: Stored) -> None:
        """Have the spool written once it is full: between two records, so that the journal knows what is in."""
        self.journal.add(stored)
        if self.spool.full or len(self.journal) >= JOURNALED:
            self.spool.hand_over(self.journal.checkpoint(self.touched))

    def _write(
        self, prepared: "Prepared", findings: bytes, identification: Identification, graph: str, source: Source
    ) -> None:
        emission, key = prepared.emission, identification.identity.study
        others = [other for other in self.catalogue.graphs_of(key) if other != graph]
        superseded = self._superseded(graph, source)
        if self._is_new(graph, identification, alone=not others) and not superseded:
            parts = [(graph, emission.triples), (f"{graph}/report", findings), (PROVENANCE_GRAPH, prepared.provenance)]
            if others:
                self.touched.add(key)
                self.spool.change([ReplaceSubjects(LINKS_GRAPH, emission.link_subjects, emission.links)])
            else:
                parts.append((LINKS_GRAPH, emission.links))
            self.spool.add(graph, parts)
            self.spool.change([*_aliases(identification)])
            return
        if self.spool.concerns(graph) or _is_moving(identification) or superseded:
            self.spool.flush()  # What follows looks into the store.
        self.touched.add(key)
        self.spool.change(
            [
                *moves(self.store, self.catalogue, identification, self.touched),
                *self._emptied_all(self._superseded(graph, source)),
                ReplaceGraph(graph, emission.triples),
                ReplaceGraph(f"{graph}/report", findings),
                ReplaceSubjects(PROVENANCE_GRAPH, (graph, f"{graph}#load"), prepared.provenance),
                ReplaceSubjects(LINKS_GRAPH, self._links(graph, emission.link_subjects), emission.links),
                *_aliases(identification),
            ]
        )

    def _is_new(self, graph: str, identification: Identification, *, alone: bool) -> bool:
        """Say whether the store has nothing that a graph, loaded in bulk, would have to take the place of."""
        known = graph in self.catalogue.graphs and not (self.spool.holds(graph) and alone)
        return not (known or graph in self.leftovers or _is_moving(identification))

    def _withdraw(self, name: str, deleted: Deleted) -> Outcome:
        """Empty the graph of an article that its source has withdrawn, and leave a tombstone in the provenance."""
        document = publication_key(deleted.pmid, None) or ""
        graphs = self.catalogue.graphs_from("PUBMED", document)
        if not graphs:
            return Outcome(name, "ignored")
        self.spool.flush()
        for graph in graphs:
            self.spool.change([*self._emptied(graph, emit_tombstone("PUBMED", graph, document))])
            self.quarantine.remove(graph)
            self.leftovers.add(graph)
        return Outcome(name, "withdrawn", graph=graphs[0])

    def _superseded(self, graph: str, source: Source) -> list[str]:
        """Return the other graphs of the same article: what it reports may be told otherwise in its newer record."""
        if source.kind != "PUBMED" or not source.document:
            return []
        return [other for other in self.catalogue.graphs_from(source.kind, source.document) if other != graph]

    def _emptied_all(self, graphs: Iterable[str]) -> Iterator[Change]:
        for graph in graphs:
            yield from self._emptied(graph, b"")

    def _emptied(self, graph: str, provenance: bytes) -> Iterator[Change]:
        self.touched.add(self.catalogue.graphs[graph].study)
        self.catalogue.drop_graph(graph)
        yield ReplaceGraph(graph, b"")
        yield ReplaceGraph(f"{graph}/report", b"")
        yield ReplaceSubjects(PROVENANCE_GRAPH, (graph, f"{graph}#load"), provenance)
        yield ReplaceSubjects(LINKS_GRAPH, self._links(graph, ()), b"")

    def finish(self, expense: "Expense") -> tuple[int, int]:
        """Compare the sources of what was touched and publish, if anything changed.

        Returns the number of disagreements, and that of the generation which is current now.
        """
        self.spool.flush()
        if not self.spool.changed and not self._resumed:
            self.journal.end()
            return 0, self.store.upcoming() - 1
        disagreements = 0
        for found, change in compare_sources(self.store, self.catalogue, self.touched):
            disagreements += found
            self.spool.change([change])
            if self.spool.full:
                self.spool.hand_over()
        # So that queries can show the labels of terms and values.
        self.spool.change([ReplaceGraph(ONTOLOGY_GRAPH, ontology_triples())])
        self.spool.flush()
        with expense.describing():
            describe(self.store, len(self._dates), len(self.catalogue.graphs))
        generation = self.store.publish()
        self.journal.end()
        return disagreements, generation

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
_LEFTOVERS = (
    f"""
    PREFIX tw: <https://w3id.org/trialweave/ontology#>
    SELECT ?graph WHERE {{ GRAPH <{PROVENANCE_GRAPH}> {{ ?graph tw:withdrawn ?withdrawn }} }}
    """,
    """
    PREFIX sh: <http://www.w3.org/ns/shacl#>
    SELECT (STRBEFORE(STR(?report), "#") AS ?graph) WHERE { ?report sh:conforms false }
    """,
)
"""Graphs that are not there, but of which something is: a tombstone, or the report of one that was turned away."""
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


def compare_sources(store: Store, catalogue: Catalogue, studies: Iterable[str]) -> Iterator[tuple[int, Change]]:
    """Yield how often the sources of each of these studies disagree, and the change that stores where they do."""
    from loaders.gate import validate_union

    for key in sorted(studies):
        graphs = catalogue.graphs_of(key)
        target = f"{BASE}graph/{key}/disagreements"
        if len(graphs) > 1:
            report = validate_union(b"".join(_in_graph(triples_of(store, graph), graph) for graph in graphs))
            yield len(report.findings), ReplaceGraph(target, report.triples(f"{target}#report"))
        else:
            yield 0, ReplaceGraph(target, b"")


def stored_catalogue(store: Store, shelf: Shelf | None = None) -> Catalogue:
    """Read from the store who is in it, accepted identities included."""
    catalogue = Catalogue(shelf)
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


def _is_moving(identification: Identification) -> bool:
    return bool(identification.moved_studies or identification.moved_publications)


def _is_older(date: str | None, than: str | None) -> bool:
    """Say whether a version is older than another. Without a date, the later one is taken for the newer one."""
    return bool(date and than and date < than)


def _in_graph(triples: bytes, graph: str) -> bytes:
    return triples.replace(b" .\n", f" <{graph}> .\n".encode())


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
