"""Events on standard error: one JSON object a line for machines, or short text for people.

An event has its time (UTC), level, words, the id of the request it belongs to (the X-Request-Id of the answer), and
fields of its own. Writing never holds the service up: events wait in a queue for one thread, and when nobody reads
them, new ones are dropped and counted.
"""

import asyncio
import json
import logging
import os
import sys
import threading
import time
from collections import deque
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

import orjson

from app.settings import Settings

__all__ = ["REQUEST_ID", "as_json", "configure", "fields", "flush"]

REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")
"""The id of the request that is being answered."""

_QUEUED = 10_000
_LAST_WORDS = 1.0
_PAUSE = 0.02
"""Seconds from one look at what is to be written to the next: whoever answers is not interrupted for each event."""

_BLOCK = 100
"""Events that are written at once."""


def _encode(event: dict[str, Any]) -> str:
    try:
        return orjson.dumps(event, default=str).decode()
    except TypeError:  # It is strict about characters, and a log must not be.
        return json.dumps(event, ensure_ascii=False, default=str)


def configure(settings: Settings) -> None:
    """Write this process's events as the settings say."""
    form = _Json() if as_json(settings) else _Text()
    handler = _Patient(sys.stderr.fileno())
    handler.setFormatter(form)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level.upper())
    # Asked for with every event, and never told.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    # What these say of each step is for those who work on them.
    for name in ("uvicorn", "httpx", "asyncio"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("uvicorn.error").addFilter(_is_fault)


def as_json(settings: Settings) -> bool:
    """Say whether events are written as JSON lines."""
    return settings.log_format == "json" or (settings.log_format == "auto" and not sys.stderr.isatty())


def fields(**values: object) -> dict[str, Any]:
    """Return what the `extra` of a logging call has to be, for these fields to be part of the event."""
    return {"fields": values}


def flush() -> None:
    """Wait a moment for the events that are still to be written."""
    for handler in logging.getLogger().handlers:
        handler.flush()


def _is_fault(record: logging.LogRecord) -> bool:
    """Say whether a record is more than the end of a request that was cancelled when the server stopped."""
    return not (record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError))


class _Patient(logging.Handler):
    """Hands lines to a thread that writes them to a descriptor, however long the reader of that takes."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._lines: deque[bytes] = deque()
        self._waiting, self._idle = threading.Event(), True
        self._dropped = 0
        threading.Thread(target=self._write, name="log", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        record.request_id = REQUEST_ID.get()
        record.dropped = self._dropped
        if len(self._lines) >= _QUEUED:
            self._dropped += 1
            return
        self._lines.append(f"{self.format(record)}\n".encode("utf-8", "backslashreplace"))
        self._dropped = 0
        if not self._waiting.is_set():
            self._waiting.set()

    def flush(self) -> None:
        last = time.monotonic() + _LAST_WORDS
        while (self._lines or not self._idle) and time.monotonic() < last:
            time.sleep(0.01)

    def _write(self) -> None:
        while self._waiting.wait():
            self._idle = False
            self._waiting.clear()
            try:
                while self._lines:
                    block = b"".join(self._lines.popleft() for _ in range(min(len(self._lines), _BLOCK)))
                    while block:
                        block = block[os.write(self._descriptor, block) :]
            except OSError:  # Nobody reads any more.
                return
            finally:
                self._idle = True
            time.sleep(_PAUSE)


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        event: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            "logger": record.name,
        }
        if request_id := getattr(record, "request_id", ""):
            event["request_id"] = request_id
        if dropped := getattr(record, "dropped", 0):
            event["dropped"] = dropped
        event |= getattr(record, "fields", {})
        if record.exc_info:
            event["traceback"] = self.formatException(record.exc_info)
        return _encode(event)


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        said = " ".join(f"{name}={value}" for name, value in getattr(record, "fields", {}).items())
        line = f"{record.levelname.lower()}: {record.getMessage()} {said}".rstrip()
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line
