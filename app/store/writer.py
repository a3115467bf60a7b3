"""The writer: a process that changes the store for the service, and may die of any update without harm.

Forked for `writes.WriteQueue` by `app.store.forking`, with the frames of `app.store.worker`. A request is
`{"update": {…}}`, `{"put": {…}}` or `{"drop": {…}}`, with a text or documents as its body and the `checks` it has to
pass; `{"publish": true}` makes everything since the last one visible, `{"publish": false}` forgets it. The data
directory is locked from the first write to that, so that loading goes on in between.
"""

import io
import socket
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from app.errors import BadRequest, Forbidden, NotFound, Violations
from app.store.base import DEFAULT_GRAPH, Query
from app.store.embedded import PATIENCE, EmbeddedStore
from app.store.worker import Answering, serve

__all__ = ["main"]

_LOADED = DEFAULT_GRAPH.removesuffix("default")
_SHOWN = 20


def main(connection: socket.socket, data: Path, _: int) -> None:
    """Do the writes of the parent."""
    serve(connection, lambda: _answering_writes(data))


def _answering_writes(data: Path) -> Answering:
    writer = _Writer(data)

    def answer(request: dict[str, Any], body: bytes) -> tuple[dict[str, Any], bytes]:
        if "publish" in request:
            return {"generation": writer.finish(publish=request["publish"])}, b""
        return writer.write(request, body), b""

    return answer


class _Writer:
    """The store, open from the first write to the publication."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._store: EmbeddedStore | None = None
        self._changed = False

    def write(self, request: dict[str, Any], body: bytes) -> dict[str, Any]:
        """Do one write, all or nothing. The answer says whether it made a graph."""
        store = self._store = self._store or EmbeddedStore(self._data, PATIENCE)

        def check(graphs: frozenset[str]) -> None:
            if request["checks"]["only_own"]:
                _refuse_loaded(graphs)
            if request["checks"]["shapes"]:
                _validate(store, graphs)
            self._changed |= bool(graphs)

        if update := request.get("update"):
            store.update(body.decode(), update["using"], update["using_named"], base_iri=update["base"], check=check)
            return {"created": False}
        if put := request.get("put"):
            new = store.put(put["graph"], _documents(put["parts"], body), replace=put["replace"], check=check)
            return {"created": new}
        graph = request["drop"]["graph"]
        if graph != DEFAULT_GRAPH and not store.holds(graph):
            raise NotFound(f"There is no graph {graph}.")
        store.update(f"DROP SILENT GRAPH <{graph}>", check=check)
        return {"created": False}

    def finish(self, *, publish: bool) -> int:
        """Publish what was changed, or forget it, and let go of the directory. Returns the published generation."""
        store, self._store = self._store, None
        changed, self._changed = self._changed, False
        if store is None:
            raise BadRequest("There was no write before this.")
        with store:
            return store.publish(written=True) if publish and changed else store.data.current()


def _documents(parts: Sequence[tuple[str, int]], body: bytes) -> list[tuple[str, bytes]]:
    """Cut the body into documents, given the media type and the size of each."""
    stream = io.BytesIO(body)
    return [(media_type, stream.read(size)) for media_type, size in parts]


def _refuse_loaded(graphs: Iterable[str]) -> None:
    for graph in sorted(graphs):
        if graph.startswith(_LOADED) and graph != DEFAULT_GRAPH:
            raise Forbidden(
                f"Graph {graph} is kept by the loaders, and your key writes into other graphs; use a key with the "
                "scope admin. Nothing was changed."
            )


def _validate(store: EmbeddedStore, graphs: Iterable[str]) -> None:
    from loaders import gate  # brings the validator, which takes a while

    lines = []
    for graph in sorted(graphs):
        content = Query(
            "CONSTRUCT { ?s ?p ?o } WHERE { ?s ?p ?o }", graph_type="application/n-triples", default_graphs=(graph,)
        )
        triples = store.query(content).body
        if not triples:
            continue  # The graph is gone, and says nothing wrong.
        report = gate.validate(triples)
        lines += [f"{graph}: {finding.line}" for finding in report.findings if finding.severity == "Violation"]
    if lines:
        more = f"\n… and {len(lines) - _SHOWN} more" if len(lines) > _SHOWN else ""
        listed = "\n".join(lines[:_SHOWN])
        raise Violations(f"The write breaks the SHACL shapes, so nothing was changed:\n{listed}{more}")
