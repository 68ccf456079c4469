"""From one answer to what it says of each statement of the request. Pure.

Something is said of a statement only by an answer about itself alone: sent alone, or named in a 207 or another success.
Anything else that is said of a batch is found out by sending it again in parts; the ids stay the same, so nothing is
stored twice. Whether what was said is believed, or the destination's own fault, is decided where the answers to others
are known, too (``attribution``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from percipio_openedx.delivery.multistatus import read
from percipio_openedx.delivery.outcomes import Answer
from percipio_openedx.delivery.statuses import Verdict
from percipio_openedx.enums import Outcome

UNSAID = "the answer does not say what was stored"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one answer means.

    Arguments:
        verdicts: by index of the request, what was said of single statements: accepted, refused, or another failure;
            doubt, and a plain success that is not believed, are failures, too.
        again: the parts to send again at once, each a run of indexes.
        failed: how the request as a whole failed (refused, unauthorized, not found, doubt, plain, later), where it held
            several, and nothing was said of any of them.
        trouble: the destination's own trouble for certain (later, unauthorized), or None.
        smaller: whether requests of this size are too large.
    """

    verdicts: dict[int, Verdict] = field(default_factory=dict)
    again: tuple[tuple[int, ...], ...] = ()
    failed: Outcome | None = None
    trouble: Outcome | None = None
    smaller: bool = False

    def answered(self, answer: Answer, count: int) -> Answer:
        """The answer as it is kept, with the outcome that it had for the request as a whole.

        Arguments:
            count: how many statements the request held.
        """
        outcome, words = answer.outcome, answer.words
        if outcome not in (Outcome.ACCEPTED, Outcome.PARTIAL, Outcome.PLAIN):
            return answer
        said = [one.outcome for one in self.verdicts.values() if one.outcome not in (Outcome.DOUBT, Outcome.PLAIN)]
        if said.count(Outcome.ACCEPTED) == count:
            outcome = Outcome.ACCEPTED
        elif said:
            outcome = Outcome.PARTIAL
        elif outcome is not Outcome.PLAIN:
            outcome = Outcome.DOUBT
        if outcome is not Outcome.ACCEPTED:
            words = words or f"{answer.status}: {UNSAID}"
        return replace(answer, outcome=outcome, words=words)


def judge(answer: Answer, ids: Sequence[UUID], *, is_record: bool = False, believed: bool = False) -> Judgement:
    """Judge the answer to a request with the statements ``ids``.

    Arguments:
        answer: what came back.
        ids: the statements' ids in the order sent; one for a Track record.
        is_record: what was sent is a Track record, which an answer need not name.
        believed: whether this address may say that all is well without naming anything (``trust``).
    """
    count = len(ids)
    if _is_about_no_statement(answer):
        return Judgement(trouble=answer.outcome)
    match answer.outcome:
        case Outcome.PLAIN if not believed:
            return _in_doubt(answer, count, Outcome.PLAIN)
        case Outcome.ACCEPTED | Outcome.PARTIAL | Outcome.PLAIN:
            return _by_item(answer, ids, is_record=is_record)
        case Outcome.DOUBT:
            return _in_doubt(answer, count, Outcome.DOUBT)
        case Outcome.CONFLICT if count == 1:
            return Judgement({0: Verdict(Outcome.ACCEPTED, answer.status, "known there already")})
        case Outcome.CONFLICT:
            return Judgement(again=_halves(tuple(range(count))))
        case _:
            return _failed(answer, count)


def may_be_stored(outcome: Outcome, status: int | None) -> bool:
    """Whether Percipio may have stored what was answered so; only a definite refusal says that it has not.

    Arguments:
        outcome: of one statement, or of a request of which nothing was said of this one.
        status: its HTTP status; None where no answer came, which is no refusal.
    """
    if status is not None and 400 <= status < 500:
        # The time was up before the whole request was read, it says; and some of it is known there already.
        return status in (408, 409)
    is_refusal = outcome in (Outcome.UNAUTHORIZED, Outcome.NOT_FOUND, Outcome.TOO_LARGE, Outcome.REFUSED)
    return not is_refusal or status is None or status >= 500


def _is_about_no_statement(answer: Answer) -> bool:
    """Nothing was sent for want of a token, or there were too many requests (429)."""
    return answer.is_of_token or answer.status == 429


def _failed(answer: Answer, count: int) -> Judgement:
    is_large = answer.outcome is Outcome.TOO_LARGE
    if count == 1:
        return Judgement({0: Verdict(Outcome.REFUSED if is_large else answer.outcome, answer.status, answer.words)})
    parts = _halves(tuple(range(count)))
    # Of a batch that is too large nothing is wrong but its size.
    return Judgement(again=parts, smaller=True) if is_large else Judgement(again=parts, failed=answer.outcome)


def _by_item(answer: Answer, ids: Sequence[UUID], *, is_record: bool) -> Judgement:
    """Read who was stored and who was not; of whom the body leaves that open is in doubt, and asked again."""
    count = len(ids)
    reading = read(answer.body, [str(each) for each in ids], partial=answer.status == 207)
    if answer.outcome is not Outcome.PARTIAL and reading.is_silent and (is_record or not reading.names_others):
        return Judgement(dict.fromkeys(range(count), Verdict(Outcome.ACCEPTED, answer.status)))
    found = {index: _reported(_with_status(one, answer), answer) for index, one in reading.verdicts.items()}
    unknown = tuple(index for index in range(count) if index not in found)
    if not unknown:
        return Judgement(found)
    if found:
        return Judgement(found, again=(unknown,))
    if answer.status == 207 and count == 1 and not reading.is_torn:
        # "Some failed" of a single one: it is this one, whatever the body says.
        return Judgement({0: Verdict(Outcome.REFUSED, answer.status, answer.words)})
    return _in_doubt(answer, count, Outcome.DOUBT)


def _in_doubt(answer: Answer, count: int, outcome: Outcome) -> Judgement:
    """It is not known whether Percipio has any of them: a failure like others, though it parks nothing."""
    return _failed(replace(answer, outcome=outcome, words=answer.words or f"{answer.status}: {UNSAID}"), count)


def _with_status(verdict: Verdict, answer: Answer) -> Verdict:
    """What was said without an HTTP status of its own has the answer's."""
    return replace(verdict, status=answer.status) if verdict.status in (None, 207) else verdict


def _reported(verdict: Verdict, answer: Answer) -> Verdict:
    """Without what the request held of people; of what was accepted nothing need be said."""
    accepted = verdict.outcome is Outcome.ACCEPTED
    return replace(verdict, words="" if accepted else answer.personal.masked(verdict.words))


def _halves(indexes: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    middle = (len(indexes) + 1) // 2
    return indexes[:middle], indexes[middle:]
