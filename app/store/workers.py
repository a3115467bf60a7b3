"""The query workers: processes that can be killed, so that no query, however bad, takes the service with it.

The engine has no timeout, no cancel and no memory cap, and some queries end the process that evaluates them. So each
query runs in a worker process, and no longer than the deadline; a worker that dies costs one query and
is replaced at once.

No query holds up those of others either. One that is not answered in a moment is set aside: its process goes on beside
the workers, with a claim to the processor that shrinks with what it has had of it, and a new one takes its place. While
quick queries are about, the next one of a client whose queries have been slow begins like that. Only `slow_queries` of
them can be set aside; when further ones turn out to be slow and keep others from being answered, the client that has
spent the most loses one. Whoever waits is served by what he asked for lately (see `app.query.line`), and one worker is
always left to clients of quick queries.
"""

import asyncio
import logging
import math
import socket
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from app import errors
from app.errors import (
    Busy,
    DeadlineExceeded,
    QuerySyntaxError,
    StoreDamaged,
    StoreError,
    TrialweaveError,
    UnreadableDocument,
    WorkerLost,
)
from app.metrics import Runs
from app.query.budget import HOUSE, Caller, Ledger
from app.query.line import Line, Waiting
from app.settings import Settings
from app.store.base import Answer, Query, StoreInfo
from app.store.channel import Channel, Frame
from app.store.generations import ENGINE, DataDirectory
from app.store.large import LargeAnswer, LargeBody
from app.store.nursery import Nursery

__all__ = ["Worker", "WorkerPool", "error_of"]

_log = logging.getLogger(__name__)

_START = 20.0
"""Seconds a new worker may take until it is ready: a few milliseconds, but for what it imports itself (a validator's
shapes, about one second) and for the first one of all, whose fork server starts before it."""

_WATCH = 0.5
"""Seconds between looks at CURRENT while idle; every query looks as well."""

_MOMENT = 1.0
"""Seconds that somebody who wants to know how many quads there are waits for the count."""

_HEAVY = 0.05
"""Seconds of processor time, more or less, after which a query is set aside. Its process ends with it, as there is no
way back from that; another one takes a few milliseconds."""

_SLOW, _SLOW_AT_MOST = 0.5, 1.0
"""Seconds of processor time, or else of time, after which a query counts as slow, and may be stopped for others."""

_LONG = 1.5
"""Seconds of processor time after which others need not wait for a query at all."""

_LOOK = 0.5
"""Seconds between looks at the processor time of a slow query."""

_QUICK = 0.1
"""Seconds that the queries of a client take on average, at most, for it to get the last free worker."""

_ABOUT = 1.0
"""Seconds after a quick query during which the next one is to be expected."""

_PATIENCE = 0.5
"""Seconds that a query likely to be slow leaves the workers to quick ones, and waits for others of its kind."""

_READY, _NICE, _VERY_NICE = 3, 10, 15
"""How much of the processor each process leaves to others (see nice(1)): a worker, so that the service has the next
query ready for it in time; one that is set aside, which has a fifth of a worker's claim; and once it is long, a
fifteenth."""


class WorkerPool:
    """`settings.workers` processes that answer from the published generation. To be used in one event loop.

    `runs` counts what becomes of queries. The processes come from the nursery, or from one of the pool's own,
    and clients are charged in the ledger, or likewise.
    """

    def __init__(
        self,
        data: Path,
        settings: Settings,
        runs: Runs | None = None,
        nursery: Nursery | None = None,
        ledger: Ledger | None = None,
    ) -> None:
        self.data = DataDirectory(data)
        self._nursery = nursery or Nursery(settings.worker_memory)
        self._owns_nursery = nursery is None
        self._pointer = data / "CURRENT"
        self._counts = runs or Runs()
        self._settings = settings
        self._ledger = ledger or Ledger(settings.client_seconds)
        self._idle: list[Worker] = []
        self._workers: set[Worker] = set()
        self._runs: set[_Run] = set()
        self._waiting = Line(self._ledger.spent)
        self._tasks: set[asyncio.Task[None]] = set()
        self._starting = 0
        self._beside: set[Worker] = set()
        self._quick_seen = -math.inf
        self._generation = 0
        self._seen: tuple[int, int] | None = None
        self._quads: tuple[int, int | None] = (0, 0)
        self._counting: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def generation(self) -> int:
        """The generation that is published now, 0 when there is none; the last readable one if CURRENT gets damaged."""
        seen = self._look()
        if seen != self._seen:
            try:
                self._generation = self.data.current()
            except StoreDamaged as error:
                _log.error("%s Still serving generation %d.", error.message, self._generation)
            self._seen = seen
        return self._generation

    @property
    def waiting(self) -> int:
        """How many queries wait for a worker now."""
        return len(self._waiting)

    @property
    def alive(self) -> int:
        """How many worker processes run now."""
        return sum(worker.alive for worker in self._workers)

    def published(self, generation: int) -> float | None:
        """When that generation became the current one, in seconds since 1970; None when it is not, at the last look."""
        return self._seen[1] / 1e9 if self._seen and generation == self._generation else None

    def age(self) -> float:
        """Seconds since the generation was published."""
        return self.data.age()

    def _look(self) -> tuple[int, int] | None:
        try:
            status = self._pointer.stat()
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns

    async def start(self) -> None:
        """Start the workers. Raises StoreUnreadable, StoreDamaged, and StoreError when a worker does not come up."""
        self.data.check()
        self._seen, self._generation = self._look(), self.data.current()
        try:
            await asyncio.gather(*(self._add_worker() for _ in range(self._settings.workers)))
            await self._move_on()
        except BaseException:
            await self.close()
            raise
        self._spawn(self._watch())

    async def close(self) -> None:
        """Stop the workers, whatever they are doing."""
        self._closed = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for worker in self._workers:
            worker.kill()
        self._workers.clear()
        if self._owns_nursery:
            await self._nursery.close()

    async def run(self, query: Query, caller: Caller = HOUSE) -> Answer:
        """Answer the query, in memory. Raises what `answer` does."""
        answer = await self.answer(query, caller)
        return answer if isinstance(answer, Answer) else answer.whole()

    async def answer(self, query: Query, caller: Caller = HOUSE) -> Answer | LargeAnswer:
        """Answer the query on a free worker.

        Raises BudgetSpent, Busy, DeadlineExceeded after `query_timeout` seconds, AnswerTooLarge, WorkerLost, and what
        `evaluation.evaluate` raises. Cancelling stops the query.
        """
        self._ledger.admit(caller)
        # Written down here, as it is sent in somebody else's turn, who is not to suffer if that goes wrong.
        written = orjson.Fragment(orjson.dumps(query))
        header, body = await self._ask({"query": written}, caller)
        if isinstance(body, LargeBody):
            return LargeAnswer(body, header["type"], header["generation"])
        return Answer(body, header["type"], header["generation"])

    async def info(self) -> StoreInfo:
        """What is published. A generation is counted once, and nobody waits long for that: it takes 1 s a million."""
        generation = self.generation
        if self._quads[0] != generation and (self._counting is None or self._counting.done()):
            self._counting = self._spawn(self._count(generation))
        if self._counting:
            await asyncio.wait({self._counting}, timeout=_MOMENT)
        counted, quads = self._quads
        return StoreInfo(ENGINE, generation, quads if counted == generation else None, str(self.data.path))

    async def _count(self, generation: int) -> None:
        try:
            header, _ = await self._ask({"count": True}, HOUSE)
            self._quads = header["generation"], header["quads"]
        except DeadlineExceeded:
            self._quads = generation, None  # Too large to be counted; it is not tried again.
        except TrialweaveError as error:
            _log.info("The quads were not counted: %s", error.message)

    async def _ask(self, request: dict[str, Any], caller: Caller) -> Frame:
        with self._counts.counted() as counted:
            run = await self._take(request, caller)
            counted.begin()
            return await self._finish(run)

    def _begin(self, worker: "Worker", request: dict[str, Any], caller: Caller) -> "_Run":
        """Have the worker begin with a request."""
        expected = self._ledger.expected(caller)
        known_as_quick = expected is not None and expected < _QUICK
        run = _Run(worker, caller, known_as_quick, asyncio.get_running_loop().time(), worker.processor_time())
        worker.send({"generation": self.generation, **request})
        self._runs.add(run)
        if run.quick:
            self._quick_seen = run.started
        if worker in self._beside:
            self._beside.remove(worker)
            run.heavy = run.aside = True
            run.nice = _NICE
            self._schedule(run, _SLOW, self._turned_slow)
        else:
            self._schedule(run, _HEAVY, self._turned_heavy)
        self._let_others_by()
        return run

    async def _finish(self, run: "_Run") -> Frame:
        """Wait for the answer, and give the worker back."""
        try:
            header, body = await run.worker.answer()
        except WorkerLost:
            if run.late:
                raise DeadlineExceeded(
                    f"The query ran longer than {self._settings.query_timeout:g} seconds and was stopped; ask for less."
                ) from None
            if not run.stopped:
                raise
            raise Busy("The query was stopped to make room for others; try again later, or ask for less.") from None
        finally:
            self._give_back(run)
        if "error" in header:
            if isinstance(body, LargeBody):
                body.close()
            raise error_of(header)
        return header, body

    # Whose turn it is

    async def _take(self, request: dict[str, Any], caller: Caller) -> "_Run":
        """Have a free worker begin, or one for this query alone.

        Raises Busy when one takes too long to come, or too many are waiting.
        """
        quick = self._is_quick(caller)
        if quick and self._idle and not self._waiting:
            return self._begin(self._idle.pop(), request, caller)
        loop = asyncio.get_running_loop()

        def begin(worker: Worker | None) -> _Run | None:
            return self._begin(worker, request, caller) if worker else None

        # Whoever gives a worker back has it begin with the next request at once: the one who waits for the answer may
        # have to wait for his turn in the event loop first, and the worker need not.
        waiting = Waiting(caller, quick, loop.create_future(), begin)
        self._waiting.make_room(caller, self._settings.queue)
        self._waiting.join(waiting)
        timer = loop.call_later(self._settings.queue_wait, self._waited_too_long, waiting)
        patience = loop.call_later(1.1 * _PATIENCE, self._settle)  # A timer may be a little early.
        self._settle()
        try:
            run: _Run | None = await waiting.turn
        except BaseException:
            if waiting.turn.done() and not waiting.turn.cancelled() and not waiting.turn.exception():
                self._take_back(waiting.turn.result())
            self._waiting.leave(waiting)
            self._settle()
            raise
        finally:
            timer.cancel()
            patience.cancel()
        return run or self._begin(await self._start_beside(), request, caller)

    def _take_back(self, run: "_Run | None") -> None:
        """Have what was given to somebody who has gone: a worker that has begun, or the place for one."""
        if run:
            self._give_back(run)
        else:
            self._starting -= 1

    async def _start_beside(self) -> "Worker":
        """A worker for one query that is likely to be slow, beside the others from its beginning."""
        try:
            worker = await self._start_worker(_NICE)
            self._beside.add(worker)
            return worker
        except (StoreError, WorkerLost, OSError) as error:
            if not self._closed:
                _log.error("A query worker does not start: %s", error)
            raise Busy("No worker could be started for the query; try again later.") from error
        finally:
            self._starting -= 1
            self._settle()

    def _waited_too_long(self, waiting: Waiting) -> None:
        if not waiting.turn.done():
            waited = f"{self._settings.queue_wait:g}"
            waiting.turn.set_exception(Busy(f"No worker became free within {waited} seconds; try again later."))

    def _serve(self, waiting: Waiting) -> bool:
        """Give a worker to somebody, or the place for one beside the others, if that can be; say whether it could.

        While quick queries are about, those likely to be slow leave the workers to them, and wait a while for a place.
        """
        leaves = not waiting.quick and waiting.caller is not HOUSE and self._quick_about()
        if leaves and self._room() > 0:
            self._starting += 1
            waiting.turn.set_result(None)
        elif self._may_have_worker(waiting.quick) and not (leaves and waiting.waited() < _PATIENCE):
            waiting.turn.set_result(waiting.begin(self._idle.pop()))
        else:
            return False
        return True

    def _room(self) -> int:
        """How many more queries may go on beside the workers."""
        beside = sum(run.aside for run in self._runs) + len(self._beside) + self._starting
        return max(0, self._settings.slow_queries - beside)

    def _may_have_worker(self, quick: bool) -> bool:
        """Whether there is a free worker for such a query. Those of clients of slow ones never have all that there are.

        There may be one less than usual for a moment, while another takes the place of one that has been set aside.
        """
        if quick or not self._idle or self._settings.workers == 1:
            return bool(self._idle)
        seated = [run for run in self._runs if not run.aside]
        return sum(not run.quick for run in seated) + 1 < len(seated) + len(self._idle)

    def _quick_about(self) -> bool:
        """Whether somebody has asked for what is quickly answered a moment ago."""
        return asyncio.get_running_loop().time() - self._quick_seen < _ABOUT

    def _is_quick(self, caller: Caller) -> bool:
        """Whether the next query is likely to be quick; of strangers that is believed once at a time."""
        expected = self._ledger.expected(caller)
        if expected is None:
            return not any(run.caller.name == caller.name for run in self._runs)
        return expected < _QUICK

    def _settle(self) -> None:
        """Bring together who waits, what is free and what is slow, after any of these has changed."""
        if self._closed:
            return
        while (first := self._waiting.first()) and (first.turn.done() or self._serve(first)):
            self._waiting.leave(first)
        if first and (victim := self._victim(first.caller)):
            victim.stopped = True
            victim.worker.kill()

    def _victim(self, caller: Caller) -> "_Run | None":
        """The slow query to be stopped so that this caller gets its turn, if there is one that has to give way."""
        slow = [run for run in self._runs if run.slow and run.caller is not HOUSE]
        if not slow or any(run.stopped for run in self._runs):
            return None  # There is none, or a worker is being replaced already.
        counts = Counter(run.caller.name for run in slow)
        crowded = sum(not run.aside for run in slow) >= self._settings.workers
        # Who has as many slow queries as another cannot have that one's stopped, nor his own for one more of the kind.
        givers = [
            run
            for run in slow
            if counts[run.caller.name] > counts[caller.name]
            or (run.caller.name == caller.name and self._is_quick(caller))
        ]
        greedy = [run for run in givers if counts[run.caller.name] > 1 and run.caller.name != caller.name]
        seated = any(not run.aside for run in slow)
        if not (crowded or (greedy and seated)):
            return None
        return max(greedy or givers, key=lambda run: (self._ledger.spent(run.caller), run.started), default=None)

    def _schedule(self, run: "_Run", seconds: float, then: Callable[["_Run"], None]) -> None:
        """Have that done once the run has taken so many seconds; at the deadline, it is stopped instead."""
        deadline = self._settings.query_timeout
        if seconds >= deadline:
            seconds, then = deadline, self._stop_late
        run.timer = asyncio.get_running_loop().call_at(run.started + seconds, then, run)

    def _turned_heavy(self, run: "_Run") -> None:
        # On a busy machine, a query that has hardly had its turn at the processor yet is neither heavy nor slow.
        running = asyncio.get_running_loop().time() - run.started
        if running < _SLOW and run.processor_time() < _HEAVY / 2:
            self._schedule(run, running + _HEAVY, self._turned_heavy)
            return
        self._schedule(run, _SLOW, self._turned_slow)
        run.heavy = True
        self._set_aside()
        self._settle()

    def _turned_slow(self, run: "_Run") -> None:
        now = asyncio.get_running_loop().time()
        if now - run.started < _SLOW_AT_MOST and run.processor_time() < _SLOW / 2:
            self._schedule(run, _SLOW_AT_MOST, self._turned_slow)
            return
        run.slow = True
        self._ledger.charge(run.caller, now - run.charged)
        run.charged = now
        self._look_again(run)
        self._settle()

    def _look_again(self, run: "_Run") -> None:
        """See whether a slow query has become a long one, now and again."""
        if run.processor_time() < _LONG:
            self._schedule(run, asyncio.get_running_loop().time() - run.started + _LOOK, self._look_again)
            return
        self._schedule(run, self._settings.query_timeout, self._stop_late)
        run.long = True
        self._let_others_by()

    def _stop_late(self, run: "_Run") -> None:
        run.late = True
        run.worker.kill()

    def _set_aside(self) -> None:
        """Let heavy queries go on beside the workers, as far as there is room for them."""
        seated = sorted((run for run in self._runs if run.heavy and not run.aside), key=lambda run: run.started)
        for run in seated[: self._room()]:
            run.aside = True
            self._spawn(self._start_another())
        self._let_others_by()

    def _let_others_by(self) -> None:
        """Have heavy queries leave the processor to others, if there are any; it is for good."""
        if len(self._runs) < 2:
            return
        for run in self._runs:
            if run.heavy and run.nice != (nice := _VERY_NICE if run.long else _NICE):
                run.nice = nice
                run.worker.be_nice(nice)

    def _give_back(self, run: "_Run") -> None:
        run.timer.cancel()
        self._runs.discard(run)
        self._ledger.charge(run.caller, asyncio.get_running_loop().time() - run.charged)
        if run.aside:
            self._end(run.worker)
            self._set_aside()
        elif run.worker.idle and not run.nice:
            self._idle.append(run.worker)
        else:
            self._end(run.worker)
            self._spawn(self._start_another())
        self._settle()

    def _end(self, worker: "Worker") -> None:
        worker.kill()
        self._workers.discard(worker)

    async def _start_another(self) -> None:
        while not self._closed:
            try:
                await self._add_worker()
                return
            except (StoreError, WorkerLost, OSError) as error:
                _log.error("A query worker does not start: %s", error)
                await asyncio.sleep(1)

    async def _add_worker(self) -> None:
        worker = await self._start_worker()
        self._idle.append(worker)
        self._settle()

    async def _start_worker(self, nice: int = _READY) -> "Worker":
        worker = await Worker.start(self._nursery, "app.store.worker", self.data.path, self._settings, nice)
        self._workers.add(worker)
        try:
            # It opens the generation now, so that no query waits for that; if it cannot, the query will be told.
            await worker.ask({"generation": self.generation})
        except BaseException:
            self._end(worker)
            raise
        return worker

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_WATCH)
            try:
                await self._move_on()
            except TrialweaveError as error:
                _log.error("A query worker does not open generation %d: %s", self.generation, error.message)

    async def _move_on(self) -> None:
        """Have idle workers open a new generation before a query needs it; that also frees the old one for removal."""
        stale = [worker for worker in self._idle if worker.generation != self.generation]
        self._idle = [worker for worker in self._idle if worker not in stale]
        await asyncio.gather(*(self._finish(self._begin(worker, {}, HOUSE)) for worker in stale))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None] | None:
        if self._closed:
            work.close()
            return None
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


@dataclass(eq=False, slots=True)
class _Run:
    """A query on a worker: since when, until when it has been charged, and what has become of it.

    `quick` is what was known of its caller; `heavy`, `slow` and `long` what it has turned out to be. The first of these
    is taken for granted where it is not on one of the pool's workers.
    """

    worker: "Worker"
    caller: Caller
    quick: bool
    started: float
    processor: float
    charged: float = field(init=False)
    timer: asyncio.TimerHandle = field(init=False)
    heavy: bool = False
    slow: bool = False
    long: bool = False
    aside: bool = False
    nice: int = 0
    stopped: bool = False
    late: bool = False

    def __post_init__(self) -> None:
        self.charged = self.started

    def processor_time(self) -> float:
        """Seconds of processor time that the query has taken so far."""
        return self.worker.processor_time() - self.processor


class Worker:
    """One worker process and the socket to it. `idle` is true between a complete answer and the next request."""

    def __init__(self, nursery: Nursery, number: int, channel: Channel, pid: int) -> None:
        self.idle = True
        self.generation = -1
        self._nursery = nursery
        self._number = number
        self._channel = channel
        self._pid = pid

    @classmethod
    async def start(cls, nursery: Nursery, module: str, data: Path, settings: Settings, nice: int = 0) -> "Worker":
        """Start a process that does what the module says with the data, and wait until it is ready.

        It leaves the processor to others from its beginning, as far as `nice` says. Raises StoreError when it is not in
        time.
        """
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                number = await nursery.fork(module, data, settings.answer_bytes, theirs)
            if nice:
                nursery.make_nice(number, nice)
            channel = await Channel.over(ours, settings.answer_bytes)
        except BaseException:
            ours.close()
            raise
        try:
            async with asyncio.timeout(_START):
                ready, _ = await channel.answer()
        except BaseException as error:
            nursery.kill(number)
            channel.close()
            if isinstance(error, TimeoutError | OSError):
                raise StoreError(
                    "A worker process did not start; see the messages above, or try with more memory."
                ) from error
            raise
        return cls(nursery, number, channel, ready["pid"])

    async def ask(self, request: dict[str, Any], body: bytes = b"") -> Frame:
        """Send a request and wait for its answer, however long that takes. Raises WorkerLost."""
        self.send(request, body)
        return await self.answer()

    def send(self, request: dict[str, Any], body: bytes = b"") -> None:
        """Send a request; `answer` waits for what comes back."""
        self.idle = False
        self._channel.send(request, body)

    async def answer(self) -> Frame:
        """The answer to the last request. Raises WorkerLost."""
        try:
            header, body = await self._channel.answer()
        except OSError as error:
            raise WorkerLost(
                "The query ended the process that evaluated it, most often by needing too much memory or being nested "
                "too deeply; ask for less."
            ) from error
        self.generation = header.get("generation", self.generation)
        self.idle = True
        return header, body

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._channel.is_open

    def processor_time(self) -> float:
        """Seconds of processor time that the process has taken so far; without end where that cannot be told."""
        try:
            # The clock of a process, as clock_getcpuclockid(3) makes it on Linux.
            return time.clock_gettime(~self._pid << 3 | 2)
        except OSError:
            return math.inf

    def kill(self) -> None:
        """Stop the process now; calling it again does nothing."""
        self.idle = False
        self._nursery.kill(self._number)
        self._channel.close()

    def be_nice(self, nice: int) -> None:
        """Have the process leave the processor to others from now on, as far as that number says (see nice(1))."""
        self._nursery.make_nice(self._number, nice)


_ERRORS = {name: getattr(errors, name) for name in errors.__all__ if name != "STATUS"}


def error_of(header: dict[str, Any]) -> TrialweaveError:
    """The error that a worker has told of in the header of its answer."""
    kind: type[TrialweaveError] = _ERRORS[header["error"]]
    if issubclass(kind, QuerySyntaxError | UnreadableDocument):
        return kind(header["message"], header["line"], header["column"])
    return kind(header["message"])
