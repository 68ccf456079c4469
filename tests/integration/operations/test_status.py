"""Is it well? Overview, doctor, alerts and metrics give one answer, in every state that an installation can be in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core import mail
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from percipio_openedx.enums import HoldReason
from percipio_openedx.models import (
    Alert,
    DeliveryAttempt,
    Destination,
    ErasureRequest,
    LearnerCourse,
    Notice,
    ObservationFailure,
    PercipioConfiguration,
    Statement,
)
from percipio_openedx.models.statement import State
from percipio_openedx.operations import alerts, installation_checks, metrics, problems, status
from percipio_openedx.reporting import failures
from tests.integration.builders import KEY, a_site
from tests.integration.delivery.rows import add, destination_of
from tests.integration.operations.conftest import command

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("reporting", "completing", "no_calls"),
]

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
SOON = 20 * MINUTE
ERROR, WARNING = "error", "warning"
OVERVIEW = "admin:percipio_openedx_overview"

State_ = Callable[[Any], object]


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """A worker answers, somebody is told, and the cache is a shared one."""
    monkeypatch.setattr(installation_checks, "_workers", lambda: 1)
    monkeypatch.setattr(installation_checks, "OWN", ("dummy",))
    monkeypatch.setattr(alerts, "GATHER", timedelta())
    settings.PERCIPIO_ALERT_EMAILS = ["operator@example.com"]
    alerts.forget()


def ago(span: timedelta) -> datetime:
    return timezone.now() - span


# --- the states ------------------------------------------------------------------------------------------------------


def nothing(_settings: Any) -> None:
    """An installation in which nobody has done anything."""


def noticed(span: timedelta, gathering: int = 30) -> State_:
    def make(settings: Any) -> None:
        settings.PERCIPIO_OBSERVE_AFTER = gathering
        Notice.objects.create(user_id=1, course_key=KEY, reason="enrollment", noticed_at=ago(span))

    return make


def waiting(span: timedelta, *, tried: timedelta | None = None, **destination: Any) -> State_:
    """A statement that could have left so long ago, and a destination as it is given."""

    def make(_settings: Any) -> None:
        row = add(1)
        Statement.objects.filter(pk=row.pk).update(stored_at=ago(span), due_at=ago(span))
        now = timezone.now()
        Destination.objects.update(
            **{name: now + value if isinstance(value, timedelta) else value for name, value in destination.items()}
        )
        if tried is not None:
            DeliveryAttempt.objects.create(
                destination=row.destination,
                api="statements",
                started_at=ago(tried),
                statements=1,
                outcome="accepted",
                duration_ms=1,
            )

    return make


def put_off(settings: Any) -> None:
    """It was stored long ago, and its own next try lies ahead."""
    waiting(2 * HOUR)(settings)
    Statement.objects.update(due_at=ago(-SOON))


def behind_another(settings: Any) -> None:
    """It is due long since, but an earlier one of the same learner and course waits by right."""
    waiting(2 * HOUR)(settings)
    later = add(1, sequence=2)
    Statement.objects.filter(pk=later.pk).update(due_at=ago(HOUR), stored_at=ago(HOUR))
    Statement.objects.filter(sequence=1).update(due_at=ago(-SOON))


def left_by_a_worker(settings: Any) -> None:
    waiting(3 * HOUR)(settings)
    Statement.objects.update(state=State.SENDING, lease=uuid4(), leased_until=ago(2 * HOUR))


def parked(_settings: Any) -> None:
    add(1)
    Statement.objects.update(state=State.PARKED)


def not_rebuilt(tries: int) -> State_:
    """A statement is to be rebuilt, and could not be so often."""

    def make(_settings: Any) -> None:
        add(1)
        Statement.objects.update(
            state=State.OUTDATED, attempts=tries, answer="the reason", due_at=timezone.now() + HOUR
        )

    return make


def held(_settings: Any) -> None:
    fields = {"user_id": 1, "course_key": KEY, "site_id": 1, "registration": uuid4()}
    LearnerCourse.objects.create(hold_reason=HoldReason.NO_EMAIL, **fields)


def unreadable(times: int, part: str = "observation", user_id: int = 0) -> State_:
    """It failed so often; its notices wait with it."""

    def make(settings: Any) -> None:
        noticed(5 * HOUR)(settings)
        if user_id:
            Notice.objects.all().delete()
        ObservationFailure.objects.create(
            course_key=KEY,
            user_id=user_id,
            part=part,
            reason="OSError",
            failures=times,
            failing_since=ago(5 * HOUR),
            failed_at=ago(MINUTE),
            retry_at=ago(-SOON),
        )
        if part == "progress":
            Notice.objects.all().delete()

    return make


def misconfigured(settings: Any) -> None:
    """Notices and statements wait for the configuration, and for no worker."""
    noticed(5 * HOUR)(settings)
    waiting(5 * HOUR, paused_reason="configuration", last_error="PERCIPIO_REGION", retry_at=MINUTE)(settings)
    settings.PERCIPIO_REGION = "mars"


def misconfigured_beside_another(settings: Any) -> None:
    """Another site's notices wait for a worker all the same."""
    misconfigured(settings)
    site = a_site("campus.example", "CampusX")
    campus = {"partner_name": "campus", "client_id": "c", "client_secret": "s", "region": "us", "enabled": True}
    PercipioConfiguration.objects.create(site=site, **campus)
    Notice.objects.create(user_id=1, course_key="course-v1:CampusX+A+B", reason="grade", noticed_at=ago(2 * HOUR))


def unreadable_secret(settings: Any) -> None:
    values = {"partner_name": "acme", "client_id": "c", "client_secret": "s", "region": "us", "enabled": True}
    PercipioConfiguration.objects.create(site_id=1, **values)
    settings.PERCIPIO_ENCRYPTION_KEYS = ["m7Tn1hSXkUsl1UW0WcOVWbSFzIGkzmrJJXZqSzCMvJw="]
    waiting(5 * HOUR)(settings)


def everything_waits(settings: Any) -> None:
    noticed(5 * HOUR)(settings)
    waiting(5 * HOUR, paused_reason="not_configured", failures=3)(settings)
    parked_row = add(2)
    Statement.objects.filter(pk=parked_row.pk).update(state=State.PARKED)


def site_switched_off(settings: Any) -> None:
    everything_waits(settings)
    PercipioConfiguration.objects.create(site_id=1, enabled=False)


def lms_switched_off(settings: Any) -> None:
    everything_waits(settings)
    settings.PERCIPIO_ENABLED = False


def nothing_configured(settings: Any) -> None:
    settings.PERCIPIO_CLIENT_ID = settings.PERCIPIO_PARTNER_NAME = settings.PERCIPIO_CLIENT_SECRET = ""


def switched_on_again(settings: Any) -> None:
    """The destination does not know yet: the next pass, a minute away, takes it back."""
    waiting(2 * HOUR, paused_reason="not_configured", retry_at=MINUTE)(settings)


def orphan(_settings: Any) -> None:
    values = {"partner_name": "acme", "client_id": "c", "client_secret": "s", "region": "us", "enabled": True}
    PercipioConfiguration.objects.create(site=a_site("orphan.example"), **values)


def future(settings: Any) -> None:
    """A clock was a month ahead once: what it put off is due with the next pass."""
    waiting(MINUTE, retry_at=timedelta(days=30))(settings)
    Notice.objects.create(user_id=1, course_key=KEY, reason="grade", noticed_at=ago(timedelta(days=-30)))


def erasure(_settings: Any) -> None:
    ErasureRequest.objects.create(site_id=1, registrations=str(uuid4()), statements=1, erased_at=timezone.now())


def broken_step(_settings: Any) -> None:
    alerts.check(at_once=True, broken={"observing": "ValueError"})


STATES: dict[str, tuple[State_, dict[str, str], str]] = {
    "nothing to do": (nothing, {}, "well"),
    "noticed a moment ago": (noticed(10 * MINUTE), {}, "well"),
    "noticed, and not yet for too long": (noticed(45 * MINUTE), {}, "well"),
    "acts are gathered for two hours": (noticed(90 * MINUTE, gathering=7200), {}, "well"),
    "gathered for two hours, and late": (noticed(190 * MINUTE, gathering=7200), {"late": ERROR}, "error"),
    "no worker looks": (noticed(70 * MINUTE), {"late": ERROR}, "error"),
    "statements on their way": (waiting(10 * MINUTE), {}, "well"),
    "no worker sends": (waiting(2 * HOUR), {"late": ERROR}, "error"),
    "a long queue that is worked off": (waiting(2 * HOUR, tried=MINUTE), {}, "well"),
    "put off": (put_off, {}, "well"),
    "behind another": (behind_another, {}, "well"),
    "left by a worker": (left_by_a_worker, {"late": ERROR}, "error"),
    "failing for a moment": (
        waiting(2 * HOUR, failures=1, failing_since=-MINUTE, retry_at=MINUTE),
        {"failing": WARNING},
        "warning",
    ),
    "Percipio is down for two hours": (
        waiting(2 * HOUR, failures=9, failing_since=-2 * HOUR, retry_at=SOON, last_error="503: no words"),
        {"failing": ERROR},
        "error",
    ),
    "being probed": (
        waiting(2 * HOUR, failures=9, failing_since=-30 * MINUTE, retry_at=-MINUTE, probe_until=MINUTE),
        {"failing": WARNING},
        "warning",
    ),
    "down, and nobody tries": (
        waiting(9 * HOUR, failures=2, failing_since=-9 * HOUR, retry_at=-8 * HOUR),
        {"late": ERROR, "failing": ERROR},
        "error",
    ),
    "paused": (
        waiting(2 * HOUR, failures=3, paused_reason="unauthorized", retry_at=SOON, failing_since=-2 * HOUR),
        {"paused": ERROR},
        "error",
    ),
    "paused, and nobody tries": (
        waiting(9 * HOUR, failures=3, paused_reason="refused", retry_at=-8 * HOUR, failing_since=-9 * HOUR),
        {"late": ERROR, "paused": ERROR},
        "error",
    ),
    "parked": (parked, {"parked": ERROR}, "error"),
    "held learners": (held, {}, "well"),
    "a course that failed once": (unreadable(1), {"unreadable": WARNING}, "warning"),
    "a course that cannot be read": (unreadable(3), {"unreadable": ERROR}, "error"),
    "a course without progress": (unreadable(3, "progress"), {"unreadable": ERROR}, "error"),
    "a learner who cannot be observed": (unreadable(3, user_id=7), {"unobserved": WARNING}, "warning"),
    "a statement to be rebuilt": (not_rebuilt(0), {}, "well"),
    "a statement that cannot be rebuilt": (not_rebuilt(2), {"not_rebuilt": WARNING}, "warning"),
    "misconfigured": (misconfigured, {"misconfigured": ERROR}, "error"),
    "misconfigured beside another site": (
        misconfigured_beside_another,
        {"misconfigured": ERROR, "late": ERROR},
        "error",
    ),
    "a secret that no key decrypts": (unreadable_secret, {"misconfigured": ERROR}, "error"),
    "the site switched off": (site_switched_off, {}, "quiet"),
    "the LMS switched off": (lms_switched_off, {}, "quiet"),
    "nothing configured": (nothing_configured, {"unconfigured": ERROR}, "error"),
    "switched on again": (switched_on_again, {}, "well"),
    "a configuration at a site without courses": (orphan, {"no_courses": ERROR}, "well"),
    "times in the future": (future, {"clock": WARNING}, "warning"),
    "erasures to be asked for": (erasure, {"erasures": WARNING}, "warning"),
    "a step that breaks": (broken_step, {"broken": ERROR}, "error"),
}


# --- the faces -------------------------------------------------------------------------------------------------------


def on_the_overview(client: Client) -> dict[str, str]:
    shown = client.get(reverse(OVERVIEW) + "?fresh").context["problems"]
    return {one["problem"].code.value: one["problem"].severity.value for one in shown}


def by_the_doctor() -> tuple[dict[str, str], int]:
    ran = command("percipio_doctor", "--json")
    severity = {"wrong": ERROR, "doubtful": WARNING}
    found = {one["code"]: severity[one["verdict"]] for one in ran.documents if one["code"]}
    others = [one for one in ran.documents if not one["code"] and one["verdict"] in severity]
    # What is about the stored secret itself is the doctor's alone.
    assert [one["name"] for one in others if "secret" not in one["name"]] == []
    return found, ran.code


def for_a_scraper() -> dict[str, str]:
    figures = {figure.name: figure.values for figure in metrics.gauges()}
    return {kind: severity for kind, severity, _subject in figures["problems"]}


def reported() -> set[str]:
    alerts.check(at_once=True)
    return {row.kind for row in Alert.objects.filter(is_on=True)}


@pytest.mark.thinned(2)
@pytest.mark.parametrize("name", STATES)
def test_four_faces_of_one_answer(name: str, settings: Any, admin_client: Client) -> None:
    make, expected, tone = STATES[name]
    make(settings)

    assert {one.code.value: one.severity.value for one in problems.find(status.take(timezone.now()))} == expected
    assert on_the_overview(admin_client) == expected
    assert for_a_scraper() == expected
    assert reported() == {code for code, severity in expected.items() if severity == ERROR}
    assert len(mail.outbox) == (1 if ERROR in expected.values() else 0)
    assert by_the_doctor() == (expected, 1 if ERROR in expected.values() else 0)
    sites = admin_client.get(reverse(OVERVIEW)).context["sites"]
    (here,) = [site for site in sites if site["status"].site_id == 1]
    assert here["headline"].tone == tone


def test_tables_that_cannot_hold_every_character(monkeypatch: pytest.MonkeyPatch, admin_client: Client) -> None:
    monkeypatch.setattr(status, "incomplete_charsets", lambda: ["percipio_openedx_alert (utf8mb3)"])
    expected = {"characters": WARNING}

    assert on_the_overview(admin_client) == for_a_scraper() == expected
    assert by_the_doctor() == (expected, 0)
    assert reported() == set()


def test_nobody_is_told_to_run_a_worker_while_percipio_is_down(settings: Any, admin_client: Client) -> None:
    STATES["Percipio is down for two hours"][0](settings)
    alerts.check(at_once=True)
    page = admin_client.get(reverse(OVERVIEW)).content.decode()

    for said in (command("percipio_doctor").out, mail.outbox[0].body, page):
        assert "1 statement waits and leaves by itself" in said
        assert "Run percipio_run" not in said


def test_sites_are_named_and_not_numbered(settings: Any) -> None:
    destination_of("org-a")
    STATES["paused"][0](settings)
    settings.PERCIPIO_REGION = "mars"

    assert "configuration of example.com: Nothing is sent: PERCIPIO_REGION is 'mars'" in command("percipio_doctor").out
    alerts.check(at_once=True)
    assert "example.com: Nothing is sent: PERCIPIO_REGION" in mail.outbox[0].body


def test_a_notice_of_a_course_that_fails_is_late_when_its_time_has_come(settings: Any) -> None:
    """Waiting on purpose is over then, and nobody came."""
    STATES["a course that cannot be read"][0](settings)
    ObservationFailure.objects.update(retry_at=ago(MINUTE))

    assert reported() == {"late", "unreadable"}


def test_a_problem_that_is_resolved_is_told_once(settings: Any) -> None:
    STATES["no worker looks"][0](settings)
    assert reported() == {"late"}
    Notice.objects.all().delete()
    assert reported() == reported() == set()
    assert [sent.subject for sent in mail.outbox] == ["[Percipio] 1 problem", "[Percipio] resolved"]
    assert not Alert.objects.get().is_on


def test_queries_do_not_grow(django_assert_max_num_queries: Any) -> None:
    """Neither with destinations nor with sites nor with what is wrong with them."""
    for number in range(20):
        row = add(number, destination=destination_of(f"org-{number}"))
        Statement.objects.filter(pk=row.pk).update(due_at=ago(9 * HOUR))
        site = a_site(f"campus{number}.example", f"Campus{number}")
        values = {"partner_name": "acme", "client_id": "c", "client_secret": "s", "region": "us", "enabled": True}
        PercipioConfiguration.objects.create(site=site, **values)
        Destination.objects.create(site_id=site.pk)
        failures.note_course(f"course-v1:Campus{number}+A+B", "OSError")
    # One more asks MariaDB for the tables' character sets.
    with django_assert_max_num_queries(44 + (connection.vendor == "mysql")):
        found = problems.find(status.take(timezone.now()))
    assert len(found) >= 40
