"""Which endpoints may be asked, and at which network addresses.

An endpoint is allowed when the whole of it stands in the operator's list: never by a prefix, a host or a pattern. What
is then asked is the operator's spelling of it, so that no two readers of an address can differ on what it names.
"""

import asyncio
import json
import re
import socket
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

from app.errors import BadRequest, QueryRefused
from app.settings import Settings

__all__ = ["Key", "Policy", "Resolver", "Target", "check_addresses", "resolve"]

Key = tuple[str, str, int, str]
"""What two spellings of the same endpoint share: scheme, host, port, and path with query."""

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]

_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?\.?")
_LEGAL = re.compile(r"[\x21-\x7e]+")
_TRANSLATED = (IPv6Network("64:ff9b::/96"), IPv6Network("::/96"))
"""Networks of IPv6 whose last 32 bits are an IPv4 address (RFC 6052, RFC 4291)."""


@dataclass(frozen=True)
class Target:
    """An endpoint: scheme, host in small letters, port, and path with query, which together are all it is."""

    url: str
    scheme: str
    host: str
    port: int
    path: str

    @classmethod
    def read(cls, url: str) -> "Target":
        """Raises BadRequest for what is no plain http or https address; it may not name a user or a fragment."""
        problem = f"{url[:200]} is not the address of an endpoint"
        if not _LEGAL.fullmatch(url) or "\\" in url:
            raise BadRequest(f"{problem}: it has characters that need to be percent-encoded.")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise BadRequest(f"{problem}: {error}.") from None
        scheme, host = parts.scheme.lower(), (parts.hostname or "").lower()
        if scheme not in _PORTS:
            raise BadRequest(f"{problem}: only http and https are asked.")
        if "@" in parts.netloc or "#" in url:
            raise BadRequest(f"{problem}: it may have no user name, password or fragment.")
        if not _is_host(host) or port == 0 or parts.netloc.endswith(":"):
            raise BadRequest(f"{problem}: {parts.netloc[:100]!r} is no host.")
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return cls(url, scheme, host, port or _PORTS[scheme], path)

    @property
    def key(self) -> Key:
        """What two spellings of it share."""
        return self.scheme, self.host, self.port, self.path

    @cached_property
    def address(self) -> IPv4Address | IPv6Address | None:
        """The address that the host is, where it is one in the usual notation and no name."""
        try:
            return ip_address(self.host)
        except ValueError:
            return None


def _is_host(host: str) -> bool:
    if ":" not in host:
        return bool(_HOST.fullmatch(host)) and ".." not in host
    try:
        ip_address(host)
    except ValueError:
        return False
    return "%" not in host


class Policy:
    """The operator's list of endpoints, and how to sign in at them. Raises ValueError where it cannot be read."""

    def __init__(self, settings: Settings) -> None:
        self.targets: dict[Key, Target] = {}
        self.allows_private = settings.service_allow_private
        for url in filter(None, map(str.strip, settings.service_allow.split(","))):
            try:
                target = Target.read(url)
            except BadRequest as error:
                raise ValueError(f"TRIALWEAVE_SERVICE_ALLOW: {error.message}") from None
            self.targets[target.key] = target
        self.caps = _caps(settings, self.targets)
        """How many rows endpoints give at most, as far as the operator says."""
        self._authorizations = _credentials(settings, self.targets)

    def allowed(self, iri: str) -> Target:
        """The endpoint of the list that an IRI names. Raises BadRequest for a malformed one, else QueryRefused."""
        target = self.targets.get(Target.read(iri).key)
        if target is None:
            raise QueryRefused(f"SERVICE <{iri[:200]}> is not available: the endpoint is not on this service's list.")
        return target

    def authorization(self, target: Target) -> str | None:
        """The Authorization header for an endpoint."""
        return self._authorizations.get(target.key)

    def trusts(self, target: Target) -> bool:
        """Whether an address of any network will do: the operator has written it down, or allowed such names."""
        return target.address is not None or self.allows_private


def _caps(settings: Settings, targets: Mapping[Key, Target]) -> dict[Key, int]:
    found: dict[Key, int] = {}
    for url, cap in settings.service_caps.items():
        try:
            key = Target.read(url).key
        except BadRequest as error:
            raise ValueError(f"TRIALWEAVE_SERVICE_CAPS: {error.message}") from None
        if key not in targets:
            raise ValueError(f"TRIALWEAVE_SERVICE_CAPS: {url} is not in TRIALWEAVE_SERVICE_ALLOW.")
        found[key] = cap
    return found


def _credentials(settings: Settings, targets: dict[Key, Target]) -> dict[object, str]:
    """Authorization headers from a JSON file: endpoint to {"bearer": …} or {"user": …, "password": …}."""
    if settings.service_credentials_file is None:
        return {}
    name = f"TRIALWEAVE_SERVICE_CREDENTIALS_FILE ({settings.service_credentials_file})"
    found: dict[object, str] = {}
    try:
        entries = json.loads(settings.service_credentials_file.read_text("utf-8"))
        for url, entry in entries.items():
            key = Target.read(url).key
            if key not in targets:
                raise ValueError(f"{url} is not in TRIALWEAVE_SERVICE_ALLOW")
            if "bearer" in entry:
                found[key] = f"Bearer {entry['bearer']}"
            else:
                pair = f"{entry['user']}:{entry['password']}"
                found[key] = f"Basic {b64encode(pair.encode()).decode()}"
    except BadRequest as error:
        raise ValueError(f"{name}: {error.message}") from None
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise ValueError(f"{name} cannot be used: {error}.") from None
    return found


async def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of a host by the system's resolver. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def check_addresses(target: Target, addresses: Sequence[str]) -> None:
    """Raise QueryRefused where any address of a name is not public: which one is taken is not left to chance."""
    for text in addresses:
        if not _is_public(ip_address(text.partition("%")[0])):
            raise QueryRefused(
                f"SERVICE <{target.url}> is not available: {target.host} has an address that is not public; "
                "the operator can allow that with TRIALWEAVE_SERVICE_ALLOW_PRIVATE=1."
            )


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo and address.teredo[1])
        if inner is None and any(address in network for network in _TRANSLATED):
            inner = IPv4Address(int(address) & 0xFFFFFFFF)
        if inner and not _is_public(inner):
            return False
        if address.ipv4_mapped:
            return True
    return address.is_global and not address.is_multicast and not address.is_reserved
