"""Serving over HTTP from the command line."""

import errno
import socket
from collections.abc import Callable

import uvicorn

from app.errors import StoreError
from app.main import create_app
from app.routes.access import is_loopback
from app.settings import Settings

__all__ = ["run"]


def run(settings: Settings, host: str, port: int, announce: Callable[[str], None]) -> None:
    """Serve until interrupted. `announce` gets one line once the port is ours; port 0 takes any free one.

    Raises StoreError when the address cannot be listened on.
    """
    with _listen(host, port) as listener:
        if settings.write == "open" and not is_loopback(listener.getsockname()[0]):
            raise StoreError(
                f"With TRIALWEAVE_WRITE=open everybody could write at {host}; listen on 127.0.0.1, or use keys."
            )
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
