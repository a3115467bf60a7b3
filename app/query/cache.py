"""Answers kept in memory, to be given again for as long as the generation they were made from is the published one.

Nothing here can be stale: the generation is part of every key, and what is published never changes. Answers of former
generations are not looked for any more and leave when room is needed.
"""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

__all__ = ["AnswerCache", "KeptAnswer"]

_OVERHEAD = 1024
"""Bytes an entry takes beside its body."""

_SHARE = 8
"""No answer may take more than one part in so many of the whole."""


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """A complete answer as it goes over the wire, but for what belongs to the single request."""

    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


class AnswerCache:
    """At most `room` bytes of answers; the one not asked for the longest leaves first. For use in one thread.

    `hits` and `misses` count what was asked for, `bytes` what is kept, with some for each entry itself.
    """

    def __init__(self, room: int) -> None:
        self._room = room
        self.hits = self.misses = self.bytes = 0
        self._kept: OrderedDict[Hashable, KeptAnswer] = OrderedDict()

    def fits(self, size: int) -> bool:
        """Whether an answer of so many bytes is not too large to be worth the room."""
        return (size + _OVERHEAD) * _SHARE <= self._room

    def get(self, key: Hashable) -> KeptAnswer | None:
        """The answer kept under this key."""
        answer = self._kept.get(key)
        if answer is None:
            self.misses += 1
        else:
            self.hits += 1
            self._kept.move_to_end(key)
        return answer

    def put(self, key: Hashable, answer: KeptAnswer) -> None:
        """Keep an answer, unless it is too large to be worth the room."""
        if not self.fits(len(answer.body)):
            return
        size = len(answer.body) + _OVERHEAD
        self._drop(key)
        while self.bytes + size > self._room:
            self._drop(next(iter(self._kept)))
        self._kept[key] = answer
        self.bytes += size

    def _drop(self, key: Hashable) -> None:
        if (answer := self._kept.pop(key, None)) is not None:
            self.bytes -= len(answer.body) + _OVERHEAD
