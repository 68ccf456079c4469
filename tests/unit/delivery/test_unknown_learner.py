"""Which refusals say that Percipio does not know the learner. What it really says nobody has published."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from percipio_openedx import config
from percipio_openedx.delivery.outcomes import Answer, judge
from percipio_openedx.delivery.unknown_learner import is_unknown, mark
from percipio_openedx.enums import Outcome
from percipio_openedx.exceptions import PercipioConfigurationError
from percipio_openedx.redaction import message_of
from percipio_openedx.settings.common import DEFAULTS
from percipio_openedx.statements.personal import personal_of

WORDS = DEFAULTS["PERCIPIO_UNKNOWN_LEARNER_WORDS"]
IDS = [UUID(int=number) for number in (1, 2, 3)]


@pytest.mark.parametrize(
    "message",
    [
        "User not found",
        "user … not found",
        'User "…" was not found.',
        "The user with id … could not be found",
        "User does not exist",
        "User … doesn't exist",
        "The user doesn’t exist",
        "No such user: …",
        "Unknown user",
        "unknown external user id …",
        "User is unknown",
        "The user … is not known here",
        "Could not find user …",
        "Cannot find the user",
        "can't find a user with this email",
        "No user found for …",
        "There is no user with email …",
        "USER_NOT_FOUND",
        "UserNotFoundException",
        "user-not-found",
        "userId not found",
        "user account not found",
        "Learner not found",
        "learner not recognised",
        "learner … does not exist",
        "Unknown learner …",
        "User not found in organization …",
        "User not found in this organization",
        "The user does not exist within your organisation",
        "400: User … not found",
        "Statement rejected: unknown user",
        "The record was refused. User not found.",
    ],
)
def test_said_of_a_learner(message: str) -> None:
    assert is_unknown(message, WORDS)


@pytest.mark.parametrize(
    "message",
    [
        "",
        "…",
        "404 Not Found",
        "not found",
        "Malformed xAPI",
        "Course not found",
        "Course not found for user …",
        "The user's course was not found",
        "User … not found in course …",
        "Unknown user course",
        "Unknown content for user",
        "content_id of the user does not exist",
        "Organization not found",
        "Organization not found for user …",
        "The organization of the user does not exist",
        "User organization not found",
        "Unknown user organization",
        "The user's organisation is unknown",
        "User not found: unknown organization",
        "Partner not found for user",
        "Tenant unknown, user not found",
        "user token not found",
        "user session does not exist",
        "User has no license",
        "No license found for user",
        "User role not found",
        "User group does not exist",
        "User not enrolled",
        "User is not a member of the organization",
        "User field not found",
        "The parameter user was not found",
        "Required property user not found",
        "Unknown user agent header",
        "The client's user was not found",
        "service user not found",
        "The user may not do this; nothing found",
        "User accepted, and in the end, after much ado, not found",
        "Not found: the user …",
        "found no error of the user",
        "The username is invalid",
        "users",
        "no user event found",
        "unknown user statement",
        "api user not found",
    ],
)
def test_said_of_something_else(message: str) -> None:
    assert not is_unknown(message, WORDS)


def test_the_words_are_the_operators() -> None:
    assert is_unknown("E-4711: Benutzer … ist nicht bekannt", ["Benutzer nicht bekannt"])
    assert is_unknown("code usr-4711", ["USR-4711"])
    assert not is_unknown("User not found", [])
    assert not is_unknown("User not found", ["", "?!"])


@given(st.text())
def test_any_text_is_read(message: str) -> None:
    assert is_unknown(message, WORDS) in (True, False)
    assert not is_unknown(f"{message} course", WORDS)


def answered(status: int, body: Any, sent: bytes = b"[]") -> Answer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    outcome = {207: Outcome.PARTIAL, 400: Outcome.REFUSED, 404: Outcome.NOT_FOUND, 403: Outcome.UNAUTHORIZED}
    personal = personal_of(sent)
    message = f"{status}: {message_of(raw, (), personal)}"
    return Answer(outcome.get(status, Outcome.LATER), status, message, body=raw, personal=personal)


def marked(answer: Answer, count: int = 1, *, is_record: bool = False) -> dict[int, tuple[str, bool]]:
    judgment = mark(judge(answer, IDS[:count], is_record=is_record), answer, WORDS)
    return {index: (one.outcome.value, one.is_unknown_learner) for index, one in judgment.verdicts.items()}


REFUSED, UNKNOWN = ("refused", False), ("refused", True)


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (400, {"message": "User x not found"}, UNKNOWN),
        (404, {"message": "User x not found", "path": "/v1/partners/acme/track"}, UNKNOWN),
        (400, {"error": "Bad Request", "message": "User not found"}, UNKNOWN),
        (400, {"error": {"code": "USER_NOT_FOUND", "details": [{"message": "no such user"}]}}, UNKNOWN),
        (400, {"errors": ["User not found"]}, UNKNOWN),
        (400, b"User not found", UNKNOWN),
        (400, {"message": "Course not found", "user": "x"}, REFUSED),
        (400, {"user": "x", "error": "not found"}, REFUSED),
        (400, {"code": "COURSE_UNKNOWN", "message": "User not found"}, REFUSED),
        (404, {"message": "Not Found"}, ("not_found", False)),
        (404, b"<html><body>User not found? The page does not exist</body></html>", ("not_found", False)),
        (403, {"message": "User not found"}, ("unauthorized", False)),
        (500, {"message": "User not found"}, ("later", False)),
        (503, {"message": "Unknown user"}, ("later", False)),
    ],
)
@pytest.mark.parametrize("is_record", [False, True])
def test_one_statement_or_record_alone(status: int, body: Any, expected: tuple[str, bool], is_record: bool) -> None:
    assert marked(answered(status, body), is_record=is_record) == {0: expected}


@pytest.mark.parametrize(
    "body",
    [
        [
            {"id": str(IDS[0]), "status": 200},
            {"id": str(IDS[1]), "status": 404, "message": "User not found"},
            {"id": str(IDS[2]), "status": 400, "message": "Course not found"},
        ],
        {
            str(IDS[0]): {"status": 200},
            str(IDS[1]): {"status": 400, "error": "unknown user"},
            str(IDS[2]): {"status": 400, "error": "unknown verb"},
        },
        {
            "errors": [
                {"id": str(IDS[1]), "status": 400, "message": "The user does not exist"},
                {"id": str(IDS[2]), "status": 400, "message": "The user's organization does not exist"},
            ]
        },
    ],
)
def test_one_of_a_batch(body: Any) -> None:
    assert marked(answered(207, body), 3) == {0: ("accepted", False), 1: UNKNOWN, 2: REFUSED}


@pytest.mark.parametrize("status", [400, 404])
def test_a_whole_batch_is_nobody(status: int) -> None:
    answer = answered(status, {"message": "User not found"})
    judgment = mark(judge(answer, IDS), answer, WORDS)
    assert (judgment.verdicts, judgment.failed) == ({}, answer.outcome)


def test_a_learners_own_name_is_no_word_of_the_message() -> None:
    sent = json.dumps({"user": "course.token@example.com"}).encode()
    assert marked(answered(400, {"message": "User course.token@example.com not found"}, sent)) == {0: UNKNOWN}
    named = json.dumps({"user": "not.found@example.com"}).encode()
    assert marked(answered(400, {"message": "User not.found@example.com is late"}, named)) == {0: REFUSED}


@pytest.mark.parametrize("wrong", ["user not found", 7, ["user not found", 7], [""], {"a": "b"}])
def test_a_wrong_setting_is_said_and_the_default_holds(settings: Any, wrong: Any) -> None:
    settings.PERCIPIO_UNKNOWN_LEARNER_WORDS = wrong
    with pytest.raises(PercipioConfigurationError, match="PERCIPIO_UNKNOWN_LEARNER_WORDS"):
        config.checked_learner_words()
    assert config.unknown_learner_words() == tuple(WORDS)
