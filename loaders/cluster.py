"""Documents prepared on a cluster that runs Dask already: the same function as in `loaders.pool`, on other machines.

The function is pure, so a batch whose worker is lost is simply done again elsewhere, and nothing is lost or doubled.
What the cluster gives back comes in the order of the input, and only so much of it is in flight at a time.
"""

from asyncio import CancelledError
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from time import monotonic
from typing import Any, cast

from loaders.documents import Document
from loaders.errors import SourceError
from loaders.link.mesh import MeshIndex
from loaders.pipeline import LOADER_VERSION, Run, Taken, take_all
from loaders.pool import Batch, Found, batches_of, fatal, take_found

__all__ = ["PATIENCE", "SCHEME", "taken"]

SCHEME = "dask://"
"""What the address of a scheduler starts with."""

PATIENCE = 30
"""Seconds to wait for the scheduler, and for its first worker."""

_AHEAD = 4
"""Batches in flight for each thread of the cluster: none of them waits for us, and memory stays bounded."""


def taken(found: Iterable[Found], run: Run, address: str, index: Path | None = None) -> Iterator[tuple[Found, Taken]]:
    """Yield each document with what became of it, in order, prepared by the cluster at `address` (dask://host:port).

    `index` is the file of `run.index`, which the workers need not see. Every worker must have this version of the
    program. Raises SourceError when there is no such cluster, or when it is lost.
    """
    with _client(address) as client:
        _check(client, address)
        terms = index.read_bytes() if index else None
        # A task and not scattered data: what a task has made is made again when all who held it are lost.
        shared = client.submit(_same, (replace(run, index=None), terms), pure=False)
        ahead = _AHEAD * max(1, sum(client.nthreads().values()))
        waiting: deque[tuple[Batch, Any]] = deque()
        for batch in batches_of(found):
            waiting.append((batch, _submit(client, batch, shared)))
            if len(waiting) >= ahead:
                yield from _results(client, *waiting.popleft(), shared)
        while waiting:
            yield from _results(client, *waiting.popleft(), shared)


@contextmanager
def _client(address: str) -> Iterator[Any]:
    """Connect to a scheduler. Whatever goes wrong with it from then on is a SourceError too."""
    try:
        import dask
        import distributed
    except ImportError as error:
        raise SourceError(address, "needs Dask on this machine too: pip install 'trialweave[cluster]'") from error
    client_of: Any = distributed.Client  # It has no types.
    try:
        with (
            dask.config.set({"distributed.comm.timeouts.connect": PATIENCE}),
            client_of(f"tcp://{address.removeprefix(SCHEME)}", timeout=PATIENCE, set_as_default=False) as client,
        ):
            yield client
    except (OSError, TimeoutError, ValueError, CancelledError) as error:
        raise SourceError(address, f"is no Dask scheduler that answers, or was lost ({error})") from error


def _check(client: Any, address: str) -> None:
    """Refuse a cluster without workers, or with another version of the program: it would emit other triples."""
    client.wait_for_workers(1, timeout=PATIENCE)
    for worker, version in client.run(_version).items():
        if version != LOADER_VERSION:
            has = f"has version {version} of trialweave" if version else "does not have trialweave"
            raise SourceError(address, f"the worker {worker} {has}; install version {LOADER_VERSION} there")


def _version() -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("trialweave")
    except PackageNotFoundError:
        return None


def _submit(client: Any, batch: Batch, shared: Any) -> Any:
    documents = [one for one in batch if isinstance(one, Document)]
    return client.submit(_take_all, documents, shared, pure=False)


def _results(client: Any, batch: Batch, future: Any, shared: Any) -> Iterator[tuple[Found, Taken]]:
    """Yield the results of a batch. One that ends worker after worker is tried document by document."""
    from distributed import KilledWorker

    try:
        results = iter(_waited_for(client, future))
    except KilledWorker:
        for one in batch:
            yield one, _alone(client, one, shared) if isinstance(one, Document) else take_found(one, Run())
        return
    for one in batch:
        yield one, next(results) if isinstance(one, Document) else take_found(one, Run())


def _alone(client: Any, document: Document, shared: Any) -> Taken:
    from distributed import KilledWorker

    try:
        (result,) = _waited_for(client, _submit(client, [document], shared))
    except KilledWorker:
        return fatal(document)
    return result


def _waited_for(client: Any, future: Any) -> list[Taken]:
    """Return the result. Without any worker for a while, it will not come. Raises TimeoutError then."""
    since = monotonic()
    while True:
        with suppress(TimeoutError):
            return cast(list[Taken], future.result(timeout=1))
        if client.nthreads():
            since = monotonic()
        elif monotonic() - since > PATIENCE:
            raise TimeoutError("it has no workers any more")


def _same(shared: tuple[Run, bytes | None]) -> tuple[Run, bytes | None]:
    return shared


def _take_all(documents: list[Document], shared: tuple[Run, bytes | None]) -> list[Taken]:
    """What a worker does. Its copy of the terms of MeSH is opened once."""
    run, terms = shared
    return take_all(documents, replace(run, index=_opened(terms) if terms else None))


@lru_cache(1)
def _opened(terms: bytes) -> MeshIndex:
    return MeshIndex(terms)
