"""Giving facts another IRI, when a later source shows that two keys mean one study or one publication."""

import re
from collections.abc import Mapping

__all__ = ["rehome"]

_LINE = re.compile(rb"^<([^>]*)> (<[^>]*>) (?:<([^>]*)>|(.*)) \.$")


def rehome(triples: bytes, renamed: Mapping[str, str]) -> bytes:
    """Return N-Triples with IRIs renamed, those of parts included (…/study/OLD/cohort/x goes along with …/study/OLD).

    Only subjects and objects are looked at, never the text of a literal. Lines come back sorted and unique.
    """
    lines = {_rename_line(line, renamed) for line in triples.splitlines()}
    return b"".join(line + b"\n" for line in sorted(lines))


def _rename_line(line: bytes, renamed: Mapping[str, str]) -> bytes:
    match = _LINE.match(line)
    if not match:
        return line
    subject, predicate, object_iri, literal = match.groups()
    object_ = b"<%s>" % _rename(object_iri, renamed) if object_iri is not None else literal
    return b"<%s> %s %s ." % (_rename(subject, renamed), predicate, object_)


def _rename(iri: bytes, renamed: Mapping[str, str]) -> bytes:
    text = iri.decode()
    for old, new in renamed.items():
        if text.startswith(old) and (len(text) == len(old) or text[len(old)] in "/#"):
            return (new + text[len(old) :]).encode()
    return iri
