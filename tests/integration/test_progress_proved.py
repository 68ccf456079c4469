"""What is counted at once is proved against the platform, and what it depends on is remembered with it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import time_machine
from common.djangoapps.student.models import CourseAccessRole, CourseEnrollment, FBEEnrollmentExclusion
from completion.models import BlockCompletion
from completion.waffle import ENABLE_COMPLETION_TRACKING_SWITCH
from django.contrib.auth import get_user_model
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from edx_toggles.toggles.testutils import override_waffle_switch
from lms.djangoapps.courseware.models import StudentModule
from opaque_keys.edx.keys import CourseKey
from openedx.core.djangoapps.content.block_structure.api import get_block_structure_manager, update_course_in_cache
from openedx.core.djangoapps.content.block_structure.models import BlockStructureModel
from openedx.core.djangoapps.course_groups.cohorts import add_cohort, add_user_to_cohort
from openedx.core.djangoapps.course_groups.models import (
    CohortMembership,
    CourseCohortsSettings,
    CourseUserGroupPartitionGroup,
)
from openedx.core.djangoapps.django_comment_common.models import Role
from openedx.core.djangoapps.user_api.models import UserCourseTag
from openedx.features.content_type_gating.models import ContentTypeGatingConfig

from demo.learning.models import StoredBlock, StoredCourse
from percipio_openedx import edx_platform
from percipio_openedx.data import Progress
from percipio_openedx.edx_platform import at_once, course_facts
from percipio_openedx.models import ProgressDifference
from percipio_openedx.operations import course_checks
from percipio_openedx.reporting import course_progress
from tests.integration.builders import KEY, a_course, a_learner, block, enrolled, progress_asked
from tests.integration.random_courses import partition

pytestmark = pytest.mark.django_db

COHORT, EXPERIMENT, LUCKY = 100, 101, 102
TAG = f"xblock.partition_service.partition_{EXPERIMENT}"
HALF = Progress(complete=2, incomplete=2)


@pytest.fixture(autouse=True)
def _completing() -> Iterator[None]:
    edx_platform.forget_outlines()
    with override_waffle_switch(ENABLE_COMPLETION_TRACKING_SWITCH, True):
        yield


@pytest.fixture
def course() -> CourseKey:
    return a_course(units=4)


@pytest.fixture
def learners(course: CourseKey) -> list[int]:
    """Five who did two of four units."""
    return learners_of(course, 5)


def learners_of(course: CourseKey, count: int, start: int = 0) -> list[int]:
    found = []
    for number in range(start, start + count):
        learner = a_learner(f"learner{number}")
        enrolled(learner, course)
        for unit in (0, 1):
            BlockCompletion.objects.submit_completion(user=learner, block_key=block(course, unit), completion=1.0)
        found.append(learner.pk)
    return found


def closed(course: CourseKey, number: int, *groups: int, kind: str = "problem3") -> None:
    """A block is open to these groups only."""
    key = course.make_usage_key(kind.rstrip("0123456789"), kind)
    StoredBlock.objects.filter(usage_key=key).update(settings={"group_access": {str(number): list(groups)}})


def with_partitions(course: CourseKey) -> None:
    kinds = ((COHORT, "cohort"), (EXPERIMENT, "random"), (LUCKY, "lucky"))
    StoredCourse.objects.filter(course_key=course).update(user_partitions=[partition(*kind) for kind in kinds])
    update_course_in_cache(course)


def asked_of(course: CourseKey, learners: list[int], monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Whom the platform is asked for."""
    with monkeypatch.context() as patch:
        asked = progress_asked(patch)
        course_progress.answers(str(course), learners)
    return asked


def wrong(monkeypatch: pytest.MonkeyPatch, mistake: Callable[[Progress], Progress]) -> None:
    """Seed a mistake into what is counted at once."""
    counted = at_once.counted
    monkeypatch.setattr(at_once, "counted", lambda *args: mistake(counted(*args)))


MISTAKES = [
    lambda one: one._replace(complete=one.complete + 1),
    lambda one: Progress(one.complete, one.incomplete - 1, one.locked + 1),
    lambda one: Progress(one.complete + one.incomplete, 0),
]


def test_one_of_a_new_outline_is_asked_for_and_then_one_in_two_hundred(
    course: CourseKey, learners: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(course_progress.random, "random", lambda: 0.5)
    assert len(asked_of(course, learners, monkeypatch)) == 1
    assert asked_of(course, learners, monkeypatch) == []
    monkeypatch.setattr(course_progress, "SAMPLED", 2)
    assert len(asked_of(course, learners, monkeypatch)) == 3
    assert course_progress.answers(str(course), learners).found == dict.fromkeys(learners, HALF)


@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.parametrize("is_new", [True, False])
def test_a_difference_puts_the_course_back_for_a_day(
    course: CourseKey,
    learners: list[int],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    mistake: Callable[[Progress], Progress],
    is_new: bool,
) -> None:
    if not is_new:
        course_progress.answers(str(course), learners)
        monkeypatch.setattr(course_progress, "SAMPLED", len(learners))
    wrong(monkeypatch, mistake)
    with caplog.at_level(logging.ERROR, logger=course_progress.__name__):
        assert course_progress.answers(str(course), learners).found == dict.fromkeys(learners, HALF)
    row = ProgressDifference.objects.get()
    assert row.course_key == KEY
    assert " instead of " in row.difference
    (line,) = [one.getMessage() for one in caplog.records if one.name == course_progress.__name__]
    assert KEY in line
    assert row.difference in line
    assert not any(str(pk) in line.replace(KEY, "").replace(row.difference, "") for pk in learners)
    assert any(KEY in one.seen and row.difference in one.seen for one in course_checks.progress())
    # Whatever a worker has in its memory.
    edx_platform.forget_outlines()
    assert sorted(asked_of(course, learners, monkeypatch)) == learners
    with time_machine.travel(timezone.now() + timedelta(days=1, minutes=1)):
        monkeypatch.undo()
        assert len(asked_of(course, learners, monkeypatch)) == 1
        assert not any(KEY in one.seen for one in course_checks.progress())


def test_two_tracks_have_two_outlines(course: CourseKey, learners: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """What is graded is locked for those who audit, and for nobody else; even where it is complete."""
    for unit in (1, 3):
        StoredBlock.objects.filter(usage_key=block(course, unit)).update(gated=True)
    verified = learners_of(course, 4, start=10)
    CourseEnrollment.objects.filter(user_id__in=verified).update(mode="verified")
    locked = Progress(complete=1, incomplete=1, locked=2)
    expected = {**dict.fromkeys(learners, locked), **dict.fromkeys(verified, HALF)}
    assert course_progress.answers(KEY, [*learners, *verified]).found == expected
    users = edx_platform.users([*learners, *verified])
    assert {pk: edx_platform.learner_progress(KEY, users[pk]) for pk in users} == expected
    answered = edx_platform.course_progress(KEY, users)
    assert sorted(map(sorted, answered.by_outline.values())) == [learners, verified]
    assert {pk: one for counted in answered.by_outline.values() for pk, one in counted.items()} == expected


def test_a_difference_of_the_moment_is_none(
    course: CourseKey, learners: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody completes a unit between the two."""
    progress, left = edx_platform.learner_progress, iter((2, 3))

    def meanwhile(course_key: str, user: Any) -> Progress | None:
        unit = next(left, None)
        if unit is not None:
            BlockCompletion.objects.submit_completion(user=user, block_key=block(course, unit), completion=1.0)
        return progress(course_key, user)

    with monkeypatch.context() as patch:
        patch.setattr(edx_platform, "learner_progress", meanwhile)
        course_progress.answers(str(course), learners)
    assert not ProgressDifference.objects.exists()


@pytest.fixture
def two_tracks(course: CourseKey, learners: list[int]) -> tuple[list[int], list[int]]:
    """Half of the units are locked for the first, and for nobody of the second."""
    for unit in (1, 3):
        StoredBlock.objects.filter(usage_key=block(course, unit)).update(gated=True)
    verified = learners_of(course, 4, start=10)
    CourseEnrollment.objects.filter(user_id__in=verified).update(mode="verified")
    return learners, verified


def upgraded(learner: Any) -> None:
    CourseEnrollment.objects.filter(user=learner).update(mode="verified")


def promoted(learner: Any) -> None:
    key = CourseKey.from_string(KEY)
    CourseAccessRole.objects.get_or_create(user=learner, org=key.org, course_id=key, role="staff")


@pytest.mark.parametrize("change", [upgraded, promoted])
@pytest.mark.parametrize("is_late", [False, True])
@pytest.mark.parametrize("name", ["outcome", "outline_for"])
def test_who_changes_while_the_platform_is_asked_speaks_for_nobody(
    two_tracks: tuple[list[int], list[int]],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    is_late: bool,
    change: Callable[[Any], None],
) -> None:
    """What the platform says of the first learner of a class is believed of all in it."""
    everybody = [*two_tracks[0], *two_tracks[1]]
    asked, left = getattr(at_once, name), iter([True])

    def meanwhile(key: CourseKey, user: Any, *others: Any) -> Any:
        is_first = next(left, False)
        if is_first and not is_late:
            change(user)
        answer = asked(key, user, *others)
        if is_first and is_late:
            change(user)
        return answer

    monkeypatch.setattr(at_once, name, meanwhile)
    # The one who changed: of this one, both ways agree.
    monkeypatch.setattr(course_progress.random, "sample", lambda some, size: sorted(some)[:size])
    first, again = (course_progress.answers(KEY, everybody).found for _ in range(2))
    users = edx_platform.users(everybody)
    assert again == {pk: edx_platform.learner_progress(KEY, users[pk]) for pk in users}
    # The one who changed may have been asked for before that.
    assert first | {everybody[0]: again[everybody[0]]} == again
    assert not ProgressDifference.objects.exists()


def test_who_has_another_outline_by_now_proves_nothing_of_the_first(
    two_tracks: tuple[list[int], list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    learners, verified = two_tracks
    progress, left = edx_platform.learner_progress, iter([True])

    def meanwhile(course_key: str, user: Any) -> Progress | None:
        if next(left, False):
            upgraded(user)
        return progress(course_key, user)

    wrong(monkeypatch, lambda one: one._replace(complete=one.complete + 1) if one.locked else one)
    with monkeypatch.context() as patch:
        patch.setattr(edx_platform, "learner_progress", meanwhile)
        found = course_progress.answers(KEY, [*learners, *verified]).found
    users = edx_platform.users([*learners, *verified])
    assert found == {pk: progress(KEY, users[pk]) for pk in users}


def test_what_fails_is_asked_one_by_one_and_logged_once(
    course: CourseKey, learners: list[int], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> Any:
        raise KeyError("learner0")

    monkeypatch.setattr(at_once, "outline_for", broken)
    for _ in range(2):
        assert sorted(asked_of(course, learners, monkeypatch)) == learners
    (line,) = [one.getMessage() for one in caplog.records if one.name == course_progress.__name__]
    assert line == f"Progress in {KEY} is asked learner by learner: course_blocks failed with KeyError"


def no_cohort(course: CourseKey, learners: list[int]) -> None:
    closed(course, COHORT, 1)
    CourseCohortsSettings.objects.create(course_id=course, is_cohorted=True)


def a_bank(course: CourseKey, learners: list[int]) -> None:
    unit = StoredBlock.objects.get(usage_key=course.make_usage_key("vertical", "unit0"))
    key = course.make_usage_key("library_content", "bank")
    StoredBlock.objects.create(course=unit.course, parent=unit, usage_key=key, block_type="library_content", position=9)


def a_mode(course: CourseKey, learners: list[int]) -> None:
    key = course.make_usage_key("problem", "problem3")
    StoredBlock.objects.filter(usage_key=key).update(settings={"completion_mode": "sometimes"})


@pytest.mark.parametrize(
    ("happens", "reason"),
    [
        (a_bank, "it has random content"),
        (a_mode, "a block has the completion mode sometimes"),
        (lambda course, _: closed(course, LUCKY, 1), "user_api.partition_schemes.LuckyPartitionScheme"),
        (no_cohort, "the learner has no cohort yet"),
        (lambda course, _: closed(course, EXPERIMENT, 1), "the learner has no group of an experiment yet"),
        (lambda *_: BlockStructureModel.objects.all().delete(), "the LMS has not collected its structure"),
    ],
)
def test_what_is_not_certain_is_left_to_the_platform(
    course: CourseKey,
    learners: list[int],
    monkeypatch: pytest.MonkeyPatch,
    happens: Callable[[CourseKey, list[int]], Any],
    reason: str,
) -> None:
    with_partitions(course)
    happens(course, learners)
    assert sorted(asked_of(course, learners, monkeypatch)) == learners
    (line,) = [one.seen for one in course_checks.progress()]
    assert reason in line
    assert KEY in line


def test_what_does_not_say_how_it_becomes_complete_is_counted(
    course: CourseKey, learners: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the platform's texts and problems: nothing is collected of them, and a row of their own completes them."""
    structure = get_block_structure_manager(course).get_collected()
    assert structure.get_xblock_field(block(course, 0), "completion_mode") is None
    assert len(asked_of(course, learners, monkeypatch)) == 1
    assert edx_platform.course_progress(KEY, edx_platform.users(learners)).left == {}


def test_a_transformer_that_nobody_knows_is_left_to_the_platform(
    course: CourseKey, learners: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    import lms.djangoapps.course_blocks.api as api

    access = api.get_course_block_access_transformers

    def more(user: Any) -> list[Any]:
        return [*access(user), SimpleNamespace(name=lambda: "milestones", transform=lambda *_: None)]

    monkeypatch.setattr(api, "get_course_block_access_transformers", more)
    assert sorted(asked_of(course, learners, monkeypatch)) == learners
    users = edx_platform.users(learners)
    assert edx_platform.course_progress(KEY, users).left == {"the transformer milestones is not known": len(learners)}
    assert set(edx_platform.course_state(KEY, users).texts.values()) == {""}


def test_a_course_of_another_kind_of_key_is_left_to_the_platform(learners: list[int]) -> None:
    users = edx_platform.users(learners)
    key = "ccx-v1:DemoX+CS101+2026+ccx@1"
    left = edx_platform.course_progress(key, users).left
    assert left == {"its key is not of the form course-v1": len(learners)}


def test_counting_at_once_writes_nothing_in_the_lms(course: CourseKey, learners: list[int]) -> None:
    """Neither a cohort nor a group, where these close nothing."""
    with_partitions(course)
    CourseCohortsSettings.objects.create(course_id=course, is_cohorted=True)
    answered = edx_platform.course_progress(KEY, edx_platform.users(learners))
    assert sum(map(len, answered.by_outline.values())) == len(learners)
    assert not CohortMembership.objects.exists()
    assert not UserCourseTag.objects.exists()


def test_whether_a_course_is_cohorted_is_not_asked_where_asking_writes(
    course: CourseKey, learners: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The platform makes the missing row from what the course says, and may then put learners into cohorts."""
    with_partitions(course)
    closed(course, COHORT, 1)
    update_course_in_cache(course)
    left = edx_platform.course_progress(KEY, edx_platform.users(learners)).left
    assert left == {"the learner has no cohort yet": len(learners)}
    assert not CourseCohortsSettings.objects.exists()
    course_progress.answers(KEY, learners)
    assert len(asked_of(course, learners, monkeypatch)) == 1


def test_a_learner_alone_is_asked_for_until_it_pays(course: CourseKey, monkeypatch: pytest.MonkeyPatch) -> None:
    learners = learners_of(course, 7)
    asked = [len(asked_of(course, [learner], monkeypatch)) for learner in learners]
    assert asked[:2] == [1, 1]
    assert asked[-1] == 0


def test_queries_do_not_grow_with_the_learners(course: CourseKey) -> None:
    few = learners_of(course, 4)
    many = few + learners_of(course, 30, start=10)
    edx_platform.course_progress(KEY, edx_platform.users(few))
    counts = []
    for learners in (few, many):
        users = edx_platform.users(learners)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            edx_platform.course_progress(KEY, users)
        counts.append(len(queries))
    assert counts[0] == counts[1]


def in_a_cohort(course: CourseKey, learner: Any) -> None:
    add_user_to_cohort(add_cohort(course, "new"), learner)


def linked(course: CourseKey, learner: Any) -> None:
    cohort = CohortMembership.objects.get(user=learner).course_user_group
    CourseUserGroupPartitionGroup.objects.create(course_user_group=cohort, partition_id=COHORT, group_id=1)


def tagged(course: CourseKey, learner: Any) -> None:
    UserCourseTag.objects.filter(user=learner).update(value="2")


def gated(course: CourseKey, learner: Any) -> None:
    since = timezone.now() - timedelta(days=1)
    ContentTypeGatingConfig.objects.create(enabled=True, enabled_as_of=since)


def moderating(course: CourseKey, learner: Any) -> None:
    gated(course, learner)
    Role.objects.create(name="Moderator", course_id=course).users.add(learner)


def excluded(course: CourseKey, learner: Any) -> None:
    gated(course, learner)
    FBEEnrollmentExclusion.objects.create(enrollment=CourseEnrollment.objects.get(user=learner))


@pytest.mark.parametrize(
    "change",
    [
        in_a_cohort,
        linked,
        tagged,
        gated,
        moderating,
        excluded,
        lambda course, _: CourseCohortsSettings.objects.update(is_cohorted=False),
        lambda course, learner: CourseAccessRole.objects.create(
            user=learner, org=course.org, course_id=course, role="staff"
        ),
        lambda course, learner: get_user_model().objects.filter(pk=learner.pk).update(is_staff=True),
        lambda course, learner: get_user_model().objects.filter(pk=learner.pk).update(is_active=False),
        lambda course, _: closed(course, COHORT, 2, kind="problem1"),
    ],
)
def test_whatever_the_answer_depends_on_shows_in_what_is_remembered(
    course: CourseKey, change: Callable[[CourseKey, Any], Any]
) -> None:
    with_partitions(course)
    closed(course, COHORT, 1)
    closed(course, EXPERIMENT, 1, kind="problem2")
    CourseCohortsSettings.objects.create(course_id=course, is_cohorted=True)
    (pk,) = learners_of(course, 1)
    learner = get_user_model().objects.get(pk=pk)
    add_user_to_cohort(add_cohort(course, "old"), learner)
    UserCourseTag.objects.create(user=learner, course_id=course, key=TAG, value="1")

    def state() -> str:
        return edx_platform.course_state(KEY, edx_platform.users([pk])).texts[pk]

    before = state()
    assert before == state() != ""
    change(course, learner)
    assert state() != before


def a_release(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(course_facts, "release", lambda: "willow")


def before_april(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ulmo before its point release that leaves out what a learner did not draw from an item bank."""
    monkeypatch.delattr("lms.djangoapps.course_blocks.transformers.library_content.ItemBankMixin")


@pytest.mark.parametrize("other", [a_release, before_april])
def test_another_lms_shows_in_what_is_remembered(
    course: CourseKey, monkeypatch: pytest.MonkeyPatch, other: Callable[[pytest.MonkeyPatch], None]
) -> None:
    users = edx_platform.users(learners_of(course, 1))
    before = edx_platform.course_state(KEY, users).texts
    other(monkeypatch)
    after = edx_platform.course_state(KEY, users).texts
    assert before.keys() == after.keys()
    assert before != after


def test_a_new_draw_shows_in_what_is_remembered(course: CourseKey) -> None:
    a_bank(course, [])
    (pk,) = learners_of(course, 1)
    users = edx_platform.users([pk])
    before = edx_platform.course_state(KEY, users).texts[pk]
    which = {
        "student_id": pk,
        "course_id": course,
        "module_state_key": course.make_usage_key("library_content", "bank"),
    }
    StudentModule.objects.create(**which, module_type="library_content", state="{}")
    assert before != edx_platform.course_state(KEY, users).texts[pk] != ""


def test_what_follows_from_rows_that_are_not_read_is_not_remembered(course: CourseKey) -> None:
    with_partitions(course)
    closed(course, LUCKY, 1)
    (pk,) = learners_of(course, 1)
    assert edx_platform.course_state(KEY, edx_platform.users([pk])).texts == {pk: ""}
