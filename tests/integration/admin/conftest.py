"""Operators with exactly the permissions that a test gives them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client

from percipio_openedx.models import DeliveryAttempt, Statement
from tests.integration.admin.world import World, a_world

SEEING = (
    "view_statement",
    "view_learnercourse",
    "view_deliveryattempt",
    "view_destination",
    "view_notice",
    "view_courseoverride",
    "view_percipioconfiguration",
    "view_alert",
    "view_backfillrun",
    "view_erasurerequest",
    "view_observationfailure",
)


@pytest.fixture
def operator(db: Any) -> Callable[..., Client]:
    """A member of staff with these permissions of the plugin, logged in."""

    def with_permissions(*codes: str, name: str = "operator") -> Client:
        user = get_user_model().objects.create_user(name, f"{name}@example.com", "edx", is_staff=True)
        found = list(Permission.objects.filter(codename__in=codes, content_type__app_label="percipio_openedx"))
        assert {permission.codename for permission in found} == set(codes)
        user.user_permissions.set(found)
        client = Client()
        client.force_login(user)
        return client

    return with_permissions


@pytest.fixture
def viewer(operator: Callable[..., Client]) -> Client:
    """Who may see everything and do nothing."""
    return operator(*SEEING, name="viewer")


@pytest.fixture
def everything(db: Any) -> Client:
    """Who may do everything."""
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("root", "root@example.com", "edx"))
    return client


@pytest.fixture
def world(db: Any, reporting: Any) -> World:
    """A site with learners, statements in every state, and the requests that led there."""
    made = a_world()
    assert Statement.objects.exists() and DeliveryAttempt.objects.exists()
    return made
