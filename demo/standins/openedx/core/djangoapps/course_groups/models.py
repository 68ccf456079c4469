"""Cohorts of a course run. Source: `openedx/core/djangoapps/course_groups/models.py`, 2026."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import models
from opaque_keys.edx.django.models import CourseKeyField


class CourseUserGroup(models.Model):
    """A cohort."""

    COHORT = "cohort"

    name = models.CharField(max_length=255)
    users = models.ManyToManyField(User, db_index=True, related_name="course_groups")
    course_id = CourseKeyField(max_length=255, db_index=True)
    group_type = models.CharField(max_length=20, default=COHORT)

    class Meta:
        app_label = "course_groups"
        unique_together = (("name", "course_id"),)

    def __str__(self) -> str:
        return self.name


class CohortMembership(models.Model):
    """A learner is in one cohort of a course run at most."""

    course_user_group = models.ForeignKey(CourseUserGroup, on_delete=models.CASCADE)
    user = models.ForeignKey(User, on_delete=models.CASCADE)
    course_id = CourseKeyField(max_length=255)

    class Meta:
        app_label = "course_groups"
        unique_together = (("user", "course_id"),)

    def __str__(self) -> str:
        return f"user {self.user_id} in cohort {self.course_user_group_id}"


class CourseUserGroupPartitionGroup(models.Model):
    """Which group of which partition a cohort is linked to."""

    course_user_group = models.OneToOneField(CourseUserGroup, on_delete=models.CASCADE)
    partition_id = models.IntegerField()
    group_id = models.IntegerField()
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        app_label = "course_groups"

    def __str__(self) -> str:
        return f"cohort {self.course_user_group_id} is group {self.group_id} of {self.partition_id}"


class CourseCohortsSettings(models.Model):
    """Whether a course run has cohorts."""

    is_cohorted = models.BooleanField(default=False)
    course_id = CourseKeyField(unique=True, max_length=255, db_index=True)

    class Meta:
        app_label = "course_groups"

    def __str__(self) -> str:
        return str(self.course_id)


class CourseCohort(models.Model):
    """How learners come into a cohort."""

    RANDOM = "random"
    MANUAL = "manual"

    course_user_group = models.OneToOneField(CourseUserGroup, related_name="cohort", on_delete=models.CASCADE)
    assignment_type = models.CharField(max_length=20, default=MANUAL)

    class Meta:
        app_label = "course_groups"

    def __str__(self) -> str:
        return f"cohort {self.course_user_group_id}: {self.assignment_type}"
