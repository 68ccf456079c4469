"""The overview: one sentence that is true, and counts that add up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from percipio_openedx.admin.overview import Headline, headline, take_counts
from percipio_openedx.models import (
    CatalogEntry,
    DeliveryAttempt,
    Destination,
    Notice,
    ObservationFailure,
    PercipioConfiguration,
    Statement,
)
from percipio_openedx.models.statement import State
from percipio_openedx.operations import problems, sites, status
from percipio_openedx.operations.labels import Tone
from tests.integration.admin.world import OTHER_KEY, World, a_learner_course
from tests.integration.builders import a_site

Change = Callable[[World], object]


def nothing_parked(_world: World) -> None:
    Statement.objects.filter(state=State.PARKED).update(state=State.DELIVERED)


def nothing_open(world: World) -> None:
    nothing_parked(world)
    Statement.objects.filter(state__in=(State.WAITING, State.SENDING)).update(state=State.DELIVERED)


def stuck(world: World) -> None:
    """It could have left two hours ago; the last request is three hours old."""
    Statement.objects.filter(state=State.WAITING).update(due_at=world.now - timedelta(hours=2))
    Statement.objects.filter(state=State.SENDING).update(leased_until=world.now + timedelta(minutes=1))
    DeliveryAttempt.objects.update(started_at=world.now - timedelta(hours=3))


def busy(world: World) -> None:
    """A long queue, and a worker that works it off."""
    nothing_parked(world)
    stuck(world)
    DeliveryAttempt.objects.update(started_at=world.now - timedelta(minutes=1))


def held_behind(world: World) -> None:
    """What is due long since waits behind an earlier one of the same learner, which waits by right."""
    nothing_parked(world)
    stuck(world)
    Statement.objects.filter(state=State.SENDING).update(state=State.WAITING, sequence=0, due_at=world.now)


def failing(world: World) -> None:
    nothing_parked(world)
    stuck(world)
    Destination.objects.update(failures=2, retry_at=world.now + timedelta(minutes=3))


def paused(world: World) -> None:
    failing(world)
    Destination.objects.update(paused_reason="unauthorized")


def unseen(world: World) -> None:
    Notice.objects.update(noticed_at=world.now - timedelta(hours=2))


def of_the_site(world: World) -> Headline:
    """The sentence of the first site."""
    snapshot = status.take(world.now)
    return headline(snapshot.sites[1], problems.find(snapshot), snapshot)


@pytest.mark.parametrize(
    ("change", "tone", "words"),
    [
        (lambda world: None, Tone.ERROR, "Percipio refuses 1 statement; it is parked."),
        (nothing_parked, Tone.WELL, "All is well: 2 statements are on their way."),
        (nothing_open, Tone.WELL, "All is well: everything that was reported has arrived."),
        (stuck, Tone.ERROR, "No worker seems to run, or it cannot keep up: the oldest statement has been waiting"),
        (busy, Tone.WELL, "All is well: 2 statements are on their way."),
        (held_behind, Tone.WELL, "All is well: 2 statements are on their way."),
        (unseen, Tone.ERROR, "No worker seems to run"),
        (failing, Tone.WARNING, "Percipio cannot be reached or has problems of its own, since "),
        (paused, Tone.ERROR, "Nothing is sent, and 2 statements wait. Percipio refuses the credentials."),
    ],
)
def test_the_sentence(world: World, change: Change, tone: Tone, words: str) -> None:
    change(world)
    said = of_the_site(world)

    assert (said.tone, said.sentence[: len(words)]) == (tone, words)


@pytest.mark.parametrize(
    ("name", "value", "tone", "words"),
    [
        ("ENABLED", False, Tone.QUIET, "Switched off: PERCIPIO_ENABLED is False."),
        ("REGION", "mars", Tone.ERROR, "Nothing is sent: PERCIPIO_REGION is 'mars'"),
        ("CLIENT_SECRET", "", Tone.ERROR, "Nothing is sent: PERCIPIO_CLIENT_SECRET is empty"),
    ],
)
def test_the_sentence_of_the_settings(
    world: World, reporting: Any, name: str, value: object, tone: Tone, words: str
) -> None:
    setattr(reporting, f"PERCIPIO_{name}", value)
    said = of_the_site(world)

    assert (said.tone, said.sentence[: len(words)]) == (tone, words)


def test_a_site_without_configuration_is_quiet(world: World, reporting: Any) -> None:
    for name in ("PARTNER_NAME", "CLIENT_ID", "CLIENT_SECRET"):
        setattr(reporting, f"PERCIPIO_{name}", "")
    PercipioConfiguration.objects.create(site=a_site("campus.example"), enabled=False)

    assert of_the_site(world).tone is Tone.QUIET


def test_the_counts_add_up(world: World) -> None:
    DeliveryAttempt.objects.create(
        destination=world.destination,
        api="statements",
        started_at=world.now - timedelta(hours=2),
        statements=5,
        accepted=5,
        status=200,
        outcome="accepted",
        duration_ms=81,
    )
    snapshot, shown = status.take(world.now), take_counts(world.now)
    (found,) = snapshot.destinations

    assert found.counts == {"waiting": 1, "sending": 1, "parked": 1}
    assert found.waiting_since == world.by_state[State.SENDING].stored_at
    assert snapshot.oldest_notice == world.now
    traffic = shown.traffic[found.row.pk]
    assert (traffic["requests"], traffic["taken"], traffic["success_percent"]) == (2, 1, 50)
    assert (round(traffic["average_ms"]), traffic["longest_ms"], traffic["statements"]) == (100, 120, 5)
    assert traffic["last_bad"].status == 403
    assert shown.held == {1: {"no_sso_link": 1}}
    days = shown.days[1]
    assert len(days) == 14
    assert days[world.now.date()] == {"waiting": 1, "delivered": 0, "not_reported": 1}
    counted: Counter[str] = Counter()
    for day in days.values():
        counted.update(day)
    assert counted == {"waiting": 2, "delivered": 1, "parked": 1, "discarded": 1, "skipped": 1, "not_reported": 1}


def test_the_page_keeps_what_costs_for_a_minute_and_knows_how_it_is_now(world: World, everything: Client) -> None:
    url = reverse("admin:percipio_openedx_overview")
    everything.get(url)
    Statement.objects.update(state=State.DELIVERED)
    DeliveryAttempt.objects.update(accepted=7)

    (site,) = everything.get(url).context["sites"]
    assert (site["delivered"], site["status"].parked) == (0, 0)
    assert everything.get(url + "?fresh").context["sites"][0]["delivered"] == 7


def test_the_page_draws_without_foreign_assets(world: World, everything: Client) -> None:
    page = everything.get(reverse("admin:percipio_openedx_overview")).content.decode()
    chart = page[page.index('<svg class="percipio-chart"') :]

    assert chart.count("<rect") == 7
    assert 'class="percipio-delivered"' in chart
    assert "://" not in page.replace("http://www.w3.org/2000/svg", "")


def test_a_site_that_only_held_back_is_shown_too(world: World) -> None:
    a_learner_course(world.amina.pk, OTHER_KEY, site_id=3, hold_reason="no_email", observed_at=world.now)
    shown = take_counts(world.now)

    assert shown.held == {1: {"no_sso_link": 1}, 3: {"no_email": 1}}
    sites = status.take(world.now, shown.days).sites.values()
    assert [(site.site_id, site.name) for site in sites] == [(1, "example.com"), (3, "site 3")]


def test_of_many_unreadable_courses_the_rest_is_counted(
    world: World, everything: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    named: list[str] = []
    monkeypatch.setattr(sites, "course_names", lambda keys: named.extend(keys) or {})
    for number in range(52):
        ObservationFailure.objects.create(
            course_key=f"course-v1:DemoX+BAD+{number}",
            reason="broken",
            failing_since=world.now,
            failed_at=world.now,
            retry_at=world.now,
        )
    page = everything.get(reverse("admin:percipio_openedx_overview")).content.decode()

    assert page.count('<bdi title="course-v1:DemoX+BAD+') == 20
    assert '?of=course">and 32 more</a>' in page
    assert len(named) == status.MOST_NAMED


def test_the_catalogs_own_endpoint_leads_to_its_items(world: World, everything: Client) -> None:
    catalog = Destination.of(1, "org-7", own_credentials=False, is_catalog=True)
    Destination.objects.filter(pk=catalog.pk).update(paused_reason="unauthorized")
    for number, state in enumerate(("waiting", "waiting", "refused")):
        CatalogEntry.objects.create(destination=catalog, content_id=str(number), state=state, due_at=world.now)
    page = everything.get(reverse("admin:percipio_openedx_overview") + "?fresh").content.decode()
    assert f'{reverse("admin:percipio_openedx_catalogentry_changelist")}?site=1">catalog</a>' in page
    assert "often it lacks the permission CONTENT_IMPORT" in page
    assert '/catalogentry/?state=refused&amp;site=1">Show them</a>' in page
    row = page[page.index(">catalog</a>") :].partition("</tr>")[0]
    assert "<td>2</td>" in row and "<td>1</td>" in row
