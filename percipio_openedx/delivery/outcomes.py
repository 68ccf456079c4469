"""What an HTTP answer means. Pure: neither Django models nor ``requests``.

Sources: the error tables of Skillsoft's page *Tracking Content and Learning Activity*, xAPI 1.0.3 Communication 2.1.1,
2.1.2 and 3.2, and RFC 9110 for the statuses that neither names.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from percipio_openedx.codes import Outcome
from percipio_openedx.exceptions import (
    DeliveryError,
    Refused,
    Throttled,
    TooLarge,
    Unauthorised,
    Unavailable,
    Unreachable,
)

# 407 is the site's own proxy, 421 and 423 are about the moment, 408, 425 and 429 say so themselves.
_LATER = frozenset({407, 408, 421, 423, 425, 429})
# About the address, not about what was sent: a wrong partner, a gateway in the middle of a deployment.
_NOT_FOUND = frozenset({404, 405, 410})
_UNAUTHORISED = frozenset({401, 402, 403})
_ACCEPTED = frozenset({200, 201, 202, 204})
# With these an empty or foreign body is no doubt: a proxy does not make them up, and 204 has no body.
_NEEDS_NO_BODY = frozenset({202, 204})


def outcome_of(status: int) -> Outcome:
    """The outcome of an HTTP status, body unseen. Every number has one.

    A redirect is never followed, so it is *later*, like every status that is neither success nor a client error: the
    way to Percipio is wrong, not the statement. 409 is told apart by the number of statements sent (``judgement``).
    """
    if status in _ACCEPTED:
        return Outcome.ACCEPTED
    if status == 207:
        return Outcome.PARTIAL
    if status in _UNAUTHORISED:
        return Outcome.UNAUTHORISED
    if status in _NOT_FOUND:
        return Outcome.NOT_FOUND
    if status == 409:
        return Outcome.CONFLICT
    if status == 413:
        return Outcome.TOO_LARGE
    if 400 <= status < 500 and status not in _LATER:
        return Outcome.REFUSED
    return Outcome.LATER


def outcome_of_answer(status: int, body: bytes) -> Outcome:
    """The outcome of an answer to a POST, body seen.

    An LRS answers 200 with the ids of what it stored (xAPI 1.0.3 Communication 2.1.2), so a 200 without JSON comes from
    something on the way (a proxy's page, a login form) and is *later*. The Track API's answer is unpublished; the same
    rule holds for it, since a record that was taken after all is answered 409 the next time. 202 and 204 need no body,
    and 201 may have none. A 200 whose JSON speaks of errors is read as a 207 is.
    """
    outcome = outcome_of(status)
    if outcome is not Outcome.ACCEPTED or status in _NEEDS_NO_BODY or (status == 201 and not body.strip()):
        return outcome
    answer = json_of(body)
    if not isinstance(answer, list | dict):
        return Outcome.LATER
    return Outcome.PARTIAL if _speaks_of_errors(answer) else Outcome.ACCEPTED


def json_of(body: bytes) -> Any:
    """The JSON value of a body, or None where it is none (also for nesting too deep to read)."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _speaks_of_errors(answer: Any) -> bool:
    if not isinstance(answer, dict):
        return False
    said = {str(key).lower(): value for key, value in answer.items()}
    return said.get("success") is False or bool(said.get("error")) or bool(said.get("errors"))


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one request: also when no answer came.

    Arguments:
        outcome: its one meaning.
        status: the HTTP status, None where no answer came.
        words: Percipio's words, or ours where it said nothing; redacted, fit for an operator.
        retry_after: seconds the server asked to wait, or None.
        duration: seconds from sending to the end of the answer.
        body: the answer, for whoever has to read it by items.
        earlier: the answers to the same request with the token that was then replaced.
        is_of_token: whether the token endpoint answered, and nothing was sent for want of a token.
    """

    outcome: Outcome
    status: int | None
    words: str = ""
    retry_after: float | None = None
    duration: float = 0.0
    body: bytes = field(default=b"", repr=False)
    earlier: tuple[Answer, ...] = ()
    is_of_token: bool = False


_ERRORS: dict[Outcome, type[DeliveryError]] = {
    Outcome.UNAUTHORISED: Unauthorised,
    Outcome.NOT_FOUND: Refused,
    Outcome.TOO_LARGE: TooLarge,
    Outcome.REFUSED: Refused,
    Outcome.CONFLICT: Refused,
}


def error_of(answer: Answer) -> DeliveryError:
    """The typed error of an answer that is not success, for callers that deal in exceptions."""
    late = Unreachable if answer.status is None else Throttled if answer.status == 429 else Unavailable
    kind: type[DeliveryError] = _ERRORS.get(answer.outcome, late)
    return kind(answer.words, status=answer.status, retry_after=answer.retry_after, duration=answer.duration)


def answer_of(error: DeliveryError) -> Answer:
    """The answer that a typed error stands for."""
    return Answer(
        outcome=_outcome_of_error(error),
        status=error.status,
        words=error.message,
        retry_after=error.retry_after,
        duration=error.duration or 0.0,
        is_of_token=error.is_of_token,
    )


def _outcome_of_error(error: DeliveryError) -> Outcome:
    if isinstance(error, Unauthorised):
        return Outcome.UNAUTHORISED
    if isinstance(error, TooLarge):
        return Outcome.TOO_LARGE
    if isinstance(error, Refused):
        return Outcome.NOT_FOUND if error.status in _NOT_FOUND else Outcome.REFUSED
    return Outcome.LATER
