"""What the service says when a remote store fails, and what it tells whom: a server that misbehaves on demand."""

import base64
import logging
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.cli.server import run
from app.errors import StoreError, StoreUnreachable
from app.main import create_app
from app.settings import Settings
from app.store.remote import RemoteReader, RemoteStore

JSON = "application/sparql-results+json"
EMPTY = b'{"head":{"vars":["p","o"]},"results":{"bindings":[]}}'
COUNT = b'{"head":{"vars":["quads"]},"results":{"bindings":[{"quads":{"type":"literal","value":"0"}}]}}'

Reply = tuple[int, dict[str, str], bytes]


class Server(ThreadingHTTPServer):
    """Answers with `reply`, but for what the service asks on its own, and remembers what it was told."""

    daemon_threads = True
    reply: Reply = (200, {"Content-Type": JSON}, EMPTY)
    delay = 0.0
    seen: list[tuple[str, dict[str, str], bytes]]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/query"


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.seen.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
        status, headers, content = self.server.reply
        if b"trialweave%3Astore" in body and b"COUNT" in body:
            status, headers, content = 200, {"Content-Type": JSON}, COUNT
        elif b"trialweave%3Astore" in body and status != 401:
            status, headers, content = 200, {"Content-Type": JSON}, EMPTY
        else:
            time.sleep(self.server.delay)
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server(("127.0.0.1", 0), _Handler)
    running.seen = []
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield running
    running.shutdown()
    running.server_close()
    thread.join()


Ask = Callable[..., tuple[int, str]]


@pytest.fixture
def ask(server: Server, tmp_path: Path) -> Ask:
    """Ask the service, with the server behind it, and return the status and the problem's text."""

    def asked(reply: Reply, text: str = "SELECT * { ?s ?p ?o }", **knobs: float) -> tuple[int, str]:
        server.reply = reply
        settings = Settings(data=tmp_path, store_url=server.url, **knobs)  # type: ignore[arg-type]
        with TestClient(create_app(settings), base_url="http://127.0.0.1") as client:
            answer = client.get("/sparql", params={"query": text}, headers={"Accept": JSON})
        return answer.status_code, answer.text

    return asked


@pytest.mark.parametrize(
    ("reply", "status", "said"),
    [
        ((500, {}, b"out of cheese"), 502, "failed (500): out of cheese"),
        ((400, {}, b"no such function"), 400, "does not accept this: no such function"),
        ((503, {}, b"later"), 503, "is busy (503): later"),
        ((302, {"Location": "http://127.0.0.1:9/elsewhere"}, b""), 502, "redirects (302), which is not followed"),
        ((200, {"Content-Type": "text/html"}, b"<p>"), 502, "answered with text/html"),
        ((200, {"Content-Type": JSON}, EMPTY[:-3]), 502, "broken or unfinished"),
        ((200, {"Content-Type": JSON, "Content-Length": "999"}, EMPTY), 502, "broke off"),
        ((200, {"Content-Type": JSON}, EMPTY.replace(b"[", b"[" + b" " * 5_000)), 413, "more than 5,000 bytes"),
    ],
)
def test_a_failing_server_is_named_with_what_it_did(
    ask: Ask, server: Server, reply: Reply, status: int, said: str
) -> None:
    found, text = ask(reply, answer_bytes=5_000)
    assert found == status and said in text
    assert server.url in text or status == 413


def test_a_slow_server_is_given_up_at_the_deadline(ask: Ask, server: Server) -> None:
    server.delay = 2
    assert ask((200, {"Content-Type": JSON}, EMPTY), query_timeout=0.2)[0] == 504


def test_what_the_guard_refuses_is_never_sent(ask: Ask, server: Server) -> None:
    assert ask(server.reply, "SELECT * { SERVICE <http://127.0.0.1:9/> { ?s ?p ?o } }")[0] == 403
    assert not any(b"SERVICE" in body for _, _, body in server.seen)


def test_writes_are_turned_away_and_never_kept_where_nobody_reads(server: Server, tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "data", store_url=server.url, write="open")
    with TestClient(create_app(settings), base_url="http://127.0.0.1") as client:
        answer = client.post("/update", data={"update": "INSERT DATA { <x:a> <x:b> <x:c> }"})
        described = client.get("/sparql", headers={"Accept": "text/turtle"}).text
    assert answer.status_code == 403 and "updates are not available" in described
    assert not settings.data.exists()
    with pytest.raises(StoreError, match="TRIALWEAVE_WRITE=open needs a store in the data directory"):
        run(settings, "127.0.0.1", 0, print)


def test_a_server_that_is_not_there_is_said_to_be_so(tmp_path: Path) -> None:
    with (
        RemoteReader(Settings(data=tmp_path, store_url="http://127.0.0.1:9/sparql")) as reader,
        pytest.raises(StoreUnreachable, match="/sparql cannot be reached"),
    ):
        reader.info()


def test_the_service_waits_for_a_server_that_is_not_there(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, store_url="http://127.0.0.1:9/sparql")
    with TestClient(create_app(settings), base_url="http://127.0.0.1") as client:
        for path in "/health", "/sparql?query=ASK%7B%7D", "/study/NCT01363401":
            answer = client.get(path)
            assert answer.status_code == 503 and "127.0.0.1:9/sparql cannot be reached" in answer.json()["detail"]


def test_credentials_go_to_the_server_and_into_no_message(
    server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    user = Settings(data=tmp_path, store_url=server.url, store_user="me", store_password="s3cret")  # type: ignore[arg-type]
    token = Settings(data=tmp_path, store_url=server.url, store_token="t0ken")  # type: ignore[arg-type]
    for settings in user, token:
        with RemoteReader(settings) as reader:
            assert reader.generation == 0
            server.reply = (401, {}, b"")
            with pytest.raises(StoreError, match="refuses the credentials") as refused:
                reader.info()
            server.reply = (200, {"Content-Type": JSON}, EMPTY)
        assert "s3cret" not in f"{refused.value}{settings!r}" and "t0ken" not in f"{refused.value}{settings!r}"
    sent = {headers["authorization"] for _, headers, _ in server.seen}
    assert sent == {"Basic " + base64.b64encode(b"me:s3cret").decode(), "Bearer t0ken"}
    assert "s3cret" not in caplog.text and "t0ken" not in caplog.text


def test_a_proxy_of_the_environment_is_not_taken(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with RemoteReader(Settings(data=tmp_path, store_url=server.url)) as reader:
        assert reader.generation == 0


@pytest.mark.parametrize("url", ["file:///etc/passwd", "http://", "no address", "http://me:s3cret@127.0.0.1/sparql"])
def test_what_is_no_address_or_holds_a_password_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="TRIALWEAVE_STORE_URL") as refused:
        RemoteReader(Settings(data=tmp_path, store_url=url))
    assert "s3cret" not in str(refused.value)


def test_loading_needs_to_know_where_updates_go(tmp_path: Path, server: Server) -> None:
    with pytest.raises(StoreError, match="TRIALWEAVE_STORE_UPDATE_URL is not set"):
        RemoteStore(tmp_path / "data", Settings(data=tmp_path, store_url=server.url))
