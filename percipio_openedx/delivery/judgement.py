"""From one answer to what happens with each statement of the request. Pure.

A statement is parked only by an answer about itself alone: sent alone, or named in a 207. Anything else that is
said of a batch is found out by sending it again in parts; the ids stay the same, so nothing is stored twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from percipio_openedx.codes import Outcome
from percipio_openedx.delivery.entries import Verdict
from percipio_openedx.delivery.multistatus import verdicts
from percipio_openedx.delivery.outcomes import Answer

# How often an address that takes other statements must answer "not found" to one before it is the statement's fault.
NOT_FOUND_TRIES = 3


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


def judge(answer: Answer, ids: Sequence[UUID], *, proven: bool = False, tries: int = 1) -> Judgement:
    """Judge the answer to a request with the statements ``ids``.

    Arguments:
        answer: what came back.
        ids: the statements' ids in the order sent; one for a Track record.
        proven: whether this address has taken something since it last said "not found".
        tries: how often the statement was claimed, where it was sent alone.
    """
    count = len(ids)
    match answer.outcome:
        case Outcome.ACCEPTED:
            return Judgement(dict.fromkeys(range(count), Verdict(Outcome.ACCEPTED, answer.status)))
        case Outcome.PARTIAL:
            return _by_item(answer, ids)
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


def _by_item(answer: Answer, ids: Sequence[UUID]) -> Judgement:
    found = {
        index: _told(verdict, answer) for index, verdict in verdicts(answer.body, [str(each) for each in ids]).items()
    }
    unknown = tuple(index for index in range(len(ids)) if index not in found)
    if not unknown:
        return Judgement(found)
    if len(ids) == 1:
        # "Some failed" of a single one: it is this one, whatever the body says.
        return Judgement({0: Verdict(Outcome.REFUSED, answer.status, answer.words)})
    return Judgement(found, again=_halves(unknown) if len(unknown) == len(ids) else (unknown,))


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
