"""PubMed XML (pubmed_250101.dtd): cut at its articles, each then parsed by itself.

So memory does not grow with the file, and an article that is broken costs no other. A stranger's file: nothing is
fetched, a DOCTYPE that declares entities is refused unread, no other reaches the parser, and an article has a cap.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from lxml import etree

from loaders.errors import SourceError
from loaders.link.identifiers import normal_pmid
from loaders.readers.pubmed.citation import publication
from loaders.readers.pubmed.records import record
from loaders.record import Article, Deleted, Study

__all__ = ["MAX_ARTICLE", "read"]

MAX_ARTICLE = 16 * 1024 * 1024
"""Bytes of one article. The largest real ones, with thousands of authors, have a few million."""

_BLOCK = 1024 * 1024
_LONGEST_TAG = 64
_SLASH = ord("/")
_TAG = re.compile(rb"<(/?)(PubmedArticle|PubmedBookArticle|DeleteCitation)(?=[\s>])")
_SET = re.compile(rb"<(Pubmed(?:Book)?ArticleSet)(?:\s[^>]*)?>")
_SET_END = re.compile(rb"</Pubmed(?:Book)?ArticleSet\s*>")
_DECLARATION = re.compile(rb"(?:\xef\xbb\xbf)?\s*(<\?xml[^>]*\?>)")
_SHOWN = 200  # characters of a sentence of the parser, which may repeat what the file says
_PLACE = re.compile(r", line [0-9]+, column [0-9]+\Z")
_ENTITY = re.compile(rb"<!ENTITY", re.IGNORECASE)

Record = Study | Article | Deleted | SourceError


@dataclass(frozen=True, slots=True)
class _Frame:
    """What has to stand around an article's own bytes: the encoding and namespaces that the file declares."""

    head: bytes = b""
    tail: bytes = b""


def read(stream: BinaryIO, name: str) -> Iterator[Record]:
    """Yield the records of PubMed XML, in the order of the file."""
    prolog, rest = _prolog(stream)
    if _ENTITY.search(prolog):
        yield SourceError(name, "declares entities in its DOCTYPE, which PubMed never does; it was not read")
        return
    if not rest:
        yield SourceError(name, "holds no PubMed article; expected EFetch XML with a PubmedArticleSet")
        return
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
        collect_ids=False,  # a third of the parser's time goes into a table of xml:id, which nobody asks
    )
    frame = _frame(prolog)
    for line, part in _parts(rest, stream, prolog.count(b"\n") + 1, is_set=bool(frame.tail)):
        if isinstance(part, str):
            yield SourceError(name, part, line=line)
        else:
            yield from _records(part, frame, parser, name, line)


def _prolog(stream: BinaryIO) -> tuple[bytes, bytes]:
    """Return what stands before the first article, and what has been read from there on: nothing, if there is none."""
    data = b""
    while len(data) < _BLOCK and (block := stream.read(_BLOCK)):
        data += block
        if found := _tags(data):
            return data[: found[0].start()], data[found[0].start() :]
    return data, b""


def _frame(prolog: bytes) -> _Frame:
    declaration, start = _DECLARATION.match(prolog), _SET.search(prolog)
    head = (declaration[1] if declaration else b"") + (start[0] if start else b"")
    # On one line, so that the parser counts the lines of the article alone.
    return _Frame(b" ".join(head.split()), b"</%s>" % start[1] if start else b"")


def _parts(data: bytes, stream: BinaryIO, line: int, *, is_set: bool) -> Iterator[tuple[int, bytes | str]]:
    """Yield each article, book and deletion with the line it begins in, and a sentence for what is none of them.

    `data` is what has been read of the stream, and `line` the line that it begins in.
    """
    passed_over = False
    while True:
        begun = counted = 0
        tag: bytes | None = None
        for match in _tags(data):
            if not match[1]:
                if tag:
                    yield line + data.count(b"\n", counted, begun), "an article is cut off where the next one begins"
                tag, begun, passed_over = match[2], match.start(), False
            elif tag is None:
                if not passed_over:
                    yield line + data.count(b"\n", counted, match.start()), "an article ends that has not begun"
                passed_over, begun = False, match.end()
            elif tag == match[2] and (end := data.find(b">", match.end()) + 1):
                line += data.count(b"\n", counted, begun)
                counted, tag = begun, None
                yield line, data[begun:end]
                begun = end
        keep = begun if tag else max(begun, len(data) - _LONGEST_TAG)
        line += data.count(b"\n", counted, keep)
        data = data[keep:]
        if len(data) > MAX_ARTICLE:
            yield line, f"an article has more than {MAX_ARTICLE // 1024**2} MiB; it was passed over"
            line += data.count(b"\n", 0, -_LONGEST_TAG)
            data = data[-_LONGEST_TAG:]
            tag, passed_over = None, True
        block = stream.read(_BLOCK)
        if not block:
            break
        data += block
    if tag:
        yield line, "the file is cut off in the middle of an article; fetch it again"
    elif is_set and not _SET_END.search(data):
        yield line, "the file is cut off after an article: the end of the set is missing; fetch it again"


def _tags(data: bytes) -> list[re.Match[bytes]]:
    """Return the tags that begin and end records, in order. A search for a plain word is much faster than a pattern."""
    found = []
    for word in (b"Pubmed", b"DeleteCitation"):
        at = data.find(word)
        while at > 0:
            if match := _TAG.match(data, at - 2 if data[at - 1] == _SLASH else at - 1):
                found.append(match)
            at = data.find(word, at + 1)
    return sorted(found, key=lambda match: match.start())


def _records(part: bytes, frame: _Frame, parser: etree.XMLParser, name: str, line: int) -> Iterator[Record]:
    """Yield the record of one part, or what is wrong with it; a DeleteCitation has several."""
    try:
        root = etree.fromstring(frame.head + part + frame.tail, parser)
    except etree.XMLSyntaxError as error:
        # The parser's own place is one in the article, not in the file, and some of its sentences have two lines.
        problem = " ".join(_PLACE.sub("", error.msg).split())[:_SHOWN]
        yield SourceError(name, f"an article is not well-formed XML: {problem}", line=line + (error.lineno or 1) - 1)
        return
    element = root[0] if frame.tail else root
    if element.tag == "DeleteCitation":
        for child in element.iter("PMID"):
            pmid = normal_pmid(child.text or "")
            problem = "DeleteCitation names something that is no PubMed id; it was left out"
            yield Deleted(pmid=pmid) if pmid else SourceError(name, problem, line=line)
        return
    pmid = _pmid(element)
    if element.tag == "PubmedBookArticle":
        which = f" with PubMed id {pmid}" if pmid else ""
        yield SourceError(name, f"the book or chapter{which} is skipped: only journal articles are read", line=line)
    elif pmid is None:
        yield SourceError(name, "an article has no PubMed id (PMID: one to nine digits); it was left out", line=line)
    else:
        try:
            found, version_date = publication(element)
            found.pmid = pmid  # of several PMIDs, the first that is one
            yield record(found, part, name, version_date)
        except SourceError as error:
            yield SourceError(name, f"the article with PubMed id {pmid}: {error.problem}", line=line)


def _pmid(element: etree._Element) -> str | None:
    """Return the PubMed id of an article or book: that of its citation, not of one it cites."""
    for part in element:
        if part.tag in {"MedlineCitation", "BookDocument"}:
            return next((normal_pmid(child.text or "") for child in part if child.tag == "PMID"), None)
    return None
