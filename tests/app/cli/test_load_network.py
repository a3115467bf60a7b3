"""`trialweave load` with identifiers and queries: what is asked of the services, and what is said when it fails."""

import json
from pathlib import Path

import pytest

from tests.app.cli.test_commands import run
from tests.loaders.fetch.replay import Answer, replaying


@pytest.fixture
def replay():
    with replaying() as server:
        yield server


def load(replay, data: Path, *arguments: str):
    return run(
        "load",
        *arguments,
        "--data",
        str(data),
        TRIALWEAVE_CTGOV_URL=f"{replay.url}/api/v2",
        TRIALWEAVE_CTGOV_RATE="1000",
        TRIALWEAVE_NCBI_URL=f"{replay.url}/eutils",
        TRIALWEAVE_NCBI_API_KEY="s3cret",
        TRIALWEAVE_CONTACT="a@b.org",
        NO_PROXY="127.0.0.1",
    )


def test_what_cannot_be_fetched_costs_nothing_else(replay, tmp_path):
    done = load(replay, tmp_path / "data", "studies", "NCT99999999", "--query", "cond=als", "--json")
    assert done.returncode == 1
    assert [outcome["status"] for outcome in json.loads(done.stdout)["outcomes"]] == [
        "loaded",
        "loaded",
        "unreadable",
        "unreadable",
    ]
    assert done.stderr.splitlines() == [
        "NCT99999999: ClinicalTrials.gov has no study with this id",
        "query.cond=als: was not fetched: ClinicalTrials.gov knows no such thing: nothing here",
    ]
    assert [request.path for request in replay.requests] == ["/api/v2/studies/NCT99999999", "/api/v2/version"]
    assert {request.headers["user-agent"] for request in replay.requests} == {"trialweave/0.1.0 (+mailto:a@b.org)"}


def test_what_is_fetched_is_kept_in_the_data_directory(replay, tmp_path):
    replay.on("/eutils/efetch.fcgi", Answer(b"<PubmedArticleSet/>", "text/xml"))
    for _ in range(2):
        done = load(replay, tmp_path / "data", "30048006")
        assert done.returncode == 1 and done.stderr == "30048006: PubMed has no article with this id\n"
    (request,) = replay.requests
    assert {"id": "30048006", "api_key": "s3cret", "email": "a@b.org"}.items() <= request.parameters.items()
    assert len([path for path in (tmp_path / "data/cache").rglob("*") if path.is_file()]) == 1
    assert load(replay, tmp_path / "data", "30048006", "--refresh").returncode == 1
    assert len(replay.requests) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--query", "condition=als"], "'condition' is no query parameter"),
        (["--query", "cond="], "'cond' has no value"),
        ([], "Missing argument"),
    ],
)
def test_a_query_that_is_none_is_said_before_anything_is_asked(replay, tmp_path, arguments, message):
    done = load(replay, tmp_path / "data", *arguments)
    assert done.returncode == 2 and message in done.stderr.replace("\n", " ")
    assert replay.requests == [] and not (tmp_path / "data").exists()
