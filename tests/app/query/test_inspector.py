"""Long queries are looked through in a process of their own, with the same result as short ones."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable

import pytest

from app.errors import Busy, QueryRefused, QuerySyntaxError, QueryTooLarge
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
        inspector.start(nursery)
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
