"""A site that reports, and learners whose completions count."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from waffle.testutils import override_switch

from percipio_openedx.capture import wake


@pytest.fixture
def reporting(settings: Any) -> Any:
    """The settings of a site that reports, to an address where nobody is, and looks at once."""
    settings.PERCIPIO_REGION = "custom"
    settings.PERCIPIO_API_URL = "http://127.0.0.1:9"
    settings.PERCIPIO_TOKEN_URL = "http://127.0.0.1:9/token"
    settings.PERCIPIO_PARTNER_NAME = "acme"
    settings.PERCIPIO_CLIENT_ID = "acme-client"
    settings.PERCIPIO_CLIENT_SECRET = "canary-secret"
    settings.PERCIPIO_LEARNERS = "all"
    settings.PERCIPIO_OBSERVE_AFTER = 0
    return settings


@pytest.fixture
def arriving(reporting: Any, sandbox: Any) -> Any:
    """The same, with a pretend Percipio at the address."""
    reporting.PERCIPIO_API_URL = sandbox.url
    reporting.PERCIPIO_TOKEN_URL = sandbox.token_url
    return sandbox


@pytest.fixture
def completing() -> Iterator[None]:
    """Completion tracking is on, as on every Tutor site."""
    with override_switch("completion.enable_completion_tracking", active=True):
        yield


@pytest.fixture
def no_calls(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No worker is called; the tests run the passes themselves."""
    monkeypatch.setattr("percipio_openedx.tasks.publish_first", lambda *_, **__: None)
    wake.waker.forget()
    yield
    wake.waker.wait(5)
    wake.waker.forget()
