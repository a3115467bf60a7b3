"""Counts as a VoID description (W3C note "Describing Linked Datasets with the VoID Vocabulary").

Partitions are those that void-generator makes and that query editors read: a class partition has a property partition
for each property, and that has a class or datatype partition for each kind of object. Datatypes are of the extension
http://ldf.fi/void-ext#. No blank nodes: a partition's IRI is the graph's and a hash of what it is a partition by.
"""

from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256

import pyoxigraph as ox

from app.description.counts import EXACT_MATCH, LOOKED_AT, ClassCount, Counts, Kind, LinkCount, PropertyCount
from loaders.link.identifiers import BASE

__all__ = ["DATASET", "VOID_GRAPH", "as_triples"]

VOID_GRAPH = BASE + "graph/void"
DATASET = ox.NamedNode(BASE + "dataset")

_VOID = "http://rdfs.org/ns/void#"
_EXT = "http://ldf.fi/void-ext#"
_DCTERMS = "http://purl.org/dc/terms/"
_XSD = "http://www.w3.org/2001/XMLSchema#"
_TYPE = ox.NamedNode("http://www.w3.org/1999/02/22-rdf-syntax-ns#type")
_LABEL = ox.NamedNode("http://www.w3.org/2000/01/rdf-schema#label")
_COMMENT = ox.NamedNode("http://www.w3.org/2000/01/rdf-schema#comment")

_HOW = (
    "Counted over the union of all named graphs but this one, a triple once wherever it stands. Numbers of entities, "
    "and of triples by property and by class and property, are of all there is; what the objects are was looked at in "
    "the first {looked_at} entities of each class, and where that is not all of them, no number is given; of "
    "exact matches all were looked at."
)


def as_triples(counts: Counts, generation: int, when: datetime) -> bytes:
    """Return the description as N-Triples, sorted. `generation` is the one that the counts are of."""
    return b"".join(sorted({f"{triple} .\n".encode() for triple in _statements(counts, generation, when)}))


def _statements(counts: Counts, generation: int, when: datetime) -> Iterator[ox.Triple]:
    document = ox.NamedNode(VOID_GRAPH)
    yield ox.Triple(document, _TYPE, _void("DatasetDescription"))
    yield ox.Triple(document, ox.NamedNode("http://xmlns.com/foaf/0.1/primaryTopic"), DATASET)
    yield ox.Triple(document, _dcterms("created"), _typed(when.strftime("%Y-%m-%dT%H:%M:%SZ"), "dateTime"))
    yield ox.Triple(document, _COMMENT, ox.Literal(_HOW.format(looked_at=LOOKED_AT), language="en"))
    yield ox.Triple(DATASET, _TYPE, _void("Dataset"))
    yield ox.Triple(DATASET, _TYPE, ox.NamedNode("http://www.w3.org/ns/dcat#Dataset"))
    yield ox.Triple(DATASET, _dcterms("title"), ox.Literal("Trialweave", language="en"))
    yield ox.Triple(DATASET, _LABEL, ox.Literal("Trialweave", language="en"))
    yield ox.Triple(DATASET, _dcterms("modified"), _typed(when.strftime("%Y-%m-%dT%H:%M:%SZ"), "dateTime"))
    yield ox.Triple(DATASET, ox.NamedNode("http://www.w3.org/ns/dcat#version"), ox.Literal(f"generation {generation}"))
    yield ox.Triple(DATASET, _void("sparqlEndpoint"), ox.NamedNode(BASE + "sparql"))
    yield ox.Triple(DATASET, _void("uriSpace"), ox.Literal(BASE))
    yield ox.Triple(DATASET, _void("vocabulary"), ox.NamedNode(BASE + "ontology"))
    yield ox.Triple(DATASET, _void("triples"), _number(counts.triples))
    yield ox.Triple(DATASET, _void("properties"), _number(len(counts.properties)))
    yield ox.Triple(DATASET, _void("classes"), _number(len(counts.classes)))
    for iri, triples in counts.properties.items():
        yield from _property(DATASET, iri, triples)
    for each in counts.classes:
        yield from _class(each)
    for links in counts.links:
        yield from _loose_linkset(links)


def _class(counted: ClassCount) -> Iterator[ox.Triple]:
    partition = _class_partition(counted.iri)
    yield ox.Triple(DATASET, _void("classPartition"), partition)
    yield ox.Triple(partition, _void("class"), ox.NamedNode(counted.iri))
    yield ox.Triple(partition, _void("entities"), _number(counted.entities))
    for each in counted.properties:
        yield from _property(partition, each.iri, each.triples)
        for kind in each.kinds:
            yield from _kind(counted.iri, each, kind)


def _property(of: ox.NamedNode, iri: str, triples: int) -> Iterator[ox.Triple]:
    partition = _node(of.value, iri)
    yield ox.Triple(of, _void("propertyPartition"), partition)
    yield ox.Triple(partition, _void("property"), ox.NamedNode(iri))
    yield ox.Triple(partition, _void("triples"), _number(triples))


def _kind(class_iri: str, counted: PropertyCount, kind: Kind) -> Iterator[ox.Triple]:
    of = _node(_class_partition(class_iri).value, counted.iri)
    partition = _node(of.value, kind.role, kind.iri)
    if kind.role == "datatype":
        yield ox.Triple(of, ox.NamedNode(_EXT + "datatypePartition"), partition)
        yield ox.Triple(partition, ox.NamedNode(_EXT + "datatype"), ox.NamedNode(kind.iri))
    elif kind.role == "class":
        yield ox.Triple(of, _void("classPartition"), partition)
        yield ox.Triple(partition, _void("class"), ox.NamedNode(kind.iri))
    if kind.role != "space" and kind.triples is not None:
        yield ox.Triple(partition, _void("triples"), _number(kind.triples))
    if kind.role != "datatype":
        yield from _linkset(class_iri, counted.iri, kind)


def _linkset(class_iri: str, predicate: str, kind: Kind) -> Iterator[ox.Triple]:
    """The links from a class to another one, or to IRIs of others, of which nothing is said here."""
    linkset = _node("linkset", class_iri, predicate, kind.iri)
    yield ox.Triple(DATASET, _void("subset"), linkset)
    yield ox.Triple(linkset, _TYPE, _void("Linkset"))
    yield ox.Triple(linkset, _void("linkPredicate"), ox.NamedNode(predicate))
    yield ox.Triple(linkset, _void("subjectsTarget"), _class_partition(class_iri))
    if kind.triples is not None:
        yield ox.Triple(linkset, _void("triples"), _number(kind.triples))
    if kind.role == "class":
        yield ox.Triple(linkset, _void("objectsTarget"), _class_partition(kind.iri))
        return
    yield from _end(linkset, "objectsTarget", kind.iri)


def _loose_linkset(links: LinkCount) -> Iterator[ox.Triple]:
    """The exact matches of what is of no class here, such as the concepts of a vocabulary that is not loaded."""
    linkset = _node("linkset", links.subjects, EXACT_MATCH, links.objects)
    yield ox.Triple(DATASET, _void("subset"), linkset)
    yield ox.Triple(linkset, _TYPE, _void("Linkset"))
    yield ox.Triple(linkset, _void("linkPredicate"), ox.NamedNode(EXACT_MATCH))
    yield ox.Triple(linkset, _void("triples"), _number(links.triples))
    yield from _end(linkset, "subjectsTarget", links.subjects)
    yield from _end(linkset, "objectsTarget", links.objects)


def _end(linkset: ox.NamedNode, end: str, space: str) -> Iterator[ox.Triple]:
    """An end of a linkset that is in no class of this dataset: whatever has IRIs that begin alike."""
    target = _node("space", space)
    yield ox.Triple(linkset, _void(end), target)
    yield ox.Triple(target, _TYPE, _void("Dataset"))
    yield ox.Triple(target, _void("uriSpace"), ox.Literal(space))


def _class_partition(iri: str) -> ox.NamedNode:
    return _node("class", iri)


def _node(*key: str) -> ox.NamedNode:
    return ox.NamedNode(f"{VOID_GRAPH}#{sha256(' '.join(key).encode()).hexdigest()[:16]}")


def _number(number: int) -> ox.Literal:
    return _typed(str(number), "integer")


def _typed(text: str, datatype: str) -> ox.Literal:
    return ox.Literal(text, datatype=ox.NamedNode(_XSD + datatype))


def _void(name: str) -> ox.NamedNode:
    return ox.NamedNode(_VOID + name)


def _dcterms(name: str) -> ox.NamedNode:
    return ox.NamedNode(_DCTERMS + name)
