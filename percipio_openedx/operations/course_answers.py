"""Taking over what was decided for courses: all of a file or nothing of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from percipio_openedx.models.course_answer import CourseAnswer, outdate
from percipio_openedx.operations.course_csv import Row

AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Taken:
    """How many answers are new, changed, and were so before; ``freed`` are the courses now reported again."""

    new: int = 0
    changed: int = 0
    same: int = 0
    freed: tuple[str, ...] = ()


def take(rows: Sequence[Row], *, dry_run: bool = False) -> Taken:
    """Store answers, in one transaction. Courses that are not among the rows keep theirs.

    Arguments:
        rows: from ``course_csv.parse``, so each course once.
        dry_run: count only.
    """
    with transaction.atomic():
        before = _stored(rows)
        now = timezone.now()
        new, changed = [], []
        for row in rows:
            known = before.get(row.course_key.casefold())
            if known is None:
                new.append(CourseAnswer(**_values(row), updated_at=now))
            elif (known.is_reported, known.content_id) != (row.is_reported, row.content_id):
                changed.append(known)
        freed = tuple(
            row.course_key
            for row in rows
            if row.is_reported and (known := before.get(row.course_key.casefold())) and not known.is_reported
        )
        wanted = {row.course_key.casefold(): row for row in rows}
        for known in changed:
            row = wanted[known.course_key.casefold()]
            known.is_reported, known.content_id, known.updated_at = row.is_reported, row.content_id, now
        if not dry_run:
            CourseAnswer.objects.bulk_create(new, batch_size=AT_ONCE)
            CourseAnswer.objects.bulk_update(changed, ["is_reported", "content_id", "updated_at"], batch_size=AT_ONCE)
            outdate(row.course_key for row in (*new, *changed))
    return Taken(len(new), len(changed), len(rows) - len(new) - len(changed), freed)


def stored() -> Iterator[Row]:
    """Every answer, by course."""
    rows = CourseAnswer.objects.order_by("course_key").values_list("course_key", "is_reported", "content_id")
    return (Row(*row) for row in rows.iterator())


def _stored(rows: Sequence[Row]) -> dict[str, CourseAnswer]:
    """The answers to the same courses, locked until the end of the transaction."""
    found: dict[str, CourseAnswer] = {}
    for start in range(0, len(rows), AT_ONCE):
        keys = [row.course_key for row in rows[start : start + AT_ONCE]]
        locked = CourseAnswer.objects.select_for_update().filter(course_key__in=keys)
        found.update((row.course_key.casefold(), row) for row in locked)
    return found


def _values(row: Row) -> dict[str, object]:
    return {"course_key": row.course_key, "is_reported": row.is_reported, "content_id": row.content_id}
