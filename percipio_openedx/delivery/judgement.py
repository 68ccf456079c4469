"""From one answer to what happens with each statement of the request. Pure.

A statement is parked only by an answer about itself alone: sent alone, or named in a 207 or another success. Anything
else that is said of a batch is found out by sending it again in parts; the ids stay the same, so nothing is stored
twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from percipio_openedx.codes import Outcome
from percipio_openedx.delivery.entries import Verdict
from percipio_openedx.delivery.multistatus import read
from percipio_openedx.delivery.outcomes import Answer

# How often an address that takes other statements must answer "not found" to one before it is the statement's fault.
NOT_FOUND_TRIES = 3
UNSAID = "the answer does not say what was stored"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one answer means.

    Arguments:
        verdicts: by index of the request: accepted, refused (park it) or later (this one alone).
        again: the parts to send again at once, each a run of indexes.
        trouble: the destination's own trouble (later, unauthorised, not found), or None.
        smaller: whether requests of this size are too large.
    """

    verdicts: dict[int, Verdict] = field(default_factory=dict)
    again: tuple[tuple[int, ...], ...] = ()
    trouble: Outcome | None = None
    smaller: bool = False

    @property
    def tells(self) -> bool:
        """Whether the answer told of any statement whether Percipio has it."""
        return any(one.outcome is not Outcome.LATER for one in self.verdicts.values())

    def answered(self, answer: Answer, count: int) -> Answer:
        """The answer as it is kept, with the outcome that it had for the request as a whole.

        Arguments:
            count: how many statements the request held.
        """
        outcome, words = answer.outcome, answer.words
        accepted = sum(one.outcome is Outcome.ACCEPTED for one in self.verdicts.values())
        if self.trouble is Outcome.DOUBT:
            outcome, words = Outcome.DOUBT, words or f"{answer.status}: {UNSAID}"
        elif outcome is Outcome.PLAIN and accepted:
            outcome = Outcome.ACCEPTED
        elif outcome is Outcome.ACCEPTED and accepted < count:
            outcome, words = Outcome.PARTIAL, words or f"{answer.status}: {UNSAID}"
        return replace(answer, outcome=outcome, words=words)


def judge(
    answer: Answer,
    ids: Sequence[UUID],
    *,
    proven: bool = False,
    tries: int = 1,
    is_record: bool = False,
    believed: bool = False,
    apart: bool = False,
    hopeless: bool = False,
) -> Judgement:
    """Judge the answer to a request with the statements ``ids``.

    Arguments:
        answer: what came back.
        ids: the statements' ids in the order sent; one for a Track record.
        proven: whether this address has taken something since it last said "not found".
        tries: how often the statement was claimed, where it was sent alone.
        is_record: what was sent is a Track record, which an answer need not name.
        believed: whether this address may say that all is well without naming anything (``trust``).
        apart: whether others were taken, or are still to be tried, so that doubt about one alone is about that one.
        hopeless: whether there was nothing but doubt for longer than it takes to find a single culprit.
    """
    count = len(ids)
    match answer.outcome:
        case Outcome.PLAIN if not believed:
            return Judgement(trouble=Outcome.PLAIN)
        case Outcome.ACCEPTED | Outcome.PARTIAL | Outcome.PLAIN:
            return _by_item(answer, ids, is_record=is_record, apart=apart, hopeless=hopeless)
        case Outcome.DOUBT:
            return _in_doubt(answer, tuple(range(count)), count, apart=apart, hopeless=hopeless)
        case Outcome.CONFLICT if count == 1:
            return Judgement({0: Verdict(Outcome.ACCEPTED, answer.status, "known there already")})
        case Outcome.NOT_FOUND:
            return _not_found(answer, count, proven=proven, tries=tries)
        case Outcome.REFUSED | Outcome.TOO_LARGE if count == 1:
            return Judgement({0: Verdict(Outcome.REFUSED, answer.status, answer.words)})
        case Outcome.CONFLICT | Outcome.REFUSED | Outcome.TOO_LARGE:
            return Judgement(again=_halves(tuple(range(count))), smaller=answer.outcome is Outcome.TOO_LARGE)
        case _:
            return Judgement(trouble=answer.outcome)


def _by_item(answer: Answer, ids: Sequence[UUID], *, is_record: bool, apart: bool, hopeless: bool) -> Judgement:
    """Read who was stored and who was not; of whom the body leaves that open, everything else is asked again."""
    reading = read(answer.body, [str(each) for each in ids], partial=answer.status == 207)
    if answer.outcome is not Outcome.PARTIAL and reading.is_silent and (is_record or not reading.names_others):
        return Judgement(dict.fromkeys(range(len(ids)), Verdict(Outcome.ACCEPTED, answer.status)))
    found = {index: _told(_with_status(one, answer), answer) for index, one in reading.verdicts.items()}
    unknown = tuple(index for index in range(len(ids)) if index not in found)
    if not unknown:
        return Judgement(found)
    if answer.status == 207 and len(ids) == 1 and not reading.is_torn:
        # "Some failed" of a single one: it is this one, whatever the body says.
        return Judgement({0: Verdict(Outcome.REFUSED, answer.status, answer.words)})
    return _in_doubt(answer, unknown, len(ids), found, apart=apart, hopeless=hopeless and not found)


def _with_status(verdict: Verdict, answer: Answer) -> Verdict:
    """What was said without an HTTP status of its own has the answer's."""
    return replace(verdict, status=answer.status) if verdict.status in (None, 207) else verdict


def _in_doubt(
    answer: Answer,
    unknown: tuple[int, ...],
    count: int,
    found: dict[int, Verdict] | None = None,
    *,
    apart: bool,
    hopeless: bool,
) -> Judgement:
    """Ask again in smaller requests. One that is in doubt alone waits by itself, unless nothing but doubt is answered.

    Doubt never parks: what Percipio has of it is unknown, so it is asked again until that is known.
    """
    if hopeless or (count == 1 and not apart):
        return Judgement(trouble=Outcome.DOUBT)
    if count > 1:
        return Judgement(found or {}, again=_halves(unknown) if len(unknown) == count else (unknown,))
    return Judgement({0: Verdict(Outcome.LATER, answer.status, answer.words or f"{answer.status}: {UNSAID}")})


def _told(verdict: Verdict, answer: Answer) -> Verdict:
    """Without what the request held of people; of what was accepted nothing need be said."""
    accepted = verdict.outcome is Outcome.ACCEPTED
    return replace(verdict, words="" if accepted else answer.personal.masked(verdict.words))


def _not_found(answer: Answer, count: int, *, proven: bool, tries: int) -> Judgement:
    if not proven:
        return Judgement(trouble=Outcome.NOT_FOUND)
    if count > 1:
        return Judgement(again=_halves(tuple(range(count))))
    outcome = Outcome.REFUSED if tries >= NOT_FOUND_TRIES else Outcome.LATER
    return Judgement({0: Verdict(outcome, answer.status, answer.words)})


def _halves(indexes: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    middle = (len(indexes) + 1) // 2
    return indexes[:middle], indexes[middle:]
