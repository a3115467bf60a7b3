"""PubMed: articles as EFetch XML, as NLM's baseline and update files, or as MEDLINE text (.nbib).

A file holds one article or thirty thousand; it is read as a stream, in memory that does not grow with it. Every article
becomes one record, or one SourceError that costs nothing but itself:

    Study     the report of one study: by its publication types or its registry id (`loaders.readers.pubmed.records`)
    Article   any other publication, of which no study is claimed
    Deleted   a PubMed id that NLM has withdrawn (DeleteCitation in update files)

Left out on purpose: affiliations (they hold e-mail addresses), investigators, personal names as subjects, gene symbols,
chemical registry numbers, citation subsets, languages, copyright lines, and comments, which say nothing of the article.
"""

import re
import zlib
from collections.abc import Iterator
from io import BufferedReader, BytesIO
from typing import BinaryIO, cast

from loaders.errors import SourceError
from loaders.readers.pubmed import medline, xml
from loaders.record import Article, Deleted, Study

__all__ = ["read", "recognises"]

_HEAD = 4096
_XML = re.compile(rb"<(?:PubmedArticle(?:Set)?|PubmedBookArticle(?:Set)?|DeleteCitation)[\s/>]")
_XML_START = re.compile(rb"(?:\xef\xbb\xbf)?\s*<|\xff\xfe|\xfe\xff")
_MEDLINE = re.compile(rb"(?:\xef\xbb\xbf)?\s*PMID ?- *[0-9]")


def recognises(data: bytes, name: str) -> bool:
    """Say whether a document, or the first kilobytes of one, looks like PubMed XML or MEDLINE text."""
    head = data[:_HEAD]
    is_xml = _XML_START.match(head) and _XML.search(head)
    return bool(is_xml or _MEDLINE.match(head))


def read(data: bytes | BinaryIO, name: str) -> Iterator[Study | Article | Deleted | SourceError]:
    """Yield the records of a document in its order; what is wrong with one of them stands in its place.

    `data` may be a binary stream, which is read once, a piece at a time. `name` is how the user named the document.
    """
    # A stream need only have read(), which BufferedReader's own type does not say.
    stream = BytesIO(data) if isinstance(data, bytes) else cast(BytesIO, data)
    buffered = BufferedReader(stream)
    try:
        is_xml = _XML_START.match(buffered.peek(_HEAD)[:_HEAD])
        yield from (xml.read if is_xml else medline.read)(buffered, name)
    except (OSError, EOFError, zlib.error) as error:
        yield SourceError(name, f"cannot be read to its end ({error}); what stands before that is read")
