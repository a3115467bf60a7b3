"""A real Chromium, told what to do by its own protocol (Chrome DevTools Protocol) over a WebSocket."""

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from websockets.sync.client import ClientConnection, connect

__all__ = ["Page", "browsing", "program"]

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    "--headless",
    "--no-sandbox",  # It sees this machine's own pages alone, and often runs as root, where its sandbox does not start.
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--no-first-run",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
)
_START = 60.0
"""Seconds until the browser must be there."""
_ANSWER = 30.0
"""Seconds that it has for anything it is told to do."""
_TROUBLE = ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded")


def program() -> str | None:
    """The browser's program, if this machine has one."""
    return next(filter(None, map(shutil.which, _NAMES)), None)


class Page:
    """A tab: `errors` collects what its console says of the page that is open."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._number = 0
        self._loaded = False
        self.errors: list[str] = []
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.tell(f"{domain}.enable")

    def tell(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and return its result."""
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while (message := self._next()).get("id") != self._number:
            pass
        assert "error" not in message, message["error"]
        return message["result"]

    def look_like(self, width: int, height: int = 800, *, dark: bool = False) -> None:
        """Have a screen of this size, in CSS pixels, in light or dark colours."""
        self.tell("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=True)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.tell("Emulation.setEmulatedMedia", features=[scheme])

    def open(self, url: str) -> None:
        """Go to an address, and wait until the page is there."""
        self.errors.clear()
        self._loaded = False
        assert "errorText" not in self.tell("Page.navigate", url=url)
        self._wait()

    def follow(self, script: str) -> None:
        """Run a script that leads to another page, and wait until that is there."""
        self._loaded = False
        self.run(script)
        self._wait()

    def run(self, script: str) -> Any:
        """The value of an expression in the page."""
        result = self.tell("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def _wait(self) -> None:
        while not self._loaded:
            self._next()

    def _next(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self._socket.recv(timeout=_ANSWER))
        method = message.get("method", "")
        if method == "Page.loadEventFired":
            self._loaded = True
        elif method in _TROUBLE:
            self.errors.append(json.dumps(message["params"]))
        return message


@contextmanager
def browsing(folder: Path) -> Iterator[Page]:
    """Start the browser with a profile in a folder, and yield its tab."""
    command = [program() or _NAMES[0], *_FLAGS, f"--user-data-dir={folder}", "about:blank"]
    with (folder / "output").open("wb") as output:
        browser = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        with connect(_tab(folder, browser), max_size=None, open_timeout=_ANSWER) as socket:
            yield Page(socket)
    finally:
        browser.terminate()
        browser.wait(timeout=20)


def _tab(folder: Path, browser: "subprocess.Popen[bytes]") -> str:
    """The address of the browser's one tab. It writes the port it listens on into its profile."""
    until = time.monotonic() + _START
    while time.monotonic() < until and browser.poll() is None:
        try:
            port = (folder / "DevToolsActivePort").read_text().split()[0]
            tabs = httpx.get(f"http://127.0.0.1:{port}/json/list", trust_env=False).json()
            return str(next(tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page"))
        except (OSError, IndexError, httpx.HTTPError, StopIteration):
            time.sleep(0.1)
    raise AssertionError((folder / "output").read_text(errors="replace")[-1000:])
