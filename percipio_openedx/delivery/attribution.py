"""Decide whether a failure is the statement's or the destination's. Pure; see decision record 0016.

A failure belongs to the smallest thing it can be about. A statement that fails alone while others are accepted with
the same token is at fault: it backs off by itself and, unless it is in doubt, is parked (dead letter) after bounded
attempts. Failures in a row with nothing accepted between are the destination's: it waits or pauses, and no statement
is blamed.
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

# Statements in a row that fail alone in the same way, with nothing accepted between, before the destination is blamed:
# the first limit until this session has an acceptance, the second afterwards, when a few refused neighbors are
# likelier.
IN_A_ROW = 3
IN_A_ROW_LATER = 6
# Lone failures while others are accepted, by outcome, before a statement is parked. A malformed statement stays
# malformed; a firewall, a gateway during a deployment or a stumbling server may recover.
LIMITS: Mapping[Outcome, int] = {
    Outcome.REFUSED: 1,
    Outcome.NOT_FOUND: 3,
    Outcome.UNAUTHORIZED: 5,
    Outcome.LATER: 12,
}
# In doubt, Percipio may have the statement: retry until that is known and never park, since doubt is neither success
# nor refusal (decision record 0014).
NEVER_PARKED = (Outcome.DOUBT, Outcome.PLAIN)
# Batches that fail in a row before a single statement is tried. Halving usually finds a malformed statement; refused
# credentials or a broken server refuse any single statement as well.
_BATCHES: Mapping[Outcome, int] = {Outcome.REFUSED: 3}


@dataclass(frozen=True, slots=True)
class Row:
    """A claimed statement, as far as delivery needs it.

    ``track`` is None without a Track form; ``until`` ends the lease; ``actor_key`` is the learner's; for the refusals
    see ``models.statement``.
    """

    pk: int
    uuid: UUID
    attempts: int
    body: bytes = field(repr=False)
    track: bytes | None = field(repr=False)
    until: datetime
    refusals: Mapping[str, int] = field(default_factory=dict)
    refused_after: int | None = None
    actor_key: str = ""


class Fate(Enum):
    """The fate of a statement that failed alone."""

    # Its own fault: counted; backs off by itself, or is parked at the limit.
    GUILTY = auto()
    # Refused with nothing to compare it with: parked unless everything turns out to be refused.
    UNPROVEN = auto()
    # Possibly its own fault: backs off by itself, uncounted.
    SUSPECTED = auto()
    # The destination's fault: waits for the destination, uncounted.
    RELEASED = auto()


@dataclass(frozen=True, slots=True)
class Ruling:
    """One failed statement, its verdict and its fate.

    ``since``: the destination's successes when a request holding it first failed in this session. ``retry_after``:
    seconds.
    """

    row: Row
    verdict: StatementVerdict
    since: int
    retry_after: float | None = None
    fate: Fate = Fate.SUSPECTED

    @property
    def about(self) -> str | int:
        """Return what failed: the learner whom Percipio does not know, however many the statements, or the row."""
        return (self.verdict.is_unknown_learner and self.row.actor_key) or self.row.pk


class Attribution:
    """The failures of one session, in the order of the answers.

    Arguments:
        is_failing: the circuit breaker is open, and this session probes.
        refuses_all: it is open because every statement was refused.
        successes: the destination's acceptances, as far as they are counted (``DeliverySession``).
        lone_failures: statements in a row that failed alone since then; stored with the destination.
    """

    def __init__(
        self, *, is_failing: bool = False, refuses_all: bool = False, successes: int = 0, lone_failures: int = 0
    ) -> None:
        self._was_new = is_failing or not successes
        self._refuses_all = refuses_all
        self._is_probing = is_failing
        self._successes = successes
        self._pending: list[Ruling] = []
        # Numbers of the last answer, of the last that failed, and of the last acceptance that followed a failure.
        self.events = self._failed_at = self._accepted_at = 0
        self.has_accepted = False
        # When a batch holding the row first failed, by key: event number and success count.
        self._suspected: dict[int, tuple[int, int]] = {}
        self._batches = 0
        self._batch_failure = Outcome.LATER
        # The failure that opens the circuit breaker.
        self.opens: Outcome | None = None
        # The probe had to use a statement that had failed alone before, and it failed again.
        self.is_inconclusive = False
        self.lone_failures = lone_failures

    @property
    def is_unsure(self) -> bool:
        """Whether something failed and nothing was accepted since: then send one request at a time."""
        return bool(self._pending) or self._batches > 0

    @property
    def wants_single(self) -> bool:
        """Whether to send a single statement from elsewhere in the queue next, to tell whose the failure is."""
        return self._batches >= _BATCHES.get(self._batch_failure, 1) or len(self._pending) >= IN_A_ROW - 1

    def is_after_failures(self, sent_at: int) -> bool:
        """Return whether a request sent at event ``sent_at`` was sent after all failures so far were known.

        Only then does its acceptance say whose they are: requests in flight may have been read before the failures.
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
        """Take in an answer and return the rulings it decides.

        Arguments:
            successes: the destination's count so far; ignored where something was accepted.
            retry_after: seconds the destination asked to wait.
            sent_at: ``events`` when the request was sent; None for after everything heard so far.
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
            # Otherwise some were named and the rest left open: retry those first.
            self.opens = self.opens or self._destinations_own(failures, retry_after)
        if not self._is_probing:
            return _ruled(known, Fate.GUILTY)
        # Count nothing while the destination may be at fault.
        self.is_inconclusive = bool(known)
        return _ruled(known, Fate.SUSPECTED)

    def release(self) -> list[Ruling]:
        """Release every undecided failure: it may be the destination's fault."""
        rulings = _ruled(self._pending, Fate.RELEASED)
        self._pending.clear()
        return rulings

    def end(self, *, is_drained: bool) -> list[Ruling]:
        """Return rulings for everything undecided; unless ``is_drained``, the next session can compare more."""
        if self.opens is None and self._batches:
            # Time ran out before any part of it could be sent.
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
        """Return whether a batch that held the row failed in this session."""
        return row.pk in self._suspected

    def since(self, row: Row, successes: int) -> int:
        """Return the success count when a request holding the row first failed, or ``successes`` if none did."""
        return self._suspected.get(row.pk, (0, successes))[1]

    def _accepted(self) -> list[Ruling]:
        self._accepted_at = self.events
        self._batches = self.lone_failures = 0
        self._is_probing = False
        rulings = _ruled(self._pending, Fate.GUILTY)
        self._pending.clear()
        return rulings

    def _is_unproven_batch(self, rows: Sequence[Row], outcome: Outcome) -> bool:
        is_unproven = not all(self._is_proven(row) for row in rows)
        if is_unproven:
            self._batches += 1
            self._batch_failure = outcome
        for row in rows:
            self._suspected.setdefault(row.pk, (self.events, self._successes))
        return is_unproven

    def _says_nothing_new(self, one: Ruling) -> bool:
        """Return whether the statement failed alone before, so that its failure says nothing about the destination."""
        if self._is_probing:
            return one.verdict.outcome is not Outcome.REFUSED and self._is_proven(one.row)
        return bool(one.row.refusals)

    def _destinations_own(self, failures: Sequence[Outcome], retry_after: float | None) -> Outcome | None:
        """Return the failure that is the destination's, counting those of the last answer; None if unknown."""
        failed = [outcome for outcome in failures if outcome is not Outcome.REFUSED]
        if failed and (self._is_probing or retry_after is not None):
            return failed[-1]
        # Without repeats, in order.
        unproven = [kind for kind, _ in dict.fromkeys((one.verdict.outcome, one.about) for one in self._unproven())]
        most = IN_A_ROW_LATER if self.has_accepted else IN_A_ROW
        return next((outcome for outcome in unproven if unproven.count(outcome) >= most), None)

    def _open_at_the_end(self, refused: Sequence[Ruling], failed: Sequence[Ruling]) -> None:
        if failed:
            self.lone_failures += len(failed)
            if self._was_new or self.lone_failures >= IN_A_ROW:
                self.opens = failed[-1].verdict.outcome
        elif refused and self._refuses_all:
            self.opens = Outcome.REFUSED

    def _unproven(self) -> list[Ruling]:
        """Return the statements that may fail because of the destination: all of them while it fails."""
        return [one for one in self._pending if self._is_probing or not self._is_proven(one.row)]

    def _is_proven(self, row: Row) -> bool:
        """Return whether something was accepted after the row first failed, so that it fails by itself."""
        since = self._suspected.get(row.pk)
        if row.refusals or (since is not None and since[0] < self._accepted_at):
            return True
        return row.refused_after is not None and (self.has_accepted or row.refused_after < self._successes)


def convicted(refusals: Mapping[str, int], outcome: Outcome) -> tuple[dict[str, int], bool]:
    """Return the refusals plus this one, and whether to park now. By outcome: one 404 parks nothing put off before."""
    count = refusals.get(outcome, 0) + 1
    is_parked = outcome not in NEVER_PARKED and count >= LIMITS.get(outcome, LIMITS[Outcome.LATER])
    return {**refusals, outcome.value: count}, is_parked


def _ruled(rulings: Iterable[Ruling], fate: Fate) -> list[Ruling]:
    return [replace(one, fate=fate) for one in rulings]
