"""Commands and pages, as an operator has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from tests.integration.operations.conftest import Ran, command


@pytest.fixture
def manage() -> Callable[..., Ran]:
    """Call a management command."""
    return command


@pytest.fixture
def everything(db: Any) -> Client:
    """Who may do everything in the admin."""
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("root", "root@example.com", "edx"))
    return client
