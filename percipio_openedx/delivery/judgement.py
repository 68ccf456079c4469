"""From one answer to what it says of each statement of the request. Pure.

Something is said of a statement only by an answer about itself alone: sent alone, or named in a 207. Anything else that
is said of a batch is found out by sending it again in parts; the ids stay the same, so nothing is stored twice. Whether
what was said is believed, or the destination's own fault, is decided where the answers to others are known, too
(``attribution``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from percipio_openedx.codes import Outcome
from percipio_openedx.delivery.entries import Verdict
from percipio_openedx.delivery.multistatus import verdicts
from percipio_openedx.delivery.outcomes import Answer


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one answer means.

    Arguments:
        verdicts: by index of the request, what was said of single statements: accepted, refused, or another failure.
        again: the parts to send again at once, each a run of indexes.
        failed: how the request as a whole failed (refused, unauthorized, not found, later), where it held several.
        trouble: the destination's own trouble for certain (later, unauthorized, busy), or None.
        smaller: whether requests of this size are too large.
    """

    verdicts: dict[int, Verdict] = field(default_factory=dict)
    again: tuple[tuple[int, ...], ...] = ()
    failed: Outcome | None = None
    trouble: Outcome | None = None
    smaller: bool = False


def judge(answer: Answer, ids: Sequence[UUID]) -> Judgement:
    """Judge the answer to a request with the statements ``ids``.

    Arguments:
        answer: what came back.
        ids: the statements' ids in the order sent; one for a Track record.
    """
    count = len(ids)
    if _is_about_no_statement(answer):
        return Judgement(trouble=answer.outcome)
    match answer.outcome:
        case Outcome.ACCEPTED:
            return Judgement(dict.fromkeys(range(count), Verdict(Outcome.ACCEPTED, answer.status)))
        case Outcome.PARTIAL:
            return _by_item(answer, ids)
        case Outcome.CONFLICT if count == 1:
            return Judgement({0: Verdict(Outcome.ACCEPTED, answer.status, "known there already")})
        case Outcome.CONFLICT:
            return Judgement(again=_halves(tuple(range(count))))
        case _:
            return _failed(answer, count)


def _is_about_no_statement(answer: Answer) -> bool:
    """Nothing was sent for want of a token, or there were too many requests (429)."""
    return answer.outcome is Outcome.BUSY or answer.is_of_token or answer.status == 429


def _failed(answer: Answer, count: int) -> Judgement:
    is_large = answer.outcome is Outcome.TOO_LARGE
    if count == 1:
        return Judgement({0: Verdict(Outcome.REFUSED if is_large else answer.outcome, answer.status, answer.words)})
    parts = _halves(tuple(range(count)))
    # Of a batch that is too large nothing is wrong but its size.
    return Judgement(again=parts, smaller=True) if is_large else Judgement(again=parts, failed=answer.outcome)


def _by_item(answer: Answer, ids: Sequence[UUID]) -> Judgement:
    found = verdicts(answer.body, [str(each) for each in ids])
    unknown = tuple(index for index in range(len(ids)) if index not in found)
    if not unknown:
        return Judgement(found)
    if len(ids) == 1:
        # "Some failed" of a single one: it is this one, whatever the body says.
        return Judgement({0: Verdict(Outcome.REFUSED, answer.status, answer.words)})
    return Judgement(found, again=_halves(unknown) if len(unknown) == len(ids) else (unknown,))


def _halves(indexes: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    middle = (len(indexes) + 1) // 2
    return indexes[:middle], indexes[middle:]
