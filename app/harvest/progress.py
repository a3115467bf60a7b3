"""What a harvest has been answered so far, kept on disk: an interrupted one goes on, and asks nothing twice.

`harvests/` in the data directory holds one file for each endpoint and kind while it is being harvested: JSON lines, the
first about the harvest, each other one with the identifiers of a batch and what was found for them. A line that was cut
off when its writer was killed does not count.
"""

import fcntl
import json
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

from app.errors import StoreInUse
from app.store.generations import engine_errors

__all__ = ["Found", "Progress"]

_KEPT = timedelta(days=7)
"""What was answered longer ago is asked again."""

Found = Sequence[str]
"""One thing that was found: what the strings are is the harvest's affair."""


class Progress:
    """The progress of a harvest. A context manager, within which no other process can have the same one.

    Raises StoreInUse.
    """

    def __init__(self, data: Path, name: str) -> None:
        self.path = data / "harvests" / f"{name}.jsonl"
        self.asked: set[str] = set()
        self.found: list[Found] = []

    def __enter__(self) -> Self:
        with engine_errors(f"writing {self.path}"):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("a+b")
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._file.close()
                raise StoreInUse(
                    f"Another process is harvesting the same from this endpoint ({self.path}); let it end."
                ) from None
            self._take_up()
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, asked: Iterable[str], found: Sequence[Found]) -> None:
        """Keep what was found for a batch."""
        self._write({"asked": sorted(asked), "found": found})
        self._take(asked, found)

    def finish(self) -> None:
        """Forget it all: it is published."""
        with engine_errors(f"removing {self.path}"), suppress(FileNotFoundError):
            self.path.unlink()

    def _take_up(self) -> None:
        self._file.seek(0)
        whole = 0
        with suppress(ValueError, KeyError):  # A disk may have kept less than it was given.
            for line in self._file:
                entry = json.loads(line)
                if not line.endswith(b"\n") or (not whole and _is_old(entry["started"])):
                    break
                self._take(entry.get("asked", ()), entry.get("found", ()))
                whole += len(line)
        os.truncate(self._file.fileno(), whole)
        if not whole:
            self._write({"started": datetime.now(UTC).isoformat(timespec="seconds")})

    def _take(self, asked: Iterable[str], found: Iterable[Found]) -> None:
        self.asked.update(asked)
        self.found += found

    def _write(self, entry: dict[str, Any]) -> None:
        with engine_errors(f"writing {self.path}"):
            self._file.write(json.dumps(entry).encode() + b"\n")
            self._file.flush()


def _is_old(started: str) -> bool:
    return datetime.now(UTC) - datetime.fromisoformat(started) > _KEPT
