"""Where tests find the bundled studies and the shared test data, and how they skip without it."""

import os
from pathlib import Path

import pytest

__all__ = ["ROOT", "SEEDS", "SHARED", "STUDIES", "is_required", "need", "needs_shared"]

ROOT = Path(__file__).resolve().parent.parent
STUDIES = ROOT / "studies"
SHARED = ROOT.parent / "shared"
SEEDS = SHARED / "seeds"


def is_required(name: str) -> bool:
    """Say whether TRIALWEAVE_REQUIRE names what is optional elsewhere: then its absence fails a test."""
    return name in os.environ.get("TRIALWEAVE_REQUIRE", "").split(",")


def need(name: str, there: bool, what: str) -> None:
    """Skip the test unless `what` it needs is there; where TRIALWEAVE_REQUIRE names it, fail the test instead."""
    if there:
        return
    if is_required(name):
        pytest.fail(f"TRIALWEAVE_REQUIRE names {name}, but this machine lacks {what}")
    pytest.skip(f"needs {what}")


# Where the data is required, its absence must fail the test, not skip it.
needs_shared = pytest.mark.skipif(
    not SHARED.is_dir() and not is_required("shared"),
    reason="needs the shared test data beside the repository (../shared)",
)
