"""Serving over HTTP from the command line."""

import errno
import gc
import logging
import math
import signal
import socket
import sys
from collections.abc import Callable
from importlib.metadata import version

import uvicorn

from app.cli.connection import GuardedConnection
from app.errors import StoreError
from app.logs import configure, fields, flush
from app.main import create_app
from app.routes.access import is_loopback
from app.settings import Settings
from app.store.opening import open_pool

__all__ = ["run"]

_log = logging.getLogger(__name__)

_CONNECTIONS = 1000
"""Connections at a time; one more is told 503."""

_SWITCH = 0.0005
"""Seconds for which a thread that looks through a long query may hold up the one that serves everybody else."""


def run(settings: Settings, host: str, port: int, announce: Callable[[str], None]) -> None:
    """Serve until interrupted. `announce` gets one line once the port is ours; port 0 takes any free one.

    Raises StoreError when the address cannot be listened on, or the settings of a remote store do not fit.
    """
    open_pool(settings)  # What the settings get wrong about a remote store is said here, in one sentence.
    # The server raises the signal again when all is done. A service that was asked to stop, and did, has not failed.
    signal.signal(signal.SIGTERM, lambda *_: None)
    if settings.write != settings.writing:
        raise StoreError(
            f"TRIALWEAVE_WRITE={settings.write} needs a store in the data directory; with TRIALWEAVE_STORE_URL, take "
            "it away and send updates to that server itself."
        )
    with _listen(host, port) as listener:
        if settings.write == "open" and not is_loopback(listener.getsockname()[0]):
            raise StoreError(
                f"With TRIALWEAVE_WRITE=open everybody could write at {host}; listen on 127.0.0.1, or use keys."
            )
        app = create_app(settings)
        shown = f"[{host}]" if ":" in host else host
        address = f"http://{shown}:{listener.getsockname()[1]}/"
        if settings.log_format != "json":
            announce(f"Trialweave serves {settings.data} on {address}")
        configure(settings)
        _log.info("serving", extra=fields(address=address, data=settings.data, version=version("trialweave")))
        config = uvicorn.Config(
            app,
            http=GuardedConnection,
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            limit_concurrency=_CONNECTIONS,
            timeout_graceful_shutdown=math.ceil(settings.shutdown_wait),
            proxy_headers=False,  # Who is trusted to name clients is a setting of ours.
        )
        sys.setswitchinterval(_SWITCH)
        gc.freeze()  # What was imported stays; looking through all of it for garbage would hold up everybody.
        uvicorn.Server(config).run(sockets=[listener])
        _log.info("stopped")
        flush()


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
