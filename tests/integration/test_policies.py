"""What a site chooses, from the LMS to the rows: of whom, which milestones, who fails, and the same course again."""

from __future__ import annotations

import html
import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from common.djangoapps.student.models import CourseEnrollment
from completion.models import BlockCompletion
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from lms.djangoapps.grades.models import PersistentCourseGrade
from openedx.core.djangoapps.content.course_overviews.models import CourseOverview

from percipio_openedx import config
from percipio_openedx.enums import HoldReason, Kind, UnreportedReason
from percipio_openedx.models import CourseOverride, LearnerCourse, Notice, PercipioConfiguration, Statement
from percipio_openedx.models.learner_course import Reason
from percipio_openedx.models.statement import State
from percipio_openedx.operations.run import run_pass
from percipio_openedx.reporting import rebuild, report_due
from percipio_openedx.reporting.preview import preview
from tests.integration.builders import KEY, a_course, a_learner, a_site, block, enrolled, progress_asked

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("reporting", "completing", "no_calls"),
]

MARCH = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
NEXT = "course-v1:DemoX+CS101+2027"
EVERY = ["started", "progressed", "passed", "failed", "completed"]


def complete(learner: Any, course: Any, *numbers: int) -> None:
    for number in numbers:
        BlockCompletion.objects.submit_completion(user=learner, block_key=block(course, number), completion=1.0)


def notice(learner: Any, course: Any) -> None:
    noticed_at = timezone.now() - timedelta(minutes=5)
    Notice.objects.create(user_id=learner.pk, course_key=str(course), reason=Reason.GRADE, noticed_at=noticed_at)


def grade(learner: Any, course: Any, fraction: float) -> None:
    """A stored grade, as the platform's regrading leaves it."""
    row, _ = PersistentCourseGrade.objects.get_or_create(
        user_id=learner.pk, course_id=course, defaults={"percent_grade": 0.0}
    )
    row.percent_grade, row.letter_grade = fraction, "Pass" if fraction >= 0.5 else ""
    if row.letter_grade and row.passed_timestamp is None:
        row.passed_timestamp = timezone.now()
    row.save()
    notice(learner, course)


def told(**filters: Any) -> list[str]:
    return list(Statement.objects.filter(**filters).order_by("id").values_list("kind", flat=True))


def bodies(**filters: Any) -> list[Any]:
    return [json.loads(bytes(row.body)) for row in Statement.objects.filter(**filters).order_by("id")]


def on(day: float) -> Any:
    return time_machine.travel(MARCH + day * DAY, tick=False)


def looked_at(day: float) -> None:
    with on(day):
        report_due()


# --- of whom ----------------------------------------------------------------------------------------------------------


def test_nothing_is_reported_until_somebody_says_of_whom(settings: Any) -> None:
    settings.PERCIPIO_LEARNERS = ""
    learner, course = a_learner(), a_course()
    enrolled(learner, course)
    run_pass()
    assert Notice.objects.count() == 1
    assert not Statement.objects.exists()

    settings.PERCIPIO_LEARNERS = "all"
    run_pass()
    assert told() == ["started"]


@pytest.mark.parametrize(
    "name", ["percipio_openedx_overview", "percipio_openedx_test_connection", "percipio_doctor", "check"]
)
def test_wherever_an_operator_looks_it_is_said_what_to_choose(settings: Any, name: str) -> None:
    settings.PERCIPIO_LEARNERS = ""
    out = StringIO()
    if name == "check":
        call_command("check", "--tag", "percipio", stderr=out)
    elif name == "percipio_doctor":
        with pytest.raises(SystemExit):
            call_command(name, stdout=out)
    else:
        client = Client()
        client.force_login(get_user_model().objects.create_superuser("root", "root@example.com", "edx"))
        arguments = [1] if name.endswith("connection") else []
        out.write(client.get(reverse(f"admin:{name}", args=arguments)).content.decode())

    said = html.unescape(out.getvalue())
    assert "PERCIPIO_LEARNERS" in said
    assert "all (every learner), sso:<provider> or sso:<key>=<value>" in said


def test_a_mode_that_is_left_out_is_held_until_it_changes(settings: Any) -> None:
    settings.PERCIPIO_MODES = ["verified", "professional"]
    learner, course = a_learner(), a_course()
    enrolled(learner, course, mode="audit")
    grade(learner, course, 0.9)
    report_due()
    assert told() == []
    assert LearnerCourse.objects.get().hold_reason == HoldReason.MODE_LEFT_OUT
    assert preview(learner.pk, KEY).hold == HoldReason.MODE_LEFT_OUT
    assert not Notice.objects.exists()

    CourseEnrollment.objects.get(user=learner, course_id=course).update_enrollment(mode="verified")
    assert set(Notice.objects.values_list("reason", flat=True)) == {Reason.MODE}
    report_due()
    assert told() == ["started", "passed", "completed"]
    assert LearnerCourse.objects.get().hold_reason == ""


def test_what_waits_of_a_mode_does_not_leave_once_it_is_left_out(settings: Any) -> None:
    learner = a_learner()
    enrolled(learner, a_course(), mode="audit")
    report_due()
    settings.PERCIPIO_MODES = "verified"
    rebuild.rebuild_due()

    assert told(state=State.OUTDATED) == ["started"]
    settings.PERCIPIO_MODES = []
    rebuild.try_now(None, timezone.now())
    rebuild.rebuild_due()
    assert told(state=State.WAITING) == ["started"]


def test_a_sites_own_modes_and_milestones(settings: Any) -> None:
    settings.PERCIPIO_MODES = ["verified"]
    site = a_site("campus.demo.local", "DemoX")
    row = PercipioConfiguration.objects.create(
        site=site,
        enabled=True,
        partner_name="campus",
        client_id="campus-client",
        client_secret="campus-secret",
        modes="all",
        milestones="completed, failed",
        retakes="everything",
    )
    found = config.for_site(site.pk)
    assert found is not None
    assert (found.modes, found.policy.milestones) == ((), {Kind.COMPLETED, Kind.FAILED})
    assert found.policy.retakes == row.retakes

    learner, course = a_learner(), a_course()
    enrolled(learner, course)
    grade(learner, course, 0.9)
    report_due()
    assert told() == ["completed"]


# --- which milestones -------------------------------------------------------------------------------------------------


def test_what_is_not_chosen_is_not_made_and_the_dear_share_not_asked_for(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.PERCIPIO_MILESTONES = ["completed"]
    asked = progress_asked(monkeypatch)
    learner, course = a_learner(), a_course(units=2)
    enrolled(learner, course)
    complete(learner, course, 0)
    report_due()
    assert told() == []
    assert asked == []
    why = {one.kind: one.why for one in preview(learner.pk, KEY).unreported}
    assert why[Kind.STARTED] is why[Kind.FAILED] is UnreportedReason.NOT_CHOSEN

    settings.PERCIPIO_MILESTONES = ["progressed", "completed"]
    notice(learner, course)
    report_due()
    settings.PERCIPIO_MILESTONES = ["started", "progressed", "passed", "completed"]
    grade(learner, course, 0.9)
    report_due()
    assert told() == ["progressed", "passed", "completed"]


def test_a_course_without_grades_is_completed_by_default() -> None:
    learner, course = a_learner(), a_course(units=2, graded=False)
    enrolled(learner, course)
    complete(learner, course, 0, 1)
    report_due()

    assert told() == ["started", "completed"]
    assert bodies(kind="completed")[0]["result"] == {"completion": True}


# --- who fails --------------------------------------------------------------------------------------------------------


@pytest.fixture
def failing(reporting: Any) -> Any:
    """Somebody enrolled in March in a course that ends in forty days, at a site that reports failures."""
    reporting.PERCIPIO_MILESTONES = EVERY
    with on(0):
        course, learner = a_course(units=4, end=MARCH + 40 * DAY), a_learner()
        enrolled(learner, course)
        complete(learner, course, 0)
        grade(learner, course, 0.25)
    return learner


def test_who_does_not_pass_fails_when_the_run_ends(failing: Any) -> None:
    looked_at(1)
    assert told() == ["started", "progressed"]
    assert LearnerCourse.objects.get().observe_again_at == MARCH + 2 * DAY
    with on(1):
        why = {one.kind: one.why for one in preview(failing.pk, KEY).unreported}
    assert why[Kind.FAILED] is UnreportedReason.RUN_NOT_ENDED

    for day in (2.1, 20, 39.5):
        looked_at(day)
    assert LearnerCourse.objects.get().observe_again_at == MARCH + 40 * DAY
    looked_at(40.1)

    assert told() == ["started", "progressed", "failed"]
    (failed,) = bodies(kind="failed")
    assert failed["verb"]["id"] == "http://adlnet.gov/expapi/verbs/failed"
    assert failed["timestamp"] == "2026-04-10T12:00:00.000Z"
    assert failed["result"] == {"success": False, "score": {"min": 0, "max": 100, "raw": 25, "scaled": 0.25}}
    row = LearnerCourse.objects.get()
    assert (row.reported_failed, row.observe_again_at) == (True, None)
    looked_at(60)
    assert told() == ["started", "progressed", "failed"]


def test_a_run_that_is_ended_early_is_noticed_within_a_day(failing: Any) -> None:
    looked_at(1)
    CourseOverview.objects.update(end=MARCH + DAY)
    looked_at(2.1)

    assert [one["timestamp"] for one in bodies(kind="failed")] == ["2026-03-02T12:00:00.000Z"]


def test_a_regrade_after_the_failure(failing: Any, settings: Any) -> None:
    settings.PERCIPIO_UNDONE = "retract"
    looked_at(41)
    with on(50):
        grade(failing, PersistentCourseGrade.objects.get().course_id, 0.75)
    looked_at(50.1)
    with on(55):
        grade(failing, PersistentCourseGrade.objects.get().course_id, 0.3)
    looked_at(55.1)

    assert list(Statement.objects.order_by("id").values_list("kind", "value"))[2:] == [
        ("failed", ""),
        ("retracted", "failed"),
        ("passed", ""),
        ("completed", ""),
        ("retracted", "completed"),
        ("retracted", "passed"),
        ("failed", "round-1"),
    ]
    times = [row.happened_at for row in Statement.objects.order_by("id")[2:]]
    assert times == sorted(times)
    assert Statement.objects.filter(kind="failed", voided_by__isnull=False).count() == 1


def test_an_end_that_is_moved_takes_the_failure_back(failing: Any, settings: Any) -> None:
    settings.PERCIPIO_UNDONE = "retract"
    looked_at(41)
    CourseOverview.objects.update(end=MARCH + 80 * DAY)
    with on(42):
        call_command("percipio_backfill")
    assert told()[2:] == ["failed", "retracted"]
    looked_at(81)
    assert told()[2:] == ["failed", "retracted", "failed"]


def test_a_back_fill_looks_at_whom_the_end_will_fail(failing: Any, settings: Any) -> None:
    settings.PERCIPIO_MILESTONES = "started, progressed, passed, completed"
    looked_at(1)
    assert LearnerCourse.objects.get().observe_again_at is None
    settings.PERCIPIO_MILESTONES = EVERY
    with on(2):
        call_command("percipio_backfill")

    assert LearnerCourse.objects.get().observe_again_at == MARCH + 3 * DAY


# --- the same course again --------------------------------------------------------------------------------------------


def a_way_through(learner: Any, key: str, day: int, **fields: Any) -> None:
    """A run of two units: enrolled, half done, then passed ten days later."""
    with on(day):
        course = a_course(key, units=2, **fields)
        enrolled(learner, course)
        complete(learner, course, 0)
    looked_at(day)
    with on(day + 10):
        grade(learner, course, 0.9)
    looked_at(day + 10)


@pytest.mark.parametrize("api", ["statements", "track"])
@pytest.mark.parametrize(
    ("retakes", "expected"),
    [
        ("completions", ["completed"]),
        ("everything", ["started", "progressed", "passed", "completed"]),
        ("first_only", []),
    ],
)
def test_a_run_after_a_completed_one(settings: Any, api: str, retakes: str, expected: list[str]) -> None:
    settings.PERCIPIO_API, settings.PERCIPIO_RETAKES = api, retakes
    learner = a_learner()
    a_way_through(learner, KEY, 0)
    assert told() == ["started", "progressed", "passed", "completed"]
    assert LearnerCourse.objects.get().content_id == "course:DemoX+CS101"
    a_way_through(learner, NEXT, 365)

    assert told(course_key=NEXT) == expected
    if "completed" in expected:
        first, again = Statement.objects.filter(kind="completed").order_by("id")
        assert json.loads(bytes(again.track or b"")) == {
            **json.loads(bytes(first.track or b"")),
            "event_date": "2027-03-11T12:00:00Z",
        }
    why = {one.kind: one.why for one in preview(learner.pk, NEXT).unreported}
    assert (why.get(Kind.STARTED) is UnreportedReason.RETAKE) is (retakes != "everything")
    before = told()
    with on(400):
        call_command("percipio_backfill")
    assert told() == before


@pytest.mark.parametrize(
    ("content_id", "override", "expected"),
    [
        ("course_run", None, 4),
        ("course_run", "yearly-safety", 1),
        ("course", None, 1),
    ],
)
def test_what_is_the_same_content_is_the_sites_rule_and_the_operators(
    settings: Any, content_id: str, override: str | None, expected: int
) -> None:
    settings.PERCIPIO_CONTENT_ID = content_id
    if override:
        CourseOverride.objects.create(course_key="course:DemoX+CS101", content_id=override)
    learner = a_learner()
    a_way_through(learner, KEY, 0)
    a_way_through(learner, NEXT, 365)

    assert len(told(course_key=NEXT)) == expected


def test_an_id_in_other_letters_is_another_content(settings: Any) -> None:
    settings.PERCIPIO_CONTENT_ID = "course_run"
    CourseOverride.objects.create(course_key=KEY, content_id="yearly-safety")
    CourseOverride.objects.create(course_key=NEXT, content_id="Yearly-Safety")
    learner = a_learner()
    a_way_through(learner, KEY, 0)
    a_way_through(learner, NEXT, 365)

    assert len(told(course_key=NEXT)) == 4


def test_an_older_completion_never_takes_the_record_back() -> None:
    """A back-fill of the run before: its completion is older than the one that is reported."""
    learner = a_learner()
    a_way_through(learner, NEXT, 365)
    a_way_through(learner, KEY, 0)

    assert told(course_key=KEY) == []
    why = {one.kind: one.why for one in preview(learner.pk, KEY).unreported}
    assert why[Kind.COMPLETED] is UnreportedReason.OLDER_COMPLETION


def test_after_a_retraction_everything_is_reported_again(settings: Any) -> None:
    settings.PERCIPIO_UNDONE = "retract"
    learner = a_learner()
    a_way_through(learner, KEY, 0)
    with on(20):
        grade(learner, PersistentCourseGrade.objects.get().course_id, 0.2)
    looked_at(20)
    a_way_through(learner, NEXT, 365)

    assert told(course_key=NEXT) == ["started", "progressed", "passed", "completed"]


def test_a_content_id_that_was_corrected_before_it_arrived_counts(settings: Any) -> None:
    """Percipio refused the first id; what was rebuilt under the right one is what it knows."""
    settings.PERCIPIO_CONTENT_ID = "course_run"
    learner = a_learner()
    a_way_through(learner, KEY, 0)
    CourseOverride.objects.create(course_key=KEY, content_id="yearly-safety")
    CourseOverride.objects.create(course_key=NEXT, content_id="yearly-safety")
    rebuild.rebuild_due()
    assert LearnerCourse.objects.get().content_id == "yearly-safety"
    a_way_through(learner, NEXT, 365)

    assert told(course_key=NEXT) == ["completed"]


def test_the_completion_of_another_site_is_none_of_this_one() -> None:
    a_site("campus.demo.local", "CampusX")
    learner = a_learner()
    CourseOverride.objects.create(course_key=KEY, content_id="yearly-safety")
    CourseOverride.objects.create(course_key="course-v1:CampusX+CS101+2027", content_id="yearly-safety")
    a_way_through(learner, KEY, 0)
    a_way_through(learner, "course-v1:CampusX+CS101+2027", 365)

    assert len(told(course_key="course-v1:CampusX+CS101+2027")) == 4
