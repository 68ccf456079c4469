"""Pseudonymous ids of learners, one for each kind of use."""

from __future__ import annotations

import uuid

from django.contrib.auth.models import User
from django.db import models
from model_utils.models import TimeStampedModel

from demo.learning.costs import platform_call


class ExternalIdType(TimeStampedModel):
    """A kind of use, such as xAPI."""

    CALIPER = "caliper"
    XAPI = "xapi"
    LTI = "lti"

    name = models.CharField(max_length=32, blank=False, unique=True, db_index=True)
    description = models.TextField()

    class Meta:
        app_label = "external_user_ids"

    def __str__(self) -> str:
        return self.name


class ExternalId(TimeStampedModel):
    """One learner's id for one kind of use."""

    external_user_id = models.UUIDField(default=uuid.uuid4, editable=False, unique=True, db_index=True, blank=False)
    external_id_type = models.ForeignKey(ExternalIdType, db_index=True, on_delete=models.CASCADE)
    user = models.ForeignKey(User, db_index=True, on_delete=models.CASCADE)

    class Meta:
        app_label = "external_user_ids"
        unique_together = (("user", "external_id_type"),)

    def __str__(self) -> str:
        return f"external id of user {self.user_id}"

    @classmethod
    def user_has_external_id(cls, user: User, type_name: str) -> bool:
        """Whether the learner has an id of this kind."""
        return cls.objects.filter(user=user, external_id_type__name=type_name).exists()

    @classmethod
    def add_new_user_id(cls, user: User, type_name: str) -> tuple[ExternalId | None, bool]:
        """Get or make the id; `(None, False)` when the kind is unknown."""
        id_type = ExternalIdType.objects.filter(name=type_name).first()
        if id_type is None:
            return None, False
        return cls.objects.get_or_create(user=user, external_id_type=id_type)

    @classmethod
    def batch_get_or_create_user_ids(cls, users: list[User], type_name: str) -> dict[int, ExternalId] | None:
        """Ids of many learners by user id; None when the kind is unknown."""
        if not ExternalIdType.objects.filter(name=type_name).exists():
            return None
        for user in users:
            platform_call("ExternalId.batch_get_or_create_user_ids", user_id=user.id)
        made = {user.id: cls.add_new_user_id(user, type_name)[0] for user in users}
        return {user_id: row for user_id, row in made.items() if row is not None}
