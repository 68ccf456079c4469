"""From an answer to each statement's fate."""

from __future__ import annotations

import json
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from percipio_openedx.codes import Outcome
from percipio_openedx.delivery.entries import Verdict
from percipio_openedx.delivery.judgement import Judgement, judge
from percipio_openedx.delivery.outcomes import Answer

IDS = [UUID(f"0e7f3a4e-6d0b-4f5e-9a8b-0c8d7d1f2a{number:02d}") for number in range(5)]
ACCEPTED, REFUSED, LATER = Outcome.ACCEPTED, Outcome.REFUSED, Outcome.LATER


@pytest.mark.parametrize(
    ("outcome", "status", "count", "expected"),
    [
        (Outcome.ACCEPTED, 200, 2, Judgement({0: Verdict(ACCEPTED, 200), 1: Verdict(ACCEPTED, 200)})),
        (Outcome.CONFLICT, 409, 1, Judgement({0: Verdict(ACCEPTED, 409, "known there already")})),
        (Outcome.CONFLICT, 409, 3, Judgement(again=((0, 1), (2,)))),
        (Outcome.REFUSED, 400, 1, Judgement({0: Verdict(REFUSED, 400, "words")})),
        (Outcome.REFUSED, 400, 4, Judgement(again=((0, 1), (2, 3)))),
        (Outcome.TOO_LARGE, 413, 1, Judgement({0: Verdict(REFUSED, 413, "words")})),
        (Outcome.TOO_LARGE, 413, 2, Judgement(again=((0,), (1,)), smaller=True)),
        (Outcome.LATER, 503, 1, Judgement(trouble=LATER)),
        (Outcome.LATER, None, 5, Judgement(trouble=LATER)),
        (Outcome.BUSY, None, 5, Judgement(trouble=Outcome.BUSY)),
        (Outcome.UNAUTHORISED, 403, 1, Judgement(trouble=Outcome.UNAUTHORISED)),
        (Outcome.NOT_FOUND, 404, 1, Judgement(trouble=Outcome.NOT_FOUND)),
        (Outcome.NOT_FOUND, 404, 5, Judgement(trouble=Outcome.NOT_FOUND)),
        (Outcome.PARTIAL, 207, 1, Judgement({0: Verdict(REFUSED, 207, "words")})),
        (Outcome.PARTIAL, 207, 2, Judgement(again=((0,), (1,)))),
    ],
)
def test_answers(outcome: Outcome, status: int | None, count: int, expected: Judgement) -> None:
    assert judge(Answer(outcome, status, "words"), IDS[:count]) == expected


def test_what_a_207_leaves_out_is_sent_again() -> None:
    body = json.dumps([{"id": str(IDS[1]), "status": 200}, {"id": str(IDS[3]), "status": 400, "error": "bad"}]).encode()
    assert judge(Answer(Outcome.PARTIAL, 207, body=body), IDS) == Judgement(
        {1: Verdict(ACCEPTED, 200), 3: Verdict(REFUSED, 400, "bad")}, again=((0, 2, 4),)
    )


@pytest.mark.parametrize(
    ("count", "tries", "expected"),
    [
        (2, 1, Judgement(again=((0,), (1,)))),
        (1, 1, Judgement({0: Verdict(LATER, 404, "words")})),
        (1, 2, Judgement({0: Verdict(LATER, 404, "words")})),
        (1, 3, Judgement({0: Verdict(REFUSED, 404, "words")})),
    ],
)
def test_not_found_at_an_address_that_takes_others(count: int, tries: int, expected: Judgement) -> None:
    answer = Answer(Outcome.NOT_FOUND, 404, "words")
    assert judge(answer, IDS[:count], proven=True, tries=tries) == expected


@given(st.sampled_from(Outcome), st.binary(max_size=200), st.integers(1, 5), st.booleans(), st.integers(1, 5))
def test_every_statement_has_one_fate_and_parts_get_smaller(
    outcome: Outcome, body: bytes, count: int, proven: bool, tries: int
) -> None:
    judgement = judge(Answer(outcome, 207, body=body), IDS[:count], proven=proven, tries=tries)

    again = [index for part in judgement.again for index in part]
    if judgement.trouble is None:
        assert sorted([*judgement.verdicts, *again]) == list(range(count))
    else:
        assert (judgement.verdicts, again) == ({}, [])
    assert all(0 < len(part) < count for part in judgement.again)
