"""Who a request comes from: the one place where clients are named."""

from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from fastapi import Request

from app.keys import ApiKeys
from app.query.budget import Caller
from app.routes.access import bearer
from app.settings import Settings

__all__ = ["caller_of"]

_Network = IPv4Network | IPv6Network


def caller_of(request: Request) -> Caller:
    """The client that a query is charged to: a key, the peer's address, or the one that a trusted proxy gives for it.

    Keys count where TRIALWEAVE_WRITE=keys; one that does not hold means nothing here.

    X-Forwarded-For is a list that each proxy adds its peer to, so it is read from its end, for as long as those who
    wrote it are trusted. Anybody can send the header; without trust it means nothing.
    """
    settings: Settings = request.app.state.settings
    host, port = request.client or ("", 0)
    name = host
    if settings.trusted_proxies:
        name = _forwarded(host, request.headers.getlist("x-forwarded-for"), _networks(settings.trusted_proxies))
    charged = settings.client_seconds is not None or not _is_this_machine(name)
    return Caller(_key_name(request, settings) or _charged_name(name), f"{host} {port}", charged)


def _key_name(request: Request, settings: Settings) -> str | None:
    text = bearer(request) if settings.write == "keys" else None
    key = ApiKeys(settings.keys_path).find(text) if text else None
    return f"key {key.id}" if key else None


def _forwarded(peer: str, headers: list[str], trusted: tuple[_Network, ...]) -> str:
    name = peer
    for address in reversed(",".join(headers).split(",")):
        if not _is_in(name, trusted) or not _is_address(address.strip()):
            break
        name = address.strip()
    return name


@lru_cache(8)
def _networks(text: str) -> tuple[_Network, ...]:
    return tuple(ip_network(part.strip(), strict=False) for part in text.split(",") if part.strip())


def _is_in(address: str, networks: tuple[_Network, ...]) -> bool:
    return _is_address(address) and any(ip_address(address) in network for network in networks)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


@lru_cache(1024)
def _is_this_machine(name: str) -> bool:
    """Whether the name is an address that leads nowhere else, or none at all, as with a socket in the file system."""
    return not _is_address(name) or ip_address(name).is_loopback


@lru_cache(1024)
def _charged_name(name: str) -> str:
    """The name to charge: of an IPv6 address its network, as one subscriber has 2^64 addresses at least."""
    if not _is_address(name):
        return name
    address = ip_address(name)
    if address.version == 4:
        return name
    return (
        address.ipv4_mapped.compressed
        if address.ipv4_mapped
        else str(ip_network(f"{name.partition('%')[0]}/64", strict=False))
    )
