"""The files that come with the code: the ontology, the value schemes, the shapes and the example queries."""

from functools import cache
from pathlib import Path

import pyoxigraph as ox

__all__ = [
    "EXAMPLES",
    "ONTOLOGY_FILE",
    "SHAPES",
    "VALUES_FILE",
    "example_triples",
    "ontology_triples",
    "prefix_triples",
]

# In a clone and in an installed wheel alike, the data folders lie beside the packages.
_ROOT = Path(__file__).resolve().parent.parent
ONTOLOGY_FILE = _ROOT / "ontology" / "trialweave.ttl"
VALUES_FILE = _ROOT / "ontology" / "values.ttl"
EXAMPLES = _ROOT / "ontology" / "examples"
SHAPES = _ROOT / "shapes"


@cache
def ontology_triples() -> bytes:
    """Return the ontology and the value schemes as N-Triples.

    Axioms with blank nodes (unions of classes) are left out: the store has no blank nodes, and whoever reasons with
    the ontology takes the file. Labels, definitions, hierarchy and simple domains and ranges are all there.
    """
    return _named_triples(ONTOLOGY_FILE, VALUES_FILE)


@cache
def example_triples() -> bytes:
    """Return the example queries as N-Triples."""
    return _named_triples(*EXAMPLES.glob("[0-9]*.ttl"))


@cache
def prefix_triples() -> bytes:
    """Return the declarations of the prefixes that the example queries use as N-Triples."""
    return _named_triples(EXAMPLES / "prefixes.ttl")


def _named_triples(*files: Path) -> bytes:
    triples = [triple for path in files for triple in ox.parse(path=str(path))]
    named = [
        t.triple for t in triples if not isinstance(t.subject, ox.BlankNode) and not isinstance(t.object, ox.BlankNode)
    ]
    return b"".join(sorted(f"{triple} .\n".encode() for triple in named))
