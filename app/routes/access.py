"""Who may write: nobody, who has a key, or everybody at this machine (TRIALWEAVE_WRITE)."""

from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from fastapi import Request

from app.errors import Forbidden, Unauthorized, WritingOff
from app.keys import ApiKeys, Scope
from app.settings import Settings
from app.store.writes import Checks

__all__ = ["Author", "author_of", "bearer", "is_loopback"]


@dataclass(frozen=True, slots=True)
class Author:
    """Who writes, as the audit log calls them, and what their writes have to pass."""

    name: str
    checks: Checks


def author_of(request: Request, settings: Settings) -> Author:
    """Who sent this write. Raises WritingOff, Unauthorized and Forbidden."""
    match settings.writing:
        case "off":
            raise WritingOff("This service takes no updates; its data is loaded with the trialweave command.")
        case "open":
            _require_loopback(request)
            return Author("anybody", Checks(only_own=False, shapes=settings.write_gate))
        case "keys":
            return _key_holder(request, settings)


def is_loopback(host: str) -> bool:
    """Whether a host, an address or a name, can only be this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _require_loopback(request: Request) -> None:
    """Refuse what did not come to a loopback address, or was sent by a page from elsewhere in somebody's browser.

    Such a page may send forms to any address, and its host's name may be made to resolve to a loopback address.
    """
    server = request.scope.get("server")
    hosts = [request.url.hostname or "", *([server[0]] if server else [])]
    if origin := request.headers.get("origin"):
        hosts.append(urlsplit(origin).hostname or "")
    if not all(map(is_loopback, hosts)):
        raise Forbidden(
            "With TRIALWEAVE_WRITE=open, only this machine may write, at a loopback address such as 127.0.0.1."
        )


def bearer(request: Request) -> str | None:
    """The text of the key that the request is sent with, None without one."""
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    return text.strip() if scheme.lower() == "bearer" else None


def _key_holder(request: Request, settings: Settings) -> Author:
    text = bearer(request)
    if text is None:
        raise Unauthorized("Writing needs a key; send it as Authorization: Bearer KEY.")
    key = ApiKeys(settings.keys_path).find(text)
    if key is None:
        raise Unauthorized("This key is unknown, expired or revoked; ask the operator for another one.")
    if key.scope is Scope.READ:
        raise Forbidden("This key has the scope read and cannot write; ask the operator for one with the scope write.")
    checks = Checks(only_own=key.scope is not Scope.ADMIN, shapes=settings.write_gate)
    return Author(f"key {key.id} ({key.name})", checks)
