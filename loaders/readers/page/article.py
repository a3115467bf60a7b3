"""What a layout finds on a page: the article, and what the page says beside it."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from loaders.readers.page.document import Document
from loaders.record import Publication

__all__ = ["Article", "Layout", "web_address"]

_ADDRESS = re.compile(r"https?://[^\s<>\"{}|\\^`]+", re.IGNORECASE)


@dataclass(slots=True)
class Article:
    """One article as a page shows it.

    `address` is the page's own address. `statements` are texts outside the abstract that may print a registry id, each
    with the name of its place.
    """

    publication: Publication
    keywords: list[str] = field(default_factory=list)
    address: str | None = None
    statements: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Layout:
    """One kind of page: what people call it, whether a document is one, and how it is read."""

    name: str
    matches: Callable[[Document], bool]
    read: Callable[[Document], Article]


def web_address(text: str) -> str | None:
    """Return a web address that can stand in an IRI as it is, or None."""
    candidate = text.strip()
    return candidate if len(candidate) <= 2000 and _ADDRESS.fullmatch(candidate) else None
