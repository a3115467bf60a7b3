"""A replay server, a clock that does not wait, and a network that leads to the one and goes by the other."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from loaders.fetch import Network
from loaders.fetch.http import Clock
from tests.loaders.fetch.replay import Replay, replaying


@dataclass
class Hours:
    """Time that passes only when somebody sleeps."""

    seconds: float = 1_700_000_000.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 3))
        self.seconds += seconds

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.seconds, lambda: self.seconds, self.sleep, lambda: 1.0)


@pytest.fixture
def hours() -> Hours:
    return Hours()


@pytest.fixture
def replay(monkeypatch: pytest.MonkeyPatch) -> Iterator[Replay]:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with replaying() as server:
        yield server


@pytest.fixture
def network(replay: Replay, hours: Hours, tmp_path: Path) -> Network:
    return Network(
        ctgov_url=f"{replay.url}/api/v2",
        ctgov_rate=1.0,
        ncbi_url=f"{replay.url}/eutils",
        cache=tmp_path / "cache",
        clock=hours.clock,
    )
