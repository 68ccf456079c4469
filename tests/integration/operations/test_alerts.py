"""Operators are told once, and once more when it is resolved."""

from __future__ import annotations

import logging
import smtplib
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import connection
from django.test import Client
from django.utils import timezone
from django.utils.translation import trans_real

from percipio_openedx.models import (
    Alert,
    CatalogEntry,
    Destination,
    Notice,
    ObservationFailure,
    PercipioConfiguration,
    Statement,
)
from percipio_openedx.models.catalog import EntryState
from percipio_openedx.models.statement import State
from percipio_openedx.operations import alerts, problems
from percipio_openedx.operations.run import run_once
from percipio_sandbox import Sandbox
from tests.integration.builders import KEY, a_course, a_learner, enrolled
from tests.integration.delivery.rows import add, destination_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("reporting", "no_calls")]

LONG_AGO = timedelta(days=2)


@pytest.fixture(autouse=True)
def _somebody(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two are told, and no mail waits for the one before but where a test is about that."""
    settings.PERCIPIO_ALERT_EMAILS = ["first@example.com", "second@example.com"]
    monkeypatch.setattr(alerts, "GATHER", timedelta())
    alerts.forget()


def subjects() -> list[str]:
    return [sent.subject for sent in mail.outbox]


def on() -> set[tuple[str, str]]:
    return {(row.kind, row.subject) for row in Alert.objects.filter(is_on=True)}


def pause(row: Destination, reason: str = "unauthorized") -> None:
    Destination.objects.filter(pk=row.pk).update(paused_reason=reason, last_error="401: wrong secret")


def test_a_pause_is_told_once_and_its_end_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "percipio_openedx.operations.alerts")
    row = destination_of("org-a")
    pause(row)
    for _ in range(3):
        alerts.check(at_once=True)
    assert on() == {("paused", f"destination:{row.pk}")}
    assert subjects() == ["[Percipio] 1 problem"]
    assert mail.outbox[0].to == ["first@example.com", "second@example.com"]
    body = mail.outbox[0].body
    assert "PROBLEM – nothing is sent\nexample.com, org-a: Nothing is sent." in body
    assert "Percipio refuses the credentials." in body
    assert "(401: wrong secret)" in body

    pause(row, "")
    for _ in range(3):
        alerts.check(at_once=True)
    assert on() == set()
    assert subjects() == ["[Percipio] 1 problem", "[Percipio] resolved"]
    assert [record.getMessage() for record in caplog.records] == [
        f"alert kind=paused subject=destination:{row.pk} on=True",
        f"alert kind=paused subject=destination:{row.pk} on=False",
    ]

    pause(row)
    alerts.check(at_once=True)
    assert len(mail.outbox) == 3


def test_courses_that_percipio_refuses_are_told() -> None:
    catalog = Destination.of(1, "org-7", own_credentials=False, is_catalog=True)
    for number, state in enumerate((EntryState.REFUSED, EntryState.REFUSED, EntryState.WITHDRAWN)):
        CatalogEntry.objects.create(destination=catalog, content_id=str(number), state=state, due_at=timezone.now())
    alerts.check(at_once=True)
    assert on() == {("items_refused", f"destination:{catalog.pk}")}
    body = mail.outbox[0].body
    assert "example.com, org-7, catalog: Percipio refuses 2 courses of the catalog." in body
    assert "/admin/percipio_openedx/catalogentry/?state=refused&site=1" in body

    CatalogEntry.objects.update(state=EntryState.DELIVERED)
    alerts.check(at_once=True)
    assert (on(), subjects()[-1]) == (set(), "[Percipio] resolved")


def test_a_catalog_that_cannot_be_sent_is_told_as_such() -> None:
    catalog = Destination.of(1, "org-7", own_credentials=False, is_catalog=True)
    Destination.objects.filter(pk=catalog.pk).update(failures=3, failing_since=timezone.now() - LONG_AGO)
    alerts.check(at_once=True)
    assert on() == {("failing", f"destination:{catalog.pk}")}
    assert "the catalog cannot be sent" in mail.outbox[0].body

    pause(catalog)
    alerts.check(at_once=True)
    assert "org-7, catalog: The catalog is not sent. Percipio refuses the service account" in mail.outbox[-1].body
    assert "CONTENT_IMPORT" in mail.outbox[-1].body


def test_a_mail_is_in_the_lms_s_language_and_the_log_in_english(
    settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.LANGUAGE_CODE = "de"
    row = destination_of("org-a")
    pause(row)
    alerts.check(at_once=True)

    assert subjects() == ["[Percipio] 1 Problem"]
    assert "example.com, org-a: Nichts wird gesendet." in mail.outbox[0].body
    assert [record.getMessage() for record in caplog.records] == [
        f"alert kind=paused subject=destination:{row.pk} on=True"
    ]


def test_refused_credentials_are_told_with_the_end_of_the_pass(arriving: Sandbox) -> None:
    add(1)
    Statement.objects.update(stored_at=timezone.now())
    arriving.set_scenario("token-refused:3")
    run_once()
    assert subjects() == ["[Percipio] 1 problem"]
    assert "canary-secret" not in mail.outbox[0].body
    for _ in range(8):
        Destination.objects.update(retry_at=None)
        run_once()
    assert Statement.objects.get().state == State.DELIVERED
    assert subjects() == ["[Percipio] 1 problem", "[Percipio] resolved"]


def test_one_mail_tells_of_many_destinations(arriving: Sandbox, settings: Any) -> None:
    """The secret was withdrawn: every destination pauses, and what can be told together is."""
    for number in range(12):
        add(number, destination=destination_of(f"org-{number}"))
    arriving.set_scenario("token-refused:1000")
    run_once()

    assert len(mail.outbox) == 1
    assert [f", org-{number}:" in mail.outbox[0].body for number in range(12)] == [True] * 12


def test_after_a_mail_the_next_one_gathers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Destinations that pause one after the other are no mail each; the first one is told at once."""
    monkeypatch.setattr(alerts, "GATHER", timedelta(minutes=5))
    for number in range(8):
        pause(destination_of(f"org-{number}"))
        later = alerts.check(at_once=True)
    assert subjects() == ["[Percipio] 1 problem"]
    assert later is not None
    assert timedelta(minutes=4) < later - timezone.now() <= timedelta(minutes=5)
    assert run_once() == later

    Alert.objects.filter(announced_at__isnull=False).update(announced_at=timezone.now() - timedelta(minutes=6))
    assert alerts.check(at_once=True) is None
    assert subjects() == ["[Percipio] 1 problem", "[Percipio] 7 problems"]


def test_parked_statements() -> None:
    row = add(1)
    Statement.objects.update(state=State.PARKED)
    alerts.check(at_once=True)
    other = add(2)
    Statement.objects.filter(pk=other.pk).update(state=State.PARKED)
    alerts.check(at_once=True)
    assert on() == {("parked", f"destination:{row.destination_id}")}
    assert len(mail.outbox) == 1
    Statement.objects.update(state=State.DELIVERED)
    alerts.check(at_once=True)
    assert on() == set()
    assert len(mail.outbox) == 2


@pytest.mark.parametrize(
    ("waited", "threshold", "is_late"),
    [(timedelta(minutes=30), 3600, False), (timedelta(minutes=90), 3600, True), (timedelta(minutes=2), 60, True)],
)
def test_the_oldest_waiting_statement(settings: Any, waited: timedelta, threshold: int, is_late: bool) -> None:
    settings.PERCIPIO_ALERT_AFTER = threshold
    row = add(1)
    Statement.objects.update(stored_at=timezone.now() - waited, due_at=timezone.now() - waited)
    alerts.check(at_once=True)
    assert on() == ({("late", f"destination:{row.destination_id}")} if is_late else set())


def test_what_was_delivered_long_ago_is_not_late() -> None:
    add(1)
    Statement.objects.update(stored_at=timezone.now() - LONG_AGO, state=State.DELIVERED)
    alerts.check(at_once=True)
    assert on() == set()


def test_a_site_that_reports_no_more_is_no_problem() -> None:
    row = add(1)
    Statement.objects.update(stored_at=timezone.now() - LONG_AGO)
    pause(row.destination, "not_configured")
    PercipioConfiguration.objects.create(site_id=1, enabled=False)
    alerts.check(at_once=True)
    assert on() == set()
    assert mail.outbox == []


def test_notices_that_nobody_takes_up() -> None:
    Notice.objects.create(user_id=1, course_key=KEY, reason="grade", noticed_at=timezone.now() - LONG_AGO)
    alerts.check(at_once=True)
    assert on() == {("late", "notices")}
    Notice.objects.all().delete()
    alerts.check(at_once=True)
    assert on() == set()


def test_a_course_that_cannot_be_read_is_called_by_its_name() -> None:
    """And by its key alone where the LMS does not know its name."""
    enrolled(a_learner(), a_course())
    now = timezone.now()
    for key in (KEY, "course-v1:DemoX+GONE+1"):
        ObservationFailure.objects.create(
            course_key=key, reason="broken", failures=2, failing_since=now, failed_at=now, retry_at=now
        )
    alerts.check(at_once=True)
    assert f"the LMS cannot read Cloud Foundations ({KEY}) (broken)." in body()
    assert "the LMS cannot read course-v1:DemoX+GONE+1 (broken)." in body()


def test_several_things_are_one_mail() -> None:
    row = add(1)
    pause(row.destination)
    Statement.objects.update(state=State.PARKED)
    alerts.check(at_once=True)
    assert subjects() == ["[Percipio] 2 problems"]


class Broken(EmailBackend):
    """A mail server that does not answer."""

    error: Exception | None = OSError()

    def send_messages(self, messages: Any) -> int:
        if self.error is not None:
            raise self.error
        return 0


@pytest.mark.parametrize("error", [OSError(), TimeoutError(), smtplib.SMTPServerDisconnected(), None])
def test_a_mail_that_cannot_be_sent_is_sent_later(monkeypatch: pytest.MonkeyPatch, error: Exception | None) -> None:
    pause(destination_of())
    with monkeypatch.context() as patch:
        patch.setattr(Broken, "error", error)
        patch.setattr(alerts, "get_connection", lambda **_: Broken())
        alerts.check(at_once=True)
        assert [row.is_announced for row in Alert.objects.filter(is_on=True)] == [False]
    alerts.check(at_once=True)
    assert subjects() == ["[Percipio] 1 problem"]


def test_what_came_and_went_before_anybody_was_told(monkeypatch: pytest.MonkeyPatch) -> None:
    row = destination_of()
    pause(row)
    with monkeypatch.context() as patch:
        patch.setattr(alerts, "get_connection", lambda **_: Broken())
        alerts.check(at_once=True)
    pause(row, "")
    alerts.check(at_once=True)
    assert mail.outbox == []


@pytest.mark.parametrize("addresses", [[], "operator@example.com"])
def test_without_addresses_the_row_and_the_log_say_it(settings: Any, addresses: Any) -> None:
    settings.PERCIPIO_ALERT_EMAILS = addresses
    pause(destination_of())
    alerts.check(at_once=True)
    assert len(on()) == 1
    assert mail.outbox == []


def test_two_workers_tell_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alerts, "GATHER", timedelta(minutes=5))
    pause(destination_of())
    found = alerts.errors(timezone.now())
    alerts.note(found)
    send, others = alerts._mail, []

    def sending(*given: Any) -> bool:
        """Another worker comes while the mail is on its way."""
        others.append(alerts.tell())
        return send(*given)

    monkeypatch.setattr(alerts, "_mail", sending)
    alerts.tell()
    assert len(others) == len(mail.outbox) == 1
    alerts.note(found)
    alerts.tell()
    assert len(mail.outbox) == 1


def test_every_pass_checks_but_not_too_often(monkeypatch: pytest.MonkeyPatch) -> None:
    pause(destination_of())
    asked: list[bool] = []
    errors = alerts.errors
    monkeypatch.setattr(alerts, "errors", lambda *given: asked.append(True) or errors(*given))
    for _ in range(3):
        run_once()
    assert asked == [True]
    assert len(mail.outbox) == 1


def test_queries_do_not_grow_with_the_destinations(django_assert_max_num_queries: Any) -> None:
    for number in range(20):
        add(number, destination=destination_of(f"org-{number}"))
    alerts.check(at_once=True)
    # One more asks MariaDB for the tables' character sets.
    with django_assert_max_num_queries(45 + (connection.vendor == "mysql")):
        alerts.check(at_once=True)


def test_every_pass_leaves_its_figures_for_the_monitoring(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, int] = {}
    monkeypatch.setattr("percipio_openedx.operations.run.set_custom_attribute", seen.__setitem__)
    run_once()
    assert seen == {
        f"percipio_{name}": 0
        for name in ("observed", "statements", "held", "rebuilt", "sent", "parked", "later", "items")
    }


ADMIN = "http://demo.example/admin/percipio_openedx"


@pytest.fixture
def _lms(settings: Any) -> None:
    settings.LMS_ROOT_URL = "http://demo.example/"


def body() -> str:
    return str(mail.outbox[-1].body)


def waiting(number: int, row: Destination) -> None:
    """So many statements of the destination wait, no longer than they may."""
    for one in range(Statement.objects.filter(destination=row).count(), number):
        found = add(one, destination=row)
        now = timezone.now()
        Statement.objects.filter(pk=found.pk).update(stored_at=now, due_at=now)


NOTICED = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


def began_at(at: datetime = NOTICED) -> str:
    """Every problem was noticed at this time."""
    Alert.objects.filter(is_on=True).update(began_at=at, changed_at=at)
    return f"{at:%Y-%m-%d %H:%M} UTC"


@pytest.mark.usefixtures("_lms")
def test_the_whole_mail() -> None:
    """Each with its site, what to do, since when, and the page that shows it; and what is true when it leaves."""
    row = destination_of("org-a")
    waiting(1, row)
    pause(row)
    other = add(1000, destination=destination_of("org-b"))
    Statement.objects.filter(pk=other.pk).update(state=State.PARKED)
    alerts.note(alerts.errors(timezone.now()))
    noticed = began_at()
    waiting(3, row)
    alerts.tell()
    assert body() == (
        "http://demo.example\n"
        "\n"
        "PROBLEM – nothing is sent\n"
        "example.com, org-a: Nothing is sent, and 3 statements wait. Percipio refuses the credentials. Test the "
        "connection and correct the configuration. (401: wrong secret) percipio_doctor --online says more. It is then "
        "tried by itself, or at once: percipio_retry --now\n"
        f"Noticed at {noticed}.\n"
        f"{ADMIN}/destination/{row.pk}/change/\n"
        "\n"
        "PROBLEM – statements are refused\n"
        "example.com, org-b: Percipio refuses 1 statement; it is parked. See why in the admin (statements, parked); "
        "when the cause is removed: percipio_retry --parked\n"
        f"Noticed at {noticed}.\n"
        f"{ADMIN}/statement/?state=parked&site=1\n"
        "\n"
        "percipio_doctor and the overview in the admin say what is wrong now.\n"
        f"{ADMIN}/destination/overview/"
    )


@pytest.mark.usefixtures("_lms")
def test_the_whole_all_clear() -> None:
    """What was solved, since when it was wrong, and for how long."""
    row = destination_of("org-a")
    since = NOTICED - timedelta(hours=3)
    Destination.objects.filter(pk=row.pk).update(failures=3, failing_since=since, last_error="503")
    waiting(2, row)
    alerts.check(at_once=True)
    assert "since 2026-01-31 09:00 UTC: 2 statements wait" in body()
    assert "Noticed at" not in body()
    assert Alert.objects.get().began_at == since
    Destination.objects.update(failures=0, failing_since=None)
    alerts.note(alerts.errors(timezone.now()))
    Alert.objects.update(changed_at=NOTICED)
    alerts.tell()
    assert subjects() == ["[Percipio] 1 problem", "[Percipio] resolved"]
    assert body() == (
        "http://demo.example\n"
        "\n"
        "resolved – Percipio cannot be reached\n"
        "example.com, org-a: Percipio cannot be reached or has problems of its own, since 2026-01-31 09:00 UTC: 2 "
        "statements wait and leave by themselves. (503)\n"
        "From 2026-01-31 09:00 UTC to 2026-01-31 12:00 UTC: 3 hours.\n"
        "\n"
        "percipio_doctor and the overview in the admin say what is wrong now.\n"
        f"{ADMIN}/destination/overview/"
    )


def test_it_is_told_again_when_it_is_ten_times_as_large() -> None:
    row = destination_of("org-a")
    waiting(2, row)
    pause(row)
    for number in (2, 19, 20, 21, 199):
        waiting(number, row)
        alerts.check(at_once=True)
    assert subjects() == ["[Percipio] 1 problem"] * 2
    assert "PROBLEM, ten times as large – nothing is sent\nexample.com, org-a: Nothing is sent, and 20 " in body()
    assert "The last mail said 2; now it is 20." in body()
    assert Alert.objects.get().announced_count == 20
    pause(row, "")
    alerts.check(at_once=True)
    assert subjects()[2:] == ["[Percipio] resolved"]
    # A new problem begins anew.
    pause(row)
    alerts.check(at_once=True)
    assert "ten times" not in body()


def test_from_nothing_ten_are_ten_times_as_many() -> None:
    row = destination_of("org-a")
    pause(row)
    for number in (0, 9, 10):
        waiting(number, row)
        alerts.check(at_once=True)
    assert len(mail.outbox) == 2


def test_what_is_solved_while_its_growth_waits_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    row = destination_of("org-a")
    waiting(1, row)
    pause(row)
    alerts.check(at_once=True)
    waiting(10, row)
    with monkeypatch.context() as patch:
        patch.setattr(alerts, "get_connection", lambda **_: Broken())
        alerts.check(at_once=True)
    pause(row, "")
    alerts.check(at_once=True)
    assert subjects() == ["[Percipio] 1 problem", "[Percipio] resolved"]


def test_what_is_solved_while_the_mail_is_on_its_way_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    row = destination_of("org-a")
    pause(row)
    send = alerts._mail

    def sending(*given: Any) -> bool:
        pause(row, "")
        alerts.note(alerts.errors(timezone.now()))
        return send(*given)

    with monkeypatch.context() as patch:
        patch.setattr(alerts, "_mail", sending)
        alerts.check(at_once=True)
    alerts.check(at_once=True)
    assert subjects() == ["[Percipio] 1 problem", "[Percipio] resolved"]


def test_a_mail_that_fails_keeps_the_time_of_the_last_one(monkeypatch: pytest.MonkeyPatch) -> None:
    row = destination_of("org-a")
    pause(row)
    alerts.check(at_once=True)
    before = Alert.objects.get().announced_at
    assert before is not None
    pause(row, "")
    with monkeypatch.context() as patch:
        patch.setattr(alerts, "get_connection", lambda **_: Broken())
        alerts.check(at_once=True)
    found = Alert.objects.get()
    assert (found.is_announced, found.announced_at, found.mailing_since) == (False, before, None)


def test_what_was_gone_before_the_mail_left_is_not_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was noted while mails gathered."""
    first, second = destination_of("org-a"), destination_of("org-b")
    with monkeypatch.context() as patch:
        patch.setattr(alerts, "GATHER", timedelta(minutes=5))
        pause(first)
        alerts.check(at_once=True)
        pause(second)
        third = destination_of("org-c")
        pause(third)
        alerts.check(at_once=True)
    pause(second, "")
    alerts.tell()
    assert len(mail.outbox) == 2
    assert "org-c" in body()
    assert "org-b" not in body()


@pytest.mark.parametrize(
    ("code", "subject", "page"),
    [
        ("misconfigured", "site:1", "percipioconfiguration/"),
        ("misconfigured", "account:1:acme", "account/"),
        ("unknown_learners", "destination:3", "unknownlearner/"),
        ("late", "destination:3", "statement/?state=waiting&site=7"),
        ("late", "notices", "notice/"),
        ("failing", "destination:3", "destination/3/change/"),
        ("unreadable", "course:abc", "observationfailure/?of=course"),
        ("unobserved", "learners:abc", "observationfailure/?of=learner"),
        ("not_rebuilt", "rebuild:abc", "statement/?state=outdated"),
        ("erasures", "erasures", "erasurerequest/?state=open"),
        ("broken", "sweeping", "destination/overview/"),
        ("of a later version", "x", "destination/overview/"),
    ],
)
def test_the_page_that_shows_a_problem(admin_client: Client, code: str, subject: str, page: str) -> None:
    """Each of them is there and knows its filters."""
    path = problems.page_of(code, subject, 7)
    assert path == f"/admin/percipio_openedx/{page}"
    Destination.objects.create(pk=3, site_id=1)
    answer = admin_client.get(path)
    assert answer.status_code == 200
    assert answer.wsgi_request.get_full_path() == path


def test_without_an_address_of_its_own_or_an_admin_there_is_no_link(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.LMS_ROOT_URL = ""
    pause(destination_of())
    alerts.check(at_once=True)
    assert "/admin/" not in body()
    settings.ROOT_URLCONF = "percipio_openedx.urls"
    assert problems.page_of("paused", "destination:1") == ""


@pytest.mark.usefixtures("_lms")
def test_the_texts_of_a_mail_can_be_translated(settings: Any) -> None:
    """Each text of ours is one message, with its numbers and times as placeholders."""
    texts = {
        "resolved": "erledigt",
        "From %(began)s to %(ended)s: %(duration)s.": "Von %(began)s bis %(ended)s: %(duration)s.",
    }
    settings.LANGUAGE_CODE = "de"
    row = destination_of("org-a")
    pause(row)
    alerts.check(at_once=True)
    pause(row, "")
    alerts.note(alerts.errors(timezone.now()))
    Alert.objects.update(began_at=NOTICED, changed_at=NOTICED + timedelta(hours=2))
    catalog = trans_real.translation("de")._catalog  # type: ignore[attr-defined]
    catalog.update(SimpleNamespace(plural=catalog._plurals[0], _catalog=texts))
    try:
        alerts.tell()
    finally:
        trans_real._translations.pop("de")
    assert "Von 2026-01-31 12:00 UTC bis 2026-01-31 14:00 UTC: 2 Stunden." in body()
