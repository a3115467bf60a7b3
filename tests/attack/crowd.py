"""Clients that ask what is quickly answered, in a process of their own: they measure the service, and not the tests.

`python -m tests.attack.crowd PORT` asks until its input ends. Then it writes for how many seconds it waited for the
answers, and the statuses of all: `{"waits": […], "statuses": […]}`.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import cast
from urllib.parse import urlencode

from tests.paths import ROOT

__all__ = ["Crowd"]

_CLIENTS = 8
_PAUSE = 0.01
"""Seconds between an answer and the next question of the same client."""


class Crowd:
    """Eight clients, each with an address of its own, that ask one query after the other and note how long they wait.

    They ask from the moment on that this is made.
    """

    def __init__(self, port: int) -> None:
        command = [sys.executable, "-m", "tests.attack.crowd", str(port)]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdout
        assert self._process.stdout.readline() == b"asking\n"

    def stop(self) -> list[float]:
        """End, and return how many seconds each answer took. All were what was asked for."""
        told, _ = self._process.communicate()
        result = json.loads(told)
        assert result["statuses"] == [200]
        return cast(list[float], result["waits"])


async def _ask(port: int, number: int, done: asyncio.Event, waits: list[float], statuses: set[int]) -> None:
    count = 0
    while not done.is_set():
        count += 1
        query = f"SELECT ?o {{ <http://e/s{number * 300 + count % 300}> ?p ?o }} # {time.monotonic_ns()}"
        form = urlencode({"query": query}).encode()
        head = (
            "POST /sparql HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(form)}\r\n\r\n"
        )
        began = time.perf_counter()
        # 127.0.0.10 and up: to the service, each is another client.
        reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(f"127.0.0.{10 + number}", 0))
        writer.write(head.encode() + form)
        answer = await reader.read()
        waits.append(time.perf_counter() - began)
        statuses.add(int(answer[9:12]))
        assert b"http://e/s" in answer
        writer.close()
        await asyncio.sleep(_PAUSE)


async def _run(port: int) -> None:
    done, waits, statuses = asyncio.Event(), list[float](), set[int]()
    clients = [asyncio.create_task(_ask(port, number, done, waits, statuses)) for number in range(_CLIENTS)]
    print("asking", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    done.set()
    await asyncio.gather(*clients)
    print(json.dumps({"waits": waits, "statuses": sorted(statuses)}))


def main(arguments: Sequence[str]) -> None:
    """Ask the service at a port."""
    asyncio.run(_run(int(arguments[0])))


if __name__ == "__main__":
    main(sys.argv[1:])
