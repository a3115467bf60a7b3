"""What a long run has to remember of every record, on disk: half a million records take no more memory than one.

A file of SQLite that lives as long as the run; what is asked often stays in a cache of a fixed size. Nothing is ever
committed or flushed, for a run that ends has no use for it any more.
"""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["Dates", "Several", "Shelf"]

_CACHE_KIB = 16 * 1024


class Shelf:
    """Tables in a file, or in memory as long as they are small enough when no `path` is given.

    Used by one thread at a time. Everything raises sqlite3.Error when the disk is full.
    """

    def __init__(self, path: Path | None = None) -> None:
        """Open a new file. An empty name is one that SQLite makes when it needs it, and removes."""
        if path:
            path.unlink(missing_ok=True)  # A killed run leaves its own.
        self._connection = sqlite3.connect(path or "", isolation_level=None, check_same_thread=False)
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "locking_mode=EXCLUSIVE", f"cache_size=-{_CACHE_KIB}"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.execute("BEGIN")

    def run(self, statement: str, *values: object) -> list[Any]:
        """Execute a statement, and return its rows."""
        return self._connection.execute(statement, values).fetchall()

    def stream(self, statement: str, *values: object) -> Iterator[Any]:
        """Execute a query, and yield its rows. Nothing may be changed meanwhile."""
        return self._connection.execute(statement, values)


class Several:
    """The few values of each key, in the order of the values."""

    def __init__(self, shelf: Shelf, name: str) -> None:
        """Make the table of this name."""
        self._shelf = shelf
        shelf.run(f"CREATE TABLE {name} (key TEXT, value TEXT, PRIMARY KEY (key, value)) WITHOUT ROWID")
        self._of = f"SELECT value FROM {name} WHERE key = ?"
        self._add = f"INSERT OR IGNORE INTO {name} VALUES (?, ?)"
        self._discard = f"DELETE FROM {name} WHERE key = ? AND value = ?"

    def of(self, key: str) -> list[str]:
        """Return the values of a key."""
        return [value for (value,) in self._shelf.run(self._of, key)]

    def add(self, key: str, value: str) -> None:
        """Give a key a value that it may have already."""
        self._shelf.run(self._add, key, value)

    def discard(self, key: str, value: str) -> None:
        """Take a value from a key that may not have it."""
        self._shelf.run(self._discard, key, value)


class Dates:
    """The date of each graph that a run has brought; None where its source states none."""

    def __init__(self, shelf: Shelf) -> None:
        """Make the table."""
        self._shelf = shelf
        shelf.run("CREATE TABLE dates (graph TEXT PRIMARY KEY, date TEXT) WITHOUT ROWID")

    def __contains__(self, graph: str) -> bool:
        return bool(self._shelf.run("SELECT 1 FROM dates WHERE graph = ?", graph))

    def __getitem__(self, graph: str) -> str | None:
        ((date,),) = self._shelf.run("SELECT date FROM dates WHERE graph = ?", graph)
        return str(date) if date else None

    def __setitem__(self, graph: str, date: str | None) -> None:
        self._shelf.run("INSERT OR REPLACE INTO dates VALUES (?, ?)", graph, date)

    def __len__(self) -> int:
        return int(self._shelf.run("SELECT COUNT(*) FROM dates")[0][0])
