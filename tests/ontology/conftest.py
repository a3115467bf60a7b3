"""The bundled studies in a store, loaded as users load them, once per test process."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from app.intake import load
from app.store.embedded import EmbeddedReader
from loaders.documents import documents
from tests.app.federation.stub import Stub, serving
from tests.app.harvest.endpoints import store_of
from tests.paths import SEEDS, STUDIES

REMOTE = Path(__file__).parent / "remote"
ENDPOINTS = {
    "https://id.nlm.nih.gov/mesh/sparql": "mesh",
    "https://query.wikidata.org/sparql": "wikidata",
    "https://sparql.uniprot.org/sparql": "uniprot",
}


def _loaded(data: Path, *sources: Path) -> Path:
    summary = load(data, documents(map(str, sources)))
    assert summary.complete, [outcome.messages for outcome in summary.outcomes]
    return data


@pytest.fixture(scope="session")
def bundled_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with the two bundled studies."""
    return _loaded(tmp_path_factory.mktemp("bundled") / "data", STUDIES)


@pytest.fixture(scope="session")
def bundled(bundled_data: Path) -> Iterator[EmbeddedReader]:
    """The two bundled studies."""
    with EmbeddedReader(bundled_data) as reader:
        yield reader


@pytest.fixture(scope="session")
def data_with_pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with the two source pages, which come first: the studies then move to the better keys."""
    return _loaded(tmp_path_factory.mktemp("pages") / "data", SEEDS, STUDIES)


@pytest.fixture(scope="session")
def with_pages(data_with_pages: Path) -> Iterator[EmbeddedReader]:
    """The bundled studies and the two source pages."""
    with EmbeddedReader(data_with_pages) as reader:
        yield reader


@pytest.fixture(scope="session")
def remotes() -> Iterator[dict[str, Stub]]:
    """For each public endpoint that an example asks, one here that holds a made-up stand-in of its vocabulary."""
    with ExitStack() as running:
        yield {
            endpoint: running.enter_context(serving(store_of((REMOTE / f"{name}.ttl").read_text("utf-8"))))
            for endpoint, name in ENDPOINTS.items()
        }
