"""Figures for scrapers: what they say, who may read them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from percipio_openedx.models import Alert, CatalogEntry, DeliveryAttempt, Destination, Notice, Statement
from percipio_openedx.models.catalog import EntryState
from percipio_openedx.models.statement import State
from percipio_openedx.operations import metrics
from tests.integration.builders import KEY
from tests.integration.delivery.rows import add, destination_of

pytestmark = pytest.mark.django_db(transaction=True)

Manage = Callable[..., Any]
TOKEN = "canary-metrics-token"
URL = "/percipio/metrics"
LABELS = ("site", "organization", "state", "outcome", "reason", "kind", "severity", "subject")


@pytest.fixture
def scraped(client: Client, settings: Any) -> Callable[[], dict[tuple[str, tuple[str, ...]], float]]:
    """What a scraper reads: numbers by name and label values."""
    settings.PERCIPIO_METRICS_TOKEN = TOKEN

    def scrape() -> dict[tuple[str, tuple[str, ...]], float]:
        response = client.get(URL, headers={"Authorization": f"Bearer {TOKEN}"})
        assert response.status_code == 200
        assert response["Content-Type"].startswith("text/plain")
        families = text_string_to_metric_families(response.content.decode())
        return {
            (sample.name, tuple(sample.labels[name] for name in LABELS if name in sample.labels)): sample.value
            for one in families
            for sample in one.samples
        }

    return scrape


def test_an_empty_installation(scraped: Any) -> None:
    assert scraped() == {
        ("percipio_oldest_notice_seconds", ()): 0,
        ("percipio_erasures_open", ()): 0,
        ("percipio_problems", ("unconfigured", "error", "sites")): 1,
    }


@pytest.mark.usefixtures("reporting")
def test_the_figures(scraped: Any) -> None:
    for number, state in enumerate((State.WAITING, State.WAITING, State.PARKED, State.DELIVERED)):
        row = add(number, destination=destination_of("org-a"))
        Statement.objects.filter(pk=row.pk).update(state=state)
    first = Statement.objects.order_by("pk")[0]
    Statement.objects.filter(pk=first.pk).update(stored_at=timezone.now() - timedelta(hours=1))
    Destination.objects.update(failures=2, paused_reason="unauthorized")
    for minutes in (1, 60):
        DeliveryAttempt.objects.create(
            destination=Destination.objects.get(),
            api="statements",
            started_at=timezone.now() - timedelta(minutes=minutes),
            statements=3,
            accepted=2,
            outcome="partial",
            duration_ms=1500,
        )
    Notice.objects.create(user_id=1, course_key=KEY, reason="grade", noticed_at=timezone.now() - timedelta(hours=2))
    Alert.objects.create(kind="paused", subject="destination:1", is_on=True, changed_at=timezone.now())
    found = scraped()
    here, subject = ("1", "org-a"), f"destination:{Destination.objects.get().pk}"
    assert 3600 <= found.pop(("percipio_oldest_statement_seconds", here)) < 3700
    assert 7200 <= found.pop(("percipio_oldest_notice_seconds", ())) < 7300
    assert found == {
        ("percipio_statements", (*here, "outdated")): 0,
        ("percipio_statements", (*here, "waiting")): 2,
        ("percipio_statements", (*here, "sending")): 0,
        ("percipio_statements", (*here, "parked")): 1,
        ("percipio_destination_paused", here): 1,
        ("percipio_destination_failures", here): 2,
        ("percipio_unknown_learners", here): 0,
        ("percipio_destination_last_success_timestamp_seconds", here): 0,
        ("percipio_requests_5m", (*here, "partial")): 1,
        ("percipio_accepted_5m", (*here, "partial")): 2,
        ("percipio_request_longest_seconds_5m", (*here, "partial")): 1.5,
        ("percipio_alerts", ("paused", "destination:1")): 1,
        ("percipio_erasures_open", ()): 0,
        ("percipio_problems", ("late", "error", "notices")): 1,
        ("percipio_problems", ("paused", "error", subject)): 1,
        ("percipio_problems", ("parked", "error", subject)): 1,
    }


@pytest.mark.usefixtures("reporting")
def test_the_items_of_the_catalog(scraped: Any) -> None:
    catalog = Destination.of(1, "org-a", own_credentials=False, is_catalog=True)
    for number, state in enumerate((EntryState.WAITING, EntryState.DELIVERED, EntryState.DELIVERED)):
        CatalogEntry.objects.create(destination=catalog, content_id=str(number), state=state, due_at=timezone.now())
    found = {key[1]: value for key, value in scraped().items() if key[0] == "percipio_catalog_items"}
    here = ("1", "org-a")
    expected = {"waiting": 1, "held": 0, "delivered": 2, "refused": 0, "withdrawn": 0}
    assert found == {(*here, state): count for state, count in expected.items()}


@pytest.mark.usefixtures("reporting")
def test_items_are_no_statements(scraped: Any) -> None:
    """Statements and catalog of an organization are requests of the same labels."""
    for is_catalog, seconds in ((False, 2), (True, 1)):
        place = Destination.objects.create(site_id=1, organization="org-a", is_catalog=is_catalog)
        DeliveryAttempt.objects.create(
            destination=place,
            api="content" if is_catalog else "statements",
            started_at=timezone.now(),
            statements=1,
            accepted=1,
            outcome="accepted",
            duration_ms=1000 * seconds,
        )
    Destination.objects.filter(is_catalog=True).update(last_success_at=timezone.now())
    found, here = scraped(), ("1", "org-a", "accepted")
    assert found["percipio_requests_5m", here] == 2
    assert found["percipio_accepted_5m", here] == 1
    assert found["percipio_request_longest_seconds_5m", here] == 2
    assert found["percipio_destination_last_success_timestamp_seconds", here[:2]] == 0


def test_queries_do_not_grow(django_assert_max_num_queries: Any) -> None:
    for number in range(20):
        add(number, destination=destination_of(f"org-{number}"))
    # One more asks MariaDB for the tables' character sets.
    with django_assert_max_num_queries(47 + (connection.vendor == "mysql")):
        assert len(list(metrics.gauges())) == 17


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": f"Basic {TOKEN}"}, 401),
        ({"Authorization": TOKEN}, 401),
        ({"Authorization": "Bearer é"}, 401),
        ({"Authorization": f"bearer {TOKEN}"}, 200),
    ],
)
def test_who_may_read(client: Client, settings: Any, headers: dict[str, str], status: int) -> None:
    settings.PERCIPIO_METRICS_TOKEN = TOKEN
    response = client.get(URL, headers=headers)
    assert response.status_code == status
    assert TOKEN not in response.content.decode()


def test_a_member_of_staff_needs_the_token_too(admin_client: Client, settings: Any) -> None:
    settings.PERCIPIO_METRICS_TOKEN = TOKEN
    assert admin_client.get(URL).status_code == 401


def test_without_a_token_there_is_no_such_page(client: Client) -> None:
    assert client.get(URL, headers={"Authorization": "Bearer "}).status_code == 404


def test_without_the_extra_there_is_no_such_page(
    client: Client, settings: Any, manage: Manage, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.PERCIPIO_METRICS_TOKEN = TOKEN
    monkeypatch.setattr(metrics, "is_available", lambda: False)
    assert client.get(URL, headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 404
    ran = manage("percipio_metrics")
    assert ran.code == 1
    assert "percipio-openedx[metrics]" in ran.err
    assert manage("percipio_metrics", "--json").code == 0


def test_nothing_is_written_through_it(client: Client, settings: Any) -> None:
    settings.PERCIPIO_METRICS_TOKEN = TOKEN
    assert client.post(URL, headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 405


def test_the_command(manage: Manage) -> None:
    destination_of("org-a")
    ran = manage("percipio_metrics")
    assert 'percipio_destination_failures{account="",organization="org-a",site="1"} 0.0' in ran.lines
    documents = {one["name"]: one for one in manage("percipio_metrics", "--json").documents}
    assert documents["percipio_destination_failures"]["samples"] == [
        {"labels": {"site": "1", "account": "", "organization": "org-a"}, "value": 0}
    ]
