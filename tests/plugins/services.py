"""Tests marked ``services`` need real servers: they are left out by default, said so, and never skipped when asked for.

``pytest -m services`` runs them. Where a server does not answer, the whole run fails at once: a skipped test would
look like a passed one.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from urllib.parse import urlsplit

import pytest

# Where the servers are, and the variable that says otherwise.
ADDRESSES = {
    "PERCIPIO_TEST_DATABASE_URL": "mysql://root@127.0.0.1:3306/percipio",
    "PERCIPIO_TEST_REDIS_URL": "redis://127.0.0.1:6379/15",
    "PERCIPIO_TEST_AMQP_URL": "amqp://guest:guest@127.0.0.1:5672//",
}
STANDARD_PORTS = {"mysql": 3306, "redis": 6379, "amqp": 5672}

left_out = pytest.StashKey[int]()


def service_url(variable: str) -> str:
    """Return the address of a server: what the environment says, else the usual place on this machine."""
    return os.environ.get(variable) or ADDRESSES[variable]


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    """Count the tests that wait for servers, whatever else was deselected with them."""
    waiting = [item for item in items if item.get_closest_marker("services")]
    if waiting:
        stash = waiting[0].config.stash
        stash[left_out] = stash.get(left_out, 0) + len(waiting)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Fail the run before its first test where a chosen test needs a server that does not answer."""
    if session.config.option.collectonly or not any(item.get_closest_marker("services") for item in session.items):
        return
    silent = [variable for variable in ADDRESSES if not _answers(service_url(variable))]
    if silent:
        pytest.exit(f"no server answers at the address in {', '.join(silent)}", returncode=1)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say plainly what was not run."""
    count = config.stash.get(left_out, 0)
    if count:
        terminalreporter.write_line(
            f"Left out: {count} tests that need MariaDB, Redis or RabbitMQ. `make test-services` runs them.",
            yellow=True,
        )


def _answers(url: str) -> bool:
    parts = urlsplit(url)
    address = (parts.hostname or "127.0.0.1", parts.port or STANDARD_PORTS[parts.scheme])
    try:
        with socket.create_connection(address, timeout=5):
            return True
    except OSError:
        return False
