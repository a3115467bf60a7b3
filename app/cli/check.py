"""Checking documents without storing them, and finding the characters that evidence needs."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath

from app.errors import TrialweaveError, UnreadableDocument
from app.validation.checking import validate
from app.validation.reading import Kind, type_of
from loaders import readers
from loaders.catalogue import Catalogue, Identifiers
from loaders.documents import Document, documents
from loaders.emit import Identity
from loaders.errors import SourceError
from loaders.evidence import check as check_evidence
from loaders.evidence import locate
from loaders.gate import Report, short
from loaders.pipeline import prepare
from loaders.record import Article, Study

__all__ = ["Check", "check", "places"]


@dataclass(frozen=True, slots=True)
class Check:
    """The verdict on one document: `sound` when it could be loaded as it is."""

    document: str
    sound: bool
    verdict: str
    messages: tuple[str, ...] = ()


def check(sources: list[str], format: str) -> list[Check]:
    """Read and validate documents. Curated evidence is held against the pages that are given with it."""
    checks: list[Check] = []
    studies: list[tuple[Document, Study]] = []
    for document in documents(sources):
        if isinstance(document, SourceError):
            checks.append(Check(document.source, False, "cannot be read", (str(document),)))
        elif format == "auto" and document.named and (syntax := _rdf(document)):
            checks += _rdf_checks(document, syntax)
        elif format == "auto" and not document.named and not readers.reader_for(document.data, document.name):
            continue
        else:
            for record in readers.read(document.data, document.name, format):
                if isinstance(record, SourceError):
                    checks.append(Check(document.name, False, "cannot be read", tuple(str(record).split("\n"))))
                elif isinstance(record, Study):
                    studies.append((document, record))
                elif isinstance(record, Article):
                    checks.append(_article_check(document.name, record))
    pages = [study for _, study in studies if study.page]
    checks += [_check(document.name, study, pages) for document, study in studies]
    return checks


def _rdf(document: Document) -> Kind | None:
    """The syntax of an RDF file, which no reader of sources knows, by the ending of its name."""
    kind = Kind(type_of(document.name))
    return kind if kind.syntax and not readers.reader_for(document.data, document.name) else None


def _rdf_checks(document: Document, kind: Kind) -> Iterator[Check]:
    """Yield the verdict on each graph of an RDF file, as the service would give it."""
    try:
        for each in validate(document.data, kind).checked:
            about = f"{document.name}, {short(each.graph)}" if each.graph else document.name
            yield _verdict(about, each.report, [f"{about}: {line}" for line in (*each.remarks, *each.report.lines())])
    except TrialweaveError as error:
        line = error.line if isinstance(error, UnreadableDocument) else None
        said = SourceError(document.name, error.message, line=line)
        yield Check(document.name, False, "cannot be read", (str(said),))


def _article_check(name: str, article: Article) -> Check:
    identity = Catalogue().identify(Identifiers.of(article)).identity
    report = prepare(article, identity).report
    remarks = article.source.warnings if article.source else []
    return _verdict(name, report, [f"{name}: {line}" for line in (*remarks, *report.lines())])


def _verdict(name: str, report: Report, messages: list[str]) -> Check:
    if not report.conforms:
        return Check(name, False, "would be turned away", tuple(messages))
    return Check(name, True, f"sound, with {len(messages)} remarks" if messages else "sound", tuple(messages))


def _check(name: str, study: Study, pages: list[Study]) -> Check:
    report = prepare(study, Identity.of(study)).report
    misplaced = [f"{name}: {problem}" for problem in check_evidence(study, pages)]
    warnings = study.source.warnings if study.source else []
    messages = [*misplaced, *(f"{name}: {line}" for line in (*warnings, *report.lines()))]
    if misplaced and report.conforms:
        return Check(name, False, "evidence is misplaced", tuple(messages))
    return _verdict(name, report, messages)


def places(page: str, text: str) -> list[str]:
    """Return where a text stands in a page, each place as the flow-style YAML line that evidence is written in.

    Raises SourceError when the page cannot be read.
    """
    document = next(documents([page]))
    if isinstance(document, SourceError):
        raise document
    study = next(readers.read(document.data, PurePath(document.name).name))
    if isinstance(study, SourceError):
        raise study
    return [
        f"{{section: {place.section.label}, start: {place.start}, end: {place.end}}}"
        f"  # in {{label: {place.section.label}, length: {place.section.length}, sha256: {place.section.sha256}}}"
        for place in (locate(study, text) if isinstance(study, Study) else ())
    ]
