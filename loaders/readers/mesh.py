"""MeSH as NLM publishes it: N-Triples, or descriptor, supplementary and qualifier records in XML.

A vocabulary is no study, so this reader yields triples and not a record. They are in NLM's own terms and named by NLM's
own IRIs: a query written for https://id.nlm.nih.gov/mesh/sparql runs on them as it is. XML is turned into the triples
that NLM's own conversion makes of it (https://hhs.github.io/meshrdf/), held equal to NLM's samples by a test; because
every record of a release is in force, all nodes are meshv:active, which NLM's XML leaves unsaid.

Files are streamed: one record or one line is in memory at a time, besides a list of tree numbers.
"""

import gzip
import io
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path

from lxml import etree

from loaders.errors import SourceError
from loaders.link.identifiers import BASE, segment
from loaders.terms import XSD, iri, literal, types

__all__ = ["MAX_BYTES", "MESH", "MESH_GRAPH", "VOCABULARY", "provenance", "triples", "version_of"]

MESH_GRAPH = "http://id.nlm.nih.gov/mesh"
"""The graph in which NLM's own endpoint keeps MeSH."""

MESH = MESH_GRAPH + "/"
VOCABULARY = MESH + "vocab#"

MAX_BYTES = 8 * 1024**3
"""Bytes of one file when unpacked. All of MeSH is about 2 GiB; what is larger is no MeSH, or a bomb."""

_VOCABULARY_GRAPH = types("tw:VocabularyGraph")
_ACTIVITY = types("prov:Activity")
_CONTENT_SHA256 = iri("tw:contentSha256")
_ENDED_AT = iri("prov:endedAtTime")
_LOADER_VERSION = iri("tw:loaderVersion")
_WAS_DERIVED_FROM = iri("prov:wasDerivedFrom")
_WAS_GENERATED_BY = iri("prov:wasGeneratedBy")

_LONGEST_LINE = 1024 * 1024
_START = 512
_RECORD_SETS = ("DescriptorRecordSet", "SupplementalRecordSet", "QualifierRecordSet")
_XML = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:\?xml|!|%s)" % "|".join(_RECORD_SETS).encode())
_OWN = f"<{VOCABULARY}".encode()
_TYPE = "<http://www.w3.org/1999/02/22-rdf-syntax-ns#type>"
_LABEL = "<http://www.w3.org/2000/01/rdf-schema#label>"

# RDF 1.1 N-Triples, section 7, without blank nodes.
_CODE = rb"\\u[0-9A-Fa-f]{4}|\\U[0-9A-Fa-f]{8}"
_IRI = rb"<[^\x00-\x20<>\"{}|^`\\]*(?:(?:%(code)s)[^\x00-\x20<>\"{}|^`\\]*)*>" % {b"code": _CODE}
_STRING = rb'"[^"\\\r\n]*(?:(?:\\[tbnrf"\'\\]|%(code)s)[^"\\\r\n]*)*"' % {b"code": _CODE}
_LINE = re.compile(
    rb"[ \t]*(%(iri)s)[ \t]*(%(iri)s)[ \t]*"
    rb"(%(iri)s|%(string)s(?:@[A-Za-z]+(?:-[A-Za-z0-9]+)*|\^\^%(iri)s)?)[ \t]*\.[ \t]*(?:#.*)?[\r\n]*"
    % {b"iri": _IRI, b"string": _STRING}
)
_EMPTY = re.compile(rb"[ \t]*(?:#.*)?[\r\n]*")

_DESCRIPTOR_CLASSES = {"1": "TopicalDescriptor", "2": "PublicationType", "3": "CheckTag", "4": "GeographicalDescriptor"}
_SUPPLEMENTARY_CLASSES = {
    "1": "SCR_Chemical", "2": "SCR_Protocol", "3": "SCR_Disease", "4": "SCR_Organism", "5": "SCR_Population",
    "6": "SCR_Anatomy",
}  # fmt: skip
_RELATIONS = {"BRD": "broaderConcept", "NRW": "narrowerConcept", "REL": "relatedConcept"}

# Tables of (path below the element, property): texts are English, codes have no language.
_RECORD_TEXTS = (
    ("Annotation", "annotation"),
    ("HistoryNote", "historyNote"),
    ("OnlineNote", "onlineNote"),
    ("PublicMeSHNote", "publicMeSHNote"),
    ("ConsiderAlso", "considerAlso"),
    ("Note", "note"),
    ("PreviousIndexingList/PreviousIndexing", "previousIndexing"),
    ("SourceList/Source", "source"),
)
_DATES = (
    ("DateCreated", "dateCreated"),
    ("DateRevised", "dateRevised"),
    ("DateEstablished", "dateEstablished"),
    ("DateIntroduced", "dateIntroduced"),
    ("LastUpdated", "lastUpdated"),
)
_RECORD_LINKS = (
    ("PharmacologicalActionList/PharmacologicalAction/DescriptorReferredTo/DescriptorUI", "pharmacologicalAction"),
    ("SeeRelatedList/SeeRelatedDescriptor/DescriptorReferredTo/DescriptorUI", "seeAlso"),
    ("AllowableQualifiersList/AllowableQualifier/QualifierReferredTo/QualifierUI", "allowableQualifier"),
)
_CONCEPT_TEXTS = (("CASN1Name", "casn1_label"), ("ScopeNote", "scopeNote"))
_CONCEPT_CODES = (
    ("RegistryNumber", "registryNumber"),
    ("RegistryNumberList/RegistryNumber", "registryNumber"),
    ("RelatedRegistryNumberList/RelatedRegistryNumber", "relatedRegistryNumber"),
)
_TERM_TEXTS = (
    ("Abbreviation", "abbreviation"),
    ("SortVersion", "sortVersion"),
    ("EntryVersion", "entryVersion"),
    ("ThesaurusIDlist/ThesaurusID", "thesaurusID"),
)


def triples(path: Path) -> Iterator[bytes]:
    """Yield the triples of one file as N-Triples lines, with one space between the terms.

    What kind of file it is, and whether it is packed (gzip), is seen from its first bytes. Raises SourceError for a
    file that cannot be read, is not MeSH, or is broken; what was yielded before that is then not to be used.
    """
    name = str(path)
    try:
        with path.open("rb") as stored, _unpacked(stored) as file:
            start = file.peek(_START)[:_START]
            read = _xml if _XML.match(start) else _n_triples
            yield from read(_Bounded(file, name), name)
    except (OSError, EOFError, zlib.error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise SourceError(name, f"cannot be read: {reason}") from error


def provenance(version: str, files: Sequence[str], loader_version: str, loaded_at: str | None = None) -> bytes:
    """Return what the provenance graph says of MeSH's graph (N-Triples, sorted): which files it was made of, and when.

    `files` are the SHA-256s of the files, `version` is the SHA-256 that stands for all of them (`version_of`),
    `loaded_at` an xsd:dateTime in UTC.
    """
    load = f"{BASE}graph/mesh#load"
    pairs = [
        *_VOCABULARY_GRAPH,
        f"{_CONTENT_SHA256} {literal(version)}",
        f"{_LOADER_VERSION} {literal(loader_version)}",
        f"{_WAS_GENERATED_BY} <{load}>",
        *(f"{_WAS_DERIVED_FROM} <{BASE}document/sha256-{file}>" for file in files),
    ]
    lines = {f"<{MESH_GRAPH}> {pair} .\n" for pair in pairs} | {f"<{load}> {pair} .\n" for pair in _ACTIVITY}
    if loaded_at:
        lines.add(f"<{load}> {_ENDED_AT} {literal(loaded_at)}^^<{XSD}dateTime> .\n")
    return "".join(sorted(lines)).encode()


def version_of(files: Iterable[str]) -> str:
    """Return one SHA-256 for a set of files, from theirs: the order in which they are named does not matter."""
    return sha256("\n".join(sorted(set(files))).encode()).hexdigest()


def _unpacked(stored: io.BufferedReader) -> io.BufferedReader:
    packed = stored.peek(2)[:2] == b"\x1f\x8b"
    return io.BufferedReader(gzip.GzipFile(fileobj=stored)) if packed else stored


class _Bounded:
    """A file that is refused when it has more than MAX_BYTES, however small it was when packed."""

    def __init__(self, file: io.BufferedReader, name: str) -> None:
        self._file = file
        self._name = name
        self._left = MAX_BYTES

    def read(self, size: int = -1) -> bytes:
        return self._counted(self._file.read(size))

    def readline(self) -> bytes:
        return self._counted(self._file.readline(_LONGEST_LINE + 1))

    def _counted(self, data: bytes) -> bytes:
        self._left -= len(data)
        if self._left < 0:
            raise SourceError(self._name, f"has more than {MAX_BYTES // 1024**3} GiB when unpacked, which MeSH has not")
        return data


def _n_triples(file: _Bounded, name: str) -> Iterator[bytes]:
    known = False
    for number, line in enumerate(iter(file.readline, b""), start=1):
        match = _LINE.fullmatch(line)
        if match:
            known = known or _OWN in line
            yield b"%s %s %s .\n" % match.groups()
        elif not _EMPTY.fullmatch(line):
            raise SourceError(name, "is not a triple of N-Triples; MeSH has no blank nodes either", line=number)
    if not known:
        raise SourceError(name, f"says nothing in NLM's terms ({VOCABULARY}…), so it is not MeSH")


def _xml(file: _Bounded, name: str) -> Iterator[bytes]:
    """Yield the triples of the records in an XML file, one record in memory at a time."""
    convert = _Converter()
    events = etree.iterparse(
        file, events=("start", "end"), resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
    )
    try:
        _, root = next(events)
        _refuse_other_xml(root, name)
        for event, element in events:
            if event == "end" and element.getparent() is root:
                yield from convert.record(element)
                root.remove(element)
        yield from convert.hierarchy()
    except etree.XMLSyntaxError as error:
        raise SourceError(name, f"is not well-formed XML: {error.msg}", line=error.lineno) from error
    except _Incomplete as error:
        raise SourceError(name, str(error)) from error


def _refuse_other_xml(root: etree._Element, name: str) -> None:
    dtd = root.getroottree().docinfo.internalDTD
    if dtd is not None and list(dtd.entities()):  # type: ignore[attr-defined]
        raise SourceError(name, "declares entities, which MeSH does not do; nothing of it was read")
    if root.tag not in _RECORD_SETS:
        raise SourceError(name, f"is XML with {root.tag}, not one of NLM's {', '.join(_RECORD_SETS)}")


class _Incomplete(Exception):
    """A record lacks what it cannot be named without."""


class _Converter:
    """Turns XML records into triples, and remembers their tree numbers for the links between records."""

    def __init__(self) -> None:
        self._owners: dict[str, str] = {}
        self._lines: list[bytes] = []

    def record(self, element: etree._Element) -> list[bytes]:
        """Return the triples of a descriptor, supplementary or qualifier record."""
        self._lines = []
        if element.tag == "DescriptorRecord":
            self._descriptor(element)
        elif element.tag == "SupplementalRecord":
            self._supplementary(element)
        elif element.tag == "QualifierRecord":
            self._common(element, "Qualifier", "Qualifier")
        return self._lines

    def hierarchy(self) -> list[bytes]:
        """Return the links between the records of neighbouring tree numbers. NLM makes them of those in one file."""
        self._lines = []
        for tree, record in self._owners.items():
            broader = self._owners.get(tree.rpartition(".")[0])
            if broader:
                self._link(record, "broaderQualifier" if record.startswith("Q") else "broaderDescriptor", broader)
        return sorted(set(self._lines))

    def _descriptor(self, element: etree._Element) -> None:
        kind = _DESCRIPTOR_CLASSES.get(element.get("DescriptorClass", "1"), "Descriptor")
        record = self._common(element, "Descriptor", kind)
        label = _text(element, "DescriptorName/String")
        for allowed in element.iterfind("AllowableQualifiersList/AllowableQualifier/QualifierReferredTo"):
            self._pair(record, label, allowed, "AllowedDescriptorQualifierPair")
        for number in _texts(element, "NLMClassificationNumber"):
            self._literal(record, "nlmClassificationNumber", number)
        for combination in element.iterfind("EntryCombinationList/EntryCombination"):
            descriptor = combination.find("ECIN/DescriptorReferredTo")
            qualifier = combination.find("ECIN/QualifierReferredTo")
            if descriptor is None or qualifier is None:
                continue
            name = _text(descriptor, "DescriptorName/String")
            owner = _text(descriptor, "DescriptorUI")
            pair = self._pair(owner, name, qualifier, "DisallowedDescriptorQualifierPair")
            self._link(pair, "useInstead", _heading(combination.find("ECOUT")))

    def _supplementary(self, element: etree._Element) -> None:
        kind = _SUPPLEMENTARY_CLASSES.get(element.get("SCRClass", "1"), "SupplementaryConceptRecord")
        record = self._common(element, "SupplementalRecord", kind)
        for frequency in _texts(element, "Frequency"):
            self._literal(record, "frequency", frequency, f"^^<{XSD}int>")
        for mapped in element.iterfind("HeadingMappedToList/HeadingMappedTo"):
            heading = _heading(mapped)
            # An asterisk marks the heading that articles are indexed under.
            preferred = "preferredMappedTo" if "*" in heading else "mappedTo"
            self._link(record, preferred, heading.replace("*", ""))
        for consulted in element.iterfind("IndexingInformationList/IndexingInformation"):
            self._link(record, "indexerConsiderAlso", _heading(consulted))

    def _common(self, element: etree._Element, prefix: str, kind: str) -> str:
        """Write what all records have, and return the record's identifier."""
        record = _text(element, f"{prefix}UI")
        self._node(record, kind)
        self._literal(record, "identifier", record)
        self._label(record, _text(element, f"{prefix}Name/String"))
        for path, name in _RECORD_TEXTS:
            for text in _texts(element, path):
                self._literal(record, name, text, "@en")
        self._dates(record, element)
        for path, name in _RECORD_LINKS:
            for target in _texts(element, path):
                self._link(record, name, target)
        for tree in _texts(element, "TreeNumberList/TreeNumber"):
            self._tree_number(record, tree)
        for concept in element.iterfind("ConceptList/Concept"):
            self._concept(record, concept)
        return record

    def _pair(self, record: str, label: str, qualifier: etree._Element, kind: str) -> str:
        identifier = _text(qualifier, "QualifierUI")
        pair = record + identifier
        self._node(pair, kind)
        self._label(pair, f"{label}/{_text(qualifier, 'QualifierName/String')}")
        self._link(pair, "hasDescriptor", record)
        self._link(pair, "hasQualifier", identifier)
        return pair

    def _tree_number(self, record: str, tree: str) -> None:
        self._owners[tree] = record
        self._link(record, "treeNumber", tree)
        self._node(tree, "TreeNumber")
        self._label(tree, tree)
        if parent := tree.rpartition(".")[0]:
            self._link(tree, "parentTreeNumber", parent)

    def _concept(self, record: str, element: etree._Element) -> None:
        concept = _text(element, "ConceptUI")
        self._link(record, "preferredConcept" if element.get("PreferredConceptYN") == "Y" else "concept", concept)
        self._node(concept, "Concept")
        self._literal(concept, "identifier", concept)
        self._label(concept, _text(element, "ConceptName/String"))
        for path, name in _CONCEPT_TEXTS:
            for text in _texts(element, path):
                self._literal(concept, name, text, "@en")
        for path, name in _CONCEPT_CODES:
            for text in _texts(element, path):
                self._literal(concept, name, text)
        for relation in element.iterfind("ConceptRelationList/ConceptRelation"):
            kind = _RELATIONS.get(relation.get("RelationName", ""))
            if kind:
                self._link(_text(relation, "Concept1UI"), kind, _text(relation, "Concept2UI"))
        for term in element.iterfind("TermList/Term"):
            self._term(record, concept, term)

    def _term(self, record: str, concept: str, element: etree._Element) -> None:
        term, text = _text(element, "TermUI"), _text(element, "String")
        if element.get("IsPermutedTermYN") == "Y":
            self._literal(term, "altLabel", text, "@en")
            return
        self._link(concept, "preferredTerm" if element.get("ConceptPreferredTermYN") == "Y" else "term", term)
        if element.get("RecordPreferredTermYN") == "Y":
            self._link(record, "preferredTerm", term)
        self._node(term, "Term")
        self._literal(term, "identifier", term)
        self._literal(term, "prefLabel", text, "@en")
        if tag := element.get("LexicalTag"):
            self._literal(term, "lexicalTag", tag, "@en")
        self._dates(term, element)
        for path, name in _TERM_TEXTS:
            for value in _texts(element, path):
                self._literal(term, name, value, "@en")

    def _dates(self, subject: str, element: etree._Element) -> None:
        for path, name in _DATES:
            for date in element.iterfind(path):
                parts = [_text(date, part) for part in ("Year", "Month", "Day")]
                self._literal(subject, name, "-".join(parts), f"^^<{XSD}date>")

    def _node(self, subject: str, kind: str) -> None:
        self._line(subject, _TYPE, f"<{VOCABULARY}{kind}>")
        self._literal(subject, "active", "true", f"^^<{XSD}boolean>")

    def _label(self, subject: str, text: str) -> None:
        self._line(subject, _LABEL, f"{literal(text)}@en")

    def _literal(self, subject: str, name: str, text: str, ending: str = "") -> None:
        self._line(subject, f"<{VOCABULARY}{name}>", literal(text) + ending)

    def _link(self, subject: str, name: str, target: str) -> None:
        self._line(subject, f"<{VOCABULARY}{name}>", f"<{MESH}{segment(target)}>")

    def _line(self, subject: str, predicate: str, object_: str) -> None:
        self._lines.append(f"<{MESH}{segment(subject)}> {predicate} {object_} .\n".encode())


def _heading(element: etree._Element | None) -> str:
    """Return the name of a descriptor, or of a descriptor with a qualifier, that an element refers to."""
    if element is None:
        raise _Incomplete("refers to a heading without naming it; take a new copy from NLM")
    qualifier = "".join(_texts(element, "QualifierReferredTo/QualifierUI"))
    return _text(element, "DescriptorReferredTo/DescriptorUI") + qualifier


def _text(element: etree._Element, path: str) -> str:
    """Return the text at a path. Raises _Incomplete when there is none."""
    text = next(_texts(element, path), None)
    if text is None:
        raise _Incomplete(f"has a {element.tag} without {path}; take a new copy from NLM")
    return text


def _texts(element: etree._Element, path: str) -> Iterator[str]:
    """Yield the texts at a path, without the white space that NLM's files have around some."""
    for found in element.iterfind(path):
        if text := " ".join("".join(map(str, found.itertext())).split()):
            yield text
