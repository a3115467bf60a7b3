"""What a user can rely on when processes are killed, disks fill up, and directories are not what they should be."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from app.errors import StoreDamaged, StoreError, StoreFull, StoreInUse, StoreUnreadable
from app.store import generations
from app.store.embedded import EmbeddedReader, EmbeddedStore, rollback
from app.store.generations import KEEP, DataDirectory
from tests.app.store.conftest import Publish, graph


def facts(data: Path) -> set[str]:
    """The objects that readers of the data directory see."""
    with EmbeddedReader(data) as reader:
        return {row["o"] for row in reader.rows("SELECT ?o { ?s ?p ?o }")}


def child(program: str, *arguments: object) -> subprocess.Popen[str]:
    """A process of its own that runs the program with the store at hand."""
    head = (
        "import sys, time\nfrom pathlib import Path\nfrom app.store.embedded import *\nfrom app.store.base import *\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", head + program, *map(str, arguments)], stdout=subprocess.PIPE, text=True
    )


def test_publishing_shows_the_new_content_under_the_next_number(data: Path, publish: Publish) -> None:
    assert publish(graph("g", 'a says "one"')) == 1
    assert publish(graph("g", 'a says "two"')) == 2
    assert facts(data) == {"two"}
    assert DataDirectory(data).current() == 2


def test_only_the_last_generations_stay_on_disk(data: Path, publish: Publish) -> None:
    for number in range(1, KEEP + 3):
        publish(graph("g", f'a says "{number}"'))
    assert DataDirectory(data).kept() == [3, 4, 5]
    assert sorted(entry.name for entry in (data / "generations").glob("*.lock")) == [
        f"00000{n}.lock" for n in (3, 4, 5)
    ]


def test_writes_over_http_push_no_load_out_of_reach(data: Path, publish: Publish) -> None:
    publish(graph("g", 'a says "first load"'))
    publish(graph("g", 'a says "second load"'))
    for number in range(KEEP + 3):
        with EmbeddedStore(data) as store:
            store.apply([graph("g", f'a says "{number}"')])
            store.publish(written=True)
    assert DataDirectory(data).kept() == [1, 2, 6, 7, 8]
    for said in ("4", "3", "second load"):
        rollback(data)
        assert facts(data) == {said}
    for _ in range(KEEP):
        publish()
    assert len(list((data / "generations").glob("*.written"))) == 0, "marks go with their generations"


def test_a_publication_killed_before_its_generation_had_its_name_leaves_no_marks(data: Path, publish: Publish) -> None:
    publish(graph("g", 'a says "one"'))
    for mark in ("lock", "written"):
        (data / "generations" / f"000002.{mark}").touch()
    assert len(DataDirectory(data).orphans()[0]) == 2
    EmbeddedStore(data).close()
    assert sorted(entry.name for entry in (data / "generations").iterdir()) == ["000001", "000001.lock"]
    assert publish() == 2


def test_a_generation_someone_reads_outlives_its_turn(data: Path, publish: Publish) -> None:
    publish(graph("g", 'a says "first"'))
    with EmbeddedReader(data) as reader:
        for number in range(KEEP + 1):
            publish(graph("g", f'a says "{number}"'))
        assert [row["o"] for row in reader.rows("SELECT ?o { ?s ?p ?o }")] == ["first"]
        assert (data / "generations" / "000001").is_dir()
    publish()
    assert not (data / "generations" / "000001").exists()


def test_rolling_back_shows_the_generation_before(data: Path, publish: Publish) -> None:
    publish(graph("g", 'a says "good"'))
    publish(graph("g", 'a says "bad"'))
    assert rollback(data) == 1
    assert facts(data) == {"good"}


def test_a_withdrawn_number_is_never_given_again_nor_returned_to(data: Path, publish: Publish) -> None:
    publish(graph("g", 'a says "good"'))
    publish(graph("g", 'a says "bad"'))
    rollback(data)
    assert publish(graph("g", 'a says "better"')) == 3
    assert rollback(data) == 1


def test_there_is_nothing_to_roll_back_to_at_first(data: Path, publish: Publish) -> None:
    publish(graph("g", 'a says "one"'))
    with pytest.raises(StoreError, match="nothing to roll back to"):
        rollback(data)
    assert facts(data) == {"one"}


def test_a_second_writer_is_told_who_writes(data: Path) -> None:
    with EmbeddedStore(data), pytest.raises(StoreInUse, match=rf"{data} is being written by process {os.getpid()}"):
        EmbeddedStore(data)
    EmbeddedStore(data).close()


def test_a_killed_load_leaves_the_published_generation_and_no_rubbish(data: Path, publish: Publish) -> None:
    publish(graph("g", 'a says "published"'))
    loader = child(
        """
store = EmbeddedStore(Path(sys.argv[1]))
for n in range(10**6):
    store.apply([ReplaceGraph(f"http://example.org/{n}", b'<http://e/a> <http://e/b> "unpublished" .')])
    if n == 50:
        print("writing", flush=True)
""",
        data,
    )
    assert loader.stdout
    assert loader.stdout.readline() == "writing\n"
    loader.send_signal(signal.SIGKILL)
    loader.wait()
    loader.stdout.close()
    (data / "generations" / "new-000002").mkdir()
    (data / "generations" / "000001" / "bulk-7.sst").touch()
    assert facts(data) == {"published"}
    with EmbeddedStore(data) as store:
        assert [row["o"] for row in store.rows("SELECT ?o { GRAPH ?g { ?s ?p ?o } }")] == ["published"]
        assert sorted(entry.name for entry in (data / "generations").iterdir()) == ["000001", "000001.lock"]
        assert not (data / "generations" / "000001" / "bulk-7.sst").exists()
    assert not (data / "writer").exists()


def test_a_checkpoint_that_never_became_current_is_cleared(data: Path, publish: Publish) -> None:
    publisher = child(
        """
import os
from app.store import generations
with EmbeddedStore(Path(sys.argv[1])) as store:
    generations._replace = lambda *_: os._exit(9)
    store.publish()
""",
        data,
    )
    publisher.communicate(timeout=30)
    assert (data / "generations" / "000001").is_dir()
    assert facts(data) == set()
    assert publish(graph("g", 'a says "one"')) == 1
    assert facts(data) == {"one"}


def put_file(data: Path) -> None:
    data.write_text("not a folder")


def put_foreign_folder(data: Path) -> None:
    data.mkdir()
    (data / "thesis.docx").touch()


def put_other_layout(data: Path) -> None:
    EmbeddedStore(data).close()
    (data / "FORMAT").write_text(json.dumps({"layout": 7, "engine": "oxigraph 0.9.1"}))


def put_layout_without_union(data: Path) -> None:
    EmbeddedStore(data).close()
    (data / "FORMAT").write_text(json.dumps({"layout": 1, "engine": "oxigraph 0.5.13"}))


def put_garbled_format(data: Path) -> None:
    EmbeddedStore(data).close()
    (data / "FORMAT").write_text("???")


@pytest.mark.parametrize(
    ("prepare", "says"),
    [
        (put_file, "is a file; a data directory is needed"),
        (put_foreign_folder, "holds other files and is not a data directory"),
        (put_other_layout, r"has layout 7 \(written with oxigraph 0.9.1\)"),
        (put_layout_without_union, "has layout 1 .* or load the sources into a new data directory"),
        (put_garbled_format, "FORMAT cannot be read"),
    ],
)
@pytest.mark.parametrize("opening", [EmbeddedStore, EmbeddedReader])
def test_what_is_not_ours_is_refused_and_left_alone(
    data: Path, prepare: Callable[[Path], None], says: str, opening: Callable[[Path], object]
) -> None:
    prepare(data)
    before = sorted(data.rglob("*"))
    with pytest.raises(StoreUnreadable, match=says):
        opening(data)
    assert sorted(data.rglob("*")) == before


@pytest.mark.parametrize("current", [None, "", "seven", "-1", "000009\n", "1\n2\n", "\xff"])
def test_a_damaged_pointer_is_reported_with_the_way_out(data: Path, publish: Publish, current: str | None) -> None:
    publish(graph("g", 'a says "one"'))
    publish(graph("g", 'a says "two"'))
    (data / "CURRENT").unlink()
    if current is not None:
        (data / "CURRENT").write_text(current, encoding="latin-1")
    for opening in EmbeddedStore, EmbeddedReader:
        with pytest.raises(StoreDamaged, match=r"roll back to a kept one \(1, 2\)"):
            opening(data)
    assert rollback(data) == 2
    assert facts(data) == {"two"}


def test_a_generation_that_lost_its_files_is_reported(data: Path, publish: Publish) -> None:
    publish(graph("g", 'a says "one"'))
    for file in (data / "generations" / "000001").iterdir():
        file.unlink()
    with pytest.raises(StoreDamaged, match=r"Generation 1 in .* does not open"):
        EmbeddedReader(data)


def test_a_full_disk_is_said_so_and_the_published_generation_stays(data: Path, publish: Publish) -> None:
    publish(graph("g", 'a says "published"'))
    loader = child(
        """
import resource
from app.errors import StoreFull
store = EmbeddedStore(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
lines = "".join(f'<http://e/{n}> <http://e/b> "{n} is some text" .\\n' for n in range(20_000))
try:
    store.apply([ReplaceGraph("http://e/big", lines.encode())])
    store.publish()
except StoreFull as error:
    print(error)
""",
        data,
    )
    said, _ = loader.communicate(timeout=30)
    assert "disk is full" in said
    assert facts(data) == {"published"}
    assert publish(graph("g", 'a says "again"')) == 2


def test_a_publication_that_fails_leaves_nothing_behind(
    data: Path, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(graph("g", 'a says "published"'))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with EmbeddedStore(data) as store, monkeypatch.context() as patch:
        patch.setattr(generations, "_sync_tree", full)
        with pytest.raises(StoreFull):
            store.publish()
    assert facts(data) == {"published"}
    assert sorted(entry.name for entry in (data / "generations").iterdir()) == ["000001", "000001.lock"]
