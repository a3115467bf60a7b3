"""The ontology's files, parsed once per test process."""

from functools import cache
from pathlib import Path

from rdflib import Graph, Namespace

from loaders.terms import ONTOLOGY, VALUES

__all__ = ["FOLDER", "ROOT", "TW", "TWV", "parsed"]

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "ontology"
TW = Namespace(ONTOLOGY)
TWV = Namespace(VALUES)


@cache
def parsed(*names: str) -> Graph:
    """Return the union of files of the ontology folder."""
    graph = Graph()
    for name in names:
        graph.parse(FOLDER / name, format="turtle")
    return graph
