"""The threads that post. They know the network and no database: rows go in, answers come out."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connections
from django.utils import timezone

from percipio_openedx.config import Configuration
from percipio_openedx.delivery.claim import Row
from percipio_openedx.delivery.client import PercipioClient, longest_call
from percipio_openedx.delivery.judgement import Judgement, judge
from percipio_openedx.delivery.outcomes import Answer
from percipio_openedx.enums import Api, Outcome
from percipio_openedx.exceptions import PercipioConfigurationError

logger = logging.getLogger(__name__)

# What an answer says of the statements that were sent; pure, and called in a posting thread.
Read = Callable[[tuple[Row, ...], Answer], Judgement]

# Requests at the same time. A statement waits for its own predecessor only, so any number keeps the order.
THREADS = 4
OVERDUE = Answer(Outcome.LATER, None, "no whole answer before the lease ended")


@dataclass(frozen=True, slots=True)
class Posted:
    """One request that came back, and what its answer means.

    Both are None where it was too late to send it under its lease.
    """

    rows: tuple[Row, ...]
    started_at: datetime
    answer: Answer | None
    judgement: Judgement | None


class Sender:
    """Send what it is given, in order, over connections that stay open.

    Arguments:
        configuration: the site's.
        organization: of the destination.
        now: tells the time that leases are measured by.
        read: see ``Read``.
    """

    def __init__(
        self, configuration: Configuration, organization: str, now: Callable[[], datetime], read: Read
    ) -> None:
        self._client = PercipioClient(configuration)
        self._is_track = configuration.api is Api.TRACK
        self._organization = organization
        self._now = now
        self._read = read
        self._longest = timedelta(seconds=longest_call(configuration))
        self._executor = ThreadPoolExecutor(THREADS, thread_name_prefix="percipio-post")
        self._in_flight: dict[Future[Posted], tuple[Row, ...]] = {}
        self._is_stuck = False

    def __len__(self) -> int:
        """Return how many requests are in flight or wait for a free thread."""
        return len(self._in_flight)

    def send(self, rows: tuple[Row, ...]) -> None:
        """Send these in one request, after those that were given before."""
        self._in_flight[self._executor.submit(self._post, rows)] = rows

    def wait(self) -> list[Posted]:
        """Wait until something has come back, and return all that has; at the latest when a lease ends.

        Raises:
            Exception: what nobody foresaw in a request, once there is nothing else to return.
        """
        ends_at = min(rows[0].until for rows in self._in_flight.values())
        seconds = max(0.0, (ends_at - self._now()).total_seconds())
        done = wait(self._in_flight, seconds, return_when=FIRST_COMPLETED).done
        posted = self._returned() if done else self._given_up()
        if not posted and done:
            # Nothing but what failed: that is raised.
            next(iter(done)).result()
        return posted

    def _returned(self) -> list[Posted]:
        """Return what has come back, in the order in which it was sent; it is no longer counted as in flight."""
        back = [
            future
            for future in self._in_flight
            if future.done() and not future.cancelled() and future.exception() is None
        ]
        for future in back:
            del self._in_flight[future]
        return [future.result() for future in back]

    def _given_up(self) -> list[Posted]:
        """Return, without an answer, what is still in flight though its lease has ended.

        Time-outs bound the wait for the next byte only, so a server that drips its headers would be waited for for
        ever. Its thread ends when the server does.
        """
        now = self._now()
        overdue = [future for future, rows in self._in_flight.items() if rows[0].until <= now]
        self._is_stuck = self._is_stuck or bool(overdue)
        rows = [self._in_flight.pop(future) for future in overdue]
        return [Posted(each, now, OVERDUE, self._read(each, OVERDUE)) for each in rows]

    def recall(self) -> list[tuple[Row, ...]]:
        """Take back what no thread has begun to send."""
        recalled = [future for future in self._in_flight if future.cancel()]
        return [self._in_flight.pop(future) for future in recalled]

    def close(self) -> list[Posted]:
        """End the threads after what is in flight, which is bounded by the time-outs, and return what came back."""
        self._executor.shutdown(wait=not self._is_stuck, cancel_futures=True)
        return self._returned()

    def _post(self, rows: tuple[Row, ...]) -> Posted:
        started_at = timezone.now()
        if rows[0].until < self._now() + self._longest:
            return Posted(rows, started_at, None, None)
        try:
            return Posted(rows, started_at, *self._judged(rows))
        finally:
            # None of ours, but the cache that holds the token may live in the database.
            connections.close_all()

    def _judged(self, rows: tuple[Row, ...]) -> tuple[Answer, Judgement]:
        """Stand as the boundary: what breaks on one request, or on the bytes of one answer, is a failure like others.

        So it is found out which statement it is about, and the others leave.
        """
        answer = None
        try:
            answer = self._answer(rows)
            return answer, self._read(rows, answer)
        except PercipioConfigurationError:
            raise
        except Exception as error:  # noqa: BLE001 - see above
            frame, name = traceback.extract_tb(error.__traceback__)[-1], type(error).__name__
            logger.error("request broke error=%s at=%s:%s", name, frame.filename, frame.lineno)
            status = None if answer is None else answer.status
            broken = Answer(Outcome.LATER, status, f"an error inside this LMS ({name}); see its log")
            return broken, judge(broken, [row.uuid for row in rows])

    def _answer(self, rows: tuple[Row, ...]) -> Answer:
        if self._is_track:
            return self._client.post_track(rows[0].track or b"", self._organization)
        return self._client.post_statements([row.body for row in rows], self._organization)
