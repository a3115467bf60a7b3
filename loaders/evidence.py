"""Evidence held against the document it points into: does the section still read as it did, and is the number there?

The store keeps offsets and hashes, never the words. So this check needs the documents themselves, and is run where a
curator has both at hand.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from loaders.link.identifiers import publication_key
from loaders.record import Evidence, Publication, Study, TextSection

__all__ = ["Place", "check", "locate"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a text stands: the section and the characters in its NFC text, from 0, end exclusive."""

    section: TextSection
    start: int
    end: int


def locate(study: Study, text: str) -> list[Place]:
    """Return every place of a text in the sections of a document that was just read. White space must match."""
    wanted = unicodedata.normalize("NFC", text)
    if not wanted:
        return []
    return [
        Place(section, match.start(), match.end())
        for publication in study.publications
        for section in publication.sections
        for match in re.finditer(re.escape(wanted), section.text or "")
    ]


def check(study: Study, documents: Iterable[Study]) -> Iterator[str]:
    """Yield what is wrong with a study's evidence, held against documents about the same articles.

    Two things are checked for each span: the section's text has the hash the study states, and the characters the
    span points at contain the text that the fact is said to be printed as (`value_text`).
    """
    texts = {
        (identifier, section.label): section
        for document in documents
        for publication in document.publications
        for identifier in _identifiers(publication)
        for section in publication.sections
        if section.text is not None
    }
    for publication in study.publications:
        for stated in publication.sections:
            found = _section(publication, stated.label, texts)
            if found and found.sha256 != stated.sha256:
                yield f"the section {stated.label} has changed since its characters were counted; count again"
    for path, fact, span in _spans(study, ""):
        article = _article(study, span)
        found = _section(article, span.section, texts) if article else None
        if found and (problem := _problem(fact, span, found.text or "")):
            yield f"{path}: {problem}"


def _problem(fact: Any, span: Evidence, text: str) -> str | None:
    if span.start is None or span.end is None:
        return None
    if span.end > len(text):
        return f"character {span.end} lies behind the end of the section {span.section}"
    printed = getattr(fact, "value_text", None)
    pointed = text[span.start : span.end]
    if printed and len(fact.evidence) == 1 and printed not in pointed:
        return (
            f"'{printed}' does not stand at characters {span.start} to {span.end} of {span.section}; '{pointed}' does"
        )
    return None


def _identifiers(publication: Publication) -> list[str]:
    keys = (publication_key(publication.pmid, None), publication_key(None, publication.doi))
    return [key for key in keys if key]


def _article(study: Study, span: Evidence) -> Publication | None:
    if span.document is None:
        return study.publications[0] if study.publications else None
    return next((article for article in study.publications if span.document in _identifiers(article)), None)


def _section(publication: Publication, label: str, texts: Mapping[tuple[str, str], TextSection]) -> TextSection | None:
    return next((texts[key, label] for key in _identifiers(publication) if (key, label) in texts), None)


def _spans(part: Any, path: str) -> Iterator[tuple[str, Any, Evidence]]:
    for field in fields(part):
        value = getattr(part, field.name)
        for index, item in enumerate(value if isinstance(value, list) else ()):
            here = f"{path}{field.name}[{index}]"
            if isinstance(item, Evidence):
                yield here, part, item
            elif is_dataclass(item):
                yield from _spans(item, f"{here}.")
