"""The bundled studies in a store, loaded as users load them, once per test process."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.intake import load
from app.store.embedded import EmbeddedReader
from loaders.documents import documents
from tests.paths import SEEDS, STUDIES


def _loaded(data: Path, *sources: Path) -> Path:
    summary = load(data, documents(map(str, sources)))
    assert summary.complete, [outcome.messages for outcome in summary.outcomes]
    return data


@pytest.fixture(scope="session")
def bundled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedReader]:
    """The two bundled studies."""
    with EmbeddedReader(_loaded(tmp_path_factory.mktemp("bundled") / "data", STUDIES)) as reader:
        yield reader


@pytest.fixture(scope="session")
def with_pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedReader]:
    """The same with the two source pages, which come first: the studies then move to the better keys."""
    with EmbeddedReader(_loaded(tmp_path_factory.mktemp("pages") / "data", SEEDS, STUDIES)) as reader:
        yield reader
