"""A backup holds what was published, is told from half of one, and comes back as it was."""

import json
import shutil
from pathlib import Path

import pytest

from app.backup import MANIFEST, back_up, read_manifest, restore
from app.errors import StoreDamaged, StoreError, StoreInUse, StoreUnreadable
from app.store.base import ReplaceGraph
from app.store.embedded import EmbeddedReader, EmbeddedStore, rollback
from app.store.fingerprint import fingerprint, total
from app.store.generations import DataDirectory
from app.store.quarantine import Quarantine, Rejected
from app.store.union import UNNAMED

EX = "http://example.org/"


def publish(data: Path, *facts: str) -> None:
    with EmbeddedStore(data) as store:
        lines = "".join(f'<{EX}{fact}> <{EX}says> "{fact}" .\n' for fact in facts)
        store.apply([ReplaceGraph(f"{EX}g", lines.encode())])
        store.publish()


def facts(data: Path) -> list[str]:
    with EmbeddedReader(data) as reader:
        return sorted(row["o"] for row in reader.rows(f"SELECT ?o {{ GRAPH ?g {{ ?s <{EX}says> ?o }} }}"))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "data"
    publish(path, "one", "two")
    return path


def test_what_was_backed_up_is_restored_elsewhere(data: Path, tmp_path: Path) -> None:
    Quarantine(data).put(Rejected(f"{EX}h", f"{EX}s", "x.yaml", "2024-01-01T00:00:00Z", ("odd",)), b"")
    made = back_up(data, tmp_path / "backup")
    assert (made.generation, made.quads) == (1, 2)
    assert restore(tmp_path / "backup", tmp_path / "new", verify=True) == made
    assert facts(tmp_path / "new") == ["one", "two"]
    assert [entry.graph for entry in Quarantine(tmp_path / "new").entries()] == [f"{EX}h"]


def test_the_manifest_can_be_checked_with_any_reader(data: Path, tmp_path: Path) -> None:
    made = back_up(data, tmp_path / "backup")
    with EmbeddedReader(tmp_path / "backup") as reader:
        lines = [f"{quad} .\n".encode() for quad in reader.quads() if quad.graph_name != UNNAMED]
    assert (len(lines), total(fingerprint(lines))) == (made.quads, made.fingerprint)


def test_a_restore_is_one_more_generation_that_can_be_undone(data: Path, tmp_path: Path) -> None:
    back_up(data, tmp_path / "backup")
    publish(data, "three")
    restore(tmp_path / "backup", data, verify=True)
    assert facts(data) == ["one", "two"] and DataDirectory(data).current() == 3
    rollback(data)
    assert facts(data) == ["three"]


def test_a_backup_needs_no_lock_and_sees_only_what_is_published(data: Path, tmp_path: Path) -> None:
    with EmbeddedStore(data) as store:
        store.apply([ReplaceGraph(f"{EX}g", b"")])
        back_up(data, tmp_path / "backup")
        with pytest.raises(StoreInUse):
            restore(tmp_path / "backup", data, verify=True)
    restore(tmp_path / "backup", tmp_path / "new", verify=True)
    assert facts(tmp_path / "new") == ["one", "two"]


def test_a_backup_that_was_changed_is_not_restored(data: Path, tmp_path: Path) -> None:
    backup = tmp_path / "backup"
    back_up(data, backup)
    publish(backup, "one", "tvo")
    publish(data, "current")
    with pytest.raises(StoreDamaged, match=r"was changed or damaged\. Nothing was restored"):
        restore(backup, data, verify=True)
    assert facts(data) == ["current"]


def test_a_backup_with_a_broken_file_is_not_restored(data: Path, tmp_path: Path) -> None:
    backup = tmp_path / "backup"
    back_up(data, backup)
    # On one disk the engine's files are shared with the data directory, so the broken copy must be a copy.
    shutil.copytree(backup, tmp_path / "copy")
    for file in (tmp_path / "copy" / "generations" / "000001").glob("*.sst"):
        content = bytearray(file.read_bytes())
        content[len(content) // 3] ^= 0xFF
        file.write_bytes(content)
    with pytest.raises(StoreError):
        restore(tmp_path / "copy", tmp_path / "new", verify=True)
    assert not (tmp_path / "new").exists()


def test_an_unfinished_backup_is_none_and_is_cleared_by_the_next(data: Path, tmp_path: Path) -> None:
    part = tmp_path / "backup.part"
    back_up(data, tmp_path / "other")
    (tmp_path / "other").rename(part)
    (part / MANIFEST).unlink()
    with pytest.raises(StoreUnreadable, match="did not come to its end"):
        restore(part, tmp_path / "new", verify=False)
    back_up(data, tmp_path / "backup")
    assert not part.exists() and read_manifest(tmp_path / "backup").quads == 2


def test_a_folder_of_somebody_is_left_alone(data: Path, tmp_path: Path) -> None:
    for name in ("backup", "else.part"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "letter.txt").touch()
    for target in ("backup", "else"):
        with pytest.raises(StoreError):
            back_up(data, tmp_path / target)
    assert (tmp_path / "backup" / "letter.txt").exists() and (tmp_path / "else.part" / "letter.txt").exists()


def test_nothing_published_is_nothing_to_back_up(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="nothing to back up"):
        back_up(tmp_path / "none", tmp_path / "backup")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", ["", "[]", '{"generation": 1}', "\xff"])
def test_a_manifest_that_cannot_be_read_says_so(data: Path, tmp_path: Path, content: str) -> None:
    back_up(data, tmp_path / "backup")
    (tmp_path / "backup" / MANIFEST).write_text(content, encoding="latin-1")
    with pytest.raises(StoreUnreadable, match="cannot be read"):
        restore(tmp_path / "backup", tmp_path / "new", verify=False)


def test_the_manifest_is_json(data: Path, tmp_path: Path) -> None:
    back_up(data, tmp_path / "backup")
    assert json.loads((tmp_path / "backup" / MANIFEST).read_text())["quads"] == 2
