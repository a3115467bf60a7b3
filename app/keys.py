"""Keys for writing over HTTP: random, kept as hashes only, with a scope and an end (RFC 6750 for how they are sent).

A key is long and random, so a plain SHA-256 of it cannot be turned round; nothing slower is needed.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from hmac import compare_digest
from pathlib import Path
from secrets import token_hex, token_urlsafe

from app.errors import BadRequest, NotFound, StoreError

__all__ = ["ApiKey", "ApiKeys", "Scope"]

_PREFIX = "tw_"


class Scope(StrEnum):
    """What a key allows: to read, to write into graphs of one's own too, to write into those of the loaders as well."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key, without the key itself. Times are xsd:dateTime in UTC; a key without `expires` has no end."""

    id: str
    name: str
    scope: Scope
    created: str
    expires: str | None
    hash: str

    @property
    def expired(self) -> bool:
        """Whether the key's time is over."""
        return self.expires is not None and datetime.fromisoformat(self.expires) <= datetime.now(UTC)


class ApiKeys:
    """The keys in one file, which only its owner may read. A file that is not there holds none."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def create(self, name: str, scope: Scope, days: int | None = None) -> tuple[str, ApiKey]:
        """Make a key that holds for that many days, and return it with its record: it cannot be had again."""
        now = datetime.now(UTC).replace(microsecond=0)
        expires = (now + timedelta(days=days)).isoformat() if days is not None else None
        text = _PREFIX + token_urlsafe(32)
        key = ApiKey(token_hex(4), name, scope, now.isoformat(), expires, _hash(text))
        self._write([*self.all(), key])
        return text, key

    def all(self) -> list[ApiKey]:
        """The keys, oldest first. Raises StoreError when the file cannot be read."""
        try:
            entries = json.loads(self.path.read_bytes())
            return [replace(key, scope=Scope(key.scope)) for key in (ApiKey(**entry) for entry in entries)]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, TypeError) as error:
            raise StoreError(f"The keys in {self.path} cannot be read ({error}); restore the file.") from error

    def revoke(self, id: str) -> ApiKey:
        """Take a key back, from the next request on. Raises NotFound."""
        keys = self.all()
        revoked = next((key for key in keys if key.id == id), None)
        if revoked is None:
            raise NotFound(f"There is no key {id} in {self.path}; `trialweave keys list` shows those there are.")
        self._write([key for key in keys if key is not revoked])
        return revoked

    def find(self, text: str) -> ApiKey | None:
        """The record of a key that holds now, if it is one."""
        hashed = _hash(text)
        # Every hash is compared, and in constant time, so that the time taken tells nothing.
        matching = [key for key in self.all() if compare_digest(key.hash, hashed)]
        return next((key for key in matching if not key.expired), None)

    def _write(self, keys: Sequence[ApiKey]) -> None:
        temporary = self.path.with_name(f"{self.path.name}.new")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            temporary.unlink(missing_ok=True)
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump([asdict(key) for key in keys], file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self.path)
        except OSError as error:
            raise BadRequest(f"The keys cannot be written to {self.path}: {error.strerror or error}.") from error


def _hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()
