"""YAML as plain data: dicts, lists, strings and None, with the line on which everything stands.

Scalars stay the text that was typed, so that the types of a record decide what it is (2.980 keeps its digits, NO stays
a word). Tags, anchors and aliases are refused before anything is built: a list of facts never needs them, and without
them there are no alias bombs and no objects.
"""

from typing import Any

import yaml

from loaders.errors import SourceError
from loaders.readers.characters import replaced

__all__ = ["Location", "parse"]

MAX_BYTES = 4 * 1024 * 1024
MAX_DEPTH = 40

Location = tuple[str | int, ...]
"""The way from the top to a value: ("effects", 0, "ci_lower")."""

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def parse(data: bytes, name: str) -> tuple[dict[str, Any], dict[Location, int]]:
    """Return a YAML file's top mapping and the line (from 1) of every value in it.

    Raises SourceError with the file's name and line when the bytes are not UTF-8, not YAML, or not a mapping.
    """
    if len(data) > MAX_BYTES:
        raise SourceError(name, f"has {len(data):,} bytes; a curated study has at most {MAX_BYTES:,}")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SourceError(name, f"is not UTF-8 at byte {error.start}; save it as UTF-8", line=line) from None
    try:
        _refuse_tricks(text, name)
        root = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = f"is not YAML: {error.problem or error.context}"
        raise SourceError(name, problem, line=mark.line + 1 if mark else None) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        problem = f"has a character that YAML does not allow (U+{ord(text[error.position]):04X}); remove it"
        raise SourceError(name, problem, line=line) from None
    if root is None:
        raise SourceError(name, "is empty; a curated study needs at least a label and an identifier")
    if not isinstance(root, yaml.MappingNode):
        raise SourceError(name, "is not a curated study: expected keys and values at the top, such as 'label: …'")
    lines: dict[Location, int] = {}
    document = _plain(root, (), name, lines)
    return document, lines


def _refuse_tricks(text: str, name: str) -> None:
    """Refuse what a list of facts never needs, before anything is built from it."""
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        line = event.start_mark.line + 1 if event.start_mark else None
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise SourceError(name, "anchors and aliases (& and *) are not allowed; write the value out", line=line)
        if tag := getattr(event, "tag", None):
            raise SourceError(name, f"the tag {tag} is not allowed; write a plain value", line=line)
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise SourceError(name, f"is nested deeper than {MAX_DEPTH} levels; a curated study is not", line=line)


def _plain(node: yaml.Node, at: Location, name: str, lines: dict[Location, int]) -> Any:
    """Return a node as dicts, lists, strings and None, and note the line of everything on the way."""
    lines.setdefault(at, node.start_mark.line + 1)
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, (*at, index), name, lines) for index, item in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        mapping: dict[str, Any] = {}
        for key, item in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise SourceError(name, "a key must be a plain word", line=line)
            if key.value in mapping:
                raise SourceError(name, f"the key '{key.value}' stands here twice; keep one", line=line)
            lines[(*at, key.value)] = line
            mapping[key.value] = _plain(item, (*at, key.value), name, lines)
        return mapping
    if node.tag == "tag:yaml.org,2002:null":
        return None
    if replaced(node.value)[1]:
        problem = "has an escaped control character, which no query result in XML can hold; remove it"
        raise SourceError(name, problem, line=node.start_mark.line + 1)
    return node.value
