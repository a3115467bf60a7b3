"""The page of a vocabulary: its terms with what they mean."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import pyoxigraph as ox

from app.pages.names import readable, short
from loaders.link.identifiers import BASE

__all__ = ["VocabularyPage"]

_TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"
_LABEL = "http://www.w3.org/2000/01/rdf-schema#label"
_TEXTS = (
    "http://www.w3.org/2000/01/rdf-schema#comment",
    "http://www.w3.org/2004/02/skos/core#definition",
    "http://www.w3.org/ns/shacl#message",
    "http://purl.org/dc/terms/description",
)


@dataclass(frozen=True, slots=True)
class VocabularyTerm:
    """A term; `name` is the part of its IRI after the #, which is also its place on the page."""

    iri: str
    name: str
    label: str
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class VocabularyPage:
    """What the template shows; `path` is where the vocabulary stands on this host."""

    title: str
    path: str
    terms: list[VocabularyTerm]

    @classmethod
    def of(cls, title: str, triples: Iterable[ox.Triple]) -> "VocabularyPage":
        """Arrange the statements about this project's own terms."""
        stated: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
        for triple in triples:
            if isinstance(triple.subject, ox.NamedNode) and isinstance(triple.object, ox.NamedNode | ox.Literal):
                stated[triple.subject.value][triple.predicate.value].append(triple.object.value)
        own = sorted(iri for iri in stated if iri.startswith(BASE) and "#" in iri)
        return cls(title, "/" + title.lower(), [_term(iri, stated[iri]) for iri in own])


def _term(iri: str, properties: dict[str, list[str]]) -> VocabularyTerm:
    name = short(iri).partition("#")[2]
    kinds = ", ".join(sorted({readable(each) for each in properties.get(_TYPE, [])} - {"named individual"}))
    label = next(iter(properties.get(_LABEL, [])), "")
    text = " ".join(value for each in _TEXTS for value in properties.get(each, []))
    return VocabularyTerm(iri, name, label, kinds, text)
