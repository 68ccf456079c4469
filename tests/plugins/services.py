"""Tests marked ``services`` need real servers, those marked ``browser`` Chromium: they are left out by default, which
is said, and never skipped when asked for.

``pytest -m services`` and ``pytest -m browser`` run them. Where a server does not answer, or there is no Chromium, the
whole run fails at once: a skipped test would look like a passed one.
"""

from __future__ import annotations

import os
import socket
from collections import Counter
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.browser import chromium

# Where the servers are, and the variable that says otherwise.
ADDRESSES = {
    "PERCIPIO_TEST_DATABASE_URL": "mysql://root@127.0.0.1:3306/percipio",
    "PERCIPIO_TEST_REDIS_URL": "redis://127.0.0.1:6379/15",
    "PERCIPIO_TEST_AMQP_URL": "amqp://guest:guest@127.0.0.1:5672//",
}
STANDARD_PORTS = {"mysql": 3306, "redis": 6379, "amqp": 5672}

# By marker: what its tests need, and what runs them.
NEEDS = {
    "services": ("MariaDB, Redis or RabbitMQ", "make test-services"),
    "browser": ("Chromium", "make test-browser"),
    "slow": ("more time", "make test-slow"),
    "exhaustive": ("minutes", "make crash, make poison"),
}

left_out = pytest.StashKey[Counter[str]]()

# Tests that share a server's queues and keys run one after the other, in one process of pytest-xdist.
SHARED = pytest.mark.xdist_group("services")


def service_url(variable: str) -> str:
    """Return the address of a server: what the environment says, else the usual place on this machine."""
    return os.environ.get(variable) or ADDRESSES[variable]


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Keep the tests that use the same queue or key of a server in one process."""
    for item in items:
        if item.get_closest_marker("services"):
            item.add_marker(SHARED)


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    """Count the tests that wait for servers or a browser, whatever else was deselected with them."""
    for marker in NEEDS:
        waiting = [item for item in items if item.get_closest_marker(marker)]
        if waiting:
            waiting[0].config.stash.setdefault(left_out, Counter())[marker] += len(waiting)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Fail the run before its first test where a chosen test needs what is not there."""
    if session.config.option.collectonly:
        return
    needed = {marker for marker in NEEDS for item in session.items if item.get_closest_marker(marker)}
    if "browser" in needed and chromium.installed() is None:
        pytest.exit("Chromium or chromedriver is not installed (Debian: chromium, chromium-driver)", returncode=1)
    if "services" not in needed:
        return
    silent = [variable for variable in ADDRESSES if not _answers(service_url(variable))]
    if silent:
        pytest.exit(f"no server answers at the address in {', '.join(silent)}", returncode=1)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Tell the process that reports what this process of pytest-xdist left out."""
    output: dict[str, object] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["left_out"] = dict(session.config.stash.get(left_out, Counter()))


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over what a process of pytest-xdist left out; each has collected all tests."""
    node.config.stash[left_out] = Counter(getattr(node, "workeroutput", {}).get("left_out", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say plainly what was not run."""
    for marker, count in config.stash.get(left_out, Counter()).items():
        what, command = NEEDS[marker]
        terminalreporter.write_line(f"Left out: {count} tests that need {what}. `{command}` runs them.", yellow=True)


def _answers(url: str) -> bool:
    parts = urlsplit(url)
    address = (parts.hostname or "127.0.0.1", parts.port or STANDARD_PORTS[parts.scheme])
    try:
        with socket.create_connection(address, timeout=5):
            return True
    except OSError:
        return False
