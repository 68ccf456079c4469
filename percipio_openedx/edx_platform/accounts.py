"""Learners: their accounts, pseudonyms, single-sign-on links and retirements, and how they come into a course."""

from __future__ import annotations

import json
from collections.abc import Iterable
from copy import copy
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.db.models import Q
from django.http import QueryDict

from percipio_openedx.data import Learner, RetiredNames, SocialLink
from percipio_openedx.edx_platform.door import parsed, platform

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User
    from django.http import HttpRequest

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
    with platform("user_api.models.UserRetirementStatus"):
        from openedx.core.djangoapps.user_api.models import UserRetirementStatus

        columns = ("original_username", "original_email", "original_name")
        for row in UserRetirementStatus.objects.filter(user_id=user_id).values_list(*columns):
            found += row
    return [str(value) for value in found if value]


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


# --- how they come into a course --------------------------------------------------------------------------------------


def _overview(course_key: str) -> Any:
    """Return the row as it is stored: ``get_from_id`` would write what is outdated."""
    from openedx.core.djangoapps.content.course_overviews.models import CourseOverview

    return CourseOverview.objects.filter(pk=parsed(course_key)).first()


@platform("student.models.CourseEnrollment")
def enrolled_runs(user_id: int, keys: Iterable[str]) -> set[str]:
    """Return those of these course runs in which a learner is enrolled now. One query."""
    from common.djangoapps.student.models import CourseEnrollment

    wanted = [parsed(key) for key in keys]
    rows = CourseEnrollment.objects.filter(user_id=user_id, course_id__in=wanted, is_active=True).order_by()
    return {str(key) for key in rows.values_list("course_id", flat=True)}


@platform("courseware.access.has_access")
def may_see(user: User | AnonymousUser, course_key: str) -> bool:
    """Whether a learner may see that a course run exists, and its about page (as this site has it).

    The platform's ``see_exists`` lets everybody see a run that is for its staff only, as long as enrollment is open.
    """
    from lms.djangoapps.courseware.access import has_access
    from lms.djangoapps.courseware.courses import get_permission_for_course_about

    overview = _overview(course_key)
    if overview is None or (overview.visible_to_staff_only and not has_access(user, "staff", overview)):
        return False
    return all(has_access(user, action, overview) for action in ("see_exists", get_permission_for_course_about()))


@platform("courseware.access.has_access")
def may_enroll(user: User | AnonymousUser, course_key: str) -> bool:
    """Whether the platform's rules (enrollment period, invitations) let a learner enroll; a full course passes."""
    from lms.djangoapps.courseware.access import has_access

    overview = _overview(course_key)
    return overview is not None and bool(has_access(user, "enroll", overview))


@platform("student.views.change_enrollment")
def enroll(request: HttpRequest, course_key: str) -> str:
    """Enroll the learner of a POST request as the about page's button does; the caller looks whether it did.

    So every rule of the platform holds, in its order: embargo, entitlements, paid modes, ``check_access`` (closed, by
    invitation, full, a plugin's filter). Not inside a transaction, which the platform's view refuses.

    Returns:
        Where the platform sends the learner (the choice of a track, why the country is blocked), or ``''``.
    """
    from common.djangoapps.student.views import change_enrollment

    asked, form = copy(request), QueryDict(mutable=True)
    form.update({"course_id": course_key, "enrollment_action": "enroll"})
    asked.POST = form  # type: ignore[assignment]
    answer = change_enrollment(asked)
    return _address(answer.content.decode()) if answer.status_code == HTTPStatus.OK else ""


@platform("course_experience.course_home_url")
def course_home(course_key: str) -> str:
    """Return a course run's address in the learning micro-frontend; ``''`` if the LMS has none."""
    from openedx.features.course_experience import course_home_url

    return _address(str(course_home_url(parsed(course_key))))


@platform("util.course.get_link_for_about_page")
def about_page(course_key: str) -> str:
    """Return a course run's about page, as the platform links it (a marketing site, the catalog micro-frontend)."""
    from common.djangoapps.util.course import get_link_for_about_page

    overview = _overview(course_key)
    return "" if overview is None else _address(str(get_link_for_about_page(overview)))


def _address(text: str) -> str:
    """Return an address that the platform built, unless a setting that is not set stands in it (``None/course/…``)."""
    is_path = text.startswith("/") and not text.startswith(("//", "/\\"))
    return text if is_path or text.startswith(("https://", "http://")) else ""
