"""On MariaDB: a learner's notice never waits for a worker, whatever the worker holds open, at either
isolation level.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from percipio_openedx.capture import notices
from percipio_openedx.db import without_gap_locks
from percipio_openedx.models import LearnerCourse, Notice, Statement, StatementLedger
from percipio_openedx.models.learner_course import Reason
from percipio_openedx.reporting import facts, report_due
from tests.integration.builders import KEY, a_course, a_learner, enrolled

pytestmark = [
    pytest.mark.services,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("reporting", "completing", "no_calls"),
]

# Seconds. What is not done by then was waiting: the database's own limit is 50.
PATIENCE = 5


@pytest.fixture(params=["READ COMMITTED", "REPEATABLE READ"], autouse=True)
def isolation(request: pytest.FixtureRequest) -> Iterator[str]:
    """What MySQL does by default, and what the LMS is usually told to do."""
    assert connection.vendor == "mysql", "these tests are about MariaDB: set PERCIPIO_TEST_DATABASE_URL"
    with connection.cursor() as cursor:
        cursor.execute(f"SET SESSION TRANSACTION ISOLATION LEVEL {request.param}")
    yield request.param
    connection.close()


def beside(act: Callable[[], Any], isolation: str) -> None:
    """Do something in a connection of its own, and fail if it has to wait."""
    outcome: list[BaseException | None] = []

    def run() -> None:
        try:
            with connections["default"].cursor() as cursor:
                cursor.execute(f"SET SESSION TRANSACTION ISOLATION LEVEL {isolation}")
            act()
            outcome.append(None)
        except BaseException as error:  # noqa: BLE001 - told to the test
            outcome.append(error)
        finally:
            connections["default"].close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(PATIENCE)
    waited = thread.is_alive()
    if waited:
        # End the transaction that it waits for, so that the test ends.
        connection.rollback()
        thread.join()
    assert not waited, "the learner waited for the worker"
    assert outcome == [None]


def a_learners_notice() -> None:
    with transaction.atomic():
        notices.append(99, KEY, Reason.COMPLETION)


def test_while_a_worker_deletes_what_it_saw(isolation: str) -> None:
    for number in range(3):
        notices.append(number, KEY, Reason.COMPLETION)
    seen = list(Notice.objects.values_list("pk", flat=True))
    with without_gap_locks():
        Notice.objects.filter(pk__in=seen).delete()
        beside(a_learners_notice, isolation)
    assert Notice.objects.count() == 1


def test_while_a_worker_reads_and_keeps_its_snapshot(isolation: str) -> None:
    notices.append(1, KEY, Reason.COMPLETION)
    with transaction.atomic():
        assert list(Notice.objects.order_by("pk")[:10])
        beside(a_learners_notice, isolation)


def test_while_a_look_is_being_kept(isolation: str) -> None:
    """Ledger, learner rows and statements are locked by the worker's open transaction."""
    course, learner = a_course(), a_learner()
    enrolled(learner, course)
    report_due()
    with transaction.atomic():
        StatementLedger.objects.select_for_update().get()
        list(LearnerCourse.objects.select_for_update())
        list(Statement.objects.select_for_update())
        beside(a_learners_notice, isolation)


def test_two_workers_take_different_learners(isolation: str) -> None:
    """While one worker's claim is not yet committed, another takes other learners and does not wait."""
    course = a_course()
    learners = [a_learner(f"learner{number}") for number in range(4)]
    for learner in learners:
        enrolled(learner, course)
    ids = [learner.pk for learner in learners]
    now = timezone.now()
    facts.release(facts.claim(1, KEY, ids, now).lease)
    with transaction.atomic():
        first = facts.claim(1, KEY, ids[:2], now)
        beside(lambda: facts.claim(1, KEY, ids[2:], now), isolation)
    assert set(first.rows) == set(ids[:2])
    assert LearnerCourse.objects.exclude(lease=None).values("lease").distinct().count() == 2


def test_a_lease_is_taken_by_one_of_many(isolation: str) -> None:
    """Eight workers go for the same learners at once; every learner has one holder."""
    course = a_course()
    ids = [a_learner(f"learner{number}").pk for number in range(5)]
    del course
    now, holders = timezone.now(), []
    start = threading.Barrier(8)

    def worker() -> None:
        try:
            start.wait(10)
            holders.extend(facts.claim(1, KEY, ids, now).rows)
        finally:
            connections["default"].close()

    threads = [threading.Thread(target=worker) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(holders) == sorted(ids)
    assert LearnerCourse.objects.filter(leased_until__gt=now + timedelta(minutes=1)).count() == len(ids)
