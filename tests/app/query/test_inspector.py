"""Long queries are looked through in a process of their own, with the same result as short ones."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable

import pytest

from app.errors import BudgetSpent, Busy, QueryRefused, QuerySyntaxError, QueryTooLarge
from app.query.budget import Caller, Ledger
from app.query.guard import QueryForm
from app.query.inspector import Inspector
from app.settings import Settings
from app.store.nursery import Nursery
from tests.processes import workers

PADDING = " # " + "x" * 5_000 + "\n"


def serve(scenario: Callable[[Inspector], Awaitable[None]], **knobs: float) -> None:
    async def run() -> None:
        settings = Settings(**knobs)  # type: ignore[arg-type]
        inspector, nursery = Inspector(settings, services=False), Nursery(settings.worker_memory)
        inspector.start(nursery, Ledger(settings.client_seconds))
        try:
            await scenario(inspector)
        finally:
            inspector.close()
            await nursery.close()

    asyncio.run(run())


def test_a_long_query_is_told_for_what_it_is_as_a_short_one() -> None:
    async def scenario(inspector: Inspector) -> None:
        for padding in ("", PADDING):
            assert await inspector.examine(padding + "ASK { ?é ?p 'ü' }") == (QueryForm.ASK, True)
            assert await inspector.examine(padding + "SELECT (NOW() AS ?x) {}") == (QueryForm.SELECT, False)
            with pytest.raises(QuerySyntaxError) as caught:
                await inspector.examine(padding + "SELECT ) {}")
            assert (caught.value.line, caught.value.column) == (1 + len(padding.splitlines()), 8)
            with pytest.raises(QueryRefused, match="SERVICE"):
                await inspector.examine(padding + "ASK { SERVICE <x:a> {} }")
            with pytest.raises(QueryTooLarge, match="nests deeper than the 9 levels"):
                await inspector.examine(padding + "ASK {" + "{" * 9 + "}" * 9 + "}")
        assert len(workers("query.inspection")) == 1

    serve(scenario, query_depth=9)


def test_what_is_too_long_reaches_no_process() -> None:
    async def scenario(inspector: Inspector) -> None:
        with pytest.raises(QueryTooLarge):
            await inspector.examine("ASK {}" + "x" * 5_000_000)
        assert workers("query.inspection") == []

    serve(scenario)


def test_a_process_that_was_killed_is_replaced() -> None:
    async def scenario(inspector: Inspector) -> None:
        await inspector.examine(PADDING + "ASK {}")
        (process,) = workers("query.inspection")
        os.kill(process, signal.SIGKILL)
        while workers("query.inspection"):
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.05)
        assert await inspector.examine(PADDING + "ASK {}") == (QueryForm.ASK, True)

    serve(scenario)


def test_who_waits_too_long_is_told_so_and_the_next_one_is_served() -> None:
    async def scenario(inspector: Inspector) -> None:
        long = "ASK { " + "?s ?p 'o' . " * 5_000 + "}"
        answers = await asyncio.gather(*(inspector.examine(long) for _ in range(60)), return_exceptions=True)
        assert any(isinstance(answer, Busy) for answer in answers)
        assert {type(answer) for answer in answers} <= {Busy, tuple}
        assert await inspector.examine(PADDING + "ASK {}") == (QueryForm.ASK, True)

    serve(scenario, queue_wait=1)


GREEDY, OTHER = Caller("192.0.2.1"), Caller("192.0.2.2")
LONG = "ASK { " + "?s ?p 'o' . " * 5_000 + "}"
"""64 kB, which take the better part of a tenth of a second."""


def test_somebodys_many_long_queries_do_not_hold_up_anybody_elses() -> None:
    async def scenario(inspector: Inspector) -> None:
        done: list[Caller] = []

        async def ask(caller: Caller) -> None:
            await inspector.examine(LONG, caller)
            done.append(caller)

        await ask(GREEDY)
        many = [asyncio.create_task(ask(GREEDY)) for _ in range(40)]
        await asyncio.sleep(0)
        await asyncio.gather(*(ask(OTHER) for _ in range(3)))
        # The other's turns come first until he has had as much as the greedy one, and then every other one.
        assert done.count(GREEDY) <= 5
        for each in many:
            each.cancel()
        assert await inspector.examine(PADDING + "ASK {}") == (QueryForm.ASK, True)

    serve(scenario, client_seconds=600)


def test_where_too_many_wait_it_is_the_one_who_sent_most_that_is_told_so() -> None:
    async def scenario(inspector: Inspector) -> None:
        many = [asyncio.create_task(inspector.examine(LONG, GREEDY)) for _ in range(12)]
        await asyncio.sleep(0)
        others = [asyncio.create_task(inspector.examine(LONG, OTHER)) for _ in range(3)]
        answers = await asyncio.gather(*many, return_exceptions=True)
        assert [type(answer) for answer in answers] == [tuple] * 6 + [Busy] * 6
        assert await asyncio.gather(*others) == [(QueryForm.ASK, True)] * 3

    serve(scenario, queue=8)


def test_who_sends_long_queries_pays_for_looking_through_them() -> None:
    async def scenario(inspector: Inspector) -> None:
        with pytest.raises(BudgetSpent):
            for _ in range(100):
                await inspector.examine(LONG, GREEDY)
        assert await inspector.examine("ASK {}", GREEDY) == (QueryForm.ASK, True)  # Others are not kept by that one.
        assert await inspector.examine(LONG, OTHER) == (QueryForm.ASK, True)

    serve(scenario, client_seconds=0.3)
