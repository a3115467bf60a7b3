"""Damage to documents: what careless exports, broken transfers and strangers do to a record, drawn at random.

`damaged` changes the structure of a document (a value, an element, a line) or its bytes. Every choice comes from the
generator it is given, so the same generator gives the same damage.
"""

import json
import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from random import Random
from typing import Any

from lxml import etree

__all__ = ["ODD_TEXTS", "ODD_VALUES", "damaged"]

ODD_TEXTS = (
    "", " ", "\0", "\x07\x1b[31m", "\ud800", "\udfff\ud800", "\ufffe\uffff", "\u202e\u2028", "\U0001f701", "\r\n\t",
    "\\", '" .\n<x>', "</script><b>&amp;&a9;]]>", "-1", "0", "1e999999", "1e-999999", "-0.0", "NaN", "Infinity",
    "9" * 5000, "0" * 5000 + "1", "0." + "3" * 5000, "\u0661\u0662", "\u00b2", "1,000,000.5", "<0.001", "2020-13-45",
    "2021-02-29", "0000-00-00", "99999-01-01", "2020-01-01T25:61", "May 40, 2020",
    "NCT\u0660\u0660\u0660\u0660\u0660\u0660\u0660\u0661", "NCT00000001", "nct 00000002", "10.1/",
    "10.1002/<\">{}^`\\", "http://[::1", "http://a b/\"><", "javascript:alert(1)", "//", "urn:", "x" * 100_000,
    "(" * 20_000, "a\u0301\u0323" * 2000, "a" + "\u0301" * 5000, "word " * 20_000, "1 " * 20_000,
    "* Inclusion\n" * 5_000, "ALL", "\u00c5\u212b",
)  # fmt: skip
"""Texts that programs trip over."""

ODD_VALUES = (
    *ODD_TEXTS, None, True, False, 0, -1, 2**53, 2**63, 2**64, -(2**64), 10**40, 0.5, 1e308, 5e-324, -0.0, [], {},
    [[]], [None], [{}], {"": ""}, {"\ud800": 1}, {"a" * 10_000: 1}, ["x"] * 5_000,
)  # fmt: skip
"""Values of JSON that do not belong where they stand."""

_DEEP = 200
_LINE = re.compile(rb"[^\n]*\n?")


def damaged(data: bytes, random: Random, times: int = 1) -> bytes:
    """Return the document with so many things wrong with it, in its structure or in its bytes."""
    for _ in range(times):
        start = data[:64].lstrip()[:1]
        structural = _json if start in (b"{", b"[") else _xml if start == b"<" else _lines
        damage = random.choice((structural, structural, structural, _bytes))
        data = damage(data, random)
    return data


def _json(data: bytes, random: Random) -> bytes:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return _bytes(data, random)
    places = list(_places(document))
    if not places:
        return _bytes(data, random)
    for _ in range(random.randint(1, 4)):
        random.choice(_OF_VALUES)(places, random)
    try:
        return json.dumps(document, ensure_ascii=random.random() < 0.5).encode("utf-8", "surrogatepass")
    except (ValueError, RecursionError):  # a swap has put a value into itself
        return _bytes(data, random)


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every place in a document as a container with a key."""
    waiting = [value]
    while waiting:
        each = waiting.pop()
        keys = list(each) if isinstance(each, dict) else range(len(each)) if isinstance(each, list) else ()
        for key in keys:
            yield each, key
            waiting.append(each[key])


Places = list[tuple[Any, Any]]


def _at(places: Places, random: Random) -> tuple[Any, Any]:
    """Return a place that is still there: a change before may have taken it away."""
    for _ in range(20):
        container, key = random.choice(places)
        if key in container if isinstance(container, dict) else key < len(container):
            return container, key
    return {"": ""}, ""


def _replace(places: Places, random: Random) -> None:
    container, key = _at(places, random)
    container[key] = random.choice(ODD_VALUES)


def _delete(places: Places, random: Random) -> None:
    container, key = _at(places, random)
    del container[key]


def _double(places: Places, random: Random) -> None:
    container, key = _at(places, random)
    if isinstance(container, list):
        container.insert(random.randint(0, len(container)), container[key])
    else:
        container[random.choice(list(container))] = container[key]


def _swap(places: Places, random: Random) -> None:
    (one, here), (other, there) = _at(places, random), _at(places, random)
    one[here], other[there] = other[there], one[here]


def _deepen(places: Places, random: Random) -> None:
    container, key = _at(places, random)
    for _ in range(random.choice((1, 2, _DEEP))):
        container[key] = [container[key]] if random.random() < 0.7 else {"items": container[key]}


def _retype(places: Places, random: Random) -> None:
    container, key = _at(places, random)
    value = container[key]
    if isinstance(value, str):
        container[key] = random.choice([[value], {value: value}, value.encode("utf-8", "replace").hex(), len(value)])
    elif isinstance(value, list):
        container[key] = random.choice([dict(enumerate(map(str, value[:3]))), (value or [None])[0], len(value)])
    elif isinstance(value, dict):
        container[key] = random.choice([list(value.values()), list(value), [value, value], str(value)])
    else:
        container[key] = str(value)


def _rename(places: Places, random: Random) -> None:
    container, key = _at(places, random)
    if isinstance(container, dict):
        _, name = _at(places, random)
        container[str(name)] = container.pop(key)


_OF_VALUES: tuple[Callable[[Places, Random], None], ...] = (
    _replace, _replace, _replace, _delete, _double, _swap, _deepen, _retype, _rename,
)  # fmt: skip


def _xml(data: bytes, random: Random) -> bytes:
    try:
        root = etree.fromstring(data, etree.XMLParser(resolve_entities=False, huge_tree=False))
    except (etree.XMLSyntaxError, ValueError):
        return _bytes(data, random)
    elements = [element for element in root.iter() if isinstance(element.tag, str)][1:]
    for _ in range(random.randint(1, 4)):
        if elements:
            _change(elements, random)
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def _change(elements: list[Any], random: Random) -> None:
    element, other = random.choice(elements), random.choice(elements)
    kind = random.choice(("text", "text", "text", "tail", "attribute", "delete", "double", "move", "rename", "deepen"))
    try:
        if kind in ("text", "tail"):
            setattr(element, kind, random.choice(ODD_TEXTS))
        elif kind == "attribute":
            element.set(random.choice([*element.keys(), "UI", "ValidYN", "Label"]), random.choice(ODD_TEXTS))
        elif kind == "rename":
            element.tag = other.tag
        elif kind == "deepen":
            for _ in range(random.choice((1, 3, _DEEP))):
                inner = etree.SubElement(element, element.tag)
                inner.text, element = element.text, inner
        elif (parent := element.getparent()) is not None:
            if kind == "delete":
                parent.remove(element)
            elif kind == "double":
                parent.append(deepcopy(element))
            else:
                other.append(element)
    except ValueError:  # characters that XML cannot hold, or an element that would be inside itself
        return


def _lines(data: bytes, random: Random) -> bytes:
    lines = _LINE.findall(data)
    for _ in range(random.randint(1, 4)):
        at, other = random.randrange(len(lines)), random.randrange(len(lines))
        odd = random.choice(ODD_TEXTS).encode("utf-8", "surrogatepass")
        kind = random.choice(("delete", "double", "swap", "value", "value", "value", "tag", "continued", "blank"))
        if kind == "delete" and len(lines) > 1:
            del lines[at]
        elif kind == "double":
            lines[at] *= random.choice((2, 3, 500))
        elif kind == "swap":
            lines[at], lines[other] = lines[other], lines[at]
        elif kind == "value":
            lines[at] = lines[at][:6] + odd + b"\n"
        elif kind == "tag":
            lines[at] = lines[other][:6] + lines[at][6:]
        elif kind == "continued":
            lines.insert(at, b"      " + odd + b"\n")
        elif kind == "blank":
            lines.insert(at, random.choice((b"\n", b"\r\n", b"\r", b" \n", b"\x0c\n")))
    return b"".join(lines)


def _bytes(data: bytes, random: Random) -> bytes:
    at = random.randrange(len(data) + 1)
    end = min(len(data), at + random.choice((1, 2, 4, 16, 256)))
    kind = random.choice(("flip", "cut off", "cut out", "double", "insert", "text"))
    if kind == "flip" and at < len(data):
        return data[:at] + bytes([data[at] ^ 1 << random.randrange(8)]) + data[at + 1 :]
    if kind == "cut off":
        return data[:at]
    if kind == "cut out":
        return data[:at] + data[end:]
    if kind == "double":
        return data[:end] + data[at:]
    if kind == "insert":
        return data[:at] + bytes(random.randrange(256) for _ in range(random.choice((1, 2, 8)))) + data[at:]
    return data[:at] + random.choice(ODD_TEXTS).encode("utf-8", "surrogatepass") + data[at:]
