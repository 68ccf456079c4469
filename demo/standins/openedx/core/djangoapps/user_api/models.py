"""States of account retirement, whose row keeps the original name and address until the clean-up; course tags."""

from __future__ import annotations

from common.djangoapps.student.models import get_retired_email_by_email, get_retired_username_by_username
from django.contrib.auth.models import User
from django.db import models
from model_utils.models import TimeStampedModel
from opaque_keys.edx.django.models import CourseKeyField


class RetirementState(models.Model):
    """A step of the retirement pipeline."""

    state_name = models.CharField(max_length=30, unique=True)
    state_execution_order = models.SmallIntegerField(unique=True)
    is_dead_end_state = models.BooleanField(default=False, db_index=True)
    required = models.BooleanField(default=False)

    class Meta:
        app_label = "user_api"
        ordering = ("state_execution_order",)

    def __str__(self) -> str:
        return self.state_name


class UserRetirementStatus(TimeStampedModel):
    """One account on its way through the pipeline."""

    user = models.OneToOneField(User, on_delete=models.CASCADE)
    original_username = models.CharField(max_length=150, db_index=True)
    original_email = models.EmailField(db_index=True)
    original_name = models.CharField(max_length=255, blank=True, db_index=True)
    retired_username = models.CharField(max_length=150, db_index=True)
    retired_email = models.EmailField(db_index=True)
    current_state = models.ForeignKey(RetirementState, related_name="current_state", on_delete=models.CASCADE)
    last_state = models.ForeignKey(
        RetirementState, blank=True, null=True, related_name="last_state", on_delete=models.CASCADE
    )
    responses = models.TextField()

    class Meta:
        app_label = "user_api"
        verbose_name = "User Retirement Status"
        verbose_name_plural = "User Retirement Statuses"

    def __str__(self) -> str:
        return f"user {self.user_id} state: {self.current_state}"

    @classmethod
    def create_retirement(cls, user: User) -> UserRetirementStatus:
        """Begin the retirement of an account: remembers who it was."""
        pending = RetirementState.objects.order_by("state_execution_order")[0]
        return cls.objects.create(
            user=user,
            original_username=user.username,
            original_email=user.email,
            original_name=user.profile.name if hasattr(user, "profile") else "",
            retired_username=get_retired_username_by_username(user.username),
            retired_email=get_retired_email_by_email(user.email),
            current_state=pending,
            last_state=pending,
            responses="Created in state PENDING",
        )


class UserCourseTag(models.Model):
    """A tag of one learner in one course run: the group of an experiment, say."""

    user = models.ForeignKey(User, db_index=True, related_name="+", on_delete=models.CASCADE)
    key = models.CharField(max_length=255, db_index=True)
    course_id = CourseKeyField(max_length=255, db_index=True)
    value = models.TextField()

    class Meta:
        app_label = "user_api"
        unique_together = ("user", "course_id", "key")

    def __str__(self) -> str:
        return f"user {self.user_id} in {self.course_id}: {self.key}"
