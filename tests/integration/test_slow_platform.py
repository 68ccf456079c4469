"""A platform that takes its time over each learner's progress holds no worker for long, and nobody is left out."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from completion.models import BlockCompletion
from django.utils import timezone

from percipio_openedx import edx_platform
from percipio_openedx.models import LearnerCourse, Notice, Statement
from percipio_openedx.observation import truths
from percipio_openedx.reporting import due, report_due
from tests.integration.builders import a_course, a_learner, block, enrolled

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("reporting", "completing", "no_calls"),
]

LEARNERS = 6
# Seconds that the platform needs for one learner.
EACH = 10.0


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Of whom the platform was asked; each answer moves the clock on, which starts at 0."""
    names: list[str] = []
    share = edx_platform.completed_share

    def slow(course_key: str, user: Any) -> Any:
        names.append(user.username)
        return share(course_key, user)

    clock = SimpleNamespace(monotonic=lambda: len(names) * EACH)
    monkeypatch.setattr(edx_platform, "completed_share", slow)
    monkeypatch.setattr(truths, "time", clock)
    monkeypatch.setattr(due, "time", clock)
    return names


@pytest.fixture
def learners() -> list[Any]:
    """Who have all finished the first of four units."""
    course = a_course()
    found = [a_learner(f"learner{number}") for number in range(LEARNERS)]
    for learner in found:
        enrolled(learner, course)
        BlockCompletion.objects.submit_completion(user=learner, block_key=block(course, 0), completion=1.0)
    return found


def told(kind: str) -> int:
    return Statement.objects.filter(kind=kind).count()


@pytest.mark.parametrize(
    ("deadline", "in_time"), [(5.0, 1), (25.0, 3), (30.0, 3), (1000.0, LEARNERS), (None, LEARNERS)]
)
def test_a_look_ends_with_the_answer_that_it_waits_for(
    asked: list[str], learners: list[Any], deadline: float | None, in_time: int
) -> None:
    reported = report_due(deadline)

    assert (len(asked), told("progressed"), reported.looked) == (in_time, in_time, in_time)
    # The others' notices stay, and nobody's lease.
    left = set(Notice.objects.values_list("user_id", flat=True))
    assert left == {learner.pk for learner in learners if learner.username not in asked}
    assert not LearnerCourse.objects.exclude(lease=None).exists()
    assert (reported.next_at is None) is (in_time == LEARNERS)
    assert reported.next_at is None or reported.next_at <= timezone.now()


def test_the_rest_is_asked_by_the_next_runs_each_once(asked: list[str], learners: list[Any]) -> None:
    runs = 0
    while report_due(len(asked) * EACH + 15.0).next_at is not None:
        runs += 1
        assert runs <= LEARNERS

    assert sorted(asked) == sorted(learner.username for learner in learners)
    assert (told("started"), told("progressed")) == (LEARNERS, LEARNERS)
    assert not Notice.objects.exists()
