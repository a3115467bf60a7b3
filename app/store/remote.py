"""The store in an existing SPARQL server: one writer for the loader, and one pool of connections for the service.

The server keeps the quads, and the number of the generation in a small graph of its own. It has no generations to go
back to: what a load writes is seen as it is written, and the number changes at its end (see docs/remote-store.md). The
data directory keeps what is no quad: the quarantine, the manifests, the cache and the lock that keeps writers apart.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Self

import httpx
import pyoxigraph as ox

from app.errors import (
    AnswerTooLarge,
    BadRequest,
    Busy,
    DeadlineExceeded,
    NotAcceptable,
    StoreError,
    StoreInUse,
    TrialweaveError,
)
from app.metrics import Runs
from app.query.budget import Caller
from app.settings import Settings
from app.store.base import Answer, Change, Query, ReplaceGraph, ReplaceSubjects, StoreInfo
from app.store.changes import differences
from app.store.endpoint import Asked, Endpoint
from app.store.evaluation import GRAPH_TYPES, PREFIXES
from app.store.fitting import checked
from app.store.generations import DataDirectory, engine_errors
from app.store.union import has_blank_node

__all__ = ["BOOKKEEPING", "RemotePool", "RemoteReader", "RemoteStore"]

_log = logging.getLogger(__name__)

BOOKKEEPING = "urn:trialweave:store"
"""The graph, and its one subject, that says which generation the server holds and whether a load is under way."""

_GENERATION = f"<{BOOKKEEPING}> <urn:trialweave:generation>"
_LOADING = f"<{BOOKKEEPING}> <urn:trialweave:loading> <urn:trialweave:true> ."
_STATE = f"SELECT ?p ?o WHERE {{ GRAPH <{BOOKKEEPING}> {{ <{BOOKKEEPING}> ?p ?o }} }}"
# Counting is much faster on Virtuoso than DISTINCT: 0.03 s against 55 s for 18,550 quads.
_GRAPHS = "SELECT ?g (COUNT(*) AS ?quads) WHERE { GRAPH ?g { ?s ?p ?o } } GROUP BY ?g"
_COUNT = "SELECT (COUNT(*) AS ?quads) WHERE {{ GRAPH ?g {{ ?s ?p ?o }} FILTER(?g NOT IN ({graphs})) }}"
_TRIPLES = "CONSTRUCT {{ ?s ?p ?o }} WHERE {{ GRAPH {graph} {{ ?s ?p ?o }} }}"
_ABOUT = "CONSTRUCT {{ ?s ?p ?o }} WHERE {{ VALUES ?s {{ {subjects} }} GRAPH {graph} {{ ?s ?p ?o }} }}"

_SUBJECTS = 200
"""Subjects asked for at once."""
_POSTED = 50_000
"""Triples of one graph sent at once."""
_WATCH = 1.0
"""Seconds between looks at the generation."""
_THREADED = 64 * 1024
"""Bytes of an answer from which reading it is left to a thread."""


class RemoteReader:
    """What the server holds, for one thread. A context manager. Raises StoreError when the settings name no server."""

    def __init__(self, settings: Settings) -> None:
        self.endpoint = Endpoint(settings)
        self._client = httpx.Client(**self.endpoint.client_options())

    @property
    def generation(self) -> int:
        """The number of the last published generation, 0 when there is none."""
        return _generation(self._state())

    def _state(self) -> list[dict[str, str]]:
        return list(self.rows(_STATE))

    def query(self, query: Query, limit: int | None = None) -> Answer:
        """Answer the query; `limit` is in bytes. Raises the errors of `endpoint.Endpoint.check` and `.read`."""
        asked = self.endpoint.ask(query)
        media_type, body = self._ask(asked, limit)
        return Answer(*self.endpoint.read(asked, query, media_type, body, limit), self.generation)

    def rows(self, text: str, substitutions: Mapping[str, str] | None = None) -> Iterator[dict[str, str]]:
        """Rows of a SELECT query as plain strings; unbound variables are absent from a row."""
        asked = self.endpoint.ask(Query(text, substitutions=substitutions or {}))
        return iter(self.endpoint.rows(asked, *self._ask(asked)))

    def quads(self) -> Iterator[ox.Quad]:
        """Yield all quads, graph by graph. What is written meanwhile may be in it or not."""
        for name in self._graphs():
            memory = ox.Store()
            self._copy(_TRIPLES.format(graph=name), name, memory)
            yield from memory

    def _graphs(self) -> list[ox.NamedNode]:
        own = {BOOKKEEPING, *self.endpoint.engine.system_graphs}
        return [ox.NamedNode(row["g"]) for row in self.rows(_GRAPHS) if row["g"] not in own]

    def dump(self, output: BinaryIO, media_type: str) -> None:
        """Write everything; a format without named graphs gets the union of all graphs. Raises NotAcceptable."""
        form = GRAPH_TYPES.get(media_type)
        if form is None:
            raise NotAcceptable(f"{media_type} cannot be written; ask for one of {', '.join(GRAPH_TYPES)}.")
        output = checked(output, media_type)
        if form.supports_datasets:
            ox.serialize(self.quads(), output, format=form, prefixes=dict(PREFIXES))
        else:
            union = dict.fromkeys(quad.triple for quad in self.quads())
            ox.serialize(union, output, format=form, prefixes=dict(PREFIXES))

    def info(self) -> StoreInfo:
        """What the server holds now, without its own graphs."""
        (row,) = self.rows(_count(self.endpoint))
        return StoreInfo(self.endpoint.engine.label, self.generation, int(row["quads"]), self.endpoint.url)

    def _copy(self, text: str, graph: ox.NamedNode, into: ox.Store) -> None:
        asked = self.endpoint.ask(Query(text))
        self.endpoint.load(asked, *self._ask(asked), into, graph)

    def _ask(self, asked: Asked, limit: int | None = None) -> tuple[str, bytes]:
        body = bytearray()
        with (
            self.endpoint.connection_errors(),
            self._client.stream("POST", self.endpoint.url, data=asked.fields, headers={"Accept": asked.accept}) as got,
        ):
            for block in got.iter_bytes():
                _take(body, block, limit)
        self.endpoint.check(got.status_code, got.headers, bytes(body))
        return got.headers.get("content-type", ""), bytes(body)

    def close(self) -> None:
        """Close the connections. Closing again does nothing."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class RemoteStore(RemoteReader):
    """The one writer of a server (see `base.Store`), as far as the lock in the data directory reaches.

    What it writes is visible at once; `publish` gives it a number. Where a load did not come to its end, the next
    writer gives what that one wrote a number first, so that no cache keeps what is no longer so.
    Raises StoreInUse, StoreUnreachable, StoreFailed, and StoreError when the settings do not say where to write.
    """

    is_private = False

    def __init__(self, data: Path, settings: Settings) -> None:
        super().__init__(settings)
        if not self.endpoint.update_url:
            raise StoreError("TRIALWEAVE_STORE_UPDATE_URL is not set, and nothing can be loaded without it.")
        self._updates = self.endpoint.update_url
        self.data = DataDirectory(data)
        try:
            self.data.lock()
            state = self._state()
            self._number, self._loading = _generation(state), _is_loading(state)
            if self._loading:
                _log.warning("An earlier load into %s did not come to its end; load again.", self.endpoint.url)
                self.publish()
        except BaseException:
            self.close()
            raise

    def apply(self, changes: Sequence[Change]) -> bool:
        """Make all the changes, and say whether the server holds anything else now.

        They are one request, and so all or nothing where the engine makes that a transaction, unless the engine takes
        fewer triples in one. Raises BadRequest as the embedded store does.
        """
        whole = {change.graph for change in changes if isinstance(change, ReplaceGraph)}
        found = differences(self._concerned(changes, whole), changes)
        operations = [
            *((removed, "DELETE", graph) for graph, (removed, _, _) in found.items()),
            *((set(), "DROP", graph) for graph, (_, _, ends) in found.items() if ends and graph.value in whole),
            *((added, "INSERT", graph) for graph, (_, added, _) in found.items()),
        ]
        changed = any(removed or added for removed, added, _ in found.values())
        if changed:
            self._begin()
            for text in self._requests(operations):
                self._update(text)
        return changed

    def _concerned(self, changes: Sequence[Change], whole: set[str]) -> ox.Store:
        """What the server says now of the graphs and subjects that the changes are about."""
        memory = ox.Store()
        for graph in whole:
            name = _named(graph)
            self._copy(_TRIPLES.format(graph=name), name, memory)
        for change in changes:
            if isinstance(change, ReplaceSubjects) and change.graph not in whole:
                name = _named(change.graph)
                subjects = iter(sorted({*map(_named, change.subjects), *_subjects(change)}, key=str))
                while some := [*islice(subjects, _SUBJECTS)]:
                    self._copy(_ABOUT.format(graph=name, subjects=" ".join(map(str, some))), name, memory)
        return memory

    def _requests(self, operations: Iterable[tuple[set[ox.Triple], str, ox.NamedNode]]) -> Iterator[str]:
        """The operations as updates, each with as many triples as the engine takes."""
        most, waiting, size = self.endpoint.engine.request, list[str](), 0
        for triples, verb, graph in operations:
            if verb == "DROP":
                waiting.append(f"DROP SILENT GRAPH {graph}")
                continue
            rest = iter(triples)
            while block := [*islice(rest, self.endpoint.engine.block)]:
                if most and size + len(block) > most:
                    yield ";\n".join(waiting)
                    waiting, size = [], 0
                lines = "\n".join(f"{triple} ." for triple in block)
                waiting.append(f"{verb} DATA {{ GRAPH {graph} {{\n{lines}\n}} }}")
                size += len(block)
        if waiting:
            yield ";\n".join(waiting)

    def update(self, text: str) -> None:
        """Run a SPARQL 1.1 update as one request. Raises QuerySyntaxError and what the server makes of it.

        The caller has refused LOAD and SERVICE before. Whether the unnamed graph can be written to is the engine's own.
        """
        self.endpoint.ask(Query(text))  # For what it refuses.
        self._begin()
        self._update(text)

    def bulk_load(self, files: Sequence[Path]) -> None:
        """Add N-Quads files, faster than `apply`; all of them or none where the engine takes N-Quads.

        Raises BadRequest, before anything is sent, for what is no N-Quads, has blank nodes or names no graph.
        """
        graphs = _by_graph(files)
        self._begin()
        if self.endpoint.graphs_url and self.endpoint.engine.loads_quads:
            lines = b"".join(f"{triple} {graph} .\n".encode() for graph, some in graphs.items() for triple in some)
            self._send_graphs({}, "application/n-quads", lines)
            return
        for graph, triples in graphs.items():
            if self.endpoint.graphs_url:
                self._post(graph, triples)
            else:
                for text in self._requests([(set(triples), "INSERT", graph)]):
                    self._update(text)

    def _post(self, graph: ox.NamedNode, triples: Iterable[ox.Triple]) -> None:
        rest = iter(triples)
        while block := [*islice(rest, _POSTED)]:
            lines = "".join(f"{triple} .\n" for triple in block)
            self._send_graphs(
                self.endpoint.graph_parameters(graph.value),
                "application/n-triples",
                self.endpoint.named_here(lines).encode(),
            )

    def load_sound(self, file: Path) -> None:
        """Add an N-Quads file; see `bulk_load`."""
        self.bulk_load([file])

    def checkpoint(self, folder: Path) -> None:
        """Refuse: what is written is visible at once, and nobody can go back to a checkpoint."""
        raise StoreError(f"The store at {self.endpoint.url} keeps no checkpoints.")

    restore = checkpoint

    def upcoming(self) -> int:
        """The number that the next generation will have, if nobody else publishes before."""
        return self.generation + 1

    def publish(self) -> int:
        """Give what the server holds now the next number, and return it.

        Raises StoreInUse when another writer, on another machine, has published meanwhile.
        """
        current = self.generation
        if current != self._number:
            raise StoreInUse(
                f"Another writer has published generation {current} at {self.endpoint.url} meanwhile; load again."
            )
        number = current + 1
        former = [f"{_GENERATION} {current} ."] * bool(current) + [_LOADING] * self._loading
        # The new number comes before the old one goes, and readers take the greater: none sees a server without one.
        texts = [_bookkeeping("INSERT", f"{_GENERATION} {number} ."), *(_bookkeeping("DELETE", one) for one in former)]
        self._update(";\n".join(texts))
        self._number, self._loading = number, False
        return number

    def backup(self, target: Path) -> None:
        """Refuse: no protocol has a backup."""
        raise StoreError(
            f"The store at {self.endpoint.url} is backed up with its own tools; "
            f"trialweave export -o {target}.nq writes all its quads."
        )

    def close(self) -> None:
        """Close the connections and let go of the data directory. What was written stays."""
        super().close()
        self.data.unlock()

    def _begin(self) -> None:
        """Note in the server that a load is under way, before its first change."""
        if not self._loading:
            self._update(_bookkeeping("INSERT", _LOADING))
            self._loading = True

    def _update(self, text: str) -> None:
        content = self.endpoint.named_here(text, prefixes=True).encode()
        self._send(self._updates, {}, "application/sparql-update", content)

    def _send_graphs(self, parameters: dict[str, str], media_type: str, content: bytes) -> None:
        assert self.endpoint.graphs_url, "asked before"
        self._send(self.endpoint.graphs_url, parameters, media_type, content)

    def _send(self, url: str, parameters: dict[str, str], media_type: str, content: bytes) -> None:
        headers = {"Content-Type": media_type}
        with self.endpoint.connection_errors():
            # httpx takes an empty mapping as a wish for an address without a query part.
            got = self._client.post(url, content=content, headers=headers, params=parameters or None)
        self.endpoint.check(got.status_code, got.headers, got.content)


class RemotePool:
    """Answers the service's queries from a server, under the service's own limits. To be used in one event loop."""

    def __init__(self, settings: Settings, runs: Runs | None = None) -> None:
        self._endpoint = Endpoint(settings)
        self._settings = settings
        self._counts = runs or Runs()
        self._reachable = False
        self._free = asyncio.Semaphore(settings.store_connections)
        self._waiting = 0
        self._generation = 0
        self._info: StoreInfo | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def generation(self) -> int:
        """The generation that the server had at the last look, which was at most a second ago if it answers."""
        return self._generation

    def published(self, generation: int) -> None:
        """When it was published is not known of a server that others may write to as well."""

    @property
    def waiting(self) -> int:
        """How many queries wait for a connection now."""
        return self._waiting

    @property
    def alive(self) -> int:
        """Whether the server answered the last look."""
        return int(self._reachable)

    def age(self) -> float:
        """Not known: see `published`."""
        return 0.0

    async def start(self) -> None:
        """Open the connections. A server that is not there yet is waited for while the service already answers."""
        self._client = httpx.AsyncClient(**self._endpoint.client_options())
        try:
            await self._look()
        except TrialweaveError as error:
            _log.error("%s", error.message)
        self._task = asyncio.create_task(self._watch())

    async def close(self) -> None:
        """Close the connections, whatever is still under way."""
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        await self._client.aclose()

    async def run(self, query: Query, caller: Caller) -> Answer:
        """Answer the query. Who asks does not matter: the server has no worker time to share out.

        Raises Busy, DeadlineExceeded after `query_timeout` seconds, AnswerTooLarge, and the errors of
        `endpoint.Endpoint.ask`, `.check` and `.read`. Cancelling closes the connection, which is all that can be done.
        """
        asked = self._endpoint.ask(query)
        generation = self._generation
        media_type, body = await self._ask(asked)
        arguments = (asked, query, media_type, body, self._settings.answer_bytes)
        if len(body) < _THREADED:
            return Answer(*self._endpoint.read(*arguments), generation)
        return Answer(*await asyncio.to_thread(self._endpoint.read, *arguments), generation)

    answer = run

    async def info(self) -> StoreInfo:
        """What the server holds. Quads are counted once a generation."""
        if self._info is None or self._info.generation != self._generation:
            generation = self._generation
            (row,) = await self._rows(_count(self._endpoint))
            self._info = StoreInfo(self._endpoint.engine.label, generation, int(row["quads"]), self._endpoint.url)
        else:
            await self._look()
        return self._info

    async def _look(self) -> None:
        self._reachable = False
        self._generation = _generation(await self._rows(_STATE))
        self._reachable = True

    async def _watch(self) -> None:
        """Follow the generation. A server that is away keeps the last one, and is asked again."""
        lost = False
        while True:
            await asyncio.sleep(_WATCH)
            try:
                await self._look()
                lost = False
            except TrialweaveError as error:
                if not lost:
                    _log.error("%s", error.message)
                lost = True

    async def _rows(self, text: str) -> list[dict[str, str]]:
        asked = self._endpoint.ask(Query(text))
        return self._endpoint.rows(asked, *await self._ask(asked))

    async def _ask(self, asked: Asked) -> tuple[str, bytes]:
        with self._counts.counted() as run:
            return await self._asked_for(asked, run.begin)

    async def _asked_for(self, asked: Asked, begin: Callable[[], None]) -> tuple[str, bytes]:
        async with self._slot():
            begin()
            try:
                async with asyncio.timeout(self._settings.query_timeout):
                    return await self._received(asked)
            except TimeoutError:
                raise DeadlineExceeded(
                    f"The query ran longer than {self._settings.query_timeout:g} seconds and was stopped; ask for less."
                ) from None

    async def _received(self, asked: Asked) -> tuple[str, bytes]:
        body = bytearray()
        with self._endpoint.connection_errors():
            headers = {"Accept": asked.accept}
            async with self._client.stream("POST", self._endpoint.url, data=asked.fields, headers=headers) as got:
                async for block in got.aiter_bytes():
                    _take(body, block, self._settings.answer_bytes)
        self._endpoint.check(got.status_code, got.headers, bytes(body))
        return got.headers.get("content-type", ""), bytes(body)

    @asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        """One of `store_connections`; waiting for it is limited as waiting for a worker is."""
        if self._free.locked() and self._waiting >= self._settings.queue:
            raise Busy(f"{self._waiting} queries are waiting already; try again in a few seconds.")
        self._waiting += 1
        try:
            async with asyncio.timeout(self._settings.queue_wait):
                await self._free.acquire()
        except TimeoutError:
            raise Busy(
                f"The store was asked by others for {self._settings.queue_wait:g} seconds; try again later."
            ) from None
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._free.release()


def _take(body: bytearray, block: bytes, limit: int | None) -> None:
    if limit is not None and len(body) + len(block) > limit:
        raise AnswerTooLarge(f"The answer has more than {limit:,} bytes; add LIMIT, or ask for less.")
    body += block


def _generation(state: Iterable[Mapping[str, str]]) -> int:
    numbers = (int(row["o"]) for row in state if row["p"] == "urn:trialweave:generation")
    return max(numbers, default=0)


def _is_loading(state: Iterable[Mapping[str, str]]) -> bool:
    return any(row["p"] == "urn:trialweave:loading" for row in state)


def _bookkeeping(verb: str, triple: str) -> str:
    return f"{verb} DATA {{ GRAPH <{BOOKKEEPING}> {{ {triple} }} }}"


def _count(endpoint: Endpoint) -> str:
    own = (BOOKKEEPING, *endpoint.engine.system_graphs)
    return _COUNT.format(graphs=", ".join(f"<{graph}>" for graph in own))


def _named(text: str) -> ox.NamedNode:
    try:
        return ox.NamedNode(text)
    except ValueError as error:
        raise BadRequest(f"{text!r} is not an IRI: {error}.") from error


def _subjects(change: ReplaceSubjects) -> set[ox.NamedNode]:
    """The subjects of the triples to come; what is no N-Triples is refused when they are compared."""
    with suppress(SyntaxError):
        quads = ox.parse(change.triples, format=ox.RdfFormat.N_TRIPLES)
        return {quad.subject for quad in quads if isinstance(quad.subject, ox.NamedNode)}
    return set()


def _by_graph(files: Sequence[Path]) -> dict[ox.NamedNode, list[ox.Triple]]:
    """The triples of N-Quads files by graph, in the order in which the graphs are last named.

    So a graph comes after those that were complete before it, and a load that breaks off leaves no graph unsaid of
    which the provenance, which every document ends with, speaks. Raises BadRequest.
    """
    graphs: dict[ox.NamedNode, list[ox.Triple]] = {}
    latest: ox.NamedNode | None = None
    for path in files:
        try:
            with engine_errors(f"reading {path}"):
                for quad in ox.parse(path=str(path), format=ox.RdfFormat.N_QUADS):
                    name = _checked(quad)
                    if name != latest:
                        graphs[name] = graphs.pop(name, [])
                        latest = name
                    graphs[name].append(quad.triple)
        except SyntaxError as error:
            raise BadRequest(f"Not N-Quads, so nothing was loaded from {path.name}: {error}.") from error
    return graphs


def _checked(quad: ox.Quad) -> ox.NamedNode:
    if not isinstance(quad.graph_name, ox.NamedNode):
        raise BadRequest(f"{quad.triple} stands in no named graph; name one on every line. Nothing was loaded.")
    if has_blank_node(quad.triple):
        raise BadRequest(f"{quad.triple} has a blank node; give it an IRI. Nothing was loaded.")
    return quad.graph_name
