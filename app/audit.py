"""The audit log: what was to be written, by whom, noted before it is done, and what became of it afterwards.

One JSON object a line in `audit.log` of the data directory. The two lines of a write share its request id, so a line
without a second one tells of a write that was cut off.
"""

import json
import os
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from app.store.generations import engine_errors

__all__ = ["Audit"]


class Audit:
    """The audit log of one data directory."""

    def __init__(self, data: Path) -> None:
        self.path = data / "audit.log"

    def begin(self, request: str, who: str, what: str, text: bytes) -> None:
        """Note what is about to be done, so that it stays noted whatever happens. Raises StoreError, StoreFull."""
        digest = sha256(text).hexdigest()
        self._append({"request": request, "who": who, "what": what, "bytes": len(text), "sha256": digest}, durable=True)

    def end(self, request: str, outcome: str, generation: int | None = None) -> None:
        """Note what became of it: `done`, with the generation that shows it, or the name of the error."""
        self._append({"request": request, "outcome": outcome, "generation": generation}, durable=False)

    def _append(self, entry: dict[str, object], *, durable: bool) -> None:
        time = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = json.dumps({"time": time, **entry}, ensure_ascii=False) + "\n"
        with engine_errors(f"writing {self.path}"):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                os.write(descriptor, line.encode("utf-8", "replace"))
                if durable:
                    os.fsync(descriptor)
            finally:
                os.close(descriptor)
