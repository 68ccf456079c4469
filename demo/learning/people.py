"""The learners of the simulation: their names come from many places, and their number decides who they are."""

from __future__ import annotations

import re
import uuid

from common.djangoapps.student.models import UserProfile, get_potentially_retired_user_by_username
from django.contrib.auth.models import User
from django.db import transaction
from social_django.models import UserSocialAuth

NAMES = (
    "Ada Lindqvist",
    "José Ramírez",
    "山田 太郎",
    "Zoë Müller",
    "نور الهادي",
    "Chidi Eze",
    "Ольга Петрова",
    "Nguyễn Thị Mai",
    "Seán O'Brien",
    "김민준",
    "Fatma Yılmaz",
    "Anna-Lena Weiß",
)
# Ids that single sign-on would hand over; made from the username, so that they stay the same.
SSO_NAMESPACE = uuid.UUID("5d1f2a52-0c0e-4d52-9d5b-8b8d5a3d6c11")
SSO_PROVIDER = "tpa-saml"
# Two customers send employees, each through an identity provider of its own, whose slug this is; everybody else came by
# themselves.
CUSTOMERS = ("birch", "cedar")
ORGANIZATION_KEY = "percipioOrganizationUuid"
LEARNERS_ADDRESS = re.compile(r"learner-\d+-(\d+)@example\.com")


def username_of(seed: int, number: int) -> str:
    """The username of a learner."""
    return f"learner-{seed}-{number:04}"


def customer_of(number: int) -> str:
    """Whose employee a learner is; empty for every third, who is nobody's."""
    return ("birch", "cedar", "")[number % 3]


def customer_at(email: str) -> str | None:
    """The same by the learner's address; None for somebody who is no learner of the simulation."""
    found = LEARNERS_ADDRESS.fullmatch(email)
    return customer_of(int(found[1])) if found else None


def organization_of(customer: str) -> str:
    """The UUID of a customer's organization, as its identity provider sends it."""
    return str(uuid.uuid5(SSO_NAMESPACE, customer))


def get_learner(seed: int, number: int) -> User | None:
    """The learner, made on first use; None for one whose account is retired.

    Whoever is a customer's employee came through single sign-on, with the attributes that a customer of Percipio sends.
    """
    username = username_of(seed, number)
    try:
        user = get_potentially_retired_user_by_username(username)
    except User.DoesNotExist:
        return _make(username, NAMES[number % len(NAMES)], customer_of(number))
    return user if user.username == username else None


def get_staff(seed: int) -> User:
    """A member of the staff, who looks at courses without being enrolled."""
    username = f"staff-{seed}"
    found = User.objects.filter(username=username).first()
    if found is not None:
        return found
    user = _make(username, "Course Staff", "")
    user.is_staff = True
    user.save()
    return user


@transaction.atomic
def _make(username: str, name: str, customer: str) -> User:
    user = User.objects.create(username=username, email=f"{username}@example.com")
    user.set_unusable_password()
    user.save()
    UserProfile.objects.create(user=user, name=name)
    if customer:
        link(user, customer)
    return user


def link(user: User, customer: str) -> None:
    """Let a learner come through single sign-on of a customer's."""
    UserSocialAuth.objects.create(
        user=user,
        provider=SSO_PROVIDER,
        uid=f"{customer}:{user.username}",
        extra_data={
            "PercipioUserUUID": [str(uuid.uuid5(SSO_NAMESPACE, user.username))],
            ORGANIZATION_KEY: [organization_of(customer)],
        },
    )
