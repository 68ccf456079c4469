"""A site may have its progress from the completion aggregator, whose own rows, made by its own code, are read here."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from completion.models import BlockCompletion
from completion_aggregator.models import Aggregator
from django.db import OperationalError
from django.utils import timezone

from percipio_openedx import config, edx_platform
from percipio_openedx.data import Progress
from percipio_openedx.exceptions import PercipioConfigurationError
from percipio_openedx.models import LearnerCourse, Notice, ObservationFailure, Sweep
from percipio_openedx.models.learner_course import Part
from percipio_openedx.operations import doctor
from percipio_openedx.operations.sweep import sweep_due
from percipio_openedx.reporting import report_due
from percipio_openedx.reporting.preview import preview
from tests.integration.builders import KEY, a_course, a_learner, enrolled, progress_asked
from tests.integration.test_reporting import complete, notice, reported

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("reporting", "completing", "no_calls")]


@pytest.fixture
def course(settings: Any) -> Any:
    settings.PERCIPIO_COMPLETED_ON = "progress"
    settings.PERCIPIO_PROGRESS_FROM = "aggregator"
    settings.PERCIPIO_SWEEP = True
    return a_course(units=4)


@pytest.fixture
def learner(course: Any) -> Any:
    found = a_learner()
    enrolled(found, course)
    return found


def aggregate(user: Any, course: Any, earned: float, possible: float = 4.0) -> None:
    """What the aggregator's command writes, of the learner's completions until now."""
    newest = BlockCompletion.objects.filter(user=user).latest("modified").modified
    Aggregator.objects.submit_completion(
        user=user,
        course_key=course,
        block_key=course.make_usage_key("course", "course"),
        aggregation_name="course",
        earned=earned,
        possible=possible,
        last_modified=newest,
    )


def observe(learner: Any, course: Any) -> None:
    notice(learner, course)
    report_due()


def test_what_it_counted(learner: Any, course: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks, and nobody asks the platform."""
    asked = progress_asked(monkeypatch)
    monkeypatch.setattr(edx_platform, "course_progress", lambda *_: pytest.fail("counted at once"))
    complete(learner, course, 0)
    aggregate(learner, course, 6.0, 8.0)
    report_due()
    assert reported() == [("started", ""), ("progressed", "75")]
    assert preview(learner.pk, KEY).observed.percent == 75
    aggregate(learner, course, 8.0, 8.0)
    observe(learner, course)
    assert reported()[2:] == [("completed", "")]
    assert asked == []


@pytest.mark.parametrize("change", [(3.0, 3.0), (3.0, 4.0), (4.0, 8.0)])
def test_nothing_of_it_is_reused(learner: Any, course: Any, change: tuple[float, float]) -> None:
    """A unit is deleted or added, and the aggregator counts anew: its row's ``last_modified`` stays as it was."""
    complete(learner, course, 0, 1)
    aggregate(learner, course, 2.0)
    report_due()
    before = LearnerCourse.objects.get()
    aggregate(learner, course, *change)
    assert preview(learner.pk, KEY).observed.percent == 100 * change[0] // change[1]
    Sweep.objects.update(started_at=timezone.now() - timedelta(days=2))
    sweep_due()
    expected = {(3.0, 3.0): [("completed", "")], (3.0, 4.0): [("progressed", "75")], (4.0, 8.0): []}
    assert reported()[2:] == expected[change]
    is_reread = LearnerCourse.objects.get().activity_version != before.activity_version
    assert is_reread is bool(expected[change])


@pytest.mark.parametrize(("earned", "possible", "percent"), [(3.9, 4.0, 75), (0.5, 1.0, 0), (0.0, 0.0, None)])
def test_a_part_of_a_block_completes_nothing(
    learner: Any, course: Any, earned: float, possible: float, percent: int | None
) -> None:
    """And where there is nothing to complete there is no progress, though the aggregator calls that 100 percent."""
    complete(learner, course, 0)
    aggregate(learner, course, earned, possible)
    report_due()
    assert preview(learner.pk, KEY).observed.percent == percent
    assert ("completed", "") not in reported()


def test_whom_it_has_not_counted_is_unknown_and_not_at_zero(learner: Any, course: Any) -> None:
    complete(learner, course, 0, 1, 2, 3)
    report_due()
    row = LearnerCourse.objects.get()
    assert (row.percent_seen, row.activity_version) == (None, "")
    assert preview(learner.pk, KEY).observed.percent is None


@pytest.mark.parametrize("has_row", [True, False])
def test_what_it_counts_later_is_reported_without_another_act(learner: Any, course: Any, has_row: bool) -> None:
    """It counts each hour, say: so its row is read again, for a day after the last completion."""
    if has_row:
        complete(learner, course, 0, 1)
        aggregate(learner, course, 2.0)
    complete(learner, course, 2, 3)
    report_due()
    before = [("started", ""), *([("progressed", "50")] if has_row else [])]
    assert reported() == before
    now = timezone.now()
    with time_machine.travel(now + timedelta(minutes=62), tick=False):
        report_due()
        assert (reported(), Notice.objects.count()) == (before, 0)
        aggregate(learner, course, 4.0)
    with time_machine.travel(now + timedelta(minutes=130), tick=False):
        report_due()
        assert reported() == [*before, ("completed", "")]
        assert LearnerCourse.objects.get().observe_again_at is None


def test_one_that_never_counts_is_not_asked_for_ever(learner: Any, course: Any) -> None:
    complete(learner, course, 0)
    report_due()
    assert LearnerCourse.objects.get().observe_again_at is not None
    with time_machine.travel(timezone.now() + timedelta(hours=25), tick=False):
        report_due()
        assert LearnerCourse.objects.get().observe_again_at is None


def test_one_query_for_all_learners(course: Any, django_assert_num_queries: Any) -> None:
    learners = [a_learner(f"learner{number}") for number in range(5)]
    for number, learner in enumerate(learners[:4]):
        enrolled(learner, course)
        complete(learner, course, 0)
        aggregate(learner, course, float(number))
    with django_assert_num_queries(1):
        found = edx_platform.aggregated(KEY, [learner.pk for learner in learners])
    expected = {one.pk: Progress(complete=number, incomplete=4 - number) for number, one in enumerate(learners[:4])}
    assert {user_id: one.progress for user_id, one in found.items()} == expected


def test_what_is_finished_while_it_is_read_is_left_to_the_next_observation(
    learner: Any, course: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    complete(learner, course, 0, 1, 2)
    aggregate(learner, course, 3.0)
    read = edx_platform.aggregated

    def meanwhile(course_key: str, user_ids: Any) -> Any:
        complete(learner, course, 3)
        aggregate(learner, course, 4.0)
        return read(course_key, user_ids)

    with monkeypatch.context() as once:
        once.setattr(edx_platform, "aggregated", meanwhile)
        report_due()
    assert reported() == [("started", "")]
    report_due()
    assert reported()[1:] == [("completed", "")]


@pytest.mark.parametrize("error", [KeyError("x"), OperationalError(1205, "Lock wait timeout exceeded")])
def test_where_it_cannot_be_read(learner: Any, course: Any, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """All else is reported, and it is tried again; another's lock is nobody's fault."""

    def broken(*_: Any, **__: Any) -> Any:
        raise error

    complete(learner, course, 0, 1)
    aggregate(learner, course, 2.0)
    with monkeypatch.context() as for_a_while:
        for_a_while.setattr(Aggregator.objects, "filter", broken)
        report_due()
    is_lock = isinstance(error, OperationalError)
    assert reported() == ([] if is_lock else [("started", "")])
    assert {one.part for one in ObservationFailure.objects.all()} == (set() if is_lock else {Part.PROGRESS})
    report_due()
    assert reported() == [("started", ""), ("progressed", "50")]
    assert not ObservationFailure.objects.exists()


def test_back_to_the_platform_nothing_of_it_is_left(learner: Any, course: Any, settings: Any) -> None:
    complete(learner, course, 0, 1)
    aggregate(learner, course, 1.0)
    report_due()
    assert reported() == [("started", ""), ("progressed", "25")]
    settings.PERCIPIO_PROGRESS_FROM = "platform"
    ago = timezone.now() - timedelta(hours=3)
    BlockCompletion.objects.update(created=ago, modified=ago)
    Sweep.objects.update(started_at=timezone.now() - timedelta(days=2))
    sweep_due()
    assert reported()[2:] == [("progressed", "50")]


def test_an_lms_without_it(settings: Any, course: Any) -> None:
    settings.INSTALLED_APPS = [app for app in settings.INSTALLED_APPS if "completion_aggregator" not in app]
    with pytest.raises(PercipioConfigurationError, match="PERCIPIO_PROGRESS_FROM: is aggregator, but the LMS"):
        config.for_site(1)


def test_the_doctor_says_where_the_progress_comes_from(settings: Any, course: Any) -> None:
    def seen() -> list[str]:
        return [one.seen for one in doctor.examine() if one.name == "course progress"]

    assert seen() == ["from completion_aggregator"]
    settings.PERCIPIO_PROGRESS_FROM = "platform"
    assert seen() == ["from calculate_progress_for_learner_in_course"]
