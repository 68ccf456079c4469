"""Rows by many primary keys."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from percipio_openedx.keys import among, update
from percipio_openedx.models import LearnerCourse, Notice
from tests.integration.delivery.rows import NOW

pytestmark = pytest.mark.django_db


def test_it_finds_what_in_finds() -> None:
    pks = [Notice.objects.create(user_id=n, course_key="a", reason="grade", noticed_at=NOW).pk for n in range(5)]

    assert list(Notice.objects.filter(among("pk", pks[1:3]), user_id__gt=0).order_by("pk")) == list(
        Notice.objects.filter(pk__in=pks[1:3]).order_by("pk")
    )
    assert Notice.objects.filter(among("pk", [pks[-1] + 1])).count() == 0
    assert Notice.objects.filter(among("user_id", {2, 3, 9})).count() == 2
    assert Notice.objects.filter(among("pk", [])).exists() is False
    assert Notice.objects.filter(among("pk", pks[:1])).update(reason="certificate") == 1
    assert Notice.objects.filter(among("pk", iter(pks[2:]))).delete()[0] == 3
    assert Notice.objects.exclude(among("pk", pks[:1])).count() == 1


@pytest.mark.parametrize("key", ["1", "1) OR (1=1", 1.0, None])
def test_only_whole_numbers_get_into_the_sql(key: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        among("pk", [key])  # type: ignore[list-item]


def learners(count: int) -> list[LearnerCourse]:
    """As many, of one course, the last of them under another lease."""
    return [
        LearnerCourse.objects.create(
            user_id=number,
            course_key="course-v1:DemoX+CS101+2026",
            site_id=1,
            registration=UUID(int=number),
            lease=UUID(int=9 if number < count else 8),
            leased_until=NOW,
        )
        for number in range(1, count + 1)
    ]


def contents() -> list[dict[str, Any]]:
    return list(LearnerCourse.objects.order_by("pk").values())


@pytest.mark.parametrize(
    "become",
    [
        {"lease": None, "leased_until": None, "looked_at": NOW + timedelta(microseconds=1)},
        {"lease": UUID(int=9), "course_key": "course-v1:100%+it's+2026", "percent_seen": 0},
    ],
)
def test_an_update_sets_what_that_of_a_queryset_sets(become: dict[str, Any]) -> None:
    rows = learners(5)
    pks = [row.pk for row in rows[1:]]
    before = contents()
    were = {"lease": UUID(int=9), "site_id": 1}

    assert LearnerCourse.objects.filter(pk__in=pks, **were).update(**become) == 3
    expected = contents()
    for row in before:
        LearnerCourse.objects.filter(pk=row["id"]).update(**row)
    assert contents() == before

    assert update(LearnerCourse, iter([*pks, 10**9]), were, become) == 3
    assert contents() == expected


def test_an_update_counts_the_rows_that_are_there_changed_or_not() -> None:
    rows = learners(3)
    pks = [row.pk for row in rows]

    assert update(LearnerCourse, pks, {"lease": UUID(int=9)}, {"leased_until": NOW}) == 2
    assert update(LearnerCourse, pks, {"lease": UUID(int=7)}, {"leased_until": None}) == 0
    assert update(LearnerCourse, [], {"lease": UUID(int=9)}, {"leased_until": None}) == 0
    assert update(LearnerCourse, pks, {"looked_at": None}, {"leased_until": None}) == 0
    assert {row["leased_until"] for row in contents()} == {NOW}


@pytest.mark.parametrize("key", ["1", "1) OR (1=1", 1.0, None])
def test_only_whole_numbers_get_into_the_sql_of_an_update(key: Any) -> None:
    rows = learners(2)
    with pytest.raises((TypeError, ValueError)):
        update(LearnerCourse, [rows[0].pk, key], {"site_id": 1}, {"leased_until": None})
    assert {row["leased_until"] for row in contents()} == {NOW}
