"""The login of the demo. It is known to all, so the demo must not be reachable from outside."""

from __future__ import annotations

from common.djangoapps.student.models import UserProfile
from django.contrib.auth.models import User

ADMIN_USERNAME = "admin"
ADMIN_PASSWORD = "demo"


def add_admin() -> User:
    """The administrator's account, with the known password."""
    user, created = User.objects.get_or_create(
        username=ADMIN_USERNAME,
        defaults={"email": "admin@example.com", "is_staff": True, "is_superuser": True},
    )
    if created:
        UserProfile.objects.create(user=user, name="Demo Administrator")
    user.set_password(ADMIN_PASSWORD)
    user.save()
    return user
