"""Rows by many primary keys."""

from __future__ import annotations

import pytest

from percipio_openedx.keys import among
from percipio_openedx.models import Notice
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
