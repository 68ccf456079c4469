"""One delivery session at a destination: claim, post, judge, settle, until nothing is due, the time is up, or it fails.

The network and the database work side by side: a few threads post (``sender``) while this one claims and settles.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import uuid4

from percipio_openedx.config import Configuration
from percipio_openedx.delivery import breaker, trust
from percipio_openedx.delivery.attribution import Attribution, Fate, Ruling
from percipio_openedx.delivery.backlog import Backlog
from percipio_openedx.delivery.claim import Claims, Row
from percipio_openedx.delivery.client import longest_call
from percipio_openedx.delivery.judgement import Judgement, judge
from percipio_openedx.delivery.outcomes import Answer
from percipio_openedx.delivery.sender import THREADS, Posted, Sender
from percipio_openedx.delivery.settle import Counts, Response, keep, put_back, refuses_all, release, reopen, settle
from percipio_openedx.delivery.statuses import Verdict
from percipio_openedx.enums import Api, Outcome
from percipio_openedx.models.destination import Destination

# Bytes in one request, whatever the batch size says.
MOST_BYTES = 2_000_000
# Requests in flight, or ready for the next free thread while this one is at the database.
DEPTH = 2 * THREADS
# Rows in a claim: it costs a search of the queue, and its rows' bodies are in memory.
LEAST_ROWS, MOST_ROWS = 100, 800
# After a failure the batches grow by this factor, so that one that breaks the server hurts few neighbours.
GROWTH = 4


@dataclass(frozen=True, slots=True)
class Allowance:
    """How long and how much a session may work: ``now`` tells the time, ``until`` is its end, ``most`` counts rows."""

    now: Callable[[], datetime]
    until: datetime | None = None
    most: int | None = None


class DeliverySession:
    """See the module. ``run`` is called once; ``counts`` and ``claimed`` say what it did, also after an error."""

    def __init__(self, destination: Destination, configuration: Configuration, allowance: Allowance) -> None:
        self._destination = destination
        self._configuration = configuration
        self._allowance = allowance
        self._is_track = configuration.api is Api.TRACK
        self._manners = trust.manners_of(destination)
        self._sender = Sender(configuration, destination.organization, allowance.now, self._read)
        self._lease = uuid4()
        self._claims = Claims(destination.pk, self._lease, longest_call(configuration), configuration.fingerprint)

        self._backlog: Backlog[Row] = Backlog()
        self._held: dict[int, Row] = {}
        # Keys of what was sent and is not settled: its answer, or that there is none, is not in the database yet.
        self._on_their_way: set[int] = set()
        # What was known when a request was sent, by the key of its first row (``Attribution.events``).
        self._sent_at: dict[int, int] = {}
        self._returned: deque[Posted] = deque()
        self._unsettled: list[Response] = []
        self._rulings: list[Ruling[Row]] = []
        self.claimed = 0

        self._limit_before = destination.batch_limit
        self._probing = breaker.is_failing(destination)
        self._attribution: Attribution[Row] = Attribution(breaker.standing(destination))
        self._size = 1 if self._probing else self._full()
        self._accepted_at: datetime | None = None
        self._uncounted_at: datetime | None = None
        self._last_failure: Answer | None = None
        self._filled = self._shrank = False
        self._trouble: Outcome | None = None
        self.counts = Counts()

    def run(self) -> None:
        """Work, and leave no row claimed: what was not sent is given back.

        Raises:
            Exception: whatever nobody foresaw. What came back meanwhile is settled, so that Percipio does not get it
                twice, and the other rows are given back all the same.
        """
        try:
            self._work()
        finally:
            try:
                self._land(self._sender.close())
            finally:
                put_back(self._held.values(), self._lease, self._on_their_way)

    def _work(self) -> None:
        self._launch()
        while len(self._sender):
            self._land(self._sender.wait())
            if self._is_over():
                self._recall()
            self._launch()
        self._finish()

    def _is_over(self) -> bool:
        return self._trouble is not None or self._attribution.is_inconclusive or self._is_late()

    def _is_late(self) -> bool:
        until = self._allowance.until
        return until is not None and self._allowance.now() >= until

    # --- sending ---------------------------------------------------------------------------------------------------

    def _launch(self) -> None:
        """Keep every thread busy, with enough at hand for the time of the next claim."""
        while not self._is_over() and len(self._sender) < self._depth():
            rows = self._next_rows()
            if not rows:
                return
            self._on_their_way.update(row.pk for row in rows)
            self._sent_at[rows[0].pk] = self._attribution.events
            self._sender.send(rows)

    def _recall(self) -> list[tuple[Row, ...]]:
        recalled = self._sender.recall()
        self._on_their_way.difference_update(row.pk for rows in recalled for row in rows)
        return recalled

    def _depth(self) -> int:
        """Return how many requests may be in flight: one while it is not known whether any is accepted."""
        if self._probing or self._attribution.is_unsure or not self._attribution.has_accepted:
            return 1
        return THREADS if self._size < self._full() else DEPTH

    def _next_rows(self) -> tuple[Row, ...]:
        if not self._backlog and self._may_claim():
            self._claim()
        if not self._attribution.wants_single:
            return self._backlog.take(self._size, MOST_BYTES)
        if not self._backlog.has_fresh and not self._claims.is_drained and self._is_allowed():
            self._take_up(self._claims.control(self._allowance.now()))
        return self._backlog.take_single()

    def _may_claim(self) -> bool:
        """Return whether to claim: after a claim that found too little, only when the threads run dry.

        Until then more has been settled, and what stood behind that can be claimed together.
        """
        return not self._claims.is_drained or len(self._sender) <= 1

    def _claim(self) -> None:
        most = 1 if self._probing else self._wanted()
        if self._allowance.most is not None:
            most = min(most, self._allowance.most - self.claimed)
        while most > 0 and not self._backlog:
            now = self._allowance.now()
            # From either end by turns, for the probes may meet a run of statements that are refused.
            newest = self._destination.failures % 2 == 0
            rows = self._claims.probe(now, newest=newest) if self._probing else self._claims.claim(now, most)
            if self._take_up(rows) == len(rows):
                return

    def _take_up(self, rows: tuple[Row, ...]) -> int:
        """Take up what was claimed; how many of them can be sent."""
        self.claimed += len(rows)
        self._held.update((row.pk, row) for row in rows)
        unsayable = [row for row in rows if self._is_track and row.track is None]
        self._backlog.add(row for row in rows if not self._is_track or row.track is not None)
        if unsayable:
            keep(unsayable, self._lease, self._allowance.now())
            self._let_go(unsayable)
        return len(rows) - len(unsayable)

    def _is_allowed(self) -> bool:
        return self._allowance.most is None or self.claimed < self._allowance.most

    def _wanted(self) -> int:
        if self._size < self._full():
            return self._size
        # With nothing in flight one request's worth: the network need not wait for the rest.
        requests = DEPTH if len(self._sender) else 1
        return max(min(self._size * requests, MOST_ROWS), LEAST_ROWS, self._size)

    # --- answers ---------------------------------------------------------------------------------------------------

    def _land(self, posted: list[Posted]) -> None:
        """Settle what came back. What came too late for its lease is given back with the rest."""
        self._returned += posted
        now = self._allowance.now()
        landed = self._take_back(now)
        for one in landed:
            self._learn(one, now)
        self._settle(now)
        if self._attribution.is_unsure:
            # What waits for a free thread was to be sent before anything had failed.
            self._backlog.put_before(self._recall())
        for one in landed:
            parts = [tuple(one.rows[index] for index in part) for part in one.judgement.again]
            self._backlog.put_before(parts)

    def _take_back(self, now: datetime) -> list[Response]:
        """What came back. Should the database break in between, what was accepted is settled all the same."""
        landed: list[Response] = []
        while self._returned:
            posted = self._returned.popleft()
            if posted.answer is None or posted.judgement is None:
                self._on_their_way.difference_update(row.pk for row in posted.rows)
                continue
            answered = posted.judgement.answered(posted.answer, len(posted.rows))
            landed.append(Response(posted.rows, posted.started_at, answered, posted.judgement))
            self._unsettled.append(landed[-1])
            trust.learn(self._destination, posted.answer, posted.rows, now)
            self._manners = trust.manners_of(self._destination)
        return landed

    def _read(self, rows: tuple[Row, ...], answer: Answer) -> Judgement:
        """What an answer says of these rows; called in a posting thread."""
        believed = self._manners.is_believed(answer, self._allowance.now())
        return judge(answer, [row.uuid for row in rows], is_record=self._is_track, believed=believed)

    def _learn(self, one: Response, now: datetime) -> None:
        """What an answer says of the destination itself, and what is decided of statements that failed alone."""
        trouble = one.judgement.trouble
        sent_at = self._sent_at.pop(one.rows[0].pk)
        is_after = self._attribution.is_after_failures(sent_at)
        if trouble is None:
            successes, wanted = 0 if one.accepted else self._successes(), one.answer.retry_after
            self._rulings += self._attribution.heard(one.rows, one.judgement, successes, wanted, sent_at)
            trouble = self._attribution.opens
        if trouble is None:
            self._measure(one, now, is_after=is_after)
            return
        self._rulings += self._attribution.give_up()
        if self._trouble is None:
            # Of several that fail together the first one counts.
            self._trouble = trouble
            self._fail(trouble, one.answer, now)

    def _measure(self, one: Response, now: datetime, *, is_after: bool) -> None:
        """What an answer says of how much can be sent at once."""
        if one.judgement.smaller:
            self._shrank = True
            breaker.limit_batches(self._destination, min(self._full(), max(1, len(one.rows) // 2)))
        elif one.answer.outcome is Outcome.TOO_LARGE:
            # It was this one statement, not the number of them.
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
        """The destination's, with what was accepted in this turn: whatever is accepted later makes them more."""
        at, self._uncounted_at = self._uncounted_at, None
        return breaker.count(self._destination, at)

    def _settle(self, now: datetime) -> None:
        if not self._unsettled and not self._rulings:
            return
        api = self._configuration.api
        settled = settle(self._destination, api, self._lease, self._unsettled, self._rulings, now)
        self.counts = self.counts.plus(settled)
        for one in self._unsettled:
            self._on_their_way.difference_update(row.pk for row in one.rows)
            self._let_go(one.settled)
        self._let_go(ruling.row for ruling in self._rulings)
        self._unsettled.clear()
        self._rulings.clear()

    def _let_go(self, rows: Iterable[Row]) -> None:
        for row in rows:
            self._held.pop(row.pk, None)

    def _fail(self, outcome: Outcome, answer: Answer, now: datetime) -> None:
        """The destination fails: nothing more is sent, and what a failed request held is told so."""
        breaker.failed(self._destination, answer, now, outcome)
        suspects: dict[int, list[Row]] = defaultdict(list)
        for row in filter(self._attribution.was_in_failed_batch, self._held.values()):
            suspects[self._attribution.since(row, 0)].append(row)
        verdict = Verdict(outcome, answer.status, answer.words)
        for since, rows in suspects.items():
            self.counts = self.counts.plus(Counts(later=release(rows, self._lease, now, verdict, since)))
            self._let_go(rows)

    # --- the end ---------------------------------------------------------------------------------------------------

    def _finish(self) -> None:
        now = self._allowance.now()
        if self._trouble is None:
            self._decide(now)
        limit = self._destination.batch_limit
        if limit is not None and self._filled and not self._shrank:
            # Slowly larger again, for a limit may have been a passing one.
            larger = limit + max(1, limit // 10)
            breaker.limit_batches(self._destination, larger if larger < self._configuration.batch_size else None)

    def _decide(self, now: datetime) -> None:
        """Nothing more is sent: whatever failed and is not decided yet is decided now, and so is the destination."""
        self._rulings += self._attribution.end(is_drained=self._is_drained())
        unproven = [ruling.row for ruling in self._rulings if ruling.fate is Fate.UNPROVEN]
        opens = self._attribution.opens
        if unproven and refuses_all(self._destination, self._successes(), unproven):
            opens = Outcome.REFUSED
            reopen(self._destination, self._successes(), now)
            self._rulings = [replace(ruling, fate=Fate.RELEASED) for ruling in self._rulings]
        is_alive = any(ruling.verdict.outcome is Outcome.REFUSED for ruling in self._rulings)
        self._settle(now)
        if opens is not None and self._last_failure is not None:
            self._fail(opens, self._last_failure, now)
        elif self._accepted_at is not None:
            breaker.succeeded(self._destination, self._accepted_at, is_counted=self._uncounted_at is None)
        elif self._attribution.lone_failures != self._destination.lone_failures:
            breaker.failed_alone(self._destination, self._attribution.lone_failures)
        elif self._probing and is_alive:
            breaker.revived(self._destination)
        elif self._attribution.is_inconclusive:
            breaker.put_off(self._destination, now)
        elif self._probing:
            breaker.leave(self._destination)

    def _is_drained(self) -> bool:
        """Whether everything that is due was tried."""
        return self._is_allowed() and not self._is_late() and not self._backlog and self._claims.is_drained

    def _full(self) -> int:
        if self._is_track:
            return 1
        return min(self._configuration.batch_size, self._destination.batch_limit or self._configuration.batch_size)
