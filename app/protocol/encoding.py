"""Which content coding an answer goes out in (RFC 9110, section 12.5.3), and the coding itself."""

import gzip
import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import brotli
import zstandard

__all__ = ["CODINGS", "PIECEWISE", "SMALLEST", "Coder", "choose_coding", "is_compressible"]

SMALLEST = 1024
"""Bytes below which an answer is sent as it is: it fits into one packet anyway."""

CODINGS: Mapping[str, Callable[[bytes], bytes]] = {
    "zstd": lambda body: zstandard.compress(body, 3),
    "br": lambda body: brotli.compress(body, quality=4),
    "gzip": lambda body: gzip.compress(body, 4, mtime=0),
}
"""What there is, best first: from fast to slow at about the same size."""


@dataclass(frozen=True, slots=True)
class Coder:
    """A coding of something that comes in pieces: `add` returns what there is to send so far, `end` the rest."""

    add: Callable[[bytes], bytes]
    end: Callable[[], bytes]


def _zstd() -> Coder:
    coder = zstandard.ZstdCompressor(level=3).compressobj()
    return Coder(coder.compress, coder.flush)


def _brotli() -> Coder:
    coder = brotli.Compressor(quality=4)
    return Coder(coder.process, coder.finish)


def _gzip() -> Coder:
    coder = zlib.compressobj(4, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    return Coder(coder.compress, coder.flush)


PIECEWISE: Mapping[str, Callable[[], Coder]] = {"zstd": _zstd, "br": _brotli, "gzip": _gzip}
"""The same codings for what comes in pieces."""

_MEMBER = re.compile(
    r"\s*([!#$%&'*+.^_`|~\w-]+)\s*(?:;\s*q\s*=\s*([01](?:\.[0-9]{0,3})?)\s*)?", re.ASCII | re.IGNORECASE
)
_COMPRESSIBLE = re.compile(r"text/|application/(?:.*\+)?(?:json|xml|trig|n-triples|n-quads)|image/svg")


_USUAL = 256
"""Bytes of header up to which the choice is remembered: clients of one kind all send the same."""


def choose_coding(accept: str) -> str | None:
    """The best coding that an Accept-Encoding header allows, None for sending the answer as it is.

    That one is never refused, even where the header forbids it: an answer is better than none.
    """
    return _choose_again(accept) if len(accept) <= _USUAL else _choose(accept)


def _choose(accept: str) -> str | None:
    qualities: dict[str, float] = {}
    for member in accept.lower().split(","):
        if found := _MEMBER.fullmatch(member):
            qualities[found[1].removeprefix("x-")] = float(found[2] or 1)
    best = max(CODINGS, key=lambda coding: qualities.get(coding, qualities.get("*", 0)))
    quality = qualities.get(best, qualities.get("*", 0))
    return best if quality > 0 and quality >= qualities.get("identity", 0) else None


_choose_again = lru_cache(256)(_choose)


def is_compressible(content_type: str) -> bool:
    """Whether compressing this media type is worth the time."""
    return _COMPRESSIBLE.match(content_type) is not None
