"""Clients pay with worker time, and get it back at a constant rate."""

import pytest

from app.errors import BudgetSpent
from app.query.budget import HOUSE, Caller, Ledger
from app.settings import Settings


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_who_has_spent_his_budget_waits_until_some_of_it_is_back() -> None:
    clock = Clock()
    ledger, caller = Ledger(60, clock), Caller("192.0.2.1")
    for _ in range(6):
        ledger.admit(caller)
        ledger.charge(caller, 10)
    with pytest.raises(BudgetSpent, match="used 60 seconds"):
        ledger.admit(caller)
    ledger.charge(caller, 10)  # What was let in before may cost more than there was.
    with pytest.raises(BudgetSpent, match="used 70 seconds of worker time and may use 60 a minute") as refused:
        ledger.admit(caller)
    assert refused.value.retry_after == 10
    clock.now += 10.1
    ledger.admit(caller)
    ledger.admit(Caller("192.0.2.2"))


def test_who_has_no_budget_is_never_turned_away() -> None:
    ledger = Ledger(1, Clock())
    ledger.charge(HOUSE, 100)
    ledger.admit(HOUSE)


def test_connections_of_one_name_share_the_budget_but_not_the_expectation() -> None:
    ledger = Ledger(60, Clock())
    quick, slow, new = (Caller("192.0.2.1", connection) for connection in "abc")
    ledger.charge(quick, 0.01)
    ledger.charge(slow, 70)
    assert ledger.expected(quick) == 0.01
    assert ledger.expected(slow) == 70
    assert ledger.expected(new) == pytest.approx(0.3 * 70, rel=0.01)
    assert ledger.expected(Caller("192.0.2.9")) is None
    with pytest.raises(BudgetSpent):
        ledger.admit(quick)


def test_what_is_no_network_is_no_trusted_proxy() -> None:
    with pytest.raises(ValueError, match="does not appear to be an IPv4 or IPv6"):
        Settings(trusted_proxies="10.0.0.0/8, nonsense")
