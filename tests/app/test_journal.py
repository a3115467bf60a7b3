"""A load that was stopped goes on where it was, and ends as if nothing had happened."""

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep

import pytest

from app import intake
from app.intake import load
from app.store import spool
from loaders.documents import Document
from tests.app.test_intake import OH, bundled, everything
from tests.app.test_intake_many import lines, record
from tests.loaders.readers.pubmed_sample import article, article_set
from tests.paths import ROOT

BANK = "<ArticleTitle>Sunshine.</ArticleTitle><DataBankList><DataBank><DataBankName>ClinicalTrials.gov</DataBankName>\
<AccessionNumberList><AccessionNumber>NCT{:08d}</AccessionNumber></AccessionNumberList></DataBank></DataBankList>"


def some_studies(number: int = 8) -> list[Document]:
    """Registry records, articles about some of them, a record that is turned away, and two versions of one."""
    records = [Document(f"{n}.json", record(n)) for n in range(1, number + 1)]
    articles = [
        Document(f"{n}.xml", article_set(article(BANK.format(n), "Clinical Trial", pmid=str(n))))
        for n in range(1, number, 2)
    ]
    unsound = Document("oh.yaml", OH.replace(b"size: 33", b"size: -33"))
    versions = [lines(record(3, "New", "2025-01-01")), lines(record(3, "Old", "2023-01-01"))]
    return [*records, *versions, unsound, *articles, *bundled()]


class _StoppedError(Exception):
    pass


def stopped(data: Path, found: list[Document], after: int, key: str = "k") -> None:
    """Load, and fail after so many records."""
    seen = 0

    def progress(_: object) -> None:
        nonlocal seen
        seen += 1
        if seen == after:
            raise _StoppedError

    with pytest.raises(_StoppedError):
        load(data, found, progress=progress, key=key)


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what is stored after every second record."""
    monkeypatch.setattr(intake, "JOURNALED", 2)


@pytest.mark.parametrize("after", [1, 6, 11, 14])
def test_a_stopped_load_ends_as_if_it_had_not_been_stopped(tmp_path: Path, often: None, after: int) -> None:
    found = some_studies()
    whole = load(tmp_path / "whole", found)
    stopped(tmp_path / "data", found, after)
    assert everything(tmp_path / "data") == [], "nothing is seen before the run is over"
    summary = load(tmp_path / "data", found, key="k")
    assert everything(tmp_path / "data") == everything(tmp_path / "whole")
    assert summary.disagreements == whole.disagreements
    assert summary.generation == 1 and not (tmp_path / "data" / "unfinished").exists()


def test_what_was_stored_is_not_prepared_again(tmp_path: Path, often: None) -> None:
    found = some_studies()
    stopped(tmp_path, found, 6)
    summary = load(tmp_path, found, key="k")
    assert summary.count("resumed") >= 4 and "resumed" in summary.line()


@pytest.mark.parametrize("key", ["another", None])
def test_another_load_has_nothing_of_the_stopped_one(tmp_path: Path, often: None, key: str | None) -> None:
    stopped(tmp_path, some_studies(), 6)
    assert load(tmp_path, [Document("9.json", record(9))], key=key).count("loaded") == 1
    assert not any("NCT00000001" in line for line in everything(tmp_path))
    assert load(tmp_path, some_studies(), key="k").count("resumed") == 0


def test_a_journal_that_is_cut_off_counts_as_far_as_it_goes(tmp_path: Path, often: None) -> None:
    stopped(tmp_path, some_studies(), 6)
    journal = tmp_path / "unfinished" / "records.jsonl"
    journal.write_bytes(journal.read_bytes() + b'{"checkpoint": 9')
    stopped(tmp_path, some_studies(), 9)
    assert [json.loads(line) for line in journal.read_bytes().splitlines()]
    assert load(tmp_path, some_studies(), key="k").count("resumed") >= 6


def test_a_spoilt_checkpoint_only_costs_time(tmp_path: Path, often: None) -> None:
    stopped(tmp_path, some_studies(), 6)
    for file in tmp_path.glob("unfinished/*/CURRENT"):
        file.unlink()
    assert load(tmp_path, some_studies(), key="k").count("resumed") == 0


def test_a_load_that_is_killed_again_and_again_loses_and_doubles_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "records"
    folder.mkdir()
    for number in range(1, 41):
        (folder / f"{number:02}.json").write_bytes(record(number))
    for document in some_studies():
        (folder / document.name.rpartition("/")[2]).write_bytes(document.data)
    script = f"""if True:
        from app import cli, intake
        intake.JOURNALED = 3
        import sys
        sys.argv = ["trialweave", "load", {str(folder)!r}, "--data", {str(tmp_path / "data")!r}, "--jobs", "2"]
        cli.main()
    """
    moments = random.Random(str(tmp_path))
    journal = tmp_path / "data" / "unfinished" / "records.jsonl"
    for _ in range(3):
        known = journal.read_bytes().count(b"\n") if journal.exists() else 0
        process = subprocess.Popen(
            [sys.executable, "-c", script], cwd=ROOT, start_new_session=True, stderr=subprocess.DEVNULL
        )
        deadline = monotonic() + 60
        while process.poll() is None and monotonic() < deadline:
            if journal.exists() and journal.read_bytes().count(b"\n") > known + 1:
                break
            sleep(0.002)
        sleep(moments.random() * 0.05)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert everything(tmp_path / "data") == [], "nobody sees half a run"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert "resumed" in done.stdout, done.stdout + done.stderr
    load(tmp_path / "whole", [Document(path.name, path.read_bytes()) for path in sorted(folder.iterdir())])
    names = [line.replace(f"{folder}/", "") for line in everything(tmp_path / "data")]
    assert sorted(names) == everything(tmp_path / "whole")


def test_both_ways_to_write_meet_in_a_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "SPOOLED_BYTES", 1)
    monkeypatch.setattr(spool, "CHANGED_BYTES", 1)
    found = some_studies()
    load(tmp_path / "whole", found)
    load(tmp_path / "data", found[:3])
    stopped(tmp_path / "data", found, len(found) - 2)
    load(tmp_path / "data", found, key="k")
    assert everything(tmp_path / "data") == everything(tmp_path / "whole")
