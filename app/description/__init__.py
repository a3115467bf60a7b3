"""What the store says of itself: example queries, prefixes and counts (VoID), each in a named graph of its own."""

from datetime import UTC, datetime

from app.description.counts import count
from app.description.void import VOID_GRAPH, as_triples
from app.resources import example_triples, prefix_triples
from app.store.base import ReplaceGraph
from app.store.opening import Writer
from loaders.link.identifiers import BASE

__all__ = ["EXAMPLES_GRAPH", "PREFIXES_GRAPH", "VOID_GRAPH", "describe"]

EXAMPLES_GRAPH = BASE + "graph/examples"
PREFIXES_GRAPH = BASE + "graph/prefixes"

_ALWAYS = 1_000_000
"""Triples up to which every run counts again: that takes three seconds or so."""
_SHARE = 20
"""Of a larger store, a run counts again if it wrote at least one in so many of the named graphs."""

_COUNTED = f"""
PREFIX void: <http://rdfs.org/ns/void#>
SELECT ?triples WHERE {{ GRAPH <{VOID_GRAPH}> {{ <{BASE}dataset> void:triples ?triples }} }}
"""


def describe(store: Writer, written: int, graphs: int) -> None:
    """Bring the descriptions up to what is about to be published: `written` of the `graphs` are new in this run.

    A large store keeps the counts that it has, with their date and generation, while a run changes little of it.
    The counts are of everything but the counts themselves.
    """
    store.apply(
        [ReplaceGraph(EXAMPLES_GRAPH, example_triples()), ReplaceGraph(PREFIXES_GRAPH, prefix_triples())],
    )
    known = next((int(row["triples"]) for row in store.rows(_COUNTED)), 0)
    if known > _ALWAYS and written * _SHARE < graphs:
        return
    store.apply([ReplaceGraph(VOID_GRAPH, b"")])
    counted = as_triples(count(store), store.upcoming(), datetime.now(UTC))
    store.apply([ReplaceGraph(VOID_GRAPH, counted)])
