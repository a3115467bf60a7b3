"""Checking documents without storing them, and finding the characters that evidence needs."""

from dataclasses import dataclass
from pathlib import PurePath

from loaders import readers
from loaders.documents import Document, documents
from loaders.emit import Identity
from loaders.errors import SourceError
from loaders.evidence import check as check_evidence
from loaders.evidence import locate
from loaders.pipeline import prepare
from loaders.record import Study

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
        elif format == "auto" and not document.named and not readers.reader_for(document.data, document.name):
            continue
        else:
            for record in readers.read(document.data, document.name, format):
                if isinstance(record, SourceError):
                    checks.append(Check(document.name, False, "cannot be read", tuple(str(record).split("\n"))))
                elif isinstance(record, Study):
                    studies.append((document, record))
    pages = [study for _, study in studies if study.page]
    checks += [_check(document.name, study, pages) for document, study in studies]
    return checks


def _check(name: str, study: Study, pages: list[Study]) -> Check:
    report = prepare(study, Identity.of(study)).report
    misplaced = [f"{name}: {problem}" for problem in check_evidence(study, pages)]
    warnings = study.source.warnings if study.source else []
    messages = (*misplaced, *(f"{name}: {line}" for line in (*warnings, *report.lines())))
    sound = report.conforms and not misplaced
    if not sound:
        return Check(name, False, "would be turned away" if not report.conforms else "evidence is misplaced", messages)
    return Check(name, True, "sound" if not messages else f"sound, with {len(messages)} remarks", messages)


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
