"""kill -9 at any moment: what was acknowledged is there, nothing is there in part, and the next start cleans up.

TRIALWEAVE_CRASH_ROUNDS sets how often each kind of writer is killed, TRIALWEAVE_CRASH_SEED repeats the moments of a
failure. Each round goes on in the directory that the kill before it has left.
"""

import fcntl
import math
import multiprocessing
import os
import random
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from app.store.embedded import EmbeddedStore
from app.store.generations import KEEP, DataDirectory
from tests.crash.victims import VICTIMS, Service, Victim

ROUNDS = int(os.environ.get("TRIALWEAVE_CRASH_ROUNDS", "21"))
LONGEST = 1.5
"""Steps after which the first writer is killed at the latest, by the time that an undisturbed one took."""

PACE = 1.15
"""How much later, or earlier, the next kill may come after one that came before, or after, a step was done."""

MEMORY = Path("/dev/shm")
"""A disk in memory, if there is one: a process that is killed loses nothing to it, and it waits for no disk."""

# Children are forked from a process that has imported all of it once, so that a round does not wait for that.
_PROCESSES: ForkServerContext = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(
    [
        "tests.crash.victims",
        "app.main",
        "loaders.shacl_fast",
        "loaders.pool",
        "loaders.readers.clinicaltrials",
        "loaders.readers.curated",
        "loaders.readers.page",
        "loaders.readers.pubmed",
    ]
)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("victim", VICTIMS, ids=lambda victim: victim.name)
def test_a_writer_killed_at_any_moment_leaves_what_it_acknowledged(victim: Victim | Service, folder: Path) -> None:
    seed = int(os.environ.get("TRIALWEAVE_CRASH_SEED", random.randrange(10**9)))
    moments = random.Random(seed)
    data = folder / "data"
    seconds = LONGEST * _first_step(victim, data)
    first = step = victim.published(data)
    for number in range(math.ceil(ROUNDS * victim.share)):
        try:
            acknowledged = _killed(victim, data, step + 1, moments.uniform(0, seconds))
            found = victim.published(data)
            _check_directory(data)
            assert max(step, acknowledged) <= found <= max(step, acknowledged) + 1
            _check_cleaned(data)
            assert victim.published(data) == found, "opening for writing changed what is published"
        except Exception as error:
            pytest.fail(f"Round {number} with TRIALWEAVE_CRASH_SEED={seed}: {type(error).__name__}: {error}")
        # Half of the kills are to come before the first acknowledgement, however busy the machine is.
        seconds *= PACE if found == step else 1 / PACE
        step = found
    assert step > first, f"no writer ever came to its end; TRIALWEAVE_CRASH_SEED={seed}"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder that is fast to write to."""
    if not MEMORY.is_dir():
        yield tmp_path
        return
    with TemporaryDirectory(dir=MEMORY) as name:
        yield Path(name)


def _first_step(victim: Victim | Service, data: Path) -> float:
    """Let a writer make its first step, kill it, and return the seconds that the step took."""
    process, acknowledged = _started(victim, data, 1)
    began = time.monotonic()
    assert acknowledged.recv() == 1
    seconds = time.monotonic() - began
    process.kill()
    process.join()
    _wait_for_lock(data)
    return seconds


def _wait_for_lock(data: Path) -> None:
    """Wait for the process that writes for a service: it ends by itself, a moment after the service was killed."""
    if (data / "LOCK").exists():
        with (data / "LOCK").open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)


def _killed(victim: Victim | Service, data: Path, first: int, seconds: float) -> int:
    """Kill a writer after that many seconds of work, and return the last step it acknowledged, or 0."""
    process, acknowledged = _started(victim, data, first)
    time.sleep(seconds)
    process.kill()
    process.join()
    _wait_for_lock(data)
    assert process.exitcode == -9, "the writer failed before it was killed; its error is above"
    return _last(acknowledged)


def _started(victim: Victim | Service, data: Path, first: int) -> tuple[ForkServerProcess, Connection]:
    ours, theirs = _PROCESSES.Pipe(duplex=False)
    process = _PROCESSES.Process(target=_work, args=(victim.name, data, first, theirs))
    process.start()
    theirs.close()
    assert ours.recv() == "ready"
    return process, ours


def _work(name: str, data: Path, first: int, acknowledge: Connection) -> None:
    next(victim for victim in VICTIMS if victim.name == name).run(data, first, acknowledge)


def _last(acknowledged: Connection) -> int:
    last = 0
    try:
        while True:
            last = acknowledged.recv()
    except EOFError:
        acknowledged.close()
        return last


def _check_directory(data: Path) -> None:
    """CURRENT names a generation that is there, or nothing was published."""
    current = DataDirectory(data).current()
    assert not current or DataDirectory(data).generation(current).is_dir()


def _check_cleaned(data: Path) -> None:
    """A writer that starts and ends leaves generations, their locks, and no rubbish."""
    if not data.exists():
        return
    EmbeddedStore(data).close()
    names = {entry.name for entry in data.iterdir()}
    assert names <= {"CURRENT", "FORMAT", "LOCK", "audit.log", "generations", "quarantine", "runs"}, names
    current = DataDirectory(data).current()
    kept = sorted(entry.name for entry in (data / "generations").iterdir())
    assert all(name[:6].isdigit() and int(name[:6]) <= current for name in kept), kept
    assert len([name for name in kept if name.isdigit()]) <= 2 * KEEP + 1, kept
