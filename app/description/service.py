"""What the endpoint says of itself (W3C SPARQL 1.1 Service Description)."""

from collections.abc import Iterator

import pyoxigraph as ox

from app.description.void import DATASET
from app.errors import BadRequest
from app.settings import Settings

__all__ = ["describe_service"]

_SD = "http://www.w3.org/ns/sparql-service-description#"
_FORMATS = "http://www.w3.org/ns/formats/"
_RDF_TYPE = ox.NamedNode("http://www.w3.org/1999/02/22-rdf-syntax-ns#type")
_COMMENT = ox.NamedNode("http://www.w3.org/2000/01/rdf-schema#comment")
_RESULT_FORMATS = (
    "SPARQL_Results_JSON",
    "SPARQL_Results_XML",
    "SPARQL_Results_CSV",
    "SPARQL_Results_TSV",
    "Turtle",
    "N-Triples",
    "RDF_XML",
    "JSON-LD",
    "TriG",
    "N-Quads",
)


def describe_service(endpoint: str, settings: Settings, media_type: str) -> bytes:
    """The description of the endpoint at this address, in an RDF format. Raises BadRequest for a malformed address."""
    try:
        service = ox.NamedNode(endpoint)
    except ValueError as error:
        raise BadRequest("The Host header of the request is not one that can be part of an address.") from error
    form = ox.RdfFormat.from_media_type(media_type)
    assert form is not None, media_type
    prefixes = {"sd": _SD, "formats": _FORMATS}
    content = ox.serialize(_statements(service, settings), format=form, prefixes=prefixes)
    return content or b""


def _statements(service: ox.NamedNode, settings: Settings) -> Iterator[ox.Triple]:
    dataset, graph = ox.NamedNode(service.value + "#dataset"), ox.NamedNode(service.value + "#union")
    yield ox.Triple(service, _RDF_TYPE, _sd("Service"))
    yield ox.Triple(service, _sd("endpoint"), service)
    yield ox.Triple(service, _sd("supportedLanguage"), _sd("SPARQL11Query"))
    if settings.writing != "off":
        yield ox.Triple(service, _sd("supportedLanguage"), _sd("SPARQL11Update"))
    yield ox.Triple(service, _sd("feature"), _sd("UnionDefaultGraph"))
    if settings.service_allow.strip():
        yield ox.Triple(service, _sd("feature"), _sd("BasicFederatedQuery"))
    yield ox.Triple(service, _sd("defaultEntailmentRegime"), ox.NamedNode("http://www.w3.org/ns/entailment/Simple"))
    for name in _RESULT_FORMATS:
        yield ox.Triple(service, _sd("resultFormat"), ox.NamedNode(_FORMATS + name))
    yield ox.Triple(service, _sd("defaultDataset"), dataset)
    yield ox.Triple(dataset, _RDF_TYPE, _sd("Dataset"))
    yield ox.Triple(dataset, ox.NamedNode("http://www.w3.org/2000/01/rdf-schema#seeAlso"), DATASET)
    yield ox.Triple(DATASET, ox.NamedNode("http://rdfs.org/ns/void#sparqlEndpoint"), service)
    yield ox.Triple(dataset, _sd("defaultGraph"), graph)
    yield ox.Triple(graph, _RDF_TYPE, _sd("Graph"))
    yield ox.Triple(service, _COMMENT, ox.Literal(_limits(settings), language="en"))


def _limits(settings: Settings) -> str:
    writing = {"off": "are not available", "keys": "need a key", "open": "are open to this machine"}[settings.writing]
    asked = ", ".join(filter(None, map(str.strip, settings.service_allow.split(","))))
    services = f"SERVICE may ask {asked}" if asked else "SERVICE is not available"
    return (
        f"A query has at most {settings.query_bytes:,} bytes and {settings.values_bytes:,} more in rows of VALUES, "
        f"{settings.query_depth} levels of nesting and {settings.query_branches} branches, "
        f"runs at most {settings.query_timeout:g} seconds in at most {settings.worker_memory:,} bytes of memory, "
        f"and answers with at most {settings.answer_bytes:,} bytes. "
        f"{settings.workers} queries run at a time, {settings.queue} wait up to {settings.queue_wait:g} seconds. "
        f"{services}; updates {writing}."
    )


def _sd(name: str) -> ox.NamedNode:
    return ox.NamedNode(_SD + name)
