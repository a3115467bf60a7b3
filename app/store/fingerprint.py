"""What identifies the content of a store whatever order it is read in: for each graph, how many triples and their sum.

A triple counts as the first 16 bytes of the SHA-256 of its canonical N-Triples line, taken as a number; the sum is
modulo 2**128. Two graphs with the same number and sum hold the same triples, unless somebody sat down to make them
collide: this finds what is lost or changed, it is no signature.
"""

from collections.abc import Iterable, Mapping
from hashlib import sha256

__all__ = ["Fingerprint", "fingerprint", "total"]

Fingerprint = tuple[int, int]
"""Triples of a graph, and the sum of their hashes."""

_MODULUS = 1 << 128


def fingerprint(lines: Iterable[bytes]) -> dict[str, Fingerprint]:
    """Return the fingerprint of each named graph in canonical N-Quads lines, in any order, each quad once.

    >>> graphs = fingerprint([b"<urn:s> <urn:p> <urn:o> <urn:g> .\\n"])
    >>> graphs["urn:g"][0]
    1
    """
    found: dict[bytes, Fingerprint] = {}
    for line in lines:
        triple, _, graph = line.rstrip(b" .\n").rpartition(b" ")
        number, added = found.get(graph, (0, 0))
        found[graph] = number + 1, (added + int.from_bytes(sha256(triple).digest()[:16])) % _MODULUS
    return {graph[1:-1].decode(): value for graph, value in found.items()}


def total(graphs: Mapping[str, Fingerprint]) -> str:
    """Return one text for all graphs, in hexadecimal digits."""
    lines = (f"{graph} {number} {added:032x}\n" for graph, (number, added) in sorted(graphs.items()))
    return sha256("".join(lines).encode()).hexdigest()
