"""Characters of a source that would do harm further on, in answers in XML and in messages on a terminal.

JSON can write U+0000 and text can hold form feeds. XML 1.0 can hold neither, nor U+FFFE and U+FFFF, not even as a
reference (section 2.2, Char), and query results are asked for as XML. So readers put U+FFFD in the place of such
characters, which keeps all offsets, and warn.
"""

import re
from typing import Any

__all__ = ["may_be_unfit", "on_one_line", "replaced", "replaced_in", "warning"]

_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
# As JSON writes them: escaped, or U+FFFE and U+FFFF as they are. What only looks like it costs a closer look.
# Two patterns with one first byte each are found nine times as fast as one with both.
_ESCAPED = re.compile(rb"\\(?:u(?:00[01]|[Ff]{3}[EeFf])|[bf])")
_AS_IT_IS = re.compile(rb"\xef\xbf[\xbe\xbf]")
_REPLACEMENT = "\ufffd"
_LOOKED_AT = 1000  # characters of a text of which some are shown


def replaced(text: str) -> tuple[str, int]:
    """Return text without the characters that XML cannot hold, and how many there were.

    >>> replaced("a\\x0cb")
    ('a\ufffdb', 1)
    """
    return _UNFIT.subn(_REPLACEMENT, text)


def on_one_line(text: str, most: int) -> str:
    """Return text as a message shows it: on one line, without what commands a terminal, in so many characters."""
    line = " ".join(text[:_LOOKED_AT].split())
    shown = "".join(each if each.isprintable() else _REPLACEMENT for each in line[:most])
    return f"{shown}…" if len(line) > most else shown


def may_be_unfit(data: bytes) -> bool:
    """Say whether JSON may hold such characters, at a small part of what it costs to look at each text."""
    return _ESCAPED.search(data) is not None or _AS_IT_IS.search(data) is not None


def replaced_in(value: Any) -> int:
    """Replace such characters in all texts of parsed JSON, in place, and return how many there were."""
    count = 0
    waiting = [value]
    while waiting:
        each = waiting.pop()
        for key in list(each) if isinstance(each, dict) else range(len(each)):
            inner = each[key]
            if isinstance(inner, str):
                each[key], found = replaced(inner)
                count += found
            elif isinstance(inner, dict | list):
                waiting.append(inner)
    return count


def warning(count: int) -> str:
    """Return what to say of so many replaced characters."""
    return f"control characters, which XML cannot hold, were replaced by U+FFFD ({count} times)"
