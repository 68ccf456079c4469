"""From an answer to each statement's fate."""

from __future__ import annotations

import json
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from percipio_openedx.delivery.bodies import StatementVerdict
from percipio_openedx.delivery.outcomes import Answer, Judgment, judge, may_be_stored
from percipio_openedx.enums import Outcome

IDS = [UUID(f"0e7f3a4e-6d0b-4f5e-9a8b-0c8d7d1f2a{number:02d}") for number in range(5)]
ACCEPTED, REFUSED, LATER = Outcome.ACCEPTED, Outcome.REFUSED, Outcome.LATER


@pytest.mark.parametrize(
    ("outcome", "status", "count", "expected"),
    [
        (Outcome.ACCEPTED, 200, 2, Judgment({0: StatementVerdict(ACCEPTED, 200), 1: StatementVerdict(ACCEPTED, 200)})),
        (Outcome.CONFLICT, 409, 1, Judgment({0: StatementVerdict(ACCEPTED, 409, "known there already")})),
        (Outcome.CONFLICT, 409, 3, Judgment(again=((0, 1), (2,)))),
        (Outcome.REFUSED, 400, 1, Judgment({0: StatementVerdict(REFUSED, 400, "message")})),
        (Outcome.REFUSED, 400, 4, Judgment(again=((0, 1), (2, 3)), failed=REFUSED)),
        (Outcome.TOO_LARGE, 413, 1, Judgment({0: StatementVerdict(REFUSED, 413, "message")})),
        (Outcome.TOO_LARGE, 413, 2, Judgment(again=((0,), (1,)), smaller=True)),
        (Outcome.LATER, 503, 1, Judgment({0: StatementVerdict(LATER, 503, "message")})),
        (Outcome.LATER, None, 5, Judgment(again=((0, 1, 2), (3, 4)), failed=LATER)),
        (Outcome.LATER, 429, 5, Judgment(problem=LATER)),
        (Outcome.UNAUTHORIZED, 403, 1, Judgment({0: StatementVerdict(Outcome.UNAUTHORIZED, 403, "message")})),
        (Outcome.NOT_FOUND, 404, 1, Judgment({0: StatementVerdict(Outcome.NOT_FOUND, 404, "message")})),
        (Outcome.NOT_FOUND, 404, 2, Judgment(again=((0,), (1,)), failed=Outcome.NOT_FOUND)),
        (Outcome.PARTIAL, 207, 1, Judgment({0: StatementVerdict(REFUSED, 207, "message")})),
        (Outcome.PARTIAL, 207, 2, Judgment(again=((0,), (1,)), failed=Outcome.DOUBT)),
        (Outcome.DOUBT, 200, 1, Judgment({0: StatementVerdict(Outcome.DOUBT, 200, "message")})),
        (Outcome.DOUBT, 200, 3, Judgment(again=((0, 1), (2,)), failed=Outcome.DOUBT)),
        (Outcome.PLAIN, 200, 1, Judgment({0: StatementVerdict(Outcome.PLAIN, 200, "message")})),
        (Outcome.PLAIN, 200, 3, Judgment(again=((0, 1), (2,)), failed=Outcome.PLAIN)),
    ],
)
def test_answers(outcome: Outcome, status: int | None, count: int, expected: Judgment) -> None:
    assert judge(Answer(outcome, status, "message"), IDS[:count]) == expected


def test_what_a_207_leaves_out_is_sent_again() -> None:
    body = json.dumps([{"id": str(IDS[1]), "status": 200}, {"id": str(IDS[3]), "status": 400, "error": "bad"}]).encode()
    assert judge(Answer(Outcome.PARTIAL, 207, body=body), IDS) == Judgment(
        {1: StatementVerdict(ACCEPTED, 200), 3: StatementVerdict(REFUSED, 400, "bad")}, again=((0, 2, 4),)
    )


def test_no_token_is_about_no_statement() -> None:
    for outcome in (Outcome.UNAUTHORIZED, Outcome.LATER):
        answer = Answer(outcome, 401, "message", is_of_token=True)
        assert judge(answer, IDS) == Judgment(problem=outcome)


@given(st.sampled_from(Outcome), st.binary(max_size=200), st.integers(1, 5), st.sampled_from([207, 429, 500, None]))
def test_of_every_statement_something_is_said_or_it_is_sent_again_in_a_smaller_part(
    outcome: Outcome, body: bytes, count: int, status: int | None
) -> None:
    judgment = judge(Answer(outcome, status, body=body), IDS[:count])

    again = [index for part in judgment.again for index in part]
    if judgment.problem is None:
        assert sorted([*judgment.verdicts, *again]) == list(range(count))
    else:
        assert (judgment.verdicts, again) == ({}, [])
    assert all(0 < len(part) < count for part in judgment.again)


@pytest.mark.parametrize(
    ("outcome", "status", "may_be"),
    [
        (Outcome.REFUSED, 400, False),
        (Outcome.REFUSED, 422, False),
        (Outcome.REFUSED, 207, False),
        (Outcome.REFUSED, 200, False),
        (Outcome.TOO_LARGE, 413, False),
        (Outcome.NOT_FOUND, 404, False),
        (Outcome.UNAUTHORIZED, 403, False),
        (Outcome.LATER, 429, False),
        (Outcome.LATER, 407, False),
        (Outcome.LATER, 408, True),
        (Outcome.CONFLICT, 409, True),
        (Outcome.LATER, 500, True),
        (Outcome.LATER, 503, True),
        (Outcome.LATER, 302, True),
        (Outcome.LATER, None, True),
        (Outcome.REFUSED, None, True),
        (Outcome.REFUSED, 500, True),
        (Outcome.DOUBT, 200, True),
        (Outcome.PLAIN, 200, True),
        (Outcome.PARTIAL, 207, True),
        (Outcome.ACCEPTED, 200, True),
    ],
)
def test_only_a_definite_refusal_says_that_nothing_was_stored(
    outcome: Outcome, status: int | None, may_be: bool
) -> None:
    assert may_be_stored(outcome, status) is may_be
