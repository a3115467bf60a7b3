"""Documents: files, folders and standard input, and one sentence for what cannot be read."""

import gzip
import io
import os
from zipfile import ZipFile

import pytest

from loaders import pieces
from loaders.documents import Document, Survey, documents, survey
from loaders.errors import SourceError


def test_a_folder_is_read_with_all_below_it_in_a_fixed_order(tmp_path):
    for name in ("b.yaml", "a/z.txt", "a/y.txt", ".hidden", ".git/config"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(name)
    names = [str(found.name)[len(str(tmp_path)) + 1 :] for found in documents([str(tmp_path)])]
    assert names == ["a/y.txt", "a/z.txt", "b.yaml"]


def test_a_file_that_was_named_differs_from_one_that_was_found(tmp_path):
    (tmp_path / "a.txt").write_text("x")
    assert [found.named for found in documents([str(tmp_path / "a.txt"), str(tmp_path)])] == [True, False]


def test_a_dash_is_standard_input(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"label: x")))
    assert list(documents(["-"])) == [Document("standard input", b"label: x")]


def test_what_is_not_there_does_not_stop_what_is(tmp_path):
    (tmp_path / "a.txt").write_text("x")
    missing, found = documents([str(tmp_path / "missing"), str(tmp_path / "a.txt")])
    assert isinstance(missing, SourceError) and "there is no such file or folder" in str(missing)
    assert isinstance(found, Document)


def test_a_pipe_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (error,) = documents([str(tmp_path / "pipe")])
    assert "is neither a file nor a folder" in str(error)


@pytest.mark.parametrize("name", ["a\0b", "x" * 5000])
def test_an_impossible_path_is_one_sentence(name):
    (error,) = documents([name])
    assert isinstance(error, SourceError)


def test_a_document_that_is_none_is_refused_by_its_size(tmp_path, monkeypatch):
    monkeypatch.setattr(pieces, "WHOLE_BYTES", 5)
    monkeypatch.setattr(pieces, "MAX_BYTES", 10)
    (tmp_path / "big.txt").write_bytes(b"x" * 11)
    (error,) = documents([str(tmp_path / "big.txt")])
    assert "nothing of it was read" in str(error)


def test_links_are_followed_but_never_in_a_circle(tmp_path):
    folder = tmp_path / "folder"
    (folder / "inner").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "b.txt").write_text("b")
    (folder / "inner" / "a.txt").write_text("a")
    (folder / "inner" / "up").symlink_to(folder)
    (folder / "linked").symlink_to(tmp_path / "elsewhere")
    (folder / "nowhere").symlink_to(folder / "gone")
    (folder / "self").symlink_to(folder / "self")
    found = list(documents([str(folder)]))
    assert [item.data for item in found if isinstance(item, Document)] == [b"a", b"b"]
    assert [str(item).removeprefix(f"{folder}/") for item in found if isinstance(item, SourceError)] == [
        "inner/up: is a link to a folder that it is in; it was not followed",
        "nowhere: is a link that leads nowhere",
        "self: is a link that leads nowhere",
    ]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_is_said_not_skipped(tmp_path):
    (tmp_path / "closed").mkdir(mode=0)
    (tmp_path / "open.txt").write_text("x")
    error, found = documents([str(tmp_path)])
    assert "Permission denied" in str(error) and isinstance(found, Document)


def test_standard_input_may_be_packed(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(gzip.compress(b"label: x"))))
    assert list(documents(["-"])) == [Document("standard input", b"label: x")]


def test_what_is_read_adds_up_to_what_there_is(tmp_path):
    (tmp_path / "a.txt").write_text("x" * 100)
    with gzip.open(tmp_path / "b.gz", "wb") as file:
        file.write(b"y" * 10_000)
    with ZipFile(tmp_path / "c.zip", "w") as archive:
        archive.writestr("1.txt", "z" * 500)
        archive.writestr("2.txt", "z")
    read: list[int] = []
    assert len(list(documents([str(tmp_path)], read.append))) == 4
    assert sum(read) == survey([str(tmp_path)]).size and min(read) >= 0


def test_a_survey_tells_other_files_apart(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("x")
    before = survey([str(tmp_path)])
    assert survey([str(tmp_path)]) == before
    file.write_text("longer")
    changed = survey([str(tmp_path)])
    (tmp_path / "b.txt").write_text("x")
    assert len({before.key, changed.key, survey([str(tmp_path)]).key, survey([str(file)]).key}) == 4
    assert survey([str(file), "-"]) == Survey(None, None)
