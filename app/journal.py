"""What a load has stored before it ends: so that the same load, started again after it was stopped, goes on there.

`unfinished/` in the data directory holds a checkpoint of the writer's private copy, and JSON lines: the first says
which run it is, each other one which records the checkpoint holds more than the one before. A line is what makes a
checkpoint exist. Readers know nothing of it: the run becomes visible when it is published, as always.
"""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from app.errors import StoreError
from app.store.generations import engine_errors
from app.store.opening import Writer

__all__ = ["Journal", "Stored"]


@dataclass(frozen=True, slots=True)
class Stored:
    """A record that a run has stored: the SHA-256 of its source, its graph, and the date of its version."""

    sha256: str
    graph: str
    date: str | None


@dataclass(slots=True)
class Journal:
    """The journal of the run with this key, which says all that its result depends on.

    Without a key none is kept, nor for a store that shows at once what it is given and has nothing to go back to.
    `touched` are the keys of studies whose sources are to be compared when the run ends.
    """

    store: Writer
    key: str | None
    touched: set[str] = field(default_factory=set)
    _waiting: list[Stored] = field(default_factory=list)
    _number: int = 0

    def resume(self) -> list[Stored]:
        """Let the store hold what the interrupted run of this key had stored, and return those records.

        A journal of another run, or from before the current generation, is thrown away.
        """
        if self._is_kept and (records := self._read()):
            return records
        self.touched, self._number = set(), 0
        self.end()
        return []

    def add(self, stored: Stored) -> None:
        """Take note of a record that was given to the store."""
        self._waiting.append(stored)

    def __len__(self) -> int:
        """Return how many records wait for the next checkpoint."""
        return len(self._waiting)

    def checkpoint(self, touched: set[str]) -> Callable[[], None]:
        """Return what makes a checkpoint of all records so far, to be called when the store has them."""
        records, self._waiting = self._waiting, []
        keys = sorted(touched - self.touched)
        self.touched.update(keys)
        return (lambda: self._write(records, keys)) if self._is_kept else (lambda: None)

    def end(self) -> None:
        """Throw the journal away: the run was published, or had nothing to publish."""
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def _is_kept(self) -> bool:
        return self.key is not None and self.store.is_private

    @property
    def _folder(self) -> Path:
        return self.store.data.path / "unfinished"

    @property
    def _lines(self) -> Path:
        return self._folder / "records.jsonl"

    def _head(self) -> dict[str, object]:
        return {"run": self.key, "after": self.store.data.current()}

    def _read(self) -> list[Stored]:
        """Restore the last checkpoint and return its records; none when there is no checkpoint of this run."""
        try:
            text = self._lines.read_bytes()
            whole = text[: text.rfind(b"\n") + 1]  # A line without an end was cut off when the run was killed.
            head, *lines = map(json.loads, whole.splitlines())
            if head != self._head():
                return []
            records = [Stored(*record) for line in lines for record in line["records"]]
            self.touched = {key for line in lines for key in line["touched"]}
            self._number = lines[-1]["checkpoint"]
            self.store.restore(self._folder / str(self._number))
        except (OSError, ValueError, LookupError, TypeError, StoreError):
            return []  # There is none, or a power cut has spoilt it: the run starts anew.
        self._drop_leftovers(len(whole))
        return records

    def _write(self, records: list[Stored], touched: list[str]) -> None:
        with engine_errors(f"writing {self._folder}"):
            if not self._lines.exists():
                self._folder.mkdir(parents=True, exist_ok=True)
                self._lines.write_text(json.dumps(self._head()) + "\n", encoding="ascii")
            self._number += 1
            self.store.checkpoint(self._folder / str(self._number))
            rows = [(record.sha256, record.graph, record.date) for record in records]
            line = {"checkpoint": self._number, "records": rows, "touched": touched}
            with self._lines.open("a", encoding="ascii") as lines:
                lines.write(json.dumps(line) + "\n")
            shutil.rmtree(self._folder / str(self._number - 1), ignore_errors=True)

    def _drop_leftovers(self, size: int) -> None:
        with self._lines.open("ab") as lines:
            lines.truncate(size)
        for folder in self._folder.iterdir():
            if folder.is_dir() and folder.name != str(self._number):
                shutil.rmtree(folder, ignore_errors=True)
