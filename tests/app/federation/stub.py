"""Endpoints to be asked by SERVICE: over HTTP, from a store in memory, and as unfriendly as a test wants."""

import asyncio
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import pyoxigraph as ox

from app.federation.federation import Explanation, Federation
from app.query.guard import check_query
from app.settings import Settings
from app.store.base import Answer, Query
from app.store.evaluation import evaluate

__all__ = ["JSON", "Stub", "answered", "asking", "send", "serving", "solutions", "turtle"]

JSON = "application/sparql-results+json"


class Stub:
    """An endpoint at `url` that notes the queries it gets. `behave` may answer in its place."""

    def __init__(self, store: ox.Store, cap: int | None = None) -> None:
        self.store, self.cap = store, cap
        self.queries: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.behave: Callable[[BaseHTTPRequestHandler, str], bool] = lambda handler, query: False
        self.url = ""

    def answer(self, query: str) -> bytes:
        """The solutions as JSON, no more rows than the cap."""
        results = self.store.query(query)
        if self.cap is None:
            return results.serialize(format=ox.QueryResultsFormat.JSON)
        import json

        document = json.loads(results.serialize(format=ox.QueryResultsFormat.JSON))
        document["results"]["bindings"] = document["results"]["bindings"][: self.cap]
        return json.dumps(document).encode()


@contextmanager
def serving(
    store: ox.Store | None = None, cap: int | None = None, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> Iterator[Stub]:
    """An endpoint on a free port, behind TLS if so wanted."""
    stub = Stub(store or ox.Store(), cap)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            query = parse_qs(body)["query"][0]
            stub.queries.append(query)
            stub.headers.append(dict(self.headers))
            if not stub.behave(self, query):
                try:
                    send(self, 200, JSON, stub.answer(query))
                except SyntaxError as error:
                    send(self, 400, "text/plain", str(error).encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer((host, 0), Handler)
    server.daemon_threads = True
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    stub.url = f"http{'s' if tls else ''}://{host}:{server.server_port}/sparql"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield stub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def send(handler: BaseHTTPRequestHandler, status: int, media_type: str, body: bytes, **headers: str) -> bool:
    """Answer with this, and say that it is done."""
    handler.send_response(status)
    handler.send_header("Content-Type", media_type)
    handler.send_header("Content-Length", str(len(body)))
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)
    return True


def turtle(text: str) -> ox.Store:
    """A store with these triples; `:` is http://e/."""
    store = ox.Store()
    store.load(f"@prefix : <http://e/> . {text}".encode(), format=ox.RdfFormat.TURTLE)
    return store


def answered(
    text: str,
    local: ox.Store,
    *stubs: Stub,
    explanation: Explanation | None = None,
    media_type: str = JSON,
    **settings: object,
) -> bytes:
    """The answer to a query over a local store, where the stubs may be asked."""
    return asyncio.run(asking(text, local, [stub.url for stub in stubs], explanation, media_type, **settings))


async def asking(
    text: str,
    local: ox.Store,
    allowed: Sequence[str],
    explanation: Explanation | None = None,
    media_type: str = JSON,
    **settings: object,
) -> bytes:
    """As `answered`, in an event loop."""
    chosen = Settings.model_validate({"service_allow": ",".join(allowed), "service_cache_seconds": 0, **settings})
    federation = Federation(chosen)

    async def ask(query: Query) -> Answer:
        return Answer(*evaluate(local, query), 1)

    try:
        check_query(text, chosen, services=True)
        graph_type = media_type if media_type != JSON and "sparql" not in media_type else "text/turtle"
        query = Query(text, media_type if "sparql" in media_type or "csv" in media_type else JSON, graph_type)
        return (await federation.answer(query, ask, explanation)).body
    finally:
        await federation.close()


def solutions(body: bytes) -> list[tuple[str, ...]]:
    """JSON solutions as sorted rows, which compare as a multiset."""
    found = ox.parse_query_results(body, format=ox.QueryResultsFormat.JSON)
    names = sorted(variable.value for variable in found.variables)
    return sorted(tuple(str(row[name]) for name in names) for row in found)
