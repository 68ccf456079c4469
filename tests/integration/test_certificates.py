"""When a certificate counts: since when it is held, whether the course shows it, and who looks again when it does."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import time_machine
from completion.models import BlockCompletion
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from lms.djangoapps.certificates.api import certificates_viewable_for_course
from lms.djangoapps.certificates.generation import generate_course_certificate
from lms.djangoapps.certificates.models import GeneratedCertificate
from openedx.core.djangoapps.content.course_overviews.models import CourseOverview
from xmodule.data import CertificatesDisplayBehaviors

from demo.learning.faults import Fault, broken
from percipio_openedx import edx_platform
from percipio_openedx.data import Certificate
from percipio_openedx.edx_platform import achievements
from percipio_openedx.enums import Kind, UnreportedReason
from percipio_openedx.exceptions import PlatformUnavailable
from percipio_openedx.models import LearnerCourse, Notice, Statement
from percipio_openedx.models.learner_course import Reason
from percipio_openedx.reporting import report_due
from percipio_openedx.reporting.preview import preview
from tests.integration.builders import KEY, a_course, a_learner, block, enrolled

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("reporting", "completing", "no_calls")]

MARCH = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def learner(reporting: Any) -> Any:
    """Somebody enrolled since March in a course that is completed by its certificate."""
    reporting.PERCIPIO_COMPLETED_ON = "certificate"
    with time_machine.travel(MARCH, tick=False):
        course, learner = a_course(units=2), a_learner()
        enrolled(learner, course, mode="verified")
    return learner


def becomes(learner: Any, day: int, *statuses: str) -> None:
    """The certificate on that day of the story, as the platform saves it."""
    with time_machine.travel(MARCH + day * DAY, tick=False):
        for status in statuses:
            generate_course_certificate(
                learner, edx_platform.parsed(KEY), status, "verified", course_grade="0.9", generation_mode="batch"
            )


def observe(learner: Any, day: float) -> datetime | None:
    """A pass on that day, and when the next one is worth making."""
    with time_machine.travel(MARCH + day * DAY, tick=False):
        return report_due().next_at


def noticed(learner: Any, day: float) -> None:
    at = MARCH + day * DAY
    Notice.objects.create(user_id=learner.pk, course_key=KEY, reason=Reason.GRADE, noticed_at=at)


def completions() -> list[str]:
    """The day of each completion that was told."""
    rows = Statement.objects.filter(kind="completed").order_by("id")
    return [json.loads(bytes(row.body))["timestamp"][:10] for row in rows]


@pytest.mark.parametrize(
    ("story", "since"),
    [
        ([(10, "downloadable")], 10),
        # the row is older than the certificate
        ([(10, "unverified"), (40, "downloadable")], 40),
        ([(10, "notpassing"), (20, "unverified"), (40, "downloadable")], 40),
        # renewed for another name: it was held all the time
        ([(10, "downloadable"), (90, "downloadable")], 10),
        # taken back and given again
        ([(10, "downloadable"), (20, "unavailable"), (30, "downloadable"), (50, "downloadable")], 30),
        ([(10, "downloadable"), (20, "unavailable")], None),
    ],
)
def test_a_certificate_counts_from_when_it_was_there_to_be_shown(
    learner: Any, story: list[tuple[int, str]], since: int | None
) -> None:
    for day, status in story:
        becomes(learner, day, status)
    observe(learner, 100)

    assert completions() == ([] if since is None else [f"{MARCH + since * DAY:%Y-%m-%d}"])


def test_a_certificate_without_a_history_counts_from_its_last_change(learner: Any) -> None:
    becomes(learner, 10, "downloadable")
    GeneratedCertificate.history.all().delete()
    GeneratedCertificate.objects.update(modified_date=MARCH + 20 * DAY)
    observe(learner, 100)

    assert completions() == [f"{MARCH + 20 * DAY:%Y-%m-%d}"]


def shows(behavior: str, **changes: Any) -> None:
    CourseOverview.objects.update(certificates_display_behavior=behavior, **changes)


def test_a_certificate_that_the_course_does_not_show_yet_is_told_when_it_does(learner: Any) -> None:
    shows("end_with_date", certificate_available_date=MARCH + 40 * DAY)
    becomes(learner, 10, "downloadable")
    assert observe(learner, 10) == MARCH + 11 * DAY
    assert completions() == []
    with time_machine.travel(MARCH + 10 * DAY, tick=False):
        why = {one.kind: one.why for one in preview(learner.pk, KEY).unreported}
    assert why[Kind.COMPLETED] is UnreportedReason.CERTIFICATE_NOT_SHOWN

    for day in (11.5, 12.5, 39.6):
        observe(learner, day)
    assert completions() == []
    assert observe(learner, 39.7) == MARCH + 40 * DAY
    assert observe(learner, 40.01) is None
    assert completions() == [f"{MARCH + 40 * DAY:%Y-%m-%d}"]
    assert LearnerCourse.objects.get().observe_again_at is None


@pytest.mark.parametrize(
    ("behavior", "changes", "expected"),
    [
        ("end", {"end": MARCH + 40 * DAY}, 40),
        ("end", {"end": MARCH + 5 * DAY}, 10),
        ("end", {"end": None}, None),
        ("end_with_date", {"certificate_available_date": MARCH + 40 * DAY}, 40),
        ("end_with_date", {"certificate_available_date": None}, None),
        ("early_no_info", {"end": MARCH + 200 * DAY}, 10),
        ("end", {"end": MARCH + 200 * DAY, "self_paced": True}, 10),
        ("end", {"end": MARCH + 200 * DAY, "certificates_show_before_end": True}, 10),
    ],
)
def test_a_certificate_counts_from_the_day_from_which_the_course_shows_it(
    learner: Any, behavior: str, changes: dict[str, Any], expected: int | None
) -> None:
    shows(behavior, **changes)
    becomes(learner, 10, "downloadable")
    observe(learner, 100)

    assert completions() == ([] if expected is None else [f"{MARCH + expected * DAY:%Y-%m-%d}"])


def test_a_day_that_is_brought_forward_is_seen_within_a_day(learner: Any) -> None:
    shows("end_with_date", certificate_available_date=MARCH + 40 * DAY)
    becomes(learner, 10, "downloadable")
    observe(learner, 10)
    shows("end_with_date", certificate_available_date=MARCH + 10.5 * DAY)
    observe(learner, 11.1)

    assert completions() == [f"{MARCH + 10.5 * DAY:%Y-%m-%d}"]


def test_a_time_that_a_wrong_clock_left_is_no_wait_for_a_month(learner: Any) -> None:
    shows("end_with_date", certificate_available_date=MARCH + 40 * DAY)
    becomes(learner, 10, "downloadable")
    observe(learner, 10)
    LearnerCourse.objects.update(observe_again_at=MARCH + 50 * DAY)
    shows("early_no_info")
    observe(learner, 11)

    assert completions() == [f"{MARCH + 10 * DAY:%Y-%m-%d}"]


def test_whoever_waits_for_a_day_is_not_written_again_at_every_look(learner: Any) -> None:
    shows("end_with_date", certificate_available_date=MARCH + 40 * DAY)
    becomes(learner, 10, "downloadable")
    observe(learner, 10)
    noticed(learner, 10.1)
    with CaptureQueriesContext(connection) as asked:
        observe(learner, 10.2)

    assert LearnerCourse.objects.get().observe_again_at == MARCH + 11 * DAY
    assert not [one["sql"] for one in asked if "reported_started" in one["sql"] and one["sql"].startswith("UPDATE")]


def test_a_site_that_goes_over_to_certificates_waits_for_those_that_are_there(learner: Any, settings: Any) -> None:
    settings.PERCIPIO_COMPLETED_ON = "passed"
    shows("end_with_date", certificate_available_date=timezone.now() + 40 * DAY)
    becomes(learner, 10, "downloadable")
    report_due()
    assert LearnerCourse.objects.get().observe_again_at is None

    settings.PERCIPIO_COMPLETED_ON = "certificate"
    call_command("percipio_backfill")
    again_at = LearnerCourse.objects.get().observe_again_at
    assert again_at is not None
    assert timedelta() < again_at - timezone.now() <= DAY


def test_a_course_whose_description_is_gone_shows_no_certificate(learner: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(_: Any) -> Any:
        raise CourseOverview.DoesNotExist

    becomes(learner, 10, "downloadable")
    monkeypatch.setattr(CourseOverview, "get_from_id", gone)
    found = edx_platform.certificates(KEY, [learner.pk])[learner.pk]

    assert (found.is_held, found.is_available, found.awarded_at) == (True, False, None)


def test_a_course_that_cannot_be_read_is_not_one_that_shows_no_certificate(learner: Any) -> None:
    becomes(learner, 10, "downloadable")
    with broken(Fault(ValueError("a course"), "CourseOverview.get_from_id")), pytest.raises(PlatformUnavailable):
        edx_platform.certificates(KEY, [learner.pk])


@given(
    behavior=st.sampled_from(["end", "end_with_date", "early_no_info", None]),
    self_paced=st.booleans(),
    early=st.booleans(),
    end=st.none() | st.sampled_from([MARCH, timezone.now() + 9 * DAY]),
    day=st.none() | st.sampled_from([MARCH, timezone.now() + 9 * DAY]),
)
def test_the_day_agrees_with_what_the_platform_says_of_now(
    behavior: str | None, self_paced: bool, early: bool, end: Any, day: Any
) -> None:
    """A certificate that is shown has no day ahead; one that is not has one, or none that is known."""
    overview = SimpleNamespace(
        id=KEY,
        certificates_display_behavior=behavior,
        certificates_show_before_end=early,
        self_paced=self_paced,
        end=end,
        certificate_available_date=day,
        has_ended=lambda: end is not None and end < timezone.now(),
    )
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(CourseOverview, "get_from_id", lambda _: overview)
        is_shown, shown_from = achievements._shown(edx_platform.parsed(KEY))

    assert is_shown is certificates_viewable_for_course(overview)
    assert shown_from is None or (shown_from < timezone.now()) is is_shown
    held = Certificate(MARCH, is_held=True, is_available=is_shown, available_at=shown_from)
    assert (held.awarded_at is not None) is is_shown


def test_an_overview_that_the_platform_has_just_built_says_the_day_too(
    learner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its behavior is a member of the platform's enumeration (``CourseDetails.validate_certificate_settings``)."""
    becomes(learner, 10, "downloadable")
    overview = CourseOverview.objects.get()
    overview.certificates_display_behavior = CertificatesDisplayBehaviors.END_WITH_DATE
    overview.certificate_available_date = MARCH + 40 * DAY
    monkeypatch.setattr(CourseOverview, "get_from_id", lambda _: overview)
    found = edx_platform.certificates(KEY, [learner.pk])[learner.pk]

    assert found.awarded_at == found.available_at == MARCH + 40 * DAY


def test_what_an_instructor_reset_is_nothing_that_the_learner_did(settings: Any) -> None:
    settings.PERCIPIO_STARTED_ON = "first_activity"
    course, learner = a_course(units=4), a_learner()
    enrolled(learner, course)
    BlockCompletion.objects.submit_completion(user=learner, block_key=block(course, 0), completion=0.0)
    report_due()
    assert Statement.objects.count() == 0

    with time_machine.travel(MARCH + 400 * DAY, tick=False):
        BlockCompletion.objects.submit_completion(user=learner, block_key=block(course, 1), completion=1.0)
    with time_machine.travel(MARCH + 401 * DAY, tick=False):
        BlockCompletion.objects.submit_completion(user=learner, block_key=block(course, 2), completion=1.0)
    done = edx_platform.activities(KEY, [learner.pk])[learner.pk]
    with time_machine.travel(MARCH + 402 * DAY, tick=False):
        BlockCompletion.objects.submit_completion(user=learner, block_key=block(course, 2), completion=0.0)
    reset = edx_platform.activities(KEY, [learner.pk])[learner.pk]

    first = MARCH + 400 * DAY
    assert (done.first, done.last) == (first, MARCH + 401 * DAY)
    assert (reset.first, reset.last) == (first, first)
    assert reset.version != done.version
    assert edx_platform.activity_times(KEY, [learner.pk]) == {learner.pk: [first, first]}


def test_a_certificate_is_news_of_the_day_from_which_it_is_shown(learner: Any) -> None:
    """A back-fill of some days takes up whose certificate is older, and was shown in them."""
    shows("end_with_date", certificate_available_date=MARCH + 40 * DAY)
    becomes(learner, 10, "downloadable")
    Notice.objects.all().delete()
    for since, until, reported in (("2026-04-20", "2026-05-01", 0), ("2026-04-05", "2026-04-20", 2)):
        call_command("percipio_backfill", "--since", since, "--until", until)
        report_due()
        assert Statement.objects.count() == reported
