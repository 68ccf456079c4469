"""A learner's cohort; asking assigns one. Source: `openedx/core/djangoapps/course_groups/cohorts.py`, 2026."""

from __future__ import annotations

import random

from django.contrib.auth.models import User
from edx_django_utils.cache import RequestCache
from opaque_keys.edx.keys import CourseKey

from .models import (
    CohortMembership,
    CourseCohort,
    CourseCohortsSettings,
    CourseUserGroup,
    CourseUserGroupPartitionGroup,
)

DEFAULT_COHORT_NAME = "Default Group"


def is_course_cohorted(course_key: CourseKey) -> bool:
    """Whether the course run has cohorts; a missing row is made (from what the course says: by default no)."""
    return CourseCohortsSettings.objects.get_or_create(course_id=course_key)[0].is_cohorted


def get_cohort(
    user: User, course_key: CourseKey, assign: bool = True, use_cached: bool = False
) -> CourseUserGroup | None:
    """The learner's cohort; a learner without one is put into a random one, unless `assign` is off."""
    cache = RequestCache("cohorts.get_cohort").data
    key = f"{user.id}.{course_key}"
    if use_cached and key in cache:
        return cache[key]
    cohort = None
    if is_course_cohorted(course_key):
        membership = CohortMembership.objects.filter(user=user, course_id=course_key).first()
        if membership is None and not assign:
            return None
        cohort = membership.course_user_group if membership else _assigned(user, course_key)
    cache[key] = cohort
    return cohort


def add_user_to_cohort(cohort: CourseUserGroup, user: User) -> None:
    """Put the learner into the cohort, and out of any other."""
    CohortMembership.objects.update_or_create(
        user=user, course_id=cohort.course_id, defaults={"course_user_group": cohort}
    )


def add_cohort(course_key: CourseKey, name: str, assignment_type: str = CourseCohort.MANUAL) -> CourseUserGroup:
    """Make a cohort."""
    cohort = CourseUserGroup.objects.create(name=name, course_id=course_key)
    CourseCohort.objects.create(course_user_group=cohort, assignment_type=assignment_type)
    return cohort


def get_group_info_for_cohort(cohort: CourseUserGroup, use_cached: bool = False) -> tuple[int | None, int | None]:
    """The ids of the group and the partition that the cohort is linked to, or twice None."""
    link = CourseUserGroupPartitionGroup.objects.filter(course_user_group=cohort).first()
    return (None, None) if link is None else (link.group_id, link.partition_id)


def _assigned(user: User, course_key: CourseKey) -> CourseUserGroup:
    cohorts = list(CourseUserGroup.objects.filter(course_id=course_key, cohort__assignment_type=CourseCohort.RANDOM))
    cohort = random.choice(cohorts) if cohorts else add_cohort(course_key, DEFAULT_COHORT_NAME, CourseCohort.RANDOM)
    add_user_to_cohort(cohort, user)
    return cohort
