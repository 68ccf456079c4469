"""A deadlock's victim begins its short transaction again, and nothing of what it did is there twice or lost."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from completion.models import BlockCompletion
from django.db import OperationalError, connection

from percipio_openedx.models import LearnerCourse, Notice, ObservationFailure, Statement
from percipio_openedx.reporting import report_due, retirement
from tests.integration.builders import KEY, a_course, a_learner, block, enrolled

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("reporting", "completing", "no_calls"),
]


class Victim:
    """Refuses the first so many queries that begin and go on so, as the database does with a deadlock's victim."""

    def __init__(self, verb: str, table: str, times: int = 1) -> None:
        self.verb, self.table, self.left = verb, table, times

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if self.left and re.match(rf"{self.verb}\b[^(]*\bpercipio_openedx_{self.table}\b", sql):
            self.left -= 1
            raise OperationalError(1213, "Deadlock found when trying to get lock; try restarting transaction")
        return execute(sql, params, many, context)


def a_learner_with_something_to_tell() -> Any:
    course, learner = a_course(units=2), a_learner()
    enrolled(learner, course)
    BlockCompletion.objects.submit_completion(user=learner, block_key=block(course, 0), completion=1.0)
    return learner


@pytest.mark.parametrize(
    ("verb", "table"),
    [
        ("INSERT", "learnercourse"),
        ("UPDATE", "learnercourse"),
        ("UPDATE", "statementledger"),
        ("INSERT", "statementledger"),
        ("INSERT", "destination"),
        ("INSERT", "topicterm"),
        ("INSERT", "statement"),
        ("DELETE", "notice"),
    ],
)
def test_a_look_begins_again(verb: str, table: str) -> None:
    learner = a_learner_with_something_to_tell()
    victim = Victim(verb, table)
    with connection.execute_wrapper(victim):
        report_due()
    assert not victim.left, "this look never came by that query"
    reported = Statement.objects.order_by("sequence").values_list("sequence", "kind", "value")
    assert list(reported) == [(1, "started", ""), (2, "progressed", "50")]
    assert list(LearnerCourse.objects.values_list("user_id", "course_key", "sequence", "lease")) == [
        (learner.pk, KEY, 2, None)
    ]
    assert not Notice.objects.exists()


@pytest.mark.parametrize("table", ["statement", "learnercourse"])
def test_an_erasure_begins_again(table: str) -> None:
    learner = a_learner_with_something_to_tell()
    report_due()
    victim = Victim("DELETE", table)
    with connection.execute_wrapper(victim):
        assert retirement.erase(learner.pk) == 2
    assert not victim.left
    assert not Statement.objects.exists()
    assert not LearnerCourse.objects.exists()


def test_who_is_always_the_victim_gives_up_and_nothing_is_half_kept() -> None:
    a_learner_with_something_to_tell()
    with connection.execute_wrapper(Victim("INSERT", "statement", times=100)):
        assert report_due().has_problem
    assert not Statement.objects.exists()
    assert not ObservationFailure.objects.exists(), "nobody's fault"
    assert LearnerCourse.objects.get().sequence == 0
    assert Notice.objects.exists()
