"""Setting one item aside: what breaks many at once is found, and whose trouble it is."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import DataError, InterfaceError, OperationalError, connections

from percipio_openedx import bulkheads
from percipio_openedx.bulkheads import MOST_ALONE, Boundary, apart, bulkhead, is_outage, reason_of
from percipio_openedx.exceptions import PlatformUnavailable, StatementError
from tests.poison import CANARY, errors


@pytest.fixture(autouse=True)
def _no_connection() -> None:
    """A test before may have left one open, which nobody may ask anything here."""
    connections.close_all()


class Work:
    """Adds up the items, and breaks if a poisoned one is among them."""

    def __init__(self, *poisoned: int, error: Exception | None = None) -> None:
        self.poisoned, self.error, self.calls = set(poisoned), error or ValueError(CANARY), 0

    def __call__(self, items: Sequence[int]) -> int:
        self.calls += 1
        if self.poisoned.intersection(items):
            raise self.error
        return sum(items)


def test_nothing_leaves_it_but_what_ends_a_worker() -> None:
    for error in errors().values():
        with bulkhead(Boundary.STEP) as contained:
            raise error
        assert contained.error is error
    for end in (SoftTimeLimitExceeded(), KeyboardInterrupt(), SystemExit()):
        with pytest.raises(type(end)), bulkhead(Boundary.STEP):
            raise end


def test_what_is_well_is_done_once() -> None:
    work = Work()
    assert apart(Boundary.LEARNER, range(200), work) == ([19900], {})
    assert work.calls == 1
    assert apart(Boundary.LEARNER, [], work) == ([], {})
    assert work.calls == 1


@pytest.mark.parametrize("size", [1, 2, 3, 8, 200])
@pytest.mark.parametrize("number", [1, 2, 4])
def test_whoever_breaks_it_is_alone(size: int, number: int) -> None:
    poisoned = set(range(min(size, number)))
    work = Work(*poisoned)
    results, broken = apart(Boundary.LEARNER, range(size), work)
    assert set(broken) == poisoned
    assert sum(results) == sum(range(size)) - sum(poisoned)
    assert work.calls <= 1 + 2 * len(poisoned) * 8


@pytest.mark.parametrize("size", [MOST_ALONE, 200])
def test_where_nobody_goes_through_it_is_not_they(size: int) -> None:
    work = Work(*range(size))
    with pytest.raises(ValueError, match=CANARY):
        apart(Boundary.LEARNER, range(size), work)
    assert work.calls <= 8 + 2 * MOST_ALONE


def test_those_who_stand_together_are_not_taken_for_all() -> None:
    """Time and again, for they are met by chance: in the order of the ids they would always come first."""
    for _ in range(20):
        _, broken = apart(Boundary.LEARNER, range(200), Work(*range(20)))
        assert set(broken) == set(range(20))


def test_an_outage_is_nobodys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulkheads, "_databases_answer", lambda: False)
    work = Work(1, error=OperationalError(2006, "MySQL server has gone away"))
    with pytest.raises(OperationalError):
        apart(Boundary.LEARNER, range(200), work)
    assert work.calls == 1


def test_an_outage_passes_where_no_item_is_to_blame() -> None:
    outage = OperationalError(1205, "Lock wait timeout exceeded")
    with pytest.raises(OperationalError), bulkhead(Boundary.LEARNER, passes_outages=True):
        raise outage
    with bulkhead(Boundary.LEARNER, passes_outages=True) as contained:
        raise ValueError
    assert contained.reason == "ValueError"
    with bulkhead(Boundary.STEP) as contained:
        raise outage
    assert contained.error is outage


@pytest.mark.parametrize(
    ("error", "answers", "expected"),
    [
        (OperationalError(2013, "Lost connection"), False, True),
        (OperationalError(2013, "Lost connection"), True, False),
        (OperationalError(1366, "Incorrect string value"), True, False),
        (OperationalError(1205, "Lock wait timeout exceeded"), True, True),
        (OperationalError(1213, "Deadlock found"), True, True),
        (OperationalError("database is locked"), True, True),
        (OperationalError("deadlock detected"), True, True),
        (InterfaceError(0, ""), False, True),
        (OperationalError(), True, False),
        (DataError(1406, "Data too long"), False, False),
        (ValueError(), False, False),
    ],
)
def test_what_an_outage_is(error: Exception, answers: bool, expected: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulkheads, "_databases_answer", lambda: answers)
    assert is_outage(error) is expected
    wrapped = PlatformUnavailable("grades", "failed")
    wrapped.__cause__ = error
    assert is_outage(wrapped) is expected


def test_a_circle_of_causes_ends() -> None:
    one, other = ValueError(), ValueError()
    one.__cause__, other.__cause__ = other, one
    assert not is_outage(one)


def test_what_an_operator_reads_of_an_error() -> None:
    assert reason_of(ValueError(CANARY)) == "ValueError"
    assert reason_of(StatementError("verb.id", "is too long")) == "verb.id: is too long"
    assert reason_of(PlatformUnavailable("grades")) == "grades is not available in this LMS"
    odd = type("Fehler\u00e4😀" * 100, (Exception,), {})()
    assert len(reason_of(odd)) == 255
    assert reason_of(odd).isascii()
