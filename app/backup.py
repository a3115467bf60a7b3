"""Backups: a published generation in a folder of its own, with a manifest that says what it must hold.

A backup is a data directory like any other, with `BACKUP.json` beside its generation. It is made in a folder whose name
ends in `.part` and gets its name when it is whole, so that a backup that was killed is never taken for one. Readers and
writers go on meanwhile: a published generation never changes, and is held until it has been copied.
"""

import json
import shutil
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import NoReturn

import pyoxigraph as ox

from app.errors import StoreDamaged, StoreError, StoreUnreadable
from app.store.embedded import copy_published
from app.store.fingerprint import fingerprint, total
from app.store.generations import ENGINE, DataDirectory, engine_errors
from app.store.union import named_quads

__all__ = ["MANIFEST", "BackupManifest", "back_up", "read_manifest", "restore"]

MANIFEST = "BACKUP.json"
"""The manifest's file name in a backup. A folder without it is no backup, or one that did not come to its end."""

_KEPT = ("quarantine", "runs")
"""What else of a data directory goes into a backup: what was turned away, and the manifests of loads."""


@dataclass(frozen=True, slots=True)
class BackupManifest:
    """What a backup holds. `quads` and `fingerprint` are those of all named graphs; `made` is an xsd:dateTime."""

    generation: int
    quads: int
    fingerprint: str
    made: str
    version: str
    engine: str


def back_up(data: Path, target: Path) -> BackupManifest:
    """Write the published generation of a data directory into the new folder `target`, and return its manifest.

    Reading each quad for the fingerprint takes about 4 s a million. On the disk of the data, the engine's files are
    shared with the data directory, not copied. Raises StoreError when `target` exists or nothing was published,
    StoreInUse while another backup is being made there, StoreFull.
    """
    if target.exists():
        raise StoreError(f"{target} exists; a backup needs a new folder.")
    part = target.with_name(f"{target.name}.part")
    _clear(part)
    try:
        number = copy_published(DataDirectory(data), part)
        with engine_errors(f"writing {target}"):
            for name in _KEPT:
                _copy_files(data / name, part / name)
            manifest = _manifest(part, number)
            (part / MANIFEST).write_text(json.dumps(asdict(manifest), indent=1) + "\n", encoding="utf-8")
            part.rename(target)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    return manifest


def restore(backup: Path, data: Path, *, verify: bool) -> BackupManifest:
    """Publish what a backup holds as the next generation of a data directory, made if need be, and return its manifest.

    With `verify`, every quad is counted and hashed before, and nothing changes when that is not what was backed up.
    Servers follow within a second, and `rollback` goes back. The quarantine is replaced by that of the backup.
    Raises StoreUnreadable when `backup` is none, StoreDamaged when it is not what its manifest says, StoreInUse.
    """
    manifest = read_manifest(backup)
    target = DataDirectory(data)
    with DataDirectory(backup).lease() or _nothing(backup) as lease, engine_errors(f"reading {backup}"):
        store = ox.Store.read_only(str(lease.path))
        if verify:
            _compare(backup, manifest, *_held(store))
        target.lock()
        try:
            target.publish(store, after=manifest.generation - 1)
            shutil.rmtree(data / "quarantine", ignore_errors=True)
            for name in _KEPT:
                _copy_files(backup / name, data / name)
        finally:
            target.unlock()
    return manifest


def read_manifest(backup: Path) -> BackupManifest:
    """Return the manifest of a backup. Raises StoreUnreadable when there is none that can be read."""
    path = backup / MANIFEST
    try:
        return BackupManifest(**json.loads(path.read_text(encoding="utf-8")))
    except (FileNotFoundError, NotADirectoryError):
        raise StoreUnreadable(
            f"{backup} has no {MANIFEST}, so it is no backup, or one that did not come to its end."
        ) from None
    except (OSError, ValueError, TypeError) as error:
        raise StoreUnreadable(f"{path} cannot be read ({error}); take another backup.") from error


def _manifest(part: Path, number: int) -> BackupManifest:
    with DataDirectory(part).lease(number) or _nothing(part) as lease:
        quads, held = _held(ox.Store.read_only(str(lease.path)))
    made = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return BackupManifest(number, quads, held, made, version("trialweave"), ENGINE)


def _held(store: ox.Store) -> tuple[int, str]:
    """How many quads there are in named graphs, and their fingerprint."""
    graphs = fingerprint(f"{quad} .\n".encode() for quad in named_quads(store))
    return sum(quads for quads, _ in graphs.values()), total(graphs)


def _compare(backup: Path, manifest: BackupManifest, quads: int, held: str) -> None:
    if (quads, held) != (manifest.quads, manifest.fingerprint):
        raise StoreDamaged(
            f"{backup} holds {quads:,} quads with fingerprint {held}, and its manifest says "
            f"{manifest.quads:,} with {manifest.fingerprint}: it was changed or damaged. Nothing was restored."
        )


def _nothing(folder: Path) -> NoReturn:
    raise StoreUnreadable(f"{folder} holds no published generation, so there is nothing to restore.")


def _clear(part: Path) -> None:
    """Remove what a killed backup left. Raises StoreInUse when it still runs, StoreUnreadable for what is not ours."""
    if part.exists():
        left = DataDirectory(part)
        left.lock()
        left.unlock()
        shutil.rmtree(part, ignore_errors=True)


def _copy_files(source: Path, target: Path) -> None:
    """Copy the files of a folder. They are written whole and renamed; one that goes meanwhile is no longer wanted."""
    if not source.is_dir():
        return
    target.mkdir(parents=True, exist_ok=True)
    for entry in source.iterdir():
        if entry.suffix not in (".tmp", ".part"):
            with suppress(FileNotFoundError):
                shutil.copy2(entry, target / entry.name)
