"""Record to quads: the only way a study becomes triples. Pure and deterministic: same record, same bytes.

Emitting a part is walking its table (`loaders.tables`). Lines are N-Triples, sorted and unique, so neither the order
of a source's lists nor a second run changes a byte. There are no blank nodes: a part's IRI is its study's IRI, its kind
and its name, and a finding without a name is named by a digest of what identifies it (cohort, outcome, time, category
…), never by its position.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b

from loaders import tables
from loaders.link.cohorts import cohort_mappings, emit_cohort_mappings
from loaders.link.identifiers import (
    BASE,
    normal_nct,
    publication_key,
    publication_matches,
    segment,
    study_key,
    study_matches,
)
from loaders.record import (
    Article,
    Cohort,
    Evidence,
    Publication,
    RegistryRecord,
    Source,
    Study,
    StudyLink,
    WebLink,
)
from loaders.terms import XSD, boolean, date, integer, iri, literal, name_segment, organization_iri, types, value

__all__ = [
    "GRAPH_NAMES",
    "LINKS_GRAPH",
    "ONTOLOGY_GRAPH",
    "PROVENANCE_GRAPH",
    "Emission",
    "Identity",
    "emit",
    "emit_alias",
    "emit_article",
    "emit_provenance",
    "emit_tombstone",
    "graph_iri",
    "study_iri",
]

LINKS_GRAPH = BASE + "graph/links"
PROVENANCE_GRAPH = BASE + "graph/provenance"
ONTOLOGY_GRAPH = BASE + "graph/ontology"
GRAPH_NAMES = {"CTGOV": "clinicaltrials.gov", "PUBMED": "pubmed", "PAGE": "page", "CURATED": "curated"}
"""The last segment of an assertion graph's IRI, by source kind."""

_ABOUT_PUBLICATION = iri("tw:aboutPublication")
_ABOUT_STUDY = iri("tw:aboutStudy")
_ACTIVITY = types("prov:Activity")
_ALT_LABEL = iri("skos:altLabel")
_ADMINISTRATION = types("tw:Administration")
_ASSERTION_GRAPH = types("tw:AssertionGraph")
_AUTHOR = types("tw:Author")
_CONTENT_SHA256 = iri("tw:contentSha256")
_DOCUMENT_KEY = iri("tw:documentKey")
_ENDED_AT = iri("prov:endedAtTime")
_EVIDENCE_SPAN = types("tw:EvidenceSpan")
_EXACT_MATCH = iri("skos:exactMatch")
_FIRST_CREATOR = iri("tw:firstCreator")
_FUNDING = iri("tw:funding")
_GRANT = types("tw:Grant")
_HAS_AUTHOR = iri("tw:hasAuthor")
_HAS_SECTION = iri("tw:hasSection")
_IDENTIFIER = iri("dcterms:identifier")
_IN_DOCUMENT = iri("tw:inDocument")
_KIND = value("SourceKind")
_LABEL = iri("rdfs:label")
_LINK_SOURCE = iri("tw:linkSource")
_LINK_TARGET = iri("tw:linkTarget")
_LOADER_VERSION = iri("tw:loaderVersion")
_ORDINAL = iri("tw:ordinal")
_ORGANIZATION = types("tw:Organization")
_PRIMARY_TOPIC = iri("foaf:primaryTopic")
_PUBLICATION = types("tw:SourceDocument", "tw:Publication")
_RECEIVES = iri("tw:receives")
_REGISTERED_AS = iri("tw:registeredAs")
_REGISTRY_EVENT = types("tw:RegistryEvent")
_REPLACED_BY = iri("dcterms:isReplacedBy")
_SECTION_SHA256 = iri("tw:sectionSha256")
_SEE_ALSO = iri("rdfs:seeAlso")
_SEE_ALSO_TEXT = iri("tw:seeAlsoText")
_SOURCE_KIND = iri("tw:sourceKind")
_SOURCE_VERSION = iri("tw:sourceVersionDate")
_STUDY_LINK = types("tw:StudyLink")
_SUPPORTED_BY = iri("tw:supportedBy")
_TEXT_SECTION = types("tw:TextSection")
_WAS_DERIVED_FROM = iri("prov:wasDerivedFrom")
_WAS_GENERATED_BY = iri("prov:wasGeneratedBy")
_WITHDRAWN = iri("tw:withdrawn")

# An IRI as N-Triples writes it (RFC 3987): what is rarer than these characters is kept as text.
_IRI = re.compile(r"https?://[^\x00-\x20<>\"{}|\\^`\ud800-\udfff]+").fullmatch


@dataclass(frozen=True, slots=True)
class Identity:
    """Under which keys a study and its publications are stored, which a record alone cannot know.

    A page prints a DOI where another source knows the PubMed id too; both must meet under one IRI. `study` is the last
    segment of the study's IRI; `publications` maps a publication key as the record would make it to the key to use;
    `graph` is the assertion graph when it is not the plain one of the source's kind.
    """

    study: str
    publications: Mapping[str, str] = field(default_factory=dict)
    graph: str | None = None

    @classmethod
    def of(cls, study: Study) -> "Identity":
        """Return the identity a record claims by itself. Raises ValueError when it has no identifier at all."""
        key = study_key(study.nct, study.pmid, study.doi)
        if key is None:
            raise ValueError("the study has no NCT id, no PubMed id and no DOI, so it cannot be given an IRI")
        return cls(key)


@dataclass(frozen=True, slots=True)
class Emission:
    """What one source says about one study, as N-Triples (UTF-8; sorted, unique lines).

    `triples` belong into the named graph `graph`, `links` into the links graph; `link_subjects` are the subjects that
    `links` speaks about. `study` is the study's IRI, or the publication's where the source speaks of no study.
    """

    study: str
    graph: str
    triples: bytes
    links: bytes
    link_subjects: tuple[str, ...]

    def nquads(self) -> bytes:
        """Return both graphs as N-Quads."""
        return _quads(self.triples, self.graph) + _quads(self.links, LINKS_GRAPH)


def study_iri(key: str) -> str:
    """Return the IRI of a study from its key (NCT01363401, PMID23810205, DOI-10.1000%2Fx)."""
    return f"{BASE}study/{key}"


def graph_iri(key: str, kind: str) -> str:
    """Return the IRI of the graph that holds what a source of this kind says about a study."""
    return f"{BASE}graph/{key}/{GRAPH_NAMES[kind]}"


def emit(study: Study, identity: Identity | None = None) -> Emission:
    """Turn a record into triples.

    Raises ValueError when the study has no source or no identifier: its graph could not be named.
    """
    if study.source is None:
        raise ValueError("the study has no source, so its graph cannot be named")
    identity = identity or Identity.of(study)
    writer = _Writer(study, study.source, identity)
    writer.write_study()
    graph = identity.graph or graph_iri(identity.study, study.source.kind)
    links = _Statements()
    # What was proposed may have come true meanwhile: a study is not linked to itself.
    others = [link for link in study.links if _link_target(link) != writer.study_iri]
    subjects = tuple(sorted({_write_link(links, writer.study_iri, link, graph) for link in others}))
    mappings: bytes = b""
    mapped: tuple[str, ...] = ()
    if study.source.kind == "CTGOV":
        mappings, mapped = emit_cohort_mappings(cohort_mappings(study), writer.study_iri, graph)
    return Emission(writer.study_iri, graph, writer.statements.lines(), links.lines() + mappings, (*subjects, *mapped))


def emit_article(article: Article, identity: Identity | None = None) -> Emission:
    """Turn an article that reports no one study into triples, without claiming a study.

    `identity.study` is here the key of the publication, which names the graph. Raises ValueError when the article has
    no source or no identifier.
    """
    publication = article.publication
    key = publication_key(publication.pmid, publication.doi)
    if article.source is None or key is None:
        raise ValueError("the article has no source or no identifier, so its graph cannot be named")
    identity = identity or Identity(key)
    # The study is only what holds the publication while it is written; nothing is said about it.
    writer = _Writer(Study(label="", publications=[publication]), article.source, identity)
    writer.write_article(publication)
    graph = identity.graph or graph_iri(identity.study, article.source.kind)
    return Emission(f"{BASE}publication/{identity.study}", graph, writer.statements.lines(), b"", ())


def emit_tombstone(kind: str, graph: str, document: str) -> bytes:
    """Return the triples for the provenance graph that stay when a source has withdrawn a document (N-Triples)."""
    statements = _Statements()
    about = [f"{_SOURCE_KIND} {_KIND(kind)}", f"{_DOCUMENT_KEY} {literal(document)}", f"{_WITHDRAWN} {boolean(True)}"]
    statements.add(graph, [*_ASSERTION_GRAPH, *about])
    return statements.lines()


def emit_provenance(source: Source, graph: str, study: str, loader_version: str, loaded_at: str | None = None) -> bytes:
    """Return the triples for the provenance graph that describe one assertion graph (N-Triples).

    `study` is the IRI of what the graph is about, as `Emission.study` has it.
    `loaded_at` is an xsd:dateTime in UTC; None leaves the time out, for output that must not change from run to run.
    """
    load = f"{graph}#load"
    about = [
        *_ASSERTION_GRAPH,
        f"{_ABOUT_STUDY if study.startswith(study_iri('')) else _ABOUT_PUBLICATION} <{study}>",
        f"{_SOURCE_KIND} {_KIND(source.kind)}",
        f"{_WAS_DERIVED_FROM} <{_document_iri(source)}>",
        f"{_WAS_GENERATED_BY} <{load}>",
        f"{_CONTENT_SHA256} {literal(source.sha256)}",
        f"{_LOADER_VERSION} {literal(loader_version)}",
    ]
    if source.document:
        about.append(f"{_DOCUMENT_KEY} {literal(source.document)}")
    if source.version_date:
        about.append(f"{_SOURCE_VERSION} {date(source.version_date)}")
    statements = _Statements()
    statements.add(graph, about)
    statements.add(load, _ACTIVITY)
    if loaded_at:
        statements.add(load, [f"{_ENDED_AT} {literal(loaded_at)}^^<{XSD}dateTime>"])
    return statements.lines()


def emit_alias(old: str, new: str) -> bytes:
    """Return the triple that keeps a former IRI answering (dcterms:isReplacedBy)."""
    return f"<{old}> {_REPLACED_BY} <{new}> .\n".encode()


class _Statements:
    """What is said of each subject, while it is being written."""

    __slots__ = ("_pairs",)

    def __init__(self) -> None:
        self._pairs: dict[str, list[str]] = {}

    def add(self, subject: str, pairs: Iterable[str]) -> None:
        """Say something of a subject, which is an IRI, in predicate-object pairs."""
        self._pairs.setdefault(f"<{subject}> ", []).extend(pairs)

    def lines(self) -> bytes:
        """Return all of it as N-Triples. To sort the subjects, and then the pairs of each, is to sort the lines."""
        return b"".join([_block(subject, self._pairs[subject]) for subject in sorted(self._pairs)])


def _block(subject: str, pairs: list[str]) -> bytes:
    """Return the lines about one subject. Most are encoded as they are: one with a rare character costs no other."""
    between = f" .\n{subject}"
    return f"{subject}{between.join(sorted(dict.fromkeys(pairs)))} .\n".encode() if pairs else b""


def _registry_page(nct: str) -> str:
    return f"https://clinicaltrials.gov/study/{segment(nct)}"


def _document_iri(source: Source) -> str:
    """Name a document by its bytes: the same file read twice is the same document."""
    return f"{BASE}document/sha256-{segment(source.sha256)}"


def _quads(triples: bytes, graph: str) -> bytes:
    # A literal cannot hold a line end (it is escaped), so " .\n" is the end of a line and nothing else.
    return triples.replace(b" .\n", f" <{graph}> .\n".encode())


def _digest(pairs: Iterable[str]) -> str:
    return blake2b("\n".join(sorted(pairs)).encode("utf-8", "replace"), digest_size=8).hexdigest()


def _link_target(link: StudyLink) -> str:
    return study_iri(normal_nct(link.target) or f"PMID{segment(link.target)}")


def _write_link(links: _Statements, study: str, link: StudyLink, graph: str) -> str:
    """Write one StudyLink, and that this graph's source proposed it, and return its IRI."""
    subject = f"{study}/link/{segment(link.target)}"
    ends = (f"{_LINK_SOURCE} <{study}>", f"{_LINK_TARGET} <{_link_target(link)}>", f"{_WAS_DERIVED_FROM} <{graph}>")
    links.add(subject, [*_STUDY_LINK, *ends, *tables.LINK.pairs(link, study)])
    return subject


class _Writer:
    """The lines of one study's graph while they are being written."""

    __slots__ = ("identity", "section_hashes", "source", "statements", "study", "study_iri")

    def __init__(self, study: Study, source: Source, identity: Identity) -> None:
        self.study = study
        self.source = source
        self.identity = identity
        self.study_iri = study_iri(identity.study)
        self.statements = _Statements()
        self.section_hashes = {
            (self._publication_key(publication), section.label): section.sha256
            for publication in study.publications
            for section in publication.sections
        }

    def write_study(self) -> None:
        self._write_identity()
        self._write_document()
        self._write_organizations()
        if self.study.registry and self.study.nct:
            self._write_registry_record(self.study.nct, self.study.registry)
        for link in self.study.see_also:
            self._write_web_link(link)
        for publication in self.study.publications:
            self._write_publication(publication)
        self._write_parts()
        for cohort in self.study.cohorts:
            self._write_administrations(cohort)
        self._write_findings()

    def write_article(self, publication: Publication) -> None:
        self._write_document()
        self._describe_publication(publication)

    def _write_identity(self) -> None:
        study, subject = self.study, self.study_iri
        classes = tables.STUDY_TYPES.get(study.study_type, tables.STUDY_TYPES[None])
        pairs = [*classes, *tables.STUDY.pairs(study, subject)]
        identifiers = [study.nct, study.pmid and f"PMID{study.pmid}", study.doi and f"DOI:{study.doi.upper()}"]
        pairs += [f"{_IDENTIFIER} {literal(identifier)}" for identifier in identifiers if identifier]
        if study.nct:
            record = _registry_page(study.nct)
            pairs.append(f"{_REGISTERED_AS} <{record}>")
            pairs += [f"{_EXACT_MATCH} <{match}>" for match in study_matches(study.nct)]
            self.statements.add(record, tables.DOCUMENT_TYPES["CTGOV"])
        self.statements.add(subject, pairs)
        for alias in study.aliases:
            self.statements.add(study_iri(segment(alias)), [f"{_REPLACED_BY} <{subject}>"])
        self._write_evidence(subject, study.registration_evidence)

    def _write_document(self) -> None:
        """Describe the document itself: the page or the curated file, not the article it speaks of."""
        pairs = [*tables.DOCUMENT_TYPES[self.source.kind], *tables.SOURCE.pairs(self.source, self.study_iri)]
        if self.study.page:
            pairs += tables.PAGE.pairs(self.study.page, self.study_iri)
        if self.source.kind == "CTGOV":
            pairs.append(f"{_PRIMARY_TOPIC} <{self.study_iri}>")
        elif self.study.publications:
            topic = self._publication_key(self.study.publications[0])
            pairs.append(f"{_PRIMARY_TOPIC} <{BASE}publication/{topic}>")
        self.statements.add(_document_iri(self.source), pairs)

    def _write_registry_record(self, nct: str, record: RegistryRecord) -> None:
        page = _registry_page(nct)
        self.statements.add(page, tables.REGISTRY_RECORD.pairs(record, self.study_iri))
        for attribute, has in tables.REGISTRY_EVENTS:
            for event in getattr(record, attribute):
                pairs = tables.REGISTRY_EVENT.pairs(event, self.study_iri)
                part = f"{self.study_iri}/registry-event/{self._digest([has, *pairs])}"
                self.statements.add(page, [f"{has} <{part}>"])
                self.statements.add(part, [*_REGISTRY_EVENT, *pairs])

    def _write_web_link(self, link: WebLink) -> None:
        """Write where a source points to. What is no IRI is kept as the text it is."""
        if not _IRI(link.url):
            self.statements.add(self.study_iri, [f"{_SEE_ALSO_TEXT} {literal(link.url)}"])
            return
        self.statements.add(self.study_iri, [f"{_SEE_ALSO} <{link.url}>"])
        if link.label:
            self.statements.add(link.url, [f"{_LABEL} {literal(link.label)}"])

    def _write_organizations(self) -> None:
        """Write the organizations that the study and its registry record point to.

        One that is spelled in two ways has one label, the most prominent spelling, and the other as an alternative.
        """
        study = self.study
        publisher = study.registry.publisher if study.registry else None
        collaborators = sorted(study.collaborators, key=lambda each: each.label)
        labels: dict[str, str] = {}
        for organization in (study.lead_sponsor, *collaborators, publisher, study.point_of_contact):
            if organization is None:
                continue
            subject = organization_iri(organization.label)
            label = labels.setdefault(subject, organization.label)
            pairs = tables.ORGANIZATION.pairs(replace(organization, label=label), self.study_iri)
            if label != organization.label:
                pairs.append(f"{_ALT_LABEL} {literal(organization.label)}")
            self.statements.add(subject, [*_ORGANIZATION, *pairs])

    def _publication_key(self, publication: Publication) -> str:
        key = publication_key(publication.pmid, publication.doi)
        if key is None and publication.citation:
            key = f"citation-{_digest([publication.citation])}"
        elif key is None:
            key = f"untitled-{_digest([publication.title or '', publication.handle or ''])}"
        return self.identity.publications.get(key, key)

    def _write_publication(self, publication: Publication) -> None:
        subject = self._describe_publication(publication)
        relations = tables.PUBLICATION_RELATIONS[publication.relation]
        self.statements.add(self.study_iri, [f"{relation} <{subject}>" for relation in relations])

    def _describe_publication(self, publication: Publication) -> str:
        """Write what is said about a publication itself, and return its IRI."""
        subject = f"{BASE}publication/{self._publication_key(publication)}"
        pairs = [*_PUBLICATION, *tables.PUBLICATION.pairs(publication, self.study_iri)]
        pairs += [f"{_EXACT_MATCH} <{match}>" for match in publication_matches(publication.pmid, publication.doi)]
        if publication.creators:
            pairs.append(f"{_FIRST_CREATOR} {literal(publication.creators[0])}")
        self.statements.add(subject, pairs)
        self._write_sections(subject, publication)
        self._write_authors(subject, publication)
        for grant in publication.funding:
            about = tables.GRANT.pairs(grant, self.study_iri)
            part = f"{subject}/grant/{_digest(about)}"
            self.statements.add(subject, [f"{_FUNDING} <{part}>"])
            self.statements.add(part, [*_GRANT, *about])
        return subject

    def _write_authors(self, subject: str, publication: Publication) -> None:
        """Write the authors. Two may share a name, but their order is what the publication itself states."""
        for ordinal, author in enumerate(publication.authors, start=1):
            part = f"{subject}/author/{ordinal}"
            pairs = tables.AUTHOR.pairs(author, self.study_iri)
            self.statements.add(subject, [f"{_HAS_AUTHOR} <{part}>"])
            self.statements.add(part, [*_AUTHOR, *pairs, f"{_ORDINAL} {integer(ordinal)}"])

    def _write_sections(self, subject: str, publication: Publication) -> None:
        seen: Counter[str] = Counter()
        for ordinal, section in enumerate(publication.sections, start=1):
            name = segment(section.label.casefold().replace(" ", "-"))
            seen[name] += 1
            # Two sections may have one label. The ordinal alone would move when a section is added before.
            part = f"{subject}/section/{name}" + (f"-{seen[name]}" if seen[name] > 1 else "")
            pairs = tables.SECTION.pairs(section, self.study_iri)
            self.statements.add(subject, [f"{_HAS_SECTION} <{part}>"])
            self.statements.add(part, [*_TEXT_SECTION, *pairs, f"{_ORDINAL} {integer(ordinal)}"])

    def _write_parts(self) -> None:
        study = self.study_iri
        parts: list[str] = []
        for attribute, kind, has, table, classes in tables.NAMED_PARTS:
            for part in getattr(self.study, attribute):
                pairs = table.pairs(part, study)
                subject = f"{study}/{kind}/{name_segment(part.name or self._digest(pairs))}"
                parts.append(f"{has} <{subject}>")
                self.statements.add(subject, [*classes, *pairs])
                self._write_evidence(subject, getattr(part, "evidence", ()))
        for attribute, kind, has, table, classes in tables.UNNAMED_PARTS:
            found = getattr(self.study, attribute)
            for part in found if isinstance(found, list) else filter(None, [found]):
                pairs = table.pairs(part, study)
                subject = f"{study}/{kind}/{self._digest(pairs)}"
                parts.append(f"{has} <{subject}>")
                self.statements.add(subject, [*classes, *pairs])
        self.statements.add(study, parts)

    def _write_administrations(self, cohort: Cohort) -> None:
        subject = f"{self.study_iri}/cohort/{name_segment(cohort.name)}"
        given = Counter(administration.intervention for administration in cohort.receives)
        for administration in cohort.receives:
            pairs = tables.ADMINISTRATION.pairs(administration, self.study_iri)
            name = f"{name_segment(cohort.name)}/{name_segment(administration.intervention)}"
            if given[administration.intervention] > 1:
                name += f"-{self._digest(pairs)}"
            part = f"{self.study_iri}/administration/{name}"
            self.statements.add(subject, [f"{_RECEIVES} <{part}>"])
            self.statements.add(part, [*_ADMINISTRATION, *pairs])
            self._write_evidence(part, administration.evidence)

    def _write_findings(self) -> None:
        study = self.study_iri
        for kind, groups in tables.FINDINGS:
            found = [
                (finding, table, classes)
                for attribute, table, classes in groups
                for finding in getattr(self.study, attribute)
            ]
            names = [finding.name or self._digest(table.identity.pairs(finding, study)) for finding, table, _ in found]
            seen = Counter(names)
            for (finding, table, classes), name in zip(found, names, strict=True):
                pairs = table.pairs(finding, study)
                # Two findings that claim the same name must not melt into one node with two values.
                unique = name if seen[name] == 1 else f"{name}-{self._digest(pairs)}"
                subject = f"{study}/{kind}/{name_segment(unique)}"
                self.statements.add(subject, [*classes, *pairs])
                self._write_evidence(subject, finding.evidence)

    def _write_evidence(self, subject: str, evidence: Sequence[Evidence]) -> None:
        for span in evidence:
            document = self._evidence_document(span)
            pairs = tables.EVIDENCE.pairs(span, self.study_iri)
            sha256 = self.section_hashes.get((document, span.section))
            if sha256:
                pairs.append(f"{_SECTION_SHA256} {literal(sha256)}")
            part = f"{self.study_iri}/evidence/{self._digest([*pairs, span.document or ''])}"
            if document:
                pairs.append(f"{_IN_DOCUMENT} <{BASE}publication/{document}>")
            self.statements.add(subject, [f"{_SUPPORTED_BY} <{part}>"])
            self.statements.add(part, [*_EVIDENCE_SPAN, *pairs])

    def _digest(self, pairs: Iterable[str]) -> str:
        """Name a part by its content. The study's own IRI is no part of it: a name survives a better key."""
        return _digest(pair.replace(f"<{self.study_iri}/", "<") for pair in pairs)

    def _evidence_document(self, span: Evidence) -> str:
        if span.document:
            key = segment(span.document)
            return self.identity.publications.get(key, key)
        return self._publication_key(self.study.publications[0]) if self.study.publications else ""
