"""Pulls that are refused: throttled first, and kept in a bounded number."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from percipio_openedx.lrs import access
from percipio_openedx.models import PullAudit, PullClient
from percipio_openedx.settings.common import PULL_SCOPE
from tests.integration.lrs.puller import Puller
from tests.integration.lrs.rows import a_client, an_application, token_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("unthrottled")]


@pytest.mark.parametrize("kind", ["not let in", "nonsense"])
def test_refused_pulls_are_audited_in_a_bounded_number(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "MOST_REFUSED", 5)
    puller = Puller(a_client(enabled=kind == "nonsense"))
    for _ in range(8):
        assert puller.get({"limit": "many"}).status_code in (400, 403)
    assert PullAudit.objects.count() == 5

    PullClient.objects.update(enabled=True)
    assert [puller.get({"statementId": uuid4()}).status_code, puller.get().status_code] == [404, 200]
    assert PullAudit.objects.count() == 7, "what is answered is kept, each"

    PullAudit.objects.update(at=timezone.now() - timedelta(hours=2))
    puller.get({"limit": "many"})
    assert PullAudit.objects.count() == 8


@pytest.mark.parametrize("refused_as", ["switched off", "no pull client", "no scope"])
def test_refused_pulls_are_throttled_first(settings: Any, refused_as: str) -> None:
    """Before the database is asked whether they may be answered, and before anything is written."""
    settings.PERCIPIO_PULL_RATE = "2/hour"
    scope = "openid" if refused_as == "no scope" else PULL_SCOPE
    application = an_application("refused", scopes=(scope,))
    if refused_as != "no pull client":
        enabled = refused_as != "switched off"
        PullClient.objects.create(site_id=1, client_id=application.client_id, enabled=enabled)
    asking = Puller(application, f"Bearer {token_of(application, scope)}")

    assert [asking.get().status_code for _ in range(4)] == [403, 403, 429, 429]
    assert PullAudit.objects.count() == (0 if refused_as == "no pull client" else 2)
    with CaptureQueriesContext(connection) as captured:
        asking.get()
    assert not [one["sql"] for one in captured if "percipio_openedx" in one["sql"]]
