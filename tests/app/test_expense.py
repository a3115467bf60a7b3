"""The stages of a run are its processor time, each of them once."""

import time

import pytest

from app.expense import Expense
from loaders.pipeline import Seconds

BUSY = 0.1


def work(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def test_what_is_prepared_here_is_no_intake() -> None:
    expense, begun = Expense(), time.process_time()
    work(BUSY)
    with expense.describing():
        work(BUSY)
    stages = expense.stages(Seconds(read=BUSY / 2, emit=BUSY / 4, gate=BUSY / 8))
    used = time.process_time() - begun
    assert stages["describe"] >= BUSY and stages["intake"] >= BUSY / 8
    assert sum(taken for stage, taken in stages.items() if stage != "total") == pytest.approx(used, abs=BUSY / 2)
