"""Documents: files, folders and standard input, and one sentence for what cannot be read."""

import io
import os

import pytest

from loaders import documents as module
from loaders.documents import Document, documents
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
    monkeypatch.setattr(module, "MAX_BYTES", 10)
    (tmp_path / "big.txt").write_bytes(b"x" * 11)
    (error,) = documents([str(tmp_path / "big.txt")])
    assert "nothing of it was read" in str(error)
