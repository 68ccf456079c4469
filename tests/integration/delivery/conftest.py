"""A site that delivers to the pretend Percipio."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from percipio_openedx.delivery import tokens
from percipio_sandbox import Sandbox
from tests.integration.delivery.odd_server import OddServer
from tests.integration.delivery.rows import SECRET


@pytest.fixture(autouse=True)
def _forget_connections() -> Iterator[None]:
    """Tokens and connections of one test's sandbox are none of the next one's."""
    tokens._memory.clear()
    yield
    tokens._memory.clear()


@pytest.fixture
def configured(settings: Any) -> Callable[..., None]:
    """Point the default site at a sandbox."""

    def configure(sandbox: Sandbox | OddServer, **values: Any) -> None:
        wanted = {
            "REGION": "custom",
            "API_URL": sandbox.url,
            "TOKEN_URL": sandbox.token_url,
            "PARTNER_NAME": "acme",
            "CLIENT_ID": "client",
            "CLIENT_SECRET": SECRET,
            "LEARNERS": "all",
            "TIMEOUT": 1,
            "BATCH_SIZE": 50,
            **values,
        }
        for name, value in wanted.items():
            setattr(settings, f"PERCIPIO_{name}", value)

    return configure


@pytest.fixture
def site(sandbox: Sandbox, configured: Callable[..., None]) -> Sandbox:
    """The default site, configured for a sandbox in which all is well."""
    configured(sandbox)
    return sandbox


@pytest.fixture
def odd(configured: Callable[..., None]) -> Iterator[OddServer]:
    """The default site, configured for a server that answers whatever the test wants."""
    with OddServer() as server:
        configured(server)
        yield server
