"""Text to MeSH: the concept that a condition, an intervention, a keyword or a biomarker names, or none.

MeSH gives each descriptor its entry terms, and its editors keep them apart, so a text is looked up and not guessed at.
Steps go from strict to lenient. The first that finds anything decides: one concept makes a link, two make none. Lenient
steps still compare whole texts (`loaders.link.words`), with two exceptions, each with its own method: text in
brackets, "Amyotrophic Lateral Sclerosis (ALS)", and qualifiers that MeSH has no headings for, "stage IV", "20 mg".

The index is a file of sorted 64-bit hashes mapped into memory: it opens at once, processes share its pages, and it
holds no text of MeSH.

>>> mesh = "http://id.nlm.nih.gov/mesh/"
>>> index = MeshIndex.from_triples(
...     f"<{mesh}{s}> <{mesh}vocab#{p}> {o} .".encode()
...     for s, p, o in [
...         ("D1", "treeNumber", f"<{mesh}C10.1>"),
...         ("D1", "preferredConcept", f"<{mesh}M1>"),
...         ("D1", "preferredTerm", f"<{mesh}T1>"),
...         ("M1", "preferredTerm", f"<{mesh}T1>"),
...         ("T1", "prefLabel", '"Amyotrophic Lateral Sclerosis"@en'),
...     ]
... )
>>> index.link("Sclerosis, Amyotrophic Lateral", "CONDITION")
Link(concept='D1', method='INVERTED', confidence=Decimal('0.95'))
"""

import json
import mmap
import re
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from hashlib import blake2b
from pathlib import Path

from loaders.link.words import folded, is_acronym, outside_brackets, without_qualifiers, words
from loaders.record import MatchMethod, TextKind

__all__ = ["BRANCHES", "METHODS", "Link", "MeshIndex", "MeshIndexBuilder"]

BRANCHES: dict[TextKind, tuple[str, ...]] = {
    "CONDITION": ("C", "F"),
    "INTERVENTION": ("D", "E", "F04"),
    "KEYWORD": ("A", "B", "C", "D", "E", "F", "G"),
    "BIOMARKER": ("A", "D", "G"),
}
"""The branches of MeSH in which a text of each kind is looked up: what tree numbers begin with."""

METHODS: dict[MatchMethod, Decimal] = {
    "EXACT": Decimal("0.99"),
    "ENTRY_TERM": Decimal("0.97"),
    "INVERTED": Decimal("0.95"),
    "NORMALIZED": Decimal("0.95"),
    "BRACKETED": Decimal("0.9"),
    "QUALIFIED": Decimal("0.8"),
}
"""How a text can meet its concept, with the confidence of a link made that way (docs/mesh-linking.md)."""

_LABELS: tuple[MatchMethod, ...] = ("EXACT", "ENTRY_TERM", "INVERTED")
_BITS = tuple(sorted({branch for branches in BRANCHES.values() for branch in branches}))
_MASKS = {kind: sum(1 << _BITS.index(branch) for branch in branches) for kind, branches in BRANCHES.items()}
# Supplementary concepts are in no tree; their class says where they would be.
_CLASSES = {b"SCR_Chemical": b"D", b"SCR_Disease": b"C", b"SCR_Protocol": b"E", b"SCR_Organism": b"B"}
_LAYOUT = 1
_HEADER = 256
_NAME = 12


@dataclass(frozen=True, slots=True)
class Link:
    """A text means a concept: the concept's MeSH identifier, how that was found, and how sure it is, from 0 to 1."""

    concept: str
    method: MatchMethod
    confidence: Decimal


class MeshIndex:
    """Every term of MeSH under its keys, read-only. Made by `from_triples` or `open`."""

    def __init__(self, data: bytes | mmap.mmap) -> None:
        """Use what `save` wrote. Raises ValueError for anything else."""
        try:
            header = json.loads(bytes(data[:_HEADER]))
            rows, concepts = int(header["rows"]), int(header["concepts"])
            current = header["layout"] == _LAYOUT
            self.version = str(header["version"])
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError("not an index of MeSH terms") from error
        if not current or len(data) != _HEADER + 13 * rows + (4 + _NAME) * concepts:
            raise ValueError("an index of MeSH terms that is incomplete or of another version")
        self._data = data
        sections = _sections(memoryview(data)[_HEADER:], (8 * rows, 4 * rows, 4 * concepts, _NAME * concepts, rows))
        self._keys = sections[0].cast("Q")
        self._concepts = sections[1].cast("I")
        self._masks = sections[2].cast("I")
        self._names = sections[3]
        self._labels = sections[4]

    @classmethod
    def from_triples(cls, lines: Iterable[bytes], version: str = "") -> "MeshIndex":
        """Build the index from MeSH in RDF: N-Triples lines, in any order.

        `version` says which MeSH this is, such as a hash of its files. What MeSH marks as no longer active is left out.
        """
        builder = MeshIndexBuilder()
        for line in lines:
            builder.add(line)
        return builder.build(version)

    @classmethod
    def open(cls, path: Path) -> "MeshIndex":
        """Map a saved index into memory. Raises OSError, and ValueError for a file that is none."""
        with path.open("rb") as file:
            return cls(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))

    def save(self, path: Path) -> None:
        """Write the index to a file, which appears complete or not at all. Raises OSError."""
        temporary = path.with_name(path.name + ".part")
        temporary.write_bytes(self._data)
        temporary.replace(path)

    @property
    def size(self) -> int:
        """Bytes of the index, in memory and on disk."""
        return len(self._data)

    def __len__(self) -> int:
        """How many concepts there are."""
        return len(self._masks)

    def link(self, text: str, kind: TextKind) -> Link | None:
        """Return the one concept of a kind that a text names; None when there is none, or more than one."""
        found = self._whole(text, kind)
        if not found and (parts := outside_brackets(text)):
            found = {concept: "BRACKETED" for part in parts for concept in self._whole(part, kind)}
        if not found:
            found = self._qualified(text, kind)
        if len(found) != 1:
            return None
        ((concept, method),) = found.items()
        return Link(self._name(concept), method, METHODS[method])

    def _whole(self, text: str, kind: TextKind) -> dict[int, MatchMethod]:
        """Return the concepts that the whole text names at the strictest step that finds any."""
        if found := self._look_up(_spelled(text), kind):
            return {concept: _LABELS[label] for concept, label in found.items()}
        if found := self._look_up(_folded(text), kind):
            return {concept: _LABELS[label] for concept, label in found.items()}
        tokens = words(text)
        if found := self._look_up(_ordered(tokens), kind):
            return dict.fromkeys(found, "NORMALIZED")
        return dict.fromkeys(self._look_up(_unordered(tokens), kind), "INVERTED")

    def _qualified(self, text: str, kind: TextKind) -> dict[int, MatchMethod]:
        for candidates in without_qualifiers(text, kind):
            for key in (_ordered, _unordered):
                if found := [concept for tokens in candidates for concept in self._look_up(key(tokens), kind)]:
                    return dict.fromkeys(found, "QUALIFIED")
        return {}

    def _look_up(self, key: str, kind: TextKind) -> dict[int, int]:
        """Return the concepts of a kind under a key, each with the kind of its label there."""
        if not key:
            return {}
        number, found = _hash(key), {}
        at = bisect_left(self._keys, number)
        while at < len(self._keys) and self._keys[at] == number:
            concept = self._concepts[at]
            if self._masks[concept] & _MASKS[kind]:
                found[concept] = self._labels[at]
            at += 1
        return found

    def _name(self, concept: int) -> str:
        return bytes(self._names[concept * _NAME : (concept + 1) * _NAME]).rstrip(b"\0").decode()


_MESH = b"<http://id.nlm.nih.gov/mesh/"
_VOCABULARY = b"<http://id.nlm.nih.gov/mesh/vocab#"
_TYPE = b"<http://www.w3.org/1999/02/22-rdf-syntax-ns#type>"
_TEXT = re.compile(rb'"((?:[^"\\]|\\.)*)"(?:@en)?')
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))")
_CONTROLS = {"t": "\t", "n": "\n", "r": "\r", "b": "\b", "f": "\f"}


class MeshIndexBuilder:
    """Collects what the index needs from triples as they pass, in any order."""

    def __init__(self) -> None:
        self._masks: dict[bytes, int] = {}
        self._inactive: set[bytes] = set()
        self._concept_owner: dict[bytes, bytes] = {}
        self._term_owner: dict[bytes, bytes] = {}
        self._headings: set[bytes] = set()
        self._labels: list[tuple[bytes, bytes, bool]] = []
        takers = {
            "active": self._take_active,
            "treeNumber": lambda record, tree: self._place(record, _name(tree)),
            "preferredConcept": self._take_concept,
            "concept": self._take_concept,
            "preferredTerm": self._take_preferred_term,
            "term": self._take_term,
            "prefLabel": lambda term, label: self._labels.append((term, label, False)),
            "altLabel": lambda term, label: self._labels.append((term, label, True)),
        }
        self._takers: dict[bytes, Callable[[bytes, bytes], None]] = {
            b"%s%s>" % (_VOCABULARY, name.encode()): take for name, take in takers.items()
        } | {_TYPE: self._take_type}

    def add(self, line: bytes) -> None:
        """Take note of one triple (an N-Triples line, one space between the terms), if it is about terms or trees."""
        subject, predicate, rest = line.split(b" ", 2)
        take = self._takers.get(predicate)
        if take:
            take(_name(subject), rest.rstrip(b" .\r\n"))

    def build(self, version: str) -> MeshIndex:
        """Return the index of everything that was added."""
        names = sorted(name for name in self._masks if name not in self._inactive)
        numbers = {name: number for number, name in enumerate(names)}
        rows = self._rows(numbers)
        header = {"layout": _LAYOUT, "rows": len(rows), "concepts": len(names), "version": version}
        columns = (
            array("Q", [row[0] for row in rows]),
            array("I", [row[1] for row in rows]),
            array("I", [self._masks[name] for name in names]),
            b"".join(name.ljust(_NAME, b"\0") for name in names),
            bytes([row[2] for row in rows]),
        )
        return MeshIndex(json.dumps(header).encode().ljust(_HEADER) + b"".join(bytes(column) for column in columns))

    def _take_type(self, record: bytes, kind: bytes) -> None:
        branch = _CLASSES.get(kind.removeprefix(_VOCABULARY).rstrip(b">"))
        if branch:
            self._place(record, branch)

    def _take_active(self, record: bytes, value: bytes) -> None:
        if value.startswith(b'"false"'):
            self._inactive.add(record)

    def _take_concept(self, record: bytes, concept: bytes) -> None:
        self._concept_owner[_name(concept)] = record

    def _take_term(self, concept: bytes, term: bytes) -> None:
        self._term_owner[_name(term)] = concept

    def _take_preferred_term(self, owner: bytes, term: bytes) -> None:
        """A record and a concept both have a preferred term: the record's is its heading."""
        if owner.startswith(b"M"):
            self._take_term(owner, term)
        else:
            self._headings.add(_name(term))

    def _place(self, record: bytes, tree: bytes) -> None:
        mask = sum(1 << bit for bit, branch in enumerate(_BITS) if tree.startswith(branch.encode()))
        self._masks[record] = self._masks.get(record, 0) | mask

    def _rows(self, numbers: dict[bytes, int]) -> list[tuple[int, int, int]]:
        """Return a row (key, concept, kind of label) for every key of every label; of equal ones the best label."""
        best: dict[tuple[int, int], int] = {}
        for term, label_text, permuted in self._labels:
            text = _TEXT.fullmatch(label_text)
            concept = numbers.get(self._concept_owner.get(self._term_owner.get(term, b""), b""))
            if concept is None or text is None:
                continue
            label = 2 if permuted else 0 if term in self._headings else 1
            for key in _keys(_unescaped(text[1])):
                row = (_hash(key), concept)
                best[row] = min(label, best.get(row, label))
        return sorted((key, concept, label) for (key, concept), label in best.items())


def _keys(label: str) -> Iterator[str]:
    """Yield the keys under which a label of MeSH is found."""
    if is_acronym(label):
        yield _spelled(label)
        return
    yield _folded(label)
    if tokens := words(label):
        yield _ordered(tokens)
        yield _unordered(tokens)


# The first character keeps the keys of one step from meeting those of another.
def _spelled(text: str) -> str:
    return f"={' '.join(text.split())}"


def _folded(text: str) -> str:
    return f"~{folded(text)}"


def _ordered(tokens: tuple[str, ...]) -> str:
    return f">{' '.join(tokens)}" if tokens else ""


def _unordered(tokens: tuple[str, ...]) -> str:
    return f"<{' '.join(sorted(tokens))}" if tokens else ""


def _name(iri: bytes) -> bytes:
    """Return the identifier in an IRI of MeSH."""
    return iri[len(_MESH) : -1]


def _hash(key: str) -> int:
    return int.from_bytes(blake2b(key.encode("utf-8", "replace"), digest_size=8).digest(), "little")


def _unescaped(text: bytes) -> str:
    return _ESCAPE.sub(_character, text.decode("utf-8", "replace"))


def _character(match: re.Match[str]) -> str:
    short, long, control = match.groups()
    return _CONTROLS.get(control, control) if control else chr(int(short or long, 16))


def _sections(view: memoryview, sizes: Iterable[int]) -> list[memoryview]:
    sections, start = [], 0
    for size in sizes:
        sections.append(view[start : start + size])
        start += size
    return sections
