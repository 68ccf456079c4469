"""What a success says of each statement: refusals inside it, doubt, and proof. Read as a 207 is."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from percipio_openedx.delivery.bodies import read
from percipio_openedx.delivery.outcomes import Answer, judge, outcome_of_answer
from percipio_openedx.enums import Outcome

A, B, C = IDS = tuple(f"0e7f3a4e-6d0b-4f5e-9a8b-0c8d7d1f2a{number:02d}" for number in range(3))
X = "11111111-2222-3333-4444-555555555555"
YES, NO = Outcome.ACCEPTED, Outcome.REFUSED
ALL = {0: YES, 1: YES, 2: YES}
ONE_REFUSED = {0: YES, 1: NO, 2: YES}
# One of which nothing can be said: it is sent again.
ONE_IN_DOUBT = {0: YES, 2: YES}


def judged(body: Any, *, status: int = 200, ids: tuple[str, ...] = IDS) -> dict[int, Outcome]:
    """What an answer means for each statement of a request; what is not in it is sent again."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = Answer(outcome_of_answer(status, content), status, "message", body=content)
    found = judge(answer, [UUID(text) for text in ids])
    assert found.problem is None
    return {index: verdict.outcome for index, verdict in found.verdicts.items()}


PROOFS = [
    pytest.param([A, B, C], id="the ids, as an LRS answers"),
    pytest.param([C.upper(), A, B], id="in another order and case"),
    pytest.param([A, B, C, X], id="and another one"),
    pytest.param({"ids": [A, B, C]}, id="a list of ids in an object"),
    pytest.param({"data": {"statementIds": [A, B, C]}}, id="deeper"),
    pytest.param([{"id": A}, {"id": B}, {"id": C}], id="objects that name them"),
    pytest.param(
        [{"id": A, "stored": "2026-01-01T00:00:00Z"}, {"id": B}, {"id": C, "seq": 7}], id="with times, numbers"
    ),
    pytest.param([{"id": each, "status": 201} for each in IDS], id="status by id"),
    pytest.param(dict.fromkeys(IDS, "stored"), id="word by id"),
    pytest.param({"items": [{"id": each, "error": None} for each in IDS]}, id="empty errors"),
    pytest.param({"FailedPutCount": 0, "RequestResponses": [{"id": each} for each in IDS]}, id="nothing failed"),
    pytest.param({"stored": 3, "failed": 0}, id="counts"),
    pytest.param({"errors": [], "total": 3}, id="no errors of three"),
    pytest.param({"failed": []}, id="no failures"),
    pytest.param({"status": "success", "data": None}, id="success in its own words"),
    pytest.param([{"urn": 1, "id": f"urn:uuid:{each}"} for each in IDS], id="as URNs"),
    pytest.param([each.replace("-", "") for each in IDS], id="without hyphens"),
    pytest.param({"Successful": [{"Id": each, "MessageId": "m"} for each in IDS], "Failed": []}, id="a batch queue"),
    pytest.param({"acknowledged": True, "insertedCount": 3}, id="a document store"),
    pytest.param({"status": "success", "data": []}, id="an envelope without content"),
    pytest.param({"accepted": 3, "took": 12, "requestId": X}, id="a count and a foreign id"),
    pytest.param([200, 201, 409], id="as many statuses"),
    pytest.param({"results": [{"index": 1, "status": "ok"}] * 3}, id="as many entries"),
]


@pytest.mark.parametrize("body", PROOFS)
def test_what_is_said_or_not_contradicted_is_accepted(body: Any) -> None:
    assert judged(body) == ALL


@pytest.mark.parametrize(
    "body",
    [
        [{"id": each, "status": 400 if each == B else 200} for each in IDS],
        {"failed": [{"id": B, "reason": "unknown user"}]},
        {"FailedPutCount": 1, "RequestResponses": [{"id": A}, {"id": B, "ErrorCode": "x"}, {"id": C}]},
        {"items": [{"id": each, "status": 400 if each == B else 201} for each in IDS]},
        {"errors": [{"id": B, "message": "x"}]},
        {"errors": {B: ["x", "y"]}},
        [{"id": each, "success": each != B} for each in IDS],
        [{"id": each, "success": str(each != B)} for each in IDS],
        [{"id": A, "ok": 1}, {"id": B, "ok": 0}, {"id": C, "ok": 1}],
        {"error": {"message": "one is bad", "details": [{"id": B, "message": "bad"}]}, "stored": [A, C]},
        [{"id": each, "actor": {}, "verb": {}, "status": 400 if each == B else 200} for each in IDS],
        [{"id": each, "actor": {}, "verb": {}, "error": "no user" if each == B else ""} for each in IDS],
        {"Successful": [{"Id": A}, {"Id": C}], "Failed": [{"Id": B, "Code": "Bad", "SenderFault": True}]},
    ],
)
@pytest.mark.parametrize("status", [200, 201, 202])
def test_a_refusal_inside_a_success_is_one(body: Any, status: int) -> None:
    assert judged(body, status=status) == ONE_REFUSED


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param([A, C], ONE_IN_DOUBT, id="a list that lacks one"),
        pytest.param({"stored": [A, C]}, ONE_IN_DOUBT, id="a list of the stored that lacks one"),
        pytest.param([{"id": A}, {"id": B, "problem": "unknown user"}, {"id": C}], ONE_IN_DOUBT, id="an unknown word"),
        pytest.param([{"id": A}, {"id": B, "valid_user": False}, {"id": C}], ONE_IN_DOUBT, id="an unknown flag"),
        pytest.param({"stored": [A, B, C], "warnings": [{"of": B}]}, ONE_IN_DOUBT, id="named once more"),
        pytest.param({"stored": [A, B, C], "warnings": [{"statement": B}]}, ONE_IN_DOUBT, id="under an unknown name"),
        pytest.param({"ids": [A, B, C], "warnings": [B]}, ONE_IN_DOUBT, id="in a list of an unknown name"),
        pytest.param({"results": [A, B, C], "notProcessed": [B]}, ONE_IN_DOUBT, id="in two lists"),
        pytest.param({"stored": [A, B, C], "errors": [B]}, ONE_IN_DOUBT, id="stored and refused"),
        pytest.param(
            [{"id": each, "status": 200, "error": "x" * (each == B)} for each in IDS], ONE_IN_DOUBT, id="both"
        ),
        pytest.param(
            [{"id": each, "status": 200, "message": "not stored" if each == B else "stored"} for each in IDS],
            ONE_IN_DOUBT,
            id="a message that denies",
        ),
        pytest.param({"errors": [{"id": A, "error": "same as " + B}]}, {0: NO}, id="a neighbor in an error's words"),
        pytest.param({"stored": [A, B, C], "failed": 1}, {}, id="a count against the list"),
        pytest.param({"stored": [A, B, C], "error": "the queue is full"}, {}, id="an error against the list"),
        pytest.param({"success": False, "stored": [A, B, C]}, {}, id="no success against the list"),
        pytest.param({"stored": 2}, {}, id="too few"),
        pytest.param({"quota": {"stored": 3}}, {}, id="a count of something else"),
        pytest.param({"quota": {"status": "ok", "errors": []}}, {}, id="all is well with something else"),
        pytest.param({"errors": [{"id": B}], "failed": 2}, {1: NO}, id="more failures than are listed"),
        pytest.param({"errors": [{"id": B}], "total": 12}, {1: NO}, id="a total that is not that of the list"),
        pytest.param({"errors": [{"id": B}], "total_errors": 3}, {1: NO}, id="a list that was cut"),
        pytest.param({"errors": [{"id": B}], "truncated": True}, {1: NO}, id="a list that says that it was cut"),
        pytest.param({"errors": [{"id": B}], "hasMore": True}, {1: NO}, id="more"),
        pytest.param({"errors": [{"id": B}], "next": "/errors?page=2"}, {1: NO}, id="another page"),
        pytest.param({"success": False, "errors": [{"id": B}]}, {1: NO}, id="all refused for one's sake?"),
        pytest.param({"errors": [{"id": X, "message": "x"}]}, {}, id="a stranger failed"),
        pytest.param([X], {}, id="a stranger's id"),
        pytest.param({"status": "ok", "stored": [], "failed": []}, {}, id="nothing stored, nothing failed"),
        pytest.param({"stored": [], "failed": [B]}, {1: NO}, id="nothing stored, one failed"),
        pytest.param({"acknowledged": True, "insertedCount": 2}, {}, id="one too few inserted"),
        pytest.param({"acknowledged": True, "insertedIds": {"0": "x", "1": "y"}}, {}, id="by index in an object"),
        pytest.param({"statusCode": 200, "body": json.dumps([A, B, C])}, {}, id="the body in a text"),
        pytest.param([{"publishing_status": s} for s in ("submitted", "failed", "aborted")], {}, id="aborted"),
        pytest.param({A: "stored", B: "not stored", C: "stored"}, ONE_IN_DOUBT, id="a word that is not known"),
        pytest.param({"data": [{"type": "x", "id": A}], "errors": [{"title": "x"}]}, {}, id="an error of nobody"),
        pytest.param({"success": True, "results": [{"success": False}]}, {}, id="one failed of three, which?"),
        pytest.param("\n".join(json.dumps({"id": each, "status": 200}) for each in IDS).encode(), {}, id="JSON lines"),
        pytest.param({"pending": [B]}, {}, id="a list of an unknown kind"),
        pytest.param([{"status": 200}, {"status": 200}], {}, id="two successes of three"),
        pytest.param(
            {"status": "success", "results": [{"index": 1, "problem": "x"}]}, {}, id="a remark about nobody knows whom"
        ),
        pytest.param({"rows": [{"index": 1, "problem": "x"}]}, {}, id="an index that is not understood"),
        pytest.param(f'{{"{A}": 200, "{B}": 400, "{B}": 200, "{C}": 200}}'.encode(), {}, id="a name twice"),
        pytest.param(
            f'[{{"id": "{A}", "status": 200}}, {{"id": "{B}", "status": 400, "status": 200}}]'.encode(),
            {},
            id="and here",
        ),
        pytest.param({"a": {"b": {"c": {"d": {"e": {"f": {"g": {"failed": [B]}}}}}}}}, {}, id="too deep to be read"),
        pytest.param({"statusCode": 409, "message": "Conflict"}, {}, id="a conflict of one, which?"),
    ],
)
def test_what_contradicts_itself_or_is_not_understood_is_sent_again(body: Any, expected: dict[int, Outcome]) -> None:
    assert judged(body) == expected


def split(say: Callable[[list[str], str], Any], status: int) -> dict[str, Outcome]:
    """What becomes of each statement where a server stores all but ``B``, and says so in its own way."""
    fates: dict[str, Outcome] = {}
    parts = [IDS]
    while parts:
        ids = parts.pop()
        content = json.dumps(say(list(ids), B)).encode()
        answer = Answer(outcome_of_answer(status, content), status, "message", body=content)
        found = judge(answer, [UUID(text) for text in ids])
        assert all(len(part) < len(ids) for part in found.again)
        fates |= {ids[index]: verdict.outcome for index, verdict in found.verdicts.items()}
        parts += [tuple(ids[index] for index in part) for part in found.again]
    return fates


@pytest.mark.parametrize("status", [200, 201, 202, 207])
@pytest.mark.parametrize(
    "say",
    [
        pytest.param(lambda ids, bad: [400 if each == bad else 200 for each in ids], id="bare statuses"),
        pytest.param(lambda ids, bad: [each != bad for each in ids], id="bare booleans"),
        pytest.param(lambda ids, bad: ["failed" if each == bad else "OK" for each in ids], id="bare words"),
        pytest.param(lambda ids, bad: {"data": {"results": [200 + 200 * (each == bad) for each in ids]}}, id="deeper"),
        pytest.param(lambda ids, bad: [{"status": 422 if each == bad else 200} for each in ids], id="by place"),
        *(
            pytest.param(
                lambda ids, bad, first=first: [
                    {"index": number, "status": 400 if each == bad else 200}
                    for number, each in enumerate(ids, start=first)
                ],
                id=f"by index from {first}",
            )
            for first in (0, 1)
        ),
        *(
            pytest.param(
                lambda ids, bad, first=first: {
                    "errors": [
                        {"index": number, "error": "bad"} for number, each in enumerate(ids, first) if each == bad
                    ]
                },
                id=f"errors by index from {first}",
            )
            for first in (0, 1)
        ),
        pytest.param(
            lambda ids, bad: {"total": len(ids), "failed": int(bad in ids), "failures": [bad] if bad in ids else []},
            id="a total beside",
        ),
        pytest.param(
            lambda ids, bad: {
                "success": True,
                "accepted": len(ids) - (bad in ids),
                "rejected": int(bad in ids),
                "errors": [{"statementId": bad, "code": "bad"}] if bad in ids else [],
            },
            id="counts beside",
        ),
    ],
)
def test_what_is_not_read_in_a_batch_is_found_by_splitting(say: Callable[[list[str], str], Any], status: int) -> None:
    assert split(say, status) == {A: YES, B: NO, C: YES}


@pytest.mark.parametrize("status", [200, 202, 207])
@pytest.mark.parametrize(
    "say",
    [
        pytest.param(
            lambda ids, bad: [
                {"id": each, "actor": {}, "verb": {}, "result": {"success": each != bad}} for each in ids
            ],
            id="the statements themselves",
        ),
        pytest.param(
            lambda ids, bad: {
                "errors": bad in ids,
                "items": [{"create": {"_id": each, "status": 400 if each == bad else 201}} for each in ids],
            },
            id="a bulk index",
        ),
    ],
)
def test_what_is_not_read_at_all_stays_in_doubt(say: Callable[[list[str], str], Any], status: int) -> None:
    assert set(split(say, status).values()) == {Outcome.DOUBT}


@pytest.mark.parametrize("body", [A, [A], {"id": A}, {"id": A, "status": "OK"}])
def test_one_alone_is_proved_by_its_id(body: Any) -> None:
    assert judged(body, ids=(A,)) == {0: YES}
    assert judged(A.encode(), ids=(A,)) == {0: YES}


@pytest.mark.parametrize(
    "body",
    [
        [],
        [X],
        [1],
        [None],
        [{}],
        [{"took": 3}],
        [[]],
        {"pending": [A]},
        {"errors": ["Internal server error"]},
        {"data": None, "errors": [{"message": "Internal server error"}]},
        [{"id": A, "status": 200, "error": "x"}],
        {"failed": 1},
        {"success": False},
    ],
)
def test_doubt_about_one_alone_says_why(body: Any) -> None:
    content = json.dumps(body).encode()
    answer = Answer(outcome_of_answer(200, content), 200, body=content)
    found = judge(answer, [UUID(A)]).verdicts[0]
    assert (found.outcome, found.status) == (Outcome.DOUBT, 200)
    assert found.message


# --- properties ------------------------------------------------------------------------------------------------------

_BAD_NAMES = ("errors", "failed", "rejectedStatements", "invalid", "failures")
_NAMES = st.sampled_from(
    [
        *("id", "index", "status", "error", "statement", "success", "stored", "message", "total", "count", "results"),
        *("data", "more", "warnings", "skipped", *_BAD_NAMES, *IDS),
    ]
) | st.text(max_size=5)
_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(0, 600)
    | st.text(max_size=8)
    | st.sampled_from([*IDS, B.upper(), X, "ok", "failed", "bad", "400", "200"])
)
_JSON = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_NAMES, inner, max_size=4), max_leaves=20
)


def named_as_failed(value: Any, *, under_bad: bool = False) -> Iterator[str]:
    """The ids that a reader who knows nothing of shapes would call failed."""
    if isinstance(value, str) and under_bad:
        yield from (each for each in IDS if each in value.lower())
    elif isinstance(value, list):
        for item in value:
            yield from named_as_failed(item, under_bad=under_bad)
    elif isinstance(value, Mapping):
        status = value.get("status")
        denies = value.get("success") is False or bool(value.get("error")) or status in ("failed", "bad", "400")
        denies = denies or (
            isinstance(status, int) and not isinstance(status, bool) and status >= 400 and status != 409
        )
        if denies and status != 409 and isinstance(value.get("id"), str):
            yield from (each for each in IDS if each == value["id"].lower())
        for name, item in value.items():
            bad = under_bad or name in _BAD_NAMES
            if bad:
                yield from (each for each in IDS if each == name.lower())
            yield from named_as_failed(item, under_bad=bad)


@given(_JSON, st.sampled_from([200, 201, 202, 207]))
def test_nothing_is_accepted_that_the_body_names_as_failed(body: Any, status: int) -> None:
    content = json.dumps(body).encode()
    answer = Answer(outcome_of_answer(status, content), status, body=content)
    found = judge(answer, [UUID(text) for text in IDS])
    accepted = {IDS[index] for index, verdict in found.verdicts.items() if verdict.outcome is YES}
    assert not accepted & set(named_as_failed(body))


@given(st.lists(st.sampled_from(IDS), max_size=4), st.lists(st.sampled_from(IDS), max_size=4), st.booleans())
def test_ids_in_two_lists_that_contradict_each_other_are_in_doubt(
    stored: list[str], failed: list[str], partial: bool
) -> None:
    body = json.dumps({"stored": stored, "failed": failed}).encode()
    verdicts = read(body, IDS, partial=partial).verdicts
    assert {IDS[index] for index in verdicts}.isdisjoint(set(stored) & set(failed))


_FATES = st.sampled_from(["stored", "refused", "left out"])


@given(st.lists(_FATES, min_size=3, max_size=3), st.integers(0, 5), st.sampled_from([200, 207]), st.data())
def test_whatever_the_shape_a_refused_one_is_not_accepted(
    fates: list[str], shape: int, status: int, data: st.DataObject
) -> None:
    said = [(each, fate) for each, fate in zip(IDS, fates, strict=True) if fate != "left out"]
    said = data.draw(st.permutations(said))
    refused = [each for each, fate in said if fate == "refused"]
    stored = [each for each, fate in said if fate == "stored"]
    body = (
        [{"id": each, "status": 200 if fate == "stored" else 400} for each, fate in said],
        {each: {"success": fate == "stored"} for each, fate in said},
        {"accepted": stored, "rejected": [{"id": each, "why": "bad"} for each in refused]},
        {"errors": [{"statementId": each, "message": "bad"} for each in refused]},
        {"stored": len(stored), "failed": len(refused), "errors": dict.fromkeys(refused, "bad")},
        {"data": {"results": [{"statement": {"id": each}, "ok": fate == "stored"} for each, fate in said]}},
    )[shape]
    content = json.dumps({"meta": {"took": 3}, "body": body} if data.draw(st.booleans()) else body).encode()
    answer = Answer(outcome_of_answer(status, content), status, body=content)
    found = judge(answer, [UUID(text) for text in IDS])
    accepted = {IDS[index] for index, verdict in found.verdicts.items() if verdict.outcome is YES}
    assert accepted.isdisjoint(refused)
    parked = {IDS[index] for index, verdict in found.verdicts.items() if verdict.outcome is NO}
    assert parked <= set(refused)


@given(st.binary(max_size=300), st.integers(200, 299), st.booleans())
def test_no_bytes_break_it(body: bytes, status: int, is_record: bool) -> None:
    answer = Answer(outcome_of_answer(status, body, is_record=is_record), status, body=body)
    judgment = judge(answer, [UUID(text) for text in IDS], is_record=is_record)
    again = [index for part in judgment.again for index in part]
    assert judgment.problem is not None or sorted([*judgment.verdicts, *again]) == [0, 1, 2]
