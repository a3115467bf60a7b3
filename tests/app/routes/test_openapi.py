"""The description of the service says what the service does: made-up requests get none but the answers it names."""

from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, status_code_conformance

from app.main import create_app
from app.settings import Settings
from tests.attack.live import Live, serving

_EXAMPLES = 5
_SCHEMA = schemathesis.openapi.from_dict(create_app(Settings()).openapi())
_OPERATIONS = [operation.ok() for operation in _SCHEMA.get_all_operations()]


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with serving(tmp_path_factory.mktemp("openapi") / "data", workers=1, write="open") as running:
        yield running


@pytest.mark.parametrize("operation", _OPERATIONS, ids=lambda operation: operation.label)
def test_every_answer_is_one_that_is_described(live: Live, operation: schemathesis.APIOperation) -> None:
    @given(operation.as_strategy())
    @settings(
        max_examples=_EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def ask(case: schemathesis.Case) -> None:
        answer = case.call(base_url=f"http://127.0.0.1:{live.port}")
        case.validate_response(answer, checks=[not_a_server_error, status_code_conformance, content_type_conformance])

    ask()


def test_every_operation_says_which_mistakes_it_finds() -> None:
    paths = create_app(Settings()).openapi()["paths"]
    for path in ("/sparql", "/update", "/rdf-graphs/service", "/validate"):
        operation = paths[path]["post"]
        assert {"400", "413", "415", "503"} <= set(operation["responses"]), path
        assert operation["requestBody"]["content"], path
    assert paths["/sparql"]["get"]["parameters"][0]["name"] == "query"
