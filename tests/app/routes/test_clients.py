"""A client is who the peer is, or who a trusted proxy says; nobody else is asked."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from fastapi import Request

from app.keys import ApiKeys, Scope
from app.routes.clients import caller_of
from app.settings import Settings


def request(peer: str, forwarded: list[str], settings: Settings, key: str | None = None) -> Request:
    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    if key:
        headers.append((b"authorization", f"Bearer {key}".encode()))
    app = SimpleNamespace(state=SimpleNamespace(settings=settings))
    return Request({"type": "http", "headers": headers, "client": (peer, 4711), "app": app})


@pytest.mark.parametrize(
    ("peer", "forwarded", "trusted", "name"),
    [
        ("192.0.2.1", [], "", "192.0.2.1"),
        ("192.0.2.1", ["198.51.100.7"], "", "192.0.2.1"),
        ("192.0.2.1", ["198.51.100.7"], "10.0.0.0/8", "192.0.2.1"),
        ("10.1.2.3", ["198.51.100.7"], "10.0.0.0/8", "198.51.100.7"),
        ("10.1.2.3", ["203.0.113.9, 198.51.100.7"], "10.0.0.0/8", "198.51.100.7"),
        ("10.1.2.3", ["203.0.113.9", "198.51.100.7, 10.9.9.9"], "10.0.0.0/8", "198.51.100.7"),
        ("10.1.2.3", ["nonsense"], "10.0.0.0/8", "10.1.2.3"),
        ("2001:db8:1:2:3::4", [], "", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", [], "", "fe80::/64"),
        ("::ffff:192.0.2.1", [], "", "192.0.2.1"),
    ],
)
def test_the_client_that_is_charged(peer: str, forwarded: list[str], trusted: str, name: str) -> None:
    caller = caller_of(request(peer, forwarded, Settings(trusted_proxies=trusted)))
    assert (caller.name, caller.charged) == (name, True)


def test_this_machine_has_a_budget_only_where_one_is_set() -> None:
    assert not caller_of(request("127.0.0.1", [], Settings())).charged
    assert caller_of(request("127.0.0.1", [], Settings(client_seconds=5))).charged
    proxied = request("127.0.0.1", ["198.51.100.7"], Settings(trusted_proxies="127.0.0.1"))
    assert caller_of(proxied).charged


def test_a_key_that_holds_is_charged_wherever_it_is_used(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, write="keys")
    text, key = ApiKeys(settings.keys_path).create("reader", Scope.READ, None)
    for peer in ("192.0.2.1", "192.0.2.2"):
        assert caller_of(request(peer, [], settings, text)).name == f"key {key.id}"
    assert caller_of(request("192.0.2.1", [], settings, "nonsense")).name == "192.0.2.1"
    assert caller_of(request("192.0.2.1", [], Settings(data=tmp_path), text)).name == "192.0.2.1"
    ApiKeys(settings.keys_path).revoke(key.id)
    assert caller_of(request("192.0.2.1", [], settings, text)).name == "192.0.2.1"
