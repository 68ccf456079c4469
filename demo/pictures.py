#!/usr/bin/env python
"""Takes the pictures of the documentation: the demo is started with a fresh class, and Chromium opens its pages.

Started by ``make pictures``. Everything runs in a folder of its own, on free ports, and is ended and removed.
"""

from __future__ import annotations

import argparse
import base64
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from django.urls import reverse

from demo.ports import free_ports
from demo.run import SANDBOX_PORT
from tests.browser.chromium import Browser, running

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
WIDTH, HEIGHT = 1280, 800
# Seconds for the demo to come up, for what was done to arrive, and for a page to be drawn.
PATIENCE, SETTLED, MOMENT = 180, 8, 3
# Whose time line is shown, and the course that the launch page offers.
LEARNER, COURSE, CONTENT_ID = "learner-0-0001", "course-v1:AcademyX+DATA101+2026", "course:AcademyX+DATA101"


def _timeline() -> str:
    from django.contrib.auth import get_user_model

    learner = get_user_model().objects.get(username=LEARNER)
    return reverse("admin:percipio_openedx_timeline", args=[learner.pk, COURSE])


def _configuration() -> str:
    """The form, with what the third site has now."""
    from django.apps import apps

    row = apps.get_model("percipio_openedx", "PercipioConfiguration").objects.filter(site_id=3).latest("pk")
    return f"{reverse('admin:percipio_openedx_percipioconfiguration_add')}?source={row.pk}"


# Each picture's name, and the address of its page.
PICTURES: dict[str, Callable[[], str]] = {
    "class": lambda: reverse("class"),
    "overview": lambda: reverse("admin:percipio_openedx_overview"),
    "setup": lambda: reverse("admin:percipio_openedx_site_setup", args=[1]),
    "timeline": _timeline,
    "configuration": _configuration,
    "catalog": lambda: reverse("admin:percipio_openedx_catalogentry_changelist"),
    "launch": lambda: reverse("percipio:launch", args=[CONTENT_ID]),
}


def main() -> None:
    """Take those that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help=f"which of {', '.join(PICTURES)}; all if none is named")
    names = parser.parse_args().names or list(PICTURES)
    if unknown := set(names) - set(PICTURES):
        parser.error(f"there is no picture {', '.join(sorted(unknown))}")
    _demand_fonts()
    with tempfile.TemporaryDirectory() as folder, _demo(Path(folder)) as lms, running(Path(folder) / "web") as browser:
        import django

        django.setup()
        browser.resize(WIDTH, HEIGHT)
        browser.call("POST", "/goog/cdp/execute", {"cmd": "Emulation.setTimezoneOverride", "params": _UTC})
        _log_in(browser, lms)
        _use_the_class(browser, lms)
        IMAGES.mkdir(exist_ok=True)
        for name in names:
            browser.open(lms + PICTURES[name]())
            browser.run("document.activeElement.blur()")
            time.sleep(MOMENT)
            (IMAGES / f"{name}.png").write_bytes(packed(base64.b64decode(browser.call("GET", "/screenshot"))))
            print(f"  docs/images/{name}.png")


_UTC = {"timezoneId": "UTC"}


def packed(png: bytes) -> bytes:
    """The same picture (eight bits a color, no alpha) without filters: pages are flat, and take a fifth less then."""
    chunks, place = [], 8
    while place < len(png):
        end = place + 12 + int.from_bytes(png[place : place + 4])
        chunks.append(png[place:end])
        place = end
    data = zlib.decompress(b"".join(chunk[8:-4] for chunk in chunks if chunk[4:8] == b"IDAT"))
    before, lines = bytes(WIDTH * 3), []
    for start in range(0, len(data), WIDTH * 3 + 1):
        before = _unfiltered(data[start], data[start + 1 : start + 1 + WIDTH * 3], before)
        lines.append(b"\0" + before)
    body = b"IDAT" + zlib.compress(b"".join(lines), 9)
    made = (len(body) - 4).to_bytes(4) + body + zlib.crc32(body).to_bytes(4)
    return png[:8] + chunks[0] + made + chunks[-1]


def _unfiltered(kind: int, line: bytes, before: bytes) -> bytes:
    """A line of a PNG as it is (its standard, section 9): each byte was written less what its neighbors predict."""
    made = bytearray(line)
    for x, above in enumerate(before):
        left, corner = (made[x - 3], before[x - 3]) if x >= 3 else (0, 0)
        guess = left + above - corner
        nearest = min((left, above, corner), key=lambda neighbor: abs(guess - neighbor))
        made[x] = (made[x] + (0, left, above, (left + above) // 2, nearest)[kind]) & 255
    return bytes(made)


def _demand_fonts() -> None:
    """See to it that names and courses of every script can be drawn, where fontconfig tells.

    Raises:
        SystemExit: a font is missing.
    """
    if not (asked := shutil.which("fc-list")):
        return
    for language in ("ar", "ja", "ko", "ru", "vi"):
        if not subprocess.run([asked, f":lang={language}"], capture_output=True, check=True).stdout:  # noqa: S603
            raise SystemExit(f"no font here has the letters of {language}: install one (Debian: fonts-noto-cjk)")


@contextmanager
def _demo(folder: Path) -> Iterator[str]:
    """The demo with a fresh class; the LMS's address."""
    # The demo's own ones if they are free, since pages show them.
    port = free_ports(3, first=SANDBOX_PORT)
    os.environ |= {"DEMO_VAR": str(folder / "var"), "DJANGO_SETTINGS_MODULE": "demo.settings"}
    ports = ["--port", str(port), "--lms-port", str(port + 2)]
    command = [sys.executable, str(ROOT / "demo" / "run.py"), "--serve", *ports, "--record", str(folder / "in.jsonl")]
    print("Making a class in the demo, which takes about a minute", flush=True)
    log = folder / "demo.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output)  # noqa: S603
        try:
            _wait_for(process, port + 2, log)
            yield f"http://127.0.0.1:{port + 2}"
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


def _wait_for(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise SystemExit(f"the demo does not come up: {log.read_text(encoding='utf-8', errors='replace')[-2000:]}")


def _log_in(browser: Browser, lms: str) -> None:
    from demo.learning.accounts import ADMIN_PASSWORD, ADMIN_USERNAME

    browser.open(f"{lms}/admin/")
    browser.type("#id_username", ADMIN_USERNAME)
    browser.type("#id_password", ADMIN_PASSWORD)
    browser.click("[type=submit]")
    browser.wait_for("Site administration")
    browser.run("localStorage.setItem('django.admin.navSidebarIsOpen', 'false')")


def _use_the_class(browser: Browser, lms: str) -> None:
    """Let learners do something, so that the class page has something to show."""
    for seat, act in ((1, "unit"), (5, "unit"), (3, "unit"), (2, "unit"), (1, "pass")):
        if act == "pass":
            # Until the unit has been observed; else there is nothing to report of it any more.
            time.sleep(SETTLED)
        browser.open(f"{lms}{PICTURES['class']()}")
        browser.click(f'input[name="seat"][value="{seat}"] ~ button[value="{act}"]')
        browser.wait_for("Watch it arrive")
    # Until the last act has arrived as well.
    time.sleep(SETTLED)


if __name__ == "__main__":
    main()
