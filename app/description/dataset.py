"""The dataset as catalogues want it: DCAT (W3C DCAT 3) and schema.org, with the addresses of this deployment."""

from collections.abc import Iterator, Mapping
from typing import Any

import pyoxigraph as ox

from app.description.void import DATASET
from app.dump import DumpFile, Manifest
from loaders.link.identifiers import BASE

__all__ = ["DESCRIPTION", "NAME", "PREFIXES", "as_schema", "as_triples"]

NAME = "Trialweave"
DESCRIPTION = (
    "What registries and papers say about clinical studies, number by number, each with its source: arms, outcomes, "
    "results, effect estimates and adverse events, with MeSH concepts."
)
KEYWORDS = ("clinical trials", "clinical studies", "effect estimates", "adverse events", "MeSH", "RDF", "SPARQL")

PREFIXES: Mapping[str, str] = {
    "dcat": "http://www.w3.org/ns/dcat#",
    "dcterms": "http://purl.org/dc/terms/",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "schema": "https://schema.org/",
    "sd": "http://www.w3.org/ns/sparql-service-description#",
    "sh": "http://www.w3.org/ns/shacl#",
    "void": "http://rdfs.org/ns/void#",
    "void-ext": "http://ldf.fi/void-ext#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
"""Short names in descriptions."""

_TYPE = ox.NamedNode("http://www.w3.org/1999/02/22-rdf-syntax-ns#type")
_MEDIA_TYPES = "https://www.iana.org/assignments/media-types/"


def as_triples(site: str, license: str | None, manifest: Manifest | None) -> Iterator[ox.Triple]:
    """Describe the dataset as served at `site` (an address without a slash at its end), with its dump if there is one.

    Raises ValueError when that is not an address.
    """
    service = ox.NamedNode(f"{site}/sparql")
    yield ox.Triple(DATASET, _TYPE, _term("dcat:Dataset"))
    yield ox.Triple(DATASET, _TYPE, _term("schema:Dataset"))
    yield ox.Triple(DATASET, _term("dcterms:title"), ox.Literal(NAME, language="en"))
    yield ox.Triple(DATASET, _term("dcterms:description"), ox.Literal(DESCRIPTION, language="en"))
    yield ox.Triple(DATASET, _term("dcterms:identifier"), ox.Literal(DATASET.value))
    for keyword in KEYWORDS:
        yield ox.Triple(DATASET, _term("dcat:keyword"), ox.Literal(keyword, language="en"))
    if license:
        yield ox.Triple(DATASET, _term("dcterms:license"), ox.NamedNode(license))
    yield ox.Triple(DATASET, _term("dcat:landingPage"), ox.NamedNode(f"{site}/dataset"))
    yield ox.Triple(DATASET, _term("dcterms:conformsTo"), ox.NamedNode(f"{BASE}shapes"))
    yield ox.Triple(DATASET, _term("void:sparqlEndpoint"), service)
    yield ox.Triple(service, _TYPE, _term("dcat:DataService"))
    yield ox.Triple(service, _term("dcterms:title"), ox.Literal("SPARQL endpoint", language="en"))
    yield ox.Triple(service, _term("dcterms:conformsTo"), ox.NamedNode("https://www.w3.org/TR/sparql11-protocol/"))
    yield ox.Triple(service, _term("dcat:endpointURL"), service)
    yield ox.Triple(service, _term("dcat:endpointDescription"), service)
    yield ox.Triple(service, _term("dcat:servesDataset"), DATASET)
    for file in manifest.files if manifest else ():
        yield from _distribution(f"{site}/dump/{file.name}", file)


def _distribution(address: str, file: DumpFile) -> Iterator[ox.Triple]:
    distribution = ox.NamedNode(address)
    yield ox.Triple(DATASET, _term("dcat:distribution"), distribution)
    if file.media_type == "application/n-quads":
        yield ox.Triple(DATASET, _term("void:dataDump"), distribution)
    yield ox.Triple(distribution, _TYPE, _term("dcat:Distribution"))
    yield ox.Triple(distribution, _term("dcat:downloadURL"), distribution)
    yield ox.Triple(distribution, _term("dcat:mediaType"), ox.NamedNode(_MEDIA_TYPES + file.media_type))
    yield ox.Triple(distribution, _term("dcat:compressFormat"), ox.NamedNode(_MEDIA_TYPES + "application/gzip"))
    size = ox.Literal(str(file.bytes), datatype=_term("xsd:nonNegativeInteger"))
    yield ox.Triple(distribution, _term("dcat:byteSize"), size)


def as_schema(site: str, license: str | None, manifest: Manifest | None, modified: str, version: str) -> dict[str, Any]:
    """Describe the dataset in the terms of schema.org, as a JSON-LD object for a page."""
    files = [
        {
            "@type": "DataDownload",
            "name": file.name,
            "contentUrl": f"{site}/dump/{file.name}",
            "encodingFormat": file.media_type,
            "contentSize": f"{file.bytes} B",
            "sha256": file.sha256,
        }
        for file in (manifest.files if manifest else ())
    ]
    endpoint = {"@type": "DataDownload", "contentUrl": f"{site}/sparql", "encodingFormat": "application/sparql-query"}
    known = {"license": license, "dateModified": modified, "version": version}
    return {
        "@context": "https://schema.org/",
        "@type": "Dataset",
        "@id": DATASET.value,
        "identifier": DATASET.value,
        "name": NAME,
        "description": DESCRIPTION,
        "keywords": list(KEYWORDS),
        "url": f"{site}/dataset",
        "isAccessibleForFree": True,
        **{name: value for name, value in known.items() if value},
        "distribution": [endpoint, *files],
    }


def _term(name: str) -> ox.NamedNode:
    prefix, _, local = name.partition(":")
    return ox.NamedNode(PREFIXES[prefix] + local)
