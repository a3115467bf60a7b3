"""What is well on this machine and in a data directory, and what to do about what is not."""

import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from app.errors import TrialweaveError
from app.resources import ONTOLOGY_FILE, SHAPES, VALUES_FILE
from app.settings import Settings
from app.store.generations import DataDirectory
from app.store.nursery import isolation
from app.store.opening import open_reader
from app.store.quarantine import Quarantine

__all__ = ["Finding", "examine"]

LEAST_FREE = 1024**3
"""Bytes that should be free on the disk of the data directory: a load needs room for one more generation."""

LEAST_MEMORY = 512 * 1024**2
"""Bytes of memory that should be free: what a demanding query takes."""

LONG_QUERY = 300.0
"""Seconds; a longer deadline is worth a word."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at, whether it is well, and its state in words that say what to do if it is not."""

    what: str
    well: bool
    state: str


def examine(settings: Settings) -> list[Finding]:
    """Look at everything. Nothing is changed and nothing raises."""
    return [
        finding
        for look in (_software, _settings, _files, _disk, _memory, _store, _orphans, _quarantine, _workers)
        for finding in _safely(look, settings)
    ]


def _safely(look: Callable[[Settings], Iterator[Finding]], settings: Settings) -> Iterator[Finding]:
    try:
        yield from look(settings)
    except TrialweaveError as error:
        yield Finding(look.__name__.strip("_"), False, error.message)
    except OSError as error:
        yield Finding(look.__name__.strip("_"), False, f"{error.strerror or error} ({error.filename})")


def _software(_: Settings) -> Iterator[Finding]:
    yield Finding("Python", sys.version_info >= (3, 11), f"{platform.python_version()} (3.11 or newer is needed)")
    for package in ("trialweave", "pyoxigraph", "pyshifty", "pyshacl", "rdflib", "fastapi", "uvicorn"):
        yield Finding(package, True, version(package))


def _settings(settings: Settings) -> Iterator[Finding]:
    """Name what was set, so that a strange behaviour has its cause beside it; secrets stay out."""
    for name in sorted(settings.model_fields_set - {"data"}):
        yield Finding("setting", True, f"TRIALWEAVE_{name.upper()}={getattr(settings, name)}")
    needed = (settings.workers + settings.slow_queries + settings.validators) * settings.worker_memory
    if (memory := _memory_bytes("MemTotal")) and needed > memory:
        yield Finding(
            "setting",
            settings.worker_memory <= memory,
            f"queries and validators may take {_gib(needed)} together and this machine has {_gib(memory)}; "
            "lower TRIALWEAVE_WORKER_MEMORY or TRIALWEAVE_WORKERS if all of them are ever busy",
        )
    if settings.query_timeout > LONG_QUERY:
        said = f"queries may run {settings.query_timeout:g} s, so a few of them hold all workers for that long"
        yield Finding("setting", True, said)
    if settings.write != settings.writing:
        said = f"TRIALWEAVE_WRITE={settings.write} needs a store in the data directory, not TRIALWEAVE_STORE_URL"
        yield Finding("setting", False, said)
    if settings.log_queries:
        yield Finding("setting", True, "the text of queries is written to the log, where others may read it")


def _files(_: Settings) -> Iterator[Finding]:
    missing = [path.name for path in (ONTOLOGY_FILE, VALUES_FILE, SHAPES / "study.ttl") if not path.exists()]
    yield Finding(
        "bundled files", not missing, f"missing: {', '.join(missing)}; install again" if missing else "complete"
    )


def _disk(settings: Settings) -> Iterator[Finding]:
    place = settings.data
    while not place.exists() and place != place.parent:
        place = place.parent
    free = shutil.disk_usage(place).free
    state = f"{_gib(free)} free" + ("" if free >= LEAST_FREE else "; make room before loading")
    yield Finding("disk", free >= LEAST_FREE, state)
    writable = os.access(place, os.W_OK)
    yield Finding("permission", writable, f"{place} is writable" if writable else f"{place} cannot be written to")


def _memory(settings: Settings) -> Iterator[Finding]:
    free = _memory_bytes("MemAvailable")
    if free is None:
        yield Finding("memory", True, "unknown: this platform does not tell")
        return
    enough = free >= min(settings.worker_memory, LEAST_MEMORY)
    yield Finding("memory", enough, f"{_gib(free)} free" + ("" if enough else "; stop something, or queries will fail"))


def _memory_bytes(name: str) -> int | None:
    """What Linux says of its memory, None elsewhere."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    found = [line.split() for line in lines if line.startswith(f"{name}:")]
    return 1024 * int(found[0][1]) if found else None


def _gib(size: int) -> str:
    return f"{size / 1024**3:.1f} GiB"


def _store(settings: Settings) -> Iterator[Finding]:
    if settings.store_url is None and not settings.data.exists():
        yield Finding("data", True, f"{settings.data} does not exist yet; trialweave load makes it")
        return
    with open_reader(settings.data) as reader:
        info = reader.info()
    yield Finding(
        "data", True, f"{info.location}: generation {info.generation}, {info.quads or 0:,} quads, {info.engine}"
    )


def _orphans(settings: Settings) -> Iterator[Finding]:
    """What killed writers left. The next load removes it, so it is well unless nobody loads and it holds the disk."""
    orphans, writing = DataDirectory(settings.data).orphans()
    names = ", ".join(sorted(orphan.relative_to(settings.data).as_posix() for orphan in orphans))
    if writing:
        yield Finding("orphan files", True, "a writer is at work")
    else:
        yield Finding("orphan files", not names, f"{names}; the next load removes them" if names else "none")


def _quarantine(settings: Settings) -> Iterator[Finding]:
    rejected = sum(1 for _ in Quarantine(settings.data).entries())
    state = f"{rejected} graphs; see trialweave quarantine" if rejected else "empty"
    yield Finding("quarantine", True, state)


def _workers(settings: Settings) -> Iterator[Finding]:
    if settings.store_url is not None:
        return
    memory = f"{settings.worker_memory / 1024**3:.1f} GiB each, stopped after {settings.query_timeout:g} s"
    yield Finding("query workers", True, f"{settings.workers}, {memory}; {isolation()}")
