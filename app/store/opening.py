"""Which store it is: the one in the data directory, or the server that TRIALWEAVE_STORE_URL names."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, Protocol, Self

from app.errors import StoreError
from app.metrics import Runs
from app.query.budget import Caller, Ledger
from app.settings import Settings
from app.store.base import Answer, Query, Store, StoreInfo
from app.store.embedded import PATIENCE, EmbeddedReader, EmbeddedStore
from app.store.generations import DataDirectory
from app.store.large import LargeAnswer
from app.store.nursery import Nursery

__all__ = ["Pool", "Reader", "Writer", "open_pool", "open_reader", "open_writer", "require_local"]


class Reader(Protocol):
    """What can be read of a store, on one thread. A context manager."""

    @property
    def generation(self) -> int:
        """The number of the published generation, 0 when there is none."""

    def query(self, query: Query, limit: int | None = None) -> Answer:
        """Answer the query; `limit` is in bytes."""

    def rows(self, text: str, substitutions: Mapping[str, str] | None = None) -> Iterator[dict[str, str]]:
        """Rows of a SELECT query as plain strings; unbound variables are absent from a row."""

    def dump(self, output: BinaryIO, media_type: str) -> None:
        """Write everything; a format without named graphs gets the union of all graphs."""

    def info(self) -> StoreInfo:
        """Say what is published."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...


class Writer(Store, Protocol):
    """The one writer of a store, with the data directory that it works in. A context manager."""

    data: DataDirectory

    is_private: bool
    """Whether nobody sees what is written before it is published; the union is then kept in the unnamed graph."""

    def load_sound(self, file: Path) -> None:
        """Add an N-Quads file that is known to be sound, with the union's triples where the store keeps it."""

    def checkpoint(self, folder: Path) -> None:
        """Keep what a private store holds now in a new folder."""

    def restore(self, folder: Path) -> None:
        """Hold what a checkpoint holds, and nothing else."""

    def upcoming(self) -> int:
        """The number that the next publication will have."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...


class Pool(Protocol):
    """Answers the service's queries; see `app.routes.dependencies.QueryPool`."""

    @property
    def generation(self) -> int:
        """The published generation, 0 when there is none."""

    def published(self, generation: int) -> float | None:
        """When that was published, in seconds since 1970, where it is known."""

    @property
    def waiting(self) -> int:
        """How many queries wait."""

    @property
    def alive(self) -> int:
        """How many of those who answer can do so now."""

    def age(self) -> float:
        """Seconds since the generation was published, 0 where that is not known."""

    async def start(self) -> None:
        """Get ready. Raises StoreError."""

    async def close(self) -> None:
        """Stop, whatever is under way."""

    async def run(self, query: Query, caller: Caller) -> Answer:
        """Answer the query of a client."""

    async def answer(self, query: Query, caller: Caller) -> Answer | LargeAnswer:
        """Answer the query of a client; a large answer need not be in memory."""

    async def info(self) -> StoreInfo:
        """Say what is published."""


def open_reader(data: Path) -> Reader:
    """Open what is published, for reading. The environment says which store."""
    settings = Settings(data=data)
    if settings.store_url is None:
        return EmbeddedReader(data)
    from app.store.remote import RemoteReader  # brings HTTP, which few need

    return RemoteReader(settings)


def open_writer(data: Path) -> Writer:
    """Become the one writer. The environment says of which store. Raises StoreInUse."""
    settings = Settings(data=data)
    if settings.store_url is None:
        return EmbeddedStore(data, PATIENCE)
    from app.store.remote import RemoteStore

    return RemoteStore(data, settings)


def open_pool(
    settings: Settings, runs: Runs | None = None, nursery: Nursery | None = None, ledger: Ledger | None = None
) -> Pool:
    """Make the service's pool; it is not started yet. `runs` counts what becomes of queries.

    Workers come from the nursery, where the store needs any, and clients are charged for them in the ledger.
    """
    if settings.store_url is None:
        from app.store.workers import WorkerPool

        return WorkerPool(settings.data, settings, runs, nursery, ledger)
    from app.store.remote import RemotePool

    return RemotePool(settings, runs)


def require_local(data: Path, done: str) -> None:
    """Raise StoreError, with what cannot be `done`, unless the store is the one in the data directory."""
    if Settings(data=data).store_url is not None:
        raise StoreError(f"{done} from generations in a data directory; the store at TRIALWEAVE_STORE_URL has none.")
