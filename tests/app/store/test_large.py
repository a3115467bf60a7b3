"""A large answer waits on disk, leaves nothing there, and finds a place where there is no disk to write on."""

import asyncio
import errno
import os
import tempfile
from pathlib import Path

import pytest

from app.store.large import LargeAnswer, LargeBody

BLOCKS = [bytes([number]) * 300_000 for number in range(5)]


def taken(body: LargeBody) -> bytes:
    async def pieces() -> bytes:
        return b"".join([piece async for piece in body.pieces()])

    return asyncio.run(pieces())


def filled() -> LargeBody:
    body = LargeBody()
    for block in BLOCKS:
        body.add(block)
    return body


@pytest.fixture(autouse=True)
def room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory for two of the five pieces."""
    monkeypatch.setattr("app.store.large._ROOM", LargeBody.held + 700_000)


def test_what_went_in_comes_out_as_a_whole_and_in_pieces() -> None:
    assert taken(filled()) == b"".join(BLOCKS)
    answer = LargeAnswer(filled(), "text/csv", 7).whole()
    assert (answer.body, answer.media_type, answer.generation) == (b"".join(BLOCKS), "text/csv", 7)


def test_nothing_is_left_in_memory_or_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    held = LargeBody.held
    body = filled()
    assert LargeBody.held == held + 600_000
    assert list(tmp_path.iterdir()) == [], "the file has no name, so that not even a killed service leaves it"
    body.take()
    body.close()
    body.close()
    assert LargeBody.held == held


def test_where_no_file_can_be_written_the_answer_stays_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/nonexistent")
    assert taken(filled()) == b"".join(BLOCKS)


def test_a_disk_that_gets_full_costs_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    room = 400_000

    def pwrite(file: int, block: bytes, offset: int, write=os.pwrite) -> int:  # type: ignore[no-untyped-def]
        if offset >= room:
            raise OSError(errno.ENOSPC, "No space left on device")
        return int(write(file, block[: room - offset], offset))

    monkeypatch.setattr(os, "pwrite", pwrite)
    assert taken(filled()) == b"".join(BLOCKS)


def test_what_cannot_be_read_any_more_is_an_error_and_not_a_shorter_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    body = filled()
    monkeypatch.setattr(os, "pread", lambda *_: b"short")
    with pytest.raises(OSError, match="shorter"):
        taken(body)
