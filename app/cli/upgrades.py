"""Offers to go on in another protocol, taken out of a request's head: HTTP lets a server ignore them (RFC 9110, 7.8).

Java's client, and so Jena's and Fuseki's, offers HTTP/2 with its requests, as `curl --http2` does. The parser
underneath then takes the body of a POST for the other protocol and drops it, so it must not see the offer.
"""

import re

__all__ = ["Upgrades"]

_OFFER = re.compile(rb"\r\nupgrade:[^\r\n]*(?=\r\n)", re.IGNORECASE)
_BEGUN = re.compile(
    rb"(?:\r\n)*(?:\r|\r\nu|\r\nup|\r\nupg|\r\nupgr|\r\nupgra|\r\nupgrad|\r\nupgrade|\r\nupgrade:[^\r\n]*\r?)?\Z",
    re.IGNORECASE,
)
"""The end of a piece that may be the beginning of an offer, or of the empty line that ends a head."""


class Upgrades:
    """Takes offers out of heads that arrive in pieces, of one connection."""

    def __init__(self) -> None:
        self._held = b""

    def removed(self, piece: bytes) -> bytes:
        """The piece without offers; what may be half of one stays back until the next piece.

        Call it with each piece that begins in a head. A second head in the same piece is left alone: clients that offer
        another protocol wait for the answer.
        """
        data, self._held = self._held + piece, b""
        end = data.find(b"\r\n\r\n") + 2
        if end >= 2:
            if b"upgrade:" not in data.lower():  # A search for that is quick, and nearly always the end of it.
                return data
            return _OFFER.sub(b"", data[:end]) + data[end:]
        data = _OFFER.sub(b"", data)
        if begun := _BEGUN.search(data, max(0, data.rfind(b"\r\n"))):
            data, self._held = data[: begun.start()], data[begun.start() :]
        return data
