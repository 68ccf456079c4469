"""What is sent next, and the threads that send it. They know the network and no database."""

from __future__ import annotations

import logging
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connections
from django.utils import timezone

from percipio_openedx.config import Configuration
from percipio_openedx.delivery.attribution import Row
from percipio_openedx.delivery.client import PercipioClient, longest_call
from percipio_openedx.delivery.outcomes import Answer, Judgment, judge, may_be_stored
from percipio_openedx.enums import Api, Outcome
from percipio_openedx.exceptions import PercipioConfigurationError

logger = logging.getLogger(__name__)

# Requests at the same time. A statement waits for its own predecessor only, so any number keeps the order.
THREADS = 4
_OVERDUE = Answer(Outcome.LATER, None, "no whole answer before the lease ended")


class Backlog:
    """What was claimed and not sent yet, in the order in which it is sent.

    First what is sent again in parts; then those of which nothing bad is known; then those that were in a request that
    failed, apart from the others, so that one of them breaks none of their requests; last those that failed alone
    before, each by itself.
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
        """Whether there are any of which nothing bad is known, and that are not to be sent again in parts."""
        return bool(self._fresh)

    def add(self, rows: Iterable[Row]) -> None:
        """Take up what was claimed."""
        for row in rows:
            line = self._known if row.refusals else self._fresh if row.refused_after is None else self._suspected
            line.append(row)

    def put_before(self, parts: Sequence[tuple[Row, ...]]) -> None:
        """Send these requests before all others, in this order."""
        self._parts.extendleft(reversed([part for part in parts if part]))

    def take(self, most: int, room: int) -> tuple[Row, ...]:
        """Return the next request, of so many statements at most; nothing if there is nothing.

        Arguments:
            most: statements; parts are as large as they are.
            room: bytes at most, unless the first statement alone is larger.
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
        """Return a single statement, from as far away as possible of what is sent next: it tells whose a failure is."""
        if self._parts and not self._fresh:
            *rest, last = self._parts.pop()
            if rest:
                self._parts.append(tuple(rest))
            return (last,)
        line = self._fresh or self._suspected or self._known
        return (line.pop(),) if line else ()


@dataclass(frozen=True, slots=True)
class Response:
    """One request that came back (or did not): ``raw`` is the answer as it came, ``answer`` as it is kept."""

    rows: tuple[Row, ...]
    started_at: datetime
    raw: Answer
    answer: Answer
    judgment: Judgment

    @property
    def accepted(self) -> tuple[Row, ...]:
        """The statements that were accepted."""
        verdicts = self.judgment.verdicts.items()
        return tuple(self.rows[index] for index, verdict in verdicts if verdict.outcome is Outcome.ACCEPTED)

    @property
    def in_doubt(self) -> list[int]:
        """The keys of the rows that Percipio may have stored, though it did not say so."""
        if self.answer.is_of_token:
            return []
        said = [self.judgment.verdicts.get(index, self.answer) for index in range(len(self.rows))]
        accepted = {row.pk for row in self.accepted}
        pairs = zip(self.rows, said, strict=True)
        return [row.pk for row, one in pairs if row.pk not in accepted and may_be_stored(one.outcome, one.status)]


# The rows of a request, and what came of it; None where it was too late to send it under its lease.
Returned = tuple[tuple[Row, ...], Response | None]


class Sender:
    """Send what it is given, in order, over connections that stay open.

    Arguments:
        now: tells the time that leases are measured by.
        believes: whether an answer that says no more than its status counts as success; called in a thread.
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
        self._longest = timedelta(seconds=longest_call(configuration))
        self._executor = ThreadPoolExecutor(THREADS, thread_name_prefix="percipio-post")
        self._in_flight: dict[Future[Response | None], tuple[Row, ...]] = {}
        self._is_stuck = False

    def __len__(self) -> int:
        """Return how many requests are in flight or wait for a free thread."""
        return len(self._in_flight)

    def send(self, rows: tuple[Row, ...]) -> None:
        """Send these in one request, after those that were given before."""
        self._in_flight[self._executor.submit(self._post, rows)] = rows

    def wait(self) -> list[Returned]:
        """Wait until something has come back, and return all that has; at the latest when a lease ends.

        Raises:
            Exception: what nobody foresaw in a request, once there is nothing else to return.
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
        """End the threads after what is in flight, which is bounded by the time-outs, and return what came back."""
        self._executor.shutdown(wait=not self._is_stuck, cancel_futures=True)
        return self._returned()

    def _returned(self) -> list[Returned]:
        """Return what has come back, in the order in which it was sent; it is no longer counted as in flight."""
        ended = [future for future in self._in_flight if future.done() and not future.cancelled()]
        return [(self._in_flight.pop(future), future.result()) for future in ended if future.exception() is None]

    def _given_up(self) -> list[Returned]:
        """Return, without an answer, what is still in flight though its lease has ended.

        Time-outs bound the wait for the next byte only, so a server that drips its headers would be waited for for
        ever. Its thread ends when the server does.
        """
        now = self._now()
        overdue = [future for future, rows in self._in_flight.items() if rows[0].until <= now]
        self._is_stuck = self._is_stuck or bool(overdue)
        lost = [self._in_flight.pop(future) for future in overdue]
        return [(rows, self._judged(rows, now, _OVERDUE)) for rows in lost]

    def _post(self, rows: tuple[Row, ...]) -> Response | None:
        """Stand as the boundary: what breaks on one request, or on the bytes of one answer, is a failure like others.

        So it is found out which statement it is about, and the others leave.
        """
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
            # None of ours, but the cache that holds the token may live in the database.
            connections.close_all()

    def _judged(self, rows: tuple[Row, ...], started_at: datetime, answer: Answer) -> Response:
        ids, believed = [row.uuid for row in rows], self._believes(answer)
        judgment = judge(answer, ids, is_record=self._is_track, believed=believed)
        return Response(rows, started_at, answer, judgment.answered(answer, len(rows)), judgment)
