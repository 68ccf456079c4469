"""Whose a failure is: the statement's, or the destination's. Pure; decision record 0016 says why so.

A failure belongs to the smallest thing that it can be about. What fails alone while others are accepted with the same
token is the statement's own: it waits by itself, and is parked after a bounded number of tries, unless it is in doubt.
What fails one after the other, with nothing accepted between, is the destination's: it waits, or pauses, and no
statement suffers for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum, auto
from uuid import UUID

from percipio_openedx.delivery.bodies import StatementVerdict
from percipio_openedx.delivery.outcomes import Judgment
from percipio_openedx.enums import Outcome

# Statements that fail alone, in the same way, one after the other and with nothing accepted between, until that is
# taken for the destination's failure: as long as nothing was accepted in this session, and afterwards, when it is more
# likely that a few which are refused lie together.
IN_A_ROW = 3
IN_A_ROW_LATER = 6
# How often a statement may fail alone while others are accepted, by the kind of failure, before it is parked. What is
# malformed stays so; a firewall, a gateway in the middle of a deployment, and a server that stumbles may get over it.
LIMITS: Mapping[Outcome, int] = {
    Outcome.REFUSED: 1,
    Outcome.NOT_FOUND: 3,
    Outcome.UNAUTHORIZED: 5,
    Outcome.LATER: 12,
}
# Of what is in doubt it is not known whether Percipio has it, so it is asked again until that is known, and never
# parked: doubt is neither success nor refusal (decision record 0014).
NEVER_PARKED = (Outcome.DOUBT, Outcome.PLAIN)
# Batches that fail one after the other until a single statement is tried: a malformed statement is mostly found by
# halving, while refused credentials or a broken server refuse any single statement, too.
_BATCHES: Mapping[Outcome, int] = {Outcome.REFUSED: 3}


@dataclass(frozen=True, slots=True)
class Row:
    """What of a claimed statement delivery needs.

    ``track`` is None where the Track API has no form for it; ``until`` is the end of the lease. ``refusals`` and
    ``refused_after`` as in ``models.statement``.
    """

    pk: int
    uuid: UUID
    attempts: int
    body: bytes = field(repr=False)
    track: bytes | None = field(repr=False)
    until: datetime
    refusals: Mapping[str, int] = field(default_factory=dict)
    refused_after: int | None = None


class Fate(Enum):
    """What becomes of a statement that failed alone."""

    # Its own fault: counted; it waits by itself, or is parked at the limit.
    GUILTY = auto()
    # Refused with nothing to compare it with: parked, until it turns out that everything is refused.
    UNPROVEN = auto()
    # Perhaps its own fault: it waits by itself, uncounted.
    SUSPECTED = auto()
    # The destination's fault: it waits for that, uncounted.
    RELEASED = auto()


@dataclass(frozen=True, slots=True)
class Ruling:
    """One statement, what was said of it, and what becomes of it.

    ``since`` are the destination's successes when a request that held it failed first in this session; ``retry_after``
    is in seconds, where it was asked.
    """

    row: Row
    verdict: StatementVerdict
    since: int
    retry_after: float | None = None
    fate: Fate = Fate.SUSPECTED


class Attribution:
    """The failures of one session, in the order in which the answers came.

    Arguments:
        is_failing: the destination's circuit breaker is open, and this session probes.
        refuses_all: it is open because every statement was refused.
        successes: how often the destination accepted something, as far as that is counted (``DeliverySession``).
        lone_failures: statements in a row that failed alone since then; to be remembered with the destination.
    """

    def __init__(
        self, *, is_failing: bool = False, refuses_all: bool = False, successes: int = 0, lone_failures: int = 0
    ) -> None:
        self._was_new = is_failing or not successes
        self._refuses_all = refuses_all
        self._is_probing = is_failing
        self._successes = successes
        self._pending: list[Ruling] = []
        # Answers so far; which of them failed last, and last said that something was accepted after a failure.
        self.events = self._failed_at = self._accepted_at = 0
        self.has_accepted = False
        # When a batch that held it failed first, by key: counted in events, and in successes.
        self._suspected: dict[int, tuple[int, int]] = {}
        self._batches = 0
        self._batch_failure = Outcome.LATER
        # The failure for which the circuit breaker is to be opened.
        self.opens: Outcome | None = None
        # The probe was made, for want of another, with a statement that failed by itself before, and failed again.
        self.is_inconclusive = False
        self.lone_failures = lone_failures

    @property
    def is_unsure(self) -> bool:
        """Whether something failed, and nothing has been accepted since: then one request at a time is enough."""
        return bool(self._pending) or self._batches > 0

    @property
    def wants_single(self) -> bool:
        """Whether a single statement from elsewhere in the queue is to be sent next, to tell whose the failure is."""
        return self._batches >= _BATCHES.get(self._batch_failure, 1) or len(self._pending) >= IN_A_ROW - 1

    def is_after_failures(self, sent_at: int) -> bool:
        """Return whether a request, sent when ``events`` was this, was sent after all failures by now were known.

        Only then its acceptance says anything of whose these failures are: several requests are in flight at once, and
        what was sent before a failure was known may have been read before that, too.
        """
        return sent_at >= self._failed_at

    def heard(
        self,
        rows: Sequence[Row],
        judgment: Judgment,
        successes: int,
        retry_after: float | None = None,
        sent_at: int | None = None,
    ) -> list[Ruling]:
        """Take in an answer, and return what is decided by it.

        Arguments:
            successes: of the destination up to now; not asked for where something was accepted.
            retry_after: seconds that it asked to wait.
            sent_at: ``events`` when the request was sent; after everything that was heard before where it is None.
        """
        is_after = sent_at is None or self.is_after_failures(sent_at)
        self.events += 1
        blamed = [
            Ruling(rows[index], verdict, self.since(rows[index], successes), retry_after)
            for index, verdict in judgment.verdicts.items()
            if verdict.outcome is not Outcome.ACCEPTED
        ]
        if len(blamed) < len(judgment.verdicts):
            self.has_accepted = True
            return [*(self._accepted() if is_after else []), *_ruled(blamed, Fate.GUILTY)]
        self._failed_at = self.events
        self._successes = successes
        known = [one for one in blamed if self._says_nothing_new(one)]
        pending = [one for one in blamed if one not in known]
        self._pending += pending
        failures = [one.verdict.outcome for one in pending if not self._is_proven(one.row)]
        if judgment.failed is not None and self._is_unproven_batch(rows, judgment.failed):
            failures.append(judgment.failed)
        if not judgment.verdicts or not judgment.again:
            # Else some were named, and nothing was said of the others: these are asked first.
            self.opens = self.opens or self._destinations_own(failures, retry_after)
        if not self._is_probing:
            return _ruled(known, Fate.GUILTY)
        # Nothing is counted while it may be the destination.
        self.is_inconclusive = bool(known)
        return _ruled(known, Fate.SUSPECTED)

    def release(self) -> list[Ruling]:
        """Release whatever failed and is not decided: it may be the destination's fault."""
        rulings = _ruled(self._pending, Fate.RELEASED)
        self._pending.clear()
        return rulings

    def end(self, *, is_drained: bool) -> list[Ruling]:
        """Return what becomes of whatever is not decided when the session ends.

        Where something else is due (not ``is_drained``) the next session can compare more.
        """
        if self.opens is None and self._batches:
            # The time was up before a part of it could be sent.
            self.opens = self._batch_failure
        unproven = self._unproven()
        refused = [one for one in unproven if one.verdict.outcome is Outcome.REFUSED]
        failed = [one for one in unproven if one.verdict.outcome is not Outcome.REFUSED]
        if self.opens is None and not self.has_accepted:
            self._open_at_the_end(refused, failed)
        if self.opens is not None:
            return self.release()
        proven = [one for one in self._pending if one not in unproven]
        self._pending.clear()
        return [
            *_ruled(proven, Fate.GUILTY),
            *_ruled(failed, Fate.GUILTY if self.has_accepted else Fate.SUSPECTED),
            *_ruled(refused, Fate.UNPROVEN if is_drained else Fate.RELEASED),
        ]

    def was_in_failed_batch(self, row: Row) -> bool:
        """Return whether a batch that held it failed in this session."""
        return row.pk in self._suspected

    def since(self, row: Row, successes: int) -> int:
        """Return the destination's successes when a request that held it failed first: these, if one does now."""
        return self._suspected.get(row.pk, (0, successes))[1]

    def _accepted(self) -> list[Ruling]:
        self._accepted_at = self.events
        self._batches = self.lone_failures = 0
        self._is_probing = False
        rulings = _ruled(self._pending, Fate.GUILTY)
        self._pending.clear()
        return rulings

    def _is_unproven_batch(self, rows: Sequence[Row], outcome: Outcome) -> bool:
        """Remember a batch that failed; return whether that may be the destination's fault."""
        is_unproven = not all(self._is_proven(row) for row in rows)
        if is_unproven:
            self._batches += 1
            self._batch_failure = outcome
        for row in rows:
            self._suspected.setdefault(row.pk, (self.events, self._successes))
        return is_unproven

    def _says_nothing_new(self, one: Ruling) -> bool:
        """Return whether a failure says nothing of the destination: the statement failed by itself before."""
        if self._is_probing:
            return one.verdict.outcome is not Outcome.REFUSED and self._is_proven(one.row)
        return bool(one.row.refusals)

    def _destinations_own(self, failures: Sequence[Outcome], retry_after: float | None) -> Outcome | None:
        """Return the failure that is the destination's, with these of the last answer; None where none is known."""
        failed = [outcome for outcome in failures if outcome is not Outcome.REFUSED]
        if failed and (self._is_probing or retry_after is not None):
            return failed[-1]
        unproven = [one.verdict.outcome for one in self._unproven()]
        most = IN_A_ROW_LATER if self.has_accepted else IN_A_ROW
        return next((outcome for outcome in unproven if unproven.count(outcome) >= most), None)

    def _open_at_the_end(self, refused: Sequence[Ruling], failed: Sequence[Ruling]) -> None:
        """Open the breaker where nothing was accepted and that is enough to tell."""
        if failed:
            self.lone_failures += len(failed)
            if self._was_new or self.lone_failures >= IN_A_ROW:
                self.opens = failed[-1].verdict.outcome
        elif refused and self._refuses_all:
            self.opens = Outcome.REFUSED

    def _unproven(self) -> list[Ruling]:
        """Return those that may fail for the destination's sake: while it fails, all of them."""
        return [one for one in self._pending if self._is_probing or not self._is_proven(one.row)]

    def _is_proven(self, row: Row) -> bool:
        """Return whether something was accepted after this one had failed first: so it fails by itself."""
        since = self._suspected.get(row.pk)
        if row.refusals or (since is not None and since[0] < self._accepted_at):
            return True
        return row.refused_after is not None and (self.has_accepted or row.refused_after < self._successes)


def convicted(refusals: Mapping[str, int], outcome: Outcome) -> tuple[dict[str, int], bool]:
    """Return a statement's refusals with one more of this kind, and whether it is to be parked now.

    Counted by kind: a single 404 parks nothing that was put off a few times before.
    """
    count = refusals.get(outcome, 0) + 1
    is_parked = outcome not in NEVER_PARKED and count >= LIMITS.get(outcome, LIMITS[Outcome.LATER])
    return {**refusals, outcome.value: count}, is_parked


def _ruled(rulings: Iterable[Ruling], fate: Fate) -> list[Ruling]:
    return [replace(one, fate=fate) for one in rulings]
