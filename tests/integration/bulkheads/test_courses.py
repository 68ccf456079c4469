"""A course run that the LMS cannot read waits with its reason; every other one is reported and delivered."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import OperationalError
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from lms.djangoapps.certificates.generation import generate_course_certificate

from demo.learning.faults import Fault, broken
from percipio_openedx.models import (
    Alert,
    BackfillRun,
    CourseOverride,
    LearnerCourse,
    Notice,
    ObservationFailure,
    Statement,
)
from percipio_openedx.models.statement import State
from percipio_openedx.operations import alerts
from percipio_openedx.operations.run import run_once, run_pass
from percipio_openedx.reporting import failures, report_due
from tests.integration.builders import KEY, a_course, a_learner, enrolled
from tests.integration.test_reporting import complete, grade, notice
from tests.poison import CANARY, FEW, errors

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("arriving", "completing", "no_calls")]

Manage = Callable[..., Any]

BAD = "course-v1:AAA+BAD+1"
ERRORS = errors()
# Where the platform is asked about a course as a whole.
READS = ("CourseOverview.get_from_id", "modulestore.get_course", "graded_subsections_for_course_id")
MINUTE = timedelta(minutes=1)


@pytest.fixture
def courses() -> dict[str, Any]:
    """Two courses, one learner each, of whom nothing has been reported yet."""
    alerts.forget()
    found = {"good": a_course(KEY, units=4), "bad": a_course(BAD, units=4)}
    found |= {"here": a_learner("here"), "there": a_learner("there")}
    enrolled(found["there"], found["bad"])
    enrolled(found["here"], found["good"])
    complete(found["here"], found["good"], 0)
    return found


def fault(name: str, function: str = "*", **where: Any) -> Fault:
    return Fault(ERRORS[name], function, **{"course_key": BAD, **where})


def award(learner: Any, course: Any) -> None:
    """A certificate that the course shows."""
    generate_course_certificate(
        learner, course, "downloadable", "verified", course_grade="0.9", generation_mode="batch"
    )


def kinds(course_key: str) -> list[str]:
    """What was made of a course run to be sent, in order."""
    rows = Statement.objects.filter(learner_course__course_key=course_key).order_by("sequence")
    return list(rows.values_list("kind", flat=True))


def delivered() -> dict[str, int]:
    """Statements that arrived, by course run."""
    rows = Statement.objects.filter(state=State.DELIVERED).values_list("learner_course__course_key", flat=True)
    return {key: list(rows).count(key) for key in (KEY, BAD)}


@pytest.mark.parametrize("function", READS)
def test_wherever_it_breaks(courses: dict[str, Any], function: str) -> None:
    with broken(fault(FEW[0], function)):
        run_once()
        run_once()
    assert delivered() == {KEY: 2, BAD: 0}
    failure = ObservationFailure.objects.get()
    assert (failure.course_key, failure.user_id, failure.failures) == (BAD, 0, 2)
    assert failure.reason.endswith("failed with BlockStructureNotFound")
    assert Notice.objects.filter(course_key=BAD).exists()


def test_whether_it_shows_its_certificates(courses: dict[str, Any], settings: Any) -> None:
    """That is asked of a course of which somebody holds one."""
    settings.PERCIPIO_COMPLETED_ON = "certificate"
    for learner, course in (("there", "bad"), ("here", "good")):
        award(courses[learner], courses[course])
    with broken(fault(FEW[0], "certificates_viewable_for_course")):
        run_once()
    assert delivered()[BAD] == 0
    assert kinds(KEY) == ["started", "completed"]
    assert ObservationFailure.objects.get().course_key == BAD
    assert not LearnerCourse.objects.filter(observe_again_at__isnull=False).exists()
    run_once()
    assert kinds(BAD) == ["started", "completed"]
    assert not ObservationFailure.objects.exists()


def test_whatever_it_raises(courses: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    """A course for each family of exceptions, all at once. Nothing that an error quotes is written down anywhere."""
    caplog.set_level(logging.DEBUG)
    bad = {f"course-v1:BBB+BAD+{number}": name for number, name in enumerate(FEW) if name in ERRORS}
    for key in bad:
        enrolled(courses["there"], a_course(key, units=0))
    faults = [Fault(ERRORS[name], READS[number % 3], course_key=key) for number, (key, name) in enumerate(bad.items())]
    with broken(*faults):
        run_once()
    assert delivered() == {KEY: 2, BAD: 1}
    reasons = dict(ObservationFailure.objects.values_list("course_key", "reason"))
    assert set(reasons) == set(bad)
    for key, name in bad.items():
        assert reasons[key].endswith((f"failed with {name.rpartition('.')[2]}", "is not available in this LMS"))
    assert CANARY not in caplog.text
    assert CANARY not in " ".join(reasons.values())

    run_once()
    assert not ObservationFailure.objects.exists()
    assert Statement.objects.filter(state=State.DELIVERED).count() == 3 + len(bad)


def test_it_is_tried_again_at_growing_intervals_and_for_ever(courses: dict[str, Any]) -> None:
    waits, second = [], timedelta(seconds=1)
    with time_machine.travel(timezone.now(), tick=False) as clock, broken(fault(FEW[0])):
        for tries in range(1, 13):
            report_due()
            failure = ObservationFailure.objects.get()
            assert failure.failures == tries
            waits.append((failure.retry_at - timezone.now()) // MINUTE)
            clock.shift(failure.retry_at - timezone.now() - second)
            report_due()
            assert ObservationFailure.objects.get().failures == tries
            clock.shift(2 * second)
    assert waits == [0, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60]


def test_a_pass_says_when_it_is_to_be_tried_again(courses: dict[str, Any]) -> None:
    """Not at once, as for a notice that is due; or the worker would never rest."""
    with broken(fault(FEW[0])):
        run_once()
        run_once()
        quiet = report_due()
    assert not quiet.has_problem
    assert quiet.next_at == ObservationFailure.objects.get().retry_at > timezone.now() + timedelta(seconds=50)


def test_the_next_pass_is_called_whatever_the_courses_do(courses: dict[str, Any]) -> None:
    with broken(Fault(ERRORS[FEW[0]])):
        done = run_pass()
    assert not done.broken
    assert done.next_at is not None
    assert done.next_at <= timezone.now() + MINUTE


def test_its_learners_act_meanwhile_and_nothing_is_lost(courses: dict[str, Any]) -> None:
    with broken(fault(FEW[0])):
        for _ in range(3):
            notice(courses["there"], courses["bad"])
            run_once()
        grade(courses["there"], courses["bad"])
        run_once()
    with time_machine.travel(timezone.now() + timedelta(hours=2)):
        run_once()
    assert delivered()[BAD] == 3
    assert not Notice.objects.exists()


@pytest.mark.parametrize("left_out", [BAD, "course:AAA+BAD"])
def test_left_out_it_is_not_read(courses: dict[str, Any], left_out: str) -> None:
    with broken(fault(FEW[0])):
        run_once()
        CourseOverride.objects.create(course_key=left_out, is_reported=False)
        run_once()
    assert not ObservationFailure.objects.exists()
    assert not Notice.objects.exists()
    assert LearnerCourse.objects.get(course_key=BAD).hold_reason == "course_left_out"


def test_a_site_that_reports_no_more_has_nothing_to_wait_for(courses: dict[str, Any], settings: Any) -> None:
    with broken(fault(FEW[0])):
        run_once()
        settings.PERCIPIO_PARTNER_NAME = settings.PERCIPIO_CLIENT_ID = settings.PERCIPIO_CLIENT_SECRET = ""
        run_once()
    assert not ObservationFailure.objects.exists()
    assert not Notice.objects.exists()


@pytest.mark.parametrize("key", ["nonsense", "course-v1:a+b", "lib:Org+Library", "", "x" * 255, "course-v1:ü+ß+😀"])
def test_a_notice_whose_course_is_none(courses: dict[str, Any], key: str) -> None:
    Notice.objects.create(user_id=99, course_key=key, reason="grade", noticed_at=timezone.now() - 5 * MINUTE)
    for _ in range(3):
        run_once()
    assert delivered() == {KEY: 2, BAD: 1}
    waiting = set(ObservationFailure.objects.values_list("course_key", flat=True))
    held = set(LearnerCourse.objects.filter(user_id=99).values_list("course_key", flat=True))
    assert not key or key in waiting | held


def test_a_pass_without_time_left_forgets_nothing(courses: dict[str, Any], manage: Manage) -> None:
    Notice.objects.all().delete()
    failures.note_course(BAD, "OSError")
    assert report_due(time.monotonic()).next_at is not None
    assert ObservationFailure.objects.get().failures == 1
    report_due()
    assert not ObservationFailure.objects.exists()


# --- who sees it -----------------------------------------------------------------------------------------------------


def test_the_operator_is_told_once_and_once_that_it_is_over(courses: dict[str, Any]) -> None:
    with broken(fault(FEW[0])):
        run_once()
        alerts.check(at_once=True)
        assert not Alert.objects.filter(kind="unreadable").exists()
        for _ in range(3):
            run_once()
            alerts.check(at_once=True)
    (reported,) = Alert.objects.filter(kind="unreadable")
    assert reported.is_on
    assert BAD in reported.message
    assert "BlockStructureNotFound" in reported.message
    with time_machine.travel(timezone.now() + timedelta(hours=2)):
        run_once()
        alerts.check(at_once=True)
    reported.refresh_from_db()
    assert not reported.is_on


def test_waiting_for_it_is_not_taken_for_a_worker_that_does_not_run(courses: dict[str, Any]) -> None:
    with broken(fault(FEW[0])):
        run_once()
        run_once()
    Notice.objects.update(noticed_at=timezone.now() - timedelta(days=2))
    alerts.check(at_once=True)
    assert not Alert.objects.filter(kind="late").exists()


def test_the_doctor_names_it(courses: dict[str, Any], manage: Manage) -> None:
    with broken(fault(FEW[0])):
        run_once()
        run_once()
        ran = manage("percipio_doctor")
    (line,) = [line for line in ran.lines if BAD in line]
    assert line.startswith("WRONG")
    assert "BlockStructureNotFound" in line
    assert ran.code == 1


def test_the_overview_and_the_list_name_it(courses: dict[str, Any], everything: Client) -> None:
    with broken(fault(FEW[0])):
        run_once()
    page = everything.get(reverse("admin:percipio_openedx_overview") + "?fresh").content.decode()
    assert BAD in page
    assert "BlockStructureNotFound" in page
    assert "Its reports wait; all others leave." in page
    listed = everything.get(reverse("admin:percipio_openedx_observationfailure_changelist") + "?of=course")
    assert BAD in listed.content.decode()


def test_many_are_counted(courses: dict[str, Any], everything: Client, manage: Manage) -> None:
    for number in range(30):
        failures.note_course(f"course-v1:AAA+BAD+{number}", "OSError")
    page = everything.get(reverse("admin:percipio_openedx_overview") + "?fresh").content.decode()
    assert "and 10 more" in page
    assert "observations: and 10 more: see the admin" in manage("percipio_doctor").out


# --- commands --------------------------------------------------------------------------------------------------------


def test_a_backfill_gets_past_it(courses: dict[str, Any], manage: Manage) -> None:
    Notice.objects.all().delete()
    with broken(fault(FEW[0])):
        ran = manage("percipio_backfill", "--json")
    assert ran.code == 1
    (document,) = ran.documents
    assert (document["finished"], document["failed_courses"], document["courses"]) == (True, 1, [BAD])
    assert list(Statement.objects.values_list("learner_course__course_key", flat=True)) == [KEY, KEY]
    assert ObservationFailure.objects.get().course_key == BAD
    assert manage("percipio_backfill").code == 0
    assert Statement.objects.filter(learner_course__course_key=BAD).count() == 1
    assert not ObservationFailure.objects.exists()
    assert BackfillRun.objects.count() == 2


def test_a_dry_run_gets_past_it(courses: dict[str, Any], manage: Manage) -> None:
    with broken(fault(FEW[0])):
        ran = manage("percipio_backfill", "--dry-run")
    assert ran.code == 0
    assert "Enrollments at sites that report: 2. Course runs: 2." in ran.out
    assert "1 progressed, 1 started" in ran.out
    assert f"BlockStructureNotFound): Cloud Foundations ({BAD})" in ran.out


def test_a_preview_says_it_in_words(courses: dict[str, Any], manage: Manage) -> None:
    with broken(fault(FEW[0])):
        ran = manage("percipio_preview", "there", BAD)
    assert ran.code == 1
    assert "failed with BlockStructureNotFound" in ran.err


def test_the_commands_that_go_by_all_courses(courses: dict[str, Any], manage: Manage) -> None:
    with broken(Fault(ERRORS[FEW[0]])):
        assert manage("percipio_prune").code == 0
        assert manage("percipio_run").code == 0
        assert manage("percipio_courses", "export").code == 0
        assert "-> " in manage("percipio_doctor").out


@pytest.mark.parametrize("name", ["percipio_backfill", "percipio_prune", "percipio_run", "percipio_doctor"])
def test_a_database_that_is_out_of_order_is_said_in_words(
    courses: dict[str, Any], manage: Manage, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without what it says, which quotes values."""
    for model in (BackfillRun, LearnerCourse, Notice, ObservationFailure, Statement):
        monkeypatch.setattr(type(model.objects.all()), "_fetch_all", _out_of_order)
    ran = manage(name)
    assert ran.code == 1
    assert "OperationalError" in ran.err + ran.out
    assert CANARY not in ran.err + ran.out


def _out_of_order(*_: Any) -> None:
    raise OperationalError(1146, CANARY)


def test_it_is_tried_at_once_when_the_operator_says_so(courses: dict[str, Any], manage: Manage) -> None:
    with broken(fault(FEW[0])):
        run_once()
        run_once()
    run_once()
    assert delivered()[BAD] == 0
    assert manage("percipio_retry", "--now").code == 0
    run_once()
    assert delivered()[BAD] == 1


def test_one_that_only_a_backfill_knew_is_read_again_by_a_worker(courses: dict[str, Any], manage: Manage) -> None:
    """It has no notice that could bring it back, and is not to be called broken for ever."""
    Notice.objects.all().delete()
    with broken(fault(FEW[0])):
        manage("percipio_backfill")
        run_once()
        assert ObservationFailure.objects.get().failures == 2
    with time_machine.travel(timezone.now() + timedelta(hours=2)):
        run_once()
    assert not ObservationFailure.objects.exists()
