"""A service that anybody on this machine may write to, started once for each module of tests."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.paths import ROOT


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of a server of our own, on a free port, over real HTTP."""
    folder = tmp_path_factory.mktemp("conformance")
    environment = {
        **os.environ,
        "TRIALWEAVE_DATA": str(folder / "data"),
        "TRIALWEAVE_WRITE": "open",
        "TRIALWEAVE_WORKERS": "1",
        "PYTHONPATH": str(ROOT),
        "NO_COLOR": "1",
    }
    server = subprocess.Popen(
        [str(Path(sys.executable).parent / "trialweave"), "serve", "--port", "0"],
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert server.stderr is not None
    try:
        address = server.stderr.readline().split()[-1].rstrip("/")
        with httpx.Client(base_url=address, timeout=60) as client:
            yield client
    finally:
        server.terminate()
        server.wait(timeout=20)
        server.stderr.close()
