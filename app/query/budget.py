"""Who asks, what their queries have cost, and whose turn it is: clients are charged by seconds of worker time.

A client has a balance that a query is paid from after it has run, and that fills up again at a constant rate. Somebody
who cannot pay is turned away before a worker hears of it. What queries have cost so far also says what the next ones
will: `expected` tells clients of quick queries from those of slow ones, so that the latter do not hold up the former.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

from app.errors import BudgetSpent

__all__ = ["HOUSE", "Caller", "Ledger"]

_BUDGET = 60.0
"""Worker seconds a minute for clients from elsewhere, where the operator has said nothing."""

_WINDOW = 60.0
"""Seconds in which an empty balance fills up."""

_KEPT = 10_000
"""Callers remembered; the one not heard of for the longest time is forgotten first, by then usually solvent."""

_WEIGHT = 0.3
"""What the latest query counts in the mean of their costs."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever asks. `name` is charged: an address or a key. `connection` tells apart several that share a name.

    `charged` is false for those who have no budget; what their queries cost still decides whose turn it is.
    """

    name: str
    connection: str = ""
    charged: bool = True


HOUSE = Caller("", charged=False)
"""The service itself, and what is not asked over a network."""


@dataclass(slots=True)
class _Account:
    """Seconds spent and not yet filled up again at the time `since`, and what a query cost lately."""

    spent: float = 0.0
    since: float = 0.0
    mean: float | None = None


class Ledger:
    """What every caller has spent lately. `budget` is in worker seconds a minute."""

    def __init__(self, budget: float | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._budget = _BUDGET if budget is None else budget
        self._clock = clock
        self._accounts: OrderedDict[tuple[str, str], _Account] = OrderedDict()

    def admit(self, caller: Caller) -> None:
        """Let a caller in whose balance is not used up. Raises BudgetSpent, which says when it is worth a new try."""
        if not caller.charged:
            return
        over = self.spent(caller) - self._budget
        if over >= 0:
            wait = max(1, ceil(over / self._rate))
            raise BudgetSpent(
                f"Your queries have used {self._budget + over:.0f} seconds of worker time and may use "
                f"{self._budget:g} a minute; try again in {wait} seconds.",
                retry_after=wait,
            )

    def spent(self, caller: Caller) -> float:
        """Seconds of worker time that the caller owes now."""
        account = self._accounts.get((caller.name, ""))
        return self._owed(account) if account else 0.0

    def expected(self, caller: Caller) -> float | None:
        """Seconds a query of this connection takes by its latest ones, else by those of the caller; None if unknown."""
        for key in ((caller.name, caller.connection), (caller.name, "")):
            account = self._accounts.get(key)
            if account and account.mean is not None:
                return account.mean
        return None

    def charge(self, caller: Caller, seconds: float) -> None:
        """Note what a query has cost, whatever became of it."""
        for account in self._pay(caller, seconds):
            account.mean = seconds if account.mean is None else account.mean + _WEIGHT * (seconds - account.mean)

    def charge_reading(self, caller: Caller, seconds: float) -> None:
        """Note what it has cost to look through a query. That says nothing of how long its answer will take."""
        self._pay(caller, seconds)

    def _pay(self, caller: Caller, seconds: float) -> list[_Account]:
        accounts = []
        for key in {(caller.name, caller.connection), (caller.name, "")}:
            account = self._accounts.setdefault(key, _Account())
            self._accounts.move_to_end(key)
            account.spent, account.since = self._owed(account) + seconds, self._clock()
            accounts.append(account)
        while len(self._accounts) > _KEPT:
            self._accounts.popitem(last=False)
        return accounts

    @property
    def _rate(self) -> float:
        return self._budget / _WINDOW

    def _owed(self, account: _Account) -> float:
        return max(0.0, account.spent - (self._clock() - account.since) * self._rate)
