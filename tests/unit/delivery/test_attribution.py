"""Whose a failure is, by the order in which the answers come. No database and no network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from percipio_openedx.delivery.attribution import (
    IN_A_ROW,
    IN_A_ROW_LATER,
    LIMITS,
    Attribution,
    Fate,
    Row,
    convicted,
)
from percipio_openedx.delivery.bodies import StatementVerdict
from percipio_openedx.delivery.outcomes import Judgment
from percipio_openedx.enums import Outcome

ACCEPTED, REFUSED, LATER = Outcome.ACCEPTED, Outcome.REFUSED, Outcome.LATER
UNAUTHORIZED, NOT_FOUND = Outcome.UNAUTHORIZED, Outcome.NOT_FOUND
COUNTED = (REFUSED, LATER, UNAUTHORIZED, NOT_FOUND)
IN_DOUBT = (Outcome.DOUBT, Outcome.PLAIN)
FAILURES = (*COUNTED, *IN_DOUBT)


def a_row(pk: int, refusals: Mapping[str, int] | None = None, refused_after: int | None = None) -> Row:
    """A statement that was sent."""
    return Row(pk, UUID(int=pk), 1, b"{}", None, datetime.max, refusals or {}, refused_after)


class Turn:
    """A turn at a destination: what each answer decides, by statement."""

    def __init__(self, **standing: Any) -> None:
        self.attribution = Attribution(**standing)
        self.successes: int = standing.get("successes", 0)

    def alone(self, row: Row | int, outcome: Outcome, retry_after: float | None = None) -> dict[int, Fate]:
        """One statement is answered so."""
        row = a_row(row) if isinstance(row, int) else row
        return self._heard((row,), Judgment({0: StatementVerdict(outcome, 400)}), retry_after)

    def batch(self, pks: range, outcome: Outcome, retry_after: float | None = None) -> dict[int, Fate]:
        """A batch is answered so, as a whole."""
        rows = tuple(a_row(pk) for pk in pks)
        if outcome is ACCEPTED:
            return self._heard(rows, Judgment(dict.fromkeys(range(len(rows)), StatementVerdict(ACCEPTED))), retry_after)
        return self._heard(rows, Judgment(again=((0,), (1,)), failed=outcome), retry_after)

    def _heard(self, rows: tuple[Row, ...], judgment: Judgment, retry_after: float | None) -> dict[int, Fate]:
        rulings = self.attribution.heard(rows, judgment, self.successes, retry_after)
        return {ruling.row.pk: ruling.fate for ruling in rulings}

    def end(self, *, is_drained: bool = True) -> dict[int, Fate]:
        """Nothing more is sent."""
        return {ruling.row.pk: ruling.fate for ruling in self.attribution.end(is_drained=is_drained)}

    @property
    def opens(self) -> Outcome | None:
        """For what the breaker is to be opened."""
        return self.attribution.opens


@pytest.mark.parametrize("outcome", FAILURES)
def test_what_fails_alone_is_guilty_once_another_is_accepted(outcome: Outcome) -> None:
    turn = Turn()
    assert turn.alone(1, outcome) == {}
    assert turn.attribution.is_unsure
    assert turn.alone(2, ACCEPTED) == {1: Fate.GUILTY}
    assert (turn.end(), turn.opens, turn.attribution.is_unsure) == ({}, None, False)


@pytest.mark.parametrize("outcome", FAILURES)
def test_a_few_in_a_row_are_the_destinations(outcome: Outcome) -> None:
    turn = Turn()
    for pk in range(IN_A_ROW):
        assert turn.opens is None
        turn.alone(pk, outcome)
    assert turn.opens is outcome
    assert turn.end() == dict.fromkeys(range(IN_A_ROW), Fate.RELEASED)


@pytest.mark.parametrize(("learners", "opens"), [(1, None), (2, None), (IN_A_ROW, REFUSED)])
def test_a_learner_who_is_unknown_in_many_courses_counts_once(learners: int, opens: Outcome | None) -> None:
    turn = Turn()
    for pk in range(IN_A_ROW * 3):
        row = replace(a_row(pk), actor_key=f"learner {pk % learners}")
        turn._heard((row,), Judgment({0: StatementVerdict(REFUSED, 400, is_unknown_learner=True)}), None)
    assert turn.opens is opens


def test_after_something_was_accepted_it_takes_more() -> None:
    turn = Turn()
    turn.alone(100, ACCEPTED)
    for pk in range(IN_A_ROW_LATER):
        assert turn.opens is None
        turn.alone(pk, LATER)
    assert turn.opens is LATER


def test_different_failures_are_not_in_a_row() -> None:
    turn = Turn()
    for pk, outcome in enumerate(FAILURES * (IN_A_ROW - 1)):
        turn.alone(pk, outcome)
    assert turn.opens is None


@pytest.mark.parametrize(
    ("outcome", "batches"),
    [(LATER, 1), (UNAUTHORIZED, 1), (NOT_FOUND, 1), (REFUSED, 3), *((outcome, 1) for outcome in IN_DOUBT)],
)
def test_a_batch_that_fails_asks_for_a_single_one(outcome: Outcome, batches: int) -> None:
    turn = Turn()
    for number in range(batches):
        assert not turn.attribution.wants_single
        turn.batch(range(number * 10, number * 10 + 10), outcome)
    assert turn.attribution.wants_single
    turn.alone(99, ACCEPTED)
    assert not turn.attribution.wants_single


def test_once_others_are_accepted_all_of_a_batch_may_fail_alone() -> None:
    """Then halving needs no more comparing, and many that are refused do not open the breaker."""
    turn = Turn()
    turn.batch(range(10), UNAUTHORIZED)
    turn.alone(99, ACCEPTED)
    turn.batch(range(5), UNAUTHORIZED)
    assert not turn.attribution.wants_single
    for pk in range(10):
        turn.alone(pk, UNAUTHORIZED)
    assert turn.opens is None
    assert turn.end() == dict.fromkeys(range(10), Fate.GUILTY)


@pytest.mark.parametrize("outcome", FAILURES)
def test_several_named_while_others_are_left_open_say_nothing_of_the_destination_yet(outcome: Outcome) -> None:
    rows = tuple(map(a_row, range(10)))
    named = {index: StatementVerdict(outcome, 400) for index in range(7)}
    turn = Turn()
    turn.attribution.heard(rows, Judgment(named, again=((7, 8, 9),)), 0)
    assert turn.opens is None
    assert turn.attribution.wants_single
    assert turn.alone(9, ACCEPTED) == dict.fromkeys(range(7), Fate.GUILTY)

    turn = Turn()
    turn.attribution.heard(rows, Judgment(named, again=((7, 8, 9),)), 0)
    turn.alone(9, outcome)
    assert turn.opens is outcome


def test_a_batch_that_fails_when_the_time_is_up_is_the_destinations() -> None:
    turn = Turn(successes=3)
    turn.batch(range(10), LATER)
    assert turn.end(is_drained=False) == {}
    assert turn.opens is LATER


# --- alone in its turn -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("outcome", [LATER, UNAUTHORIZED, NOT_FOUND, *IN_DOUBT])
def test_alone_where_others_were_accepted_before(outcome: Outcome) -> None:
    lone_failures = 0
    for number in range(IN_A_ROW):
        turn = Turn(successes=3, lone_failures=lone_failures)
        turn.alone(1, outcome)
        fates, lone_failures = turn.end(), turn.attribution.lone_failures
        is_last = number == IN_A_ROW - 1
        assert fates == {1: Fate.RELEASED if is_last else Fate.SUSPECTED}
        assert turn.opens is (outcome if is_last else None)


@pytest.mark.parametrize("outcome", [LATER, UNAUTHORIZED, NOT_FOUND, *IN_DOUBT])
def test_alone_where_nothing_was_ever_accepted(outcome: Outcome) -> None:
    turn = Turn()
    turn.alone(1, outcome)
    assert (turn.end(), turn.opens) == ({1: Fate.RELEASED}, outcome)


def test_malformed_alone_is_parked_as_far_as_one_can_tell() -> None:
    turn = Turn()
    turn.alone(1, REFUSED)
    turn.alone(2, REFUSED)
    assert (turn.end(), turn.opens) == ({1: Fate.UNPROVEN, 2: Fate.UNPROVEN}, None)


def test_malformed_where_others_wait_is_compared_in_the_next_turn() -> None:
    turn = Turn()
    turn.alone(1, REFUSED)
    assert (turn.end(is_drained=False), turn.opens) == ({1: Fate.RELEASED}, None)


@pytest.mark.parametrize(("outcome", "fate"), [(LATER, Fate.GUILTY), (REFUSED, Fate.UNPROVEN)])
def test_the_last_one_of_a_turn(outcome: Outcome, fate: Fate) -> None:
    turn = Turn()
    turn.alone(1, ACCEPTED)
    turn.alone(2, outcome)
    assert (turn.end(), turn.opens) == ({2: fate}, None)


# --- what is remembered ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("outcome", FAILURES)
def test_one_that_failed_before_others_were_accepted_is_guilty_by_itself(outcome: Outcome) -> None:
    turn = Turn(successes=4)
    turn.alone(a_row(1, refused_after=3), outcome)
    assert (turn.end(), turn.opens) == ({1: Fate.GUILTY}, None)


@pytest.mark.parametrize("outcome", FAILURES)
def test_one_that_failed_and_nothing_was_accepted_since_is_as_good_as_any(outcome: Outcome) -> None:
    turn = Turn(successes=4)
    for pk in range(IN_A_ROW):
        turn.alone(a_row(pk, refused_after=4), outcome)
    assert turn.opens is outcome


@pytest.mark.parametrize("outcome", FAILURES)
def test_a_known_one_is_counted_at_once_and_says_nothing_of_the_destination(outcome: Outcome) -> None:
    turn = Turn(successes=1)
    for pk in range(20):
        assert turn.alone(a_row(pk, {"later": 1}, 1), outcome) == {pk: Fate.GUILTY}
    assert (turn.opens, turn.attribution.is_unsure) == (None, False)


# --- probes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("outcome", [LATER, UNAUTHORIZED, NOT_FOUND, *IN_DOUBT])
def test_one_failure_of_a_probe_is_enough(outcome: Outcome) -> None:
    turn = Turn(is_failing=True, successes=3)
    turn.alone(1, outcome)
    assert (turn.opens, turn.end()) == (outcome, {1: Fate.RELEASED})


def test_a_probe_with_a_known_one_tells_nothing() -> None:
    turn = Turn(is_failing=True, successes=3)
    assert turn.alone(a_row(1, {"later": 2}, 1), LATER) == {1: Fate.SUSPECTED}
    assert (turn.opens, turn.attribution.is_inconclusive) == (None, True)


def test_a_malformed_probe_is_a_sign_of_life_unless_everything_was_refused() -> None:
    turn = Turn(is_failing=True)
    turn.alone(1, REFUSED)
    assert (turn.end(), turn.opens) == ({1: Fate.UNPROVEN}, None)

    turn = Turn(is_failing=True, refuses_all=True)
    turn.alone(1, REFUSED)
    assert (turn.end(), turn.opens) == ({1: Fate.RELEASED}, REFUSED)


def test_a_retry_after_is_the_destinations_unless_it_is_known_whose_it_is() -> None:
    turn = Turn()
    turn.batch(range(5), LATER, retry_after=30)
    assert turn.opens is LATER

    turn = Turn(successes=2)
    turn.alone(a_row(1, refused_after=1), LATER, retry_after=30)
    assert (turn.opens, turn.end()) == (None, {1: Fate.GUILTY})


# --- counting --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("outcome", COUNTED)
def test_it_is_parked_at_its_limit(outcome: Outcome) -> None:
    refusals: dict[str, int] = {}
    tries, is_parked = 0, False
    while not is_parked:
        refusals, is_parked = convicted(refusals, outcome)
        tries += 1
    assert tries == LIMITS[outcome]


@pytest.mark.parametrize("outcome", IN_DOUBT)
def test_doubt_is_counted_and_parks_nothing(outcome: Outcome) -> None:
    refusals: dict[str, int] = {}
    for _ in range(100):
        refusals, is_parked = convicted(refusals, outcome)
        assert not is_parked
    assert refusals == {outcome.value: 100}


@given(st.lists(st.sampled_from(COUNTED), min_size=1))
def test_whatever_it_is_refused_for_it_is_parked_in_the_end(outcomes: list[Outcome]) -> None:
    """In no more tries than the limits of all kinds together, and never before the limit of one kind."""
    refusals: dict[str, int] = {}
    for number, outcome in enumerate(outcomes, start=1):
        refusals, is_parked = convicted(refusals, outcome)
        assert is_parked == (outcomes[:number].count(outcome) == LIMITS[outcome])
        if is_parked:
            return
    assert len(outcomes) <= sum(LIMITS.values()) - len(LIMITS)


@given(st.lists(st.tuples(st.integers(0, 9), st.sampled_from((*FAILURES, ACCEPTED))), max_size=40), st.booleans())
def test_every_statement_that_fails_gets_one_fate(answers: list[tuple[int, Outcome]], is_failing: bool) -> None:
    turn = Turn(is_failing=is_failing, successes=1)
    failed: list[int] = []
    fates: list[int] = []
    for number, outcome in answers:
        # Each is sent once: what is decided is not sent again in the same turn.
        pk = number + 10 * len(failed)
        if outcome is not ACCEPTED:
            failed.append(pk)
        fates += turn.alone(pk, outcome)
        if turn.opens is not None or turn.attribution.is_inconclusive:
            break
    fates += turn.end()
    assert sorted(fates) == sorted(failed)


def test_what_was_sent_before_a_failure_was_known_proves_nothing() -> None:
    """Several requests are in flight when everything begins to be refused, and are read in any order."""
    attribution: Attribution = Attribution()
    accepted = Judgment({0: StatementVerdict(ACCEPTED)})

    def one(pk: int, outcome: Outcome, sent_at: int) -> list[Fate]:
        rulings = attribution.heard((a_row(pk),), Judgment({0: StatementVerdict(outcome, 400)}), 0, None, sent_at)
        return [ruling.fate for ruling in rulings]

    assert attribution.heard((a_row(0),), accepted, 0, None, 0) == []
    # Sent beside each other, after the first answer.
    assert one(1, REFUSED, 1) == []
    assert attribution.heard((a_row(2),), accepted, 0, None, 1) == []
    assert attribution.is_unsure
    # Sent when the refusal was known.
    assert one(3, ACCEPTED, 3) == [Fate.GUILTY]
    assert not attribution.is_unsure


def test_a_batch_is_not_proven_by_what_was_in_flight_beside_it() -> None:
    attribution: Attribution = Attribution()
    attribution.heard((a_row(0),), Judgment({0: StatementVerdict(ACCEPTED)}), 0, None, 0)
    rows = tuple(a_row(pk) for pk in range(10, 20))
    attribution.heard(rows, Judgment(again=((0,), (1,)), failed=NOT_FOUND), 0, None, 1)
    attribution.heard((a_row(1),), Judgment({0: StatementVerdict(ACCEPTED)}), 0, None, 1)

    for row in rows[:IN_A_ROW_LATER]:
        attribution.heard((row,), Judgment({0: StatementVerdict(NOT_FOUND, 404)}), 0, None, attribution.events)

    assert attribution.opens is NOT_FOUND
    assert {ruling.fate for ruling in attribution.release()} == {Fate.RELEASED}
