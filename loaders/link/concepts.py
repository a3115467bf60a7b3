"""What the texts of a study mean in MeSH: claims of ours, kept apart from what the source says.

A source's own concepts are facts of its graph (tw:condition, tw:interventionConcept). A concept found by comparing
texts is a claim with a method and a confidence, a tw:ConceptLink in the graph of links. It names the assertion graph
it was made from, so that it goes when that graph goes, and the study, so that it moves when the study moves.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from loaders.link.claims import claim
from loaders.link.mesh import Link, MeshIndex
from loaders.record import Study, TextKind
from loaders.terms import iri, literal, mesh, name_segment, types, value

__all__ = ["ConceptLink", "concept_links", "emit_concept_links"]

_OF_MEASURES: tuple[TextKind, ...] = ("BIOMARKER", "INTERVENTION")
_CONCEPT_LINK = types("tw:ConceptLink")
_KIND = value("TextKind")
_LINKED_CONCEPT = iri("tw:linkedConcept")
_LINKED_PART = iri("tw:linkedPart")
_LINKED_TEXT = iri("tw:linkedText")
_MATCH_METHOD = iri("tw:matchMethod")
_METHOD = value("MatchMethod")
_TEXT_KIND = iri("tw:textKind")


@dataclass(frozen=True, slots=True)
class ConceptLink:
    """A text of a study names a concept. `part` is the intervention or outcome it belongs to: (path segment, name)."""

    kind: TextKind
    text: str
    link: Link
    part: tuple[str, str] | None = None


def concept_links(study: Study, index: MeshIndex) -> list[ConceptLink]:
    """Return a link for each text of a study that names one concept of MeSH.

    An intervention is looked up by its label, then by its other names in their order; the first that is found counts.
    Outcomes that their source has not sorted, as no registry does, are biomarkers where they name what is measured.
    """
    links: list[ConceptLink] = []
    for kind, texts, part in _texts(study):
        found = ((text, index.link(text, kind)) for text in texts)
        links += [ConceptLink(kind, text, link, part) for text, link in found if link][:1]
    return [*links, *_measured(study, index)]


def emit_concept_links(links: Sequence[ConceptLink], study: str, graph: str) -> tuple[bytes, tuple[str, ...]]:
    """Return the links as N-Triples for the graph of links (sorted, unique lines), and the subjects they speak about.

    `study` is the IRI of the study, `graph` that of the assertion graph with the texts.
    """
    lines: set[str] = set()
    subjects: set[str] = set()
    for link in links:
        pairs = [
            *_CONCEPT_LINK,
            f"{_TEXT_KIND} {_KIND(link.kind)}",
            f"{_LINKED_TEXT} {literal(link.text)}",
            f"{_LINKED_CONCEPT} {mesh(link.link.concept)}",
            f"{_MATCH_METHOD} {_METHOD(link.link.method)}",
        ]
        if link.part:
            kind, name = link.part
            pairs.append(f"{_LINKED_PART} <{study}/{kind}/{name_segment(name)}>")
        subject = f"{study}/concept/{_name(link, graph)}"
        subjects.add(subject)
        lines |= claim(subject, study, graph, link.link.confidence, *pairs)
    return "".join(sorted(lines)).encode(), tuple(sorted(subjects))


def _texts(study: Study) -> Iterator[tuple[TextKind, list[str], tuple[str, str] | None]]:
    """Yield what can be looked up: its kind, its wordings with the best first, and the part it belongs to."""
    for text in study.condition_texts:
        yield "CONDITION", [text], None
    for text in study.keywords:
        yield "KEYWORD", [text], None
    for intervention in study.interventions:
        names = [intervention.label, *intervention.other_names]
        yield "INTERVENTION", names, ("intervention", intervention.name)
    for outcome in study.outcomes:
        if outcome.domain == "BIOMARKER":
            yield "BIOMARKER", [outcome.label], ("outcome", outcome.name)
    for association in study.associations:
        for text in (association.variable1_text, association.variable2_text):
            yield "BIOMARKER", [text], None


def _measured(study: Study, index: MeshIndex) -> Iterator[ConceptLink]:
    """Yield a link for each unsorted outcome whose whole title names a substance or a measure of the body.

    Those are the concepts of the branches for biomarkers that stand in one for interventions too: chemicals, and what
    MeSH files as phenomenon and as examination. What meets in brackets mostly says where or how it was measured.
    """
    for outcome in study.outcomes:
        if outcome.domain is None:
            link, given = (index.link(outcome.label, kind) for kind in _OF_MEASURES)
            if link and given and link.concept == given.concept and link.method != "BRACKETED":
                yield ConceptLink("BIOMARKER", outcome.label, link, ("outcome", outcome.name))


def _name(link: ConceptLink, graph: str) -> str:
    """Name a link by what it is about, so that a better method or another concept does not make another link.

    The last part of the graph's name is the source: two sources with the same text make two claims.
    """
    about = (graph.rpartition("/")[2], link.kind, link.text, *(link.part or ()))
    return blake2b("\n".join(about).encode("utf-8", "replace"), digest_size=8).hexdigest()
