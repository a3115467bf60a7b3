"""What a store holds, in one number: equal for equal quads, whatever the order in which they come.

The number is the sum of the BLAKE2b hashes of the quads' lines (N-Quads), modulo 2^128, together with how many there
are. A sum needs no sorting and no memory, and the fingerprints of parts add up to that of the whole.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b

import pyoxigraph as ox

__all__ = ["Fingerprint", "fingerprint"]

_BYTES = 16
_MODULUS = 1 << (8 * _BYTES)


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """How many quads there are, and the sum of their lines' hashes modulo 2^128. Blank nodes count by their labels."""

    quads: int = 0
    sum: int = 0

    def __add__(self, other: "Fingerprint") -> "Fingerprint":
        """Return the fingerprint of both together, which must have no quad in common."""
        return Fingerprint(self.quads + other.quads, (self.sum + other.sum) % _MODULUS)

    @property
    def hex(self) -> str:
        """The sum in 32 hexadecimal digits."""
        return f"{self.sum:0{2 * _BYTES}x}"


def fingerprint(quads: Iterable[ox.Quad]) -> Fingerprint:
    """Return the fingerprint of quads, those of a store or of one graph, each once. Takes them one by one."""
    count = total = 0
    for quad in quads:
        total += int.from_bytes(blake2b(str(quad).encode(), digest_size=_BYTES).digest())
        count += 1
    return Fingerprint(count, total % _MODULUS)
