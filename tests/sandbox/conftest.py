"""Fixtures of the sandbox's own tests, which need nothing of Django and nothing of the plugin."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from percipio_sandbox import Sandbox
from tests.sandbox.sending import Partner


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A healthy pretend Percipio on a port of its own."""
    with Sandbox() as running:
        yield running


@pytest.fixture
def partner(sandbox: Sandbox) -> Partner:
    """A partner with a token, before a healthy sandbox."""
    return Partner(sandbox)
