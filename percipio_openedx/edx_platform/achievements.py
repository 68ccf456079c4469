"""What learners did in a course run, in bulk: enrollments, activity, grades, certificates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import CharField, Count, F, Max, Min, Q, Value
from opaque_keys.edx.keys import CourseKey

from percipio_openedx.data import Activity, Certificate, Enrollment, Grade
from percipio_openedx.edx_platform.door import parsed, platform

DONE = Q(completion__gt=0)
# What the platform counts as complete: its summary compares with 1.0 exactly.
COMPLETE = Q(completion=1.0)

# Learners are drawn by the remainder of their ids: a prime, since databases give out ids in steps. The factor (by the
# golden ratio) spreads every draw over the whole range of ids.
PARTS, FACTOR = 10_007, 6_185
AT_ONCE = 500
# To read the enrollments of a learner costs so many times what it costs to pass over an enrollment in a course run.
DEARER = 10


def _enrollment_rows(user_id: int | None = None, **filters: Any) -> Any:
    from common.djangoapps.student.models import CourseEnrollment

    rows = CourseEnrollment.objects.filter(**filters).order_by()
    return rows if user_id is None else rows.filter(user_id=user_id)


@platform("student.models.CourseEnrollment")
def enrollments(course_key: str, user_ids: Iterable[int]) -> dict[int, Enrollment]:
    """Return enrollment rows by learner, active or not. One query."""
    rows = _enrollment_rows(user_id__in=user_ids, course_id=parsed(course_key))
    return {
        user_id: Enrollment(created=created, is_active=is_active, mode=mode)
        for user_id, created, is_active, mode in rows.values_list("user_id", "created", "is_active", "mode")
        if created is not None
    }


@platform("student.models.CourseEnrollment")
def enrollment_counts(user_id: int | None = None) -> dict[str, int]:
    """Return every course run with its number of enrollments ever (or of one learner). One query."""
    counted = _enrollment_rows(user_id).values_list("course_id").annotate(Count("id"))
    return {str(key): count for key, count in counted.iterator()}


@platform("student.models.CourseEnrollment")
def next_course(course_key: str, user_id: int | None = None) -> str:
    """Return the course run after this one in which anybody (or one learner) was ever enrolled, ``''`` after the last.

    In the order in which the database sorts them. One query, however many enrollments: the index of courses serves it.
    """
    # As a value, since a text that is no course key can stand in the column, too.
    after = Value(course_key, output_field=CharField())
    rows = _enrollment_rows(user_id, course_id__gt=after).order_by("course_id")
    found = rows.values_list("course_id", flat=True).first()
    return "" if found is None else str(found)


@platform("student.models.CourseEnrollment")
def courses_of(user_ids: Iterable[int]) -> dict[int, set[str]]:
    """Return the course runs that these learners were ever enrolled in. One query."""
    found: dict[int, set[str]] = {}
    for user_id, key in _enrollment_rows(user_id__in=user_ids).values_list("user_id", "course_id"):
        found.setdefault(user_id, set()).add(str(key))
    return found


@platform("student.models.CourseEnrollment")
def enrollments_after(
    course_key: str, after: int, limit: int, user_id: int | None = None
) -> list[tuple[int, int, datetime | None]]:
    """Return enrollment id, user id and time of creation, in the order of the ids (the course's index serves it)."""
    rows = _enrollment_rows(user_id, course_id=parsed(course_key), id__gt=after).order_by("id")
    return list(rows.values_list("id", "user_id", "created")[:limit])


@platform("student.models.CourseEnrollment")
def drawn_enrollments(courses: Mapping[str, int], parts: int = PARTS) -> list[tuple[int, str, Enrollment | None]]:
    """Return user id, course run and enrollment of the learners in ``parts`` of all ``PARTS`` parts.

    Which part a learner is in depends on the user id alone: whoever is drawn is drawn with every enrollment, and in
    every draw of as many parts. An enrollment without a date is None, as it is absent from ``enrollments``.

    Arguments:
        courses: the number of enrollments by course run.
    """
    found = []
    for rows in _drawn_rows([parsed(key) for key in courses], sum(courses.values()), parts):
        columns = ("user_id", "course_id", "created", "is_active", "mode")
        for user_id, key, created, is_active, mode in rows.values_list(*columns).iterator():
            if str(key) in courses:
                found.append((user_id, str(key), None if created is None else Enrollment(created, is_active, mode)))
    return found


def _drawn_rows(keys: list[CourseKey], enrollments: int, parts: int) -> Iterator[Any]:
    """Yield querysets with the drawn rows: by the ids that are drawn where these are few, else by the course runs."""
    drawn = _drawn_ids(parts) if parts < PARTS else range(0)
    if 0 < len(drawn) <= enrollments // DEARER:
        for start in range(0, len(drawn), AT_ONCE):
            yield _enrollment_rows(user_id__in=drawn[start : start + AT_ONCE])
        return
    for start in range(0, len(keys), AT_ONCE):
        rows = _enrollment_rows(course_id__in=keys[start : start + AT_ONCE])
        if parts < PARTS:
            rows = rows.annotate(part=(F("user_id") % PARTS) * FACTOR % PARTS).filter(part__lt=parts)
        yield rows


def _drawn_ids(parts: int) -> Sequence[int]:
    """Return every user id in the range of those enrolled that is in the first ``parts`` parts, whoever has it."""
    ends = _enrollment_rows().aggregate(first=Min("user_id"), last=Max("user_id"))
    if ends["first"] is None:
        return []
    first, last = ends["first"], ends["last"]
    remainders = [number for number in range(PARTS) if number * FACTOR % PARTS < parts]
    blocks = range(first // PARTS * PARTS, last + 1, PARTS)
    return [block + rest for block in blocks for rest in remainders if first <= block + rest <= last]


@platform("completion.models.BlockCompletion")
def activities(course_key: str, user_ids: Iterable[int]) -> dict[int, Activity]:
    """Return first and latest recorded completion by learner, without the time on task. One query.

    A completion of 0.0 is left over from one taken back (a learner's state was deleted): it changes the version, but is
    no activity.
    """
    from completion.models import BlockCompletion

    rows = (
        BlockCompletion.objects.filter(user_id__in=user_ids, context_key=parsed(course_key))
        .values("user_id")
        .annotate(
            first=Min("created", filter=DONE),
            last=Max("modified", filter=DONE),
            changed=Max("modified"),
            count=Count("id"),
            complete=Count("id", filter=COMPLETE),
        )
        .values_list("user_id", "first", "last", "changed", "count", "complete")
        .order_by()
    )
    return {
        user_id: Activity(
            first=first,
            last=last,
            # A completion may be taken back without a newer time (a repair in the database).
            version=f"{complete}/{count}@{changed.timestamp():.6f}",
            has_complete_block=complete > 0,
        )
        for user_id, first, last, changed, count, complete in rows
    }


@platform("completion.models.BlockCompletion")
def activity_times(course_key: str, user_ids: Iterable[int]) -> dict[int, list[datetime]]:
    """Return every recorded moment of activity by learner, in order: for the few with something to report."""
    from completion.models import BlockCompletion

    found: dict[int, list[datetime]] = {}
    rows = BlockCompletion.objects.filter(DONE, user_id__in=user_ids, context_key=parsed(course_key))
    for user_id, created, modified in rows.values_list("user_id", "created", "modified").iterator(chunk_size=5000):
        found.setdefault(user_id, []).extend((created, modified))
    return {user_id: sorted(times) for user_id, times in found.items()}


@platform("grades.models.PersistentCourseGrade")
def grades(course_key: str, user_ids: Iterable[int]) -> dict[int, Grade]:
    """Return stored course grades by learner. One query, where ``CourseGradeFactory().read`` costs one each."""
    from lms.djangoapps.grades.models import PersistentCourseGrade

    rows = PersistentCourseGrade.objects.filter(user_id__in=user_ids, course_id=parsed(course_key))
    columns = ("user_id", "percent_grade", "letter_grade", "passed_timestamp", "modified")
    return {
        user_id: Grade(fraction=percent, passing=bool(letter), passed_at=passed_at, changed=modified)
        for user_id, percent, letter, passed_at, modified in rows.values_list(*columns)
    }


def certificates(course_key: str, user_ids: Iterable[int]) -> dict[int, Certificate]:
    """Return course certificates by learner. One query, plus two if anybody holds one.

    Held means ``downloadable``. The row may be older: it begins as ``unverified`` for a learner without a verified
    identity (edx-platform's ADR certificates/006), and each renewal saves it again. So its history says since when it
    is held without a break.
    """
    key = parsed(course_key)
    with platform("certificates.models.GeneratedCertificate"):
        from lms.djangoapps.certificates.data import CertificateStatuses
        from lms.djangoapps.certificates.models import GeneratedCertificate

        rows = GeneratedCertificate.objects.filter(user_id__in=user_ids, course_id=key)
        found = list(rows.values_list("pk", "user_id", "created_date", "modified_date", "status"))
        held = {pk for pk, _, _, _, status in found if status == CertificateStatuses.downloadable}
    is_shown, shown_from = _shown(key) if held else (True, None)
    since = _held_since(held) if held else {}
    return {
        user_id: Certificate(
            created=created,
            is_held=pk in held,
            changed=modified,
            # A row's last change is never before it reached its state.
            held_since=min(since[pk], modified) if pk in since else None,
            is_available=is_shown,
            available_at=shown_from,
        )
        for pk, user_id, created, modified, _status in found
    }


@platform("certificates.api.certificates_viewable_for_course")
def _shown(key: CourseKey) -> tuple[bool, datetime | None]:
    """Return whether the course shows its certificates now, and the date from which it does.

    The date is None if they are shown as soon as they are held, or no date is set. Follows
    ``certificates.utils.should_certificate_be_visible``.
    """
    from lms.djangoapps.certificates.api import certificates_viewable_for_course
    from openedx.core.djangoapps.content.course_overviews.models import CourseOverview

    try:
        # Not ``get_course_overview_or_none``: that also returns None for a course that cannot be read.
        overview = CourseOverview.get_from_id(key)
    except CourseOverview.DoesNotExist:
        return False, None
    is_shown = bool(certificates_viewable_for_course(overview))
    if overview.self_paced or overview.certificates_show_before_end:
        return is_shown, None
    # Values of ``xmodule.data.CertificatesDisplayBehaviors``. An overview just built holds its members, which equal the
    # values, while ``str()`` of one is its name.
    days = {"end_with_date": overview.certificate_available_date, "end": overview.end}
    return is_shown, days.get(overview.certificates_display_behavior)


@platform("certificates.models.GeneratedCertificate.history")
def _held_since(pks: Iterable[int]) -> dict[int, datetime]:
    """Return since when each of these certificates is held; those without a history are absent."""
    from lms.djangoapps.certificates.data import CertificateStatuses
    from lms.djangoapps.certificates.models import GeneratedCertificate

    rows = GeneratedCertificate.history.filter(id__in=pks).order_by("history_date", "history_id")
    found: dict[int, datetime] = {}
    for pk, at, status in rows.values_list("id", "history_date", "status"):
        if status == CertificateStatuses.downloadable:
            found.setdefault(pk, at)
        else:
            found.pop(pk, None)
    return found
