"""What the service counts about itself, for Prometheus: a registry of its own, made with the application.

Label values are bounded: routes are templates, never paths, and outcomes are the words below.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Protocol, Self

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from app.errors import AnswerTooLarge, Busy, DeadlineExceeded, StoreError, TrialweaveError, WorkerLost

__all__ = ["OUTCOMES", "CacheCounters", "Metrics", "Runs"]

disable_created_metrics()  # type: ignore[no-untyped-call]
# Otherwise each counter has a companion that only says when the process started, which process_start_time says.

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

OUTCOMES = ("answered", "refused", "busy", "deadline", "lost", "too_large", "cancelled", "failed")
"""What can become of a query or a validation. `refused` is the client's mistake; `failed` is ours."""

_BY_ERROR: tuple[tuple[type[BaseException], str], ...] = (
    (Busy, "busy"),
    (DeadlineExceeded, "deadline"),
    (WorkerLost, "lost"),
    (AnswerTooLarge, "too_large"),
    (StoreError, "failed"),
    (asyncio.CancelledError, "cancelled"),
    (TrialweaveError, "refused"),
)
_STOPPED = ("deadline", "cancelled", "lost")


class _Run:
    """One run while it goes on: it waits first, and begins when a worker takes it. A context manager."""

    def __init__(self, runs: "Runs") -> None:
        self.asked = time.monotonic()
        self.began: float | None = None
        self._runs = runs

    def begin(self) -> None:
        """Say that the waiting is over."""
        self.began = time.monotonic()
        self._runs.running += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        outcome = "answered"
        if kind:
            outcome = next((word for each, word in _BY_ERROR if issubclass(kind, each)), "failed")
        self._runs.count(self, outcome)


class Runs:
    """Counts what becomes of the runs of one kind, `query` or `validation`; without a registry, for nobody."""

    def __init__(self, kind: str = "query", registry: CollectorRegistry | None = None) -> None:
        name, registry = f"trialweave_{kind}", registry or CollectorRegistry()
        self._outcomes = Counter(f"{name}_runs", "Runs by what became of them.", ["outcome"], registry=registry)
        self._killed = Counter(f"{name}_kills", "Worker processes ended by a run, by why.", ["why"], registry=registry)
        self._waits = Histogram(f"{name}_wait_seconds", "Waiting for a worker.", registry=registry, buckets=_SECONDS)
        self._times = Histogram(f"{name}_seconds", "Runs without the wait.", registry=registry, buckets=_SECONDS)
        self.running = 0
        Gauge(f"{name}_running", "Runs that go on now.", registry=registry).set_function(lambda: self.running)
        self._by_outcome = {outcome: self._outcomes.labels(outcome) for outcome in OUTCOMES}
        for why in _STOPPED:
            self._killed.labels(why)

    def counted(self) -> _Run:
        """Count the run that goes on inside, by the error that ends it, if any."""
        return _Run(self)

    def count(self, run: _Run, outcome: str) -> None:
        """Count a run that has ended."""
        now = time.monotonic()
        self._by_outcome[outcome].inc()
        self._waits.observe((run.began or now) - run.asked)
        if run.began is not None:
            self.running -= 1
            self._times.observe(now - run.began)
            if outcome in _STOPPED:
                self._killed.labels(outcome).inc()


class CacheCounters(Protocol):
    """What a cache of answers counts."""

    hits: int
    misses: int
    bytes: int


class Metrics:
    """All counters of one application."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.queries = Runs("query", self.registry)
        self.validations = Runs("validation", self.registry)
        self._requests = Counter(
            "trialweave_http_requests", "Requests.", ["method", "route", "status"], registry=self.registry
        )
        self._durations = Histogram(
            "trialweave_http_request_seconds", "Requests.", ["route"], registry=self.registry, buckets=_SECONDS
        )
        self.broken = Counter(
            "trialweave_http_broken", "Answers that broke off after their head was sent.", registry=self.registry
        )
        self._counters: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request; `route` is the template of its path."""
        key = method, route, status
        if key not in self._counters:  # Looking one up among the labels takes longer than counting.
            self._counters[key] = self._requests.labels(method, route, str(status)), self._durations.labels(route)
        count, duration = self._counters[key]
        count.inc()
        duration.observe(seconds)

    def gauge(self, name: str, help: str, value: Callable[[], float]) -> None:
        """Have a value asked for whenever the metrics are read."""
        Gauge(f"trialweave_{name}", help, registry=self.registry).set_function(value)

    def cache(self, counters: CacheCounters) -> None:
        """Tell of a cache of answers from now on."""
        self.registry.register(_Cache(counters))


class _Cache:
    """Reads a cache's own counters when the metrics are read."""

    def __init__(self, counters: CacheCounters) -> None:
        self._counters = counters

    def collect(self) -> Iterator[Metric]:
        """Yield the counters as they are now."""
        counters = self._counters
        yield CounterMetricFamily("trialweave_cache_hits", "Answers from the cache.", value=counters.hits)
        yield CounterMetricFamily("trialweave_cache_misses", "Answers that were not in it.", value=counters.misses)
        yield GaugeMetricFamily("trialweave_cache_bytes", "Bytes of answers in the cache.", value=counters.bytes)
