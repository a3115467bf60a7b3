"""The ways to an endpoint: TLS with the names that certificates have, and the operator's proxy."""

import asyncio
import os
import select
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from app.errors import ServiceFailed
from app.federation.federation import Federation
from app.settings import Settings
from app.store.base import Answer, Query
from app.store.evaluation import evaluate
from tests.app.federation.stub import Stub, serving, turtle

NAME = "good.example"
DATA = ":s :p :o ."

needs_openssl = pytest.mark.skipif(not shutil.which("openssl"), reason="needs the openssl command")


class Proxy:
    """A proxy that notes what it is asked for, and may refuse it."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.credentials: list[str | None] = []
        self.refuses = False
        self.url = ""


@contextmanager
def proxying() -> Iterator[Proxy]:
    proxy = Proxy()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def noted(self) -> bool:
            proxy.asked.append(f"{self.command} {self.path}")
            proxy.credentials.append(self.headers.get("Proxy-Authorization"))
            if proxy.refuses:
                self.send_error(407)
            return not proxy.refuses

        def do_CONNECT(self) -> None:
            if not self.noted():
                return
            host, _, port = self.path.rpartition(":")
            with socket.create_connection((host, int(port))) as there:
                self.send_response(200)
                self.end_headers()
                here = self.connection
                while readable := select.select([here, there], [], [], 5)[0]:
                    for one in readable:
                        piece = one.recv(65536)
                        if not piece:
                            self.close_connection = True
                            return
                        (there if one is here else here).sendall(piece)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if not self.noted():
                return
            parts = urlsplit(self.path)  # In absolute form (RFC 9112, section 3.2.2).
            onward = HTTPConnection(parts.netloc)
            onward.request("POST", parts.path, body, {"Content-Type": self.headers["Content-Type"]})
            answer = onward.getresponse()
            content = answer.read()
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.headers["Content-Type"])
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    proxy.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an authority (ca.pem) and what it certifies: good.pem and expired.pem with NAME, other.pem."""
    folder = tmp_path_factory.mktemp("tls")
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout")
    openssl(folder, "req", "-x509", *key, "ca.key", "-out", "ca.pem", "-subj", "/CN=an authority", "-days", "2")
    openssl(folder, "req", *key, "key.pem", "-out", "request.pem", "-subj", "/CN=x")
    by = ("-CA", "ca.pem", "-CAkey", "ca.key", "-extfile", "names")
    for name, host, days in (("good", NAME, 2), ("expired", NAME, -1), ("other", "other.example", 2)):
        (folder / "names").write_text(f"subjectAltName=DNS:{host}")
        openssl(folder, "x509", "-req", "-in", "request.pem", *by, "-days", str(days), "-out", f"{name}.pem")
    return folder


@contextmanager
def secured(certificates: Path, certificate: str) -> Iterator[Stub]:
    """An endpoint behind TLS, whose url has NAME as its host."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / f"{certificate}.pem", certificates / "key.pem")
    with serving(turtle(DATA), tls=context) as stub:
        stub.url = stub.url.replace("127.0.0.1", NAME)
        yield stub


def asked(url: str, **settings: object) -> bytes:
    """What a query with a SERVICE at this address answers; every name has the address 127.0.0.1."""

    async def resolver(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.1"]

    async def ask(query: Query) -> Answer:
        return Answer(*evaluate(turtle(""), query), 1)

    async def run() -> bytes:
        given = {"service_allow": url, "service_allow_private": True, "service_timeout": 5, **settings}
        federation = Federation(Settings.model_validate(given), resolver)
        try:
            return (await federation.answer(Query(f"SELECT * {{ SERVICE <{url}> {{ ?s ?p ?o }} }}"), ask)).body
        finally:
            await federation.close()

    return asyncio.run(run())


@needs_openssl
@pytest.mark.parametrize("through_proxy", [False, True])
class TestCertificates:
    @pytest.fixture(autouse=True)
    def trusted(self, certificates: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificates / "ca.pem"))

    @pytest.fixture
    def settings(self, through_proxy: bool) -> Iterator[dict[str, object]]:
        with proxying() as proxy:
            yield {"service_proxy": proxy.url} if through_proxy else {}
            assert bool(proxy.asked) == through_proxy

    def test_the_name_is_checked_and_not_the_address(self, certificates: Path, settings: dict[str, object]) -> None:
        with secured(certificates, "good") as stub:
            assert b"http://e/o" in asked(stub.url, **settings)
            assert stub.headers[0]["Host"] == stub.url.split("/")[2]

    @pytest.mark.parametrize(
        ("certificate", "said"), [("other", "Hostname mismatch"), ("expired", "certificate has expired")]
    )
    def test_what_does_not_hold_is_said(
        self, certificates: Path, settings: dict[str, object], certificate: str, said: str
    ) -> None:
        with (
            secured(certificates, certificate) as stub,
            pytest.raises(ServiceFailed, match=f"{NAME}.*its certificate does not hold .{said}"),
        ):
            asked(stub.url, **settings)
        assert stub.queries == []

    def test_an_authority_nobody_has_named_is_not_trusted(
        self, certificates: Path, settings: dict[str, object], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", os.devnull)
        with secured(certificates, "good") as stub, pytest.raises(ServiceFailed, match="unable to get local issuer"):
            asked(stub.url, **settings)
        assert stub.queries == []


@needs_openssl
def test_http_where_https_was_meant_is_one_sentence(certificates: Path) -> None:
    with serving(turtle(DATA)) as stub, pytest.raises(ServiceFailed, match=r"cannot be asked: .*SSL"):
        asked(stub.url.replace("http:", "https:"))


def test_a_proxy_is_asked_for_the_whole_address() -> None:
    with proxying() as proxy, serving(turtle(DATA)) as stub:
        with_credentials = proxy.url.replace("://", "://user:secret@")
        assert b"http://e/o" in asked(stub.url, service_proxy=with_credentials)
        assert proxy.asked == [f"POST {stub.url}"]
        assert proxy.credentials == ["Basic dXNlcjpzZWNyZXQ="]


def test_a_proxy_is_given_the_address_that_was_checked() -> None:
    """Were it given the name, it would look that up itself, and could find another host."""
    with proxying() as proxy, serving(turtle(DATA)) as stub:
        assert b"http://e/o" in asked(stub.url.replace("127.0.0.1", NAME), service_proxy=proxy.url)
        assert proxy.asked == [f"POST {stub.url}"]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_refuses_is_told_of(scheme: str) -> None:
    with proxying() as proxy, serving(turtle(DATA)) as stub:
        proxy.refuses = True
        with pytest.raises(ServiceFailed, match="407") as raised:
            asked(stub.url.replace("http:", f"{scheme}:"), service_proxy=proxy.url.replace("://", "://u:secret@"))
        assert stub.queries == [] and "secret" not in raised.value.message


def test_a_dead_proxy_is_told_of() -> None:
    with proxying() as proxy:
        pass
    with pytest.raises(ServiceFailed, match="cannot be asked through the proxy: Connection refused"):
        asked("http://good.example/sparql", service_proxy=proxy.url)
