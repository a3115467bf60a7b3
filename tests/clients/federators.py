"""Engines that federate: Comunica and RDF4J FedX, each with the members it is given, in a process of its own."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.paths import ROOT, need

__all__ = ["FEDERATORS", "Rows", "federator"]

Rows = list[dict[str, str]]
"""Solutions: values by the names of the variables that have one."""

FEDERATORS = ("comunica", "fedx")

_HERE = Path(__file__).parent
_COMUNICA = ROOT / ".comunica" / "node_modules"
_FEDX = ROOT / ".fedx"


@contextmanager
def federator(engine: str, *members: str | Path) -> Iterator[Callable[[str], Rows]]:
    """Run an engine over members, each an endpoint's address or an N-Triples file, and yield what asks it a SELECT.

    Asking raises RuntimeError with the engine's own words where it fails. Skips where the engine is not installed,
    unless TRIALWEAVE_REQUIRE names it; `.ci/run` shows how to install it.
    """
    process = subprocess.Popen(
        [*_command(engine), *map(str, members)],
        cwd=ROOT,
        env={**os.environ, "NODE_PATH": str(_COMUNICA)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin and process.stdout
    asked, answered = process.stdin, process.stdout

    def ask(query: str) -> Rows:
        asked.write(json.dumps(query) + "\n")
        asked.flush()
        answer = json.loads(answered.readline() or '{"error": "it ended"}')
        if "error" in answer:
            raise RuntimeError(f"{engine}: {answer['error']}")
        return [{name: term["value"] for name, term in row.items()} for row in answer["results"]["bindings"]]

    try:
        yield ask
    finally:
        process.kill()
        process.wait()
        asked.close()
        answered.close()


def _command(engine: str) -> list[str]:
    if engine == "comunica":
        need(engine, bool(shutil.which("node")) and _COMUNICA.is_dir(), "node, and Comunica in .comunica")
        return ["node", str(_HERE / "comunica" / "ask.cjs")]
    need(engine, bool(shutil.which("javac")) and _FEDX.is_dir(), "a JDK, and RDF4J FedX in .fedx")
    return ["java", "-XX:+UseSerialGC", "-cp", str(_FEDX / "*"), str(_HERE / "fedx" / "Ask.java")]
