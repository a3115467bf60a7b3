"""The validation worker: a process that reads what a stranger sent, and may die of it.

Started by `pool.ValidatorPool` as `python -m app.validation.worker MEMORY SECONDS`, with frames as in
`app.store.worker` on standard input and output: a request is `{"content_type": …, "type": …}` with the body, an answer
`{}` with the report in the media type `type`, or `{"error": …, "message": …}`.
"""

import json
import os
import signal
import sys
import threading
from typing import Any, BinaryIO

import orjson
import pyoxigraph as ox

from app.errors import TrialweaveError, UnreadableDocument
from app.store.evaluation import GRAPH_TYPES, PREFIXES
from app.store.fitting import fitted
from app.store.worker import HEADER, STACK, leave_network, limit_memory
from app.validation.checking import Validation, validate
from app.validation.reading import kind_of
from loaders import gate

__all__ = ["JSON", "main"]

JSON = "application/json"
"""The media type of the report in plain JSON."""

_SH = "http://www.w3.org/ns/shacl#"
_GRACE = 1.0


def main() -> None:
    """Serve the parent until it closes standard input or dies."""
    memory, seconds = int(sys.argv[1]), float(sys.argv[2])
    leave_network()
    limit_memory(memory)
    threading.stack_size(STACK)
    # The parent stops a validation at the deadline. Should the parent be gone, the kernel does, whoever holds the lock
    # of the interpreter.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    gate.validate(b"")  # Prepares the shapes, so that no client waits for that.
    thread = threading.Thread(target=_serve, args=(sys.stdin.buffer, os.fdopen(os.dup(1), "wb"), seconds + _GRACE))
    thread.start()


def _serve(requests: BinaryIO, answers: BinaryIO, seconds: float) -> None:
    """Answer one request after the other. What is no error of the client ends the process, not just this thread."""
    try:
        _send(answers, {"ready": True})
        while frame := requests.read(HEADER.size):
            length, size = HEADER.unpack(frame)
            request = json.loads(requests.read(length))
            signal.setitimer(signal.ITIMER_REAL, seconds)
            try:
                body = _answer(requests.read(size), request)
                _send(answers, {}, body)
            except TrialweaveError as error:
                _send(answers, _failure(error))
            signal.setitimer(signal.ITIMER_REAL, 0)
    except BaseException:
        os._exit(1)


def _answer(data: bytes, request: dict[str, str]) -> bytes:
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


def _failure(error: TrialweaveError) -> dict[str, Any]:
    position = {"line": error.line, "column": error.column} if isinstance(error, UnreadableDocument) else {}
    return {"error": type(error).__name__, "message": error.message, **position}


def _send(answers: BinaryIO, header: dict[str, Any], body: bytes = b"") -> None:
    text = json.dumps(header).encode()
    answers.write(HEADER.pack(len(text), len(body)) + text + body)
    answers.flush()


if __name__ == "__main__":
    main()
