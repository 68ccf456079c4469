"""One pass with a clock that is a month ahead: what it put off, or held, is not out of reach for a month."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from percipio_openedx.delivery.claim import Claims, correct_times
from percipio_openedx.delivery.dispatcher import deliver_due
from percipio_openedx.delivery.outcomes import LONGEST_WAIT
from percipio_openedx.models import Destination, LearnerCourse, Notice, Statement
from percipio_openedx.models.statement import State
from percipio_openedx.operations import problems, status
from percipio_openedx.reporting import report_due
from percipio_sandbox import Sandbox
from tests.integration.builders import a_course, a_learner, enrolled
from tests.integration.delivery.rows import NOW, add, destination_of, states
from tests.integration.operations.conftest import Ran
from tests.integration.test_reporting import reported

pytestmark = pytest.mark.django_db(transaction=True)

Manage = Callable[..., Ran]

MONTH = timedelta(days=30)


def test_what_was_put_off_is_due_now(arriving: Sandbox) -> None:
    for number in range(5):
        add(number)
    arriving.set_scenario("server-500:4")
    deliver_due(NOW + MONTH)
    assert states()[0] == State.WAITING

    assert deliver_due(NOW).sent == 5
    assert Destination.objects.get().failures == 0


def test_what_was_held_is_given_back(arriving: Sandbox) -> None:
    add(1)
    add(2)
    Claims(destination_of().pk, uuid4(), 20.0).claim(NOW + MONTH, 1)
    Destination.objects.update(failures=1, retry_at=NOW, probe_until=NOW + MONTH)

    assert deliver_due(NOW).sent == 2


def test_where_nothing_was_configured_at_that_moment(arriving: Sandbox, settings: Any) -> None:
    add(1)
    settings.PERCIPIO_ENABLED = False
    deliver_due(NOW + MONTH)
    settings.PERCIPIO_ENABLED = True

    assert deliver_due(NOW).sent == 1


def test_as_long_as_anything_is_put_off_nothing_is_hurried(arriving: Sandbox) -> None:
    add(1, due_at=NOW + timedelta(seconds=LONGEST_WAIT))
    add(2)
    Destination.objects.update(retry_at=NOW + timedelta(seconds=LONGEST_WAIT))

    assert correct_times(NOW) == 0
    assert deliver_due(NOW).sent == 0


def test_an_operator_frees_it_too(arriving: Sandbox, manage: Manage) -> None:
    now = timezone.now()
    add(1, due_at=now + MONTH)
    add(2)
    Claims(destination_of().pk, uuid4(), 20.0).claim(now + MONTH, 1)
    add(3, due_at=now)
    Destination.objects.update(failures=2, probe_until=now + MONTH)

    ran = manage("percipio_retry", "--now", "--json")

    assert ran.documents[0]["destinations"] == 1
    assert set(states().values()) == {State.WAITING}
    assert Statement.objects.filter(due_at__lte=timezone.now()).count() == 3
    assert Destination.objects.get().probe_until is None


@pytest.mark.usefixtures("completing", "no_calls")
def test_a_notice_and_a_look_of_next_month(arriving: Sandbox) -> None:
    learner, course = a_learner(), a_course(units=2)
    enrolled(learner, course)
    report_due()
    Statement.objects.all().delete()
    LearnerCourse.objects.update(
        lease=uuid4(), leased_until=timezone.now() + MONTH, reported_started=False, sequence=0, activity_version="x"
    )
    Notice.objects.create(user_id=learner.pk, course_key=str(course), reason="grade", noticed_at=timezone.now() + MONTH)

    done = report_due()

    assert (done.observed, done.has_problem, reported()) == (1, False, [("started", "")])
    assert not Notice.objects.exists()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda then: Statement.objects.update(due_at=then),
        lambda then: Statement.objects.update(state=State.SENDING, lease=uuid4(), leased_until=then),
        lambda then: Destination.objects.update(retry_at=then),
        lambda then: Destination.objects.update(failures=1, probe_until=then),
        lambda then: Notice.objects.create(user_id=1, course_key="k", reason="grade", noticed_at=then),
        lambda then: LearnerCourse.objects.update(lease=uuid4(), leased_until=then),
    ],
)
def test_the_doctor_says_so(reporting: Any, spoil: Callable[..., Any]) -> None:
    add(1)
    Statement.objects.update(due_at=timezone.now(), stored_at=timezone.now())
    assert problems.find(status.take(timezone.now())) == []

    spoil(timezone.now() + MONTH)

    named = {one.code.value: one.sentence for one in problems.find(status.take(timezone.now()))}
    assert "there are times in the future (" in named["clock"]
    assert set(named) - {"failing"} == {"clock"}
