"""The W3C suites for SPARQL 1.0, 1.1 and 1.2: their tests by kind, and what is the same for queries and updates."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import httpx
import pytest

from tests.conformance.exceptions import EXCEPTIONS, NOT_RUN
from tests.conformance.manifest import MF, SUITES, Entry, address, read_manifest

__all__ = ["ACCEPT", "NOTHING", "Runner", "is_update", "parameters", "suite", "syntax", "text_of"]

Runner = Callable[[Entry, httpx.Client], None]

MANIFESTS = {"sparql11": "manifest-all.ttl", "sparql10": "manifest.ttl", "sparql12": "manifest.ttl"}
ACCEPT = {
    ".srx": "application/sparql-results+xml",
    ".srj": "application/sparql-results+json",
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    "graph": "application/n-triples",
}
NOTHING = "http://example.org/nothing"


def suite(name: str) -> Iterator[tuple[str, Entry]]:
    """Yield the tests of a suite with their full names, but those of groups that are not run."""
    for entry in read_manifest(SUITES / name / MANIFESTS[name]):
        full = f"{name}/{entry.name}"
        if full.rpartition("/")[0] not in NOT_RUN:
            yield full, entry


def is_update(entry: Entry) -> bool:
    """Whether the test sends an update."""
    return "Update" in entry.kind or (entry.manifest.text(entry.node, MF + "action") or "").endswith(".ru")


def parameters(runners: Mapping[str, Runner], *, updates: bool) -> Iterator[object]:
    """Yield the tests of these kinds for pytest. One with an exception is expected to fail: else it is none."""
    for name in MANIFESTS:
        for full, entry in suite(name):
            if entry.kind in runners and is_update(entry) is updates:
                expected = pytest.mark.xfail(reason=EXCEPTIONS.get(full, ""), strict=True)
                yield pytest.param(entry, id=full, marks=[expected] if full in EXCEPTIONS else [])


def text_of(file: Path) -> str:
    """The text of a query or an update, with the file's address as its base."""
    return f"BASE <{address(file)}> {file.read_bytes().decode()}"


def syntax(entry: Entry, service: httpx.Client) -> None:
    """Send what is, or is not, well-formed."""
    manifest = entry.manifest
    text = text_of(manifest.file(manifest.one(entry.node, MF + "action")))
    if is_update(entry):
        answer = service.post("/update", data={"update": text})
    else:
        dataset = {} if "FROM" in text.upper() else {"default-graph-uri": NOTHING}
        answer = service.post("/sparql", data={"query": text, **dataset})
    problem = {} if answer.is_success else answer.json()
    if entry.kind.startswith("Negative"):
        assert problem and problem["type"].endswith("/QuerySyntaxError"), answer.text
    elif problem:
        # It is read, but cannot be done: there is nothing to drop, say.
        assert problem["type"].endswith("/BadRequest"), answer.text
