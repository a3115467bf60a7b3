"""The inspector's process: it looks through long queries, and takes no time from others.

Forked for `inspector.Inspector` by `app.store.forking`, with the frames of `app.store.worker`: a request is
`{"limits": {…}, "services": …}` with the text, an answer `{"form": …, "repeatable": …}`.
"""

import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.query.guard import QueryForm, check_query, is_repeatable
from app.store.worker import serve

__all__ = ["GivenLimits", "examine", "main"]


@dataclass(frozen=True, slots=True)
class GivenLimits:
    """The `Limits` of the guard, as they are sent to the process."""

    query_bytes: int
    values_bytes: int
    query_depth: int
    query_branches: int


def main(connection: socket.socket, _: Path, __: int) -> None:
    """Look through the parent's queries."""
    serve(connection, lambda: _answer)


def _answer(request: dict[str, Any], text: bytes) -> tuple[dict[str, Any], bytes]:
    form, repeatable = examine(text.decode(), GivenLimits(**request["limits"]), services=request["services"])
    return {"form": form.value, "repeatable": repeatable}, b""


def examine(text: str, limits: GivenLimits, *, services: bool) -> tuple[QueryForm, bool]:
    """The form of the query, and whether its answer may be given again. Raises what `check_query` does."""
    return check_query(text, limits, services=services), is_repeatable(text)
