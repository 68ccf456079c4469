"""Accounts, their pseudonyms, single-sign-on links, and retirements."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.db.models import Q

from percipio_openedx.data import Learner, RetiredNames, SocialLink
from percipio_openedx.edx_platform.door import platform

if TYPE_CHECKING:
    from django.contrib.auth.models import User

# How often single-sign-on extra data may be JSON text within JSON.
MOST_NESTED = 3

# The type of external id that Open edX keeps for xAPI (``ExternalIdType.XAPI``).
EXTERNAL_ID_TYPE = "xapi"


@platform("auth.models.User")
def learners(user_ids: Iterable[int]) -> dict[int, Learner]:
    """Return accounts by id, with the profile's name. One query."""
    rows = get_user_model().objects.filter(pk__in=user_ids)
    columns = ("pk", "is_active", "username", "email", "profile__name")
    return {
        pk: Learner(user_id=pk, is_active=is_active, username=username, email=email or "", name=name or "")
        for pk, is_active, username, email, name in rows.values_list(*columns)
    }


@platform("auth.models.User")
def find_learners(text: str, limit: int) -> dict[int, Learner]:
    """Return accounts by the beginning of username, email or name, exact ones first. Three indexed queries."""
    found: dict[int, Learner] = {}
    for column in ("username", "email", "profile__name"):
        rows = get_user_model().objects.filter(**{f"{column}__istartswith": text}).order_by(column)
        found.update(learners(list(rows.values_list("pk", flat=True)[:limit])))
    exact = text.lower()
    ordered = sorted(found.values(), key=lambda one: exact not in (one.username.lower(), one.email.lower()))
    return {learner.user_id: learner for learner in ordered[:limit]}


@platform("social_django.models.UserSocialAuth")
def names_of(user_id: int) -> list[str]:
    """Return username, email, name and single-sign-on uids, also from before a retirement.

    Raises ``PlatformUnavailable`` if any cannot be read, since an erasure must know all.
    """
    from social_django.models import UserSocialAuth

    found = [getattr(one, name) for one in learners([user_id]).values() for name in ("username", "email", "name")]
    found += UserSocialAuth.objects.filter(user_id=user_id).values_list("uid", flat=True)
    for row in _names_before(user_id):
        found += row
    return [str(value) for value in found if value]


@platform("user_api.models.UserRetirementStatus")
def _names_before(user_id: int) -> list[tuple[str, str, str]]:
    try:
        from openedx.core.djangoapps.user_api.models import UserRetirementStatus
    except (ImportError, RuntimeError):
        # Missing, or installed without being one of the LMS's apps.
        return []
    columns = ("original_username", "original_email", "original_name")
    return list(UserRetirementStatus.objects.filter(user_id=user_id).values_list(*columns))


@platform("auth.models.User")
def user_id_of(text: str) -> int | None:
    """Return the account of an exact user id, username or email."""
    rows = get_user_model().objects.order_by("pk")
    if text.isascii() and text.isdigit() and len(text) < 10:
        found = rows.filter(pk=int(text))
    else:
        found = rows.filter(email__iexact=text) if "@" in text else rows.filter(username=text)
    return found.values_list("pk", flat=True).first()


@platform("auth.models.User")
def users(user_ids: Iterable[int]) -> dict[int, User]:
    """Return whole accounts, as the platform's progress functions need them. One query."""
    return dict(get_user_model().objects.in_bulk(list(user_ids)))


@platform("user_api.models.UserRetirementStatus")
def retiring(user_ids: Iterable[int]) -> set[int]:
    """Return the accounts with a retirement request whose row still exists."""
    from openedx.core.djangoapps.user_api.models import UserRetirementStatus

    return set(UserRetirementStatus.objects.filter(user_id__in=user_ids).values_list("user_id", flat=True))


@platform("auth.models.User")
def retired_accounts(names: RetiredNames, after: int, limit: int) -> list[int]:
    """Return the ids, in order, of accounts with a retired account's name in any case."""
    by_email, by_username = Q(pk__in=()), Q(pk__in=())
    for prefix, suffix in names.emails:
        by_email |= Q(email__istartswith=prefix, email__iendswith=suffix)
    for prefix, suffix in names.usernames:
        by_username |= Q(username__istartswith=prefix, username__iendswith=suffix, is_active=False)
    found: set[int] = set()
    # Two queries with one index each: databases often use neither of two indexes in one query.
    for is_retired in (by_email, by_username):
        rows = get_user_model().objects.filter(is_retired, pk__gt=after).order_by("pk")
        found.update(rows.values_list("pk", flat=True)[:limit])
    return sorted(found)[:limit]


def retired_for_good(names: RetiredNames, user_ids: Iterable[int]) -> set[int]:
    """Return accounts with a retired account's name whose retirement cannot be canceled any more.

    The address is replaced when the learner asks; the request can be canceled until the pipeline starts (``PENDING``).
    """
    retired = {user_id for user_id, learner in learners(user_ids).items() if names.has(learner)}
    if not retired:
        return set()
    with platform("user_api.models.UserRetirementStatus"):
        from openedx.core.djangoapps.user_api.models import UserRetirementStatus

        pending = UserRetirementStatus.objects.filter(user_id__in=retired, current_state__state_name="PENDING")
        return retired - set(pending.values_list("user_id", flat=True))


@platform("external_user_ids.models.ExternalId")
def external_ids(user_ids: Iterable[int]) -> dict[int, str]:
    """Return each learner's Open edX pseudonym for xAPI, creating missing ones."""
    from openedx.core.djangoapps.external_user_ids.models import ExternalId

    accounts = list(get_user_model().objects.filter(pk__in=user_ids))
    found = ExternalId.batch_get_or_create_user_ids(accounts, EXTERNAL_ID_TYPE) or {}
    return {user_id: str(row.external_user_id) for user_id, row in found.items()}


@platform("social_django.models.UserSocialAuth")
def social_links(user_ids: Iterable[int]) -> dict[int, tuple[SocialLink, ...]]:
    """Return single-sign-on links by learner, oldest first. One query."""
    from social_django.models import UserSocialAuth

    found: dict[int, list[SocialLink]] = {}
    rows = UserSocialAuth.objects.filter(user_id__in=user_ids).order_by("id")
    for pk, user_id, provider, uid, extra in rows.values_list("id", "user_id", "provider", "uid", "extra_data"):
        found.setdefault(user_id, []).append(SocialLink(pk, provider, uid, _read(extra)))
    return {user_id: tuple(links) for user_id, links in found.items()}


def _read(extra: Any) -> dict[str, Any] | None:
    """Return a link's extra data; None if it cannot be read.

    Versions of social-auth-app-django stored it as JSON text within the JSON (its issues 464 and 465), and later saves
    may have nested it again.
    """
    for _ in range(MOST_NESTED):
        if not isinstance(extra, str):
            break
        try:
            extra = json.loads(extra) if extra.strip() else {}
        except (ValueError, RecursionError):
            return None
    if extra is None:
        return {}
    return extra if isinstance(extra, dict) else None
