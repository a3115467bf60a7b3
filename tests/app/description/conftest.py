"""The bundled studies, loaded as users load them, with a dump, and a service over them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.dump import FOLDER, write_dump
from app.intake import load
from app.main import create_app
from app.settings import Settings
from app.store.embedded import EmbeddedReader
from loaders.documents import documents
from tests.paths import STUDIES


@pytest.fixture(scope="module")
def bundled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with the bundled studies and a dump of them."""
    data = tmp_path_factory.mktemp("described") / "data"
    assert load(data, documents([str(STUDIES)])).complete
    with EmbeddedReader(data) as reader:
        write_dump(reader, data / FOLDER)
    return data


@pytest.fixture(scope="module")
def described(bundled: Path) -> Iterator[TestClient]:
    """A service over the bundled studies, under a licence."""
    settings = Settings(data=bundled, workers=1, license="https://example.org/licence")
    with TestClient(create_app(settings), base_url="http://127.0.0.1", follow_redirects=False) as running:
        yield running
