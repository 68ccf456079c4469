"""What is remembered of a learner's progress is not used any longer than what it depended on stays the same."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from common.djangoapps.student.models import CourseEnrollment
from common.djangoapps.student.roles import CourseStaffRole
from completion.models import BlockCompletion
from completion_aggregator.models import Aggregator
from django.utils import timezone
from openedx.core.djangoapps.content.block_structure.api import update_course_in_cache
from openedx.core.djangoapps.content.block_structure.models import BlockStructureModel
from openedx.core.djangoapps.course_groups.cohorts import add_cohort, add_user_to_cohort
from openedx.core.djangoapps.course_groups.models import CourseCohortsSettings, CourseUserGroupPartitionGroup
from openedx.features.content_type_gating.models import ContentTypeGatingConfig

from demo.learning.faults import Fault, broken, outline_lags
from demo.learning.models import StoredBlock, StoredCourse
from percipio_openedx import edx_platform
from percipio_openedx.data import Progress
from percipio_openedx.models import LearnerCourse, Notice, Sweep
from percipio_openedx.operations.sweep import sweep_due
from percipio_openedx.reporting import report_due
from percipio_openedx.reporting.facts import CourseBook
from percipio_openedx.reporting.preview import preview
from tests.integration.builders import KEY, a_course, a_learner, enrolled, progress_asked
from tests.integration.operations.conftest import Ran, command
from tests.integration.random_courses import partition
from tests.integration.test_reporting import complete, notice, reported

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("reporting", "completing", "no_calls")]

Again = Callable[[Any, Any], None]


def observe(learner: Any, course: Any) -> None:
    """Somebody hints at the learner, and a worker looks."""
    notice(learner, course)
    report_due()


def backfill(learner: Any, course: Any) -> None:
    """An operator goes through everybody."""
    ran: Ran = command("percipio_backfill", "--restart")
    assert ran.code == 0


def sweep(learner: Any, course: Any) -> None:
    """The workers go through everybody once a day, and ask only where something changed."""
    Sweep.objects.update(started_at=timezone.now() - timedelta(days=2))
    sweep_due()


WAYS: list[Again] = [observe, backfill, sweep]


@pytest.fixture
def course(settings: Any) -> Any:
    settings.PERCIPIO_COMPLETED_ON = "progress"
    settings.PERCIPIO_SWEEP = True
    edx_platform.forget_outlines()
    return a_course(units=4)


@pytest.fixture
def learner(course: Any) -> Any:
    """Who has done three of four units, and of whom that was reported."""
    found = a_learner()
    enrolled(found, course)
    complete(found, course, 0, 1, 2)
    report_due()
    assert reported() == [("started", ""), ("progressed", "75")]
    return found


def last_unit(course: Any) -> Any:
    return StoredBlock.objects.filter(usage_key=course.make_usage_key("vertical", "unit3"))


@pytest.mark.parametrize("again", WAYS)
@pytest.mark.parametrize(
    "change",
    [
        lambda course: last_unit(course).delete(),
        lambda course: last_unit(course).update(staff_only=True),
        lambda course: last_unit(course).update(gated=True),
    ],
    ids=["deleted", "hidden", "gated"],
)
def test_the_last_open_unit_is_gone(
    course: Any, learner: Any, change: Callable[[Any], Any], again: Again, settings: Any
) -> None:
    settings.PERCIPIO_LOCKED_UNITS = "leave_out"
    change(course)
    again(learner, course)
    assert reported()[2:] == [("completed", "")]


@pytest.mark.parametrize("again", WAYS)
def test_the_course_is_gated_from_now_on(course: Any, again: Again, settings: Any) -> None:
    """Nothing in the course or of the learner changes: the last unit is for paid enrollments now, and was not."""
    settings.PERCIPIO_LOCKED_UNITS = "leave_out"
    since = timezone.now() - timedelta(days=100)
    gating = ContentTypeGatingConfig.objects.create(course=course, enabled=False, enabled_as_of=since)
    last_unit(course).update(gated=True)
    learner = a_learner()
    enrolled(learner, course)
    complete(learner, course, 0, 1, 2)
    report_due()
    assert reported() == [("started", ""), ("progressed", "75")]
    gating.enabled = True
    gating.save()
    again(learner, course)
    assert reported()[2:] == [("completed", "")]


@pytest.mark.parametrize("again", WAYS)
@pytest.mark.parametrize("take_back", [lambda rows: rows.delete(), lambda rows: rows.update(completion=0.0)])
def test_a_completion_is_taken_back(course: Any, learner: Any, again: Again, take_back: Callable[[Any], Any]) -> None:
    """Staff deletes a learner's state, which leaves 0.0; or the row is gone, be it not the newest."""
    oldest = BlockCompletion.objects.earliest("modified")
    take_back(BlockCompletion.objects.filter(pk=oldest.pk))
    again(learner, course)
    assert (LearnerCourse.objects.get().percent_seen, reported()[2:]) == (50, [])
    complete(learner, course, 0, 3)
    report_due()
    assert reported()[2:] == [("completed", "")]


def test_a_unit_is_added(course: Any, learner: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that holds nothing to be completed is complete."""
    asked = progress_asked(monkeypatch)
    unit = last_unit(course).get()
    StoredBlock.objects.create(
        course=unit.course,
        parent=unit.parent,
        usage_key=course.make_usage_key("vertical", "unit4"),
        block_type="vertical",
        position=9,
    )
    observe(learner, course)
    observe(learner, course)
    assert reported()[2:] == [("progressed", "80")]
    assert asked == [learner.pk]


def test_the_outline_follows_a_publication_late(course: Any, learner: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look in between is answered from the outline before, and that is not remembered as of the new one."""
    with outline_lags():
        last_unit(course).delete()
        observe(learner, course)
        assert reported()[2:] == []
    update_course_in_cache(course)
    observe(learner, course)
    assert reported()[2:] == [("completed", "")]


def test_it_changes_while_the_platform_is_asked(course: Any, learner: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    progress = edx_platform.learner_progress

    def meanwhile(course_key: str, user: Any) -> Any:
        found = progress(course_key, user)
        last_unit(course).delete()
        return found

    with monkeypatch.context() as once:
        once.setattr(edx_platform, "learner_progress", meanwhile)
        last_unit(course).update(display_name="renamed")
        observe(learner, course)
    assert reported()[2:] == []
    observe(learner, course)
    assert reported()[2:] == [("completed", "")]


@pytest.mark.parametrize("again", WAYS)
def test_another_track(course: Any, again: Again, settings: Any) -> None:
    settings.PERCIPIO_LOCKED_UNITS = "leave_out"
    last_unit(course).update(gated=True)
    learner = a_learner()
    enrolled(learner, course, mode="verified")
    complete(learner, course, 0, 1, 2)
    report_due()
    assert reported() == [("started", ""), ("progressed", "75")]
    CourseEnrollment.objects.get().update_enrollment(mode="audit")
    again(learner, course)
    assert reported()[2:] == [("completed", "")]


@pytest.mark.parametrize("again", WAYS)
def test_another_cohort(course: Any, again: Again) -> None:
    """The last unit is for one cohort only, and the learner is put into another one."""
    StoredCourse.objects.update(user_partitions=[partition(100, "cohort")])
    last_unit(course).update(settings={"group_access": {"100": [1]}})
    CourseCohortsSettings.objects.create(course_id=course, is_cohorted=True)
    first, second = (add_cohort(course, f"cohort {number}") for number in (1, 2))
    CourseUserGroupPartitionGroup.objects.create(course_user_group=first, partition_id=100, group_id=1)
    learner = a_learner()
    add_user_to_cohort(first, learner)
    enrolled(learner, course)
    complete(learner, course, 0, 1, 2)
    report_due()
    assert reported() == [("started", ""), ("progressed", "75")]
    add_user_to_cohort(second, learner)
    again(learner, course)
    assert reported()[2:] == [("completed", "")]


@pytest.mark.parametrize("again", WAYS)
def test_a_new_role(course: Any, again: Again) -> None:
    """The staff sees a unit that is hidden from learners."""
    last_unit(course).update(staff_only=True)
    learner = a_learner()
    enrolled(learner, course)
    complete(learner, course, 0, 1)
    report_due()
    assert reported() == [("started", ""), ("progressed", "66")]
    complete(learner, course, 3)
    CourseStaffRole(course).add_users(learner)
    again(learner, course)
    assert reported()[2:] == [("progressed", "75")]


def test_a_site_that_counts_otherwise_goes_by_what_is_remembered(
    course: Any, learner: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both percents are of one answer of the platform, which serves whichever of them the site goes by."""
    last_unit(course).update(gated=True)
    observe(learner, course)
    row = LearnerCourse.objects.get()
    assert (row.percent_seen, row.percent_unlocked_seen, reported()[2:]) == (75, 100, [])
    asked = progress_asked(monkeypatch)
    settings.PERCIPIO_LOCKED_UNITS = "leave_out"
    observe(learner, course)
    assert (asked, reported()[2:]) == ([], [("completed", "")])


def test_a_learner_who_may_open_nothing_is_asked_for_again(course: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of no units there is no share: a percent that is not known is not remembered, and neither is the other one."""
    learner = a_learner()
    enrolled(learner, course)
    complete(learner, course, 0)
    monkeypatch.setattr(edx_platform, "learner_progress", lambda *_: Progress(complete=0, incomplete=0, locked=4))
    report_due()
    row = LearnerCourse.objects.get()
    assert (row.activity_version, row.percent_seen, row.percent_unlocked_seen) == ("", None, None)


def test_what_nobody_can_compare_is_asked_for_by_a_back_fill(
    course: Any, learner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cohort, say: nothing of what is compared tells of it."""
    observe(learner, course)
    row = BlockStructureModel.objects.values("modified", "data_version")
    before = row.get()
    with outline_lags():
        last_unit(course).delete()
    data = BlockStructureModel.objects.get()
    update_course_in_cache(course)
    BlockStructureModel.objects.update(modified=before["modified"], data_version=data.data_version)
    observe(learner, course)
    assert reported()[2:] == []
    backfill(learner, course)
    assert reported()[2:] == [("completed", "")]


@pytest.mark.parametrize("again", WAYS)
def test_what_could_not_be_said_is_never_remembered(course: Any, again: Again) -> None:
    learner = a_learner()
    enrolled(learner, course)
    complete(learner, course, 0, 1, 2, 3)
    with broken(Fault(KeyError("a block"), "get_course_blocks_completion_summary")):
        report_due()
    assert (LearnerCourse.objects.get().activity_version, reported()) == ("", [("started", "")])
    again(learner, course)
    assert reported() == [("started", ""), ("completed", "")]


def test_a_share_that_is_none_is_never_remembered(course: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    learner = a_learner()
    enrolled(learner, course)
    complete(learner, course, 0, 1, 2, 3)
    with monkeypatch.context() as for_a_while:
        for_a_while.setattr(edx_platform, "learner_progress", lambda *_: None)
        report_due()
    observe(learner, course)
    assert reported() == [("started", ""), ("completed", "")]


@pytest.mark.parametrize("hide", [lambda: BlockStructureModel.objects.all().delete(), None])
def test_without_a_version_it_is_asked_for_each_time(
    course: Any, learner: Any, hide: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing was ever collected, or the platform stumbles over it: no reason to report less, or something old."""
    asked = progress_asked(monkeypatch)
    if hide is None:
        monkeypatch.setattr("percipio_openedx.edx_platform.course_facts.outline_version", lambda _: "")
    for _ in range(3):
        if hide is not None:
            hide()
        observe(learner, course)
    assert len(asked) == 3
    assert reported()[2:] == []


def test_what_is_remembered_serves_while_nothing_changes(
    course: Any, learner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    observe(learner, course)
    asked = progress_asked(monkeypatch)
    for _ in range(3):
        observe(learner, course)
    assert asked == []
    CourseBook().get(KEY)
    assert preview(learner.pk, KEY).observed.percent == 75
    assert asked == []
    complete(learner, course, 3)
    report_due()
    assert asked == [learner.pk]
    assert LearnerCourse.objects.get().observed_at > timezone.now() - timedelta(minutes=1)


def test_a_learner_alone_costs_what_the_platform_is_asked(
    course: Any, learner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who did something since is asked for anyway: what progress depends on is read where it may save that."""
    read: list[Any] = []
    real = edx_platform.course_state
    monkeypatch.setattr(edx_platform, "course_state", lambda *given: read.append(given) or real(*given))
    asked = progress_asked(monkeypatch)
    complete(learner, course, 3)
    report_due()
    assert (len(read), len(asked)) == (0, 1)
    assert reported()[2:] == [("completed", "")]


def test_who_is_observed_again_without_an_act_is_remembered(
    course: Any, learner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = LearnerCourse.objects.get().activity_version
    assert version.endswith("/")
    asked = progress_asked(monkeypatch)
    observe(learner, course)
    assert len(asked) == 1
    assert LearnerCourse.objects.get().activity_version.startswith(version)
    assert not LearnerCourse.objects.get().activity_version.endswith("/")
    observe(learner, course)
    assert len(asked) == 1


@pytest.mark.parametrize("others", [0, 1, 4])
def test_the_sweep_asks_once_for_who_was_observed_alone(
    course: Any, learner: Any, others: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(others):
        another = a_learner(f"learner{number}")
        enrolled(another, course)
        complete(another, course, 0, 1)
        report_due()
    first = LearnerCourse.objects.get(user_id=learner.pk)
    assert first.activity_version.endswith("/")
    sweep(learner, course)
    rows = list(LearnerCourse.objects.order_by("pk"))
    assert not [row.activity_version for row in rows if row.activity_version.endswith("/")]
    assert [row.percent_seen for row in rows] == [75] + [50] * others

    asked = progress_asked(monkeypatch)
    for _ in range(3):
        sweep(learner, course)
    assert asked == []
    assert [row.observed_at for row in LearnerCourse.objects.order_by("pk")] == [row.observed_at for row in rows]
    assert not Notice.objects.exists()


@pytest.mark.parametrize("others", [0, 4])
def test_what_the_aggregator_counted_is_no_progress_of_the_platforms(
    course: Any, learner: Any, others: int, settings: Any
) -> None:
    """Also if the site goes there and back again, and nobody does anything meanwhile."""
    Aggregator.objects.submit_completion(
        user=learner,
        course_key=course,
        block_key=course.make_usage_key("course", "course"),
        aggregation_name="course",
        earned=7.0,
        possible=8.0,
        last_modified=timezone.now(),
    )
    settings.PERCIPIO_PROGRESS_FROM = "aggregator"
    observe(learner, course)
    assert LearnerCourse.objects.get().percent_seen == 87
    settings.PERCIPIO_PROGRESS_FROM = "platform"
    for number in range(others):
        another = a_learner(f"learner{number}")
        enrolled(another, course)
        complete(another, course, 0)
        notice(another, course)
    observe(learner, course)
    assert LearnerCourse.objects.get(user_id=learner.pk).percent_seen == 75
