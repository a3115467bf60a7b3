"""The validation worker: a process that reads what a stranger sent, and may die of it.

Forked for `pool.ValidatorPool` by `app.store.forking`, with the frames of `app.store.worker`: a request is
`{"content_type": …, "type": …}` with the body, an answer `{}` with the report in the media type `type`, or
`{"error": …, "message": …}`.
"""

import os
import socket
from pathlib import Path
from typing import Any

import orjson
import pyoxigraph as ox

from app.errors import AnswerTooLarge
from app.store.evaluation import GRAPH_TYPES, PREFIXES
from app.store.fitting import fitted
from app.store.worker import Answering, serve
from app.validation.checking import Validation, validate
from app.validation.reading import kind_of
from loaders import gate

__all__ = ["JSON", "main"]

JSON = "application/json"
"""The media type of the report in plain JSON."""

_SH = "http://www.w3.org/ns/shacl#"


def main(connection: socket.socket, _: Path, limit: int) -> None:
    """Validate what the parent sends; a report may have `limit` bytes."""
    # What libraries have to say about a stranger's document does not belong into the service's log.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    serve(connection, lambda: _answering(limit))


def _answering(limit: int) -> Answering:
    gate.validate(b"")  # Prepares the shapes, so that no client waits for that.

    def answer(request: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
        report = _answer(data, request)
        if len(report) > limit:
            raise AnswerTooLarge(f"The report has over {limit:,} bytes; send less at once.")
        return {}, report

    return answer


def _answer(data: bytes, request: dict[str, Any]) -> bytes:
    found = validate(data, kind_of(request["content_type"]))
    if request["type"] == JSON:
        return orjson.dumps(_as_json(found), option=orjson.OPT_INDENT_2)
    report = ox.parse(found.report.triples(found.name), format=ox.RdfFormat.N_TRIPLES)
    prefixes = {**PREFIXES, "sh": _SH, "shape": gate.SHAPE}
    form = GRAPH_TYPES[request["type"]]
    body = ox.serialize((quad.triple for quad in report), format=form, prefixes=prefixes) or b""
    return fitted(body, request["type"])


def _as_json(found: Validation) -> dict[str, Any]:
    return {
        "conforms": found.report.conforms,
        "report": found.name,
        "graphs": [
            {
                "graph": each.graph,
                "conforms": each.report.conforms,
                "remarks": each.remarks,
                "results": [
                    {
                        "focusNode": finding.focus,
                        "path": finding.path,
                        "value": finding.value,
                        "sourceShape": finding.shape,
                        "rule": finding.rule,
                        "severity": finding.severity,
                        "message": finding.message,
                        "line": finding.line,
                    }
                    for finding in each.report.findings
                ],
            }
            for each in found.checked
        ],
    }
