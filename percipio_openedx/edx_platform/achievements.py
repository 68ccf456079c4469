"""What learners did in a course run, by course and in bulk: activity, grades, certificates."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Count, Max, Min, Q
from opaque_keys.edx.keys import CourseKey

from percipio_openedx.data import Activity, Certificate, Grade
from percipio_openedx.edx_platform.door import parsed, platform

DONE = Q(completion__gt=0)


@platform("completion.models.BlockCompletion")
def activities(course_key: str, user_ids: Iterable[int]) -> dict[int, Activity]:
    """First and latest recorded completion by learner, without the time on task. One query.

    A completion of 0.0 is what is left of one that was taken back (a learner's state was deleted): a change, since less
    is done now, and nothing that the learner did.
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
        )
        .values_list("user_id", "first", "last", "changed", "count")
        .order_by()
    )
    return {
        user_id: Activity(first=first, last=last, version=f"{count}@{changed.timestamp():.6f}")
        for user_id, first, last, changed, count in rows
    }


@platform("completion.models.BlockCompletion")
def activity_times(course_key: str, user_ids: Iterable[int]) -> dict[int, list[datetime]]:
    """Every recorded moment of activity by learner, in order. One query; for the few who have something to report."""
    from completion.models import BlockCompletion

    found: dict[int, list[datetime]] = {}
    rows = BlockCompletion.objects.filter(DONE, user_id__in=user_ids, context_key=parsed(course_key))
    for user_id, created, modified in rows.values_list("user_id", "created", "modified").iterator(chunk_size=5000):
        found.setdefault(user_id, []).extend((created, modified))
    return {user_id: sorted(times) for user_id, times in found.items()}


def grades(course_key: str, user_ids: Iterable[int]) -> dict[int, Grade]:
    """Stored course grades by learner. One query.

    The row and not ``CourseGradeFactory().read``: that costs a query each, and computes nothing more.
    """
    with platform("grades.models.PersistentCourseGrade"):
        from lms.djangoapps.grades.models import PersistentCourseGrade

        rows = PersistentCourseGrade.objects.filter(user_id__in=user_ids, course_id=parsed(course_key))
        columns = ("user_id", "percent_grade", "letter_grade", "passed_timestamp", "modified")
        return {
            user_id: Grade(fraction=percent, passing=bool(letter), passed_at=passed_at, changed=modified)
            for user_id, percent, letter, passed_at, modified in rows.values_list(*columns)
        }


def certificates(course_key: str, user_ids: Iterable[int]) -> dict[int, Certificate]:
    """Return course certificates by learner. One query, and two more where anybody holds one.

    Held means that it is there to be shown (``downloadable``). Its row may be older: one whose learner has no verified
    identity begins as ``unverified`` (edx-platform's ADR certificates/006), and each renewal saves it again. So its
    history says since when it is held without a break.
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
            # A row's last change is never before it came to be what it is.
            held_since=min(since[pk], modified) if pk in since else None,
            is_available=is_shown,
            available_at=shown_from,
        )
        for pk, user_id, created, modified, _status in found
    }


def _shown(key: CourseKey) -> tuple[bool, datetime | None]:
    """Return whether the course shows its certificates now, and the day from which it does.

    The day is None where they are shown as soon as they are held, or where no day is set. Whether they are shown is for
    the platform to say; the day follows its rules (``certificates.utils.should_certificate_be_visible``).
    """
    with platform("certificates.api.certificates_viewable_for_course"):
        from lms.djangoapps.certificates.api import certificates_viewable_for_course
        from openedx.core.djangoapps.content.course_overviews.models import CourseOverview

        try:
            # Not ``get_course_overview_or_none``, for which a course that cannot be read is none either.
            overview = CourseOverview.get_from_id(key)
        except CourseOverview.DoesNotExist:
            return False, None
        is_shown = bool(certificates_viewable_for_course(overview))
        if overview.self_paced or overview.certificates_show_before_end:
            return is_shown, None
        # Values of ``xmodule.data.CertificatesDisplayBehaviors``.
        days = {"end_with_date": overview.certificate_available_date, "end": overview.end}
        return is_shown, days.get(str(overview.certificates_display_behavior))


def _held_since(pks: Iterable[int]) -> dict[int, datetime]:
    """Return since when each of these certificates is held; those of whose history nothing is known are absent."""
    with platform("certificates.models.GeneratedCertificate.history"):
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
