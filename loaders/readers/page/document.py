"""A saved page as lines of text: the one place that knows bytes, encodings and HTML.

Text and HTML become the same thing, so that a layout is read once for both: block-level elements of HTML end a line, as
they do on the screen. What HTML says beside its visible text (meta tags, its own address, which words are section
labels) is kept apart, because it is more reliable where it is there.

A page is a stranger's file. It is never fetched from, its scripts are dropped unread, HTML knows no entities of its own
making, and everything here is linear in a size that has a cap.
"""

import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from unicodedata import combining, normalize

from lxml import etree

from loaders.errors import SourceError
from loaders.readers.characters import replaced

__all__ = ["MAX_BYTES", "Document", "is_html", "parse", "text_lines"]

MAX_BYTES = 8 * 1024 * 1024
"""The size of the largest page read. Real ones have a few hundred kilobytes; more is an archive or a mistake."""

_HEAD = 4096
_HTML_TAG = re.compile(r"<(?:!doctype html|html|head|body|meta|div|p|h1|ul|table|pre|span)[\s/>]")
_DECLARED_CHARSET = re.compile(rb"""<meta[^>]{0,200}?charset\s{0,5}=\s{0,5}["']?\s{0,5}([A-Za-z0-9_-]{1,40})""", re.I)
# The encodings an HTML page may declare, and the codec each means in practice (WHATWG Encoding Standard, section 4.2:
# browsers read ISO-8859-1 and US-ASCII as windows-1252, EUC-KR as its superset).
_CODECS = {
    "iso-8859-1": "windows-1252",
    "latin1": "windows-1252",
    "us-ascii": "windows-1252",
    "windows-1252": "windows-1252",
    "iso-8859-15": "iso-8859-15",
    "euc-kr": "cp949",
    "ks_c_5601-1987": "cp949",
    "euc-jp": "euc-jp",
    "shift_jis": "cp932",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "gb18030": "gb18030",
    "big5": "big5",
}

# Normalising takes time quadratic in the number of combining marks on one letter. No script needs more than 30 (Unicode
# Standard Annex 15, section 13: Stream-Safe Text Format).
_MOST_MARKS = 30
_MAYBE_MARKS = re.compile("[^\x00-\u02ff]{31,}")

_LINE_END = re.compile(r"\r\n|\r|\n")
_HTML_SPACE = re.compile(r"[ \t\n\r\f]+")  # not the no-break space, which is a character of the text
_DROPPED = frozenset(
    {"head", "script", "style", "noscript", "template", "svg", "math", "iframe", "object", "select", "textarea"}
)
_BLOCKS = frozenset(
    {
        "address", "article", "aside", "blockquote", "body", "br", "dd", "details", "dialog", "div", "dl", "dt",
        "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr",
        "html", "li", "main", "nav", "ol", "option", "p", "pre", "section", "summary", "table", "tbody", "td", "tfoot",
        "th", "thead", "tr", "ul",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Document:
    """A page's text. `lines` are in NFC, without blank lines and without space at either end.

    The rest is empty for a page that was saved as text: `meta` holds the content of the meta tags by lower-case name,
    `address` the page's own address (its canonical link), `sub_titles` what it marks up as labels inside an abstract.
    """

    lines: tuple[str, ...]
    encoding: str = "UTF-8"
    meta: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    address: str | None = None
    sub_titles: frozenset[str] = frozenset()


def parse(data: bytes, name: str) -> Document:
    """Turn a file into lines of text. `name` is how the user named it.

    Raises SourceError when it is too large, empty, no text, or in an encoding that is neither UTF-8 nor declared.
    """
    if len(data) > MAX_BYTES:
        size, cap = len(data) / 1024**2, MAX_BYTES // 1024**2
        raise SourceError(
            name, f"the file has {size:.1f} MB, and a page of at most {cap} MB is read; load the page by itself"
        )
    text, encoding = _decode(data, name)
    if not text or text.isspace():
        raise SourceError(name, "the file is empty; save the page again and load that")
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise SourceError(name, "a NUL byte shows that this is no text; save the page as text or HTML", line=line)
    document = _parse_html(text, encoding) if is_html(text) else Document(text_lines(text), encoding)
    return _normalised(document, name)


def is_html(text: str) -> bool:
    """Say whether text is HTML, judging by its beginning. Other XML is not."""
    head = text[:_HEAD].lstrip().casefold()
    if head.startswith("<?xml") and "<html" not in head:
        return False
    return head.startswith("<") and _HTML_TAG.search(head) is not None


def text_lines(text: str) -> tuple[str, ...]:
    """Return the lines of plain text that are not blank, without the space around them."""
    return tuple(line for line in map(str.strip, _LINE_END.split(text)) if line)


def _normalised(document: Document, name: str) -> Document:
    """Return the document in NFC, control characters replaced.

    Raises SourceError for what would take minutes and is no language.
    """

    def normal(text: str) -> str:
        if any(_marks_in_a_row(run[0]) > _MOST_MARKS for run in _MAYBE_MARKS.finditer(text)):
            raise SourceError(
                name, f"more than {_MOST_MARKS} accents stand on one letter, so this is no text; save the page again"
            )
        return normalize("NFC", replaced(text)[0])

    return replace(
        document,
        lines=tuple(map(normal, document.lines)),
        meta={key: tuple(map(normal, values)) for key, values in document.meta.items()},
        sub_titles=frozenset(map(normal, document.sub_titles)),
    )


def _marks_in_a_row(text: str) -> int:
    longest = length = 0
    for char in text:
        length = length + 1 if combining(char) else 0
        longest = max(longest, length)
    return longest


def _decode(data: bytes, name: str) -> tuple[str, str]:
    """Return the text and the name of its encoding: UTF-8 if it can be, else what an HTML page declares."""
    try:
        return data.decode("utf-8-sig"), "UTF-8"
    except UnicodeDecodeError as error:
        declared = _DECLARED_CHARSET.search(data[:_HEAD])
        codec = _CODECS.get(declared[1].decode("ascii").lower()) if declared else None
        if codec:
            try:
                return data.decode(codec), codec
            except UnicodeDecodeError as declared_error:
                raise _not_decodable(data, name, declared_error, codec) from None
        raise _not_decodable(data, name, error, "UTF-8") from None


def _not_decodable(data: bytes, name: str, error: UnicodeDecodeError, encoding: str) -> SourceError:
    # "utf-8-sig" counts from after the byte order mark; `error.object` is what it counted in.
    offset = error.start + len(data) - len(error.object)
    line = data.count(b"\n", 0, offset) + 1
    if error.end == len(error.object) and error.reason == "unexpected end of data":
        return SourceError(name, "the file ends in the middle of a character; save the whole page again", line=line)
    where = f"byte {offset + 1} of the file (0x{data[offset]:02x})"
    likely = "UTF-16" if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else "WINDOWS-1252"
    return SourceError(
        name,
        f"{where} is not {encoding}; convert the file to UTF-8, for example with iconv -f {likely} -t UTF-8",
        line=line,
    )


def _parse_html(text: str, encoding: str) -> Document:
    # Without `huge_tree` the parser's own limits on depth and text hold; what it cannot read it leaves out.
    parser = etree.HTMLParser(encoding="utf-8", no_network=True, remove_comments=True, remove_pis=True, huge_tree=False)
    try:
        root = etree.fromstring(text.encode("utf-8"), parser)
    except etree.XMLSyntaxError:
        root = None
    if root is None:
        return Document(lines=(), encoding=encoding)
    return Document(
        lines=tuple(_visible_lines(root)),
        encoding=encoding,
        meta=_meta(root),
        address=_address(root),
        sub_titles=frozenset(_sub_titles(root)),
    )


def _visible_lines(root: etree._Element) -> Iterator[str]:
    """Give the text of an HTML document as a browser would break it into lines, blank ones left out."""
    pieces: list[str] = []
    preformatted = 0
    walk = etree.iterwalk(root, events=("start", "end"))
    for event, element in walk:
        tag = element.tag
        starts = event == "start"
        if tag in _BLOCKS:
            yield from _finished(pieces)
        if tag == "pre":
            preformatted += 1 if starts else -1
        if starts and tag in _DROPPED:
            walk.skip_subtree()
            continue
        content = (element.text if starts else element.tail) or ""
        if preformatted:
            *whole, content = _LINE_END.split(content)
            for line in whole:
                pieces.append(line)
                yield from _finished(pieces)
        pieces.append(content)
    yield from _finished(pieces)


def _finished(pieces: list[str]) -> Iterator[str]:
    line = _HTML_SPACE.sub(" ", "".join(pieces)).strip()
    pieces.clear()
    if line:
        yield line


def _meta(root: etree._Element) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for element in root.iter("meta"):
        name = element.get("name") or element.get("property")
        content = _HTML_SPACE.sub(" ", element.get("content") or "").strip()
        if name and content:
            found.setdefault(name.lower(), []).append(content)
    return {name: tuple(contents) for name, contents in found.items()}


def _address(root: etree._Element) -> str | None:
    for element in root.iter("link"):
        if (element.get("rel") or "").lower() == "canonical":
            return (element.get("href") or "").strip() or None
    return None


def _sub_titles(root: etree._Element) -> Iterator[str]:
    for element in root.iter("strong", "b", "h3", "h4", "span"):
        if "sub-title" in (element.get("class") or "").split():
            label = _HTML_SPACE.sub(" ", "".join(map(str, element.itertext()))).strip().rstrip(":").rstrip()
            if label:
                yield label
