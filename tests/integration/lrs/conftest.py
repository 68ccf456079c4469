"""A site with statements in it, and a client that may pull them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.lrs.puller import Puller
from tests.integration.lrs.rows import a_client


@pytest.fixture
def puller(db: None) -> Puller:
    """Percipio, with an opaque token for the default site."""
    return Puller(a_client())


@pytest.fixture
def unthrottled(settings: Any) -> None:
    """As many requests as a test likes."""
    settings.PERCIPIO_PULL_RATE = ""


@pytest.fixture
def puller_of() -> Callable[..., Puller]:
    """Make a puller of a site."""
    return lambda site_id, name="other": Puller(a_client(name, site_id=site_id))
