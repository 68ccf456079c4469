"""A headless Chromium that a test drives by the W3C WebDriver protocol: HTTP and JSON to ``chromedriver``, no library.

Source: https://www.w3.org/TR/webdriver2/; the browser's log and the size of the screen are Chromium's own additions.
"""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    # As on a phone, where they take no room.
    "--hide-scrollbars",
    "--no-proxy-server",
)
# Seconds for one command, and for what a page is waited for.
COMMAND, PATIENCE = 60, 15
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
_PORT = re.compile(r"successfully on port (\d+)")
# Nothing here goes through a proxy of the environment.
_open = build_opener(ProxyHandler({})).open


class BrowserError(Exception):
    """The browser, or its driver, could not do what was asked."""


def installed() -> tuple[str, str] | None:
    """The paths of the browser and of its driver; None where one of them is missing."""
    browser = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    driver = shutil.which("chromedriver")
    return (browser, driver) if browser and driver else None


class Browser:
    """One window."""

    def __init__(self, session: str) -> None:
        self._session = session

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """One command of the protocol; its value.

        Raises:
            BrowserError: the command failed, with the driver's words.
        """
        return _call(method, self._session + path, body)

    def open(self, url: str) -> None:
        """Go there, and wait until the page is loaded."""
        self.call("POST", "/url", {"url": url})

    def resize(self, width: int, height: int) -> None:
        """Be a screen of so many CSS pixels, also of fewer than a desktop's window may have."""
        screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.call("POST", "/goog/cdp/execute", {"cmd": "Emulation.setDeviceMetricsOverride", "params": screen})

    def scheme(self, value: str) -> None:
        """Prefer ``light`` or ``dark`` colors."""
        media = {"features": [{"name": "prefers-color-scheme", "value": value}]}
        self.call("POST", "/goog/cdp/execute", {"cmd": "Emulation.setEmulatedMedia", "params": media})

    def run(self, script: str, *arguments: Any) -> Any:
        """What a JavaScript function body returns."""
        return self.call("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def text(self, css: str = "body") -> str:
        """What can be read of an element."""
        return str(self.call("GET", f"/element/{self._element(css)}/text"))

    def click(self, css: str) -> None:
        """Click an element as a person does: it has to be there and not covered."""
        self.call("POST", f"/element/{self._element(css)}/click", {})

    def type(self, css: str, text: str) -> None:
        """Type into a field, after what is there."""
        self.call("POST", f"/element/{self._element(css)}/value", {"text": text})

    def press(self, key: str) -> None:
        """Press a key and let it go, wherever the focus is."""
        strokes = [{"type": kind, "value": key} for kind in ("keyDown", "keyUp")]
        self.call("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": strokes}]})

    def wait_for(self, text: str) -> None:
        """Until the page says that.

        Raises:
            BrowserError: it does not within ``PATIENCE`` seconds.
        """
        until = time.monotonic() + PATIENCE
        # The page may be replaced between two commands.
        while time.monotonic() < until:
            try:
                if text in self.text():
                    return
            except BrowserError:
                pass
            time.sleep(0.1)
        raise BrowserError(f"{text!r} does not appear; the page says: {self.text()[:2000]}")

    def cookie(self, name: str, value: str) -> None:
        """Set a cookie of the site that is open."""
        self.call("POST", "/cookie", {"cookie": {"name": name, "value": value, "path": "/"}})

    def console(self) -> list[str]:
        """The errors in the console since the last call."""
        entries = self.call("POST", "/se/log", {"type": "browser"})
        return [entry["message"] for entry in entries if entry["level"] == "SEVERE"]

    def picture(self, path: Path) -> None:
        """Save the whole page as PNG."""
        parameters = {"format": "png", "captureBeyondViewport": True}
        shot = self.call("POST", "/goog/cdp/execute", {"cmd": "Page.captureScreenshot", "params": parameters})
        path.write_bytes(base64.b64decode(shot["data"]))

    def _element(self, css: str) -> str:
        return str(self.call("POST", "/element", {"using": "css selector", "value": css})[_ELEMENT])


@contextmanager
def running(profile: Path) -> Iterator[Browser]:
    """A browser with an empty profile in a folder; gone at the end.

    Raises:
        BrowserError: it is not installed, or does not start.
    """
    found = installed()
    if found is None:
        raise BrowserError("neither Chromium nor its driver is installed")
    browser, driver = found
    options = {"binary": browser, "args": [*OPTIONS, f"--user-data-dir={profile}"]}
    wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
    command = [driver, "--port=0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            address = f"http://127.0.0.1:{_port(process)}"
            session = _call("POST", f"{address}/session", {"capabilities": {"alwaysMatch": wanted}})["sessionId"]
            try:
                yield Browser(f"{address}/session/{session}")
            finally:
                _call("DELETE", f"{address}/session/{session}")
        finally:
            process.terminate()


def _port(process: subprocess.Popen[str]) -> int:
    for line in process.stdout or ():
        if found := _PORT.search(line):
            return int(found[1])
    raise BrowserError("chromedriver does not start")


def _call(method: str, url: str, body: dict[str, Any] | None = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = Request(url, data, {"Content-Type": "application/json"}, method=method)
    try:
        with _open(request, timeout=COMMAND) as response:
            return json.load(response)["value"]
    except HTTPError as error:
        with error:
            words = error.read().decode("utf-8", "replace")[:2000]
        raise BrowserError(f"{method} {url}: {words}") from None
