"""Judge an answer: for the whole request, for each statement, and for the next retry. Pure.

Only an answer about one statement says something of it: it was sent alone, or a success's body names it. For anything
else the batch is retried in parts; the ids stay the same, so retries are idempotent. Whether a failure is the
statement's or the destination's is decided in ``attribution``.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from uuid import UUID

from percipio_openedx.delivery.bodies import (
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
from percipio_openedx.exceptions import PercipioError
from percipio_openedx.statements.personal import NOBODY, Personal

UNSAID = "the answer does not say what was stored"
# Headers of a firewall answering for the server: AWS WAF's challenge is an empty 202, Cloudflare's a page.
_CHALLENGES = ("x-amzn-waf-action", "cf-mitigated")
# Seconds of the backoff: full jitter over an exponentially growing span, capped, without end (only a person discards a
# statement).
BASE = 5.0
CAP = 3600.0
LEAST = 1.0
# Problems a person must fix, and odd answers, which stay odd for a while: frequent retries would only fill logs.
BASE_OF_PAUSE = 60.0
_SLOWLY = (Outcome.UNAUTHORIZED, Outcome.NOT_FOUND, Outcome.REFUSED, Outcome.PLAIN, Outcome.DOUBT)
# A longer wait is taken for a mistake: it would cost a day and an operator's time.
LONGEST_RETRY_AFTER = 86400.0
_SPREAD = 30.0
# The longest postponement in seconds: a longer one comes from a wrong clock.
LONGEST_WAIT = max(CAP, LONGEST_RETRY_AFTER + _SPREAD)
# A text starting like this is a page, or a truncated list or object that might have said anything.
_NO_TEXT = ("<", "[", "{")


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of one request, with or without an answer.

    Arguments:
        status: of HTTP; None without an answer.
        message: Percipio's, or ours without one; redacted, fit for an operator.
        retry_after: seconds the server asked to wait.
        duration: seconds from sending to the end of the answer.
        earlier: answers to the same request with the token that was then replaced.
        personal: the learners to mask in what is stored of the body; nobody where all was accepted.
        is_of_token: the token endpoint answered, and nothing was sent for lack of a token.
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


class DeliveryError(PercipioError):
    """A request to Percipio failed; ``answer`` says how."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.message)
        self.answer = answer


def later(message: str, status: int | None = None) -> DeliveryError:
    """Return the error of a request that is to be made again later."""
    return DeliveryError(Answer(Outcome.LATER, status, message))


def is_challenge(headers: Mapping[str, str]) -> bool:
    """Return whether a firewall on the way answered, whatever the status."""
    return any(headers.get(name) for name in _CHALLENGES)


def is_page(status: int, body: bytes) -> bool:
    """Return whether a success is a page or other text that is no API answer."""
    return parsed(body) is None and outcome_of_answer(status, body) is Outcome.DOUBT


def without_echo(body: bytes, sent: bytes) -> bytes:
    """Return an answer without what it repeats of the JSON object that was sent: a title may speak of errors."""
    answer, item = parsed(body), parsed(sent)
    if not isinstance(answer, dict) or not isinstance(item, dict):
        return body
    kept = {name: value for name, value in answer.items() if name not in item or item[name] != value}
    return json.dumps(kept).encode()


def outcome_of_answer(status: int, body: bytes, *, is_record: bool = False) -> Outcome:
    """Return the outcome of an answer to a POST, body seen.

    A success is *accepted* where the body names statements or states success, *partial* where it names failures,
    *plain* where it adds nothing to the status, and *doubt* where it contradicts the status or is a page made on the
    way.

    Arguments:
        is_record: a Track record was sent. Without an id the answer need not name it, and a resend is the greater harm:
            anything not against it is trusted at once.
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
        # The body says that something was created, which nothing on the way would invent.
        return Outcome.ACCEPTED
    if not text or is_success(text):
        return Outcome.ACCEPTED if is_record or status == 202 else Outcome.PLAIN
    is_well = status == 202 and not text.startswith(_NO_TEXT) and "\ufffd" not in text and not denies(text)
    return Outcome.ACCEPTED if is_well else Outcome.DOUBT


@dataclass(frozen=True, slots=True)
class Judgment:
    """The meaning of one answer.

    Arguments:
        verdicts: by index: accepted, refused or another failure, including doubt and an untrusted plain success.
        again: the parts to resend at once, each a run of indexes.
        failed: how a request of several failed with nothing said of any (refused, unauthorized, not found, doubt,
            plain, later).
        problem: certainly the destination's own problem (later, unauthorized), or None.
        smaller: whether requests of this size are too large.
    """

    verdicts: dict[int, StatementVerdict] = field(default_factory=dict)
    again: tuple[tuple[int, ...], ...] = ()
    failed: Outcome | None = None
    problem: Outcome | None = None
    smaller: bool = False

    def answered(self, answer: Answer, count: int) -> Answer:
        """Return the answer as stored: with its outcome for a request of ``count`` statements."""
        if answer.outcome not in (Outcome.ACCEPTED, Outcome.PARTIAL, Outcome.PLAIN):
            return answer
        said = [one.outcome for one in self.verdicts.values() if one.outcome not in (Outcome.DOUBT, Outcome.PLAIN)]
        if said.count(Outcome.ACCEPTED) == count:
            return replace(answer, outcome=Outcome.ACCEPTED)
        silent = Outcome.PLAIN if answer.outcome is Outcome.PLAIN else Outcome.DOUBT
        message = answer.message or f"{answer.status}: {UNSAID}"
        return replace(answer, outcome=Outcome.PARTIAL if said else silent, message=message)


def judge(answer: Answer, ids: Sequence[UUID], *, is_record: bool = False, believed: bool = False) -> Judgment:
    """Judge the answer to a request for these ids, in the order sent.

    ``is_record``: one Track record was sent, which an answer need not name. ``believed``: this destination's plain
    success is trusted.
    """
    if answer.is_of_token or answer.status == 429:
        # No token, or a rate limit: about no statement.
        return Judgment(problem=answer.outcome)
    if answer.outcome is Outcome.CONFLICT:
        if len(ids) == 1:
            return Judgment({0: StatementVerdict(Outcome.ACCEPTED, answer.status, "known there already")})
        return Judgment(again=_halves(len(ids)))
    if answer.outcome in (Outcome.ACCEPTED, Outcome.PARTIAL) or (answer.outcome is Outcome.PLAIN and believed):
        return _by_item(answer, [str(each) for each in ids], is_record=is_record)
    return _failed(answer, answer.outcome, len(ids))


def _by_item(answer: Answer, ids: Sequence[str], *, is_record: bool) -> Judgment:
    """Read which statements were stored; those the body leaves open are in doubt and are retried."""
    count = len(ids)
    reading = read(answer.body, ids, partial=answer.status == 207)
    if answer.outcome is not Outcome.PARTIAL and not reading.speaks and (is_record or not reading.names_others):
        return Judgment(dict.fromkeys(range(count), StatementVerdict(Outcome.ACCEPTED, answer.status)))
    found = {}
    for index, verdict in reading.verdicts.items():
        status = answer.status if verdict.status in (None, 207) else verdict.status
        # Keep no message of a success, and no personal data of the learners in the request.
        message = "" if verdict.outcome is Outcome.ACCEPTED else answer.personal.masked(verdict.message)
        found[index] = StatementVerdict(verdict.outcome, status, message)
    unknown = tuple(index for index in range(count) if index not in found)
    if found:
        return Judgment(found, again=(unknown,) if unknown else ())
    if answer.status == 207 and count == 1 and not reading.is_torn:
        # "Some failed" about a single statement: it is this one, whatever the body says.
        return Judgment({0: StatementVerdict(Outcome.REFUSED, answer.status, answer.message)})
    return _failed(answer, Outcome.DOUBT, count)


def _failed(answer: Answer, outcome: Outcome, count: int) -> Judgment:
    is_large = outcome is Outcome.TOO_LARGE
    message = answer.message or (f"{answer.status}: {UNSAID}" if outcome in (Outcome.DOUBT, Outcome.PLAIN) else "")
    if count == 1:
        return Judgment({0: StatementVerdict(Outcome.REFUSED if is_large else outcome, answer.status, message)})
    # A batch that is too large is wrong only in its size.
    return Judgment(again=_halves(count), smaller=is_large, failed=None if is_large else outcome)


def _halves(count: int) -> tuple[tuple[int, ...], ...]:
    indexes, middle = tuple(range(count)), (count + 1) // 2
    return indexes[:middle], indexes[middle:]


def may_be_stored(outcome: Outcome, status: int | None) -> bool:
    """Return whether Percipio may have stored it; only a definite refusal rules that out.

    ``outcome`` is a statement's, or that of a request that said nothing of it; a ``status`` of None (no answer) is no
    refusal.
    """
    if status is not None and 400 <= status < 500:
        # 408: time ran out before the whole request was read. 409: some of it is already stored.
        return status in (408, 409)
    is_refusal = outcome in (Outcome.UNAUTHORIZED, Outcome.NOT_FOUND, Outcome.TOO_LARGE, Outcome.REFUSED)
    return not is_refusal or status is None or status >= 500


# --- retry times -----------------------------------------------------------------------------------------------------


def next_time(
    now: datetime,
    failures: int,
    outcome: Outcome,
    retry_after: float | None = None,
    jitter: Callable[[float, float], float] = random.uniform,
) -> datetime:
    """Return the time of the next retry.

    Arguments:
        failures: failed attempts in a row, including this one (1 or more).
        outcome: of the last attempt; refused credentials and doubt wait longer.
        retry_after: seconds the server asked for; honored up to a day, plus up to a tenth so that workers spread.
        jitter: a random number between two.
    """
    if retry_after is not None and retry_after <= LONGEST_RETRY_AFTER:
        asked = max(retry_after, LEAST)
        return now + timedelta(seconds=asked + jitter(0.0, min(asked / 10, _SPREAD)))
    base = BASE_OF_PAUSE if outcome in _SLOWLY else BASE
    # 2 ** 20 seconds is far beyond the cap; larger exponents would overflow after years of failures.
    span = min(CAP, base * 2 ** min(max(failures, 1) - 1, 20))
    return now + timedelta(seconds=max(LEAST, jitter(0.0, span)))


def retry_after_of(header: str | None, now: datetime) -> float | None:
    """Return the seconds, never negative, of a ``Retry-After`` number or HTTP date (RFC 9110 10.2.3).

    None without a readable header, and for more than a day.
    """
    text = (header or "").strip()
    seconds = float(text[:12]) if text.isascii() and text.isdigit() else seconds_until(text, now)
    return max(seconds, 0.0) if seconds is not None and seconds <= LONGEST_RETRY_AFTER else None


def seconds_until(date: str, now: datetime) -> float | None:
    """Return the seconds until an HTTP date (RFC 9110 5.6.7), negative if past; None for no date."""
    try:
        when = parsedate_to_datetime(date)
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() - now.timestamp()
    except (TypeError, ValueError, OverflowError, IndexError):
        return None
