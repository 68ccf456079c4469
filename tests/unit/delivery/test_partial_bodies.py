"""The body of a 207, in every shape that is plausible, and in those that are not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from percipio_openedx.delivery.bodies import StatementVerdict, read
from percipio_openedx.enums import Outcome

A, B, C = IDS = tuple(f"0e7f3a4e-6d0b-4f5e-9a8b-0c8d7d1f2a{number:02d}" for number in range(3))
YES, NO, LATER = Outcome.ACCEPTED, Outcome.REFUSED, Outcome.LATER

ONE_REFUSED = {0: YES, 1: NO, 2: YES}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(
            [{"id": C, "status": 200}, {"id": B.upper(), "status": "400"}, {"id": A, "status": 204}],
            ONE_REFUSED,
            id="ids in another order and case",
        ),
        pytest.param(
            {
                "results": [
                    {"statement_id": A, "success": True},
                    {"statement_id": B, "success": False},
                    {"uuid": C, "ok": True},
                ]
            },
            ONE_REFUSED,
            id="booleans in a list in an object",
        ),
        pytest.param({A: {"status": 200}, B: {"error": "bad"}, C: {"status": 200}}, ONE_REFUSED, id="map by id"),
        pytest.param({A: True, B: False, C: True}, ONE_REFUSED, id="map of booleans"),
        pytest.param({"errors": [{"id": B, "message": "bad"}]}, ONE_REFUSED, id="errors only"),
        pytest.param([{"id": B, "status": 400}], ONE_REFUSED, id="errors only, in a bare list"),
        pytest.param({"errors": {B: "bad"}}, ONE_REFUSED, id="errors by id"),
        pytest.param({"failed": [B]}, ONE_REFUSED, id="failed ids"),
        pytest.param(
            {"status": 207, "failedStatements": [{"statement": {"id": B}}]}, ONE_REFUSED, id="whole statements"
        ),
        pytest.param({"stored": [A, C], "rejected": [{"id": B, "reason": "bad"}]}, ONE_REFUSED, id="two lists"),
        pytest.param(
            [{"id": A, "status": 409}, {"id": B, "status": 503}, {"id": C, "status": 413}],
            {0: YES, 1: LATER, 2: NO},
            id="409, 503, 413",
        ),
        pytest.param(
            [{"id": A, "status": 401}, {"id": B, "status": 403}, {"id": C, "status": 429}],
            {0: LATER, 1: NO, 2: LATER},
            id="401, 403, 429",
        ),
        pytest.param(
            {A: {"error": {"code": 503, "message": "busy"}}, B: 200, C: 200},
            {0: LATER, 1: YES, 2: YES},
            id="status inside the error",
        ),
        pytest.param({"errors": []}, {0: YES, 1: YES, 2: YES}, id="nothing failed"),
        pytest.param({"id": B, "status": 400}, ONE_REFUSED, id="one entry, not in a list"),
        # What is not said, or said in two ways, stays unknown and is sent again.
        pytest.param({"stored": [A]}, {0: YES}, id="only what was stored"),
        pytest.param([{"id": A, "status": 200}, {"id": A, "status": 400}], {}, id="contradiction"),
        pytest.param([A, B], {}, id="bare ids: stored or failed?"),
        pytest.param({"errors": [{"id": "somebody else's", "error": "bad"}]}, {}, id="a stranger's id"),
        pytest.param({"errors": ["one of them is bad"]}, {}, id="no key"),
        pytest.param({"0": 200, "1": 400, "2": 200}, {}, id="map by index"),
        pytest.param([{"index": 0, "status": 200}, {"index": 1, "status": 400}], {}, id="by index"),
        pytest.param([{"status": 200}, {"status": 400}, {"status": 200}], {}, id="by place"),
        pytest.param([200, 400, 200], {}, id="bare statuses"),
        pytest.param([True, False, True], {}, id="bare booleans"),
        pytest.param({"message": "partial success"}, {}, id="nothing about items"),
        pytest.param([], {}, id="empty list"),
        pytest.param({}, {}, id="empty object"),
        pytest.param("no", {}, id="text"),
        pytest.param(None, {}, id="null"),
    ],
)
def test_shapes(body: Any, expected: dict[int, Outcome]) -> None:
    found = read(json.dumps(body).encode(), IDS, partial=True).verdicts
    assert {index: verdict.outcome for index, verdict in found.items()} == expected


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff", b"[" * 200_000, b'{"a":' * 90_000])
def test_what_is_not_json_is_unknown(body: bytes) -> None:
    assert read(body, IDS, partial=True).verdicts == {}


def test_words_are_those_of_the_error_without_the_learner() -> None:
    body = {"errors": [{"id": A, "status": 400, "message": "no such user mailto:jane@example.com"}]}
    assert read(json.dumps(body).encode(), (A,), partial=True).verdicts == {
        0: StatementVerdict(NO, 400, "no such user mailto:…")
    }


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from([*IDS, "200", "400", "failed"]),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(
            st.text(max_size=5)
            | st.sampled_from(
                ["id", "index", "status", "error", "errors", "statement", "success", "failed", "stored", "0", *IDS]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=25,
)


@given(JSON)
def test_no_json_breaks_it(body: Any) -> None:
    found = read(json.dumps(body).encode(), IDS, partial=True).verdicts
    assert set(found) <= {0, 1, 2}
    assert {verdict.outcome for verdict in found.values()} <= {YES, NO, LATER}


@given(st.binary())
def test_no_bytes_break_it(body: bytes) -> None:
    assert set(read(body, IDS, partial=True).verdicts) <= {0, 1, 2}
