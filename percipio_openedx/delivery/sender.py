"""Choose what is sent next and send it in threads. Knows the network and no database."""

from __future__ import annotations

import logging
import traceback
from collections import deque
from collections.abc import Callable, Container, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connections
from django.utils import timezone

from percipio_openedx.config import Configuration, unknown_learner_words
from percipio_openedx.delivery.attribution import Row
from percipio_openedx.delivery.client import PercipioClient, longest_call
from percipio_openedx.delivery.outcomes import Answer, Judgment, judge, may_be_stored
from percipio_openedx.delivery.unknown_learner import mark
from percipio_openedx.enums import Api, Outcome
from percipio_openedx.exceptions import PercipioConfigurationError

logger = logging.getLogger(__name__)

# Requests at once. A statement waits only for its own predecessor, so any number keeps the order.
THREADS = 4
_OVERDUE = Answer(Outcome.LATER, None, "no whole answer before the lease ended")


class Backlog:
    """Claimed, unsent statements in sending order.

    First the parts to resend; then statements that never failed; then those from a failed request, kept apart so that
    one of them breaks no other request; last those that failed alone before, each by itself.
    """

    def __init__(self) -> None:
        self._parts: deque[tuple[Row, ...]] = deque()
        self._fresh: deque[Row] = deque()
        self._suspected: deque[Row] = deque()
        self._known: deque[Row] = deque()

    def __bool__(self) -> bool:
        return bool(self._parts or self._fresh or self._suspected or self._known)

    @property
    def has_fresh(self) -> bool:
        """Whether it holds statements that never failed and are not part of a resend."""
        return bool(self._fresh)

    def add(self, rows: Iterable[Row]) -> None:
        """Add claimed rows."""
        for row in rows:
            line = self._known if row.refusals else self._fresh if row.refused_after is None else self._suspected
            line.append(row)

    def drop(self, pks: Container[int]) -> list[Row]:
        """Take out what need not be sent any more, and return it."""
        lines = (self._fresh, self._suspected, self._known, *self._parts)
        kept = [deque(row for row in line if row.pk not in pks) for line in lines]
        self._fresh, self._suspected, self._known, *parts = kept
        self._parts = deque(tuple(part) for part in parts if part)
        return [row for line in lines for row in line if row.pk in pks]

    def put_before(self, parts: Sequence[tuple[Row, ...]]) -> None:
        """Send these requests before all others, in this order."""
        self._parts.extendleft(reversed([part for part in parts if part]))

    def take(self, most: int, room: int) -> tuple[Row, ...]:
        """Return the next request; empty if there is none.

        It has at most ``most`` statements, but parts to resend keep their size, and at most ``room`` bytes, unless the
        first statement alone is larger.
        """
        if self._parts:
            return self._parts.popleft()
        line = self._fresh or self._suspected
        if not line:
            return (self._known.popleft(),) if self._known else ()
        rows: list[Row] = []
        while line and len(rows) < most and (not rows or len(line[0].body) <= room):
            row = line.popleft()
            room -= len(row.body) + 1
            rows.append(row)
        return tuple(rows)

    def take_single(self) -> tuple[Row, ...]:
        """Return a single statement as far as possible from the next request: it tells whose a failure is."""
        if self._parts and not self._fresh:
            *rest, last = self._parts.pop()
            if rest:
                self._parts.append(tuple(rest))
            return (last,)
        line = self._fresh or self._suspected or self._known
        return (line.pop(),) if line else ()


@dataclass(frozen=True, slots=True)
class Response:
    """One finished request: ``raw`` is the answer as received, ``answer`` as stored."""

    rows: tuple[Row, ...]
    started_at: datetime
    raw: Answer
    answer: Answer
    judgment: Judgment

    @property
    def accepted(self) -> tuple[Row, ...]:
        verdicts = self.judgment.verdicts.items()
        return tuple(self.rows[index] for index, verdict in verdicts if verdict.outcome is Outcome.ACCEPTED)

    @property
    def in_doubt(self) -> list[int]:
        """The keys of rows that Percipio may have stored without saying so."""
        if self.answer.is_of_token:
            return []
        said = [self.judgment.verdicts.get(index, self.answer) for index in range(len(self.rows))]
        accepted = {row.pk for row in self.accepted}
        pairs = zip(self.rows, said, strict=True)
        return [row.pk for row, one in pairs if row.pk not in accepted and may_be_stored(one.outcome, one.status)]


# The rows of a request and its response; None where its lease left no time to send it.
Returned = tuple[tuple[Row, ...], Response | None]


class Sender:
    """Send requests in order over connections that stay open.

    Leases are measured by ``now``; ``believes``, called in a thread, tells whether a plain success is trusted.
    """

    def __init__(
        self,
        configuration: Configuration,
        organization: str,
        now: Callable[[], datetime],
        believes: Callable[[Answer], bool],
    ) -> None:
        self._client = PercipioClient(configuration)
        self._is_track = configuration.api is Api.TRACK
        self._organization = organization
        self._now = now
        self._believes = believes
        self._phrases = unknown_learner_words()
        self._longest = timedelta(seconds=longest_call(configuration))
        self._executor = ThreadPoolExecutor(THREADS, thread_name_prefix="percipio-post")
        self._in_flight: dict[Future[Response | None], tuple[Row, ...]] = {}
        self._is_stuck = False

    def __len__(self) -> int:
        """Return how many requests are in flight or wait for a free thread."""
        return len(self._in_flight)

    def send(self, rows: tuple[Row, ...]) -> None:
        """Send these in one request, after those queued before."""
        self._in_flight[self._executor.submit(self._post, rows)] = rows

    def wait(self) -> list[Returned]:
        """Wait for results, at the latest until a lease ends, and return them all.

        Raises an unforeseen error of a request once there is nothing else to return.
        """
        ends_at = min(rows[0].until for rows in self._in_flight.values())
        seconds = max(0.0, (ends_at - self._now()).total_seconds())
        done = wait(self._in_flight, seconds, return_when=FIRST_COMPLETED).done
        returned = self._returned() if done else self._given_up()
        if done and not returned:
            next(iter(done)).result()
        return returned

    def recall(self) -> list[tuple[Row, ...]]:
        """Take back what no thread has begun to send."""
        return [self._in_flight.pop(future) for future in list(self._in_flight) if future.cancel()]

    def close(self) -> list[Returned]:
        """End the threads once requests in flight, bounded by their time-outs, are done; return the results."""
        self._executor.shutdown(wait=not self._is_stuck, cancel_futures=True)
        return self._returned()

    def _returned(self) -> list[Returned]:
        """Return finished requests in the order sent; they no longer count as in flight."""
        ended = [future for future in self._in_flight if future.done() and not future.cancelled()]
        return [(self._in_flight.pop(future), future.result()) for future in ended if future.exception() is None]

    def _given_up(self) -> list[Returned]:
        """Return, without an answer, requests still in flight after their lease ended.

        Time-outs bound only the wait for the next byte: a server that drips its headers could hold a thread until it
        ends.
        """
        now = self._now()
        overdue = [future for future, rows in self._in_flight.items() if rows[0].until <= now]
        self._is_stuck = self._is_stuck or bool(overdue)
        lost = [self._in_flight.pop(future) for future in overdue]
        return [(rows, self._judged(rows, now, _OVERDUE)) for rows in lost]

    def _post(self, rows: tuple[Row, ...]) -> Response | None:
        """Post one request; an unforeseen error becomes an ordinary failure, so that its culprit is found."""
        started_at, answer = timezone.now(), None
        if rows[0].until < self._now() + self._longest:
            return None
        try:
            if self._is_track:
                answer = self._client.post_track(rows[0].track or b"", self._organization)
            else:
                answer = self._client.post_statements([row.body for row in rows], self._organization)
            return self._judged(rows, started_at, answer)
        except PercipioConfigurationError:
            raise
        except Exception as error:  # noqa: BLE001 - see above
            frame, name = traceback.extract_tb(error.__traceback__)[-1], type(error).__name__
            logger.error("request broke error=%s at=%s:%s", name, frame.filename, frame.lineno)
            status = None if answer is None else answer.status
            broken = Answer(Outcome.LATER, status, f"an error inside this LMS ({name}); see its log")
            return Response(rows, started_at, broken, broken, judge(broken, [row.uuid for row in rows]))
        finally:
            # We open none, but the cache that holds the token may use the database.
            connections.close_all()

    def _judged(self, rows: tuple[Row, ...], started_at: datetime, answer: Answer) -> Response:
        ids, believed = [row.uuid for row in rows], self._believes(answer)
        judgment = mark(judge(answer, ids, is_record=self._is_track, believed=believed), answer, self._phrases)
        return Response(rows, started_at, answer, judgment.answered(answer, len(rows)), judgment)
