"""A made-up Wikidata and a made-up MeSH, in the shape of the real ones, and the ways in which endpoints misbehave."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

import pyoxigraph as ox

from loaders.fetch.http import Clock
from tests.app.federation.stub import JSON, send

__all__ = ["MESH", "WIKIDATA", "Time", "binding", "first", "items", "store_of", "table"]

WIKIDATA = """
wd:Q900001 wdt:P3098 "NCT01363401" .
wd:Q900002 wdt:P698 "30048006" ; wdt:P356 "10.1002/ANA.25302" .
wd:Q900003 wdt:P486 "D000690" .
wd:Q900004 wdt:P486 "D019782" .
wd:Q900009 wdt:P3098 "NCT99999999" ; wdt:P486 "D999999" .
"""
MESH = """
PREFIX mesh: <http://id.nlm.nih.gov/mesh/>
PREFIX meshv: <http://id.nlm.nih.gov/mesh/vocab#>
PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#>
mesh:D000690 a meshv:TopicalDescriptor ; rdfs:label "Made-up motor disease"@en, "Krankheit"@de ;
  meshv:treeNumber mesh:C10.574.562 ; meshv:broaderDescriptor mesh:D900100 ; meshv:active true .
mesh:D900100 a meshv:TopicalDescriptor ; rdfs:label "Made-up nerve diseases"@en ;
  meshv:treeNumber mesh:C10.574 ; meshv:broaderDescriptor mesh:D900101 .
mesh:D900101 a meshv:TopicalDescriptor ; rdfs:label "All made-up diseases"@en ; meshv:treeNumber mesh:C10 .
mesh:D900999 a meshv:TopicalDescriptor ; rdfs:label "What nobody here asks for"@en .
mesh:C10.574.562 a meshv:TreeNumber ; rdfs:label "C10.574.562" ; meshv:parentTreeNumber mesh:C10.574 .
mesh:C10.574 a meshv:TreeNumber ; rdfs:label "C10.574" ; meshv:parentTreeNumber mesh:C10 .
mesh:C10 a meshv:TreeNumber ; rdfs:label "C10" .
"""


def items(turtle: str) -> ox.Store:
    """A store with these items of Wikidata."""
    return store_of(
        "PREFIX wd: <http://www.wikidata.org/entity/> PREFIX wdt: <http://www.wikidata.org/prop/direct/>" + turtle
    )


def store_of(turtle: str, graph: str | None = None) -> ox.Store:
    """A store with these triples, in a graph if one is named."""
    store = ox.Store()
    store.load(turtle.encode(), format=ox.RdfFormat.TURTLE, to_graph=ox.NamedNode(graph) if graph else None)
    return store


def binding(**terms: str) -> dict[str, dict[str, str]]:
    """A row of SPARQL's JSON: IRIs are what begins like one."""
    kinds = {name: "uri" if value.startswith(("http", "urn")) else "literal" for name, value in terms.items()}
    return {name: {"type": kinds[name], "value": value} for name, value in terms.items()}


def table(*rows: object) -> bytes:
    """An answer with these rows."""
    return json.dumps({"head": {"vars": []}, "results": {"bindings": rows}}).encode()


def first(
    times: int, status: int, body: bytes = b"", media_type: str = JSON, **headers: str
) -> Callable[[BaseHTTPRequestHandler, str], bool]:
    """Answer so to the first requests, and then as a good endpoint does."""
    left = times

    def behave(handler: BaseHTTPRequestHandler, query: str) -> bool:
        nonlocal left
        left -= 1
        return left >= 0 and send(handler, status, media_type, body, **headers)

    return behave


@dataclass
class Time:
    """A clock that only goes on when somebody sleeps."""

    seconds: float = 0.0
    slept: list[float] = field(default_factory=list)

    def clock(self) -> Clock:
        """The clock, with a chance of one half."""
        return Clock(lambda: self.seconds, lambda: 1_000_000 + self.seconds, self._sleep, lambda: 0.5)

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds
