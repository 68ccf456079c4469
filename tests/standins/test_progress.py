"""The stand-in's progress functions answer as a real LMS did (what was recorded of single calls)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from common.djangoapps.student.models import CourseAccessRole, CourseEnrollment, UserProfile
from completion.models import BlockCompletion
from completion.waffle import ENABLE_COMPLETION_TRACKING_SWITCH
from django.contrib.auth.models import AnonymousUser, User
from edx_django_utils.cache import RequestCache
from edx_toggles.toggles.testutils import override_waffle_switch
from lms.djangoapps.course_home_api.progress.api import calculate_progress_for_learner_in_course
from lms.djangoapps.courseware.courses import get_course_blocks_completion_summary
from lms.djangoapps.courseware.models import StudentModule
from opaque_keys.edx.django.models import CourseKeyField
from opaque_keys.edx.keys import CourseKey
from openedx.core.djangoapps.course_groups.models import CohortMembership, CourseCohortsSettings
from openedx.core.djangoapps.user_api.models import UserCourseTag
from xmodule.modulestore.exceptions import ItemNotFoundError

from demo.learning import costs
from demo.learning.models import StoredBlock, StoredCourse
from demo.learning.plans import BlockPlan, CoursePlan, SectionPlan, UnitPlan
from demo.learning.publishing import publish

pytestmark = pytest.mark.django_db

TEXT, PROBLEM = BlockPlan("html", "Text"), BlockPlan("problem", "Problem", weight=1.0)
PLAN = CoursePlan(
    key="course-v1:DemoX+PROGRESS+2026",
    name="Progress",
    sections=(
        SectionPlan("Reading", (UnitPlan("a", (TEXT,)), UnitPlan("b", (TEXT,)))),
        SectionPlan("Doing", (UnitPlan("c", (PROBLEM, PROBLEM)), UnitPlan("d", (PROBLEM,), gated=True))),
        SectionPlan("Hidden", (UnitPlan("e", (TEXT,), staff_only=True),)),
    ),
)
READ = ("html11", "html12")
DONE = ("problem211", "problem212")


@pytest.fixture(autouse=True)
def _completion_tracking() -> Iterator[None]:
    with override_waffle_switch(ENABLE_COMPLETION_TRACKING_SWITCH, True):
        yield


@pytest.fixture
def course_key() -> CourseKey:
    """A course of four units, one of them locked for those who audit, and a hidden fifth."""
    return publish(PLAN)


def learner(**more: Any) -> User:
    """A learner with a profile."""
    user = User.objects.create(username="learner", **more)
    UserProfile.objects.create(user=user, name="Learner")
    return user


def verified(course_key: CourseKey) -> User:
    """A learner for whom nothing is locked; one who is not enrolled counts as auditing from now on."""
    user = learner()
    CourseEnrollment.objects.create(user=user, course_id=course_key, mode="verified")
    return user


def submit(user: User, key: CourseKey, *names: str, progress: float = 1.0) -> None:
    """Complete blocks, in a request of its own."""
    for name in names:
        usage_key = key.make_usage_key(name.rstrip("0123456789"), name)
        BlockCompletion.objects.submit_completion(user, usage_key, progress)
    RequestCache.clear_all_namespaces()


def counts(complete: int, incomplete: int, locked: int = 0) -> dict[str, int]:
    """The summary in the platform's words."""
    return {"complete_count": complete, "incomplete_count": incomplete, "locked_count": locked}


@pytest.mark.parametrize(
    ("whole", "partly", "expected"),
    [
        ((), (), counts(0, 4)),
        (("html11",), (), counts(1, 3)),
        (("html11",), ("html12",), counts(1, 3)),
        (("html11", "problem211"), (), counts(1, 3)),
        ((*READ, *DONE), (), counts(3, 1)),
        ((*READ, *DONE, "problem22"), (), counts(4, 0)),
        ((), (*READ, *DONE), counts(0, 4)),
    ],
)
def test_units_are_counted_as_the_platform_counts(
    course_key: CourseKey, whole: tuple[str, ...], partly: tuple[str, ...], expected: dict[str, int]
) -> None:
    user = verified(course_key)
    submit(user, course_key, *whole)
    submit(user, course_key, *partly, progress=0.9)
    assert get_course_blocks_completion_summary(course_key, user) == expected


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("audit", {**counts(3, 0, 1), "total_count": 4, "complete": 0.75, "locked": 0.25, "incomplete": 0.0}),
        ("verified", {**counts(3, 1), "total_count": 4, "complete": 0.75, "locked": 0.0, "incomplete": 0.25}),
    ],
)
def test_locked_units_stand_between_an_auditing_learner_and_the_whole(
    course_key: CourseKey, mode: str, expected: dict[str, float]
) -> None:
    user = learner()
    CourseEnrollment.objects.create(user=user, course_id=course_key, mode=mode)
    submit(user, course_key, *READ, *DONE)
    answers = {f"{kind}_percentage": expected.pop(kind) for kind in ("complete", "locked", "incomplete")}
    assert calculate_progress_for_learner_in_course(course_key, user) == {**expected, **answers}


def test_hidden_units_count_for_the_staff_only(course_key: CourseKey) -> None:
    assert get_course_blocks_completion_summary(course_key, learner(is_staff=True)) == counts(0, 5)


def test_nobody_has_no_progress(course_key: CourseKey) -> None:
    nobody = AnonymousUser()
    assert get_course_blocks_completion_summary(course_key, nobody) == []
    RequestCache.clear_all_namespaces()
    assert calculate_progress_for_learner_in_course(course_key, nobody) == {}


def test_an_unknown_course_is_an_error() -> None:
    with pytest.raises(ItemNotFoundError):
        get_course_blocks_completion_summary(CourseKey.from_string("course-v1:No+Such+Course"), learner())


def test_the_answer_stays_until_the_request_ends(course_key: CourseKey) -> None:
    user = verified(course_key)
    before = get_course_blocks_completion_summary(course_key, user)
    BlockCompletion.objects.submit_completion(user, course_key.make_usage_key("html", "html11"), 1.0)
    assert get_course_blocks_completion_summary(course_key, user) == before == counts(0, 4)
    RequestCache.clear_all_namespaces()
    assert get_course_blocks_completion_summary(course_key, user) == counts(1, 3)


def test_dear_calls_are_counted_and_cached_ones_are_not(course_key: CourseKey) -> None:
    user = learner()
    costs.CALLS.clear()
    for _ in range(2):
        calculate_progress_for_learner_in_course(course_key, user)
    assert costs.CALLS == {
        "calculate_progress_for_learner_in_course": 2,
        "get_course_blocks_completion_summary": 1,
        "get_course_in_cache": 1,
    }


def cohorted(course_key: CourseKey) -> None:
    """The last unit is open to the first group of cohorts, and an experiment is in the first."""
    groups = [{"id": number, "name": f"group {number}"} for number in (1, 2)]
    partitions = [
        {"id": 100, "name": "cohorts", "scheme": "cohort", "groups": groups},
        {"id": 101, "name": "experiment", "scheme": "random", "groups": groups},
    ]
    StoredCourse.objects.filter(course_key=course_key).update(user_partitions=partitions)
    StoredBlock.objects.filter(usage_key=course_key.make_usage_key("vertical", "vertical2_2")).update(
        settings={"group_access": {"100": [1]}}
    )
    CourseCohortsSettings.objects.create(course_id=course_key, is_cohorted=True)


def test_asking_assigns_a_cohort_and_a_group_of_an_experiment(course_key: CourseKey) -> None:
    """Even where the partition closes nothing, as the experiment here."""
    cohorted(course_key)
    user = verified(course_key)
    assert get_course_blocks_completion_summary(course_key, user) == counts(0, 3)
    assert CohortMembership.objects.get(user=user).course_user_group.name == "Default Group"
    assert UserCourseTag.objects.get(user=user).key == "xblock.partition_service.partition_101"


def test_asking_draws_questions_and_keeps_the_draw(course_key: CourseKey) -> None:
    unit = StoredBlock.objects.get(usage_key=course_key.make_usage_key("vertical", "vertical1_1"))
    key = course_key.make_usage_key("library_content", "bank")
    values = {"course": unit.course, "position": 9, "settings": {"max_count": 1}}
    bank = StoredBlock.objects.create(parent=unit, usage_key=key, block_type="library_content", **values)
    for number in range(3):
        one = course_key.make_usage_key("problem", f"drawn{number}")
        StoredBlock.objects.create(parent=bank, usage_key=one, block_type="problem", **values)
    user = verified(course_key)
    states = []
    for _ in range(3):
        get_course_blocks_completion_summary(course_key, user)
        RequestCache.clear_all_namespaces()
        states.append(StudentModule.objects.get(student=user, module_state_key=key).state)
    assert len(set(states)) == 1
    ((_, drawn),) = json.loads(states[0])["selected"]
    submit(user, course_key, "html11")
    assert get_course_blocks_completion_summary(course_key, user) == counts(0, 4)
    BlockCompletion.objects.submit_completion(user, course_key.make_usage_key("problem", drawn), 1.0)
    RequestCache.clear_all_namespaces()
    assert get_course_blocks_completion_summary(course_key, user) == counts(1, 3)


@pytest.mark.parametrize(
    ("role", "on_course", "expected"),
    [
        ("staff", True, counts(0, 5)),
        ("limited_staff", True, counts(0, 5)),
        ("instructor", True, counts(0, 5)),
        ("staff", False, counts(0, 5)),
        ("beta_testers", True, counts(0, 4)),
        ("data_researcher", True, counts(0, 3, 1)),
    ],
)
def test_roles_open_what_is_hidden_or_locked(
    course_key: CourseKey, role: str, on_course: bool, expected: dict[str, int]
) -> None:
    """The staff sees hidden units; beta testers are only left alone by gating."""
    user = learner()
    CourseEnrollment.objects.create(user=user, course_id=course_key, mode="audit")
    where: Any = course_key if on_course else CourseKeyField.Empty
    CourseAccessRole.objects.create(user=user, org=course_key.org, course_id=where, role=role)
    assert get_course_blocks_completion_summary(course_key, user) == expected


def test_a_unit_with_nothing_to_complete_counts_after_the_first_completion(course_key: CourseKey) -> None:
    """Of whatever block, even one that is gone."""
    StoredBlock.objects.filter(usage_key=course_key.make_usage_key("html", "html12")).delete()
    user = verified(course_key)
    assert get_course_blocks_completion_summary(course_key, user) == counts(0, 4)
    submit(user, course_key, "html12")
    assert get_course_blocks_completion_summary(course_key, user) == counts(1, 3)
