"""What is forgotten, what is kept, and that nothing is reported again because of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from percipio_openedx.models import (
    BackfillRun,
    DeliveryAttempt,
    ErasureRequest,
    LearnerCourse,
    Notice,
    PullAudit,
    Statement,
)
from percipio_openedx.models.statement import OPEN_STATES, State
from percipio_openedx.operations import retention
from percipio_openedx.reporting import report_due
from tests.integration.builders import a_course, a_learner, enrolled
from tests.integration.delivery.rows import add, destination_of

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("reporting", "completing", "no_calls"),
]

Manage = Callable[..., Any]
NOTHING = dict.fromkeys(retention.PRUNED, 0)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 2)


def ago(days: int) -> Any:
    return timezone.now() - timedelta(days=days)


def statement(number: int, state: State, days: int) -> int:
    """A statement that was stored and settled so many days ago."""
    row = add(number)
    settled = None if state in OPEN_STATES else ago(days)
    stored = ago(days) + timedelta(seconds=number)
    Statement.objects.filter(pk=row.pk).update(state=state, stored_at=stored, settled_at=settled)
    return row.pk


def left() -> set[int]:
    return set(Statement.objects.values_list("learner_course__user_id", flat=True))


@pytest.fixture
def statements() -> None:
    """Of each state one that is 100 days old (0 to 6) and one of a day (10 to 16)."""
    for days, first in ((100, 0), (1, 10)):
        for number, state in enumerate(State):
            statement(first + number, state, days)


def gone(manage: Manage, *arguments: str) -> dict[str, int]:
    ran = manage("percipio_prune", "--json", *arguments)
    assert ran.code == 0
    return {name: count for name, count in ran.documents[0].items() if name in NOTHING}


def test_by_default_every_statement_is_kept(statements: None, manage: Manage) -> None:
    assert gone(manage) == NOTHING
    assert len(left()) == 14


def test_old_settled_ones_go(statements: None, manage: Manage, settings: Any) -> None:
    settings.PERCIPIO_RETENTION_DAYS = 30
    assert gone(manage, "--dry-run") == {**NOTHING, "statements": 3}
    assert len(left()) == 14
    assert gone(manage) == {**NOTHING, "statements": 3}
    by_state = list(State)
    kept = {by_state.index(state) for state in (*OPEN_STATES, State.PARKED)}
    assert left() == kept | {10, 11, 12, 13, 14, 15, 16}
    assert LearnerCourse.objects.count() == 14
    assert gone(manage) == NOTHING


def test_parked_ones_have_their_own_age(statements: None, manage: Manage, settings: Any) -> None:
    settings.PERCIPIO_RETENTION_PARKED_DAYS = 60
    assert gone(manage) == {**NOTHING, "parked": 1}
    assert list(State).index(State.PARKED) not in left()


def test_nothing_is_reported_again(manage: Manage, settings: Any) -> None:
    settings.PERCIPIO_RETENTION_DAYS = 1
    course, learner = a_course(), a_learner()
    enrolled(learner, course)
    report_due()
    Statement.objects.update(state=State.DELIVERED, stored_at=ago(9), settled_at=ago(9))
    assert gone(manage)["statements"] == 1
    Notice.objects.create(user_id=learner.pk, course_key=str(course), reason="grade", noticed_at=ago(1))
    assert report_due().statements == 0


def test_records_of_requests(manage: Manage, settings: Any) -> None:
    for days in (300, 299, 1):
        for api in ("statements", "track"):
            if (days, api) != (1, "track"):
                DeliveryAttempt.objects.create(
                    destination=destination_of(),
                    api=api,
                    started_at=ago(days),
                    statements=1,
                    outcome="accepted",
                    duration_ms=1,
                )
        PullAudit.objects.create(at=ago(days), site_id=1, client_id="x", method="GET", status=200, duration_ms=1)
        BackfillRun.objects.create(scope_key="x", scope="{}", started_at=ago(days), finished_at=ago(days))
        ErasureRequest.objects.create(
            site_id=1, registrations=str(uuid4()), statements=1, erased_at=ago(days), done_at=ago(days)
        )
    BackfillRun.objects.create(scope_key="x", scope="{}", started_at=ago(300))
    ErasureRequest.objects.create(site_id=1, registrations=str(uuid4()), statements=1, erased_at=ago(300))

    settings.PERCIPIO_RETENTION_LOG_DAYS = 0
    assert gone(manage) == NOTHING
    settings.PERCIPIO_RETENTION_LOG_DAYS = 180
    assert gone(manage) == {**NOTHING, "attempts": 3, "pulls": 2, "backfills": 2, "erasures": 2}
    # The last attempt by the Track API tells until when nothing can be read back.
    assert set(DeliveryAttempt.objects.values_list("api", flat=True)) == {"statements", "track"}
    assert ErasureRequest.objects.filter(done_at=None).count() == 1


def test_it_stops_between_two_batches(statements: None, settings: Any) -> None:
    settings.PERCIPIO_RETENTION_DAYS = 30
    asked: list[int] = []

    def is_over() -> bool:
        asked.append(1)
        return len(asked) > 2

    assert retention.Prune(retention.cutoffs(), is_over).run()["statements"] < 3
    assert retention.Prune(retention.cutoffs(), lambda: False).run()["statements"] > 0


def test_whatever_was_queued_again_meanwhile_stays(manage: Manage, settings: Any) -> None:
    settings.PERCIPIO_RETENTION_DAYS = 30
    pk = statement(1, State.DELIVERED, 100)
    work = retention.Prune(retention.cutoffs(), lambda: False)
    Statement.objects.filter(pk=pk).update(state=State.WAITING)
    assert work._delete(Statement, [pk], state__in=retention.SETTLED) == 0
    assert left() == {1}


def test_a_wrong_setting_deletes_nothing(statements: None, manage: Manage, settings: Any) -> None:
    settings.PERCIPIO_RETENTION_DAYS = 30
    settings.PERCIPIO_RETENTION_LOG_DAYS = "long"
    assert manage("percipio_prune").code == 2
    assert len(left()) == 14
