"""Answers come over the socket in whatever bits it brings, and nobody waits for a process that is gone."""

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable

import pytest
import uvloop

from app.store.channel import Channel, Frame
from app.store.large import IN_MEMORY, LargeBody
from app.store.worker import HEADER

LIMIT = 3 * IN_MEMORY


def frame(header: dict[str, object], body: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    return HEADER.pack(len(text), len(body)) + text + body


def framed(header: dict[str, object], body: bytes) -> bytes:
    """An answer as a worker sends it, in pieces if it is a large one."""
    pieces, start = b"", 0
    while len(body) - start > IN_MEMORY:
        pieces += HEADER.pack(0, IN_MEMORY) + body[start : start + IN_MEMORY]
        start += IN_MEMORY
    return pieces + frame(header, body[start:])


READY = frame({"pid": 7})


LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,  # the one that the service runs in
}

Scenario = Callable[[Channel, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Play = Callable[[Scenario], None]


@pytest.fixture(params=LOOPS)
def play(request: pytest.FixtureRequest) -> Play:
    return lambda scenario: played(scenario, LOOPS[request.param])


def played(scenario: Scenario, loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    """Run a scenario with a channel and the streams of the process at its other end, which has said it is ready."""

    async def run() -> None:
        ours, theirs = socket.socketpair()
        channel = await Channel.over(ours, LIMIT)
        reader, writer = await asyncio.open_unix_connection(sock=theirs)
        writer.write(READY)
        assert await channel.answer() == ({"pid": 7}, b"")
        try:
            async with asyncio.timeout(10):
                await scenario(channel, reader, writer)
        finally:
            channel.close()
            writer.close()

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(run())


async def answered(channel: Channel, pieces: list[bytes], writer: asyncio.StreamWriter) -> Frame:
    channel.send({"n": 1})
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0)
    return await channel.answer()


def test_a_request_arrives_as_a_frame(play: Play) -> None:
    async def scenario(channel: Channel, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        channel.send({"text": "é"}, b"body")
        text, size = HEADER.unpack(await reader.readexactly(HEADER.size))
        assert json.loads(await reader.readexactly(text)) == {"text": "é"}
        assert await reader.readexactly(size) == b"body"
        writer.write(frame({}))
        assert await channel.answer() == ({}, b"")

    play(scenario)


@pytest.mark.parametrize("size", [1, 3, 100])
def test_an_answer_may_come_in_bits(play: Play, size: int) -> None:
    whole = frame({"type": "text/csv"}, b"o\r\none\r\n")

    async def scenario(channel: Channel, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(2):
            bits = [whole[start : start + size] for start in range(0, len(whole), size)]
            assert await answered(channel, bits, writer) == ({"type": "text/csv"}, b"o\r\none\r\n")

    play(scenario)


def test_a_message_may_quote_any_text(play: Play) -> None:
    async def scenario(channel: Channel, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        quoted = {"message": "\ud800 é \0"}
        assert await answered(channel, [frame(quoted)], writer) == (quoted, b"")

    play(scenario)


@pytest.mark.parametrize("bit", [1_000, 65_536, 1_500_000, 2 * LIMIT])
@pytest.mark.parametrize("size", [IN_MEMORY, IN_MEMORY + 1, LIMIT])
def test_a_large_answer_is_put_away_as_it_comes(play: Play, size: int, bit: int) -> None:
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    whole = framed({"n": 1}, body)

    async def scenario(channel: Channel, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(2):
            bits = [whole[start : start + bit] for start in range(0, len(whole), bit)]
            header, found = await answered(channel, bits, writer)
            assert header == {"n": 1}
            assert isinstance(found, LargeBody) == (size > IN_MEMORY)
            assert (found.whole() if isinstance(found, LargeBody) else found) == body

    play(scenario)


def test_the_pieces_of_an_answer_that_breaks_off_are_let_go_of(play: Play) -> None:
    held = LargeBody.held

    async def scenario(channel: Channel, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        channel.send({})
        writer.write(HEADER.pack(0, 100_000) + b"x" * 100_000)
        while LargeBody.held == held:
            await asyncio.sleep(0.01)
        writer.close()
        with pytest.raises(OSError):
            await channel.answer()
        assert LargeBody.held == held

    play(scenario)


@pytest.mark.parametrize(
    "sent",
    [frame({})[:5], HEADER.pack(2, LIMIT + 1) + b"{}", framed({}, b"x" * (LIMIT + 1)), frame({}, b"body") + b"more"],
)
def test_a_process_that_ends_or_sends_too_much_is_not_waited_for(play: Play, sent: bytes) -> None:
    async def scenario(channel: Channel, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        channel.send({})
        writer.write(sent)
        if len(sent) == 5:
            writer.close()
        with pytest.raises(OSError):
            await channel.answer()
        assert not channel.is_open
        channel.send({})
        with pytest.raises(OSError):
            await channel.answer()

    play(scenario)


def test_what_nobody_asked_for_closes_the_channel(play: Play) -> None:
    async def scenario(channel: Channel, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(frame({}))
        while channel.is_open:
            await asyncio.sleep(0.01)

    play(scenario)
