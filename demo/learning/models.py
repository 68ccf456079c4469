"""Where the demo keeps its courses: what the platform has in its course store."""

from __future__ import annotations

from typing import Any

from django.db import models
from opaque_keys.edx.django.models import CourseKeyField, UsageKeyField

from demo.learning.outlines import follow


class StoredCourse(models.Model):
    """One course run as its authors made it."""

    course_key = CourseKeyField(max_length=255, unique=True)
    display_name = models.CharField(max_length=255)
    language = models.CharField(max_length=16, blank=True, default="", help_text="language code, such as ja")
    about = models.JSONField(default=dict, help_text="about attributes by name")
    instructors = models.JSONField(default=list, help_text="teachers as the course team wrote them")
    start = models.DateTimeField(null=True)
    end = models.DateTimeField(null=True)
    self_paced = models.BooleanField(default=False)
    pass_mark = models.FloatField(default=0.5, help_text="share of the points, 0 for a course nobody passes")
    has_certificate = models.BooleanField(default=False)
    user_partitions = models.JSONField(default=list, help_text="partitions: id, name, scheme, groups")
    version = models.CharField(max_length=24, help_text="id of the published version, 24 hexadecimal digits")
    edited_on = models.DateTimeField()

    class Meta:
        app_label = "learning"

    def __str__(self) -> str:
        return str(self.course_key)


class StoredBlockQuerySet(models.QuerySet["StoredBlock"]):
    """Many blocks changed at once, which no signal tells."""

    def update(self, **changes: Any) -> int:
        """As any, and the outlines of the courses follow."""
        courses = set(self.values_list("course_id", flat=True).order_by())
        changed = super().update(**changes)
        follow(*courses)
        return changed


class StoredBlock(models.Model):
    """One block of a course: section, subsection, unit, or what a unit holds."""

    course = models.ForeignKey(StoredCourse, related_name="blocks", on_delete=models.CASCADE)
    usage_key = UsageKeyField(max_length=255, unique=True)
    parent = models.ForeignKey("self", null=True, related_name="children", on_delete=models.CASCADE)
    position = models.PositiveIntegerField()
    block_type = models.CharField(max_length=64)
    display_name = models.CharField(max_length=255, blank=True, default="")
    weight = models.FloatField(default=0.0, help_text="points that count for the grade, 0 for none")
    staff_only = models.BooleanField(default=False)
    gated = models.BooleanField(default=False, help_text="graded, and so locked for learners who audit")
    settings = models.JSONField(
        default=dict, help_text="group_access, max_count, user_partition_id, group_id_to_child, completion_mode"
    )

    objects = StoredBlockQuerySet.as_manager()

    class Meta:
        app_label = "learning"
        ordering = ("position",)

    def __str__(self) -> str:
        return str(self.usage_key)
