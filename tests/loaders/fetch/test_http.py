"""The polite client: what passes is tried again, what does not is one sentence, and nobody is asked too often."""

import gzip
from email.utils import formatdate

import pytest

from loaders.fetch import http
from loaders.fetch.http import ATTEMPTS, Client, FetchError, Incomplete, NotThere, Refused, Service
from tests.loaders.fetch.replay import Answer, replaying

OK = Answer(b'{"a": 1}')


@pytest.fixture
def client(replay, hours):
    said: list[str] = []
    with Client(
        Service("The registry", f"{replay.url}/api", "THE_URL", 1000), None, hours.clock, said.append, 0.5
    ) as it:
        it.said = said
        yield it


def whole(data: bytes) -> int:
    if not data.endswith(b"}"):
        raise Incomplete("no } at the end")
    return len(data)


def ask(client: Client) -> tuple[bytes, int]:
    return client.get("/x", {"q": "a b&c"}, "json", whole)


@pytest.mark.parametrize(
    "bad",
    [
        Answer(status=429),
        Answer(status=500),
        Answer(status=502),
        Answer(status=503),
        Answer(b"<html>", "text/html", status=504),
        Answer(b'{"a": 1}', cut=3),
        Answer(b'{"a": '),
        Answer(b'{"a": 1}', slow=2),
        Answer(b"no gzip", headers={"Content-Encoding": "gzip"}),
        Answer(gzip.compress(b'{"a": 1}')[:-12], headers={"Content-Encoding": "gzip"}),
    ],
    ids=["429", "500", "502", "503", "504", "cut off", "garbled", "slow", "no gzip", "gzip cut off"],
)
def test_what_may_pass_is_tried_again_with_growing_pauses(client, replay, hours, bad):
    replay.on("/api/x", bad, bad, OK)
    assert ask(client) == (b'{"a": 1}', 8)
    assert len(replay.requests) == 3
    assert [pause for pause in hours.slept if pause > 0.1] == [1.0, 2.0]
    assert len(client.said) == 2 and "trying again in 2 s" in client.said[1]


def test_it_gives_up_in_the_end(client, replay, hours):
    replay.on("/api/x", Answer(status=503))
    with pytest.raises(FetchError, match=r"The registry answered 503, 6 times in a row; try again later"):
        ask(client)
    assert len(replay.requests) == ATTEMPTS
    assert sum(hours.slept) < 40


def test_pauses_differ_by_chance_so_that_clients_do_not_come_back_together(replay, hours):
    replay.on("/api/x", Answer(status=503), OK)
    clock = http.Clock(hours.clock.monotonic, hours.clock.now, hours.sleep, lambda: 0.0)
    with Client(Service("It", f"{replay.url}/api", "URL", 1000), None, clock, lambda said: None) as client:
        ask(client)
    assert hours.slept[0] == 0.5


@pytest.mark.parametrize(
    ("header", "pause"),
    [
        ("7", 7.0),
        (formatdate(1_700_000_012, usegmt=True), 12.0),
        ("100000", 300.0),
        (formatdate(1_600_000_000, usegmt=True), 1.0),
        ("soon", 1.0),
        ("-5", 1.0),
        ("", 1.0),
    ],
)
def test_retry_after_is_honoured_within_reason(client, replay, hours, header, pause):
    replay.on("/api/x", Answer(status=429, headers={"Retry-After": header}), OK)
    ask(client)
    assert hours.slept[0] == pytest.approx(pause, abs=0.1)


@pytest.mark.parametrize(
    ("answer", "kind", "message"),
    [
        (Answer(b"NCT1 not found", "text/plain", 404), NotThere, "knows no such thing: NCT1 not found"),
        (Answer(b"pageSize\n is\x00 wrong", "text/plain", 400), Refused, "not accept the request: pageSize is wrong"),
        (Answer(b"<html>", "text/html", 403), FetchError, "The registry answered 403$"),
        (Answer(b"<html>", "text/html"), FetchError, r"answered with text/html instead of JSON; is THE_URL right"),
        (Answer(b'{"a": 1}', "text/plain"), FetchError, "answered with text/plain instead of JSON"),
        (Answer(endless=True), FetchError, "sent more than 1 MiB in one answer"),
        (Answer(gzip.compress(b" " * 9_000_000), headers={"Content-Encoding": "gzip"}), FetchError, "more than 1 MiB"),
    ],
    ids=["404", "400", "403", "page", "text", "endless", "bomb"],
)
def test_what_does_not_pass_is_asked_once(client, replay, monkeypatch, answer, kind, message):
    monkeypatch.setattr(http, "MAX_BYTES", 1024 * 1024)
    replay.on("/api/x", answer)
    with pytest.raises(kind, match=message):
        ask(client)
    assert len(replay.requests) == 1


def test_a_server_that_drips_is_given_up(client, replay, monkeypatch, hours):
    monkeypatch.setattr(http, "_LONGEST_ANSWER", -1.0)
    replay.on("/api/x", OK)
    with pytest.raises(FetchError, match="did not finish its answer in time"):
        ask(client)


def test_nobody_there_is_one_sentence(hours):
    with (
        Client(Service("It", "http://127.0.0.1:1/api", "URL", 1000), None, hours.clock, lambda said: None) as client,
        pytest.raises(FetchError, match="It cannot be reached or broke off"),
    ):
        ask(client)


def test_a_redirect_below_the_base_url_is_followed(client, replay):
    replay.on("/api/x", Answer(status=301, headers={"Location": "/api/y"}))
    replay.on("/api/y", OK)
    assert ask(client) == (b'{"a": 1}', 8)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_another_server_is_not_followed(client, replay, status):
    with replaying() as other:
        replay.on("/api/x", Answer(status=status, headers={"Location": f"{other.url}/api/y"}))
        with pytest.raises(FetchError, match=f"redirects to {other.url}/api/y, which is not followed"):
            ask(client)
        assert len(replay.requests) == 1 and other.requests == []


@pytest.mark.parametrize(
    "place", ["/elsewhere", "//127.0.0.1:1/api/y", "/api/../z", "file:///x", "https://127.0.0.1/api/"]
)
def test_a_redirect_off_the_base_url_is_not_followed(client, replay, place):
    replay.on("/api/x", Answer(status=301, headers={"Location": place}))
    with pytest.raises(FetchError, match="which is not followed"):
        ask(client)
    assert len(replay.requests) == 1


def test_redirects_in_a_circle_end(client, replay):
    replay.on("/api/x", Answer(status=301, headers={"Location": "/api/y"}))
    replay.on("/api/y", Answer(status=301, headers={"Location": "/api/x"}))
    with pytest.raises(FetchError, match="redirects without end"):
        ask(client)
    assert len(replay.requests) == 5


def test_a_form_is_not_sent_on(client, replay):
    replay.on("/api/x", Answer(status=307, headers={"Location": "/api/y"}))
    with pytest.raises(FetchError, match="which is not followed"):
        client.post("/x", {"api_key": "secret"}, "json", whole)
    assert len(replay.requests) == 1


def test_requests_keep_to_the_rate(replay, hours):
    replay.on("/api/x", OK)
    with Client(Service("It", f"{replay.url}/api", "URL", 4), None, hours.clock, lambda said: None) as client:
        for _ in range(5):
            ask(client)
        hours.seconds += 60
        ask(client)
    assert hours.slept == [0.25] * 4


@pytest.mark.parametrize(
    ("contact", "agent"), [(None, "trialweave/0.1.0"), ("a@b.org", "trialweave/0.1.0 (+mailto:a@b.org)")]
)
def test_it_says_who_it_is(replay, hours, contact, agent):
    replay.on("/api/x", OK)
    with Client(Service("It", f"{replay.url}/api", "URL", 1000), contact, hours.clock, lambda said: None) as client:
        ask(client)
    (request,) = replay.requests
    assert request.headers["user-agent"] == agent
    assert request.parameters == {"q": "a b&c"}


@pytest.mark.parametrize(
    "url", ["", "clinicaltrials.gov", "ftp://x/y", "http://", "http://x:y/", "file:///etc", "http://x/?a=b"]
)
def test_a_base_url_that_is_none_is_refused(hours, url):
    with pytest.raises(FetchError, match=r"THE_URL is '.*', which is no http or https address"):
        Client(Service("It", url, "THE_URL", 1), None, hours.clock, lambda said: None)
