"""Workers are forked in no time, live as long as who forked them, and are limited from their first moment on."""

import asyncio
import os
import signal
from pathlib import Path

from app.settings import Settings
from app.store.nursery import Nursery
from app.store.workers import Worker
from tests.processes import running, workers

MEMORY = 256 * 1024**2


async def started(nursery: Nursery, data: Path) -> Worker:
    return await Worker.start(nursery, "app.store.worker", data, Settings(data=data))


def test_a_fork_server_that_dies_takes_its_workers_along_and_is_replaced(data: Path) -> None:
    async def scenario() -> None:
        nursery = Nursery(MEMORY)
        first = await started(nursery, data)
        (pid,) = workers("store.worker")
        assert nursery._process is not None
        os.kill(nursery._process.pid, signal.SIGKILL)
        async with asyncio.timeout(5):
            while first.alive or running([pid]):
                await asyncio.sleep(0.02)
        second = await started(nursery, data)
        assert (await second.ask({"generation": 0}))[0] == {"generation": 0}
        await nursery.close()
        assert workers("store.worker") == []

    asyncio.run(scenario())


def test_killing_a_worker_twice_or_too_late_hits_nobody_else(data: Path) -> None:
    async def scenario() -> None:
        nursery = Nursery(MEMORY)
        first, second = await started(nursery, data), await started(nursery, data)
        first.kill()
        first.kill()
        first.be_nice(15)
        third = await started(nursery, data)
        for worker in (second, third):
            assert (await worker.ask({"generation": 0}))[0] == {"generation": 0}
        async with asyncio.timeout(5):
            while len(workers("store.worker")) > 2:
                await asyncio.sleep(0.02)
        assert len(workers("store.worker")) == 2
        await nursery.close()

    asyncio.run(scenario())


def test_a_worker_whose_start_is_given_up_ends(data: Path) -> None:
    async def scenario() -> None:
        nursery = Nursery(MEMORY)
        await started(nursery, data)
        for _ in range(3):
            giving_up = asyncio.create_task(started(nursery, data))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            giving_up.cancel()
            await asyncio.wait({giving_up})
        async with asyncio.timeout(5):
            while len(workers("store.worker")) > 1:
                await asyncio.sleep(0.02)
        await nursery.close()

    asyncio.run(scenario())


def test_workers_of_every_kind_have_the_limits_and_no_core_dump(data: Path) -> None:
    async def scenario() -> None:
        nursery = Nursery(MEMORY)
        for kind in ("store.worker", "store.writer"):
            await Worker.start(nursery, f"app.{kind}", data, Settings(data=data))
            (pid,) = workers(kind)
            limits = Path(f"/proc/{pid}/limits")
            if limits.exists():
                rows = {line[:25].strip(): line[26:].split()[:2] for line in limits.read_text().splitlines()}
                assert rows["Max core file size"] == ["0", "0"]
                assert int(rows["Max address space"][1]) < 2 * 1024**3

        await nursery.close()

    asyncio.run(scenario())
