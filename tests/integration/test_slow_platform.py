"""A platform that takes its time over each learner's progress holds no worker for long, and nobody is left out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from completion.models import BlockCompletion
from django.utils import timezone
from lms.djangoapps.grades.models import PersistentCourseGrade
from opaque_keys.edx.keys import CourseKey

from percipio_openedx.models import LearnerCourse, Notice, Statement
from percipio_openedx.reporting import course_progress, due, report_due
from tests.integration.builders import KEY, a_course, a_learner, block, enrolled, one_by_one, progress_asked

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("reporting", "completing", "no_calls"),
]

LEARNERS = 6
UNITS = 4
COURSE = CourseKey.from_string(KEY)
# Seconds that the platform needs for one learner.
EACH = 10.0


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Of whom the platform was asked; each answer moves the clock on, which starts at 0."""
    learners = progress_asked(monkeypatch)
    clock = SimpleNamespace(monotonic=lambda: len(learners) * EACH)
    monkeypatch.setattr(course_progress, "time", clock)
    monkeypatch.setattr(due, "time", clock)
    with one_by_one():
        yield learners


@pytest.fixture
def learners() -> list[Any]:
    """Who have all finished the first of four units."""
    course = a_course(units=UNITS)
    found = [a_learner(f"learner{number}") for number in range(LEARNERS)]
    for learner in found:
        enrolled(learner, course)
        BlockCompletion.objects.submit_completion(user=learner, block_key=block(course, 0), completion=1.0)
    return found


def reported(kind: str) -> int:
    return Statement.objects.filter(kind=kind).count()


@pytest.mark.parametrize(
    ("deadline", "in_time"), [(5.0, 1), (25.0, 3), (30.0, 3), (1000.0, LEARNERS), (None, LEARNERS)]
)
def test_a_look_ends_with_the_answer_that_it_waits_for(
    asked: list[int], learners: list[Any], deadline: float | None, in_time: int
) -> None:
    counts = report_due(deadline)

    # Of the others nothing is decided: their notices stay, and nobody's lease.
    assert (len(asked), reported("started"), reported("progressed"), counts.observed) == (in_time,) * 4
    assert LearnerCourse.objects.exclude(observed_at=None).count() == in_time
    left = set(Notice.objects.values_list("user_id", flat=True))
    assert left == {learner.pk for learner in learners if learner.pk not in asked}
    assert not LearnerCourse.objects.exclude(lease=None).exists()
    assert (counts.next_at is None) is (in_time == LEARNERS)
    assert counts.next_at is None or counts.next_at <= timezone.now()


def test_the_rest_is_asked_by_the_next_runs_each_once(asked: list[int], learners: list[Any]) -> None:
    runs = 0
    while report_due(len(asked) * EACH + 15.0).next_at is not None:
        runs += 1
        assert runs <= LEARNERS

    assert sorted(asked) == sorted(learner.pk for learner in learners)
    assert (reported("started"), reported("progressed")) == (LEARNERS, LEARNERS)
    assert not Notice.objects.exists()


def test_a_completion_has_the_time_that_it_would_have_on_a_quick_platform(
    asked: list[int], learners: list[Any], reporting: Any
) -> None:
    """Where the earliest of several ways counts, the one that the platform was not asked for may be the earliest."""
    reporting.PERCIPIO_COMPLETED_ON = "any"
    finished = timezone.now() - timedelta(hours=3)
    for learner in learners:
        for number in range(UNITS):
            BlockCompletion.objects.submit_completion(user=learner, block_key=block(COURSE, number), completion=1.0)
        PersistentCourseGrade.objects.create(
            user_id=learner.pk,
            course_id=COURSE,
            percent_grade=0.9,
            letter_grade="Pass",
            passed_timestamp=timezone.now(),
        )
    BlockCompletion.objects.update(created=finished, modified=finished)

    while report_due(len(asked) * EACH + 15.0).next_at is not None:
        assert len(asked) <= LEARNERS

    times = Statement.objects.filter(kind="completed").values_list("happened_at", flat=True)
    assert list(times) == [finished.replace(microsecond=finished.microsecond // 1000 * 1000)] * LEARNERS
