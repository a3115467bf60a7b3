"""What the doctor finds: it says what is wrong, what to do, and that it is wrong in its exit code."""

from pathlib import Path

import pytest

from app.cli.doctor import Finding, examine
from app.settings import Settings
from app.store.base import ReplaceGraph
from app.store.embedded import EmbeddedStore, rollback


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "data"
    for number in (1, 2):
        with EmbeddedStore(path) as store:
            store.apply([ReplaceGraph("http://example.org/g", f"<x:a> <x:b> <x:c{number}> .".encode())])
            store.publish()
    return path


def findings(data: Path, **knobs: float) -> dict[str, Finding]:
    return {finding.what: finding for finding in examine(Settings(data=data, **knobs))}  # type: ignore[arg-type]


def test_a_directory_in_use_is_well(data: Path) -> None:
    found = findings(data)
    assert [finding.state for finding in found.values() if not finding.well] == []
    assert "generation 2, 1 quads" in found["data"].state
    assert found["pyshifty"].state and "network" in found["query workers"].state
    with EmbeddedStore(data):
        assert findings(data)["orphan files"] == Finding("orphan files", True, "a writer is at work")


def test_a_generation_that_was_rolled_back_from_is_no_orphan(data: Path) -> None:
    rollback(data)
    assert findings(data)["orphan files"].well


def test_what_a_killed_writer_left_is_named(data: Path) -> None:
    (data / "writer").mkdir()
    (data / "generations" / "new-000003").mkdir()
    found = findings(data)["orphan files"]
    assert not found.well
    assert found.state == "generations/new-000003, writer; the next load removes them"
    EmbeddedStore(data).close()
    assert findings(data)["orphan files"].well


@pytest.mark.parametrize("current", ["nonsense", "000009"])
def test_a_damaged_pointer_is_told_with_the_way_out(data: Path, current: str) -> None:
    (data / "CURRENT").write_text(current)
    assert "roll back to a kept one (1, 2)" in findings(data)["store"].state
    assert not findings(data)["store"].well


def test_a_generation_that_does_not_open_is_told(data: Path) -> None:
    for file in (data / "generations" / "000002").iterdir():
        file.unlink()
    assert "does not open" in findings(data)["store"].state


def test_settings_that_were_changed_are_listed(data: Path) -> None:
    said = examine(Settings(data=data, query_timeout=900, workers=3))
    states = [finding.state for finding in said if finding.what == "setting"]
    assert {"TRIALWEAVE_QUERY_TIMEOUT=900.0", "TRIALWEAVE_WORKERS=3"} <= set(states)
    assert any("hold all workers" in state for state in states)


def test_more_memory_than_there_is_cannot_be_promised(data: Path) -> None:
    found = findings(data, worker_memory=2**60)
    assert not found["setting"].well and "lower TRIALWEAVE_WORKER_MEMORY" in found["setting"].state


def test_secrets_stay_out(data: Path) -> None:
    said = examine(Settings(data=data, ncbi_api_key="hush"))  # type: ignore[arg-type]
    assert not any("hush" in finding.state for finding in said)
