"""Made-up quads and a data directory of its own for each test of the store."""

from collections.abc import Callable
from pathlib import Path

import pytest

from app.store.base import ReplaceGraph
from app.store.embedded import EmbeddedStore

Publish = Callable[..., int]


def triples(*facts: str) -> bytes:
    """N-Triples from lines such as `a knows "b"`, every name under http://example.org/."""
    return "".join(f"{' '.join(map(_term, fact.split(maxsplit=2)))} .\n" for fact in facts).encode()


def _term(text: str) -> str:
    return text if text.startswith('"') else f"<http://example.org/{text}>"


def graph(name: str, *facts: str) -> ReplaceGraph:
    """The change that makes a graph say just these facts."""
    return ReplaceGraph(f"http://example.org/{name}", triples(*facts))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory that does not exist yet."""
    return tmp_path / "data"


@pytest.fixture
def publish(data: Path) -> Publish:
    """Replace graphs in the data directory and publish; returns the generation's number."""

    def _publish(*changes: ReplaceGraph) -> int:
        with EmbeddedStore(data) as store:
            store.apply(changes)
            return store.publish()

    return _publish
