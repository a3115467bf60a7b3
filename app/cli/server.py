"""Serving over HTTP from the command line."""

import errno
import socket
from collections.abc import Callable

import uvicorn

from app.errors import StoreError
from app.main import create_app
from app.settings import Settings
from app.store.opening import open_pool

__all__ = ["run"]


def run(settings: Settings, host: str, port: int, announce: Callable[[str], None]) -> None:
    """Serve until interrupted. `announce` gets one line once the port is ours; port 0 takes any free one.

    Raises StoreError when the address cannot be listened on, or that of a remote store is none.
    """
    open_pool(settings)  # What the settings get wrong about a remote store is said here, in one sentence.
    with _listen(host, port) as listener:
        app = create_app(settings)
        shown = f"[{host}]" if ":" in host else host
        announce(f"Trialweave serves {settings.data} on http://{shown}:{listener.getsockname()[1]}/")
        config = uvicorn.Config(app, log_level="warning", access_log=False, server_header=False)
        uvicorn.Server(config).run(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        # From here on a connection waits instead of being refused, so the address may be announced.
        listener.listen(2048)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise StoreError(
                f"Port {port} on {host} is taken; stop what listens there, or give another --port."
            ) from None
        raise StoreError(f"Cannot listen on {host} port {port}: {error.strerror or error}.") from None
    return listener
