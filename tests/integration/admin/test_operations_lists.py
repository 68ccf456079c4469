"""Alerts, backfills and erasures: what the overview says of them, their lists, and ticking an erasure off."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.sites.models import Site
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation

from percipio_openedx import edx_platform
from percipio_openedx.exceptions import PlatformUnavailable
from percipio_openedx.models import (
    Alert,
    BackfillRun,
    CourseOverride,
    Destination,
    ErasureRequest,
    Notice,
    ObservationFailure,
    Statement,
    UnknownLearner,
)
from percipio_openedx.models.learner_course import EVERY_COURSE
from percipio_openedx.operations import alerts
from percipio_openedx.operations.scope import Scope
from tests.integration.admin.world import HOSTILE, World
from tests.integration.builders import KEY

OVERVIEW = "admin:percipio_openedx_overview"
ERASURES = "admin:percipio_openedx_erasurerequest_changelist"


def reported(client: Client) -> list[tuple[str, str]]:
    """Where and what the overview says is wrong."""
    response = client.get(reverse(OVERVIEW) + "?fresh")
    assert response.status_code == 200
    return [(one["problem"].where, one["problem"].sentence) for one in response.context["problems"]]


def an_erasure(**fields: Any) -> ErasureRequest:
    values = {"site_id": 1, "registrations": "a\nb", "statements": 2, "erased_at": timezone.now(), **fields}
    return ErasureRequest.objects.create(**values)


@pytest.fixture
def quiet(world: World) -> World:
    """Nothing that anybody has to be told."""
    Statement.objects.update(state="delivered")
    Destination.objects.update(last_error="")
    alerts.check(at_once=True)
    assert not Alert.objects.filter(is_on=True).exists()
    return world


def test_without_a_problem_the_overview_says_so(quiet: World, everything: Client) -> None:
    page = everything.get(reverse(OVERVIEW) + "?fresh").content.decode()

    assert "No problem is known." in page
    assert reported(everything) == []


def test_a_destination_shows_the_plain_answer_that_is_believed(quiet: World, everything: Client) -> None:
    Destination.objects.update(plain_answer="200: OK", plain_answer_trusted_at=quiet.now)
    row = Destination.objects.first()
    assert row is not None
    page = everything.get(reverse("admin:percipio_openedx_destination_change", args=[row.pk])).content.decode()

    assert "Believed since" in page
    assert "200: OK" in page


def test_each_problem_is_a_sentence_with_its_place(quiet: World, everything: Client) -> None:
    Destination.objects.update(paused_reason="unauthorized", organization="org-a")
    parked, waiting = Statement.objects.order_by("pk")[:2]
    Statement.objects.filter(pk=parked.pk).update(state="parked")
    Statement.objects.filter(pk=waiting.pk).update(state="waiting")
    Notice.objects.update(noticed_at=quiet.now - timedelta(days=1))
    alerts.check(at_once=True)
    found = dict(reversed(one) for one in reported(everything))

    where = "example.com, org-a"
    assert found.pop("Percipio refuses 1 statement; it is parked.") == where
    late = [sentence for sentence in found if sentence.startswith("No worker seems to run")]
    assert [found.pop(sentence) for sentence in late] == [""]
    refused = "Nothing is sent, and 1 statement waits. Percipio refuses the credentials. Test the connection"
    ((sentence, place),) = found.items()
    assert (sentence.startswith(refused), place) == (True, where)


def test_a_mail_that_has_not_left_is_said(quiet: World, everything: Client) -> None:
    Notice.objects.update(noticed_at=quiet.now - timedelta(days=1))
    Alert.objects.create(kind="late", subject="notices", is_on=True, is_announced=False, changed_at=quiet.now)

    assert "The mail has not left yet." in everything.get(reverse(OVERVIEW)).content.decode()


def test_the_list_of_alerts(quiet: World, everything: Client) -> None:
    now = timezone.now()
    Alert.objects.create(kind="late", subject="notices", is_on=True, changed_at=now, message=HOSTILE)
    Alert.objects.create(kind="parked", subject="destination:1", is_on=False, changed_at=now)
    url = reverse("admin:percipio_openedx_alert_changelist")

    assert [row.kind for row in everything.get(url, {"state": "open"}).context["cl"].result_list] == ["late"]
    assert [row.kind for row in everything.get(url, {"state": "over"}).context["cl"].result_list] == ["parked"]
    page = everything.get(url).content.decode()
    assert "something waits for too long" in page
    assert HOSTILE not in page


@pytest.mark.parametrize(
    ("scope", "words"),
    [
        (Scope(), "everything"),
        (Scope(site_id=1, org="AcmeX"), "Organization: AcmeX; Site: example.com"),
        (Scope(course_keys=("course-v1:A+B+C", "course-v1:A+B+D")), "Courses: course-v1:A+B+C, course-v1:A+B+D"),
    ],
)
def test_a_backfill_says_what_was_asked_for(quiet: World, everything: Client, scope: Scope, words: str) -> None:
    run = BackfillRun.objects.create(scope_key=scope.key, scope=scope.text, started_at=quiet.now, observed=7)
    page = everything.get(reverse("admin:percipio_openedx_backfillrun_changelist")).content.decode()

    assert f'<td class="field-asked_for">{words}</td>' in page
    assert "stopped" in page
    BackfillRun.objects.filter(pk=run.pk).update(finished_at=timezone.now(), failed_courses=1)
    page = everything.get(reverse("admin:percipio_openedx_backfillrun_change", args=[run.pk])).content.decode()
    assert "finished, with courses left out" in page


def test_an_erasure_shows_its_registrations(quiet: World, everything: Client) -> None:
    row = an_erasure(registrations="11111111-aaaa\n22222222-bbbb", api="track")
    page = everything.get(reverse("admin:percipio_openedx_erasurerequest_change", args=[row.pk])).content.decode()

    assert "11111111-aaaa\n22222222-bbbb" in page
    assert "Some may have gone by the Track API" in page


def test_ticking_off_is_written_down_and_done_once(quiet: World, operator: Callable[..., Client]) -> None:
    earlier = timezone.now() - timedelta(days=3)
    fresh, done, other = an_erasure(), an_erasure(done_at=earlier), an_erasure()
    client = operator("view_erasurerequest", "tick_off_erasurerequest")
    chosen = {"action": "tick_off", "_selected_action": [fresh.pk, done.pk]}
    page = client.post(reverse(ERASURES), chosen, follow=True).content.decode()

    assert "1 erasure request is ticked off." in page
    for row in (fresh, done, other):
        row.refresh_from_db()
    assert (fresh.done_at is not None, done.done_at, other.done_at) == (True, earlier, None)
    entry = LogEntry.objects.get()
    assert (entry.object_id, entry.change_message) == (str(fresh.pk), "Ticked off by an operator.")
    listed = {state: client.get(reverse(ERASURES), {"state": state}).context["cl"] for state in ("open", "done")}
    assert [row.pk for row in listed["open"].result_list] == [other.pk]
    assert {row.pk for row in listed["done"].result_list} == {fresh.pk, done.pk}


def test_ticking_off_takes_its_own_permission(quiet: World, viewer: Client) -> None:
    row = an_erasure()
    viewer.post(reverse(ERASURES), {"action": "tick_off", "_selected_action": [row.pk]})
    row.refresh_from_db()

    assert row.done_at is None
    assert "tick_off" not in viewer.get(reverse(ERASURES)).content.decode()


def test_a_german_operator_reads_german(quiet: World, everything: Client) -> None:
    Notice.objects.update(noticed_at=quiet.now - timedelta(days=1))
    with translation.override("de"):
        (one,) = reported(everything)

    assert one[1].startswith("Es scheint kein Worker zu laufen, oder er kommt nicht nach: Der älteste Hinweis wartet")


def test_an_alert_names_the_site_that_it_is_about(quiet: World, everything: Client) -> None:
    row = Destination.objects.create(site_id=1, organization="org-of-the-alert")
    for subject in (f"destination:{row.pk}", "destination:999999", "site:1", "notices"):
        Alert.objects.create(kind="parked", subject=subject, changed_at=timezone.now())
    site = Site.objects.get(pk=1).domain

    page = everything.get(reverse("admin:percipio_openedx_alert_changelist")).content.decode()
    shown = set(re.findall(r'<td class="field-about">([^<]*)</td>', page))
    assert shown == {f"{site}, org-of-the-alert", "destination:999999", site, "notices"}


NAMED = ("statement", "learnercourse", "notice", "observationfailure", "courseoverride")


def test_lists_call_courses_sites_and_accounts_by_their_names(quiet: World, everything: Client) -> None:
    Destination.objects.update(account="birch", organization="org-a")
    UnknownLearner.objects.create(
        destination=quiet.destination, user_id=1, actor_key="a", since=quiet.now, last_refused_at=quiet.now
    )
    at = {"failing_since": quiet.now, "failed_at": quiet.now, "retry_at": quiet.now}
    ObservationFailure.objects.create(course_key=KEY, reason="broken", **at)
    ObservationFailure.objects.create(course_key=EVERY_COURSE, user_id=1, reason="broken", **at)
    Notice.objects.create(user_id=1, course_key=KEY, reason="grade", noticed_at=quiet.now)
    CourseOverride.objects.create(course_key=KEY)
    CourseOverride.objects.create(course_key="course:DemoX+CS101")
    shown = {
        name: everything.get(reverse(f"admin:percipio_openedx_{name}_changelist")).content.decode()
        for name in (*NAMED, "deliveryattempt", "unknownlearner")
    }

    assert [name for name in NAMED if "Cloud &lt;script&gt;" not in shown[name]] == []
    assert all(f'title="{KEY}"' in shown[name] for name in NAMED if name != "courseoverride")
    for name in ("statement", "deliveryattempt", "unknownlearner"):
        assert "example.com, account birch, org-a" in shown[name], name
    assert "every course" in shown["observationfailure"]
    row = everything.get(reverse("admin:percipio_openedx_destination_change", args=[quiet.destination.pk]))
    assert row.context["subtitle"] == "example.com, account birch, org-a"
    assert "site=1" not in row.content.decode()


def test_where_the_lms_cannot_name_courses_their_keys_are_shown(
    quiet: World, everything: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise PlatformUnavailable("CourseOverview")

    monkeypatch.setattr(edx_platform, "course_runs", fails)
    page = everything.get(reverse("admin:percipio_openedx_statement_changelist")).content.decode()

    assert f'<bdi title="{KEY}">{KEY}</bdi>' in page
