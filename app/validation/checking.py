"""From the bytes that a client sent to the report: each graph, or each record of a document, as the gate sees it.

RDF with named graphs is a set of sources: each graph is checked by itself, with what the provenance graph and the links
say about it, as it would be when it is loaded. Two sources may disagree; together they would break rules that neither
breaks. A document goes the way of a load: it is read, emitted and checked.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice

import pyoxigraph as ox

from app.errors import BadRequest, TrialweaveError, UnreadableDocument
from app.validation.graphs import SharedGraphs, n_triples, role_of
from app.validation.reading import AUTO, DOCUMENT_TYPES, Kind, check_form, guessed, read_rdf
from loaders import gate, readers
from loaders.documents import Document
from loaders.errors import SourceError, SourceErrors
from loaders.gate import Finding, Report
from loaders.link.identifiers import BASE
from loaders.pipeline import Item, Ready, Run, Unreadable, take

__all__ = ["Checked", "Validation", "validate"]

_NAME = "document"
_UNJUDGED = ("it uses no term of the ontology, so there is no rule for it",)
_MOST = 20
"""Faults of an unreadable document that are told."""


@dataclass(frozen=True, slots=True)
class Checked:
    """One graph and what was found in it. `graph` is None for RDF outside named graphs and for an unreadable record.

    `remarks` are what else was noticed, as by the reader of a document.
    """

    graph: str | None
    report: Report
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Validation:
    """What was found in all that was sent. `name` is an IRI made of the content: same content, same report."""

    name: str
    checked: tuple[Checked, ...]

    @property
    def report(self) -> Report:
        """One report on everything, as SHACL wants it (section 3.6)."""
        return Report(tuple(dict.fromkeys(finding for each in self.checked for finding in each.report.findings)))


def validate(data: bytes, kind: Kind) -> Validation:
    """Check RDF or a source document. Raises UnreadableDocument when nothing of it can be read, BadRequest."""
    name = f"{BASE}validation/{sha256(data).hexdigest()[:16]}#report"
    syntax = kind.syntax
    if syntax is None and kind.media_type == AUTO and not readers.reader_for(data, _NAME):
        syntax = guessed(data)
    return Validation(name, tuple(_graphs(read_rdf(data, syntax)) if syntax else _records(data, kind)))


def _graphs(quads: Iterable[ox.Quad]) -> Iterator[Checked]:
    graphs: dict[str | None, list[ox.Triple]] = defaultdict(list)
    shared: list[ox.Triple] = []
    for quad in quads:
        name = quad.graph_name.value if isinstance(quad.graph_name, ox.NamedNode) else None
        match role_of(name):
            case "source":
                graphs[name].append(quad.triple)
            case "shared":
                shared.append(quad.triple)
    about = SharedGraphs(shared)
    for name, triples in graphs.items() or [(None, shared)]:
        report = about.judged(name, n_triples(triples))
        yield Checked(name, report) if report else Checked(name, Report(), _UNJUDGED)


def _records(data: bytes, kind: Kind) -> Iterator[Checked]:
    document = Document(f"{_NAME}.{DOCUMENT_TYPES.get(kind.media_type, '')}".rstrip("."), data)
    if not readers.reader_for(data, document.name):
        check_form(data, kind)
        raise BadRequest("This is no document of a source that is known here; RDF is sent with its own Content-Type.")
    items = take(document, Run()).items
    if all(isinstance(item, Unreadable) for item in items):
        raise _unreadable(document, items)
    for item in items:
        if isinstance(item, Ready):
            prepared = item.prepared
            yield Checked(prepared.emission.graph, prepared.report, tuple(item.source.warnings))
        elif isinstance(item, Unreadable):
            yield Checked(None, Report(tuple(_finding(_said(message, document)) for message in item.messages)))


def _unreadable(document: Document, items: Iterable[Item]) -> TrialweaveError:
    """The error for a document of which nothing can be read, with the line of its first fault where that is known."""
    found = (_said(message, document) for item in items if isinstance(item, Unreadable) for message in item.messages)
    messages = tuple(islice(found, _MOST))
    if not messages:
        return BadRequest("The document holds no record.")
    return UnreadableDocument(f"The document cannot be read: {'; '.join(messages)}.", _line(document))


def _line(document: Document) -> int | None:
    """The line of a document's first fault. What a pipeline hands on is text, so the reader is asked again."""
    for record in readers.read(document.data, document.name):
        first = record.errors[0] if isinstance(record, SourceErrors) else record
        if isinstance(first, SourceError) and first.line is not None:
            return first.line
    return None


def _said(message: str, document: Document) -> str:
    said = message.removeprefix(document.name).lstrip(",: ")
    return re.sub(r"^(\d+): ", r"line \1: ", said).rstrip(".")


def _finding(said: str) -> Finding:
    message = f"A record cannot be read: {said}."
    return Finding(f"{BASE}graph", None, None, f"{gate.SHAPE}Checkable", "Checkable", "Violation", message)
