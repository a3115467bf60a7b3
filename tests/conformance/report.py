"""The lists in docs/conformance.md: `python -m tests.conformance.report` prints them, and a test compares."""

from itertools import groupby

from tests.conformance.exceptions import EXCEPTIONS, NOT_RUN
from tests.conformance.manifest import SUITES, read_manifest
from tests.conformance.suites import is_update, suite
from tests.conformance.test_queries import RUNNERS as QUERIES
from tests.conformance.test_updates import RUNNERS as UPDATES

__all__ = ["lists"]

_OVER_HTTP = {
    "SPARQL 1.1 Protocol": "sparql11/protocol/manifest.ttl",
    "Graph Store HTTP Protocol": "sparql11/graph-store-protocol/manifest.ttl",
    "Graph Store HTTP Protocol, older tests in prose": "sparql11/http-rdf-update/manifest.ttl",
}
_NAMES = {"sparql11": "SPARQL 1.1", "sparql10": "SPARQL 1.0", "sparql12": "SPARQL 1.2"}


def lists() -> str:
    """The table of suites, then what is not run and what does not pass, with the reasons."""
    return "\n".join([*_table(), "", "### Not run", "", *_not_run(), "", "### Not passed", "", *_not_passed(), ""])


def _table() -> list[str]:
    rows = ["| suite | tests run | passed |", "|---|---:|---:|"]
    for name, path in _OVER_HTTP.items():
        run = [f"sparql11/{test.name}" for test in read_manifest(SUITES / path)]
        rows.append(f"| {name} | {len(run)} | {len(set(run) - set(EXCEPTIONS))} |")
    for part, name in _NAMES.items():
        tests = list(suite(part))
        for kind, runners in (("queries", QUERIES), ("updates", UPDATES)):
            run = [full for full, one in tests if one.kind in runners and is_update(one) is (kind == "updates")]
            if run:
                rows.append(f"| {name}, {kind} | {len(run)} | {len(set(run) - set(EXCEPTIONS))} |")
    return rows


def _not_run() -> list[str]:
    return [f"- `{group}`: {reason}" for group, reason in NOT_RUN.items()]


def _not_passed() -> list[str]:
    lines = []
    for reason, names in groupby(EXCEPTIONS.items(), key=lambda item: item[1]):
        listed = ", ".join(f"`{name}`" for name, _ in names)
        lines.append(f"- {reason} {listed}")
    return lines


if __name__ == "__main__":
    print(lists())
