"""Naming a pull client, and seeing who pulled."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from oauth2_provider.models import Application
from openedx.core.djangoapps.oauth_dispatch.models import ApplicationAccess

from percipio_openedx.admin.editable import PullClientForm
from percipio_openedx.models import PullAudit, PullClient
from tests.integration.lrs.rows import an_application, restrict

pytestmark = pytest.mark.django_db


def mistakes(client_id: str, enabled: bool = True) -> dict[str, list[str]]:
    """What the form says to a client of the default site."""
    form = PullClientForm({"site": 1, "client_id": client_id, "enabled": enabled})
    return {name: list(map(str, errors)) for name, errors in form.errors.items()}


def test_a_good_application_is_taken() -> None:
    assert mistakes(an_application().client_id) == {}


def test_everything_that_is_wrong_is_said_at_once() -> None:
    application = an_application(
        scopes=("read",),
        client_type=Application.CLIENT_PUBLIC,
        authorization_grant_type=Application.GRANT_PASSWORD,
        user=None,
    )
    assert mistakes(application.client_id) == {
        "client_id": [
            "Its grant type is not client credentials.",
            "Its client type is not confidential.",
            "It has no user: tokens of a service are its owner's.",
            "It has no application access with the scope percipio:read.",
        ]
    }


def test_an_application_that_is_not_there() -> None:
    assert mistakes("nobody") == {"client_id": ["There is no OAuth2 application with this client id."]}
    assert mistakes("nobody", enabled=False) == {}


def test_an_application_that_is_limited_to_a_part_of_the_site() -> None:
    application = an_application()
    ApplicationAccess.objects.update(filters=["content_org:DemoX"])
    assert mistakes(application.client_id) == {
        "client_id": [
            "Its application access is limited to content_org:DemoX. A pull client reads the whole site, so its tokens "
            "are refused."
        ]
    }


NO_SIGNED_TOKENS = (
    "Its user owns other applications as well (1). A signed token (JWT) does not say which application it is of, so "
    "those of this application are refused."
)


def test_an_application_whose_user_owns_another(everything: Client) -> None:
    """Only its opaque tokens are good, which the operator is told."""
    application = an_application()
    an_application("other", user=application.user)
    form = {"site": 1, "client_id": application.client_id, "enabled": "on"}
    response = everything.post(reverse("admin:percipio_openedx_pullclient_add"), form, follow=True)
    assert NO_SIGNED_TOKENS in [str(message) for message in response.context["messages"]]
    assert PullClient.objects.get().enabled


def test_a_restricted_application_whose_user_owns_another() -> None:
    """None of its tokens is good."""
    application = an_application()
    an_application("other", user=application.user)
    restrict(application)
    said = f"It is restricted, so that only its signed tokens are good. {NO_SIGNED_TOKENS}"
    assert mistakes(application.client_id) == {"client_id": [said]}


def test_a_client_is_named_and_removed(everything: Client) -> None:
    application = an_application()
    form = {"site": 1, "client_id": application.client_id, "enabled": "on"}
    everything.post(reverse("admin:percipio_openedx_pullclient_add"), form)
    client = PullClient.objects.get()
    assert (client.site_id, client.client_id, client.enabled) == (1, "client-percipio", True)
    everything.post(reverse("admin:percipio_openedx_pullclient_delete", args=[client.pk]), {"post": "yes"})
    assert PullClient.objects.count() == 0


def test_pulls_can_be_seen_and_not_changed(everything: Client) -> None:
    pull = PullAudit.objects.create(
        at=datetime(2026, 4, 1, tzinfo=UTC),
        site_id=1,
        client_id="client-percipio",
        method="GET",
        asked="since",
        status=200,
        statements=7,
        duration_ms=12,
    )
    page = everything.get(reverse("admin:percipio_openedx_pullaudit_changelist"))
    assert (page.status_code, "client-percipio" in page.content.decode()) == (200, True)
    address = reverse("admin:percipio_openedx_pullaudit_change", args=[pull.pk])
    assert everything.post(address, {"status": 500}).status_code == 403


def test_who_has_no_permission_names_nobody(operator: Any) -> None:
    response = operator("view_pullclient").post(reverse("admin:percipio_openedx_pullclient_add"), {})
    assert response.status_code == 403
