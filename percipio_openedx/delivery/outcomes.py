"""What an answer means: for the request as a whole, for each statement in it, and for when to try again. Pure.

Something is said of a statement only by an answer about itself alone: it was sent alone, or the body of a success names
it. Anything else that is said of a batch is found out by sending it again in parts; the ids stay the same, so nothing
is stored twice. Whether a failure is the statement's or the destination's is decided in ``attribution``.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from uuid import UUID

from percipio_openedx.delivery.bodies import (
    NOT_FOUND,
    StatementVerdict,
    denies,
    ids_in,
    is_success,
    outcome_of,
    parsed,
    read,
    remarks_of,
    says_something_odd,
)
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

UNSAID = "the answer does not say what was stored"
# Headers of a firewall that answers in the server's place: AWS WAF's challenge is an empty 202, Cloudflare's a page.
_CHALLENGES = ("x-amzn-waf-action", "cf-mitigated")
# Seconds of the backoff: full jitter over an exponentially growing span, capped, and for ever (a report is given up by
# a person only).
BASE = 5.0
CAP = 3600.0
LEAST = 1.0
# What is fixed by people, and an odd answer, which stays odd for a while: asking every few seconds would only fill logs
# on both sides.
BASE_OF_PAUSE = 60.0
_SLOWLY = (Outcome.UNAUTHORIZED, Outcome.NOT_FOUND, Outcome.REFUSED, Outcome.PLAIN, Outcome.DOUBT)
# What asks for more is a mistake: it would cost a day, and a person who looks.
LONGEST_RETRY_AFTER = 86400.0
_SPREAD = 30.0
# Seconds beyond which nothing is put off: what waits longer was put off by a clock that was wrong.
LONGEST_WAIT = max(CAP, LONGEST_RETRY_AFTER + _SPREAD)
# How what is no plain text begins: a page; half of a list or of an object, which might have said anything.
_NO_TEXT = ("<", "[", "{")
_OUTCOMES = {Unauthorized: Outcome.UNAUTHORIZED, TooLarge: Outcome.TOO_LARGE, Refused: Outcome.REFUSED}
_ERRORS: Mapping[Outcome, type[DeliveryError]] = {
    **{outcome: kind for kind, outcome in _OUTCOMES.items()},
    Outcome.NOT_FOUND: Refused,
    Outcome.CONFLICT: Refused,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one request: also when no answer came.

    Arguments:
        status: of HTTP, None where no answer came.
        words: Percipio's words, or ours where it said nothing; redacted, fit for an operator.
        retry_after: seconds the server asked to wait, or None.
        duration: seconds from sending to the end of the answer.
        earlier: the answers to the same request with the token that was then replaced.
        personal: of whom the request was, to be masked in whatever of the body is kept; nobody where all was accepted.
        is_of_token: whether the token endpoint answered, and nothing was sent for want of a token.
    """

    outcome: Outcome
    status: int | None
    message: str = ""
    retry_after: float | None = None
    duration: float = 0.0
    body: bytes = field(default=b"", repr=False)
    earlier: tuple[Answer, ...] = ()
    personal: Personal = field(default=NOBODY, repr=False)
    is_of_token: bool = False


def is_challenge(headers: Mapping[str, str]) -> bool:
    """Return whether a firewall on the way answered, whatever the status is."""
    return any(headers.get(name) for name in _CHALLENGES)


def is_page(status: int, body: bytes) -> bool:
    """Return whether a success is a page, or some other text that is no answer of an API's."""
    return parsed(body) is None and outcome_of_answer(status, body) is Outcome.DOUBT


def outcome_of_answer(status: int, body: bytes, *, is_record: bool = False) -> Outcome:
    """Return the outcome of an answer to a POST, body seen.

    A success is *accepted* where the body names statements, or says of its own accord that all is well; *partial* where
    it names failures; *plain* where it says no more than its status does; and *doubt* where it denies the status, or
    is a page that something on the way made.

    Arguments:
        is_record: a Track record was sent. It has no id, so the answer need not name it, and to send it again is the
            greater harm: what says nothing against it is believed at once.
    """
    outcome = outcome_of(status)
    if outcome is not Outcome.ACCEPTED or status == 204:
        return outcome
    answer = parsed(body)
    if answer is None:
        return _of_text(status, body.decode("utf-8", "replace").strip().strip('"'), is_record=is_record)
    if ids_in(answer):
        return Outcome.ACCEPTED
    remarks = remarks_of(answer, (), partial=False)
    of_all = {remark.verdict.outcome for remark in remarks if not remark.id}
    of_each = {remark.verdict.outcome for remark in remarks if remark.id}
    if Outcome.REFUSED in of_all or of_each - {Outcome.ACCEPTED, Outcome.DOUBT if is_record else Outcome.ACCEPTED}:
        return Outcome.PARTIAL if of_each else Outcome.DOUBT
    if of_each or Outcome.ACCEPTED in of_all or status == 202:
        return Outcome.ACCEPTED
    if says_something_odd(answer) or (not is_record and (of_all or not answer)):
        return Outcome.DOUBT
    return Outcome.ACCEPTED if is_record else Outcome.PLAIN


def _of_text(status: int, text: str, *, is_record: bool) -> Outcome:
    if not text and status == 201:
        # It says by itself that something was made, and nobody on the way makes that up.
        return Outcome.ACCEPTED
    if not text or is_success(text):
        return Outcome.ACCEPTED if is_record or status == 202 else Outcome.PLAIN
    is_well = status == 202 and not text.startswith(_NO_TEXT) and "\ufffd" not in text and not denies(text)
    return Outcome.ACCEPTED if is_well else Outcome.DOUBT


@dataclass(frozen=True, slots=True)
class Judgment:
    """What one answer means.

    Arguments:
        verdicts: by index of the request, what was said of single statements: accepted, refused, or another failure;
            doubt, and a plain success that is not believed, are failures, too.
        again: the parts to send again at once, each a run of indexes.
        failed: how the request as a whole failed (refused, unauthorized, not found, doubt, plain, later), where it held
            several, and nothing was said of any of them.
        problem: the destination's own problem for certain (later, unauthorized), or None.
        smaller: whether requests of this size are too large.
    """

    verdicts: dict[int, StatementVerdict] = field(default_factory=dict)
    again: tuple[tuple[int, ...], ...] = ()
    failed: Outcome | None = None
    problem: Outcome | None = None
    smaller: bool = False

    def answered(self, answer: Answer, count: int) -> Answer:
        """Return the answer as it is kept: with the outcome that it had for a request of ``count`` statements."""
        if answer.outcome not in (Outcome.ACCEPTED, Outcome.PARTIAL, Outcome.PLAIN):
            return answer
        said = [one.outcome for one in self.verdicts.values() if one.outcome not in (Outcome.DOUBT, Outcome.PLAIN)]
        if said.count(Outcome.ACCEPTED) == count:
            return replace(answer, outcome=Outcome.ACCEPTED)
        silent = Outcome.PLAIN if answer.outcome is Outcome.PLAIN else Outcome.DOUBT
        message = answer.message or f"{answer.status}: {UNSAID}"
        return replace(answer, outcome=Outcome.PARTIAL if said else silent, message=message)


def judge(answer: Answer, ids: Sequence[UUID], *, is_record: bool = False, believed: bool = False) -> Judgment:
    """Judge the answer to a request.

    Arguments:
        ids: of the statements, in the order sent; one for a Track record.
        is_record: what was sent is a Track record, which an answer need not name.
        believed: whether this destination may say that all is well without naming anything.
    """
    if answer.is_of_token or answer.status == 429:
        # Nothing was sent for want of a token, or too much: that is about no statement.
        return Judgment(problem=answer.outcome)
    if answer.outcome is Outcome.CONFLICT:
        if len(ids) == 1:
            return Judgment({0: StatementVerdict(Outcome.ACCEPTED, answer.status, "known there already")})
        return Judgment(again=_halves(len(ids)))
    if answer.outcome in (Outcome.ACCEPTED, Outcome.PARTIAL) or (answer.outcome is Outcome.PLAIN and believed):
        return _by_item(answer, [str(each) for each in ids], is_record=is_record)
    return _failed(answer, answer.outcome, len(ids))


def _by_item(answer: Answer, ids: Sequence[str], *, is_record: bool) -> Judgment:
    """Read who was stored and who was not; of whom the body leaves that open is in doubt, and asked again."""
    count = len(ids)
    reading = read(answer.body, ids, partial=answer.status == 207)
    if answer.outcome is not Outcome.PARTIAL and not reading.speaks and (is_record or not reading.names_others):
        return Judgment(dict.fromkeys(range(count), StatementVerdict(Outcome.ACCEPTED, answer.status)))
    found = {}
    for index, verdict in reading.verdicts.items():
        status = answer.status if verdict.status in (None, 207) else verdict.status
        # Of what was accepted nothing need be said; else nothing of people that the request held.
        message = "" if verdict.outcome is Outcome.ACCEPTED else answer.personal.masked(verdict.message)
        found[index] = StatementVerdict(verdict.outcome, status, message)
    unknown = tuple(index for index in range(count) if index not in found)
    if found:
        return Judgment(found, again=(unknown,) if unknown else ())
    if answer.status == 207 and count == 1 and not reading.is_torn:
        # "Some failed" of a single one: it is this one, whatever the body says.
        return Judgment({0: StatementVerdict(Outcome.REFUSED, answer.status, answer.message)})
    return _failed(answer, Outcome.DOUBT, count)


def _failed(answer: Answer, outcome: Outcome, count: int) -> Judgment:
    is_large = outcome is Outcome.TOO_LARGE
    message = answer.message or (f"{answer.status}: {UNSAID}" if outcome in (Outcome.DOUBT, Outcome.PLAIN) else "")
    if count == 1:
        return Judgment({0: StatementVerdict(Outcome.REFUSED if is_large else outcome, answer.status, message)})
    # Of a batch that is too large nothing is wrong but its size.
    return Judgment(again=_halves(count), smaller=is_large, failed=None if is_large else outcome)


def _halves(count: int) -> tuple[tuple[int, ...], ...]:
    indexes, middle = tuple(range(count)), (count + 1) // 2
    return indexes[:middle], indexes[middle:]


def may_be_stored(outcome: Outcome, status: int | None) -> bool:
    """Return whether Percipio may have stored what was answered so; only a definite refusal says that it has not.

    Arguments:
        outcome: of one statement, or of a request of which nothing was said of this one.
        status: its HTTP status; None where no answer came, which is no refusal.
    """
    if status is not None and 400 <= status < 500:
        # The time was up before the whole request was read, it says; and some of it is known there already.
        return status in (408, 409)
    is_refusal = outcome in (Outcome.UNAUTHORIZED, Outcome.NOT_FOUND, Outcome.TOO_LARGE, Outcome.REFUSED)
    return not is_refusal or status is None or status >= 500


def error_of(answer: Answer) -> DeliveryError:
    """Return the typed error of an answer that is not success, for callers that deal in exceptions."""
    late = Unreachable if answer.status is None else Throttled if answer.status == 429 else Unavailable
    kind: type[DeliveryError] = _ERRORS.get(answer.outcome, late)
    return kind(answer.message, status=answer.status, retry_after=answer.retry_after, duration=answer.duration)


def answer_of(error: DeliveryError) -> Answer:
    """Return the answer that a typed error stands for."""
    outcome = _OUTCOMES.get(type(error), Outcome.LATER)
    if outcome is Outcome.REFUSED and error.status in NOT_FOUND:
        outcome = Outcome.NOT_FOUND
    return Answer(
        outcome=outcome,
        status=error.status,
        message=error.message,
        retry_after=error.retry_after,
        duration=error.duration or 0.0,
        is_of_token=error.is_of_token,
    )


# --- when to try again -----------------------------------------------------------------------------------------------


def next_time(
    now: datetime,
    failures: int,
    outcome: Outcome,
    retry_after: float | None = None,
    jitter: Callable[[float, float], float] = random.uniform,
) -> datetime:
    """Return the moment of the next try.

    Arguments:
        failures: failed tries in a row, this one included (1 or more).
        outcome: of the last try; a refusal of the credentials waits longer, and so does doubt.
        retry_after: seconds the server asked for; they are kept to where they are a day or less, with up to a tenth
            more so that not all workers come back in the same instant.
        jitter: a random number between two.
    """
    if retry_after is not None and retry_after <= LONGEST_RETRY_AFTER:
        asked = max(retry_after, LEAST)
        return now + timedelta(seconds=asked + jitter(0.0, min(asked / 10, _SPREAD)))
    base = BASE_OF_PAUSE if outcome in _SLOWLY else BASE
    # 2 ** 20 seconds are far beyond the cap, and larger exponents would overflow after years of failing.
    span = min(CAP, base * 2 ** min(max(failures, 1) - 1, 20))
    return now + timedelta(seconds=max(LEAST, jitter(0.0, span)))


def retry_after_of(header: str | None, now: datetime) -> float | None:
    """Return the seconds that a ``Retry-After`` header asks for: a number or an HTTP date (RFC 9110 10.2.3).

    None where there is no header, where it cannot be read, and where it asks for more than a day; never negative.
    """
    text = (header or "").strip()
    seconds = float(text[:12]) if text.isascii() and text.isdigit() else seconds_until(text, now)
    return max(seconds, 0.0) if seconds is not None and seconds <= LONGEST_RETRY_AFTER else None


def seconds_until(date: str, now: datetime) -> float | None:
    """Return the seconds from now to an HTTP date (RFC 9110 5.6.7), negative where it has passed; None for no date."""
    try:
        when = parsedate_to_datetime(date)
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() - now.timestamp()
    except (TypeError, ValueError, OverflowError, IndexError):
        return None
