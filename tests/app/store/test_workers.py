"""Queries of every kind of malice cost one worker at most, and what is published is what is answered."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from app.errors import (
    AnswerTooLarge,
    BudgetSpent,
    Busy,
    DeadlineExceeded,
    NotAcceptable,
    QuerySyntaxError,
    StoreDamaged,
    StoreUnreadable,
    TrialweaveError,
    WorkerLost,
)
from app.query.budget import Caller
from app.settings import Settings
from app.store.base import Query, ReplaceGraph
from app.store.embedded import rollback
from app.store.large import IN_MEMORY, LargeAnswer, LargeBody
from app.store.nursery import isolation
from app.store.workers import WorkerPool
from tests.app.store.conftest import Publish, graph
from tests.processes import running, workers

POINT = Query("SELECT ?o { <http://example.org/a> ?p ?o }", solutions_type="text/csv")
ENDLESS = Query("SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l }")
HUNGRY = Query("SELECT * { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i } ORDER BY ?c")
NESTED = Query("ASK {" + "{" * 2_000_000 + "}" * 2_000_000 + "}")

Scenario = Callable[[WorkerPool], Awaitable[None]]


@asynccontextmanager
async def serving(data: Path, **knobs: float) -> AsyncIterator[WorkerPool]:
    pool = WorkerPool(data, Settings(data=data, **knobs))  # type: ignore[arg-type]
    await pool.start()
    try:
        yield pool
    finally:
        await pool.close()


def serve(data: Path, scenario: Scenario, **knobs: float) -> None:
    """Run the scenario against a pool with these settings; none of its processes may be left afterwards."""

    async def run() -> None:
        async with serving(data, **knobs) as pool:
            await scenario(pool)

    asyncio.run(run())
    assert processes() == []


def processes() -> list[int]:
    """The worker processes that serve here."""
    return workers("store.worker")


async def eventually(holds: Callable[[], bool], seconds: float = 5.0) -> None:
    """Wait until something holds, or fail."""
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.02)


@pytest.fixture
def filled(data: Path, publish: Publish) -> Path:
    """A published generation of 2,001 triples."""
    lines = "".join(f'<http://example.org/s{n}> <http://example.org/p> "{n}" .\n' for n in range(2_000))
    publish(graph("g", 'a says "one"'), ReplaceGraph("http://example.org/big", lines.encode()))
    return data


def test_a_query_is_answered_with_its_generation(filled: Path) -> None:
    async def scenario(pool: WorkerPool) -> None:
        answer = await pool.run(POINT)
        assert (answer.body, answer.media_type, answer.generation) == (b"o\r\none\r\n", "text/csv", 1)
        info = await pool.info()
        assert (info.generation, info.quads, info.location) == (1, 2_001, str(filled))

    serve(filled, scenario)


def test_all_parts_of_a_query_reach_the_worker(filled: Path) -> None:
    async def scenario(pool: WorkerPool) -> None:
        bound = Query(
            "SELECT ?s ?o { ?s <says> ?o }",
            solutions_type="text/csv",
            base_iri="http://example.org/",
            default_graphs=("http://example.org/g",),
            substitutions={"s": "http://example.org/a"},
        )
        assert (await pool.run(bound)).body == b"s,o\r\nhttp://example.org/a,one\r\n"

    serve(filled, scenario)


def test_an_absent_directory_serves_an_empty_store(data: Path, publish: Publish) -> None:
    async def scenario(pool: WorkerPool) -> None:
        assert (await pool.run(POINT)).body == b"o\r\n"
        assert (await pool.info()).quads == pool.generation == 0
        publish(graph("g", 'a says "one"'))
        assert (await pool.run(POINT)).body == b"o\r\none\r\n"

    serve(data, scenario)


@pytest.mark.parametrize(
    ("query", "error"),
    [
        (Query("SELECT * {"), QuerySyntaxError),
        (Query("ASK {}", solutions_type="text/html"), NotAcceptable),
        (Query("SELECT * { ?a ?b ?c . ?d ?e ?f }"), AnswerTooLarge),
    ],
)
def test_an_error_of_the_query_costs_no_worker(filled: Path, query: Query, error: type[TrialweaveError]) -> None:
    async def scenario(pool: WorkerPool) -> None:
        before = processes()
        with pytest.raises(error) as caught:
            await pool.run(query)
        if isinstance(caught.value, QuerySyntaxError):
            assert (caught.value.line, caught.value.column) == (1, 11)
        assert (await pool.run(POINT)).body == b"o\r\none\r\n"
        assert processes() == before

    serve(filled, scenario, answer_bytes=10_000)


@pytest.fixture
def long(data: Path, publish: Publish) -> Path:
    """A published generation whose last text, in the order of the texts, cannot be in XML."""
    publish(graph("g", *(f's{n} p "{n:0600}"' for n in range(7_000)), 's p "x\\u0000"'))
    return data


TEXTS = "SELECT ?o { ?s <http://example.org/p> ?o } ORDER BY ?o"


def test_an_answer_in_pieces_is_the_same(long: Path) -> None:
    async def scenario(pool: WorkerPool) -> None:
        answer = await pool.answer(Query(TEXTS, solutions_type="text/csv"))
        assert isinstance(answer, LargeAnswer)
        pieces = [piece async for piece in answer.body.pieces()]
        assert {len(piece) for piece in pieces[:-1]} < set(range(IN_MEMORY - 10_000, IN_MEMORY + 1))
        rows = "".join(f"{n:0600}\r\n" for n in range(7_000))
        assert b"".join(pieces).decode() == f"o\r\n{rows}x\ufffd\r\n"

    serve(long, scenario)


@pytest.mark.parametrize(
    ("media_type", "knobs", "error"),
    [
        ("application/sparql-results+xml", {}, NotAcceptable),
        ("text/csv", {"answer_bytes": 3_000_000}, AnswerTooLarge),
    ],
)
def test_what_goes_wrong_behind_the_first_pieces_is_still_told(
    long: Path, media_type: str, knobs: dict[str, int], error: type[TrialweaveError]
) -> None:
    held = LargeBody.held

    async def scenario(pool: WorkerPool) -> None:
        with pytest.raises(error):
            await pool.answer(Query(TEXTS, solutions_type=media_type))
        assert LargeBody.held == held
        assert (await pool.run(Query("ASK {}"))).generation == 1

    serve(long, scenario, **knobs)


def test_pieces_arrive_while_the_answer_is_made_and_go_when_its_worker_dies(filled: Path) -> None:
    held = LargeBody.held
    query = Query("SELECT ?a ?c { ?a ?b ?c . ?d ?e ?f }", solutions_type="text/csv")  # 140 MB, and a minute

    async def scenario(pool: WorkerPool) -> None:
        asking = asyncio.create_task(pool.answer(query))
        await eventually(lambda: LargeBody.held > held + 3 * IN_MEMORY, 30)
        assert not asking.done()
        await asyncio.sleep(0.2)
        for pid in processes():
            os.kill(pid, signal.SIGKILL)
        with pytest.raises(WorkerLost):
            await asking
        await eventually(lambda: LargeBody.held == held)

    serve(filled, scenario, answer_bytes=1_000_000_000)


def test_the_deadline_stops_an_endless_query_while_others_are_answered(filled: Path) -> None:
    async def scenario(pool: WorkerPool) -> None:
        before = set(processes())
        began = time.monotonic()
        endless = asyncio.create_task(pool.run(ENDLESS))
        for _ in range(20):
            assert (await pool.run(POINT)).body == b"o\r\none\r\n"
        assert not endless.done()
        with pytest.raises(DeadlineExceeded, match=r"longer than 0\.7 seconds"):
            await endless
        assert time.monotonic() - began < 2
        await eventually(lambda: len(after := set(processes())) == 2 and len(after & before) == 1)

    serve(filled, scenario, query_timeout=0.7, workers=2)


@pytest.mark.parametrize("query", [NESTED, HUNGRY], ids=["nested too deeply", "needs too much memory"])
def test_a_query_that_ends_its_worker_costs_only_that(filled: Path, query: Query) -> None:
    async def scenario(pool: WorkerPool) -> None:
        lost, *answers = await asyncio.gather(
            pool.run(query), *(pool.run(POINT) for _ in range(8)), return_exceptions=True
        )
        assert isinstance(lost, WorkerLost)
        assert all(not isinstance(answer, BaseException) and b"one" in answer.body for answer in answers)
        assert (await pool.run(POINT)).body == b"o\r\none\r\n"

    serve(filled, scenario, workers=2, worker_memory=256 * 1024**2)


def test_a_query_nested_as_deeply_as_the_service_lets_in_is_answered(filled: Path) -> None:
    async def scenario(pool: WorkerPool) -> None:
        for text in ("ASK {" + "{" * 10_000 + "}" * 10_000 + "}", "ASK { FILTER(" + "!" * 10_000 + "true) }"):
            assert b"true" in (await pool.run(Query(text))).body

    serve(filled, scenario, workers=1)


def test_cancelling_stops_the_query_and_frees_the_worker(filled: Path) -> None:
    async def scenario(pool: WorkerPool) -> None:
        (before,) = processes()
        endless = asyncio.create_task(pool.run(ENDLESS))
        await asyncio.sleep(0.1)
        endless.cancel()
        with pytest.raises(asyncio.CancelledError):
            await endless
        assert (await pool.run(POINT)).body == b"o\r\none\r\n"
        await eventually(lambda: before not in processes())

    serve(filled, scenario, workers=1)


def test_a_full_queue_and_a_long_wait_are_busy(filled: Path) -> None:
    async def scenario(pool: WorkerPool) -> None:
        aside = asyncio.create_task(pool.run(ENDLESS))
        await eventually(lambda: len(processes()) == 2)
        endless = asyncio.create_task(pool.run(ENDLESS))
        await asyncio.sleep(0.3)
        waiting = asyncio.create_task(pool.run(POINT))
        await asyncio.sleep(0.05)
        with pytest.raises(Busy, match="1 queries are waiting already"):
            await pool.run(POINT)
        with pytest.raises(Busy, match=r"within 0\.3 seconds"):
            await waiting
        for each in (aside, endless):
            each.cancel()

    serve(filled, scenario, workers=1, slow_queries=1, queue=1, queue_wait=0.3)


def test_a_generation_published_by_another_process_is_picked_up(filled: Path) -> None:
    program = """
import sys
from pathlib import Path
from app.store.base import ReplaceGraph
from app.store.embedded import EmbeddedStore
with EmbeddedStore(Path(sys.argv[1])) as store:
    store.apply([ReplaceGraph("http://example.org/g", b'<http://example.org/a> <http://example.org/p> "two" .')])
    store.publish()
"""

    async def scenario(pool: WorkerPool) -> None:
        assert b"one" in (await pool.run(POINT)).body
        await asyncio.to_thread(subprocess.run, [sys.executable, "-c", program, str(filled)], check=True)
        assert pool.generation == 2
        answer = await pool.run(POINT)
        assert (answer.body, answer.generation) == (b"o\r\ntwo\r\n", 2)
        rollback(filled)
        answer = await pool.run(POINT)
        assert (answer.body, answer.generation) == (b"o\r\none\r\n", 1)

    serve(filled, scenario)


def test_idle_workers_let_go_of_the_old_generation(filled: Path, publish: Publish) -> None:
    async def scenario(pool: WorkerPool) -> None:
        publish(graph("g", 'a says "two"'))
        await asyncio.sleep(1)
        for number in range(3):
            publish(graph("g", f'a says "{number}"'))
        assert not (filled / "generations" / "000001").exists()
        assert (filled / "generations" / "000002").exists(), "an idle worker reads it"

    serve(filled, scenario)


def test_a_running_query_finishes_on_the_generation_it_began_with(filled: Path, publish: Publish) -> None:
    slow = Query("SELECT (COUNT(*) AS ?n) { ?a <http://example.org/p> ?c . ?d <http://example.org/p> ?f }")

    async def scenario(pool: WorkerPool) -> None:
        running = asyncio.create_task(pool.run(slow))
        await asyncio.sleep(0.1)
        for _ in range(4):
            publish(ReplaceGraph("http://example.org/big", b""))
        assert not running.done()
        answer = await running
        assert answer.generation == 1
        assert b"4000000" in answer.body

    serve(filled, scenario, workers=1)


def test_a_pointer_damaged_while_serving_does_not_stop_the_service(filled: Path) -> None:
    async def scenario(pool: WorkerPool) -> None:
        (filled / "CURRENT").write_text("nonsense")
        assert pool.generation == 1
        os.kill(processes()[0], signal.SIGKILL)
        answers = await asyncio.gather(*(pool.run(POINT) for _ in range(4)), return_exceptions=True)
        assert sum(isinstance(answer, WorkerLost) for answer in answers) <= 1
        assert (await pool.run(POINT)).body == b"o\r\none\r\n"

    serve(filled, scenario, workers=1)


def test_a_damaged_directory_does_not_start(filled: Path) -> None:
    (filled / "CURRENT").write_text("nonsense")
    with pytest.raises(StoreDamaged):
        serve(filled, pytest.fail)
    assert processes() == []


def test_a_damaged_generation_does_not_start(filled: Path) -> None:
    for file in (filled / "generations" / "000001").iterdir():
        file.unlink()
    with pytest.raises(StoreDamaged, match="does not open"):
        serve(filled, pytest.fail)
    assert processes() == []


def test_a_foreign_directory_does_not_start(tmp_path: Path) -> None:
    (tmp_path / "thesis.docx").touch()
    with pytest.raises(StoreUnreadable):
        serve(tmp_path, pytest.fail)


@pytest.mark.parametrize("query", [None, ENDLESS, Query("CONSTRUCT { ?a ?e ?i } { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }")])
def test_workers_die_with_a_killed_service(filled: Path, query: Query | None) -> None:
    program = f"""
import asyncio, sys
from pathlib import Path
from app.query.budget import Caller
from app.settings import Settings
from app.store.base import Query
from app.store.workers import WorkerPool
async def main():
    pool = WorkerPool(Path(sys.argv[1]), Settings())
    await pool.start()
    print("serving", flush=True)
    await {"asyncio.sleep(60)" if query is None else f"pool.run({query!r})"}
asyncio.run(main())
"""
    service = subprocess.Popen([sys.executable, "-c", program, str(filled)], stdout=subprocess.PIPE)
    assert service.stdout
    with service.stdout:
        service.stdout.readline()
    time.sleep(0.2)
    before = workers("store.worker", service.pid)
    service.kill()
    service.wait()
    assert len(before) - Settings().workers in (0, 1), "a query may be set aside by now"
    asyncio.run(eventually(lambda: not running(before)))


def test_closing_stops_running_queries(filled: Path) -> None:
    async def scenario(pool: WorkerPool) -> None:
        endless = asyncio.create_task(pool.run(ENDLESS))
        await asyncio.sleep(0.1)
        await pool.close()
        with pytest.raises(WorkerLost):
            await endless

    serve(filled, scenario)


def test_workers_reach_no_network_where_the_platform_allows(filled: Path) -> None:
    if isolation() != "no network":
        pytest.skip(f"needs network namespaces; {isolation()}")

    async def scenario(pool: WorkerPool) -> None:
        with pytest.raises(TrialweaveError, match="unreachable"):
            await pool.run(Query("SELECT * { SERVICE <http://127.0.0.1:9999/> { ?s ?p ?o } }"))

    serve(filled, scenario)


def test_a_worker_is_light() -> None:
    program = "import app.store.forking, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert not {"fastapi", "rdflib", "pydantic", "asyncio", "logging", "loaders"} & set(loaded)


MANY = Caller("192.0.2.66")
OTHER = Caller("192.0.2.1")


def test_slow_queries_go_on_beside_the_workers(filled: Path) -> None:
    async def scenario(pool: WorkerPool) -> None:
        slow = [asyncio.create_task(pool.run(ENDLESS, MANY)) for _ in range(2)]
        await asyncio.sleep(1)
        began = time.monotonic()
        for _ in range(20):
            assert (await pool.run(POINT, OTHER)).body == b"o\r\none\r\n"
        assert time.monotonic() - began < 1
        assert len(processes()) == 4
        for each in slow:
            assert not each.done()
            each.cancel()
        await eventually(lambda: len(processes()) == 2)

    serve(filled, scenario, workers=2, slow_queries=2)


def test_who_spends_most_gives_way_when_slow_queries_keep_others_out(filled: Path) -> None:
    async def scenario(pool: WorkerPool) -> None:
        slow = [asyncio.create_task(pool.run(ENDLESS, MANY)) for _ in range(4)]
        await asyncio.sleep(1.5)
        assert not any(each.done() for each in slow), "nobody's own queries stop each other, nor those of others"
        for _ in range(3):
            assert (await pool.run(POINT, OTHER)).body == b"o\r\none\r\n"
        stopped = [each for each in slow if each.done()]
        assert len(stopped) < len(slow), "one of them may go on"
        for each in stopped:
            with pytest.raises(Busy, match="stopped to make room"):
                await each
        for each in slow:
            each.cancel()

    serve(filled, scenario, workers=1, slow_queries=1)


def test_a_full_queue_is_shared_fairly(filled: Path) -> None:
    async def scenario(pool: WorkerPool) -> None:
        aside = asyncio.create_task(pool.run(ENDLESS, MANY))
        await eventually(lambda: len(processes()) == 2)
        endless = asyncio.create_task(pool.run(ENDLESS, MANY))
        await asyncio.sleep(0.1)
        crowd = [asyncio.create_task(pool.run(ENDLESS, MANY)) for _ in range(4)]
        await asyncio.sleep(0.05)
        assert (await pool.run(POINT, OTHER)).body == b"o\r\none\r\n"
        refused = [each for each in crowd if each.done()]
        assert [type(each.exception()) for each in refused] == [Busy]
        for each in (aside, endless, *crowd):
            each.cancel()

    serve(filled, scenario, workers=1, slow_queries=1, queue=4)


def test_a_spent_budget_turns_away_before_a_worker_hears_of_it(filled: Path) -> None:
    async def scenario(pool: WorkerPool) -> None:
        with pytest.raises(DeadlineExceeded):
            await pool.run(ENDLESS, MANY)
        assert (await pool.run(POINT, OTHER)).body == b"o\r\none\r\n"
        await eventually(lambda: len(processes()) == 1)
        before = processes()
        with pytest.raises(BudgetSpent):
            await pool.run(ENDLESS, MANY)
        assert (await pool.run(POINT, OTHER)).body == b"o\r\none\r\n"
        assert processes() == before

    serve(filled, scenario, workers=1, query_timeout=0.4, client_seconds=0.2)


STEPS = Query("SELECT (COUNT(*) AS ?n) { ?a <http://example.org/p> ?c . ?d <http://example.org/p> ?f }")
"""Four million solutions: half a second, more or less."""


def niceness(pid: int) -> int:
    """How much nicer the process is than this one."""
    return os.getpriority(os.PRIO_PROCESS, pid) - os.getpriority(os.PRIO_PROCESS, 0)


def test_workers_leave_the_processor_to_the_service(filled: Path) -> None:
    async def scenario(pool: WorkerPool) -> None:
        assert (await pool.run(POINT)).body == b"o\r\none\r\n"
        assert [niceness(pid) for pid in processes()] == [3, 3]

    serve(filled, scenario, workers=2)


def test_while_quick_queries_are_about_those_of_a_client_of_slow_ones_leave_them_the_workers(filled: Path) -> None:
    async def scenario(pool: WorkerPool) -> None:
        for _ in range(3):
            await pool.run(STEPS, MANY)
        await eventually(lambda: len(processes()) == 2)
        before = processes()
        for _ in range(3):
            await pool.run(POINT, OTHER)
        slow = [asyncio.create_task(pool.run(STEPS, MANY)) for _ in range(3)]
        await asyncio.sleep(0.02)
        assert pool.waiting == 2, "one gets a process of its own, and the others wait a while"
        await eventually(lambda: any(niceness(pid) == 10 for pid in set(processes()) - set(before)))
        assert [(await each).generation for each in slow] == [1, 1, 1]

    serve(filled, scenario, workers=2, slow_queries=1)


def test_slow_queries_have_the_workers_while_nobody_asks_for_anything_else(filled: Path) -> None:
    async def scenario(pool: WorkerPool) -> None:
        await pool.run(STEPS, MANY)
        slow = [asyncio.create_task(pool.run(ENDLESS, MANY)) for _ in range(2)]
        await asyncio.sleep(0)
        await eventually(lambda: pool.waiting == 0 and len(processes()) == 3)
        for each in slow:
            each.cancel()

    serve(filled, scenario, workers=2, slow_queries=1)
