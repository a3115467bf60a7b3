"""What is well on this machine and in a data directory, and what to do about what is not."""

import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version

from app.errors import TrialweaveError
from app.resources import ONTOLOGY_FILE, SHAPES, VALUES_FILE
from app.settings import Settings
from app.store.opening import open_reader
from app.store.quarantine import Quarantine
from app.store.workers import isolation

__all__ = ["Finding", "examine"]

LEAST_FREE = 1024**3
"""Bytes that should be free on the disk of the data directory: a load needs room for one more generation."""


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
        for look in (_software, _files, _disk, _store, _quarantine, _workers)
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
    for package in ("trialweave", "pyoxigraph", "rdflib", "pyshacl", "fastapi"):
        yield Finding(package, True, version(package))


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
    state = f"{free / 1024**3:.1f} GiB free" + ("" if free >= LEAST_FREE else "; make room before loading")
    yield Finding("disk", free >= LEAST_FREE, state)
    writable = os.access(place, os.W_OK)
    yield Finding("permission", writable, f"{place} is writable" if writable else f"{place} cannot be written to")


def _store(settings: Settings) -> Iterator[Finding]:
    if settings.store_url is None and not settings.data.exists():
        yield Finding("data", True, f"{settings.data} does not exist yet; trialweave load makes it")
        return
    with open_reader(settings.data) as reader:
        info = reader.info()
    yield Finding("data", True, f"{info.location}: generation {info.generation}, {info.quads:,} quads, {info.engine}")


def _quarantine(settings: Settings) -> Iterator[Finding]:
    rejected = sum(1 for _ in Quarantine(settings.data).entries())
    state = f"{rejected} graphs; see trialweave quarantine" if rejected else "empty"
    yield Finding("quarantine", True, state)


def _workers(settings: Settings) -> Iterator[Finding]:
    if settings.store_url is not None:
        return
    memory = f"{settings.worker_memory / 1024**3:.1f} GiB each, stopped after {settings.query_timeout:g} s"
    yield Finding("query workers", True, f"{settings.workers}, {memory}; {isolation()}")
