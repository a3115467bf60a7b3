"""Disks that are full or read-only: one clear sentence, and what was published is served as before."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from app.store.base import Query
from app.store.embedded import EmbeddedReader
from app.store.workers import WorkerPool
from tests.paths import ROOT

MEGABYTES = 48

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own, in memory, with the bundled studies in the folder data."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = _mount("-t", "tmpfs", "-o", f"size={MEGABYTES}m", "tmpfs", str(place))
    if mounted.returncode:
        pytest.skip(f"needs the right to mount a disk: {mounted.stderr.strip()}")
    try:
        done = trialweave("load", "studies", "--data", str(place / "data"))
        assert done.returncode == 0, done.stderr
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=False)


def _mount(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)


def trialweave(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the command as its users do."""
    command = [str(Path(sys.executable).parent / "trialweave"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=ROOT, env={**os.environ})
    assert "Traceback" not in done.stderr + done.stdout
    return done


def fill(disk: Path) -> Path:
    """Leave no room on the disk."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(b"\0" * 65536):
            pass
    return filler


def served(data: Path) -> int:
    """The quads that a service on the directory counts, after it has answered a query."""

    async def ask() -> int:
        pool = WorkerPool(data, Settings(data=data, workers=1))
        await pool.start()
        try:
            assert b"true" in (await pool.run(Query("ASK { ?s ?p ?o }"))).body
            return (await pool.info()).quads
        finally:
            await pool.close()

    return asyncio.run(ask())


def changed_study(tmp_path: Path) -> str:
    """A study as it is bundled, with another number of patients."""
    text = (ROOT / "studies" / "oh-2018.yaml").read_text()
    path = tmp_path / "oh-2018.yaml"
    path.write_text(text.replace("enrollment: 64", "enrollment: 65"))
    return str(path)


def test_a_load_onto_a_full_disk_says_so_and_changes_nothing(disk: Path, tmp_path: Path) -> None:
    data, before = disk / "data", served(disk / "data")
    filler = fill(disk)
    done = trialweave("load", changed_study(tmp_path), "--data", str(data))
    assert done.returncode == 1
    assert "disk is full" in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr
    assert served(data) == before
    with EmbeddedReader(data) as reader:
        assert reader.generation == 1
    filler.unlink()
    assert trialweave("load", changed_study(tmp_path), "--data", str(data)).returncode == 0


def test_a_write_over_http_onto_a_full_disk_says_so_and_the_service_goes_on(disk: Path) -> None:
    settings = Settings(data=disk / "data", workers=1, write="open")
    with TestClient(create_app(settings), base_url="http://127.0.0.1") as client:
        filler = fill(disk)
        insertion = {"update": "INSERT DATA { GRAPH <http://e/g> { <http://e/a> <http://e/p> 1 } }"}
        refused = client.post("/update", data=insertion)
        assert refused.status_code >= 500 and "disk is full" in refused.json()["detail"], refused.text
        asked = client.post("/sparql", data={"query": "ASK { <http://e/a> ?p ?o }"})
        assert (asked.status_code, asked.json()["boolean"]) == (200, False)
        filler.unlink()
        assert client.post("/update", data=insertion).status_code == 204
        assert client.post("/sparql", data={"query": "ASK { <http://e/a> ?p ?o }"}).json()["boolean"]


def test_a_backup_onto_a_full_disk_says_so_and_leaves_nothing(disk: Path, tmp_path: Path) -> None:
    data, target = tmp_path / "data", disk / "backup"
    assert trialweave("load", "studies", "--data", str(data)).returncode == 0
    fill(disk)
    done = trialweave("backup", str(target), "--data", str(data))
    assert done.returncode == 1 and "disk is full" in done.stderr, done.stderr
    assert sorted(entry.name for entry in disk.iterdir()) == ["data", "filler"]


def test_a_read_only_disk_is_served_and_backed_up_and_refuses_loads_in_words(disk: Path, tmp_path: Path) -> None:
    data, before = disk / "data", served(disk / "data")
    remounted = _mount("-o", "remount,ro", str(disk))
    if remounted.returncode:
        pytest.skip(f"needs the right to mount a disk read-only: {remounted.stderr.strip()}")
    done = trialweave("load", changed_study(tmp_path), "--data", str(data))
    assert done.returncode == 1
    assert "disk is read-only" in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr
    assert served(data) == before
    assert trialweave("backup", str(tmp_path / "backup"), "--data", str(data)).returncode == 0
    assert trialweave("restore", str(tmp_path / "backup"), "--verify", "--data", str(tmp_path / "new")).returncode == 0
    assert served(tmp_path / "new") == before
    examined = trialweave("doctor", "--data", str(data))
    assert examined.returncode == 1 and "cannot be written to" in examined.stdout
