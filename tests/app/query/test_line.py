"""Whoever waits for a worker gets his turn by what he asked for lately, and in the end."""

import asyncio
import time

from app.query.budget import Caller
from app.query.line import Line, Waiting

SPENT = {"thrifty": 1.0, "lavish": 9.0}


def waiting(name: str, quick: bool, since: float) -> Waiting:
    future = asyncio.Future[object](loop=asyncio.new_event_loop())
    return Waiting(Caller(name), quick, future, lambda worker: worker, time.monotonic() + since)


def order(*standing: Waiting) -> list[Waiting]:
    line = Line(lambda caller: SPENT[caller.name])
    for each in standing:
        line.join(each)
    turns = []
    while turn := line.first():
        line.leave(turn)
        turns.append(turn)
    assert len(line) == 0
    return turns


def test_quick_queries_come_first_then_who_has_spent_least_then_who_came_first() -> None:
    slow = waiting("thrifty", False, -0.5)
    lavish = waiting("lavish", True, -0.4)
    first, second = waiting("thrifty", True, -0.3), waiting("thrifty", True, -0.2)
    assert order(slow, lavish, first, second) == [first, second, lavish, slow]


def test_nobody_is_passed_for_ever() -> None:
    patient, quick = waiting("thrifty", False, -5), waiting("lavish", True, -0.1)
    assert order(quick, patient) == [patient, quick]


def test_who_leaves_is_not_in_line_any_more() -> None:
    line = Line(lambda caller: 0)
    early, late = waiting("lavish", True, -2), waiting("lavish", False, -1)
    for each in (early, late):
        line.join(each)
    assert line.latest("lavish") is late
    assert line.counts() == {"lavish": 2}
    line.leave(late)
    line.leave(late)
    assert (len(line), line.latest("lavish"), line.first()) == (1, early, early)


def test_who_owes_the_same_is_served_in_order_though_what_is_owed_falls_all_the_time() -> None:
    owed = iter(range(100, 0, -1))
    line = Line(lambda _: next(owed))
    patient, quick = waiting("thrifty", False, -5), waiting("thrifty", True, -0.1)
    line.join(patient)
    line.join(quick)
    assert line.first() is patient
