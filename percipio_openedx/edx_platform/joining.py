"""How a learner comes into a course: its runs, who may see and join them, the platform's enrollment and addresses."""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from django.db import connections
from django.db.models import CharField, Q
from django.db.models.functions import Cast
from django.http import QueryDict
from opaque_keys import InvalidKeyError
from opaque_keys.edx.keys import CourseKey

from percipio_openedx.data import CourseRun
from percipio_openedx.edx_platform.door import parsed, platform

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User
    from django.http import HttpRequest

_TIMES = ("start", "end", "enrollment_start", "enrollment_end")
_FACTS = ("display_name", "language", *_TIMES)


@platform("course_overviews.models.CourseOverview")
def runs_like(keys: Iterable[str], beginnings: Iterable[str] = ()) -> list[CourseRun]:
    """Return the course runs with these keys, or whose key begins so. One query, by the primary key.

    Read as it is stored: ``get_from_id`` would write what is outdated. Most databases ignore case.
    """
    exact = Q(pk__in=[key for key in map(_key, keys) if key is not None])
    found = _with_text(exact | _begin_with(beginnings)).values("text", *_FACTS)
    return [_run(key, row) for row in found if (key := _key(row["text"])) is not None]


def _run(key: CourseKey, row: dict[str, Any]) -> CourseRun:
    return CourseRun(
        key=row["text"],
        org=key.org or "",
        number=key.course or "",
        run=key.run or "",
        name=row["display_name"] or "",
        language=row["language"] or "",
        **{name: row[name] for name in _TIMES},
    )


@platform("course_overviews.models.CourseOverview")
def run_keys(beginnings: Iterable[str]) -> list[str]:
    """Return the keys of all course runs that begin so, as text. One query, of the primary key alone."""
    return list(_with_text(_begin_with(beginnings)).values_list("text", flat=True))


def _begin_with(beginnings: Iterable[str]) -> Q:
    # On MySQL and MariaDB no index serves Django's ``startswith``, which is ``LIKE BINARY`` there; elsewhere none
    # serves ``istartswith``. Callers compare exactly.
    begins = "istartswith" if connections[_overviews().db].vendor == "mysql" else "startswith"
    wanted = Q(pk__in=())
    for beginning in beginnings:
        wanted |= Q((f"pk__{begins}", beginning))
    return wanted


def _with_text(wanted: Q) -> Any:
    # The key's own field would raise for one row of many that is odd.
    return _overviews().filter(wanted).annotate(text=Cast("pk", CharField(max_length=255)))


def _overviews() -> Any:
    from openedx.core.djangoapps.content.course_overviews.models import CourseOverview

    return CourseOverview.objects.order_by()


def _key(text: str) -> CourseKey | None:
    try:
        return CourseKey.from_string(text)
    except InvalidKeyError:
        return None


@platform("student.models.CourseEnrollment")
def enrolled_runs(user_id: int, keys: Iterable[str]) -> set[str]:
    """Return those of these course runs in which a learner is enrolled now. One query."""
    from common.djangoapps.student.models import CourseEnrollment

    rows = CourseEnrollment.objects.filter(
        user_id=user_id, course_id__in=[parsed(key) for key in keys], is_active=True
    ).order_by()
    return {str(key) for key in rows.values_list("course_id", flat=True)}


@platform("courseware.access.has_access")
def may_see(user: User | AnonymousUser, course_key: str) -> bool:
    """Whether a learner may see that a course run exists, and its about page (as this site has it).

    The platform's ``see_exists`` lets everybody see a run that is for its staff only, as long as enrollment is open.
    """
    from lms.djangoapps.courseware.access import has_access
    from lms.djangoapps.courseware.courses import get_permission_for_course_about

    overview = _overviews().filter(pk=parsed(course_key)).first()
    if overview is None or (overview.visible_to_staff_only and not has_access(user, "staff", overview)):
        return False
    return all(has_access(user, action, overview) for action in ("see_exists", get_permission_for_course_about()))


@platform("courseware.access.has_access")
def may_enroll(user: User | AnonymousUser, course_key: str) -> bool:
    """Whether the platform's rules (enrollment period, invitations) let a learner enroll; a full course passes."""
    from lms.djangoapps.courseware.access import has_access

    overview = _overviews().filter(pk=parsed(course_key)).first()
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

    overview = _overviews().filter(pk=parsed(course_key)).first()
    return "" if overview is None else _address(str(get_link_for_about_page(overview)))


def _address(text: str) -> str:
    """Return an address that the platform built, unless a setting that is not set stands in it (``None/course/…``)."""
    is_path = text.startswith("/") and not text.startswith(("//", "/\\"))
    return text if is_path or text.startswith(("https://", "http://")) else ""
