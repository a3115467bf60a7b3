"""ClinicalTrials.gov: single studies, and searches that are one picture of the registry or none."""

import json
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from loaders.documents import Document
from loaders.errors import SourceError
from loaders.fetch import Wanted, fetched
from loaders.fetch.clinicaltrials import RESTARTS
from tests.loaders.fetch.replay import Answer, Replay, Request
from tests.paths import ROOT, SHARED, needs_shared

STUDIES = "/api/v2/studies"
VERSION = "/api/v2/version"


def record(number: int) -> dict:
    return {"protocolSection": {"identificationModule": {"nctId": f"NCT{number:08d}"}}}


def version(day: int = 1) -> Answer:
    return Answer(json.dumps({"apiVersion": "2.0.5", "dataTimestamp": f"2026-01-{day:02d}T09:00:05"}).encode())


class Pages:
    """A registry of five pages of two studies, whose answers may fail at one page as often as one likes."""

    def __init__(self, replay: Replay) -> None:
        self.replay = replay
        self.fail: dict[str, list[Answer | Exception]] = {}
        replay.on(VERSION, version())
        replay.on(STUDIES, self.answer)

    def answer(self, request: Request) -> Answer:
        token = request.parameters.get("pageToken", "p0")
        if self.fail.get(token):
            return self.fail[token].pop(0)
        number = int(token[1:])
        page = {"studies": [record(10 * number), record(10 * number + 1)]}
        if "countTotal" in request.parameters:
            page = {"totalCount": 10, **page}
        if number < 4:
            page["nextPageToken"] = f"p{number + 1}"
        return Answer(json.dumps(page).encode())

    def asked(self) -> list[str]:
        return [request.parameters.get("pageToken", "p0") for request in self.replay.asked(STUDIES)]


@pytest.fixture
def pages(replay) -> Pages:
    return Pages(replay)


def search(network, *queries: str, progress=lambda said: None) -> list[Document | SourceError]:
    return list(fetched(Wanted.among([], queries or ["cond=als"])[1], network, progress))


def ids(found: list[Document | SourceError]) -> list[str]:
    return [
        study["protocolSection"]["identificationModule"]["nctId"]
        for document in found
        for study in json.loads(document.data)["studies"]
    ]


EVERYTHING = [f"NCT{number:08d}" for page in range(5) for number in (10 * page, 10 * page + 1)]


def test_a_study_is_fetched_as_it_is_and_once(replay, network):
    body = json.dumps(record(7)).encode()
    replay.on(f"{STUDIES}/NCT00000007", Answer(body))
    wanted = Wanted(ncts=("NCT00000007",))
    assert list(fetched(wanted, network)) == [Document("NCT00000007", body)]
    assert list(fetched(wanted, network)) == [Document("NCT00000007", body)]
    assert len(replay.requests) == 1


@pytest.mark.parametrize(("change", "times"), [({"refresh": True}, 2), ({}, 1)])
def test_refresh_asks_again(replay, network, change, times):
    replay.on(f"{STUDIES}/NCT00000007", Answer(json.dumps(record(7)).encode()))
    wanted = Wanted(ncts=("NCT00000007",))
    list(fetched(wanted, network))
    list(fetched(wanted, replace(network, **change)))
    assert len(replay.requests) == times


def test_a_kept_study_is_good_for_a_day(replay, network, hours):
    replay.on(f"{STUDIES}/NCT00000007", Answer(json.dumps(record(7)).encode()))
    for _ in range(2):
        list(fetched(Wanted(ncts=("NCT00000007",)), network))
        hours.seconds += 25 * 60 * 60
    assert len(replay.requests) == 2


def test_an_id_that_was_merged_into_another_gives_the_other(replay, network):
    replay.on(f"{STUDIES}/NCT00000001", Answer(status=301, headers={"Location": f"{STUDIES}/NCT00000007"}))
    replay.on(f"{STUDIES}/NCT00000007", Answer(json.dumps(record(7)).encode()))
    (found,) = fetched(Wanted(ncts=("NCT00000001",)), network)
    assert json.loads(found.data) == record(7)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (Answer(b"not found", "text/plain", 404), "NCT00000001: ClinicalTrials.gov has no study with this id"),
        (Answer(b"<html>", "text/html"), "NCT00000001: was not fetched: ClinicalTrials.gov answered with text/html"),
        (Answer(b'{"a": 1}'), "sent an answer that cannot be used (protocolSection is missing), 6 times"),
        (Answer(b"[" * 100_000), "sent an answer that cannot be used"),
    ],
)
def test_a_study_that_cannot_be_had_does_not_stop_the_next(replay, network, answer, message):
    replay.on(f"{STUDIES}/NCT00000001", answer)
    replay.on(f"{STUDIES}/NCT00000007", Answer(json.dumps(record(7)).encode()))
    error, found = fetched(Wanted(ncts=("NCT00000001", "NCT00000007")), network)
    assert message in str(error) and found.name == "NCT00000007"


def test_a_search_gives_every_page_and_says_how_far_it_is(pages, network):
    said: list[str] = []
    found = search(network, "cond=als & x&filter.overallStatus=COMPLETED", progress=said.append)
    assert ids(found) == EVERYTHING
    assert found[1].name == "query.cond=als & x&filter.overallStatus=COMPLETED, page 2"
    assert said[2] == "ClinicalTrials.gov: 6 of 10 studies"
    first, second, *_ = pages.replay.asked(STUDIES)
    same = {"query.cond": "als & x", "filter.overallStatus": "COMPLETED", "pageSize": "1000", "format": "json"}
    assert first.parameters == {**same, "countTotal": "true"}
    assert second.parameters == {**same, "pageToken": "p1"}


def test_requests_to_the_registry_are_a_second_apart(pages, network, hours):
    search(network)
    assert hours.slept == [1.0] * 6


class Killed(BaseException):
    """Stands for whatever ends a process."""


def test_a_search_that_was_stopped_goes_on_where_it_was(pages, network):
    def stop(said: str) -> None:
        if said == "ClinicalTrials.gov: 6 of 10 studies":
            raise Killed

    with pytest.raises(Killed):
        search(network, progress=stop)
    assert pages.asked() == ["p0", "p1", "p2"]
    assert ids(search(network)) == EVERYTHING
    assert pages.asked() == ["p0", "p1", "p2", "p3", "p4"]


def test_a_search_whose_process_was_killed_asks_no_page_twice(pages, network):
    pages.fail["p3"] = [Answer(slow=30)]
    code = f"""
from pathlib import Path
from loaders.fetch import Network, Wanted, fetched
network = Network({network.ctgov_url!r}, 1000, {network.ncbi_url!r}, Path({str(network.cache)!r}))
list(fetched(Wanted.among([], ["cond=als"])[1], network))
"""
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT) as process:
        while "p3" not in pages.asked():
            assert process.poll() is None
            time.sleep(0.01)
        process.kill()
    assert ids(search(network)) == EVERYTHING
    assert pages.asked() == ["p0", "p1", "p2", "p3", "p3", "p4"]


def test_a_search_goes_on_after_the_server_was_down(pages, network):
    pages.fail["p3"] = [Answer(status=503)] * 6
    (error,) = search(network)
    assert "query.cond=als: was not fetched: ClinicalTrials.gov answered 503, 6 times" in str(error)
    asked = len(pages.asked())
    assert ids(search(network)) == EVERYTHING
    assert pages.asked()[asked:] == ["p3", "p4"]


def test_a_stopped_search_starts_again_when_the_registry_has_moved_on(pages, network):
    pages.fail["p3"] = [Answer(status=503)] * 6
    search(network)
    pages.replay.on(VERSION, version(2))
    before = len(pages.asked())
    assert ids(search(network)) == EVERYTHING
    assert pages.asked()[before:] == ["p0", "p1", "p2", "p3", "p4"]
    assert [folder.name for folder in (network.cache / "ctgov/pages").iterdir()] == ["2026-01-02T09-00-05"]


def test_a_search_starts_again_when_data_change_under_way(pages, network):
    pages.replay.on(VERSION, version(1), version(2))
    said: list[str] = []
    assert ids(search(network, progress=said.append)) == EVERYTHING
    assert pages.asked() == ["p0", "p1", "p2", "p3", "p4"] * 2
    assert "ClinicalTrials.gov has published new data; starting again" in said


def test_a_registry_that_never_rests_is_given_up(pages, network):
    days = iter(range(1, 29))
    pages.replay.on(VERSION, lambda request: version(next(days)))
    (error,) = search(network)
    assert f"published new data during each of {RESTARTS + 1} attempts" in str(error)
    assert len(pages.asked()) == 5 * (RESTARTS + 1)


def test_a_page_token_that_no_longer_holds_starts_the_search_again(pages, network):
    pages.fail["p2"] = [Answer(b"`pageToken` is wrong", "text/plain", 400)]
    assert ids(search(network)) == EVERYTHING
    assert pages.asked() == ["p0", "p1", "p2", "p0", "p1", "p2", "p3", "p4"]


def test_a_query_the_registry_does_not_accept_is_said_once(pages, network):
    pages.fail["p0"] = [Answer(b"Too complicated query", "text/plain", 400)]
    (error,) = search(network)
    assert "does not accept the request: Too complicated query" in str(error) and pages.asked() == ["p0"]


def test_pages_without_end_end(replay, network):
    replay.on(VERSION, version())
    replay.on(STUDIES, Answer(json.dumps({"studies": [record(1)], "nextPageToken": "again"}).encode()))
    (error,) = search(network)
    assert "gives pages without end" in str(error) and len(replay.asked(STUDIES)) == 2


def test_a_page_that_was_spoilt_in_the_cache_is_asked_again(pages, network):
    search(network)
    for file in (network.cache / "ctgov/pages").rglob("*"):
        if file.is_file():
            file.write_bytes(file.read_bytes()[:-3])
    assert ids(search(network)) == EVERYTHING
    assert len(pages.asked()) == 10


def test_one_search_that_fails_does_not_cost_the_other(pages, network):
    pages.fail["p0"] = [Answer(b"<html>", "text/html")]
    error, *found = search(network, "cond=a", "cond=b")
    assert isinstance(error, SourceError) and ids(found) == EVERYTHING


@needs_shared
def test_real_pages_come_through_unchanged(replay, network):
    files = sorted((SHARED / "data/ctgov/api-pages").glob("Chicone*.json"))
    bodies = {"start": files[0].read_bytes(), json.loads(files[0].read_bytes())["nextPageToken"]: b'{"studies": []}'}
    replay.on(VERSION, version())
    replay.on(STUDIES, lambda request: Answer(bodies[request.parameters.get("pageToken", "start")]))
    first, last = search(network)
    assert (first.data, last.data) == (files[0].read_bytes(), b'{"studies": []}')
