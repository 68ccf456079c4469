"""The same seed is the same class: who they are, what they do, and what is there afterwards."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from common.djangoapps.student.models import CourseEnrollment
from completion.models import BlockCompletion
from completion.waffle import ENABLE_COMPLETION_TRACKING_SWITCH
from django.contrib.auth.models import User
from django.utils import timezone
from lms.djangoapps.certificates.models import GeneratedCertificate
from lms.djangoapps.grades.models import PersistentCourseGrade
from waffle.testutils import override_switch

from demo.learning import catalog
from demo.learning.simulation import Report, simulate

pytestmark = pytest.mark.django_db

LEARNERS, COURSES, SEED = 8, 4, 7


@pytest.fixture(autouse=True)
def _completion_tracking(lms_worker: object) -> Any:
    with override_switch(ENABLE_COMPLETION_TRACKING_SWITCH.name, True):
        yield


def live() -> Report:
    """One class."""
    return simulate(LEARNERS, COURSES, SEED)


def observed() -> dict[str, list[tuple[Any, ...]]]:
    """All that the LMS knows of the class, but for the times at which rows were saved again."""
    return {
        "accounts": list(User.objects.order_by("id").values_list("id", "username", "email", "is_active")),
        "enrollments": list(
            CourseEnrollment.objects.order_by("id").values_list("user", "course_id", "mode", "is_active", "created")
        ),
        "completions": list(
            BlockCompletion.objects.order_by("id").values_list("user", "block_key", "completion", "created", "modified")
        ),
        "grades": list(
            PersistentCourseGrade.objects.order_by("id").values_list(
                "user_id", "course_id", "percent_grade", "letter_grade", "passed_timestamp"
            )
        ),
        "certificates": list(
            GeneratedCertificate.objects.order_by("id").values_list(
                "user", "course_id", "status", "grade", "verify_uuid"
            )
        ),
    }


def test_the_same_class_again_changes_nothing() -> None:
    live()
    before = observed()
    live()
    assert observed() == before


def test_the_class_takes_its_time() -> None:
    """Minutes for each block, a night, and the pass after the last answer; nothing in the future."""
    live()
    now, minutes = timezone.now(), timedelta(minutes=1)
    enrolled = {(row.user_id, row.course_id): row.created for row in CourseEnrollment.objects.all()}
    passed = {(row.user_id, row.course_id): row.passed_timestamp for row in PersistentCourseGrade.objects.all()}
    moments = defaultdict(list)
    for row in BlockCompletion.objects.filter(user__is_staff=False).order_by("created"):
        assert row.modified == row.created
        moments[row.user_id, row.context_key].append(row.created)
    for place, times in moments.items():
        assert enrolled[place] < times[0] < times[-1] < (passed.get(place) or now) <= now
        pauses = [after - before for before, after in pairwise(times)]
        assert sum(pause > 30 * minutes for pause in pauses) <= 1
        assert all(3 * minutes <= pause <= 11 * minutes for pause in pauses if pause <= 30 * minutes)
    assert max(map(len, moments.values())) > 10
    assert any(passed.values())


def test_the_class_has_every_kind_of_story() -> None:
    report = live()
    happened = {name for name, count in report.acts.items() if count}
    assert happened >= {
        "enrolled",
        "enrolled again",
        "came back",
        "completed a block",
        "passed",
        "did not pass",
        "certified",
        "left",
        "retired",
        "rolled back",
        "staff looked at a block",
    }
    assert {path[1] for path in report.paths} == {plan.key for plan in catalog.plans(COURSES)}


def test_who_never_arrived_and_who_was_retired() -> None:
    live()
    assert not CourseEnrollment.objects.filter(user__username=f"learner-{SEED}-0004").exists()
    assert not User.objects.filter(username=f"learner-{SEED}-0003").exists()
    retired = User.objects.get(username__startswith="retired__user_")
    assert (retired.is_active, retired.profile.name) == (False, "")
    staff = User.objects.get(username=f"staff-{SEED}")
    assert not CourseEnrollment.objects.filter(user=staff).exists()
    assert BlockCompletion.objects.filter(user=staff).count() == 4


def test_a_larger_class_begins_with_the_smaller_one() -> None:
    first = f"learner-{SEED}-0001"
    small = [path for path in simulate(1, COURSES, SEED).paths if path[0] == first]
    large = [path for path in simulate(2, COURSES, SEED).paths if path[0] == first]
    assert small == large != []


def test_more_courses_than_the_catalogue_has_are_made_up() -> None:
    known = len(catalog.CATALOGUE)
    plans = catalog.plans(known + 2)
    assert plans[:known] == catalog.CATALOGUE
    assert [plan.name for plan in plans[known:]] == [f"General Studies {known + 1}", f"General Studies {known + 2}"]
    assert len({plan.key for plan in plans}) == known + 2
