"""Who waits for a worker, or for the inspector, and whose turn it is.

Clients of quick queries come first, and among equals the one that has spent the least, then the one that came first.
Whoever has waited for long counts as quick: a client whose last query was slow is not kept out by a crowd of others.
"""

import time
from asyncio import Future
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from app.errors import Busy
from app.query.budget import Caller

__all__ = ["Line", "Waiting"]

_LONG = 1.0
"""Seconds of waiting after which nobody is passed any more by those whose queries are quicker."""


def _nothing(_: Any) -> None:
    """Begin nothing."""


@dataclass(eq=False, slots=True)
class Waiting:
    """Somebody who waits. `quick` says whether the query is likely to be.

    `turn` is done once his turn has come: it gets what `begin` makes of what he is given.
    """

    caller: Caller
    quick: bool
    turn: "Future[Any]"
    begin: Callable[[Any], Any] = _nothing
    since: float = field(default_factory=time.monotonic)

    def waited(self) -> float:
        """Seconds since."""
        return time.monotonic() - self.since


class Line:
    """Those who wait. `spent` says what a caller has spent lately.

    They stand in one row for each name and kind of query, so that a long line takes no longer to look at than a short
    one with as many names in it.
    """

    def __init__(self, spent: Callable[[Caller], float]) -> None:
        self._spent = spent
        self._rows: dict[tuple[str, bool], deque[Waiting]] = {}
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def join(self, waiting: Waiting) -> None:
        """Stand at the end."""
        self._rows.setdefault((waiting.caller.name, waiting.quick), deque()).append(waiting)
        self._length += 1

    def make_room(self, caller: Caller, places: int) -> None:
        """See to a place: where none is left, somebody who has more queries in line than others loses one.

        Raises Busy when that is the caller himself.
        """
        if self._length < places:
            return
        counts = self.counts()
        name, most = counts.most_common(1)[0]
        busy = Busy(f"{self._length} queries are waiting already; try again in a few seconds.")
        if most <= counts[caller.name] + 1:
            raise busy
        latest = self.latest(name)
        self.leave(latest)
        latest.turn.set_exception(busy)

    def leave(self, waiting: Waiting) -> None:
        """Go away, if still there."""
        key = waiting.caller.name, waiting.quick
        row = self._rows.get(key)
        if row and waiting in row:
            row.remove(waiting)
            self._length -= 1
            if not row:
                del self._rows[key]

    def first(self) -> Waiting | None:
        """Whose turn it is; None where nobody waits."""
        if len(self._rows) < 2:
            for row in self._rows.values():
                return row[0]
            return None
        patient = time.monotonic() - _LONG
        heads = [row[0] for row in self._rows.values()]
        # Once for each name: what is owed falls all the time, so whoever is looked at last would owe the least.
        spent = {head.caller.name: self._spent(head.caller) for head in heads}

        def rank(head: Waiting) -> tuple[bool, float, float]:
            return not (head.quick or head.since < patient), spent[head.caller.name], head.since

        return min(heads, key=rank)

    def counts(self) -> Counter[str]:
        """How many wait, by the name of the caller."""
        counts: Counter[str] = Counter()
        for (name, _), row in self._rows.items():
            counts[name] += len(row)
        return counts

    def latest(self, name: str) -> Waiting:
        """The one of that name that came last. Raises ValueError where there is none."""
        return max((row[-1] for (each, _), row in self._rows.items() if each == name), key=lambda last: last.since)
