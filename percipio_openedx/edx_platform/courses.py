"""Course runs as the platform describes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from django.db import connections
from django.db.models import CharField, Q
from django.db.models.functions import Cast
from opaque_keys import InvalidKeyError
from opaque_keys.edx.keys import CourseKey

from percipio_openedx.data import Course, CourseRun, Instructor
from percipio_openedx.edx_platform.door import parsed, platform
from percipio_openedx.exceptions import PlatformUnavailable

AT_ONCE, MOST_ASKED = 500, 20

# ``CATALOG_VISIBILITY_CATALOG_AND_ABOUT`` of ``xmodule.course_block``.
IN_CATALOG = "both"


def course(course_key: str) -> Course | None:
    """Return a course run or None; ``PlatformUnavailable`` if any part is unreadable, as statements need them all."""
    key = parsed(course_key)
    with platform("course_overviews.models.CourseOverview"):
        from openedx.core.djangoapps.content.course_overviews.models import CourseOverview

        try:
            overview = CourseOverview.get_from_id(key)
        except CourseOverview.DoesNotExist:
            return None
        block = _block(key)
        return Course(
            key=course_key,
            org=key.org or "",
            number=key.course or "",
            run=key.run or "",
            name=overview.display_name_with_default or "",
            description=overview.short_description or "",
            language=overview.language or "",
            instructors=_instructors(block),
            # The platform's function fails for a course that is gone from the course store.
            is_graded=block is not None and is_graded(course_key),
            ends_at=overview.end,
            is_visible=_is_visible(overview.catalog_visibility, bool(overview.visible_to_staff_only)),
        )


def _is_visible(catalog_visibility: str | None, is_hidden: bool) -> bool:
    """Whether the LMS's catalog shows a course run to everybody (``can_see_in_catalog`` of ``courseware.access``)."""
    return not is_hidden and catalog_visibility == IN_CATALOG


RUN_COLUMNS = (
    *("key", "display_org_with_default", "display_name", "short_description", "language", "effort"),
    *("course_image_url", "start", "end", "enrollment_start", "enrollment_end"),
    *("catalog_visibility", "visible_to_staff_only", "invitation_only"),
)


@platform("course_overviews.models.CourseOverview")
def course_runs(keys: Iterable[str] | None = None) -> list[CourseRun]:
    """Return the course runs that the LMS knows, or those of ``keys``, by key. One query, or one for 500 keys.

    Reads the rows as they are: nothing is loaded from the course store. A row whose key cannot be read is left out.
    """
    if keys is None:
        return _runs(Q())
    wanted = [parsed(key) for key in sorted(set(keys))]
    return _runs(*(Q(pk__in=wanted[start : start + AT_ONCE]) for start in range(0, len(wanted), AT_ONCE)))


@platform("course_overviews.models.CourseOverview")
def runs_like(keys: Iterable[str], beginnings: Iterable[str] = ()) -> list[CourseRun]:
    """Return the course runs with these keys, or whose key begins so. One query, by the primary key.

    Most databases ignore case.
    """
    return _runs(Q(pk__in=[key for key in map(_key, keys) if key is not None]) | _begin_with(beginnings))


@platform("course_overviews.models.CourseOverview")
def run_keys(beginnings: Iterable[str]) -> list[str]:
    """Return the keys of all course runs that begin so, as text. One query, of the primary key alone."""
    return list(_overviews().filter(_begin_with(beginnings)).values_list("key", flat=True))


def _overviews() -> Any:
    from openedx.core.djangoapps.content.course_overviews.models import CourseOverview

    # The key's own field would raise for one row of many that is odd, and accepts whole keys only.
    return CourseOverview.objects.annotate(key=Cast("id", CharField(max_length=255))).order_by()


def _begin_with(beginnings: Iterable[str]) -> Q:
    # On MySQL and MariaDB no index serves Django's ``startswith``, which is ``LIKE BINARY`` there; elsewhere none
    # serves ``istartswith``. Callers compare exactly.
    begins = "istartswith" if connections[_overviews().db].vendor == "mysql" else "startswith"
    wanted = Q(pk__in=())
    for beginning in beginnings:
        wanted |= Q((f"pk__{begins}", beginning))
    return wanted


def _key(text: str) -> CourseKey | None:
    try:
        return CourseKey.from_string(text)
    except InvalidKeyError:
        return None


def _runs(*wanted: Q) -> list[CourseRun]:
    rows = (row for one in wanted for row in _overviews().filter(one).values_list(*RUN_COLUMNS))
    # In Python: databases order letters in different ways.
    return sorted(filter(None, map(_run, rows)), key=lambda run: run.key)


def _run(row: tuple[Any, ...]) -> CourseRun | None:
    key, org_name, name, description, language, effort, image, *dates, visibility, is_hidden, by_invitation = row
    course_key = _key(key)
    if course_key is None:
        return None
    return CourseRun(
        key=key,
        org=course_key.org or "",
        number=course_key.course or "",
        run=course_key.run or "",
        org_name=org_name or "",
        name=name or "",
        description=description or "",
        language=language or "",
        effort=effort or "",
        image=image or "",
        start=dates[0],
        end=dates[1],
        enrollment_start=dates[2],
        enrollment_end=dates[3],
        is_visible=_is_visible(visibility, bool(is_hidden)),
        is_hidden=bool(is_hidden),
        invitation_only=bool(by_invitation),
    )


@platform("course_overviews.models.CourseOverview")
def unknown_courses(course_keys: Sequence[str]) -> set[str]:
    """Return those of these course runs that the LMS does not have. One query for 500 of them.

    The platform makes a missing overview when it is asked for, which takes the course store: only the first
    ``MOST_ASKED`` without one are asked for, and any others count as known.
    """
    from openedx.core.djangoapps.content.course_overviews.models import CourseOverview

    keys, known = [parsed(key) for key in course_keys], set()
    for start in range(0, len(keys), AT_ONCE):
        rows = CourseOverview.objects.filter(id__in=keys[start : start + AT_ONCE])
        known.update(rows.values_list("id", flat=True))
    found = set()
    for key in [key for key in keys if key not in known][:MOST_ASKED]:
        # One that cannot be read is there all the same.
        with suppress(PlatformUnavailable), platform("CourseOverview"):
            try:
                CourseOverview.get_from_id(key)
            except CourseOverview.DoesNotExist:
                found.add(str(key))
    return found


@platform("course_overviews.models.CourseOverview")
def find_courses(text: str, limit: int) -> dict[str, str]:
    """Return course runs by key, with their names, whose name or key holds every word of ``text``; a full scan."""
    rows = _overviews().order_by("key")
    for word in text.split():
        rows = rows.filter(Q(key__icontains=word) | Q(display_name__icontains=word))
    return {key: name or "" for key, name in rows.values_list("key", "display_name")[:limit]}


@platform("xmodule.modulestore")
def _block(key: CourseKey) -> Any:
    from xmodule.modulestore.django import modulestore

    return modulestore().get_course(key)


def _instructors(block: Any) -> tuple[Instructor, ...]:
    """Return the names on the course's page (``instructor_info``); the access role *instructor* is a course admin."""
    info = getattr(block, "instructor_info", None) or {}
    people = info.get("instructors") or [] if isinstance(info, Mapping) else []
    named = [str(person.get("name") or "").strip() for person in people if isinstance(person, Mapping)]
    return tuple(Instructor(name=name) for name in named if name)


@platform("grades.api.graded_subsections_for_course_id")
def is_graded(course_key: str) -> bool:
    """Whether anything in the course run counts towards a grade."""
    from lms.djangoapps.grades.api import graded_subsections_for_course_id

    return any(True for _ in graded_subsections_for_course_id(parsed(course_key)))


def outline_version(course_key: str) -> str:
    """Return the version of the outline in which the platform counts units; ``''`` if unknown. One query.

    It is that of the collected block structure's row (``BlockStructureModel``, since Sumac), which changes together
    with the counts. ``CourseOverview.modified`` and the course store's version change on publication, half a minute or
    a queue earlier: progress read in between would be stored under the new version.
    """
    versions = ("data_version", "transformers_schema_version", "block_structure_schema_version", "modified")
    return "|".join(map(str, _collected(course_key, *versions)))


def outline_collected_at(course_key: str) -> datetime | None:
    """Return when the platform collected the outline, as it does after a publication; None if unknown. One query."""
    return next(iter(_collected(course_key, "modified")), None)


@platform("block_structure.models.BlockStructureModel")
def _collected(course_key: str, *columns: str) -> tuple[Any, ...]:
    """Return these columns of the collected block structure's row, none without one."""
    from openedx.core.djangoapps.content.block_structure.models import BlockStructureModel

    root = parsed(course_key).make_usage_key("course", "course")
    return BlockStructureModel.objects.filter(data_usage_key=root).values_list(*columns).first() or ()
