"""One delivery session at a destination: claim, post, judge, settle, until drained, late or failed.

Threads post (``sender``) while this one claims and settles in the database.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from uuid import uuid4

from percipio_openedx.config import Configuration
from percipio_openedx.delivery import breaker
from percipio_openedx.delivery.attribution import Fate, Row, Ruling
from percipio_openedx.delivery.bodies import StatementVerdict
from percipio_openedx.delivery.claim import Claims
from percipio_openedx.delivery.client import longest_call
from percipio_openedx.delivery.items_first import ItemsFirst
from percipio_openedx.delivery.outcomes import Answer
from percipio_openedx.delivery.sender import THREADS, Backlog, Response, Returned, Sender
from percipio_openedx.delivery.settle import refuses_all, release, release_failed, reopen, settle, skip, stale
from percipio_openedx.enums import Api, Outcome
from percipio_openedx.models.destination import Destination

# Most bytes per request, whatever the batch size.
MOST_BYTES = 2_000_000
# Requests in flight, or ready for the next free thread while this one uses the database.
DEPTH = 2 * THREADS
# Rows per claim: each claim searches the queue, and its bodies are held in memory.
LEAST_ROWS, MOST_ROWS = 100, 800
# After a failure batches grow by this factor, so that one bad statement affects few neighbors.
GROWTH = 4


class DeliverySession:
    """One delivery session; call ``run`` once. ``counts`` holds its results, even after an error."""

    def __init__(
        self,
        destination: Destination,
        configuration: Configuration,
        now: Callable[[], datetime],
        until: datetime | None = None,
    ) -> None:
        self._destination = destination
        self._configuration = configuration
        self._now = now
        self._until = until
        self._is_track = configuration.api is Api.TRACK
        self._sender = Sender(
            configuration, destination.organization, now, lambda answer: breaker.believes(destination, answer, now())
        )
        self._lease = uuid4()
        self._claims = Claims(
            destination.pk,
            self._lease,
            longest_call(configuration),
            configuration.fingerprint,
            ItemsFirst.of(destination, configuration),
        )
        self._backlog = Backlog()
        self._held: dict[int, Row] = {}
        # Keys sent and not settled in the database, with ``Attribution.events`` as of sending.
        self._in_flight: dict[int, int] = {}
        self._returned: deque[Returned] = deque()
        self._unsettled: list[Response] = []
        self._rulings: list[Ruling] = []
        self.counts: Counter[str] = Counter()

        self._probing = destination.failures > 0
        self._attribution = breaker.attribution_of(destination)
        self._limit_before = destination.batch_limit
        self._size = 1 if self._probing else self._full()
        self._accepted_at: datetime | None = None
        self._uncounted_at: datetime | None = None
        self._last_failure: Answer | None = None
        self._filled = self._shrank = False
        self._problem: Outcome | None = None

    def run(self) -> None:
        """Deliver, and leave no row claimed: unsent rows are released.

        Also on any unforeseen error, which is raised: finished requests are settled, so that Percipio does not get them
        twice.
        """
        try:
            self._launch()
            while len(self._sender):
                self._take_in(self._sender.wait())
                if self._is_over():
                    self._recall()
                self._launch()
            self._finish()
        finally:
            try:
                self._take_in(self._sender.close())
            finally:
                release(self._held.values(), self._lease, self._in_flight)

    def _is_over(self) -> bool:
        return self._problem is not None or self._attribution.is_inconclusive or self._is_late()

    def _is_late(self) -> bool:
        return self._until is not None and self._now() >= self._until

    # --- sending -----------------------------------------------------------------------------------------------------

    def _launch(self) -> None:
        """Keep every thread busy, with enough queued to cover the next claim."""
        while not self._is_over() and len(self._sender) < self._depth():
            rows = self._next_rows()
            if not rows:
                return
            self._in_flight.update((row.pk, self._attribution.events) for row in rows)
            self._sender.send(rows)

    def _recall(self) -> list[tuple[Row, ...]]:
        recalled = self._sender.recall()
        for rows in recalled:
            self._arrived(rows)
        return recalled

    def _arrived(self, rows: Iterable[Row]) -> None:
        for row in rows:
            self._in_flight.pop(row.pk, None)

    def _depth(self) -> int:
        """Return how many requests may be in flight: one while it is unknown whether any is accepted."""
        if self._probing or self._attribution.is_unsure or not self._attribution.has_accepted:
            return 1
        return THREADS if self._size < self._full() else DEPTH

    def _next_rows(self) -> tuple[Row, ...]:
        # After a claim that drained the queue, claim again only when the threads run dry: by then more is settled, and
        # its successors can be claimed together.
        if not self._backlog and (not self._claims.is_drained or len(self._sender) <= 1):
            self._claim()
        if not self._attribution.wants_single:
            return self._backlog.take(self._size, MOST_BYTES)
        if not self._backlog.has_fresh and not self._claims.is_drained:
            self._take_up(self._claims.control(self._now()))
        return self._backlog.take_single()

    def _claim(self) -> None:
        most = self._wanted()
        while not self._backlog:
            now = self._now()
            # Alternate the ends, since probes may meet a run of refused statements.
            newest = self._destination.failures % 2 == 0
            rows = self._claims.probe(now, newest=newest) if self._probing else self._claims.claim(now, most)
            if self._take_up(rows) == len(rows):
                return

    def _take_up(self, rows: tuple[Row, ...]) -> int:
        """Add claimed rows to the backlog; return how many can be sent."""
        self._held.update((row.pk, row) for row in rows)
        unsayable = [row for row in rows if self._is_track and row.track is None]
        self._backlog.add(row for row in rows if not self._is_track or row.track is not None)
        if unsayable:
            skip(unsayable, self._lease, self._now())
            self._let_go(unsayable)
        return len(rows) - len(unsayable)

    def _wanted(self) -> int:
        if self._size < self._full():
            return self._size
        # With nothing in flight, claim one request's worth so that the network does not wait for the rest.
        requests = DEPTH if len(self._sender) else 1
        return max(min(self._size * requests, MOST_ROWS), LEAST_ROWS, self._size)

    def _full(self) -> int:
        if self._is_track:
            return 1
        return min(self._configuration.batch_size, self._destination.batch_limit or self._configuration.batch_size)

    # --- responses ---------------------------------------------------------------------------------------------------

    def _take_in(self, returned: list[Returned]) -> None:
        """Settle finished requests. Those too late for their lease are released with the rest."""
        self._returned += returned
        now = self._now()
        responses: list[Response] = []
        while self._returned:
            # If the database fails in between, what was accepted is settled all the same.
            rows, one = self._returned.popleft()
            if one is None:
                self._arrived(rows)
                continue
            responses.append(one)
            self._unsettled.append(one)
            breaker.learn(self._destination, one.raw, [row.pk for row in rows], now)
        for one in responses:
            self._learn(one, now)
        self._settle(now)
        if self._attribution.is_unsure:
            # What waits for a free thread was queued before the failure.
            self._backlog.put_before(self._recall())
        for one in responses:
            self._backlog.put_before([tuple(one.rows[index] for index in part) for part in one.judgment.again])

    def _learn(self, one: Response, now: datetime) -> None:
        """Learn from a response about the destination and about statements that failed alone."""
        problem = one.judgment.problem
        sent_at = self._in_flight[one.rows[0].pk]
        is_after = self._attribution.is_after_failures(sent_at)
        if problem is None:
            successes, wanted = 0 if one.accepted else self._successes(), one.answer.retry_after
            self._rulings += self._attribution.heard(one.rows, one.judgment, successes, wanted, sent_at)
            problem = self._attribution.opens
        if problem is None:
            self._measure(one, now, is_after=is_after)
            return
        self._rulings += self._attribution.release()
        if self._problem is None:
            # Of several simultaneous failures the first counts.
            self._problem = problem
            self._fail(problem, one.answer, now)

    def _measure(self, one: Response, now: datetime, *, is_after: bool) -> None:
        if one.judgment.smaller:
            self._shrank = True
            breaker.limit_batches(self._destination, min(self._full(), max(1, len(one.rows) // 2)))
        elif one.answer.outcome is Outcome.TOO_LARGE:
            # This one statement was too large, not their number.
            self._shrank = False
            breaker.limit_batches(self._destination, self._limit_before)
        if not one.accepted:
            self._last_failure = one.answer
            return
        self._accepted_at = now
        if is_after:
            self._uncounted_at = now
        if self._probing:
            breaker.succeeded(self._destination, now)
            self._uncounted_at = None
            self._probing = False
        self._filled = self._filled or (one.answer.outcome is Outcome.ACCEPTED and len(one.rows) >= self._full())
        self._size = min(self._full(), max(1, len(one.rows), self._size) * GROWTH)

    def _successes(self) -> int:
        at, self._uncounted_at = self._uncounted_at, None
        return breaker.count(self._destination, at)

    def _settle(self, now: datetime) -> None:
        if not self._unsettled and not self._rulings:
            return
        api = self._configuration.api
        self.counts += settle(self._destination, api, self._lease, self._unsettled, self._rulings, now)
        for one in self._unsettled:
            self._arrived(one.rows)
            self._let_go(one.accepted if one.judgment.problem is None else one.rows)
        self._let_go(ruling.row for ruling in self._rulings)
        if any(ruling.verdict.is_unknown_learner for ruling in self._rulings):
            self._set_aside()
        self._unsettled.clear()
        self._rulings.clear()

    def _set_aside(self) -> None:
        """Release what is unsent of learners whom Percipio does not know: it would be refused one by one."""
        unsent = [pk for pk in self._held if pk not in self._in_flight]
        rows = self._backlog.drop(stale(unsent, self._lease))
        release(rows, self._lease)
        self._let_go(rows)

    def _let_go(self, rows: Iterable[Row]) -> None:
        for row in rows:
            self._held.pop(row.pk, None)

    def _fail(self, outcome: Outcome, answer: Answer, now: datetime) -> None:
        """Open the breaker and record it on the rows of failed requests; send nothing more."""
        breaker.failed(self._destination, answer, now, outcome)
        suspects: dict[int, list[Row]] = defaultdict(list)
        for row in filter(self._attribution.was_in_failed_batch, self._held.values()):
            suspects[self._attribution.since(row, 0)].append(row)
        verdict = StatementVerdict(outcome, answer.status, answer.message)
        for since, rows in suspects.items():
            self.counts["later"] += release_failed(rows, self._lease, now, verdict, since)
            self._let_go(rows)

    # --- the end -----------------------------------------------------------------------------------------------------

    def _finish(self) -> None:
        """Decide every open failure and the destination's state; nothing more is sent."""
        now = self._now()
        if self._problem is None:
            self._decide(now)
        limit = self._destination.batch_limit
        if limit is not None and self._filled and not self._shrank:
            # Grow slowly again, since a limit may be temporary.
            larger = limit + max(1, limit // 10)
            breaker.limit_batches(self._destination, larger if larger < self._configuration.batch_size else None)

    def _decide(self, now: datetime) -> None:
        # Whether everything due was tried.
        is_drained = not self._is_late() and not self._backlog and self._claims.is_drained
        self._rulings += self._attribution.end(is_drained=is_drained)
        opens = self._attribution.opens
        unproven = [ruling for ruling in self._rulings if ruling.fate is Fate.UNPROVEN]
        if unproven and refuses_all(self._destination, self._successes(), unproven):
            opens = Outcome.REFUSED
            reopen(self._destination, self._successes(), now)
            self._rulings = [replace(ruling, fate=Fate.RELEASED) for ruling in self._rulings]
        answers = any(ruling.verdict.outcome is Outcome.REFUSED for ruling in self._rulings)
        self._settle(now)
        if opens is not None and self._last_failure is not None:
            self._fail(opens, self._last_failure, now)
            return
        is_counted = self._uncounted_at is None
        attribution, at = self._attribution, self._accepted_at
        breaker.conclude(self._destination, attribution, now, at, answers=answers, is_counted=is_counted)
