"""On MariaDB: what is asked again and again does not read the whole table, nor everything that waits."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.db import connection

from benchmarks.growth_rows import fill
from benchmarks.pull import handler_reads
from percipio_openedx.delivery import dispatcher
from percipio_openedx.models import LearnerCourse
from percipio_openedx.operations import status
from percipio_openedx.operations.metrics import gauges
from percipio_openedx.reporting import due

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True)]

# With fewer the server reads the whole table, since that is cheap.
STATEMENTS = 100_000
WAITING = 1000
FEW = 100


@pytest.fixture(autouse=True)
def _rows() -> None:
    assert connection.vendor == "mysql", "these tests are about MariaDB: set PERCIPIO_TEST_DATABASE_URL"
    fill(STATEMENTS, WAITING)


def reads(ask: Callable[[], object]) -> int:
    before = handler_reads()
    ask()
    return handler_reads() - before


def test_the_queue_and_the_retired_by_a_few_entries_of_an_index() -> None:
    now = datetime.now(UTC)

    assert [row.pk for row in dispatcher._ready(now)] == [1]
    assert reads(lambda: dispatcher._ready(now)) < FEW
    assert reads(lambda: dispatcher._first_due(now)) < FEW
    assert reads(lambda: due.notice_rechecks(now)) < FEW
    assert reads(lambda: due._next_at(due.ReportSummary(), now)) < 2 * FEW


def test_the_metrics_by_what_waits_and_who_is_held_back() -> None:
    held = LearnerCourse.objects.exclude(hold_reason="").count()

    # The snapshot that alerts, overview and doctor show as well.
    assert reads(lambda: status.take(datetime.now(UTC))) < 3 * WAITING
    # Each at most twice; there are ten times as many who are not held back.
    assert reads(lambda: list(gauges())) < 2 * (WAITING + held)
