"""Nothing is sent to an endpoint that is not on the list, whatever a query does to its address."""

import asyncio
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.errors import BadRequest, QueryRefused, TrialweaveError
from app.federation.federation import Federation
from app.federation.policy import Target, check_addresses
from app.query.guard import check_query
from app.settings import Settings
from app.store.base import Answer, Query
from app.store.evaluation import evaluate
from tests.app.federation.stub import send, serving, turtle


class Trap:
    """A listening socket that counts who connects to it."""

    def __init__(self) -> None:
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            connection.close()

    def close(self) -> None:
        self._listener.close()


@pytest.fixture(scope="module")
def trap() -> Iterator[Trap]:
    trap = Trap()
    yield trap
    trap.close()


@contextmanager
def federation(allow: str, *addresses: str, **settings: object) -> Iterator[Federation]:
    """A federation to whose resolver every name has these addresses."""

    async def resolver(host: str, port: int) -> Sequence[str]:
        return addresses

    yield Federation(Settings.model_validate({"service_allow": allow, "service_timeout": 2, **settings}), resolver)


def asked(made: Federation, text: str) -> bytes:
    settings = Settings(service_allow="http://a.example/")
    store = turtle(":s :p :o .")

    async def ask(query: Query) -> Answer:
        return Answer(*evaluate(store, query), 1)

    async def run() -> bytes:
        try:
            check_query(text, settings, services=True)
            if not made.concerns(text):
                return (await ask(Query(text))).body
            return (await made.answer(Query(text, base_iri="http://base.example/"), ask)).body
        finally:
            await made.close()

    return asyncio.run(run())


# PORT is that of the trap; the list has http://good.example:PORT/sparql and http://127.0.0.2:PORT/sparql.
ADDRESSES = [
    "<http://127.0.0.1:PORT/>",
    "<http://127.0.0.1:PORT/sparql>",
    "<http://localhost:PORT/sparql>",
    "<http://good.example:PORT/sparql/>",
    "<http://good.example:PORT/sparql?x=1>",
    "<http://good.example:PORT/sparql#x>",
    "<http://good.example:PORT/sparql/../admin>",
    "<http://good.example:PORT/./sparql>",
    "<http://good.example:PORT//sparql>",
    "<http://good.example:PORT/SPARQL>",
    "<http://good.example:PORT/%73parql>",
    "<http://good.example:PORT/sparql%00>",
    "<http://good.example:PORT/sparql%2e>",
    "<https://good.example:PORT/sparql>",
    "<http://good.example/sparql>",
    "<http://good.example.evil.example:PORT/sparql>",
    "<http://good.example.:PORT/sparql>",
    "<http://good.example@127.0.0.1:PORT/sparql>",
    "<http://good.example:PORT@127.0.0.1:PORT/sparql>",
    "<http://user:secret@good.example:PORT/sparql>",
    "<http://@good.example:PORT/sparql>",
    "<http://127.0.0.1:PORT/?http://good.example:PORT/sparql>",
    "<http://127.0.0.1:PORT/#http://good.example:PORT/sparql>",
    "<http://127.0.0.1:PORT#@good.example:PORT/sparql>",
    "<http://g%6fod.example:PORT/sparql>",
    "<http://127.0.0.1%23@good.example:PORT/sparql>",
    "<http://2130706433:PORT/sparql>",
    "<http://2130706434:PORT/sparql>",
    "<http://0x7f000001:PORT/sparql>",
    "<http://0177.0.0.1:PORT/sparql>",
    "<http://127.1:PORT/sparql>",
    "<http://127.0.0.02:PORT/sparql>",
    "<http://0:PORT/sparql>",
    "<http://[::1]:PORT/sparql>",
    "<http://[::ffff:127.0.0.1]:PORT/sparql>",
    "<http://[::ffff:127.0.0.2]:PORT/sparql>",
    "<http://[::ffff:7f00:2]:PORT/sparql>",
    "<http://[fe80::1%25lo]:PORT/sparql>",
    "<http://[64:ff9b::7f00:1]:PORT/sparql>",
    "<http://[::1:PORT/sparql>",
    "<http://good.example:PORT:PORT/sparql>",
    "<http://good.example:0PORT1/sparql>",
    "<http://good.example:99999/sparql>",
    "<http://:PORT/sparql>",
    "<http:good.example:PORT/sparql>",
    "<http:///good.example:PORT/sparql>",
    "<//127.0.0.1:PORT/sparql>",
    "<sparql>",
    "<file:///etc/passwd>",
    "<file://good.example:PORT/sparql>",
    "<gopher://127.0.0.1:PORT/_POST>",
    "<ftp://good.example:PORT/sparql>",
    "<ldap://127.0.0.1:PORT/>",
    "<data:text/plain,x>",
    "<urn:x>",
    "<javascript:1>",
    "<http://gооd.example:PORT/sparql>",  # Cyrillic letters
    "<http://good。example:PORT/sparql>",
    r"<http://127\u002E0.0.1:PORT/sparql>",
    r"<http://good.example:PORT\u002Fsparql\u002F..>",
    r"<http://good.example\u0040127.0.0.1:PORT/sparql>",
    r"<http://good.example:PORT\u005Csparql>",
]
TEXTS = [
    "BASE <http://127.0.0.1:PORT/> SELECT * { SERVICE <sparql> { ?s ?p ?o } }",
    "BASE <http://good.example:PORT/> SELECT * { SERVICE <//127.0.0.1:PORT/sparql> { ?s ?p ?o } }",
    "BASE <http://good.example:PORT/> BASE <http://127.0.0.1:PORT/> SELECT * { SERVICE <sparql> { ?s ?p ?o } }",
    "PREFIX g: <http://good.example:PORT/sparql> SELECT * { SERVICE g:x { ?s ?p ?o } }",
    "PREFIX g: <http://good.example:PORT/> PREFIX g: <http://127.0.0.1:PORT/> ASK { SERVICE g:sparql { ?s ?p ?o } }",
    "SELECT * { BIND(<http://127.0.0.1:PORT/> AS ?e) SERVICE ?e { ?s ?p ?o } }",
    "SELECT * { VALUES ?e { <http://127.0.0.1:PORT/> } SERVICE SILENT ?e { ?s ?p ?o } }",
    "SELECT * { SERVICE SILENT <http://127.0.0.1:PORT/> { ?s ?p ?o } }",
    "SELECT * { ?s ?p ?o FILTER NOT EXISTS { SERVICE <http://127.0.0.1:PORT/> { ?s ?p ?o } } }",
    "SELECT * { OPTIONAL { SERVICE # c\n <http://127.0.0.1:PORT/> { ?s ?p ?o } } }",
    "SELECT * { SERVICE <http://good.example:PORT/sparql> { SERVICE <http://127.0.0.1:PORT/> { ?s ?p ?o } } }",
    "SELECT * { trueSERVICE <http://127.0.0.1:PORT/> { ?s ?p ?o } }",
    r"SELECT * { # \u000A SERVICE <http://127.0.0.1:PORT/> { ?s ?p ?o }" + "\n}",
    "SELECT * FROM <http://127.0.0.1:PORT/> { SERVICE <http://127.0.0.1:PORT/> { ?s ?p ?o } }",
]


@pytest.mark.parametrize(
    "text", [*(f"SELECT * {{ SERVICE {address} {{ ?s ?p ?o }} }}" for address in ADDRESSES), *TEXTS]
)
def test_no_packet_goes_where_the_list_does_not_point(text: str, trap: Trap) -> None:
    port = str(trap.port)
    allow = f"http://good.example:{port}/sparql,http://127.0.0.2:{port}/sparql"
    before = trap.connections
    with federation(allow, "127.0.0.1", service_allow_private=True) as made:
        try:
            asked(made, text.replace("PORT", port))
        except TrialweaveError as error:
            assert not error.message.startswith("The endpoint"), error.message  # which would say that it was asked
    assert trap.connections == before


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["93.184.216.34", "127.0.0.1"],
        ["10.1.2.3"],
        ["169.254.169.254"],
        ["192.168.0.1"],
        ["100.64.0.1"],
        ["0.0.0.0"],
        ["224.0.0.1"],
        ["::1"],
        ["fe80::1%eth0"],
        ["fd00::1"],
        ["::ffff:127.0.0.1"],
        ["::ffff:10.0.0.1", "2606:2800:220:1::1"],
        ["64:ff9b::7f00:1"],
        ["2002:7f00:1::"],
        ["::127.0.0.1"],
    ],
)
def test_a_name_must_have_public_addresses_only(addresses: list[str]) -> None:
    with pytest.raises(QueryRefused, match="TRIALWEAVE_SERVICE_ALLOW_PRIVATE"):
        check_addresses(Target.read("http://good.example/sparql"), addresses)


def test_public_addresses_are_fine() -> None:
    check_addresses(
        Target.read("http://good.example/"), ["93.184.216.34", "2606:2800:220:1::1", "::ffff:93.184.216.34"]
    )


def test_a_name_with_a_private_address_gets_no_packet(trap: Trap) -> None:
    before = trap.connections
    url = f"http://good.example:{trap.port}/sparql"
    with federation(url, "127.0.0.1") as made, pytest.raises(QueryRefused, match="not public"):
        asked(made, f"SELECT * {{ SERVICE <{url}> {{ ?s ?p ?o }} }}")
    assert trap.connections == before


def test_the_address_that_was_checked_is_the_one_that_is_asked() -> None:
    """A second look-up, as in an attack by rebinding, would not find a host of this name at all."""
    with serving(turtle(":s :p :o .")) as stub:
        url = stub.url.replace("127.0.0.1", "rebound.invalid")
        with federation(url, "127.0.0.1", service_allow_private=True) as made:
            assert b"http://e/o" in asked(made, f"SELECT * {{ SERVICE <{url}> {{ ?s ?p ?o }} }}")
        assert stub.headers[0]["Host"] == url.split("/")[2]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(status: int, trap: Trap) -> None:
    before = trap.connections
    with serving() as stub:
        stub.behave = lambda handler, _: send(
            handler, status, "text/plain", b"", Location=f"http://127.0.0.1:{trap.port}/"
        )
        with federation(stub.url) as made, pytest.raises(TrialweaveError, match="redirects"):
            asked(made, f"SELECT * {{ SERVICE <{stub.url}> {{ ?s ?p ?o }} }}")
    assert trap.connections == before


def test_proxies_of_the_environment_are_not_used(trap: Trap, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{trap.port}")
    before = trap.connections
    with serving(turtle(":s :p :o .")) as stub, federation(stub.url) as made:
        asked(made, f"SELECT * {{ SERVICE <{stub.url}> {{ ?s ?p ?o }} }}")
    assert trap.connections == before


@pytest.mark.parametrize(
    ("entry", "header"),
    [('{"bearer": "abc"}', "Bearer abc"), ('{"user": "u", "password": "p"}', "Basic dTpw")],
)
def test_each_endpoint_has_its_own_credentials(entry: str, header: str, tmp_path: Path) -> None:
    data = ":s :p :o ."
    with serving(turtle(data)) as one, serving(turtle(data)) as two:
        file = tmp_path / "credentials.json"
        file.write_text(f'{{"{one.url}": {entry}}}')
        with federation(f"{one.url},{two.url}", service_credentials_file=file) as made:
            clauses = f"SERVICE <{one.url}> {{ ?s ?p ?o }} SERVICE <{two.url}> {{ ?a ?p ?b }}"
            asked(made, f"SELECT * {{ {clauses} }}")
        assert [stub.headers[0].get("Authorization") for stub in (one, two)] == [header, None]


@pytest.mark.parametrize("allow", ["sparql", "ftp://a.example/", "http://u@a.example/", "http://a.example/#x"])
def test_a_list_with_a_mistake_in_it_is_refused_at_start(allow: str) -> None:
    with pytest.raises(ValueError, match="TRIALWEAVE_SERVICE_ALLOW"):
        Settings(service_allow=allow)


@pytest.mark.parametrize(
    "caps",
    ["1000", "http://a.example/", "http://a.example/ many", "http://a.example/ 0", "http://b.example/ 5", "ftp://a/ 5"],
)
def test_caps_with_a_mistake_in_them_are_refused_at_start(caps: str) -> None:
    with pytest.raises(ValueError, match="TRIALWEAVE_SERVICE_CAPS"):
        Settings(service_allow="http://a.example/", service_caps=caps)


def test_spellings_of_one_address_are_the_same() -> None:
    assert Target.read("HTTP://Good.Example:80").key == Target.read("http://good.example/").key
    with pytest.raises(BadRequest):
        Target.read("http://good.example\\@evil.example/")
