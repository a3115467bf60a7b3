"""What was fetched, kept as it came, so that a stopped run goes on where it was and no server is asked twice.

An answer is kept under a digest of its request. It appears under that name as a whole or not at all.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from loaders.fetch.http import Clock

__all__ = ["DAY", "Cache"]

DAY = 24 * 60 * 60
"""Seconds for which an answer is good that says nothing of the version of its data."""


class Cache:
    """A folder of answers, one subfolder a shelf. With `refresh`, what an earlier run left is not used."""

    def __init__(self, folder: Path, *, refresh: bool = False, clock: Clock | None = None) -> None:
        self.folder = folder
        self._refresh = refresh
        self._clock = clock or Clock()
        self._written: set[Path] = set()

    def get(self, shelf: str, request: Mapping[str, str], max_age: float | None = None) -> bytes | None:
        """Return the kept answer to a request, or None. `max_age` is in seconds; without it age does not matter."""
        path = self._path(shelf, request)
        if self._refresh and path not in self._written:
            return None
        try:
            if max_age is not None and self._clock.now() - path.stat().st_mtime > max_age:
                return None
            return path.read_bytes()
        except FileNotFoundError:
            return None

    def put(self, shelf: str, request: Mapping[str, str], answer: bytes) -> None:
        """Keep an answer, in place of an earlier one. Raises OSError, when the disk is full for example."""
        path = self._path(shelf, request)
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, suffix=".part")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(answer)
            os.utime(temporary, (self._clock.now(),) * 2)
            Path(temporary).replace(path)
        except BaseException:
            with suppress(OSError):
                Path(temporary).unlink()
            raise
        self._written.add(path)

    def clear(self, shelf: str) -> None:
        """Throw away all answers on a shelf and below it."""
        shutil.rmtree(self.folder / shelf, ignore_errors=True)

    def keep_only(self, shelf: str) -> None:
        """Throw away the shelves beside one: answers of other versions of the data, which will not be asked for."""
        kept = self.folder / shelf
        with suppress(FileNotFoundError):
            for other in kept.parent.iterdir():
                if other != kept:
                    shutil.rmtree(other, ignore_errors=True)

    def _path(self, shelf: str, request: Mapping[str, str]) -> Path:
        digest = sha256(json.dumps(sorted(request.items())).encode()).hexdigest()
        return self.folder / shelf / digest
