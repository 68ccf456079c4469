"""What an HTTP answer to a POST means as a whole. Pure: neither Django models nor ``requests``.

What counts as accepted is decision record 0014; the statuses are ``statuses``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from percipio_openedx.delivery.multistatus import ids_of, parsed, read
from percipio_openedx.delivery.statuses import NOT_FOUND, outcome_of
from percipio_openedx.delivery.vocabulary import denies, is_success
from percipio_openedx.enums import Outcome
from percipio_openedx.exceptions import (
    DeliveryError,
    Refused,
    Throttled,
    TooLarge,
    Unauthorized,
    Unavailable,
    Unreachable,
)
from percipio_openedx.statements.personal import NOBODY, Personal

# Headers of a firewall that answers in the server's place: AWS WAF's challenge is an empty 202, Cloudflare's a page.
_CHALLENGES = ("x-amzn-waf-action", "cf-mitigated")

# How what is no plain text begins: a page; half of a list or of an object, which might have said anything.
_NO_TEXT = ("<", "[", "{")


def is_challenge(headers: Mapping[str, str]) -> bool:
    """Whether a firewall on the way answered, whatever the status is."""
    return any(headers.get(name) for name in _CHALLENGES)


def is_page(status: int, body: bytes) -> bool:
    """Whether a success is a page, or some other text that is no answer of an API's."""
    return parsed(body) is None and outcome_of_answer(status, body) is Outcome.DOUBT


def outcome_of_answer(status: int, body: bytes, *, is_record: bool = False) -> Outcome:
    """The outcome of an answer to a POST, body seen; which statements it is about, ``judgement`` reads.

    Arguments:
        is_record: a Track record was sent. It has no id, so the answer need not name it, and to send it again is the
            greater harm: what says nothing against it is believed at once.

    A success is *accepted* where the body names statements, or says of its own accord that all is well; *partial* where
    it names failures; *plain* where it says no more than its status does; and *doubt* where it denies the status, or
    is a page that something on the way made.
    """
    outcome = outcome_of(status)
    if outcome is not Outcome.ACCEPTED or status == 204:
        return outcome
    answer = parsed(body)
    if answer is not None:
        return _of_json(body, status, answer, is_record=is_record)
    text = body.decode("utf-8", "replace").strip().strip('"')
    if not text and status == 201:
        # It says by itself that something was made, and nobody on the way makes that up.
        return Outcome.ACCEPTED
    if not text or is_success(text) or text == "true":
        return Outcome.ACCEPTED if is_record or status == 202 else Outcome.PLAIN
    is_well = status == 202 and not text.startswith(_NO_TEXT) and "\ufffd" not in text and not denies(text)
    return Outcome.ACCEPTED if is_well else Outcome.DOUBT


def _of_json(body: bytes, status: int, answer: object, *, is_record: bool) -> Outcome:
    if ids_of(answer):
        return Outcome.ACCEPTED
    found = read(body, (), partial=False)
    entries = found.verdicts.values()
    is_negative = any(verdict.outcome is not Outcome.ACCEPTED for verdict in entries)
    if found.is_torn or found.denies or is_negative or any(found.failures):
        return Outcome.PARTIAL if entries or any(found.failures) else Outcome.DOUBT
    if found.lists_stored and not entries and not is_record:
        return Outcome.DOUBT
    if not found.is_silent or status == 202:
        return Outcome.ACCEPTED
    if found.has_message or (not answer and not is_record):
        return Outcome.DOUBT
    return Outcome.ACCEPTED if is_record else Outcome.PLAIN


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
        personal: of whom the request was, to be masked in whatever of the body is kept; nobody where all was accepted.
        is_of_token: whether the token endpoint answered, and nothing was sent for want of a token.
    """

    outcome: Outcome
    status: int | None
    words: str = ""
    retry_after: float | None = None
    duration: float = 0.0
    body: bytes = field(default=b"", repr=False)
    earlier: tuple[Answer, ...] = ()
    personal: Personal = field(default=NOBODY, repr=False)
    is_of_token: bool = False


_ERRORS: dict[Outcome, type[DeliveryError]] = {
    Outcome.UNAUTHORIZED: Unauthorized,
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
    if isinstance(error, Unauthorized):
        return Outcome.UNAUTHORIZED
    if isinstance(error, TooLarge):
        return Outcome.TOO_LARGE
    if isinstance(error, Refused):
        return Outcome.NOT_FOUND if error.status in NOT_FOUND else Outcome.REFUSED
    return Outcome.LATER
