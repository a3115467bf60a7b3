"""From a document to what the store should hold of it: read, emit, validate. Pure functions, no store in sight.

    document --read--> Study --emit--> triples --gate--> Ready, or a sentence that says what is wrong

Each record is prepared under the identity that it claims by itself, so documents can be prepared in any process and in
any order (`loaders.pool`). Who knows what is stored already decides where a record belongs (`loaders.catalogue`), and
has the few that belong elsewhere prepared again.
"""

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from importlib.metadata import version
from time import thread_time

from loaders import gate, readers
from loaders.catalogue import Catalogue, Identifiers, document_key
from loaders.digests import Digests
from loaders.documents import Document
from loaders.emit import Emission, Identity, emit, emit_article, emit_provenance
from loaders.errors import SourceError
from loaders.link.concepts import concept_links, emit_concept_links
from loaders.link.mesh import MeshIndex
from loaders.record import Article, Deleted, Source, Study

__all__ = [
    "LOADER_VERSION",
    "Item",
    "Prepared",
    "Ready",
    "Run",
    "Seconds",
    "Taken",
    "Unchanged",
    "Unreadable",
    "loader_version",
    "prepare",
    "records",
    "take",
    "take_all",
]

LOADER_VERSION = version("trialweave")
"""The version of this program."""

_NOBODY = Catalogue()


@dataclass(slots=True)
class Seconds:
    """Seconds of processor time, summed over all processes of a run."""

    read: float = 0.0
    emit: float = 0.0
    gate: float = 0.0

    def add(self, other: "Seconds") -> None:
        """Add what another process took."""
        self.read += other.read
        self.emit += other.emit
        self.gate += other.gate


@dataclass(frozen=True, slots=True)
class Run:
    """What is the same for all documents of a run.

    `loaded_at` is an xsd:dateTime in UTC; None leaves the time out. Texts are linked to the concepts of `index`.
    `known` are the SHA-256 digests of what is stored already; of those, nothing is prepared.
    """

    format: str = "auto"
    version: str = LOADER_VERSION
    loaded_at: str | None = None
    index: MeshIndex | None = None
    known: Container[bytes] = Digests()


@dataclass(frozen=True, slots=True)
class Prepared:
    """A record as triples, with the gate's verdict on them. `provenance` goes into the provenance graph."""

    emission: Emission
    provenance: bytes
    report: gate.Report


@dataclass(frozen=True, slots=True)
class Ready:
    """A record, prepared under the identity it claims by itself, and what is needed to see whether that is right."""

    identifiers: Identifiers
    identity: Identity
    source: Source
    prepared: Prepared


@dataclass(frozen=True, slots=True)
class Unchanged:
    """A record, or a whole document, with this SHA-256 is among those that are known."""

    sha256: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """What is wrong with a record or a document, a line each thing."""

    messages: tuple[str, ...]


Item = Ready | Unchanged | Unreadable | Deleted
"""What became of one record."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a document: one item a record, none for a document of no kind that is known here."""

    items: tuple[Item, ...]
    seconds: Seconds = field(default_factory=Seconds)


def loader_version(index: MeshIndex | None) -> str:
    """Return what is stored with every assertion graph: a document read by another version is read again.

    The MeSH that texts are linked to is part of it, as build metadata (0.1.0+mesh.4f3c…): another MeSH, other links.
    """
    return f"{LOADER_VERSION}+mesh.{index.version[:16]}" if index else LOADER_VERSION


def take(document: Document, run: Run) -> Taken:
    """Read, emit and validate the records of a document. Nothing is raised, whatever is in it."""
    return take_all([document], run)[0]


def take_all(documents: Sequence[Document], run: Run) -> list[Taken]:
    """Do what `take` does for several documents: everything is emitted first, and then validated in one go."""
    taken = [_emitted(document, run) for document in documents]
    waiting = [item for items, _ in taken for item in items if isinstance(item, _Emitted)]
    started = thread_time()
    verdicts = iter(_verdicts(waiting))
    if taken:
        taken[-1][1].gate += thread_time() - started
    return [
        Taken(tuple(next(verdicts) if isinstance(item, _Emitted) else item for item in items), seconds)
        for items, seconds in taken
    ]


def records(document: Document, format: str) -> Iterator[readers.Record | SourceError]:
    """Yield the records of a document; a reader that fails costs what it has not read yet."""
    try:
        yield from readers.read(document.data, document.name, format)
    except Exception as error:  # A fault in a reader must not cost the other documents of a run.
        yield SourceError(document.name, f"could not be read ({_named(error)}); please report this")


def prepare(
    record: Study | Article, identity: Identity, run: Run | None = None, seconds: Seconds | None = None
) -> Prepared:
    """Emit and validate one record. The gate sees the graph together with its provenance and its links.

    The processor time it takes is added to `seconds`. Raises ValueError when the record has no source or no identifier.
    """
    seconds = seconds or Seconds()
    emission, provenance = _emit(record, identity, run or Run(), seconds)
    started = thread_time()
    report = gate.validate(_to_validate(emission, provenance))
    seconds.gate += thread_time() - started
    return Prepared(emission, provenance, report)


@dataclass(frozen=True, slots=True)
class _Emitted:
    """A record on its way to the gate. `about` begins a sentence about it."""

    about: str
    identifiers: Identifiers
    identity: Identity
    source: Source
    emission: Emission
    provenance: bytes

    def verdict(self, report: gate.Report) -> Ready:
        return Ready(self.identifiers, self.identity, self.source, Prepared(self.emission, self.provenance, report))


def _emitted(document: Document, run: Run) -> tuple[list[Item | _Emitted], Seconds]:
    """Read and emit the records of a document."""
    seconds = Seconds()
    if run.format == "auto" and not document.named and not readers.reader_for(document.data, document.name):
        return [], seconds
    digest = sha256(document.data)
    if digest.digest() in run.known:
        return [Unchanged(digest.hexdigest())], seconds
    items: list[Item | _Emitted] = []
    started = thread_time()
    for record in records(document, run.format):
        seconds.read += thread_time() - started
        items.append(_item(document.name, record, run, seconds))
        started = thread_time()
    seconds.read += thread_time() - started
    return items, seconds


def _item(name: str, record: readers.Record | SourceError, run: Run, seconds: Seconds) -> Item | _Emitted:
    if isinstance(record, SourceError):
        return Unreadable(tuple(str(record).split("\n")))
    if isinstance(record, Deleted):
        return record
    about = f"{name}: {_about(record)}"
    try:
        if record.source is None:
            raise ValueError("a reader must say which document it read")
        if bytes.fromhex(record.source.sha256) in run.known:
            return Unchanged(record.source.sha256)
        record.source.document = document_key(record)
        identifiers = Identifiers.of(record)
        identity = _NOBODY.identify(identifiers).identity
        return _Emitted(about, identifiers, identity, record.source, *_emit(record, identity, run, seconds))
    except Exception as error:  # A fault in the emitter must cost this record alone.
        return _unprepared(about, error)


def _emit(record: Study | Article, identity: Identity, run: Run, seconds: Seconds) -> tuple[Emission, bytes]:
    """Return the triples of a record, and those of its provenance."""
    if record.source is None:
        raise ValueError("the record has no source, so nothing could be said of where its facts come from")
    started = thread_time()
    if isinstance(record, Article):
        emission = emit_article(record, identity)
    else:
        emission = emit(record, identity)
        if run.index:
            emission = _with_concept_links(emission, record, run.index)
    provenance = emit_provenance(record.source, emission.graph, emission.study, run.version, run.loaded_at)
    seconds.emit += thread_time() - started
    return emission, provenance


def _to_validate(emission: Emission, provenance: bytes) -> bytes:
    return emission.triples + provenance + emission.links


def _verdicts(waiting: Sequence[_Emitted]) -> list[Ready | Unreadable]:
    try:
        reports = gate.validate_all([_to_validate(item.emission, item.provenance) for item in waiting])
    except Exception as error:  # A fault in the gate must cost one record alone.
        if len(waiting) == 1:
            return [_unprepared(waiting[0].about, error)]
        return [verdict for item in waiting for verdict in _verdicts([item])]
    return [item.verdict(report) for item, report in zip(waiting, reports, strict=True)]


def _unprepared(about: str, error: Exception) -> Unreadable:
    return Unreadable((f"{about}could not be prepared ({_named(error)}); please report this",))


def _about(record: Study | Article) -> str:
    known = Identifiers.of(record)
    identifier = known.nct or known.pmid or known.doi
    return f"the record of {identifier} " if identifier else ""


def _named(error: Exception) -> str:
    return f"{error.__class__.__name__}: {error}" if str(error) else error.__class__.__name__


def _with_concept_links(emission: Emission, study: Study, index: MeshIndex) -> Emission:
    links, subjects = emit_concept_links(concept_links(study, index), emission.study, emission.graph)
    return replace(emission, links=emission.links + links, link_subjects=(*emission.link_subjects, *subjects))
