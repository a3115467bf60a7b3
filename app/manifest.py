"""The manifest of a run: which documents it was given, what became of them, how long it took, by which version.

`runs/` in the data directory holds one file a run: JSON lines, one for each document in the order of the input, and one
about the run at the end. They are written as the run goes, so that a run of any size needs no memory for them; a file
whose name ends in .part is that of a run that did not come to its end.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Self

from app.store.generations import engine_errors
from loaders.documents import Document
from loaders.errors import SourceError

__all__ = ["Manifest"]


class Manifest:
    """A manifest while it is being written. A context manager."""

    def __init__(self, data: Path, format: str) -> None:
        self._started = datetime.now(UTC)
        self._format = format
        self.path = data / "runs" / f"{self._started:%Y-%m-%dT%H-%M-%S.%f}Z.jsonl"
        self._part = self.path.with_suffix(".jsonl.part")
        with engine_errors(f"writing {self._part}"):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._part.open("w", encoding="utf-8")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, document: Document | SourceError, statuses: Iterable[str]) -> None:
        """Write the line of a document: its name, its SHA-256 if it was found at all, and its records by status."""
        counts = Counter(statuses)
        if isinstance(document, Document):
            digest = sha256(document.data).hexdigest()
            self._write({"document": document.name, "sha256": digest, "bytes": len(document.data), **counts})
        else:
            self._write({"document": document.source, "problem": str(document), **counts})

    def finish(
        self, counts: dict[str, int], seconds: Mapping[str, float], generation: int, loader_version: str
    ) -> None:
        """Write the line of the run, and give the file its final name."""
        self._write(
            {
                "started": f"{self._started:%Y-%m-%dT%H:%M:%SZ}",
                "format": self._format,
                "loaderVersion": loader_version,
                "generation": generation,
                "counts": counts,
                "seconds": {stage: round(taken, 3) for stage, taken in seconds.items()},
            }
        )
        with engine_errors(f"writing {self.path}"):
            self._file.close()
            self._part.rename(self.path)

    def _write(self, line: Mapping[str, object]) -> None:
        with engine_errors(f"writing {self._part}"):
            self._file.write(
                json.dumps(line, ensure_ascii=False, default=str).encode("utf-8", "replace").decode() + "\n"
            )
