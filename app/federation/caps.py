"""How many rows an endpoint gives at most. Many cut an answer there and say nothing of it.

An operator may know the number. Otherwise it is found out when an answer has more rows than any that is known to be
whole: the endpoint is asked to count, or for more rows than that of which it needs no data, and gives all of them or
its cap.
"""

import asyncio
from collections.abc import Mapping
from math import isqrt

from app.federation.policy import Key

__all__ = ["Caps"]

_HANDFUL = 10
"""Answers with fewer rows are not suspected."""

_PROBED = range(100, 2001)
"""Numbers of rows for which a probe is better than a count, which has the endpoint do its work a second time."""


class Caps:
    """What is known of the caps of endpoints: those the operator tells, by key, and those learnt."""

    def __init__(self, told: Mapping[Key, int]) -> None:
        self._told = dict(told)
        self._learnt: dict[Key, int] = {}
        self._given: dict[Key, int] = {}
        self._locks: dict[Key, asyncio.Lock] = {}

    def known(self, key: Key) -> int | None:
        """The cap, if it is known."""
        return self._told.get(key) or self._learnt.get(key)

    def may_be_cut(self, key: Key, rows: int) -> bool | None:
        """Whether an answer with so many rows may have been cut; None where that is to be found out."""
        if told := self._told.get(key):
            return rows >= told
        given = self._given.get(key, 0)
        # That it gave as many rows before says less than that it gave more; of few rows, it says enough.
        if rows < max(_HANDFUL, given) or (rows == given and rows not in _PROBED):
            return False
        learnt = self._learnt.get(key)
        if learnt is None or rows > learnt:
            return None
        return rows == learnt

    def learn(self, key: Key, wanted: int, given: int) -> None:
        """An endpoint that had `wanted` rows to give has given so many."""
        if given < wanted:
            self._learnt[key] = given
            return
        self._given[key] = max(given, self._given.get(key, 0))
        if self._learnt.get(key, given + 1) <= given:
            del self._learnt[key]  # It gives more than it used to.

    @staticmethod
    def is_probed(rows: int) -> bool:
        """Whether a probe is better than a count for an answer with so many rows."""
        return rows in _PROBED

    def finding(self, key: Key) -> asyncio.Lock:
        """Held while the cap of an endpoint is found out, so that it is done once."""
        return self._locks.setdefault(key, asyncio.Lock())

    @staticmethod
    def probe(rows: int) -> tuple[str, int]:
        """A query for more rows than that, of no data, and their number: twice as many, so that few are needed."""
        side = isqrt(2 * rows if rows in _PROBED else rows) + 1
        numbers = " ".join(map(str, range(side)))
        return f"SELECT ?a WHERE {{ VALUES ?a {{ {numbers} }} VALUES ?b {{ {numbers} }} }}", side * side
