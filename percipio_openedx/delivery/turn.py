"""One destination's turn: claim, post, judge, settle, until nothing is due, the time is up, or something fails.

The network and the database work side by side: threads post while this one claims and settles.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from percipio_openedx.codes import Api, Outcome
from percipio_openedx.config import Configuration
from percipio_openedx.delivery import health, trust
from percipio_openedx.delivery.claim import Claims, Row
from percipio_openedx.delivery.client import longest_call
from percipio_openedx.delivery.judgement import judge
from percipio_openedx.delivery.pace import LEAST_ROWS, requests_ready, rows_in_a_claim
from percipio_openedx.delivery.posting import Posted, Posters
from percipio_openedx.delivery.settle import Counts, Landed, keep, put_back, settle
from percipio_openedx.models.destination import Destination

# Bytes in one request, whatever the batch size says.
MOST_BYTES = 2_000_000
# After a failure the batches grow by this factor, so that one that breaks the server hurts few neighbours.
GROWTH = 4


@dataclass(frozen=True, slots=True)
class Allowance:
    """How long and how much a turn may work: ``now`` tells the time, ``until`` is its end, ``most`` counts rows."""

    now: Callable[[], datetime]
    until: datetime | None = None
    most: int | None = None


class Turn:
    """See the module. ``run`` is called once.

    ``counts`` and ``claimed`` say what it did, also after an error; ``was_busy`` whether it ended because another
    worker is fetching the token.
    """

    def __init__(self, destination: Destination, configuration: Configuration, allowance: Allowance) -> None:
        self._destination = destination
        self._configuration = configuration
        self._allowance = allowance
        self._posters = Posters(configuration, destination.organization, allowance.now)
        self._is_track = configuration.api is Api.TRACK
        self._lease = uuid4()
        self._claims = Claims(destination.pk, self._lease, longest_call(configuration))

        self._fresh: deque[Row] = deque()
        self._parts: deque[tuple[Row, ...]] = deque()
        self._held: dict[int, Row] = {}
        self._unsettled: list[Posted] = []
        self.claimed = 0

        self._limit_before = destination.batch_limit
        self._probing = health.is_failing(destination)
        self._size = 1 if self._probing else self._full()
        self._proven = False
        # Answers in a row that told of no statement whether Percipio has it.
        self._in_doubt = 0
        self._filled = self._shrank = False
        self._trouble: Outcome | None = None
        self.counts = Counts()
        self.was_busy = False

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
                self._land(self._posters.close())
            finally:
                put_back(self._held.values(), self._lease)

    def _work(self) -> None:
        self._launch()
        while len(self._posters):
            self._land(self._posters.wait())
            if self._is_over():
                self._posters.recall()
            self._launch()
        self._finish()

    def _is_over(self) -> bool:
        until = self._allowance.until
        return self._trouble is not None or (until is not None and self._allowance.now() >= until)

    # --- sending ---------------------------------------------------------------------------------------------------

    def _launch(self) -> None:
        """Keep every poster busy, with enough at hand for the time of the next claim."""
        while not self._is_over() and len(self._posters) < self._depth():
            rows = self._next_rows()
            if not rows:
                return
            self._posters.send(rows)

    def _depth(self) -> int:
        if self._probing:
            return 1
        is_growing = self._size < self._full()
        return self._posters.count + 1 if is_growing else self._posters.count * requests_ready(self._posters.quickest)

    def _next_rows(self) -> tuple[Row, ...]:
        if self._parts:
            return self._parts.popleft()
        if not self._fresh and self._may_claim():
            self._claim()
        rows: list[Row] = []
        room = MOST_BYTES
        while self._fresh and len(rows) < self._size and (not rows or len(self._fresh[0].body) <= room):
            row = self._fresh.popleft()
            room -= len(row.body) + 1
            rows.append(row)
        return tuple(rows)

    def _may_claim(self) -> bool:
        """After a claim that found too little, only when the posters run dry.

        Until then more has been settled, and what stood behind that can be claimed together.
        """
        return not self._claims.is_drained or len(self._posters) <= self._posters.count

    def _claim(self) -> None:
        most = 1 if self._probing else self._wanted()
        if self._allowance.most is not None:
            most = min(most, self._allowance.most - self.claimed)
        while most > 0 and not self._fresh:
            rows = self._claims.claim(self._allowance.now(), most)
            self.claimed += len(rows)
            self._held.update((row.pk, row) for row in rows)
            self._fresh.extend(row for row in rows if not self._is_track or row.track is not None)
            if len(self._fresh) == len(rows):
                return
            unsayable = [row for row in rows if row.track is None]
            keep(unsayable, self._lease, self._allowance.now())
            self._let_go(unsayable)

    def _wanted(self) -> int:
        if self._size < self._full():
            return self._size
        if not len(self._posters):
            # With nothing on its way, one request's worth: the network need not wait for the rest.
            return max(self._size, LEAST_ROWS)
        return rows_in_a_claim(self._size, self._posters.quickest)

    # --- answers ---------------------------------------------------------------------------------------------------

    def _land(self, posted: list[Posted]) -> None:
        """Settle what came back. What came too late for its lease is given back with the rest."""
        self._unsettled += posted
        landed = [one for one in map(self._judged, self._unsettled) if one is not None]
        if not landed:
            return
        now = self._allowance.now()
        self._learn(landed, now)
        proven = self.counts.sent > 0
        settled = settle(self._destination, self._configuration.api, self._lease, landed, now, proven=proven)
        self._unsettled.clear()
        self.counts = self.counts.plus(settled)
        for one in landed:
            self._split(one)

    def _judged(self, posted: Posted) -> Landed | None:
        if posted.answer is None:
            return None
        now = self._allowance.now()
        judgement = judge(
            posted.answer,
            [row.uuid for row in posted.rows],
            proven=self._proven,
            tries=posted.rows[0].attempts,
            is_record=self._is_track,
            believed=trust.is_believed(self._destination, posted.answer, now),
            apart=self._is_apart(posted.rows[0].attempts),
            hopeless=self._in_doubt > self._full().bit_length() + 2,
        )
        trust.learn(self._destination, posted.answer, posted.rows, now)
        return Landed(posted.rows, posted.started_at, judgement.answered(posted.answer, len(posted.rows)), judgement)

    def _is_apart(self, tries: int) -> bool:
        """Whether doubt about one statement is that one's: others were taken, or are still to be tried.

        When it is tried again, an address that took others meanwhile is well.
        """
        is_well = self._proven or (tries > 1 and self._destination.last_success_at is not None)
        return not self._probing and (is_well or bool(self._parts))

    def _learn(self, landed: list[Landed], now: datetime) -> None:
        """What the answers say of the destination itself."""
        for one in landed:
            trouble = one.judgement.trouble
            if trouble is None:
                self._well(one, now)
            elif trouble is Outcome.BUSY:
                health.leave(self._destination)
                self.was_busy = True
                self._trouble = self._trouble or trouble
            else:
                if self._trouble in (None, Outcome.BUSY):
                    # Of several that fail together the first one counts.
                    health.failed(self._destination, one.answer, now)
                self._trouble = trouble

    def _well(self, one: Landed, now: datetime) -> None:
        """An answer about the statements, good or bad, is a sign that the way is open."""
        if one.judgement.tells or one.answer.outcome not in (Outcome.ACCEPTED, Outcome.PARTIAL, Outcome.DOUBT):
            self._proven, self._in_doubt = one.answer.outcome is not Outcome.NOT_FOUND, 0
        else:
            self._in_doubt += 1
        if self._probing:
            health.succeeded(self._destination, now)
            self._probing = False
        if one.judgement.smaller:
            self._shrank = True
            health.limit_batches(self._destination, min(self._full(), max(1, len(one.rows) // 2)))
        elif one.answer.outcome is Outcome.TOO_LARGE:
            # It was this one statement, not the number of them.
            self._shrank = False
            health.limit_batches(self._destination, self._limit_before)
        self._filled = self._filled or (one.answer.outcome is Outcome.ACCEPTED and len(one.rows) >= self._full())
        self._size = min(self._full(), max(1, len(one.rows), self._size) * GROWTH)

    def _split(self, one: Landed) -> None:
        again = {index for part in one.judgement.again for index in part}
        self._let_go(row for index, row in enumerate(one.rows) if index not in again)
        for part in reversed(one.judgement.again):
            self._parts.appendleft(tuple(one.rows[index] for index in part))

    def _let_go(self, rows: Iterable[Row]) -> None:
        for row in rows:
            self._held.pop(row.pk, None)

    def _finish(self) -> None:
        if self._trouble is None and self.counts.sent:
            health.succeeded(self._destination, self._allowance.now())
        elif self._trouble is None and self._probing:
            health.leave(self._destination)
        limit = self._destination.batch_limit
        if limit is not None and self._filled and not self._shrank:
            # Slowly larger again, for a limit may have been a passing one.
            larger = limit + max(1, limit // 10)
            health.limit_batches(self._destination, larger if larger < self._configuration.batch_size else None)

    def _full(self) -> int:
        if self._is_track:
            return 1
        return min(self._configuration.batch_size, self._destination.batch_limit or self._configuration.batch_size)
