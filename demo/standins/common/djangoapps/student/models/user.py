"""Profiles, course roles and the names of retired accounts."""

from __future__ import annotations

import hashlib

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from opaque_keys.edx.django.models import CourseKeyField
from opaque_keys.edx.keys import CourseKey


class UserProfile(models.Model):
    """What the platform knows of an account beside Django's own user row."""

    user = models.OneToOneField(User, unique=True, db_index=True, related_name="profile", on_delete=models.CASCADE)
    name = models.CharField(blank=True, max_length=255, db_index=True)
    meta = models.TextField(blank=True)
    courseware = models.CharField(blank=True, max_length=255, default="course.xml")
    language = models.CharField(blank=True, max_length=255, db_index=True)
    location = models.CharField(blank=True, max_length=255, db_index=True)
    year_of_birth = models.IntegerField(blank=True, null=True, db_index=True)
    gender = models.CharField(blank=True, null=True, max_length=6, db_index=True)  # noqa: DJ001
    level_of_education = models.CharField(blank=True, null=True, max_length=6, db_index=True)  # noqa: DJ001
    mailing_address = models.TextField(blank=True, null=True)  # noqa: DJ001
    city = models.TextField(blank=True, null=True)  # noqa: DJ001
    country = models.CharField(blank=True, null=True, max_length=2)  # noqa: DJ001
    goals = models.TextField(blank=True, null=True)  # noqa: DJ001
    bio = models.CharField(blank=True, null=True, max_length=3000)  # noqa: DJ001
    phone_number = models.CharField(blank=True, null=True, max_length=50)  # noqa: DJ001

    class Meta:
        app_label = "student"
        db_table = "auth_userprofile"

    def __str__(self) -> str:
        return f"profile of user {self.user_id}"


class CourseAccessRole(models.Model):
    """A user's role in one course run, one organization or the whole site."""

    user = models.ForeignKey(User, on_delete=models.CASCADE)
    org = models.CharField(max_length=64, db_index=True, blank=True)
    course_id = CourseKeyField(max_length=255, db_index=True, blank=True)
    role = models.CharField(max_length=64, db_index=True)

    class Meta:
        app_label = "student"
        unique_together = ("user", "org", "course_id", "role")

    def __str__(self) -> str:
        return f"user {self.user_id} is {self.role} of {self.course_id or self.org}"

    @classmethod
    def access_roles_in_course(cls, course_key: CourseKey) -> models.QuerySet[CourseAccessRole]:
        """All roles that name this course run."""
        return cls.objects.filter(course_id=course_key).select_related("user")


def _retired(value: str, form: str) -> list[str]:
    """Every retired form of a name or an address: one for each salt that has ever been used."""
    return [
        form.format(hashlib.sha1((salt + value.lower()).encode()).hexdigest())  # noqa: S324
        for salt in settings.RETIRED_USER_SALTS
    ]


def get_retired_username_by_username(username: str) -> str:
    """The name that an account gets when it is retired: it cannot be turned back."""
    return _retired(username, settings.RETIRED_USERNAME_FMT)[-1]


def get_retired_email_by_email(email: str) -> str:
    """The address that an account gets when its owner asks for deletion."""
    return _retired(email, settings.RETIRED_EMAIL_FMT)[-1]


def is_username_retired(username: str) -> bool:
    """Whether an account with a retired form of this name exists."""
    return User.objects.filter(username__in=_retired(username, settings.RETIRED_USERNAME_FMT)).exists()


def is_email_retired(email: str) -> bool:
    """Whether an account with a retired form of this address exists."""
    return User.objects.filter(email__in=_retired(email, settings.RETIRED_EMAIL_FMT)).exists()


def get_potentially_retired_user_by_username(username: str) -> User:
    """The account that has, or before its retirement had, this name.

    Raises `User.DoesNotExist`, and a bare `Exception` where more than two accounts fit.
    """
    retired = _retired(username, settings.RETIRED_USERNAME_FMT)
    found = list(User.objects.filter(username__in=[username, *retired]))
    if not found:
        raise User.DoesNotExist
    if len(found) > 2:
        raise Exception("Expected 1 or 2 users")
    plain = [user for user in found if user.username == username]
    return plain[0] if plain else found[0]
