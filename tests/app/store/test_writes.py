"""Writes wait for each other, are published together, and lose nothing to one that goes wrong."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from app.errors import Busy, DeadlineExceeded, StoreInUse, WorkerLost
from app.settings import Settings
from app.store.embedded import PATIENCE, EmbeddedReader, EmbeddedStore
from app.store.nursery import Nursery
from app.store.writes import Checks, WriteQueue, Written
from tests.processes import workers

FREE = Checks(only_own=False, shapes=False)
ROWS = " ".join(map(str, range(80)))
ENDLESS = f"INSERT {{ <x:a> <x:p> ?a }} WHERE {{ {' '.join(f'VALUES ?{v} {{ {ROWS} }}' for v in 'bcdefgh')} }}"


def serve(data: Path, scenario: Callable[[WriteQueue], Awaitable[None]], **knobs: float) -> None:
    async def run() -> None:
        settings = Settings(data=data, **knobs)  # type: ignore[arg-type]
        queue, nursery = WriteQueue(data, settings), Nursery(settings.worker_memory)
        queue.start(nursery)
        try:
            await scenario(queue)
        finally:
            await queue.close()
            await nursery.close()

    asyncio.run(run())


def insert(queue: WriteQueue, number: int) -> asyncio.Task[Written]:
    return update(queue, f"INSERT DATA {{ <x:s{number}> <x:p> {number} }}")


def update(queue: WriteQueue, text: str) -> asyncio.Task[Written]:
    return asyncio.ensure_future(queue.update(text, None, None, "http://example.org/", FREE))


def stored(data: Path) -> list[str]:
    with EmbeddedReader(data) as reader:
        return sorted(row["o"] for row in reader.rows("SELECT ?o { ?s ?p ?o }"))


def test_writes_that_wait_are_published_together(data: Path) -> None:
    async def scenario(queue: WriteQueue) -> None:
        written = await asyncio.gather(*(insert(queue, number) for number in range(8)))
        assert len({one.generation for one in written}) < 8
        assert (await insert(queue, 8)).generation == max(one.generation for one in written) + 1

    serve(data, scenario)
    assert stored(data) == [str(number) for number in range(9)]


def test_one_that_is_stopped_takes_no_other_with_it(data: Path) -> None:
    async def scenario(queue: WriteQueue) -> None:
        first, bomb, last = insert(queue, 1), update(queue, ENDLESS), insert(queue, 2)
        with pytest.raises((DeadlineExceeded, WorkerLost), match=r"[Nn]othing was"):
            await bomb
        await asyncio.gather(first, last)

    serve(data, scenario, write_timeout=2)
    assert stored(data) == ["1", "2"]


def test_a_writer_that_is_killed_is_replaced(data: Path) -> None:
    async def scenario(queue: WriteQueue) -> None:
        await insert(queue, 1)
        (writer,) = workers("store.writer")
        os.kill(writer, signal.SIGKILL)
        with pytest.raises(WorkerLost):
            await insert(queue, 2)
        await insert(queue, 3)

    serve(data, scenario)
    assert stored(data) == ["1", "3"]


def test_more_than_may_wait_are_turned_away(data: Path) -> None:
    async def scenario(queue: WriteQueue) -> None:
        results = await asyncio.gather(*(insert(queue, n) for n in range(6)), return_exceptions=True)
        assert [type(result) for result in results] == [Written] * 4 + [Busy] * 2

    serve(data, scenario, write_queue=4)


def test_loading_goes_on_between_writes_and_holds_them_up(data: Path) -> None:
    async def scenario(queue: WriteQueue) -> None:
        await insert(queue, 1)
        with EmbeddedStore(data, 5):
            waiting = insert(queue, 2)
            await asyncio.sleep(0.5)
            assert not waiting.done()
        await waiting

    serve(data, scenario)
    assert stored(data) == ["1", "2"]
    assert Settings().write_timeout > PATIENCE


def test_a_directory_that_is_held_is_said_to_be(data: Path) -> None:
    with EmbeddedStore(data), pytest.raises(StoreInUse):
        EmbeddedStore(data, 0.1)
