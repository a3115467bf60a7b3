"""Archives: what is in them is read like any file, and what is wrong with them costs one sentence and nothing else."""

import gzip
import io
import os
import stat
import struct
import zipfile
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loaders import archives
from loaders.archives import unpacked
from loaders.errors import SourceError
from loaders.pieces import Document


def zipped(entries: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return packed.getvalue()


def found(data: bytes, name: str = "a.zip") -> list[Document | SourceError]:
    return list(unpacked(name, io.BytesIO(data)))


def said(data: bytes, name: str = "a.zip") -> list[str]:
    return [str(item) for item in found(data, name) if isinstance(item, SourceError)]


def test_a_zip_of_a_folder_tree_is_read_as_that_folder():
    data = zipped({"x/": b"", "x/a.json": b"{}", "x/.DS_Store": b"?", "__MACOSX/x/a.json": b"?", "b.yaml": b"b"})
    assert found(data) == [Document("a.zip/x/a.json", b"{}", False), Document("a.zip/b.yaml", b"b", False)]


def test_a_gzip_file_goes_by_the_name_of_what_is_in_it():
    assert found(gzip.compress(b"label: x"), "oh.yaml.gz") == [Document("oh.yaml", b"label: x", True)]


def test_gzip_files_in_a_zip_are_unpacked_too():
    assert found(zipped({"a.xml.gz": gzip.compress(b"<a/>")})) == [Document("a.zip/a.xml", b"<a/>", False)]


def test_archives_are_told_by_their_bytes_not_by_their_names():
    assert found(zipped({"a.txt": b"a"}), "download") == [Document("download/a.txt", b"a", False)]
    assert found(b"no gzip", "a.gz") == [Document("a.gz", b"no gzip", True)]


def test_a_zip_from_a_pipe_is_read(tmp_path):
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as pipe:
        pipe.write(zipped({"a.txt": b"a"}))
    with os.fdopen(reading, "rb") as pipe:
        assert list(unpacked("standard input", pipe)) == [Document("standard input/a.txt", b"a", False)]


@pytest.mark.parametrize(
    ("name", "inner"),
    [
        ("a.zip", zipped({"b.zip": zipped({"c.txt": b"c"})})),
        ("a.gz", gzip.compress(gzip.compress(b"c"))),
        ("a.zip.gz", gzip.compress(zipped({"c.txt": b"c"}))),
        ("a.zip", zipped({"b.gz": gzip.compress(gzip.compress(b"c"))})),
        ("a.zip", zipped({"b.gz": gzip.compress(zipped({"c.txt": b"c"}))})),
    ],
    ids=["zip in zip", "gzip in gzip", "zip in gzip", "gzip in gzip in zip", "zip in gzip in zip"],
)
def test_archives_are_not_opened_without_end(name, inner):
    (message,) = said(inner, name)
    assert message.startswith(name) and "is an archive inside an archive" in message


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/etc/x", "C:\\x", "..\\x", "\\x"])
def test_a_name_that_leads_outside_is_refused_and_the_others_are_read(name):
    data = zipped({"first.txt": b"1", name: b"2", "last.txt": b"3"})
    first, error, last = found(data)
    assert "outside the archive" in str(error) and str(error).startswith("a.zip/")
    assert (first.data, last.data) == (b"1", b"3")


def test_an_encrypted_entry_is_named():
    data = bytearray(zipped({"secret.txt": b"x"}))
    data[6] |= 1  # the flag in the entry's own header
    data[data.index(b"PK\x01\x02") + 8] |= 1  # and in the directory
    assert said(bytes(data)) == ["a.zip/secret.txt: is encrypted; unpack it with its password and name the files"]


def test_an_entry_without_a_name_is_refused():
    data = zipped({"x": b"1", "y": b"2"}).replace(b"x", b"\0")
    error, y = found(data)
    assert str(error) == "a.zip/: has an entry without a name, which was not opened" and y.data == b"2"


def test_a_link_in_a_zip_is_not_followed():
    entry = zipfile.ZipInfo("link")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(entry, "/etc/passwd")
    assert said(packed.getvalue()) == ["a.zip/link: is a link, not a file; links in archives are not followed"]


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_that_can_ask_for_gigabytes_of_memory_are_refused(method):
    (message,) = said(zipped({"a.txt": b"x" * 100}, method))
    assert "packed by a method" in message


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (zipped({"a.txt": bytes(range(256)) * 9})[:-30], "a.zip: is a broken zip file"),
        (zipped({"a.txt": b"x" * 99})[:20], "a.zip: is a broken zip file"),
        (gzip.compress(os.urandom(99))[:-20], "a.zip: is a gzip file that is cut off before its end"),
        (gzip.compress(b"x" * 99)[:-8] + b"\0" * 8, "a.zip: is a broken gzip file: CRC check failed"),
        (b"\x1f\x8b\x08", "a.zip: is a gzip file that is cut off before its end"),
        (b"\x1f\x8b\x07" + b"x" * 30, "a.zip: is a broken gzip file: Unknown compression method"),
        (gzip.compress(b"x" * 99) + b"rubbish", "a.zip: is a broken gzip file"),
    ],
    ids=["directory cut", "cut early", "gzip cut", "sum wrong", "only a start", "other method", "rubbish after"],
)
def test_a_broken_archive_is_one_sentence(data, message):
    assert len(said(data)) == 1 and said(data)[0].startswith(message)


def test_a_broken_entry_costs_only_itself():
    data = bytearray(zipped({"a.txt": b"first", "b.txt": b"second", "c.txt": b"third"}, zipfile.ZIP_STORED))
    data[data.index(b"second")] ^= 0xFF
    a, error, c = found(bytes(data))
    assert (a.data, c.data) == (b"first", b"third")
    assert str(error).startswith("a.zip/b.txt: is a broken zip file: Bad CRC-32")


def bomb(size: int) -> bytes:
    """Lines of JSON that pack a thousand to one."""
    return zlib.compress(b"{}\n" * (size // 3), 9, 31)


@pytest.mark.parametrize(
    "wrap", [bytes, lambda data: zipped({"b.jsonl.gz": data}, zipfile.ZIP_STORED)], ids=["gzip", "in zip"]
)
def test_a_bomb_goes_out_early(wrap, monkeypatch):
    monkeypatch.setattr(archives, "FREE_BYTES", 1024 * 1024)
    *pieces, error = found(wrap(bomb(100_000_000)), "b.jsonl.gz")
    assert "unpacks to more than 200 times its size" in str(error)
    assert sum(len(piece.data) for piece in pieces) < 30_000_000


def test_a_bomb_in_a_zip_is_one_line_and_not_opened(monkeypatch):
    monkeypatch.setattr(archives, "FREE_BYTES", 1024 * 1024)
    (error,) = found(zipped({f"{number}.txt": b"\0" * 900_000 for number in range(9)}))
    assert str(error).startswith("a.zip: unpacks to more than")


def test_a_problem_of_many_entries_is_told_of_a_few_times():
    (sound, *errors) = found(zipped({"a.txt": b"a"} | {f"../{number}": b"x" for number in range(2000)}))
    assert sound.data == b"a"
    assert [str(error).partition(":")[0] for error in errors] == ["a.zip/../0", "a.zip/../1", "a.zip/../2", "a.zip"]
    assert "1,997 more of its entries: has a name that leads outside" in str(errors[-1])


def test_there_is_a_limit_to_what_comes_out_whatever_went_in(monkeypatch):
    monkeypatch.setattr(archives, "MAX_UNPACKED", 1000)
    assert "holds more than" in said(gzip.compress(os.urandom(2000)))[0]


def test_a_size_that_is_a_lie_is_not_believed():
    data = bytearray(zipped({"a.txt": b"x" * 1000}))
    for header, at in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        start = data.index(header) + at
        data[start : start + 4] = struct.pack("<I", 10)
    assert len(said(bytes(data))) == 1


@given(st.binary(max_size=200), st.integers(0, 250), st.sampled_from(["zip", "gzip"]))
def test_no_bytes_make_it_crash(noise, at, kind):
    whole = zipped({"a.txt": b"first", "b.txt.gz": gzip.compress(b"x")}) if kind == "zip" else gzip.compress(b"x" * 99)
    for item in found(whole[:at] + noise + whole[at + len(noise) :]):
        assert isinstance(item, Document | SourceError)
